package web

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// The proof of an objection or of a closing: shown, printed, and taken along as
// text. It is in the browser alone, for a while.

const (
	proofsPath = "/preuve"
	proofsLife = time.Hour
	maxProofs  = 64 << 10 // bytes, of what was packed
)

// showProofs leads to the page with them.
func (c *call) showProofs(list []hub.Proof) error {
	var texts []string
	for _, p := range list {
		if p.Text == "" { // of long ago: its reference is known, and no more
			p.Text = c.words("proofs.reference", p.Reference)
		}
		texts = append(texts, p.Text)
	}
	err := c.keep(proofCookie, pack(texts), proofsLife)
	if errors.Is(err, fault.TooLarge) { // for many children: the pages are not turned, this one has all
		return c.page("proofs", "proofs.title", proofsView{texts, false})
	}
	if err != nil {
		return err
	}
	return c.to(proofsPath, "")
}

type proofsView struct {
	Texts []string
	More  bool // the enrolment goes on
}

const betweenProofs = "\n\n* * *\n\n"

// pack makes texts that are much alike small.
func pack(texts []string) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, _ = io.WriteString(w, strings.Join(texts, betweenProofs)) // to memory
		_ = w.Close()
	}
	return b.Bytes()
}

func (c *call) proofs() (texts []string) {
	var packed []byte
	if !c.kept(proofCookie, &packed) {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxProofs))
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), betweenProofs)
}

func (c *call) proofsPage() error {
	texts := c.proofs()
	if texts == nil {
		return c.to(homePath, "news.proof-gone")
	}
	var k coming
	return c.page("proofs", "proofs.title", proofsView{texts, c.kept(enrolCookie, &k) && k.Ticket != ""})
}

// proofsText is what an operator can verify: the text as it was signed.
func (c *call) proofsText() error {
	texts := c.proofs()
	if texts == nil {
		return nothingHere(c)
	}
	c.fileHead("preuve.txt", "text/plain; charset=utf-8", false)
	_, _ = io.WriteString(c.w, strings.Join(texts, betweenProofs))
	return nil
}
