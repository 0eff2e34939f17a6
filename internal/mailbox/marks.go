package mailbox

import (
	"encoding/binary"
	"time"

	"vaguemestre/internal/store"
)

// keepMarks is how long a message filed twice is filed once.
const keepMarks = 7 * 24 * time.Hour

// A mark is what mb/d/<mac> says: when the message was filed, and where it has
// been since. UIDs are not reused, so a place that is empty stays so.
type mark struct {
	at     int64
	places []markPlace // newest last, at most maxMarkPlaces
}

type markPlace struct {
	folder FolderID
	uid    UID
}

const maxMarkPlaces = 16

func putMark(w store.Writer, mac []byte, m mark) {
	b := binary.AppendVarint([]byte{version}, m.at)
	b = binary.AppendUvarint(b, uint64(len(m.places)))
	for _, p := range m.places {
		b = binary.AppendUvarint(b, uint64(p.folder))
		b = binary.AppendUvarint(b, uint64(p.uid))
	}
	w.Put(markKey(mac), b)
}

func parseMark(b []byte) (mark, error) {
	b, err := unversioned(b, "mark")
	if err != nil {
		return mark{}, err
	}
	d := decoder{b: b}
	m := mark{at: d.int64()}
	for range d.count(2) {
		m.places = append(m.places, markPlace{FolderID(d.uint32()), UID(d.uint32())})
	}
	return m, d.end("mark")
}

func (m mark) expired(now time.Time) bool { return now.Sub(time.Unix(m.at, 0)) >= keepMarks }

// Marked reports whether a message with that mark was filed in the last seven
// days and is still in the mailbox, in whatever folder.
func Marked(r store.Reader, mac []byte, now time.Time) (bool, error) {
	if len(mac) < markSize {
		return false, nil
	}
	b, err := r.Get(markKey(mac))
	if err != nil || b == nil {
		return false, err
	}
	m, err := parseMark(b)
	if err != nil || m.expired(now) {
		return false, err
	}
	for _, p := range m.places {
		b, err := r.Get(uidKey(flagsKind, p.folder, p.uid))
		if err != nil || b != nil {
			return b != nil, err
		}
	}
	return false, nil
}

// follow notes that a marked message is in one more place.
func follow(w store.Writer, mac []byte, to markPlace) error {
	if len(mac) == 0 {
		return nil
	}
	b, err := w.Get(markKey(mac))
	if err != nil || b == nil {
		return err
	}
	m, err := parseMark(b)
	if err != nil {
		return err
	}
	m.places = append(m.places, to)
	m.places = m.places[max(0, len(m.places)-maxMarkPlaces):]
	putMark(w, mac, m)
	return nil
}

// sweepStep is how many marks one Sweep looks at.
const sweepStep = 1000

// Sweep deletes marks older than seven days. It looks at a thousand, from
// where the last one stopped; done says that it came to the end.
func Sweep(w store.Writer, now time.Time) (done bool, err error) {
	from, to := store.Prefix(markPrefix)
	at, err := w.Get(sweepKey)
	if err != nil {
		return false, err
	}
	if len(at) > 1 && at[0] == version {
		from = string(at[1:])
	}
	var old []string
	next, seen := "", 0
	for p, err := range w.Scan(from, to) {
		if err != nil {
			return false, err
		}
		if seen == sweepStep {
			next = p.Key
			break
		}
		seen++
		m, err := parseMark(p.Value)
		if err != nil {
			return false, err
		}
		if m.expired(now) {
			old = append(old, p.Key)
		}
	}
	for _, k := range old {
		w.Delete(k)
	}
	switch {
	case next != "":
		w.Put(sweepKey, append([]byte{version}, next...))
	case at != nil:
		w.Delete(sweepKey)
	}
	return next == "", nil
}
