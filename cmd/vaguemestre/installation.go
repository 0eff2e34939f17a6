package main

import (
	"context"
	"fmt"

	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// The mark of an installation is a random name, in the configuration and in
// the store: who starts with one and finds the other missing or different
// would start empty, or on somebody else's data.
const (
	markPart store.Part = "installation"
	markKey             = "ins/mark"
)

// markStore writes the mark into a new store. One that has a mark is fault.Exists.
func markStore(ctx context.Context, st store.Store, id string) error {
	return st.Update(ctx, markPart, func(w store.Writer) error {
		if old, err := w.Get(markKey); err != nil || old != nil {
			return fmt.Errorf("the store holds a hub already: %w", orElse(err, fault.Exists))
		}
		w.Put(markKey, append([]byte{1}, id...))
		return nil
	})
}

// checkMark refuses a store that is not the one the configuration belongs to.
func checkMark(ctx context.Context, st store.Store, c *config.Config) error {
	return st.View(ctx, markPart, func(r store.Reader) error {
		switch got, err := r.Get(markKey); {
		case err != nil:
			return err
		case got == nil:
			return advise(fmt.Errorf("the store is empty: %w", fault.NotFound), emptyAdvice, c.Path)
		case string(got[1:]) != c.Installation:
			return advise(fmt.Errorf("the store belongs to another installation: %w", fault.Invalid),
				"%s and the store were not made together. Use the configuration that belongs to this data.", c.Path)
		}
		return nil
	})
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
