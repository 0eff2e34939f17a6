package mailbox

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Text is what SEARCH looks at in one message, folded.
type Text struct {
	UID  UID
	Text string
}

// A ReadText reads the folded texts of a message from its bytes. FoldTexts
// calls it from several goroutines at once, outside of its transactions; Texts
// within the transaction of its Reader.
type ReadText func(it *Item, s *keyring.Session) (header, body string, err error)

// Texts are compressed one by one: together they would be smaller, but the
// size would tell who can see it how alike two mails are, and all would have to
// be compressed again when one leaves.
const (
	textSpan = 64 // UIDs in a block of texts

	maxShared = 12 << 10  // a compressed text in a block; a longer one has its own row
	maxLong   = 900 << 10 // a compressed text in its row; a longer one is not kept
	maxText   = 8 << 20   // a text that is kept, as it is

	textFlush = 4 << 20 // compressed texts held in memory
)

// The forms of a kept text.
const (
	textShared = iota // its frame is in the block
	textLong          // its frame is in its own row
	textAway          // too long to keep, or not to be read: it is read at need
)

// A text is one message in a block of texts.
type text struct {
	uid    UID
	form   byte
	header int    // how much of it is the header
	frame  []byte // header and body, compressed
}

func parseTexts(first UID, plain []byte) ([]text, error) {
	d := decoder{b: plain}
	n := d.count(4)
	if n > textSpan {
		return nil, corrupt("texts")
	}
	out := make([]text, 0, n)
	next := uint64(0)
	for range n {
		off := next + d.uint(textSpan)
		t := text{uid: first + UID(off), form: d.byte(), header: int(d.uint(maxText)), frame: d.bytes()}
		if off >= textSpan || t.form > textAway || d.bad {
			return nil, corrupt("texts")
		}
		out = append(out, t)
		next = off + 1
	}
	return out, d.end("texts")
}

func appendTexts(b []byte, first UID, texts []text) []byte {
	b = binary.AppendUvarint(b, uint64(len(texts)))
	next := first
	for _, t := range texts {
		b = append(binary.AppendUvarint(b, uint64(t.uid-next)), t.form)
		b = binary.AppendUvarint(b, uint64(t.header))
		b = appendBytes(b, t.frame)
		next = t.uid + 1
	}
	return b
}

// Texts yields the texts of those of the messages that are in the folder,
// ascending: the body, or with header the header and the body after it. What is
// not kept yet is read by read. A message that cannot be read yields its error,
// and the others follow. One text at a time is in memory.
func (b *Book) Texts(r store.Reader, folder FolderID, uids []UID, header bool, read ReadText) iter.Seq2[Text, error] {
	return func(yield func(Text, error) bool) {
		st, err := readState(r, folder)
		if err != nil {
			yield(Text{}, err)
			return
		}
		s := textSearch{b: b, r: r, st: st, header: header, read: read}
		uids := ascending(uids)
		for len(uids) > 0 {
			first, n := uids[0]&^(textSpan-1), 1
			for n < len(uids) && uids[n]&^(textSpan-1) == first {
				n++
			}
			kept, err := b.keptTexts(r, folder, first)
			if err != nil {
				yield(Text{}, err)
				return
			}
			for _, u := range uids[:n] {
				t, ok, err := s.text(kept, u)
				if (ok || err != nil) && !yield(Text{u, t}, err) {
					return
				}
			}
			uids = uids[n:]
		}
	}
}

// keptTexts returns the texts in the block that begins at first.
func (b *Book) keptTexts(r store.Reader, folder FolderID, first UID) ([]text, error) {
	plain, err := b.open(r, uidKey(textsKind, folder, first))
	if err != nil || plain == nil {
		return nil, err
	}
	return parseTexts(first, plain)
}

func findText(texts []text, u UID) (text, bool) {
	i, ok := slices.BinarySearchFunc(texts, u, func(t text, u UID) int { return cmp.Compare(t.uid, u) })
	if !ok {
		return text{}, false
	}
	return texts[i], true
}

