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
