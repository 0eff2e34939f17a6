package mailbox

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// Limits on keywords.
const (
	maxKeywords = 64  // of one message
	maxKeyword  = 64  // bytes
	maxWords    = 512 // different ones in a mailbox
)

// wellKnown are the keywords that are no secret and need no table: those of the
// IANA registry that clients use. Their places are part of the format.
var wellKnown = []string{"$Forwarded", "$MDNSent", "$Junk", "$NotJunk", "$Phishing",
	"Junk", "NonJunk", "$Important", "$SubmitPending", "$Submitted"}

// firstOwn is the number of the first keyword in the owner's table.
const firstOwn = 32

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

// A words is the owner's table of keywords, read when the first is needed.
type words struct {
	b     *Book
	r     store.Reader
	names []string
	read  bool
	added bool
}

func (t *words) load() error {
	if t.read {
		return nil
	}
	plain, err := t.b.open(t.r, wordsKey)
	if err != nil {
		return err
	}
	if plain != nil {
		d := decoder{b: plain}
		for range d.count(1) {
			t.names = append(t.names, d.string())
		}
		if err := d.end("keywords"); err != nil {
			return err
		}
	}
	t.read = true
	return nil
}

// name returns the keyword with that number.
func (t *words) name(k uint32) (string, error) {
	if k < firstOwn {
		if int(k) < len(wellKnown) {
			return wellKnown[k], nil
		}
		return "", corrupt("keyword")
	}
	if err := t.load(); err != nil {
		return "", err
	}
	if int(k-firstOwn) >= len(t.names) {
		return "", corrupt("keyword")
	}
	return t.names[k-firstOwn], nil
}

// number returns the number of a keyword, which may be written in either case
// (RFC 9051 §2.3.2). If it has none it gets one, where make is set.
func (t *words) number(name string, make bool) (k uint32, ok bool, err error) {
	same := func(s string) bool { return strings.EqualFold(s, name) }
	if i := slices.IndexFunc(wellKnown, same); i >= 0 {
		return uint32(i), true, nil
	}
	if err := t.load(); err != nil {
		return 0, false, err
	}
	if i := slices.IndexFunc(t.names, same); i >= 0 {
		return uint32(firstOwn + i), true, nil
	}
	if !make {
		return 0, false, nil
	}
	if len(t.names) >= maxWords {
		return 0, false, fmt.Errorf("mailbox: keywords: %w", fault.TooLarge)
	}
	t.names, t.added = append(t.names, name), true
	return uint32(firstOwn + len(t.names) - 1), true, nil
}

// numbers returns the numbers of keywords, ascending.
func (t *words) numbers(names []string, make bool) ([]uint32, error) {
	var out []uint32
	for _, name := range names {
		if !validKeyword(name) {
			return nil, fmt.Errorf("mailbox: keyword: %w", fault.Invalid)
		}
		k, ok, err := t.number(name, make)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// save writes the table if a keyword came.
func (t *words) save(w store.Writer) {
	if !t.added {
		return
	}
	plain := binary.AppendUvarint(nil, uint64(len(t.names)))
	for _, name := range t.names {
		plain = appendBytes(plain, name)
	}
	t.b.seal(w, wordsKey, plain)
}

// message returns what m says, with keywords by name.
func (t *words) message(m row) (Message, error) {
	out := Message{UID: m.uid, Received: time.Unix(m.received, 0).UTC(), Size: m.size}
	out.Flags.System = m.system
	for _, k := range m.keywords {
		name, err := t.name(k)
		if err != nil {
			return out, err
		}
		out.Flags.Keywords = append(out.Flags.Keywords, name)
	}
	slices.Sort(out.Flags.Keywords)
	return out, nil
}

func (t *words) messages(ms []row) ([]Message, error) {
	out := make([]Message, 0, len(ms))
	for _, m := range ms {
		v, err := t.message(m)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// validKeyword reports whether s is a keyword by RFC 9051 §9: an atom.
func validKeyword(s string) bool {
	if s == "" || len(s) > maxKeyword {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return false
		}
	}
	return true
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