// A textSearch is one run of Texts.
type textSearch struct {
	b      *Book
	r      store.Reader
	st     *state
	header bool
	read   ReadText
	buf    []byte
}

// text returns the text of a message; ok is false if the message is not there.
func (s *textSearch) text(kept []text, u UID) (out string, ok bool, err error) {
	t, found := findText(kept, u)
	if found && t.form == textLong {
		if t.frame, err = s.b.open(s.r, uidKey(longKind, s.st.id, u)); err != nil {
			return "", false, err
		}
	}
	if !found || t.form == textAway {
		return s.live(u)
	}
	if s.buf, err = textDecoder().DecodeAll(t.frame, s.buf[:0]); err != nil || t.header > len(s.buf) {
		return "", false, corrupt("text")
	}
	if s.header {
		return string(s.buf), true, nil
	}
	return string(s.buf[t.header:]), true, nil
}

// live reads the text of a message from its bytes.
func (s *textSearch) live(u UID) (string, bool, error) {
	bl, err := s.b.block(s.r, s.st, blockOf(u))
	if err != nil {
		return "", false, err
	}
	rec, ok, err := s.b.record(s.r, s.st, bl, u)
	if err != nil || !ok {
		return "", false, err
	}
	header, body, err := rec.texts(s.read)
	if err != nil {
		return "", false, err
	}
	if s.header {
		return header + body, true, nil
	}
	return body, true, nil
}

// texts reads the texts of a message. The header ends with a line break, so
// that no word runs over into the body.
func (rec *record) texts(read ReadText) (header, body string, err error) {
	it, session, err := rec.opened()
	if err != nil {
		return "", "", err
	}
	if header, body, err = read(it, session); err != nil {
		return "", "", fmt.Errorf("mailbox: text: %w", err)
	}
	if header != "" && !strings.HasSuffix(header, "\n") {
		header += "\n"
	}
	return header, body, nil
}

// FoldTexts keeps the texts of all messages of a folder that have none yet,
// for Texts: a few at a time, so that memory is bounded, and each durable at
// once, so that what is interrupted goes on later. If all are kept it reads one
// row. A message that cannot be read is passed over.
func (b *Book) FoldTexts(view View, update Update, folder FolderID, read ReadText) error {
	var missing []UID
	err := view(func(r store.Reader) (err error) {
		missing, err = b.missingTexts(r, folder)
		return err
	})
	if err != nil {
		return err
	}
	for len(missing) > 0 {
		first, n := missing[0]&^(textSpan-1), 1
		for n < len(missing) && missing[n]&^(textSpan-1) == first {
			n++
		}
		f := textFold{b: b, folder: folder, first: first, read: read}
		if err := f.run(view, update, missing[:n]); err != nil {
			return err
		}
		missing = missing[n:]
	}
	return nil
}

// missingTexts returns the messages of a folder that have no text kept.
func (b *Book) missingTexts(r store.Reader, folder FolderID) ([]UID, error) {
	st, err := readState(r, folder)
	if err != nil || st.texts >= st.messages {
		return nil, err
	}
	ms, err := rows(r, folder, nil)
	if err != nil {
		return nil, err
	}
	var out []UID
	var kept []text
	at, any := UID(0), false
	for _, m := range ms {
		if first := m.uid &^ (textSpan - 1); !any || first != at {
			if kept, err = b.keptTexts(r, folder, first); err != nil {
				return nil, err
			}
			at, any = first, true
		}
		if _, ok := findText(kept, m.uid); !ok {
			out = append(out, m.uid)
		}
	}
	return out, nil
}

// A textFold keeps the texts of one span.
type textFold struct {
	b      *Book
	folder FolderID
	first  UID
	read   ReadText
}

