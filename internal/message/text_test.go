package message

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParseDate(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"as the standard says", "Thu, 15 Jan 2026 10:15:00 +0100", "2026-01-15T10:15:00+01:00"},
		{"with the name of the zone as a comment", "Thu, 15 Jan 2026 10:15:00 +0100 (CET)", "2026-01-15T10:15:00+01:00"},
		{"without seconds and weekday", "1 Jan 2026 10:15 -0330", "2026-01-01T10:15:00-03:30"},
		{"an old zone", "15 Jan 26 10:15:00 GMT", "2026-01-15T10:15:00Z"},
		{"a year of the last century", "15 Jan 99 10:15:00 GMT", "1999-01-15T10:15:00Z"},
		{"no zone", "Thu, 15 Jan 2026 10:15:00", "2026-01-15T10:15:00Z"},
		{"in the order of ctime", "Thu Jan 15 10:15:00 2026", "2026-01-15T10:15:00Z"},
		{"in French", "jeu., 15 août 2026 10:15:00 CEST", "2026-08-15T10:15:00+02:00"},
		{"a leap second", "31 Dec 2016 23:59:60 +0000", "2017-01-01T00:00:00Z"},
		{"no time", "15 Jan 2026", ""},
		{"no month", "15 2026 10:15", ""},
		{"an hour that does not exist", "15 Jan 2026 24:15 +0000", ""},
		{"a day that does not exist", "32 Jan 2026 10:15 +0000", ""},
		{"four clocks", "15 Jan 2026 10:15:00:00", ""},
		{"a zone beyond the world", "15 Jan 2026 10:15:00 +9999", ""},
		{"a year beyond the calendar", "15 Jan 99999 10:15:00", ""},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if d, ok := parseDate(tt.in); ok {
				got = d.Format(time.RFC3339)
			}
			if got != tt.want {
				t.Errorf("parseDate(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	for _, tt := range []struct{ name, disposition, contentType, want string }{
		{"plain", `attachment; filename=a.pdf`, "", "a.pdf"},
		{"of the type only", `attachment`, `application/pdf; name="a b.pdf"`, "a b.pdf"},
		{"spaces without quotes", `attachment; filename=compte rendu.pdf`, "", "compte rendu.pdf"},
		{"an encoded word", `attachment; filename="=?utf-8?B?w6kucGRm?="`, "", "é.pdf"},
		{"RFC 2231 wins over its fallback", `attachment; filename="e.pdf"; filename*=utf-8''%C3%A9.pdf`, "", "é.pdf"},
		{"in sections out of order", `attachment; filename*1=b.pdf; filename*0=a`, "", "ab.pdf"},
		{"a section is missing", `attachment; filename*0=a; filename*2=b.pdf`, "", "a"},
		{"a charset nobody knows", `attachment; filename*=x-none'fr'%E9.pdf`, "", "é.pdf"},
		{"a semicolon in quotes", `attachment; filename="a;b.pdf"`, "", "a;b.pdf"},
		{"a quote in quotes", `attachment; filename="a\"b.pdf"`, "", `a"b.pdf`},
		{"a path of Unix", `attachment; filename="../../etc/passwd"`, "", "passwd"},
		{"a path of Windows", `attachment; filename="C:\\Temp\\a.pdf"`, "", "a.pdf"},
		{"only a path", `attachment; filename="../.."`, "", ""},
		{"a control character", "attachment; filename=\"a\x01\x7fb.pdf\"", "", "a b.pdf"},
		{"a name turned round", "attachment; filename*=utf-8''a%E2%80%AEfdp.exe", "", "afdp.exe"},
		{"too long", `attachment; filename="` + strings.Repeat("é", 300) + `.pdf"`, "", strings.Repeat("é", 125) + ".pdf"},
		{"none", `inline`, "text/plain", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := "Content-Disposition: " + tt.disposition + "\r\n"
			if tt.contentType != "" {
				raw += "Content-Type: " + tt.contentType + "\r\n"
			}
			m, err := Parse([]byte(raw+"\r\n"), Default)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Root.FileName(); got != tt.want {
				t.Errorf("FileName() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWireParams(t *testing.T) {
	got := Params{{"name", "a b"}, {"filename", "é.pdf"}}.Wire()
	if len(got) != 2 || got["name"] != "a b" || got["filename*"] != "utf-8''%C3%A9.pdf" {
		t.Errorf("Wire() = %q", got)
	}
}

func TestFold(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"capitals", "HÔPITAL Saint-Éloi", "hopital saint-eloi"},
		{"an accent written apart", "he\u0301le\u0300ne", "helene"},
		{"ligatures", "Cœur, ŒDÈME, Læticia, Straße", "coeur, oedeme, laeticia, strasse"},
		{"a phrase over two lines", "compte\r\n  rendu", "compte rendu"},
		{"a space that does not break", "10\u00a0mg", "10 mg"},
		{"a curved apostrophe", "l’examen", "l'examen"},
		{"a soft hyphen", "exa\u00admen", "examen"},
		{"wide letters", "ＡＢ", "ab"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Fold(tt.in); got != tt.want {
				t.Errorf("Fold(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Hôpital\r\n\xffß")
	f.Fuzz(func(t *testing.T, s string) {
		got := Fold(s)
		if again := Fold(got); again != got {
			t.Errorf("Fold(Fold(%q)) = %q, not %q", s, again, got)
		}
		if !utf8.ValidString(got) {
			t.Errorf("Fold(%q) = %q is not UTF-8", s, got)
		}
	})
}

func TestHTMLToText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"blocks are lines", "<p>un</p><p>deux<br>trois", "un\ndeux\ntrois"},
		{"scripts and styles are no text", "a<script>b<p>c</script><style>d</style>e", "ae"},
		{"entities", "&eacute;&#233;&lt;p&gt;", "éé<p>"},
		{"comments", "a<!-- b -->c", "ac"},
		{"a script that does not end", "a<script>b", "a"},
		{"a thousand levels", strings.Repeat("<b>", 1000) + "x", "x"},
		{"no HTML", "1 < 2", "1 < 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := HTMLToText(tt.in, 1000); got != tt.want {
				t.Errorf("HTMLToText(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
	if got := HTMLToText(strings.Repeat("é", 1000), 101); got != strings.Repeat("é", 50) {
		t.Errorf("a limit of 101 bytes gave %d", len(got))
	}
}

func TestSearchTextIsBounded(t *testing.T) {
	m, err := Parse([]byte("Subject: "+strings.Repeat("mot ", 1000)+"\r\n\r\n"+strings.Repeat("mot ", 100_000)), Default)
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 1, 100, 10_000} {
		if s := m.SearchText(limit); len(s.Header)+len(s.Body) > limit+2 {
			t.Errorf("SearchText(%d) gave %d and %d bytes", limit, len(s.Header), len(s.Body))
		}
	}
}

func TestHashWithoutTrace(t *testing.T) {
	const body = "From: a@b.test\r\nSubject: x\r\n y\r\n\r\nReceived: in the text\r\n"
	sum := func(raw string) string {
		m, err := Parse([]byte(raw), Default)
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		HashWithoutTrace(h, m)
		return hex.EncodeToString(h.Sum(nil))
	}
	want := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	for _, tt := range []struct {
		name, raw string
		same      bool
	}{
		{"the mail itself", body, true},
		{"received twice", "Received: by a\r\n\tfor b\r\nRECEIVED: by c\r\n" + body, true},
		{"a return path and a delivery", "Return-Path: <a@b.test>\r\nDelivered-To: c\r\n" + body, true},
		{"a trace at the end of the header", "From: a@b.test\r\nSubject: x\r\n y\r\nReceived: by a\r\n b\r\n\r\nReceived: in the text\r\n", true},
		{"another subject", strings.Replace(body, "x", "z", 1), false},
		{"another text", body + "z", false},
		{"another field", "X-Received: by a\r\n" + body, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := sum(tt.raw); (got == want) != tt.same {
				t.Errorf("same hash is %v, want %v", got == want, tt.same)
			}
		})
	}
}
