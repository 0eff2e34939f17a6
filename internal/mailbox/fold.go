package mailbox

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

const (
	// FoldAt is how many new entries make a fold worth its writes. Fewer are
	// opened one by one, and kept in the cache.
	FoldAt = 64

	foldBatch = 1024    // entries in one transaction
	foldBytes = 8 << 20 // of entries in one transaction
	foldTries = 8       // lost against somebody else's changes
)

// A View and an Update lend the transactions of the owner's partition.
type (
	View   = func(fn func(store.Reader) error) error
	Update = func(fn func(store.Writer) error) error
)

// Fold moves the new entries of a folder into blocks, if there are at least
// FoldAt: then a listing opens one block for 256 messages. The public-key work
// is done outside of the transactions, on all processors. Stopped anywhere, it
// has lost nothing; two may fold at once; where there is nothing to fold it
// reads one row. Entries that do not open stay where they are.
func (b *Book) Fold(view View, update Update, folder FolderID) error {
	return b.fold(view, update, folder, FoldAt)
}

func (b *Book) fold(view View, update Update, folder FolderID, atLeast uint32) error {
	var from UID // entries before it are dealt with
	for tries := 0; tries < foldTries; {
		var batch foldable
		err := view(func(r store.Reader) (err error) {
			batch, err = b.readFoldable(r, folder, from, atLeast)
			return err
		})
		if err != nil || len(batch.rows) == 0 {
			return err
		}
		opened := b.openAll(batch.rows)
		writes, err := b.foldWrites(batch, opened)
		if err != nil {
			return err
		}
		err = update(func(w store.Writer) error { return writes.apply(w, batch) })
		if errors.Is(err, errLost) {
			tries++
			continue
		}
		if err != nil {
			return err
		}
		from, atLeast = batch.rows[len(batch.rows)-1].uid+1, 1
	}
	return nil // others change it all the time; the next session folds
}

// errLost says that a folder is no longer what it was when it was read.
var errLost = errors.New("mailbox: folder has changed")

// A foldable is what a fold reads.
type foldable struct {
	state  *state
	rows   []apartRow       // fresh ones, ascending
	blocks map[UID][]record // as they are, by the first UID of their span
}

type apartRow struct {
	uid UID
	store.Pair
}

func (b *Book) readFoldable(r store.Reader, folder FolderID, from UID, atLeast uint32) (foldable, error) {
	st, err := readState(r, folder)
	if err != nil || st.fresh < atLeast {
		return foldable{}, err
	}
	out := foldable{state: st, blocks: map[UID][]record{}}
	bytes := 0
	err = scan(r, apartKind, folder, from, 0, func(u UID, p store.Pair) error {
		if len(out.rows) == foldBatch || bytes > foldBytes {
			return errStop
		}
		if isFresh(p.Value) {
			out.rows = append(out.rows, apartRow{u, p})
			bytes += len(p.Value)
		}
		return nil
	})
	if err != nil && err != errStop {
		return foldable{}, err
	}
	for _, row := range out.rows {
		first := blockOf(row.uid)
		if _, ok := out.blocks[first]; ok {
			continue
		}
		had, err := b.folded(r, st, first, new(folded))
		if err != nil {
			return foldable{}, err
		}
		out.blocks[first] = had.records
	}
	return out, nil
}

// An opening is what came of one row.
type opening struct {
	record
	err error
}

// openAll opens rows on all processors, and waits for the end.
func (b *Book) openAll(rows []apartRow) []opening {
	out := make([]opening, len(rows))
	workers := min(runtime.GOMAXPROCS(0), len(rows))
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for j := i; j < len(rows); j += workers {
				rec, err := b.openApart(rows[j].uid, rows[j].Pair)
				out[j] = opening{rec, err}
			}
		})
	}
	wg.Wait()
	return out
}

// A folding is what a fold writes.
type folding struct {
	put     []store.Pair
	deleted []string
	large   uint32 // rows that are no longer fresh but stay
}

// foldWrites makes the blocks of a batch. Entries that do not open are left.
func (b *Book) foldWrites(batch foldable, opened []opening) (folding, error) {
	var out folding
	grown := map[UID]bool{}
	for i, o := range opened {
		row := batch.rows[i]
		switch {
		case errors.Is(o.err, fault.Corrupt):
			continue
		case o.err != nil:
			return folding{}, fmt.Errorf("mailbox: fold: %w", o.err)
		}
		if o.isLarge() {
			value, _ := b.sealApart(row.Key, &o.record)
			out.put = append(out.put, store.Pair{Key: row.Key, Value: value})
			out.large++
			continue
		}
		first := blockOf(row.uid)
		batch.blocks[first] = append(batch.blocks[first], o.record)
		grown[first] = true
		out.deleted = append(out.deleted, row.Key)
	}
	for first := range grown {
		recs := batch.blocks[first]
		slices.SortFunc(recs, func(a, b record) int { return int(int64(a.uid) - int64(b.uid)) })
		key := uidKey(blockKind, batch.state.id, first)
		out.put = append(out.put, store.Pair{Key: key, Value: b.sealed(key, appendBlock(nil, first, recs))})
	}
	return out, nil
}

// apply writes a fold if the folder's entries are those that were read: some
// may have come, none may have left or been folded.
func (f folding) apply(w store.Writer, batch foldable) error {
	if len(f.put) == 0 {
		return nil
	}
	st, err := readState(w, batch.state.id)
	if errors.Is(err, fault.NotFound) {
		return errLost
	}
	if err != nil {
		return err
	}
	if st.shape != batch.state.shape {
		return errLost
	}
	for _, p := range f.put {
		w.Put(p.Key, p.Value)
	}
	for _, k := range f.deleted {
		w.Delete(k)
	}
	st.apart -= uint32(len(f.deleted))
	st.fresh -= uint32(len(f.deleted)) + f.large
	st.reshape()
	st.write(w)
	return nil
}
