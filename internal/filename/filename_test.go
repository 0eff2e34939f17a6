package filename

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestANameIsThatOfOneFile(t *testing.T) {
	for name, one := range map[string]struct{ in, want string }{
		"as it is":               {"Bilan sanguin.pdf", "Bilan sanguin.pdf"},
		"no path":                {"../../etc/passwd", "etc passwd"},
		"nothing backwards":      {"a\u202efdp.exe", "a fdp.exe"},
		"what Windows keeps":     {"con.txt", "_con.txt"},
		"its ending stays":       {strings.Repeat("é", 60) + ".pdf", strings.Repeat("é", 36) + ".pdf"},
		"nothing is left":        {" ..\x00. ", "document"},
		"accents in one letter":  {"e\u0301te\u0301", "été"},
		"blanks are one":         {"a \t\n b", "a b"},
		"what is no text at all": {"a\xffb", "a b"},
	} {
		if got := Safe(one.in, "document", 40); got != one.want {
			t.Errorf("%s: %q, want %q", name, got, one.want)
		}
	}
}

func TestNoTwoHaveOneName(t *testing.T) {
	n := New()
	for _, want := range []string{"a/Bilan.pdf", "a/bilan (2).pdf", "a/BILAN (3).pdf"} {
		name, _, _ := strings.Cut(strings.TrimPrefix(want, "a/"), ".")
		if got := n.File("a", strings.Fields(name)[0]+".pdf"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := n.Tree("a", "bilan.pdf"); got != "a/bilan.pdf (2)" {
		t.Errorf("a folder beside a file: %q", got)
	}
}

func TestFilesEndAsTheirTypeDoes(t *testing.T) {
	for kind, want := range map[string]string{"application/pdf": ".pdf", "message/rfc822": ".eml", "application/x-unknown": ""} {
		if got := Extension(kind); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

var reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$`)

// check says what is wrong with a path: a level of it is no name on every system.
func check(t *testing.T, path string) {
	if n := utf8.RuneCountInString(path); n > maxPath || !utf8.ValidString(path) {
		t.Errorf("%q has %d characters", path, n)
	}
	for level := range strings.SplitSeq(path, "/") {
		if level == "" || strings.Trim(level, ". ") != level || strings.ContainsAny(level, `<>:"\|?*`) || reserved.MatchString(level) ||
			strings.ContainsFunc(level, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e || r == 0x200f }) {
			t.Errorf("%q is no name everywhere: %q", path, level)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "../x", "con.txt", "a\u202eb", strings.Repeat("é", 300) + ".pdf", "x. . .", "~$a"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, folder, name string) {
		n := New()
		in := n.Tree("messages", folder)
		first, second := n.File(in, name), n.File(in, name)
		if strings.EqualFold(first, second) {
			t.Errorf("%q twice", first)
		}
		for _, p := range []string{first, second} {
			check(t, p)
			if !strings.HasPrefix(p, "messages/") {
				t.Errorf("%q is elsewhere", p)
			}
		}
	})
}
