package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A sealed export is a file about the trails of some spaces over some time: what
// a legal request asks for, and nothing that the hub's staff could read. It is
// JSON, a line each:
//
//	header              who made it, when, for which period; the hub's public key
//	trail               its head; the checkpoint that covers it, and the proof
//	hidden, key, entry  its whole chain: of entries outside of the period the
//	                    digests alone, of the others the sealed text and the
//	                    trail key that opens it
//	end                 counts, and a signature of all that is above
//
// It can be verified by anybody, and opened with the escrow's private half, away
// from the hub: see ReadSealed.
type sealedLine struct {
	Header *SealedHeader `json:"header,omitempty"`
	Trail  *sealedTrail  `json:"trail,omitempty"`
	Hidden [][]byte      `json:"hidden,omitempty"`
	Key    *sealedKey    `json:"key,omitempty"`
	Entry  *sealedEntry  `json:"entry,omitempty"`
	End    *sealedEnd    `json:"end,omitempty"`
}

// A SealedHeader says what a sealed export is about.
type SealedHeader struct {
	Format string            `json:"format"` // set by NewSealer
	Made   time.Time         `json:"made"`
	By     string            `json:"by"` // the operator
	From   time.Time         `json:"from,omitzero"`
	To     time.Time         `json:"to,omitzero"`
	Public ed25519.PublicKey `json:"public"` // set by NewSealer
}

const (
	sealedFormat = "vaguemestre sealed trail 1"
	sealedLabel  = "audit/sealed"
	hiddenRun    = 256
)

type sealedTrail struct {
	Part    store.Part `json:"part"`
	Cut     *Cut       `json:"cut,omitempty"`
	Head    Mark       `json:"head"`
	Seen    Mark       `json:"seen,omitzero"` // by the checkpoint
	Witness *Witness   `json:"checkpoint,omitempty"`
	Proof   *Proof     `json:"proof,omitempty"`
}

type sealedKey struct {
	ID    string `json:"id"`
	Value []byte `json:"value"`
}

type sealedEntry struct {
	Number uint64 `json:"number"`
	First  bool   `json:"first,omitempty"` // under its key: the chain covers the key there
	Value  []byte `json:"value"`
}

type sealedEnd struct {
	Trails    int    `json:"trails"`
	Entries   uint64 `json:"entries"` // that are not hidden
	Sum       []byte `json:"sum"`     // SHA-256 of the lines above
	Signature []byte `json:"signature,omitempty"`
}

func (e sealedEnd) statement() ([]byte, error) {
	e.Signature = nil
	return json.Marshal(e)
}

// A Sealer writes a sealed export.
type Sealer struct {
	w   io.Writer
	k   *keyring.AuditKey
	sum hash.Hash
	end sealedEnd
}

// NewSealer begins a sealed export.
func NewSealer(w io.Writer, k *keyring.AuditKey, h SealedHeader) (*Sealer, error) {
	s := &Sealer{w: w, k: k, sum: sha256.New()}
	h.Format, h.Public = sealedFormat, k.Public()
	line, err := marshalLine(sealedLine{Header: &h})
	if err != nil {
		return nil, err
	}
	return s, s.write(line)
}

func (s *Sealer) write(lines []byte) error {
	s.sum.Write(lines)
	if _, err := s.w.Write(lines); err != nil {
		return fmt.Errorf("audit: sealed export: %w", err)
	}
	return nil
}

func marshalLine(l sealedLine) ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("audit: sealed export: %w", err)
	}
	return append(b, '\n'), nil
}

// A SealedTrail is one trail of a sealed export, ready to be written outside of
// the transaction that read it.
type SealedTrail struct {
	lines   []byte
	entries uint64
}

// Entries returns how many entries it shows.
func (t SealedTrail) Entries() uint64 { return t.entries }

// SealTrail reads a trail for a sealed export, and verifies it on the way. The
// journal proves how far it had come; where there is none, nothing does.
func SealTrail(r store.Reader, s fact.Scope, j History, p Period) (t SealedTrail, err error) {
	head, err := Head(r, s)
	if err != nil || head.Count == 0 {
		return t, err
	}
	cut, err := cutOf(r, s, nil)
	if err != nil {
		return t, err
	}
	top := &sealedTrail{Part: s.Part, Head: head}
	if cut.Count > 0 {
		top.Cut = &cut
	}
	if seen, proof, ok := j.Proof(s.Part); ok && seen.Count > 0 {
		top.Seen, top.Witness, top.Proof = seen, &j.Last, &proof
	}
	o := &trailWriter{r: r, keys: map[string]bool{}}
	o.line(sealedLine{Trail: top})
	at := Mark{Count: cut.Count, Hash: cut.Hash}
	for l, err := range walk(r, at) {
		if err != nil {
			return t, err
		}
		if at = l.Mark; l.Count <= p.After || p.UpTo > 0 && l.Count > p.UpTo {
			o.hide(l.digest)
		} else {
			o.show(l)
			t.entries++
		}
	}
	o.reveal()
	if o.err == nil && !sameMark(at, head) {
		o.err = errBroken("the chain does not end where its head says")
	}
	t.lines = o.out.Bytes()
	return t, o.err
}

func sameMark(a, b Mark) bool { return a.Count == b.Count && bytes.Equal(a.Hash, b.Hash) }

// A trailWriter writes the lines of one trail. Its error is the first there was.
type trailWriter struct {
	r      store.Reader
	out    bytes.Buffer
	hidden [][]byte
	keys   map[string]bool // that were written
	err    error
}

func (o *trailWriter) line(l sealedLine) {
	b, err := marshalLine(l)
	if o.err == nil {
		o.err = err
	}
	o.out.Write(b)
}

func (o *trailWriter) hide(d digest) {
	if o.hidden = append(o.hidden, d[:]); len(o.hidden) == hiddenRun {
		o.reveal()
	}
}

// reveal writes the digests that wait.
func (o *trailWriter) reveal() {
	if len(o.hidden) > 0 {
		o.line(sealedLine{Hidden: o.hidden})
		o.hidden = nil
	}
}

func (o *trailWriter) show(l ring) {
	o.reveal()
	if !o.keys[l.id] {
		o.keys[l.id] = true
		key := l.key
		if key == nil { // first used before the period
			var err error
			if key, err = o.r.Get(keyPrefix + l.id); o.err == nil {
				o.err = err
			}
		}
		o.line(sealedLine{Key: &sealedKey{l.id, key}})
	}
	o.line(sealedLine{Entry: &sealedEntry{l.Count, l.key != nil, l.value}})
}

// Add writes a trail. One without entries adds nothing.
func (s *Sealer) Add(t SealedTrail) error {
	if len(t.lines) == 0 {
		return nil
	}
	s.end.Trails++
	s.end.Entries += t.entries
	return s.write(t.lines)
}

// Close signs the export. Without it, it is not whole.
func (s *Sealer) Close() error {
	s.end.Sum = s.sum.Sum(nil)
	text, err := s.end.statement()
	if err != nil {
		return fmt.Errorf("audit: sealed export: %w", err)
	}
	s.end.Signature = s.k.Sign(sealedLabel, text)
	line, err := marshalLine(sealedLine{End: &s.end})
	if err != nil {
		return err
	}
	return s.write(line)
}
