package message

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
)

// sameRandom gives the same bytes every time.
func sameRandom() io.Reader { return rand.NewChaCha8([32]byte{1}) }

func draft() Draft {
	return Draft{
		From:       []Address{{"Dr Hélène MARTIN (CHU)", "helene.martin", "ch-a.test"}},
		ReplyTo:    []Address{{`Secrétariat`, "secretariat", "ch-a.test"}},
		To:         []Address{{`Patient "le" Premier`, "160209999900102", "patient.test"}, {"", "a", "b.test"}},
		Cc:         []Address{{"Équipe", "equipe", "ch-a.test"}},
		Date:       time.Date(2026, 1, 15, 10, 15, 0, 0, time.FixedZone("", 3600)),
		MessageID:  "1@ch-a.test",
		InReplyTo:  []string{"0@patient.test"},
		References: []string{"00@patient.test", "0@patient.test"},
		Subject:    "Compte rendu d'échographie abdomino-pelvienne, à conserver avec les précédents",
		Header:     []HeaderField{{"X-MSS-MES", "FIN"}, {"X-MSS-NIL", "TEST-0001"}},
		Text:       "Bonjour,\n\nVoici votre compte rendu.\n.\nFrom nous\n",
		HTML:       "<p>Voici votre compte&nbsp;rendu, à conserver.</p>",
		Attachments: []Attachment{
			{"Résultats d'hépatite.pdf", "application/pdf", []byte(strings.Repeat("%PDF-1.4 ", 20))},
			{"../x\r\ny", "message/rfc822", []byte("Subject: x\r\n\r\n\xff")},
		},
	}
}

func TestCompose(t *testing.T) {
	got, err := Compose(draft(), sameRandom())
	if err != nil {
		t.Fatal(err)
	}
	const name = "testdata/composed.eml"
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the mail differs (-want +got):\n%s", diff)
	}
	m, err := Parse(got, Default)
	if err != nil || len(m.Defects) != 0 {
		t.Fatalf("our own mail has defects: %v, %v", m.Defects, err)
	}
	d, e := draft(), m.Envelope()
	for _, diff := range []string{
		cmp.Diff(d.From, e.From), cmp.Diff(d.ReplyTo, e.ReplyTo), cmp.Diff(d.To, e.To), cmp.Diff(d.Cc, e.Cc), cmp.Diff(d.Subject, e.Subject),
		cmp.Diff(d.MessageID, e.MessageID), cmp.Diff(d.InReplyTo, e.InReplyTo), cmp.Diff(true, d.Date.Equal(e.Date)),
		cmp.Diff([]string{"FIN"}, m.Headers("X-MSS-MES")),
		cmp.Diff(d.Attachments[0].Name, m.Structure().Part([]int{2}).FileName()),
		cmp.Diff("x y", m.Structure().Part([]int{3}).FileName()),
	} {
		if diff != "" {
			t.Errorf("what is read is not what was written:\n%s", diff)
		}
	}
	_, _, cuts := Split(m, all)
	if len(cuts) != 2 || !bytes.Equal(cuts[0].Decoded, d.Attachments[0].Content) {
		t.Errorf("%d of 2 attachments could be cut out", len(cuts))
	}
}

func TestNoValueAddsAField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String()
		d := draft()
		d.Subject, d.Text, d.HTML = s.Draw(t, "subject"), s.Draw(t, "text"), s.Draw(t, "html")
		d.From[0].Name, d.MessageID = s.Draw(t, "name"), s.Draw(t, "id")
		d.Header[0].Value = s.Draw(t, "value") + "\r\nBcc: x@y.test\n\n"
		d.Attachments[0].Name, d.Attachments[0].Type = s.Draw(t, "file"), s.Draw(t, "type")
		raw, err := Compose(d, sameRandom())
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("Compose: %v", err)
			}
			return
		}
		if !SevenBit(raw) {
			t.Fatalf("not 7-bit with CRLF: %q", raw)
		}
		m, err := Parse(raw, Default)
		if err != nil || len(m.Defects) > 0 || m.Count("Bcc") > 0 || m.Count("From") != 1 || len(m.From()) != 1 || len(m.Root.Children) != 3 {
			t.Fatalf("the mail is another: %v %v\n%s", err, m.Defects, raw)
		}
	})
}

func TestWhatIsNotComposed(t *testing.T) {
	for name, change := range map[string]func(*Draft){
		"an address with a second one":   func(d *Draft) { d.To[0].Mailbox = "a@b.test>,<c" },
		"an address with a line break":   func(d *Draft) { d.To[0].Host = "b.test\r\nBcc: c@d.test" },
		"a field name with a colon":      func(d *Draft) { d.Header[0].Name = "X: y" },
		"a field name with a line break": func(d *Draft) { d.Header[0].Name = "X\r\nBcc" },
		"a field name that never ends":   func(d *Draft) { d.Header[0].Name = strings.Repeat("X", 2000) },
	} {
		t.Run(name, func(t *testing.T) {
			d := draft()
			change(&d)
			if raw, err := Compose(d, sameRandom()); !errors.Is(err, fault.Invalid) {
				t.Errorf("Compose = %d bytes, %v, want fault.Invalid", len(raw), err)
			}
		})
	}
	if _, err := Compose(draft(), strings.NewReader("")); err == nil {
		t.Error("without randomness a mail was composed")
	}
	if _, err := (Entity{Type: "text/plain", Body: []byte("é")}).Compose(sameRandom()); !errors.Is(err, fault.Invalid) {
		t.Errorf("8-bit text without an encoding: %v, want fault.Invalid", err)
	}
}

func TestLongFieldsAreFolded(t *testing.T) {
	for _, value := range []string{strings.Repeat("mot ", 100), strings.Repeat("x", 3000), strings.Repeat("  x", 500), "a" + strings.Repeat(" ", 200) + "b"} {
		raw, err := Compose(Draft{Subject: value, Text: "x"}, sameRandom())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(raw), "\r\n") {
			if len(line) > 998 || strings.Trim(line, " ") == "" && line != "" {
				t.Errorf("line %q in the fold of %d bytes", line, len(value))
			}
		}
		m, err := Parse(raw, Default)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header("Subject"); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(value, " ", "") {
			t.Errorf("the subject became %q", got)
		}
	}
}
