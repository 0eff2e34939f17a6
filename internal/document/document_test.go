package document

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/xdm"
)

const (
	pdfBytes = "%PDF-1.4\n%%EOF\n"
	jpgBytes = "\xff\xd8\xff\xe0 a picture"
	pngBytes = "\x89PNG\r\n\x1a\n a picture"
)

// cdaCase returns a document of package cda's own examples.
func cdaCase(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../cda/testdata/" + name + "/in.xml")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// xdmCase returns a package of package xdm's own examples, zipped.
func xdmCase(t testing.TB, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := z.AddFS(os.DirFS("../xdm/testdata/" + name + "/files")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pack makes a package of files with metadata, as a sender does.
func pack(t testing.TB, docs ...xdm.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := xdm.Write(&b, &xdm.Package{Sets: []xdm.SubmissionSet{{UniqueID: "1.2.3"}}, Documents: docs}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func attach(files ...any) []Attachment { // name, data, name, data…
	var out []Attachment
	for i := 0; i < len(files); i += 2 {
		data, ok := files[i+1].([]byte)
		if !ok {
			data = []byte(files[i+1].(string))
		}
		out = append(out, Attachment{Index: i / 2, FileName: files[i].(string), Data: data})
	}
	return out
}

func find(t testing.TB, in Input) Result {
	t.Helper()
	r, err := Find(in, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsADocument(t *testing.T) {
	for _, tt := range []struct {
		name string
		a    Attachment
		want string // media type, or empty
	}{
		{"a PDF", Attachment{FileName: "a.pdf", MediaType: "application/pdf", Data: []byte(pdfBytes)}, "application/pdf"},
		{"a PDF that says it is a picture", Attachment{FileName: "a.jpg", MediaType: "image/jpeg", Data: []byte(pdfBytes)}, "application/pdf"},
		{"a PDF without a name or a type", Attachment{Data: []byte(pdfBytes)}, "application/pdf"},
		{"a damaged PDF", Attachment{FileName: "a.pdf", MediaType: "application/pdf", Data: []byte("x")}, "application/pdf"},
		{"a TIFF known by its name alone", Attachment{FileName: "a.TIFF", MediaType: "application/octet-stream", Data: []byte("x")}, "image/tiff"},
		{"a JPEG", Attachment{FileName: "a.jpg", Data: []byte(jpgBytes)}, "image/jpeg"},
		{"a PNG", Attachment{FileName: "a.png", Data: []byte(pngBytes)}, "image/png"},
		{"a TIFF", Attachment{FileName: "a.tif", Data: []byte("II*\x00x")}, "image/tiff"},
		{"an RTF", Attachment{FileName: "a.rtf", Data: []byte(`{\rtf1 a}`)}, "application/rtf"},
		{"a text file", Attachment{FileName: "a.txt", MediaType: "text/plain", Data: []byte("Bonjour")}, "text/plain"},
		{"a CDA", Attachment{FileName: "a.bin", Data: cdaCase(t, "level1")}, "text/xml"},
		{"a self-presenting CDA", Attachment{FileName: "a.xml", Data: cdaCase(t, "self-presenting")}, "application/xslt+xml"},
		{"a picture shown to the patient on its own", Attachment{FileName: "IMG.jpg", Inline: true, Data: []byte(jpgBytes)}, "image/jpeg"},

		{"a picture of the HTML body", Attachment{FileName: "logo.png", Inline: true, ContentID: "logo@x", Data: []byte(pngBytes)}, ""},
		{"a text body", Attachment{MediaType: "text/plain", Inline: true, Data: []byte("Bonjour")}, ""},
		{"a signature", Attachment{FileName: "smime.p7s", MediaType: "application/pkcs7-signature", Data: []byte("0\x80")}, ""},
		{"a signature that says nothing", Attachment{FileName: "smime.p7s", MediaType: "application/octet-stream", Data: []byte("0\x80")}, ""},
		{"a card", Attachment{FileName: "dr.vcf", MediaType: "text/vcard", Data: []byte("BEGIN:VCARD")}, ""},
		{"a calendar", Attachment{FileName: "rdv.ics", MediaType: "text/calendar", Data: []byte("BEGIN:VCALENDAR")}, ""},
		{"a card sent as text", Attachment{FileName: "dr.vcf", MediaType: "text/plain", Data: []byte("BEGIN:VCARD")}, ""},
		{"a zip of something else", Attachment{FileName: "photos.zip", Data: otherZip(t)}, ""},
		{"a zip that says it is a PDF", Attachment{FileName: "a.pdf", MediaType: "application/pdf", Data: otherZip(t)}, ""},
		{"a web page", Attachment{FileName: "a.html", MediaType: "text/html", Data: []byte("<html/>")}, ""},
		{"another XML file", Attachment{FileName: "a.xml", MediaType: "text/xml", Data: []byte("<a/>")}, ""},
		{"a program", Attachment{FileName: "a.exe", MediaType: "application/octet-stream", Data: []byte("MZ")}, ""},
		{"an empty file", Attachment{FileName: "a.pdf", MediaType: "application/pdf"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := find(t, Input{Attachments: []Attachment{tt.a}})
			got := ""
			if len(r.Documents) > 0 {
				got = r.Documents[0].MediaType
			}
			if got != tt.want || len(r.Documents) > 1 || len(r.Unread) > 0 {
				t.Errorf("Find = %q, %d unread, want %q", got, len(r.Unread), tt.want)
			}
		})
	}
}

func otherZip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("photo.pdf")
	if err == nil {
		_, err = w.Write([]byte(pdfBytes))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTypeTitleAndDate(t *testing.T) {
	mailed := time.Date(2026, 3, 12, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name                         string
		in                           Input
		typ, shelf, title, day, from string
	}{
		{"a CDA says it all", Input{Attachments: attach("x.xml", cdaCase(t, "level1")), CodeCDA: "34112-3", Sender: "Secrétariat"},
			"11502-2", "BIOLOGIE", "Compte rendu d'examens biologiques", "2026-03-09", "Camille INVENTÉ"},
		{"a package says what its file cannot", Input{Attachments: attach("IHE_XDM.ZIP", xdmCase(t, "missing-slash"))},
			"11502-2", "BIOLOGIE", "Bilan du 9 mars", "2026-03-09", "Camille INVENTÉ"},
		{"else the header", Input{Attachments: attach("scan_du_dos.pdf", pdfBytes), CodeCDA: "18748-4", Sender: "Dr Test"},
			"18748-4", "RADIO_SC", "scan du dos", "", "Dr Test"},
		{"else the name, by the convention", Input{Attachments: attach("20220531_CR_d_imagerie_medicale_PATIENT_TEST.pdf", pdfBytes)},
			"18748-4", "RADIO_SC", "CR d'imagerie médicale", "2022-05-31", ""},
		{"a conventional name with a type of its own", Input{Attachments: attach("20210104_CR_PATIENT_TEST MARIE_0001.pdf", pdfBytes)},
			"", "AUTR_DOC", "CR", "2021-01-04", ""},
		{"the header wins over the name", Input{Attachments: attach("20220531_CR_d_imagerie_medicale_PATIENT_TEST.pdf", pdfBytes), CodeCDA: "11488-4"},
			"11488-4", "CPT_REND", "CR d'imagerie médicale", "2022-05-31", ""},
		{"else another document, titled by its name", Input{Attachments: attach("courrier.pdf", pdfBytes)},
			"", "AUTR_DOC", "courrier", "", ""},
		{"a file without a name is titled by the subject", Input{Attachments: attach("", pdfBytes), Subject: "XDM/1.0/DDM+ECHOGRAPHIE"},
			"", "AUTR_DOC", "ECHOGRAPHIE", "", ""},
		{"nothing at all", Input{Attachments: attach("", pdfBytes)}, "", "AUTR_DOC", "Autre document", "", ""},
		{"a code nobody knows", Input{Attachments: attach("a.pdf", pdfBytes), CodeCDA: "99999-9"}, "99999-9", "AUTR_DOC", "a", "", ""},
		{"a code that is no code", Input{Attachments: attach("a.pdf", pdfBytes), CodeCDA: "<b> \r\n"}, "", "AUTR_DOC", "a", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Date = mailed
			r := find(t, tt.in)
			if len(r.Documents) != 1 {
				t.Fatalf("%d documents", len(r.Documents))
			}
			d := r.Documents[0]
			day := ""
			if !d.ServiceStart.IsZero() {
				day = d.ServiceStart.Format("2006-01-02")
			}
			if d.Type.Code != tt.typ || d.Type.Shelf.Code != tt.shelf || d.Title != tt.title || day != tt.day || d.Author.Name != tt.from {
				t.Errorf("got %q on %q, %q of %q by %q", d.Type.Code, d.Type.Shelf.Code, d.Title, day, d.Author.Name)
			}
			if d.Created.IsZero() || d.Type.Label == "" {
				t.Error("it has no date or no label")
			}
		})
	}
}

func TestCodesGoToDocumentsInOrder(t *testing.T) {
	for _, tt := range []struct {
		name, header, want, defect string
	}{
		{"one for each", "34112-3,PRESC-BIO", "34112-3 PRESC-BIO 11502-2", ""},
		{"with the one the CDA names", "11502-2, 34112-3 ,PRESC-BIO", "34112-3 PRESC-BIO 11502-2", ""},
		{"fewer", "34112-3", "34112-3  11502-2", ""},
		{"more", "34112-3,PRESC-BIO,REMB", "34112-3 PRESC-BIO 11502-2", "X-MSS-CODECDA names a type that no document has"},
		{"none", "", "  11502-2", "X-MSS-CODECDA is missing beside a CDA"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := find(t, Input{CodeCDA: tt.header, Attachments: attach("a.jpg", jpgBytes, "b.png", pngBytes, "c.xml", cdaCase(t, "level1"))})
			var got []string
			for _, d := range r.Documents {
				got = append(got, d.Type.Code)
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("types %q, want %q", g, tt.want)
			}
			if tt.defect == "" && len(r.Defects) > 0 || tt.defect != "" && !slices.Contains(r.Defects, tt.defect) {
				t.Errorf("defects %q, want %q", r.Defects, tt.defect)
			}
		})
	}
}

// embeddedPDF returns the PDF within the level 1 example.
func embeddedPDF(t testing.TB) []byte {
	t.Helper()
	r := find(t, Input{Attachments: attach("a.xml", cdaCase(t, "level1"))})
	data, err := r.Documents[0].Embedded.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The CDA examples are acts of 9 March 2026: level1 and level3 laboratory
// reports, latin1 an imaging report.
func TestRenditions(t *testing.T) {
	level1, level3, imaging := cdaCase(t, "level1"), cdaCase(t, "level3"), cdaCase(t, "latin1")
	for _, tt := range []struct {
		name  string
		files []any
		want  string // for each document: its attachment, and +n for a rendition
	}{
		{"the only PDF beside one CDA", []any{"a.xml", level1, "b.pdf", pdfBytes}, "0+1"},
		{"the PDF comes first", []any{"b.pdf", pdfBytes, "a.xml", level1}, "1+0"},
		{"beside a package", []any{"IHE_XDM.ZIP", pack(t, xdm.Document{Data: level1, MediaType: "text/xml"}), "b.pdf", pdfBytes}, "0+1"},
		{"the bytes within the CDA", []any{"a.xml", level1, "x.pdf", pdfBytes + "1", "y.pdf", embeddedPDF(t)}, "0+2 1"},
		{"the name tells the date and the type", []any{"a.xml", level3, "x.pdf", pdfBytes, "20260309_CR_d_examens_biologiques_PATIENT_TEST_1.pdf", pdfBytes + "2"}, "0+2 1"},
		{"the name tells the type of one of two", []any{"a.xml", level3, "b.xml", imaging, "20260309_CR_d_imagerie_medicale_P_T_1.pdf", pdfBytes}, "0 1+2"},
		{"two and two, told by nothing, go in order", []any{"a.xml", level3, "b.xml", imaging, "x.pdf", pdfBytes, "y.pdf", pdfBytes + "2"}, "0+2 1+3"},
		{"two and two, told by their names", []any{"a.xml", level3, "b.xml", imaging,
			"20260309_CR_d_imagerie_medicale_P_T_1.pdf", pdfBytes, "20260309_CR_d_examens_biologiques_P_T_1.pdf", pdfBytes + "2"}, "0+3 1+2"},
		{"a PDF of another day and another type is a document", []any{"a.xml", level3, "20240101_Prescription_de_soins_P_T_1.pdf", pdfBytes}, "0 1"},
		{"and so is one of the same day and another type", []any{"a.xml", level3, "20260309_Prescription_de_soins_P_T_1.pdf", pdfBytes}, "0 1"},
		{"two PDFs beside one CDA, told by nothing, are documents", []any{"a.xml", level3, "x.pdf", pdfBytes, "y.pdf", pdfBytes + "2"}, "0 1 2"},
		{"one PDF beside two CDAs, told by nothing, is a document", []any{"a.xml", level3, "b.xml", imaging, "x.pdf", pdfBytes}, "0 1 2"},
		{"a picture is never a rendition", []any{"a.xml", level3, "x.jpg", jpgBytes}, "0 1"},
		{"a PDF alone", []any{"x.pdf", pdfBytes}, "0"},
		{"another form, by the package", []any{"IHE_XDM.ZIP", pack(t, xdm.Document{Data: level3, MediaType: "text/xml", EntryID: "D1"},
			xdm.Document{Data: []byte(pdfBytes), MediaType: "application/pdf", UniqueID: "9.9", Transform: []string{"D1"}})}, "0+0"},
		{"a PDF of its own in the package", []any{"IHE_XDM.ZIP", pack(t, xdm.Document{Data: level3, MediaType: "text/xml"},
			xdm.Document{Data: []byte(pdfBytes), MediaType: "application/pdf", UniqueID: "9.9"})}, "0 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := find(t, Input{Attachments: attach(tt.files...)})
			var got []string
			for _, d := range r.Documents {
				s := fmt.Sprint(d.Files[0].Attachment)
				if d.Rendition != nil {
					s += fmt.Sprintf("+%d", d.Rendition.Attachment)
				}
				got = append(got, s)
			}
			if g := strings.Join(got, " "); g != tt.want || len(r.Unread) > 0 {
				t.Errorf("documents %q, want %q (unread %v)", g, tt.want, r.Unread)
			}
		})
	}
}

func TestTheSameDocumentTwiceIsOne(t *testing.T) {
	level1 := cdaCase(t, "level1")
	other := bytes.Replace(level1, []byte(`extension="279035121518989"`), []byte(`extension="160209999900102"`), 1)
	for _, tt := range []struct {
		name   string
		files  []any
		defect string
	}{
		{"the same file", []any{"a.xml", level1, "b.xml", level1}, ""},
		{"in a package and beside it", []any{"IHE_XDM.ZIP", pack(t, xdm.Document{Data: level1}), "a.xml", level1}, ""},
		{"a PDF without an identifier", []any{"a.pdf", pdfBytes, "b.pdf", pdfBytes}, ""},
		{"the same identifier with other bytes", []any{"a.xml", level1, "b.xml", other}, "the same unique id comes with other bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := find(t, Input{Attachments: attach(tt.files...)})
			if len(r.Documents) != 1 || len(r.Documents[0].Files) != 2 {
				t.Fatalf("Find = %d documents", len(r.Documents))
			}
			d := r.Documents[0]
			if tt.defect != "" && !slices.Contains(d.Defects, tt.defect) {
				t.Errorf("defects %q, want %q", d.Defects, tt.defect)
			}
			// Nobody hides behind the identifier of another document.
			if v := CheckIdentity(d, []Person{standardPatient(t)}, true); tt.defect != "" && v.Outcome != WrongPatient {
				t.Errorf("the verdict is %v, want wrong patient", v.Outcome)
			}
		})
	}
}

func TestEveryDefectivePackageGivesItsDocuments(t *testing.T) {
	for _, tt := range []struct {
		folder string
		want   int
	}{
		{"regular", 1}, {"undeclared-prefix", 1}, {"missing-slash", 1}, {"lower-case", 1},
		{"no-metadata", 2}, {"wrong-uri", 2}, {"replacement", 1}, {"misnamed", 1}, {"broken-metadata", 1},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			r := find(t, Input{Attachments: attach("IHE_XDM.ZIP", xdmCase(t, tt.folder))})
			if len(r.Documents) != tt.want || len(r.Unread) > 0 {
				t.Errorf("%d documents, %d unread, want %d", len(r.Documents), len(r.Unread), tt.want)
			}
			for _, d := range r.Documents {
				if v := CheckIdentity(d, []Person{standardPatient(t)}, true); v.Outcome == WrongPatient {
					t.Errorf("the verdict is %v", v.Reasons)
				}
			}
		})
	}
}

func TestConfidentialityComesOutAsFlags(t *testing.T) {
	r := find(t, Input{Attachments: attach("IHE_XDM.ZIP", xdmCase(t, "undeclared-prefix"), "a.xml", cdaCase(t, "level3"))})
	if c := r.Documents[0].Confidentiality; c != (Confidentiality{HiddenFromPatient: true, Masked: true}) {
		t.Errorf("from the metadata: %+v", c)
	}
	if c := r.Documents[1].Confidentiality; c != (Confidentiality{Restricted: true}) {
		t.Errorf("from the CDA: %+v", c)
	}
}

func TestAReplacementSaysWhatItReplaces(t *testing.T) {
	r := find(t, Input{Attachments: attach("a.xml", cdaCase(t, "level3"), "IHE_XDM.ZIP", xdmCase(t, "replacement"))})
	if got := r.Documents[0].Replaces; !slices.Equal(got, []string{"1.2.250.1.999.7.2.0^v1"}) {
		t.Errorf("the CDA replaces %q", got)
	}
	if got := r.Documents[1].Replaces; !slices.Equal(got, []string{"urn:uuid:00000000-0000-4000-8000-000000000001"}) {
		t.Errorf("the package replaces %q", got)
	}
}

func TestSignaturesOfAPackageAreNoDocuments(t *testing.T) {
	r := find(t, Input{Attachments: attach("IHE_XDM.ZIP", pack(t, xdm.Document{Data: []byte("<Signature/>"), MediaType: "text/xml",
		Format: xdm.Code{Code: "http://www.w3.org/2000/09/xmldsig#"}}, xdm.Document{Data: otherZip(t), MediaType: "application/zip"}))})
	if len(r.Documents) != 0 {
		t.Errorf("%d documents", len(r.Documents))
	}
}

func TestHostileInputIsInertAndTold(t *testing.T) {
	deep := "<ClinicalDocument>" + strings.Repeat("<a>", 300)
	xxe := `<!DOCTYPE ClinicalDocument [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument >&x;</ClinicalDocument>`
	for _, tt := range []struct {
		name  string
		files []any
		want  fault.Kind
	}{
		{"an external entity", []any{"a.xml", xxe}, fault.Invalid},
		{"an external entity in a package", []any{"IHE_XDM.ZIP", pack(t, xdm.Document{Data: []byte(xxe), MediaType: "text/xml"})}, fault.Invalid},
		{"deep nesting", []any{"a.xml", deep}, fault.TooLarge},
		{"a package that is a bomb", []any{"IHE_XDM.ZIP", pack(t, xdm.Document{Data: make([]byte, 3<<20)})}, fault.TooLarge},
		{"a package that is no zip inside", []any{"IHE_XDM.ZIP", "PK\x03\x04 and nothing"}, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := find(t, Input{Attachments: attach(tt.files...)})
			if len(r.Documents) != 0 || len(r.Unread) != 1 || fault.Of(r.Unread[0].Err) != tt.want {
				t.Errorf("Find = %d documents, unread %v, want %v", len(r.Documents), r.Unread, tt.want)
			}
		})
	}
}

func TestPackagesOfOneMailShareOneBudget(t *testing.T) {
	var files []any
	for i := range 12 {
		data := append([]byte(pdfBytes), bytes.Repeat([]byte{byte(i)}, 512<<10)...)
		files = append(files, fmt.Sprintf("IHE_XDM_%d.ZIP", i), pack(t, xdm.Document{Data: data, MediaType: "application/pdf", UniqueID: fmt.Sprint(i)}))
	}
	in := Input{Attachments: attach(files...)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Find(in, Limits{XDM: xdm.Limits{Total: 2 << 20}})
	runtime.ReadMemStats(&after)
	if err != nil || len(r.Documents) != 3 || len(r.Unread) != 9 || fault.Of(r.Unread[0].Err) != fault.TooLarge {
		t.Errorf("%d read, %d unread, %v, want 3 and 9", len(r.Documents), len(r.Unread), err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 6<<20 {
		t.Errorf("%d MB allocated", got>>20)
	}
}

func TestTooManyDocumentsAreRefused(t *testing.T) {
	var files []any
	for i := range 11 {
		files = append(files, "a.pdf", pdfBytes+fmt.Sprint(i))
	}
	if _, err := Find(Input{Attachments: attach(files...)}, Limits{Documents: 10}); !errors.Is(err, fault.TooLarge) {
		t.Errorf("Find: %v, want TooLarge", err)
	}
}

func TestTheTextToRead(t *testing.T) {
	for _, tt := range []struct {
		name string
		a    Attachment
		want []string
	}{
		{"a CDA with sections", Attachment{Data: cdaCase(t, "level3")}, []string{
			"Examen cytobactériologique\n", "Type : CR d'examens biologiques\n", "Date : 09/03/2026\n",
			"Auteur / Author : Camille INVENTÉ, Médecin - Biologie médicale (SM)\n", "Leucocytes | 12 /mm3 | 10 - 20"}},
		{"a CDA around a PDF", Attachment{Data: cdaCase(t, "level1")}, []string{"attached to this message"}},
		{"a CDA around text", Attachment{Data: cdaCase(t, "latin1")}, []string{"Pas d'anomalie décelée."}},
		{"a text file", Attachment{FileName: "a.txt", Data: []byte("d\u00e9j\u00e0\r\nvu\u202e\x1b[0m")}, []string{"déjà\nvu[0m\n"}},
		{"a text file of an old system", Attachment{FileName: "a.txt", Data: []byte("d\xe9j\xe0 vu")}, []string{"déjà vu\n"}},
		{"an RTF file", Attachment{FileName: "a.rtf", Data: []byte(`{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\*\generator X;}\f0 Bonjour \b Madame\b0 ,\par d\'e9j\'e0 \u233\'e9t\'e9 \{1\}\cell 2\row}`)},
			[]string{"Bonjour Madame,\ndéjà été {1}\t2\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := find(t, Input{Attachments: []Attachment{tt.a}})
			for _, w := range tt.want {
				if !strings.Contains(r.Documents[0].Text, w) {
					t.Errorf("text %q lacks %q", r.Documents[0].Text, w)
				}
			}
			if strings.ContainsAny(r.Documents[0].Text, "\x1b\u202e") {
				t.Error("controls got through")
			}
		})
	}
}

func TestALongTextIsCut(t *testing.T) {
	r, err := Find(Input{Attachments: attach("a.txt", strings.Repeat("été ", 10_000))}, Limits{Text: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Documents[0].Text; len(s) > 1000 || !strings.HasSuffix(s, "[…]\n") || strings.ContainsRune(s, '\ufffd') {
		t.Errorf("text of %d bytes ends in %q", len(s), s[len(s)-20:])
	}
}

func FuzzFind(f *testing.F) {
	f.Add("a.xml", "text/xml", cdaCase(f, "level3"), "b.pdf", []byte(pdfBytes), "11502-2")
	f.Add("IHE_XDM.ZIP", "application/zip", xdmCase(f, "regular"), "20260309_CR_d_examens_biologiques_A_B.pdf", []byte(pdfBytes), "")
	f.Add("a.rtf", "", []byte(`{\rtf1{\*\x}\u-3913\'e9\bin5 abcde}`), "a.txt", []byte("d\xe9j\xe0"), ",,REMB")
	f.Fuzz(func(t *testing.T, name1, type1 string, data1 []byte, name2 string, data2 []byte, codes string) {
		in := Input{CodeCDA: codes, Subject: name1, Attachments: []Attachment{
			{Index: 0, FileName: name1, MediaType: type1, Data: data1}, {Index: 1, FileName: name2, Data: data2}}}
		r, err := Find(in, Limits{Text: 2000, XDM: xdm.Limits{Total: 1 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Documents {
			if d.Title == "" || d.Type.Label == "" || len(d.Files) == 0 || strings.ContainsAny(d.Title, "\r\n\x00") {
				t.Errorf("a document without what it promises: %q, %q", d.Title, d.Type.Label)
			}
			if len(d.Text) > 2000 || !isToken(strings.Replace(d.MediaType, "/", "", 1)) {
				t.Errorf("text of %d bytes, media type %q", len(d.Text), d.MediaType)
			}
			CheckIdentity(d, []Person{standardPatient(t)}, false)
		}
	})
}

// grown makes the level 1 example as large as a real one.
func grown(b *testing.B, n int) []byte {
	pdf := strings.Repeat(strings.Repeat("QUJD", 19)+"\n", n/77)
	return bytes.Replace(cdaCase(b, "level1"), []byte("</text>"), []byte(pdf+"</text>"), 1)
}

func BenchmarkFindLevel1(b *testing.B) {
	benchmarkFind(b, attach("a.xml", grown(b, 450_000)))
}

func BenchmarkFindXDM(b *testing.B) {
	benchmarkFind(b, attach("IHE_XDM.ZIP", pack(b, xdm.Document{Data: grown(b, 450_000), MediaType: "text/xml"})))
}

func BenchmarkFindPDF(b *testing.B) {
	benchmarkFind(b, attach("a.pdf", pdfBytes+strings.Repeat("x", 300_000)))
}

func benchmarkFind(b *testing.B, in []Attachment) {
	b.SetBytes(int64(len(in[0].Data)))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := Find(Input{Attachments: in}, Limits{}); err != nil || len(r.Documents) != 1 {
			b.Fatalf("%d documents, %v", len(r.Documents), err)
		}
	}
}

func TestThePackageSaysWhatTheDocumentDoesNot(t *testing.T) {
	event := xdm.Code{Code: "28.01.02", System: "1.2.250.1.213.1.1.4.12", Display: "Radiographie"}
	r := find(t, Input{Attachments: attach("IHE_XDM.zip", pack(t, xdm.Document{
		Name: "DOC.PDF", UniqueID: "1.2.4", MediaType: "application/pdf", Data: []byte("%PDF-1.4\n"), Title: "Note",
		Type: xdm.Code{Code: "11488-4"}, Events: []xdm.Code{event}, Facility: xdm.Code{Code: "SA07"}, PracticeSetting: xdm.Code{Code: "AMBULATOIRE"},
		Authors: []xdm.Author{{Person: xdm.Person{Family: "THOMAS", Given: "Éric", ID: "810101010101"}, Specialty: xdm.Code{Code: "G15_10/SM03", Display: "Cardiologie"}}},
	}))})
	if len(r.Documents) != 1 {
		t.Fatalf("%d documents", len(r.Documents))
	}
	d := r.Documents[0]
	if d.Set.UniqueID != "1.2.3" || len(d.Events) != 1 || d.Events[0] != cda.Code(event) || d.Facility.Code != "SA07" ||
		d.PracticeSetting.Code != "AMBULATOIRE" || d.Author.Profession != "G15_10/SM03" || d.Author.Specialty != "Cardiologie" || d.Author.ID != "810101010101" {
		t.Errorf("it is said to be %+v %+v %+v %+v", d.Set, d.Events, d.Facility, d.Author)
	}
}
