package cda

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vaguemestre/internal/cda/xmltree"
	"vaguemestre/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden is what a case's want.json holds.
type golden struct {
	Metadata
	Level          int
	SelfPresenting bool
	Embedded       string `json:",omitempty"`
}

func TestGolden(t *testing.T) {
	dirs, _ := filepath.Glob("testdata/*/in.xml")
	if len(dirs) < 4 {
		t.Fatalf("%d cases, want at least 4", len(dirs))
	}
	for _, in := range dirs {
		dir := filepath.Dir(in)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			d, err := Parse(read(t, in), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			g := golden{Metadata: d.Metadata, Level: d.Level, SelfPresenting: d.SelfPresenting}
			if d.Embedded != nil {
				data, err := d.Embedded.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				g.Embedded = fmt.Sprintf("%s: %d bytes, %.8q…", d.Embedded.MediaType, len(data), data)
			}
			j, err := json.MarshalIndent(g, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			compare(t, filepath.Join(dir, "want.json"), string(j)+"\n")
			compare(t, filepath.Join(dir, "want.txt"), d.Text()+"\n")
			compare(t, filepath.Join(dir, "want.html"), d.HTML())
		})
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, file)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

var anyTag = regexp.MustCompile(`<[^>]*>`)
var goodTag = regexp.MustCompile(`^</?(section|div|h[2-6]|p|ul|ol|li|table|caption|thead|tbody|tfoot|tr|td|th|sub|sup|strong|em|u|br)( (colspan|rowspan)="\d+")*>$`)

func checkHTML(t *testing.T, h string) {
	t.Helper()
	for _, tag := range anyTag.FindAllString(h, -1) {
		if !goodTag.MatchString(tag) {
			t.Errorf("the HTML has the tag %q", tag)
		}
	}
}

func TestHTMLLetsNothingThrough(t *testing.T) {
	for _, tt := range []struct{ name, in string }{
		{"a script", `<script>alert(1)</script>`},
		{"an event handler", `<paragraph onmouseover="x()">a</paragraph>`},
		{"a link out", `<linkHtml href="javascript:x()">a</linkHtml>`},
		{"an image", `<img src="https://t.invalid/p.gif"/><renderMultiMedia referencedObject="x"/>`},
		{"markup in text", `&lt;script&gt;alert(1)&lt;/script&gt;`},
		{"markup in a section of raw data", `<![CDATA[<img src=x onerror=y>]]>`},
		{"a style", `<content styleCode="Bold&quot; onclick=&quot;x">a</content>`},
		{"a span that breaks out", `<table><tr><td colspan="2&quot; onclick=&quot;x">a</td></tr></table>`},
		{"an element of another namespace", `<svg:svg onload="x"><svg:script>y</svg:script></svg:svg>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := parseBody(t, tt.in, Limits{})
			checkHTML(t, d.HTML())
			if strings.Contains(d.HTML(), "invalid") || strings.Contains(d.HTML(), "javascript") {
				t.Errorf("an address got through: %s", d.HTML())
			}
		})
	}
}

func parseBody(t *testing.T, narrative string, lim Limits) *Document {
	t.Helper()
	d, err := Parse([]byte(`<ClinicalDocument><component><structuredBody><component><section><text>`+
		narrative+`</text></section></component></structuredBody></component></ClinicalDocument>`), lim)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestALongBodyIsCut(t *testing.T) {
	d := parseBody(t, strings.Repeat("<list><item>une ligne</item></list>", 1000), Limits{Text: 2000})
	if text := d.Text(); len(text) > 2100 || !strings.HasSuffix(text, cut) {
		t.Errorf("text of %d bytes", len(text))
	}
	h := d.HTML()
	if len(h) > 2200 || !strings.Contains(h, cut) {
		t.Errorf("HTML of %d bytes", len(h))
	}
	for _, tag := range []string{"ul", "li", "div", "section"} {
		if o, c := strings.Count(h, "<"+tag+">"), strings.Count(h, "</"+tag+">"); o != c {
			t.Errorf("%d <%s> and %d </%s>", o, tag, c, tag)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     fault.Kind
	}{
		{"another XML document", `<html/>`, fault.Invalid},
		{"a style sheet without a document", `<xsl:stylesheet><xsl:template/></xsl:stylesheet>`, fault.Invalid},
		{"a document within something else", `<a><ClinicalDocument/></a>`, fault.Invalid},
		{"an external entity", `<!DOCTYPE ClinicalDocument [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument><title>&x;</title></ClinicalDocument>`, fault.Invalid},
		{"a section too deep", `<ClinicalDocument>` + strings.Repeat("<component><section>", 150), fault.TooLarge},
		{"more patients than anybody could check", `<ClinicalDocument><recordTarget><patientRole>` + strings.Repeat(`<id extension="1"/>`, 65) +
			`</patientRole></recordTarget></ClinicalDocument>`, fault.TooLarge},
		{"no XML at all", "%PDF-1.4", fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.in), Limits{}); fault.Of(err) != tt.want {
				t.Errorf("Parse: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestADocumentWithNothingInItIsRead(t *testing.T) {
	d, err := Parse([]byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"/>`), Limits{})
	if err != nil || d.Level != 0 || d.Text() != "" || d.HTML() != "" {
		t.Errorf("Parse = %+v, %v", d, err)
	}
}

func TestElementsOfOtherNamespacesAreNotTheHeader(t *testing.T) {
	d, err := Parse([]byte(`<ClinicalDocument><sdtc:id root="1.2"/><id root="3.4"/><recordTarget><patientRole>
		<sdtc:id root="1.2.250.1.213.1.4.8" extension="mother"/></patientRole></recordTarget></ClinicalDocument>`), Limits{})
	if err != nil || d.ID.Root != "3.4" || len(d.Patients) != 0 {
		t.Errorf("Parse = %+v, %v", d.Metadata, err)
	}
}

func TestBadBase64IsTold(t *testing.T) {
	d, err := Parse([]byte(`<ClinicalDocument><component><nonXMLBody><text representation="B64">!!!</text></nonXMLBody></component></ClinicalDocument>`), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Embedded.Bytes(); fault.Of(err) != fault.Invalid {
		t.Errorf("Bytes: %v, want Invalid", err)
	}
}

func TestParseTime(t *testing.T) {
	paris := time.FixedZone("", 3600)
	for _, tt := range []struct {
		in   string
		want time.Time
	}{
		{"20260310091500+0100", time.Date(2026, 3, 10, 9, 15, 0, 0, paris)},
		{"20260310091500.827+0100", time.Date(2026, 3, 10, 9, 15, 0, 0, paris)},
		{"202603100915+0100", time.Date(2026, 3, 10, 9, 15, 0, 0, paris)},
		{"20260310091500", time.Date(2026, 3, 10, 9, 15, 0, 0, time.UTC)},
		{"20260310", time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)},
		{"202603", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		{"2026", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"20261310", time.Time{}},
		{"2026031", time.Time{}},
		{"hier", time.Time{}},
		{"", time.Time{}},
	} {
		if got := ParseTime(tt.in); !got.Equal(tt.want) {
			t.Errorf("ParseTime(%q) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestPatientsDoNotLeakIntoLogs(t *testing.T) {
	d, err := Parse(read(t, "testdata/level1/in.xml"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("seen", "p", d.Patients[1], "t", d.Traits)
	fmt.Fprintf(&b, "%v %s %#v %v %+v %#v", d.Patients, d.Patients[0], d.Patients[1], d.Traits, d.Traits, d.Traits)
	if s := b.String(); strings.Contains(s, "2790351") || strings.Contains(s, "PAT-TROIS") {
		t.Errorf("a patient leaked: %s", s)
	}
}

func TestValueSetsAreWhole(t *testing.T) {
	if n := len(Types()); n != 114 {
		t.Errorf("%d types, want the 114 of JDV_J07", n)
	}
	seen := map[string]bool{}
	for _, v := range Types() {
		switch {
		case seen[v.Code]:
			t.Errorf("%s is there twice", v.Code)
		case v.Label == "" || v.Class.French == "" || v.Class.English == "" || v.Shelf.Code == "":
			t.Errorf("%s lacks something: %+v", v.Code, v)
		case v.Code[0] >= '0' && v.Code[0] <= '9' && v.System != SystemLOINC:
			t.Errorf("%s has the system %s", v.Code, v.System)
		}
		seen[v.Code] = true
	}
	for _, s := range Shelves() {
		if s.French == "" || s.English == "" || strings.ContainsAny(s.French, `/\*%"`) {
			t.Errorf("shelf %+v is no folder name", s)
		}
	}
}

func TestTypeByCode(t *testing.T) {
	for _, tt := range []struct{ code, label, class, shelf string }{
		{"11502-2", "CR d'examens biologiques", "10", "BIOLOGIE"},
		{"EXPPAT_3", "Directives anticipées", "90", "DIR_ANT"},
		{"101881-1", "Carte d'implant", "", "AUTR_DOC"},
		{"99999-9", "Autre document", "", "AUTR_DOC"},
		{"", "Autre document", "", "AUTR_DOC"},
	} {
		v, ok := TypeByCode(tt.code)
		if v.Label != tt.label || v.Class.Code != tt.class || v.Shelf.Code != tt.shelf || ok != (v.System != "") {
			t.Errorf("TypeByCode(%q) = %+v, %v", tt.code, v, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	cases, _ := filepath.Glob("testdata/*/in.xml")
	for _, c := range cases {
		b, err := os.ReadFile(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(data, Limits{XML: xmltree.Limits{Elements: 2000}, Text: 4096})
		if err != nil {
			if k := fault.Of(err); k != fault.Invalid && k != fault.TooLarge {
				t.Errorf("an error of kind %v", k)
			}
			return
		}
		checkHTML(t, d.HTML())
		if n := len(d.Text()); n > 4096+16 {
			t.Errorf("text of %d bytes", n)
		}
		if d.Embedded != nil {
			d.Embedded.Bytes()
		}
	})
}

func BenchmarkParseLevel1(b *testing.B) {
	in, err := os.ReadFile("testdata/level1/in.xml")
	if err != nil {
		b.Fatal(err)
	}
	pdf := strings.Repeat(strings.Repeat("QUJD", 19)+"\n", 450_000/77)
	in = []byte(strings.Replace(string(in), "</text>", pdf+"</text>", 1))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(in, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
