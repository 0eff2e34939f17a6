package message

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
)

// checkForms encodes and decodes what a listing keeps of m.
func checkForms(t interface {
	Helper()
	Fatalf(string, ...any)
}, m *Mail) {
	t.Helper()
	e, s := m.Envelope(), m.Structure()
	form, _ := e.AppendBinary(nil)
	e2, err := ParseEnvelope(form)
	if diff := cmp.Diff(e, e2, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Fatalf("ParseEnvelope: %v\n%s", err, diff)
	}
	form, _ = s.AppendBinary(nil)
	s2, err := ParseStructure(form)
	if diff := cmp.Diff(s, s2, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Fatalf("ParseStructure: %v\n%s", err, diff)
	}
}

func TestAListingReadsWhatFilingWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := Parse(uglyMail().Draw(t, "mail"), Default)
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		checkForms(t, m)
	})
}

func TestAnEnvelopeKeepsTheEndsOfALongThread(t *testing.T) {
	refs := "<first@x.test>"
	for i := range 40 {
		refs += fmt.Sprintf(" <%d@x.test>", i)
	}
	m, err := Parse([]byte("Subject: x\r\nReferences: "+refs+"\r\n\r\n"), Default)
	if err != nil {
		t.Fatal(err)
	}
	got := m.Envelope().References
	if len(got) != maxReferences || got[0] != "first@x.test" || got[1] != "21@x.test" || got[len(got)-1] != "39@x.test" {
		t.Errorf("references %q", got)
	}
	checkForms(t, m)
}

func TestAnEnvelopeOfBeforeReferencesIsRead(t *testing.T) {
	e := Envelope{Subject: "Bonjour", MessageID: "a@x.test", InReplyTo: []string{"b@x.test"}}
	w := writer{[]byte{firstEnvelope}}
	w.envelope(e)
	got, err := ParseEnvelope(w.b)
	if diff := cmp.Diff(e, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func FuzzParseEnvelope(f *testing.F) {
	m, _ := Parse(report(10), Default)
	form, _ := m.Envelope().AppendBinary(nil)
	f.Add(form)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEnvelope(b)
		if err != nil {
			if !errors.Is(err, fault.Corrupt) {
				t.Fatalf("error %v is not fault.Corrupt", err)
			}
			return
		}
		again, _ := e.AppendBinary(nil)
		e2, err := ParseEnvelope(again)
		if diff := cmp.Diff(e, e2, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("does not round-trip: %v\n%s", err, diff)
		}
	})
}

func FuzzParseStructure(f *testing.F) {
	m, _ := Parse(report(10), Default)
	form, _ := m.Structure().AppendBinary(nil)
	f.Add(form)
	m, _ = Parse([]byte("A: b\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y.test\r\n\r\nhello"), Default)
	form, _ = m.Structure().AppendBinary(nil)
	f.Add(form)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStructure(b)
		if err != nil {
			if !errors.Is(err, fault.Corrupt) {
				t.Fatalf("error %v is not fault.Corrupt", err)
			}
			return
		}
		checkSections(t, s)
		again, _ := s.AppendBinary(nil)
		s2, err := ParseStructure(again)
		if diff := cmp.Diff(s, s2, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("does not round-trip: %v\n%s", err, diff)
		}
	})
}

// checkSections asks for every section of s and for some that are not there:
// each lies within the mail.
func checkSections(t *testing.T, s *Structure) {
	t.Helper()
	asked := 0
	var walk func(path []int)
	walk = func(path []int) {
		for spec := SectionAll; spec <= SectionMIME+1; spec++ {
			off, n, ok := s.Section(path, spec)
			if ok && (off < 0 || n < 0 || off+n > s.Size) {
				t.Fatalf("Section(%v, %d) = %d, %d, beyond %d", path, spec, off, n, s.Size)
			}
		}
		if asked++; asked > 500 || len(path) > 40 || len(path) > 0 && s.Part(path) == nil {
			return
		}
		for n := -1; n <= 3; n++ {
			walk(append(path[:len(path):len(path)], n))
		}
	}
	walk(nil)
}

func TestAnUnknownVersionIsNotGuessedAt(t *testing.T) {
	m, err := Parse(report(10), Default)
	if err != nil {
		t.Fatal(err)
	}
	l, _, _ := Split(m, all)
	for name, form := range map[string]interface {
		AppendBinary([]byte) ([]byte, error)
	}{"envelope": m.Envelope(), "structure": m.Structure(), "layout": l} {
		b, _ := form.AppendBinary(nil)
		parse := func(b []byte) (err error) {
			switch name {
			case "envelope":
				_, err = ParseEnvelope(b)
			case "structure":
				_, err = ParseStructure(b)
			default:
				_, err = ParseLayout(b)
			}
			return err
		}
		if err := parse(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		other := bytes.Clone(b)
		other[0]++
		for what, b := range map[string][]byte{"empty": nil, "cut": b[:len(b)-1], "longer": append(b, 0), "another version": other} {
			if err := parse(b); !errors.Is(err, fault.Corrupt) {
				t.Errorf("%s, %s: %v, want fault.Corrupt", name, what, err)
			}
		}
	}
}
