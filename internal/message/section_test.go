package message

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestSections(t *testing.T) {
	raw, err := os.ReadFile("testdata/mails/nested-message.eml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(raw, Default)
	if err != nil {
		t.Fatal(err)
	}
	single, err := Parse([]byte("Subject: x\r\n\r\nbody\r\n"), Default)
	if err != nil {
		t.Fatal(err)
	}
	head, text, _ := strings.Cut(string(raw), "\r\n\r\n")
	for _, tt := range []struct {
		name string
		m    *Mail
		path []int
		spec Specifier
		want string
	}{
		{"BODY[]", m, nil, SectionAll, string(raw)},
		{"BODY[HEADER]", m, nil, SectionHeader, head + "\r\n\r\n"},
		{"BODY[TEXT]", m, nil, SectionText, text},
		{"BODY[MIME]", m, nil, SectionMIME, "none"},
		{"BODY[1]", m, []int{1}, SectionAll, "Voir le message joint."},
		{"BODY[1.MIME]", m, []int{1}, SectionMIME, "Content-Type: text/plain\r\n\r\n"},
		{"BODY[1.HEADER] of what is no message", m, []int{1}, SectionHeader, "none"},
		{"BODY[1.1] of a leaf", m, []int{1, 1}, SectionAll, "none"},
		{"BODY[3]", m, []int{3}, SectionAll, "Subject: simple\r\n\r\nseul"},
		{"BODY[3.HEADER]", m, []int{3}, SectionHeader, "Subject: simple\r\n\r\n"},
		{"BODY[3.TEXT]", m, []int{3}, SectionText, "seul"},
		{"BODY[3.1]", m, []int{3, 1}, SectionAll, "seul"},
		{"BODY[3.1.MIME]", m, []int{3, 1}, SectionMIME, "Subject: simple\r\n\r\n"},
		{"BODY[3.2]", m, []int{3, 2}, SectionAll, "none"},
		{"BODY[2.1]", m, []int{2, 1}, SectionAll, "texte"},
		{"BODY[2.2]", m, []int{2, 2}, SectionAll, "<p>texte</p>"},
		{"BODY[2.2.MIME]", m, []int{2, 2}, SectionMIME, "Content-Type: text/html\r\n\r\n"},
		{"BODY[2.MIME]", m, []int{2}, SectionMIME, "Content-Type: message/rfc822\r\nContent-Description: le message\r\n\r\n"},
		{"BODY[4]", m, []int{4}, SectionAll, "none"},
		{"BODY[0]", m, []int{0}, SectionAll, "none"},
		{"BODY[-1]", m, []int{-1}, SectionAll, "none"},
		{"BODY[1] of a mail without parts", single, []int{1}, SectionAll, "body\r\n"},
		{"BODY[1.MIME] of a mail without parts", single, []int{1}, SectionMIME, "Subject: x\r\n\r\n"},
		{"BODY[2] of a mail without parts", single, []int{2}, SectionAll, "none"},
		{"BODY[1.1] of a mail without parts", single, []int{1, 1}, SectionAll, "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form, _ := tt.m.Structure().AppendBinary(nil)
			s, err := ParseStructure(form)
			if err != nil {
				t.Fatal(err)
			}
			got := "none"
			if off, n, ok := s.Section(tt.path, tt.spec); ok {
				got = string(tt.m.Raw[off : off+n])
			}
			if got != tt.want {
				t.Errorf("Section(%v, %v) = %q, want %q", tt.path, tt.spec, got, tt.want)
			}
		})
	}
}

func TestHeaderFields(t *testing.T) {
	h := ParseHeader([]byte("\xef\xbb\xbfFrom: a@b.test\r\nno colon\r\nSubject: a\r\n long\r\n\tone\r\nX-Mss-Mes : FIN\r\nsubject: b\r\n\r\nbody: c\r\n"))
	for _, tt := range []struct {
		name string
		got  any
		want any
	}{
		{"the first of a name", h.Get("SUBJECT"), "a long one"},
		{"all of a name", fmt.Sprintf("%q", h.All("Subject")), `["a long one" "b"]`},
		{"how many", h.Count("subject"), 2},
		{"none", h.Count("body"), 0},
		{"space before the colon", h.Get("X-MSS-MES"), "FIN"},
		{"the names, as written", strings.Join(h.Names(), ","), "From,Subject,X-Mss-Mes,subject"},
		{"some fields", string(h.Fields([]string{"from", "x-none"}, false)), "From: a@b.test\r\n\r\n"},
		{"all but some", string(h.Fields([]string{"subject", "X-MSS-MES"}, true)), "From: a@b.test\r\n\r\n"},
		{"folded fields stay as they are", string(h.Fields([]string{"Subject"}, false)), "Subject: a\r\n long\r\n\tone\r\nsubject: b\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}