func (f *textFold) run(view View, update Update, uids []UID) error {
	var recs []record
	err := view(func(r store.Reader) (err error) {
		recs, err = f.records(r, uids)
		return err
	})
	if err != nil {
		return err
	}
	var made []text
	size := 0
	for len(recs) > 0 {
		n := min(runtime.GOMAXPROCS(0), len(recs))
		texts, err := f.make(recs[:n])
		if err != nil {
			return err
		}
		for _, t := range texts {
			made = append(made, t)
			size += len(t.frame)
		}
		recs = recs[n:]
		if size < textFlush && len(recs) > 0 {
			continue
		}
		if err := update(func(w store.Writer) error { return f.write(w, made) }); err != nil {
			return err
		}
		made, size = nil, 0
	}
	return nil
}

func (f *textFold) records(r store.Reader, uids []UID) ([]record, error) {
	st, err := readState(r, f.folder)
	if err != nil {
		return nil, err
	}
	ms, err := rows(r, f.folder, uids)
	if err != nil {
		return nil, err
	}
	var out []record
	for _, m := range ms {
		err := f.b.records(r, st, []row{m}, func(_ row, rec *record) error {
			out = append(out, *rec)
			return nil
		})
		if err != nil && !errors.Is(err, fault.Corrupt) {
			return nil, err
		}
	}
	return out, nil
}

// make reads and compresses the texts of a few messages at once.
func (f *textFold) make(recs []record) ([]text, error) {
	out, errs := make([]text, len(recs)), make([]error, len(recs))
	var wg sync.WaitGroup
	for i := range recs {
		wg.Go(func() {
			out[i].uid, out[i].form = recs[i].uid, textAway
			header, body, err := recs[i].texts(f.read)
			if err != nil {
				errs[i] = err
				return
			}
			if len(header)+len(body) > maxText {
				return
			}
			frame := textEncoder().EncodeAll([]byte(header+body), nil)
			switch {
			case len(frame) <= maxShared:
				out[i].form = textShared
			case len(frame) <= maxLong:
				out[i].form = textLong
			default:
				return
			}
			out[i].header, out[i].frame = len(header), frame
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, fault.Corrupt) && !errors.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	return out, nil
}

// write adds texts to their block: those of messages that are still there and
// have none. Another process may have done the same.
func (f *textFold) write(w store.Writer, made []text) error {
	st, err := readState(w, f.folder)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	kept, err := f.b.keptTexts(w, f.folder, f.first)
	if err != nil {
		return err
	}
	before := len(kept)
	for _, t := range made {
		there, err := w.Get(uidKey(flagsKind, f.folder, t.uid))
		if err != nil {
			return err
		}
		if _, has := findText(kept[:before], t.uid); has || there == nil {
			continue
		}
		if t.form == textLong {
			f.b.seal(w, uidKey(longKind, f.folder, t.uid), t.frame)
			t.frame = nil
		}
		kept = append(kept, t)
	}
	if len(kept) == before {
		return nil
	}
	st.texts += uint32(len(kept) - before)
	st.write(w)
	slices.SortFunc(kept, func(a, b text) int { return cmp.Compare(a.uid, b.uid) })
	f.b.seal(w, uidKey(textsKind, f.folder, f.first), appendTexts(nil, f.first, kept))
	return nil
}

// dropTexts returns what rewrite needs to take texts out of the blocks of st.
func dropTexts(w store.Writer, st *state) func(UID, []byte, []UID) ([]byte, error) {
	return func(first UID, plain []byte, gone []UID) ([]byte, error) {
		texts, err := parseTexts(first, plain)
		if err != nil {
			return nil, err
		}
		left := slices.DeleteFunc(texts, func(t text) bool {
			_, found := slices.BinarySearch(gone, t.uid)
			if found {
				st.texts--
				if t.form == textLong {
					w.Delete(uidKey(longKind, st.id, t.uid))
				}
			}
			return found
		})
		if len(left) == 0 {
			return nil, nil
		}
		return appendTexts(make([]byte, 0, len(plain)), first, left), nil
	}
}

var textEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil { // only for options that exclude one another
		panic(err)
	}
	return e
})

var textDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxText+1))
	if err != nil {
		panic(err)
	}
	return d
})
