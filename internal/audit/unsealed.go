package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Filter says which entries of a sealed export are asked for. Zero asks for
// all.
type Filter struct {
	From, To      time.Time // From included, To not
	Professionals []string  // RPPS, or addresses in any case
	Emergency     bool
}

func (f Filter) matches(e Entry) bool {
	if e.Time.Before(f.From) || !f.To.IsZero() && !e.Time.Before(f.To) || f.Emergency && !e.Emergency {
		return false
	}
	return len(f.Professionals) == 0 || slices.ContainsFunc(f.Professionals, func(p string) bool {
		return p != "" && (p == e.RPPS || strings.EqualFold(p, e.Actor))
	})
}

// A Reading is how a sealed export is read.
type Reading struct {
	Escrow keyring.Opener    // nil: it is verified only
	Public ed25519.PublicKey // of the hub, as known from elsewhere; nil: as the file itself says
	Filter
}

// A SealedReport is what a sealed export was found to be.
type SealedReport struct {
	Header    SealedHeader
	Trails    int
	Proven    int    // trails whose head a signed checkpoint covers
	Entries   uint64 // that are in the file, not hidden
	Written   uint64 // that the filter asks for
	Unchecked int    // trails without a proof: the hub keeps no checkpoints
}

const maxSealedLine = 2 << 20

// ReadSealed verifies a sealed export, opens it with the escrow's private half,
// and hands the lines that are asked for to write, in the order of the file. It
// needs neither hub nor store, but all three files of that half, which two or
// three people hold: keyring.OpenEscrow. Whatever is wrong with the file is fault.Corrupt,
// and may show only at its end: what was written is worth nothing until then.
func ReadSealed(in io.Reader, how Reading, write func(Line) error) (SealedReport, error) {
	u := &unsealer{Reading: how, write: write, sum: sha256.New()}
	lines := bufio.NewReaderSize(in, maxSealedLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return u.report, errBroken("it ends before its end")
		case errors.Is(err, bufio.ErrBufferFull):
			return u.report, errBroken("a line is too long")
		case err != nil:
			return u.report, fmt.Errorf("audit: sealed export: %w", err)
		}
		end, err := u.take(line)
		if err != nil {
			return u.report, err
		}
		if end {
			if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) {
				return u.report, errBroken("there is more after its end")
			}
			return u.report, nil
		}
	}
}

func errBroken(what string) error {
	return fmt.Errorf("audit: sealed export: %s: %w", what, fault.Corrupt)
}

// An unsealer reads the lines of a sealed export, one after the other.
type unsealer struct {
	Reading
	write  func(Line) error
	sum    hash.Hash
	report SealedReport

	trail *sealedTrail // that is being read
	at    Mark
	seen  bool // it has gone through what the checkpoint saw
	keys  map[string][]byte
	open  *opener
}

func (u *unsealer) take(text []byte) (end bool, err error) {
	var l sealedLine
	if err := json.Unmarshal(text, &l); err != nil {
		return false, errBroken("a line is no JSON")
	}
	if l.End != nil {
		return true, u.finish(*l.End)
	}
	u.sum.Write(text)
	switch {
	case l.Header != nil:
		err = u.begin(*l.Header)
	case u.report.Header.Format == "":
		err = errBroken("it has no header")
	case l.Trail != nil:
		err = u.next(l.Trail)
	case u.trail == nil:
		err = errBroken("an entry is in no trail")
	case l.Hidden != nil:
		err = u.hidden(l.Hidden)
	case l.Key != nil:
		u.keys[l.Key.ID] = l.Key.Value
	case l.Entry != nil:
		err = u.entry(*l.Entry)
	default:
		err = errBroken("a line says nothing")
	}
	return false, err
}

func (u *unsealer) begin(h SealedHeader) error {
	switch {
	case u.report.Header.Format != "" || h.Format != sealedFormat || len(h.Public) != ed25519.PublicKeySize:
		return errBroken("its header is not of this format")
	case u.Public != nil && !u.Public.Equal(h.Public):
		return errBroken("it is from another hub")
	}
	u.report.Header = h
	return nil
}

// next ends the trail before and begins another.
func (u *unsealer) next(t *sealedTrail) error {
	if err := u.endTrail(); err != nil {
		return err
	}
	public := u.report.Header.Public
	u.trail, u.at, u.seen, u.keys = t, Mark{}, true, map[string][]byte{}
	u.report.Trails++
	if t.Cut != nil {
		if err := t.Cut.verify(t.Part, public); err != nil {
			return err
		}
		u.at = Mark{Count: t.Cut.Count, Hash: t.Cut.Hash}
	}
	if u.Escrow != nil {
		u.open = newOpener(t.Part, u.Escrow, func(id string) ([]byte, error) { return u.keys[id], nil })
	}
	if t.Witness == nil || t.Proof == nil {
		u.report.Unchecked++
		return nil
	}
	if !t.Witness.Verify(public) || !t.Proof.Shows(t.Witness.Root, t.Part, t.Seen) {
		return errBroken("a checkpoint does not cover a trail")
	}
	u.report.Proven++
	u.seen = sameMark(u.at, t.Seen) || t.Seen.Count < u.at.Count
	return nil
}

func (u *unsealer) endTrail() error {
	switch {
	case u.trail == nil:
	case !sameMark(u.at, u.trail.Head):
		return errBroken("a chain is broken")
	case !u.seen:
		return errBroken("a chain does not go through its checkpoint")
	}
	return nil
}

func (u *unsealer) step(d digest) {
	n := u.at.Count + 1
	u.at = Mark{Count: n, Hash: link(u.at.Hash, n, d)}
	u.seen = u.seen || sameMark(u.at, u.trail.Seen)
}

func (u *unsealer) hidden(list [][]byte) error {
	for _, d := range list {
		if len(d) != sha256.Size {
			return errBroken("a digest is none")
		}
		u.step(digest(d))
	}
	return nil
}

func (u *unsealer) entry(s sealedEntry) error {
	if s.Number != u.at.Count+1 || len(s.Value) < 1+keyLength {
		return errBroken("an entry does not follow")
	}
	var key []byte
	if s.First {
		key = u.keys[string(s.Value[1:1+keyLength])]
	}
	u.step(digestOf(s.Value, key))
	u.report.Entries++
	if u.open == nil {
		return nil
	}
	e, err := u.open.open(store.Pair{Key: entryKey(s.Number), Value: s.Value})
	if err != nil {
		return err
	}
	if !u.matches(e) {
		return nil
	}
	u.report.Written++
	l := LineOf(s.Number, e)
	l.Trail = string(u.trail.Part)
	return u.write(l)
}

func (u *unsealer) finish(end sealedEnd) error {
	if err := u.endTrail(); err != nil {
		return err
	}
	text, err := end.statement()
	switch {
	case err != nil, !bytes.Equal(end.Sum, u.sum.Sum(nil)), end.Trails != u.report.Trails, end.Entries != u.report.Entries,
		!keyring.VerifyAudit(u.report.Header.Public, sealedLabel, text, end.Signature):
		return errBroken("it is not as the hub signed it")
	}
	return nil
}
