package mailbox

import (
	"encoding/binary"
	"fmt"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A row is what mb/f/<folder>/<uid> says of a message. Keywords are numbers,
// since what a person calls a mail is nobody else's business.
type row struct {
	uid      UID
	system   Flag
	keywords []uint32 // ascending
	received int64    // seconds since 1970
	size     int64
}

func (m row) append(b []byte) []byte {
	b = append(b, version, byte(m.system))
	b = binary.AppendVarint(b, m.received)
	b = binary.AppendUvarint(b, uint64(m.size))
	b = binary.AppendUvarint(b, uint64(len(m.keywords)))
	for _, k := range m.keywords {
		b = binary.AppendUvarint(b, uint64(k))
	}
	return b
}

func parseRow(u UID, b []byte) (row, error) {
	b, err := unversioned(b, "flags")
	if err != nil {
		return row{}, err
	}
	d := decoder{b: b}
	m := row{uid: u, system: Flag(d.byte()), received: d.int64(), size: int64(d.uint(1 << 62))}
	if n := d.count(1); n > 0 {
		m.keywords = make([]uint32, n)
		for i := range m.keywords {
			m.keywords[i] = d.uint32()
		}
	}
	return m, d.end("flags")
}

func (m row) write(w store.Writer, f FolderID) { w.Put(uidKey(flagsKind, f, m.uid), m.append(nil)) }

// rows returns the rows of those UIDs that are in the folder, ascending; nil
// asks for all. Many UIDs are read in one scan, few one by one.
func rows(r store.Reader, f FolderID, uids []UID) ([]row, error) {
	if uids != nil && len(uids) == 0 {
		return nil, nil
	}
	uids = ascending(uids)
	if n := len(uids); n > 0 && int64(uids[n-1]-uids[0]) > 8*int64(n) {
		return pickRows(r, f, uids)
	}
	var from, to UID
	if n := len(uids); n > 0 {
		from, to = uids[0], uids[n-1]+1
	}
	var out []row
	err := scan(r, flagsKind, f, from, to, func(u UID, p store.Pair) error {
		if uids != nil {
			for len(uids) > 0 && uids[0] < u {
				uids = uids[1:]
			}
			if len(uids) == 0 || uids[0] != u {
				return nil
			}
		}
		m, err := parseRow(u, p.Value)
		out = append(out, m)
		return err
	})
	return out, err
}

func pickRows(r store.Reader, f FolderID, uids []UID) ([]row, error) {
	var out []row
	for _, u := range uids {
		b, err := r.Get(uidKey(flagsKind, f, u))
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		m, err := parseRow(u, b)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// ascending returns uids sorted, each once.
func ascending(uids []UID) []UID {
	for i := 1; i < len(uids); i++ {
		if uids[i-1] >= uids[i] {
			uids = slices.Clone(uids)
			slices.Sort(uids)
			return slices.Compact(uids)
		}
	}
	return uids
}

// combine applies op to the flags of m, and reports whether they changed.
func (m *row) combine(op FlagOp, system Flag, keywords []uint32) (changed bool, err error) {
	was := *m
	switch op {
	case AddFlags:
		m.system |= system
		m.keywords = slices.Concat(was.keywords, keywords)
		slices.Sort(m.keywords)
		m.keywords = slices.Compact(m.keywords)
	case RemoveFlags:
		m.system &^= system
		m.keywords = slices.DeleteFunc(slices.Clone(was.keywords), func(k uint32) bool { return slices.Contains(keywords, k) })
	case ReplaceFlags:
		m.system, m.keywords = system, keywords
	default:
		return false, fmt.Errorf("mailbox: flags: operation: %w", fault.Invalid)
	}
	if len(m.keywords) > maxKeywords {
		return false, fmt.Errorf("mailbox: flags: keywords: %w", fault.TooLarge)
	}
	return m.system != was.system || !slices.Equal(m.keywords, was.keywords), nil
}
