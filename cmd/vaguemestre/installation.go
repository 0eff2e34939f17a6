package main

import (
	"context"
	"crypto/hmac"
	"fmt"

	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// The mark of an installation is a random name, in the configuration and in
// the store: who starts with one and finds the other missing or different
// would start empty, or on somebody else's data. Beside it stand a proof of the
// index key and one of the hub key: who starts with the wrong one would find
// nobody, or open nothing.
const (
	markPart = store.Part("installation")

	markKey   = "ins/mark"
	indexMark = "ins/index" // HMAC of the mark
	ringMark  = "ins/ring"  // the mark, wrapped

	markLabel = "installation"
)

// markStore writes the mark into a new store. One that has a mark is
// fault.Exists.
func markStore(ctx context.Context, st store.Store, id string, k keys) error {
	return st.Update(ctx, markPart, func(w store.Writer) error {
		if old, err := w.Get(markKey); err != nil || old != nil {
			return advise(fmt.Errorf("the store holds a hub already: %w", orElse(err, fault.Exists)),
				"Nothing is ever overwritten: give the new hub a store of its own.")
		}
		proof := k.index.MAC(markLabel, id)
		w.Put(markKey, append([]byte{1}, id...))
		w.Put(indexMark, append([]byte{1}, proof[:]...))
		w.Put(ringMark, append([]byte{1}, k.ring.Wrap([]byte(id), markLabel)...))
		return nil
	})
}

// renewMark wraps the mark of the hub key under a newer one.
func renewMark(w store.Writer, r *keyring.Ring) error {
	old, err := w.Get(ringMark)
	if err != nil || old == nil {
		return err
	}
	sealed, err := r.Renew(old[1:], markLabel)
	if err == nil && sealed != nil {
		w.Put(ringMark, append([]byte{1}, sealed...))
	}
	return err
}

// checkMark refuses a store that is not the one the configuration and the keys
// belong to.
func checkMark(ctx context.Context, st store.Store, c *config.Config, k keys) error {
	return st.View(ctx, markPart, func(r store.Reader) error {
		var marks [3][]byte
		for i, key := range []string{markKey, indexMark, ringMark} {
			b, err := r.Get(key)
			if err != nil {
				return err
			}
			if b != nil {
				marks[i] = b[1:] // after the version
			}
		}
		proof := k.index.MAC(markLabel, c.Installation)
		switch {
		case marks[0] == nil:
			return advise(fmt.Errorf("the store is empty: %w", fault.NotFound), emptyAdvice, c.Path)
		case string(marks[0]) != c.Installation:
			return advise(fmt.Errorf("the store belongs to another installation: %w", fault.Invalid),
				"%s and the store were not made together. Use the configuration that belongs to this data.", c.Path)
		case !hmac.Equal(marks[1], proof[:]):
			return advise(fmt.Errorf("the index key %s is not that of this store: %w", c.Keys.Index, fault.Invalid), wrongKeyAdvice)
		case k.ring == nil:
			return nil
		}
		if id, err := k.ring.Unwrap(marks[2], markLabel); err != nil || string(id) != c.Installation {
			return advise(fmt.Errorf("the hub key %s is not that of this store: %w", c.Keys.Hub, fault.Invalid), wrongKeyAdvice)
		}
		return nil
	})
}

const wrongKeyAdvice = "It is the key of another hub, or a file was exchanged. Put back the one that was made with this data; nothing was changed."

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
