package sqlstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A tx is one run of fn: a snapshot, the changes that are on their way on top
// of it, and its own writes on top of those.
type tx struct {
	ctx    context.Context
	snap   snapshot
	base   int64     // the version that fn sees
	under  []*change // oldest first
	writes layer     // nil in a View
	err    error     // the first write that was refused
}

// run runs fn and returns why its writes must not be applied.
func (t *tx) run(fn func(store.Writer) error) error {
	if err := fn(t); err != nil {
		return err
	}
	if t.err != nil {
		return t.err
	}
	return t.ctx.Err()
}

// Get implements store.Reader.
func (t *tx) Get(key string) ([]byte, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	if v, ok := t.writes[key]; ok {
		return v, nil
	}
	for _, c := range slices.Backward(t.under) {
		if v, ok := c.writes[key]; ok {
			return v, nil
		}
	}
	return t.snap.get(key)
}

// Scan implements store.Reader.
func (t *tx) Scan(from, to string) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		if err := t.ctx.Err(); err != nil {
			yield(store.Pair{}, err)
			return
		}
		for p, err := range merge(t.snap.scan(from, to), t.over(from, to)) {
			if err == nil {
				err = t.ctx.Err()
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// over returns what lies on top of the snapshot between two bounds.
func (t *tx) over(from, to string) layer {
	over := layer{}
	add := func(writes layer) {
		for k, v := range writes {
			if k >= from && (to == "" || k < to) {
				over[k] = v
			}
		}
	}
	for _, c := range t.under {
		add(c.writes)
	}
	add(t.writes)
	return over
}

// merge lays writes over ordered rows.
func merge(rows iter.Seq2[store.Pair, error], over layer) iter.Seq2[store.Pair, error] {
	if len(over) == 0 {
		return rows
	}
	return func(yield func(store.Pair, error) bool) {
		keys := slices.Sorted(maps.Keys(over))
		for p, err := range rows {
			if err != nil {
				yield(store.Pair{}, err)
				return
			}
			for ; len(keys) > 0 && keys[0] < p.Key; keys = keys[1:] {
				if v := over[keys[0]]; v != nil && !yield(store.Pair{Key: keys[0], Value: v}, nil) {
					return
				}
			}
			if len(keys) > 0 && keys[0] == p.Key {
				p.Value, keys = over[p.Key], keys[1:]
			}
			if p.Value != nil && !yield(p, nil) {
				return
			}
		}
		for _, k := range keys {
			if v := over[k]; v != nil && !yield(store.Pair{Key: k, Value: v}, nil) {
				return
			}
		}
	}
}

// Put implements store.Writer.
func (t *tx) Put(key string, value []byte) {
	switch {
	case t.err != nil:
	case value == nil:
		t.err = fmt.Errorf("sqlstore: put: nil value: %w", fault.Invalid)
	case len(value) > store.MaxValue:
		t.err = fmt.Errorf("sqlstore: put: %d bytes: %w", len(value), fault.TooLarge)
	default:
		t.writes[key] = value
	}
}

// Delete implements store.Writer.
func (t *tx) Delete(key string) { t.writes[key] = nil }
