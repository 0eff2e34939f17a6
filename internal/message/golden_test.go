package message

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGoldenMails reads every mail of testdata/mails, and compares all that is
// read with the page beside it, which a person can review.
func TestGoldenMails(t *testing.T) {
	names, err := filepath.Glob("testdata/mails/*.eml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no mails: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".eml"), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m, err := Parse(raw, Default)
			if err != nil {
				t.Fatal(err)
			}
			checkTree(t, m)
			checkForms(t, m)
			checkSplit(t, m, 1)
			checkSections(t, m.Structure())
			got := []byte(describe(m))
			page := strings.TrimSuffix(name, ".eml") + ".txt"
			if *update {
				if err := os.WriteFile(page, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s differs (-want +got):\n%s", page, diff)
			}
		})
	}
}

// describe writes down all that is read from m.
func describe(m *Mail) string {
	var b strings.Builder
	for _, d := range m.Defects {
		fmt.Fprintf(&b, "defect: %s\n", d)
	}
	describeEnvelope(&b, "", m.Envelope())
	describePart(&b, m, m.Root, "")
	_, _, cuts := Split(m, all)
	for _, c := range cuts {
		fmt.Fprintf(&b, "cut out %s: %q\n", c.Part.Path, c.Decoded)
	}
	s := m.SearchText(10_000)
	fmt.Fprintf(&b, "search header: %s\nsearch body: %s\n", s.Header, s.Body)
	return b.String()
}

func describeEnvelope(b *strings.Builder, indent string, e Envelope) {
	if !e.Date.IsZero() {
		fmt.Fprintf(b, "%sdate: %s\n", indent, e.Date.Format(time.RFC3339))
	}
	fmt.Fprintf(b, "%ssubject: %q\n", indent, e.Subject)
	for _, l := range []struct {
		name string
		list []Address
	}{{"from", e.From}, {"sender", e.Sender}, {"reply-to", e.ReplyTo}, {"to", e.To}, {"cc", e.Cc}, {"bcc", e.Bcc}} {
		for _, a := range l.list {
			fmt.Fprintf(b, "%s%s: %q %q %q\n", indent, l.name, a.Name, a.Mailbox, a.Host)
		}
	}
	fmt.Fprintf(b, "%smessage-id: %q, in reply to %q\n", indent, e.MessageID, e.InReplyTo)
}

func describePart(b *strings.Builder, m *Mail, p *Part, indent string) {
	fmt.Fprintf(b, "%s[%s] %s %v %s", indent, p.Path, p.MediaType(), p.Params, p.Encoding)
	if p.Disposition != "" {
		fmt.Fprintf(b, " %s %v", p.Disposition, p.DispositionParams)
	}
	if name := p.FileName(); name != "" {
		fmt.Fprintf(b, " file %q", name)
	}
	if p.Description != "" {
		fmt.Fprintf(b, " description %q", p.Description)
	}
	fmt.Fprintf(b, " header at %d, body %d to %d, %d lines\n", p.HeaderStart, p.BodyStart, p.End, p.Lines)
	switch {
	case p.Message != nil:
		describeEnvelope(b, indent+"  ", p.Message.Envelope)
		describePart(b, m, p.Message.Root, indent+"  ")
	case p.Type == "text":
		text, err := p.Text(m.Raw, 1000)
		fmt.Fprintf(b, "%s  %q %v\n", indent, text, err)
	case p.IsLeaf():
		content, err := p.Decoded(m.Raw, 1000)
		fmt.Fprintf(b, "%s  %q %v\n", indent, content, err)
	}
	for _, c := range p.Children {
		describePart(b, m, c, indent+"  ")
	}
}
