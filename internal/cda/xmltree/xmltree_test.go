package xmltree

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func TestParseRefuses(t *testing.T) {
	laughs := `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>`
	for _, tt := range []struct {
		name, in string
		want     fault.Kind
	}{
		{"entity definitions", laughs, fault.Invalid},
		{"an external entity", `<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>`, fault.Invalid},
		{"an entity never defined", `<x>&secret;</x>`, fault.Invalid},
		{"an attribute twice", `<x a="1" a="2"/>`, fault.Invalid},
		{"an attribute twice among many", `<x a1="" a2="" a3="" a4="" a5="" a6="" a7="" a8="" a9="" b1="" b2="" b3="" b4="" b5="" b6="" b7="" b8="" a1=""/>`, fault.Invalid},
		{"a second root", `<x/><y/>`, fault.Invalid},
		{"text after the root", `<x/>tail`, fault.Invalid},
		{"text before the root", `head<x/>`, fault.Invalid},
		{"a crossed end tag", `<x><y></x></y>`, fault.Invalid},
		{"an end tag of another prefix", `<a:x></b:x>`, fault.Invalid},
		{"an end that never comes", `<x><y/>`, fault.Invalid},
		{"nothing at all", ``, fault.Invalid},
		{"an encoding we do not know", `<?xml version="1.0" encoding="utf-7"?><x/>`, fault.Invalid},
		{"a control character", "<x>\x00</x>", fault.Invalid},
		{"too deep", strings.Repeat("<x>", 201), fault.TooLarge},
		{"too many elements", "<x>" + strings.Repeat("<y/>", 1001) + "</x>", fault.TooLarge},
		{"too many attributes", "<x" + manyAttributes(65) + "/>", fault.TooLarge},
		{"too large", "<x>" + strings.Repeat(" ", 100_000) + "</x>", fault.TooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.in), Options{Limits: Limits{Elements: 1000, Size: 100_000}})
			if got := fault.Of(err); got != tt.want {
				t.Errorf("Parse = %v, want %v", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "passwd") {
				t.Errorf("the error carries content: %v", err)
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("x", i) + `=""`)
	}
	return b.String()
}

func TestParseReadsEncodings(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		{"UTF-8", "<x>d\u00e9j\u00e0</x>"},
		{"UTF-8 with a byte order mark", "\ufeff<x>d\u00e9j\u00e0</x>"},
		{"ISO-8859-1", "<?xml version='1.0' encoding='ISO-8859-1'?><x>d\xe9j\xe0</x>"},
		{"windows-1252", "<?xml version=\"1.0\" encoding=\"Windows-1252\"?><x>d\xe9j\xe0</x>"},
		{"windows-1252 that declares UTF-8", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><x>d\xe9j\xe0</x>"},
		{"UTF-16", "\xff\xfe<\x00x\x00>\x00d\x00\xe9\x00j\x00\xe0\x00<\x00/\x00x\x00>\x00"},
		{"a blank line before the declaration", "\n<?xml version='1.0' encoding='ISO-8859-1'?><x>d\xe9j\xe0</x>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse([]byte(tt.in), Options{})
			if err != nil || n.Content() != "déjà" {
				t.Errorf("Parse = %q, %v, want déjà", n.Content(), err)
			}
		})
	}
}

func TestALongTextIsReadAsAShortOne(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", strings.Repeat("abcd\n", 2000), ""},
		{"with an entity", strings.Repeat("abcd ", 2000) + "&amp;", strings.Repeat("abcd ", 2000) + "&"},
		{"with an accent", strings.Repeat("abcd ", 2000) + "é", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.want == "" {
				tt.want = tt.in
			}
			n, err := Parse([]byte("<a><b>"+tt.in+"</b><c>z</c></a>"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := n.Child("b").Children[0].Text; got != tt.want {
				t.Errorf("text of %d bytes, want %d", len(got), len(tt.want))
			}
			if n.Child("c").Content() != "z" {
				t.Error("what follows the long text was lost")
			}
		})
	}
	bad := "<a>" + strings.Repeat("abcd ", 2000) + "\x01</a>"
	if _, err := Parse([]byte(bad), Options{}); !errors.Is(err, fault.Invalid) {
		t.Errorf("a control character in a long text: %v", err)
	}
}

func TestFoldForgivesPrefixesAndCase(t *testing.T) {
	n, err := Parse([]byte(`<ns3:Submit><rim:classification NodeRepresentation="10"/></ns3:Submit>`), Options{Fold: true})
	if err != nil || n.Child("classification").Attr("noderepresentation") != "10" {
		t.Errorf("Parse = %+v, %v", n, err)
	}
}

func TestPrunedContentIsCheckedButNotKept(t *testing.T) {
	prune := func(_, n *Node) bool { return n.Name == "entry" }
	n, err := Parse([]byte(`<a><entry k="v"><b>x</b></entry><c>y</c></a>`), Options{Prune: prune})
	if err != nil || n.Content() != "y" || n.Child("entry").Attr("k") != "v" {
		t.Errorf("Parse = %+v, %v", n, err)
	}
	if _, err := Parse([]byte(`<a><entry><b></entry></a>`), Options{Prune: prune}); !errors.Is(err, fault.Invalid) {
		t.Errorf("a broken pruned part: %v", err)
	}
}

// What a hostile document makes us allocate is bounded by its own size and
// the limits, whatever it declares.
func TestMemoryIsBounded(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		{"billion laughs", `<!DOCTYPE l [<!ENTITY a "` + strings.Repeat("h", 1000) + `">` + strings.Repeat(`<!ENTITY b "&a;&a;&a;">`, 1000) + `]><l>&b;</l>`},
		{"deep nesting", strings.Repeat("<x>", 1<<20)},
		{"many elements", "<x>" + strings.Repeat("<y/>", 1<<20) + "</x>"},
		{"a tag without end", "<" + strings.Repeat("x", 4<<20)},
		{"attributes without end", "<x " + strings.Repeat(`a="b" `, 1<<20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := Parse(in, Options{}); err == nil {
				t.Error("accepted")
			}
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
				t.Errorf("%d MB allocated for %d MB of input", got>>20, len(in)>>20)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><a:x xmlns:a="u" k="v">t<b/>&amp;<!-- c --></a:x>`), false)
	f.Add([]byte("<x>"+strings.Repeat("abcd\n", 1000)+"</x>"), true)
	f.Fuzz(func(t *testing.T, data []byte, fold bool) {
		n, err := Parse(data, Options{Fold: fold})
		if (n == nil) == (err == nil) {
			t.Fatalf("Parse = %v, %v", n, err)
		}
		if err != nil && fault.Of(err) == fault.Internal {
			t.Errorf("an error without a kind: %v", err)
		}
	})
}
