package xdm

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vaguemestre/internal/fault"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// zipFolder packs the files below a folder, in the order of their names.
func zipFolder(t testing.TB, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if err := z.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// golden shows the data of a document by its length.
type golden struct {
	Package
	Data []int
}

func TestGolden(t *testing.T) {
	cases, _ := filepath.Glob("testdata/*/files")
	if len(cases) < 9 {
		t.Fatalf("%d cases, want at least 9", len(cases))
	}
	for _, files := range cases {
		dir := filepath.Dir(files)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			data := zipFolder(t, files)
			if !Sniff(data, Limits{}) {
				t.Error("Sniff does not know it")
			}
			p, err := Read(data, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			g := golden{Package: *p}
			for i := range g.Documents {
				g.Data = append(g.Data, len(g.Documents[i].Data))
				g.Documents[i].Data = nil
			}
			j, err := json.MarshalIndent(g, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			want := filepath.Join(dir, "want.json")
			if *update {
				if err := os.WriteFile(want, append(j, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(b), string(j)+"\n"); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestEveryDefectIsSurvived says in words what the golden files hold: each
// defect of the field still gives the document, its type and its patient.
func TestEveryDefectIsSurvived(t *testing.T) {
	for _, tt := range []struct {
		folder, unique, typeCode, patient, defect string
	}{
		{"regular", "1.2.250.1.999.7.1", "11502-2", "279035121518989", ""},
		{"undeclared-prefix", "1.2.250.1.999.8.1", "IMG-KOS", "279035121518989", ""},
		{"missing-slash", "1.2.250.1.999.7.5", "11502-2", "279035121518989", "the URI does not lead to the file"},
		{"lower-case", "1.2.250.1.999.7.1", "11502-2", "279035121518989", "the hash is not that of the file"},
		{"no-metadata", "", "", "", "not described by METADATA.XML"},
		{"wrong-uri", "1.2.250.1.999.7.1", "11502-2", "279035121518989", "the URI does not lead to the file"},
		{"replacement", "1.2.250.1.999.7.1.2", "11502-2", "279035121518989", ""},
		{"misnamed", "1.2.250.1.999.7.1", "11502-2", "279035121518989", ""},
		{"broken-metadata", "", "", "", "not described by METADATA.XML"},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			p, err := Read(zipFolder(t, "testdata/"+tt.folder+"/files"), Limits{})
			if err != nil || len(p.Documents) == 0 {
				t.Fatalf("Read: %v", err)
			}
			d := p.Documents[0]
			if d.UniqueID != tt.unique || d.Type.Code != tt.typeCode || d.PatientID.Text != tt.patient {
				t.Errorf("the document is %q of type %q", d.UniqueID, d.Type.Code)
			}
			if len(d.Data) == 0 {
				t.Error("its file was lost")
			}
			if tt.defect == "" != (len(d.Defects) == 0) || tt.defect != "" && !slices.Contains(d.Defects, tt.defect) {
				t.Errorf("defects %q, want %q", d.Defects, tt.defect)
			}
		})
	}
}

// An item is one entry of a zip made to harm.
type item struct {
	name, data string
	flags      uint16
}

func makeZip(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, i := range items {
		w, err := z.CreateHeader(&zip.FileHeader{Name: i.name, Method: zip.Deflate, Flags: i.flags})
		if err == nil {
			_, err = w.Write([]byte(i.data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadRefuses(t *testing.T) {
	small := Limits{Entries: 10, Entry: 1 << 20, Total: 3 << 20}
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	many := make([]item, 11)
	for i := range many {
		many[i] = item{name: fmt.Sprintf("IHE_XDM/%d", i)}
	}
	for _, tt := range []struct {
		name string
		zip  []byte
		lim  Limits
		want fault.Kind
	}{
		{"a bomb of 199 KB that holds 200 MB", bomb(t, 200<<20), Limits{}, fault.TooLarge},
		{"an entry too large", makeZip(t, item{name: "a", data: zeros(1<<20 + 1)}), small, fault.TooLarge},
		{"entries too large together", makeZip(t, item{name: "a", data: zeros(1 << 20)}, item{name: "b", data: zeros(1 << 20)}, item{name: "c", data: zeros(1 << 20)}, item{name: "d", data: "x"}), small, fault.TooLarge},
		{"a ratio no document has", makeZip(t, item{name: "a", data: zeros(2 << 20)}), Limits{}, fault.TooLarge},
		{"too many entries", makeZip(t, many...), small, fault.TooLarge},
		{"a zip too large", make([]byte, 101), Limits{Size: 100}, fault.TooLarge},
		{"a name that climbs out", makeZip(t, item{name: "IHE_XDM/../../etc/passwd", data: "x"}), Limits{}, fault.Invalid},
		{"a name that climbs out with backslashes", makeZip(t, item{name: `IHE_XDM\..\..\x`, data: "x"}), Limits{}, fault.Invalid},
		{"an absolute name", makeZip(t, item{name: "/etc/passwd", data: "x"}), Limits{}, fault.Invalid},
		{"a name with a drive", makeZip(t, item{name: `C:\x`, data: "x"}), Limits{}, fault.Invalid},
		{"a name with a control character", makeZip(t, item{name: "a\x00.xml", data: "x"}), Limits{}, fault.Invalid},
		{"an entry twice", makeZip(t, item{name: "IHE_XDM/A.XML", data: "1"}, item{name: "IHE_XDM/A.XML", data: "2"}), Limits{}, fault.Invalid},
		{"an entry twice but for case", makeZip(t, item{name: "IHE_XDM/A.XML", data: "1"}, item{name: "ihe_xdm/a.xml", data: "2"}), Limits{}, fault.Invalid},
		{"an entry twice but for a dot", makeZip(t, item{name: "IHE_XDM/A.XML", data: "1"}, item{name: "IHE_XDM/./A.XML", data: "2"}), Limits{}, fault.Invalid},
		{"no zip", []byte("%PDF-1.4"), Limits{}, fault.Invalid},
		{"nothing", nil, Limits{}, fault.Invalid},
		{"a directory of a million entries", bytes.Repeat([]byte("PK\x01\x02"), 1<<20), Limits{}, fault.TooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Read(tt.zip, tt.lim)
			if fault.Of(err) != tt.want {
				t.Errorf("Read = %v, %v, want %v", p, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "passwd") {
				t.Errorf("the error carries content: %v", err)
			}
		})
	}
}

// bomb returns 200 MB of zeros in 199 KB, in an entry that declares some size.
// A megabyte is packed once and repeated: it refers to nothing before it.
func bomb(t testing.TB, declared uint64) []byte {
	t.Helper()
	const megabytes = 200
	block := make([]byte, 1<<20)
	var packed bytes.Buffer
	fw, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fw.Write(block); err != nil {
		t.Fatal(err)
	}
	if err := fw.Flush(); err != nil {
		t.Fatal(err)
	}
	body := append(bytes.Repeat(packed.Bytes(), megabytes), 3, 0) // and an empty last block
	var sum uint32
	for range megabytes {
		sum = crc32.Update(sum, crc32.IEEETable, block)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "IHE_XDM/SUBSET01/DOC00001.XML", Method: zip.Deflate,
		CRC32: sum, CompressedSize64: uint64(len(body)), UncompressedSize64: declared})
	if err == nil {
		_, err = w.Write(body)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestABombCostsNoMoreThanItself(t *testing.T) {
	for _, tt := range []struct {
		name     string
		declared uint64
		want     fault.Kind
		most     uint64 // bytes allocated
	}{
		{"one that says what it is", 200 << 20, fault.TooLarge, 1 << 20},
		{"one that says it is small", 1000, "", 1 << 20},
		{"one that says it is as large as may be", 1 << 20, "", 4 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := bomb(t, tt.declared)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, err := Read(data, Limits{})
			runtime.ReadMemStats(&after)
			if fault.Of(err) != tt.want || err == nil && len(p.Documents) > 0 {
				t.Errorf("Read: %v, want %v and no document", err, tt.want)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > tt.most {
				t.Errorf("%d KB allocated", got>>10)
			}
		})
	}
}

// A declared size that lies downwards must not let more through than it says.
func TestASizeThatLiesIsNotBelieved(t *testing.T) {
	data := makeZip(t, item{name: "IHE_XDM/A.XML", data: strings.Repeat("a", 5<<20)})
	at := bytes.Index(data, []byte("PK\x01\x02"))
	copy(data[at+24:], []byte{10, 0, 0, 0}) // uncompressed size in the directory
	p, err := Read(data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Documents) != 0 || !slices.Contains(p.Defects, "an entry is damaged and was left out") {
		t.Errorf("Read = %d documents, defects %q", len(p.Documents), p.Defects)
	}
}

func TestDamagedEntriesAreLeftOut(t *testing.T) {
	whole := makeZip(t, item{name: "IHE_XDM/A.XML", data: "<a/>"}, item{name: "IHE_XDM/B.PDF", data: "%PDF-1.4"})
	for _, tt := range []struct {
		name   string
		spoil  func(b []byte, dir int)
		defect string
	}{
		{"a wrong checksum", func(b []byte, dir int) { b[dir+16] ^= 1 }, "an entry is damaged and was left out"},
		{"an encrypted entry", func(b []byte, dir int) { b[dir+8] |= 1 }, "an entry is encrypted and was left out"},
		{"a method nobody knows", func(b []byte, dir int) { b[dir+10] = 99 }, "an entry is damaged and was left out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := bytes.Clone(whole)
			tt.spoil(b, bytes.Index(b, []byte("PK\x01\x02")))
			p, err := Read(b, Limits{})
			if err != nil || len(p.Documents) != 1 || p.Documents[0].Name != "IHE_XDM/B.PDF" || !slices.Contains(p.Defects, tt.defect) {
				t.Errorf("Read = %+v, %v, want B.PDF alone", p, err)
			}
		})
	}
}

func TestBackslashesAreSlashes(t *testing.T) {
	p, err := Read(makeZip(t, item{name: `IHE_XDM\SUBSET01\DOC1.XML`, data: "<a/>"}), Limits{})
	if err != nil || len(p.Documents) != 1 || p.Documents[0].Name != "IHE_XDM/SUBSET01/DOC1.XML" {
		t.Errorf("Read = %+v, %v", p, err)
	}
}

func TestAZipWithinAZipStaysClosed(t *testing.T) {
	inner := makeZip(t, item{name: "IHE_XDM/A.XML", data: "<a/>"})
	p, err := Read(makeZip(t, item{name: "IHE_XDM/B.ZIP", data: string(inner)}), Limits{})
	if err != nil || len(p.Documents) != 1 || !bytes.Equal(p.Documents[0].Data, inner) {
		t.Errorf("Read = %+v, %v, want the inner zip as it is", p, err)
	}
}

func TestMetadataThatLiesInNumberIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("<S><RegistryObjectList>")
	for range 5000 {
		b.WriteString(`<ExtrinsicObject><Slot name="hash"><ValueList><Value>` + strings.Repeat("0", 40) + `</Value></ValueList></Slot></ExtrinsicObject>`)
	}
	b.WriteString("</RegistryObjectList></S>")
	p, err := Read(makeZip(t, item{name: "IHE_XDM/METADATA.XML", data: b.String()}, item{name: "IHE_XDM/A.PDF", data: "%PDF"}), Limits{})
	if err != nil || len(p.Documents) != 1 || p.Documents[0].Described {
		t.Errorf("Read = %d documents, %v", len(p.Documents), err)
	}
}

func TestSniffLeavesOtherZipsAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		zip  []byte
		want bool
	}{
		{"a word processor's file", makeZip(t, item{name: "[Content_Types].xml"}, item{name: "word/document.xml"}), false},
		{"files in a zip", makeZip(t, item{name: "photo.jpg"}), false},
		{"metadata alone", makeZip(t, item{name: "metadata.xml"}), true},
		{"a folder alone", makeZip(t, item{name: "ihe_xdm/x"}), true},
		{"no zip", []byte("PK\x03\x04"), false},
	} {
		if got := Sniff(tt.zip, Limits{}); got != tt.want {
			t.Errorf("%s: Sniff = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func sample() *Package {
	when := time.Date(2026, 3, 10, 8, 15, 0, 0, time.UTC)
	author := Author{
		Person:       Person{ID: "899990000014", OID: "1.2.250.1.71.4.2.1", Family: "INVENTÉ", Given: "Camille"},
		Organisation: Organisation{ID: "1990000019", OID: "1.2.250.1.71.4.2.2", Name: `Labo <"des Glycines">`},
		Specialty:    Code{"G15_10/SM03", "1.2.250.1.213.1.1.4.5", "Médecin - Biologie médicale (SM)"},
		Role:         "Auteur",
	}
	patient := PatientID{Text: "279035121518989", OID: "1.2.250.1.213.1.4.10", Type: "NH"}
	return &Package{
		Sets: []SubmissionSet{{UniqueID: "1.2.3.4", SourceID: "1.2.3", PatientID: patient, Title: "Envoi & suite",
			ContentType: Code{"07", "1.2.250.1.213.2.2", "Consultation"}, Submitted: when, Authors: []Author{author}}},
		Documents: []Document{{
			Name: "rapport.xml", Data: []byte("<ClinicalDocument/>"), EntryID: "Document01", UniqueID: "1.2.3.4.5^a", MediaType: "text/xml",
			Title: "Bilan", Comments: "à lire", Language: "fr-FR", Type: Code{"11502-2", "2.16.840.1.113883.6.1", "CR d'examens"},
			Class: Code{"10", "1.2.250.1.213.1.1.4.1", "Compte rendu"}, Format: Code{"urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "PDF"},
			Facility: Code{"SA25", "1.2.250.1.71.4.2.4", "Laboratoire"}, PracticeSetting: Code{"AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"},
			Confidentiality: []Code{{"N", "2.16.840.1.113883.5.25", "Normal"}, {"MASQUE_PS", "1.2.250.1.213.1.1.4.13", "Masqué"}},
			Events:          []Code{{"MR", "1.2.250.1.213.1.1.5.618", "IRM"}},
			Created:         when, ServiceStart: when.Add(-time.Hour), ServiceStop: when, Authors: []Author{author}, Authenticator: author.Person,
			PatientID: patient, SourcePatientID: PatientID{"IPP-1", "1.2.250.1.999.1.33", "PI"},
			SourcePatient: Traits{"PAT-TROIS", "DOMINIQUE", "19790328", "F"}, Replaces: []string{"urn:uuid:0"}, Appends: []string{"urn:uuid:1"},
		}, {
			Name: "x", Data: []byte("%PDF-1.4"), EntryID: "Document02", UniqueID: "1.2.3.4.6", MediaType: "application/pdf", Transform: []string{"Document01"},
		}},
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	var b, again bytes.Buffer
	want := sample()
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	if err := Write(&again, want); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("a second Write gives other bytes, %v", err)
	}
	got, err := Read(b.Bytes(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range got.Documents {
		if !d.HashOK || !d.Described || d.Name != fmt.Sprintf("IHE_XDM/SUBSET01/DOC%05d%s", i+1, []string{".XML", ".PDF"}[i]) {
			t.Errorf("document %d: hash ok %v, described %v, name %s", i, d.HashOK, d.Described, d.Name)
		}
	}
	// cmp prints through String, which hides patients: compare them by hand.
	for i := range want.Documents {
		if got.Documents[i].PatientID != want.Documents[i].PatientID || got.Documents[i].SourcePatient != want.Documents[i].SourcePatient {
			t.Errorf("document %d names another patient", i)
		}
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Document{}, "Name", "HashOK", "Described"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
}

func TestWriteRefusesWhatHasNoSet(t *testing.T) {
	if err := Write(&bytes.Buffer{}, &Package{}); fault.Of(err) != fault.Invalid {
		t.Errorf("Write = %v, want Invalid", err)
	}
}

func TestPatientsDoNotLeak(t *testing.T) {
	p := sample()
	s := fmt.Sprintf("%v %+v %#v", p.Documents[0].PatientID, p.Documents[0].SourcePatient, p.Sets[0].PatientID)
	if strings.Contains(s, "2790351") || strings.Contains(s, "PAT-TROIS") {
		t.Errorf("a patient leaked: %s", s)
	}
}

func FuzzRead(f *testing.F) {
	cases, err := fs.Glob(os.DirFS("testdata"), "*/files")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		f.Add(zipFolder(f, "testdata/"+c))
	}
	f.Add(makeZip(f, item{name: `IHE_XDM\A.XML`, data: "<a/>", flags: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Read(data, Limits{Total: 1 << 20})
		if err != nil {
			if k := fault.Of(err); k != fault.Invalid && k != fault.TooLarge {
				t.Errorf("an error of kind %v: %v", k, err)
			}
			return
		}
		total := 0
		for _, d := range p.Documents {
			total += len(d.Data)
			if strings.Contains(d.Name, "..") && strings.Contains("/"+d.Name+"/", "/../") || strings.HasPrefix(d.Name, "/") {
				t.Errorf("a document leaves the folder: %q", d.Name)
			}
		}
		if total > 1<<20 {
			t.Errorf("%d bytes out", total)
		}
	})
}

// FuzzMetadata feeds the describing XML alone, which the zip's checksums hide
// from FuzzRead.
func FuzzMetadata(f *testing.F) {
	cases, _ := filepath.Glob("testdata/*/files/IHE_XDM/*/META*.XML")
	for _, c := range cases {
		b, err := os.ReadFile(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		meta := &file{name: "IHE_XDM/SUBSET01/METADATA.XML", data: data, metadata: true}
		doc := &file{name: "IHE_XDM/SUBSET01/DOC00001.XML", data: []byte("<x/>")}
		var p Package
		if err := p.describe(meta, []*file{meta, doc}, Limits{}.withDefaults()); err == nil && len(p.Documents) > 1 {
			t.Errorf("%d documents of one file", len(p.Documents))
		}
	})
}
