// Package hint lets a record say in which partitions something waits, so that
// nobody has to look into all of them: to be carried, to be announced.
//
// A hint is recorded, in the partition of its list, before what waits is written
// in its own, and outlives the act that writes it. So one may be needless, but
// none can be missing. It names a partition and says nothing else.
package hint

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A List is the hints of one record.
type List struct {
	Part   store.Part // where they are kept
	Prefix string     // of their keys, which the record declares
}

// life is how long a hint stays at least.
const life = time.Hour

// Holds is how long whoever has recorded a hint may still write what it
// announces.
const Holds = life / 2

// version is the first byte of a hint; the time it was recorded follows.
const version = 1

// Record says that something may soon wait in part. Where a hint is young enough
// it writes nothing.
func (l List) Record(w store.Writer, part store.Part, now time.Time) error {
	at, ok, err := l.at(w, part)
	if err != nil || ok && now.Sub(at) < Holds {
		return err
	}
	w.Put(l.Prefix+string(part), binary.BigEndian.AppendUint64([]byte{version}, uint64(now.Unix())))
	return nil
}

// TakeBack removes the hint of a part in which nothing waits, unless it is so
// young that what it announced may still be on its way.
func (l List) TakeBack(w store.Writer, part store.Part, now time.Time) error {
	at, ok, err := l.at(w, part)
	if err == nil && ok && now.Sub(at) >= life {
		w.Delete(l.Prefix + string(part))
	}
	return err
}

// Parts lists the partitions in which something may wait.
func (l List) Parts(r store.Reader) (parts []store.Part, err error) {
	for p, err := range r.Scan(store.Prefix(l.Prefix)) {
		if err != nil {
			return nil, err
		}
		parts = append(parts, store.Part(strings.TrimPrefix(p.Key, l.Prefix)))
	}
	return parts, nil
}

func (l List) at(r store.Reader, part store.Part) (at time.Time, ok bool, err error) {
	b, err := r.Get(l.Prefix + string(part))
	if err != nil || b == nil {
		return at, false, err
	}
	if len(b) != 9 || b[0] != version {
		return at, false, fmt.Errorf("hint: %w", fault.Corrupt)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0), true, nil
}
