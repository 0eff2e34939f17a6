package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
)

var storyDay = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func TestThePopulationIsAlwaysTheSame(t *testing.T) {
	const more = 2000
	people := population(more, more)
	if again := population(more, more); !reflect.DeepEqual(people, again) {
		t.Error("two populations of the same size differ")
	}
	if want := len(namedPatients) + len(namedOthers) + 2*more; len(people) != want {
		t.Errorf("%d people, want %d", len(people), want)
	}
	official := regexp.MustCompile(`^(279035121518989|277076322082910|162018885045327|146026322000196|248039263001064)$`)
	seen := map[string]bool{}
	for _, p := range people {
		if seen[p.address] {
			t.Errorf("%s twice", p.address)
		}
		seen[p.address] = true
		if a, err := ident.ParseAddress(p.address); err != nil || a.Canonical() != p.address {
			t.Errorf("%s is not a canonical address: %v", p.address, err)
		}
		if p.role == rolePatient && !p.matricule.Invented() && !official.MatchString(p.matricule.Canonical()) {
			t.Errorf("%s is neither invented nor a test patient", p.address)
		}
		if p.role != rolePatient && p.bal.Address != p.address {
			t.Errorf("%s has the mailbox %s", p.address, p.bal.Address)
		}
		if notes[p.note] == "" {
			t.Errorf("%s: the note %q has no words", p.address, p.note)
		}
	}
	for _, size := range []struct{ patients, professionals int }{{0, 0}, {3, 5}} {
		small := population(size.patients, size.professionals)
		for _, p := range small {
			if !seen[p.address] {
				t.Errorf("%s is in a smaller population only", p.address)
			}
		}
	}
}

func TestThereAreEnoughMatricules(t *testing.T) {
	seen := make(map[ident.Matricule]bool, mostMore)
	for i := range mostMore {
		m := anotherPatient(i).matricule
		if seen[m] {
			t.Fatalf("the matricule of patient %d is taken", i)
		}
		seen[m] = true
	}
}

func TestTheStoryIsAlwaysTheSame(t *testing.T) {
	one, err := demoStory(storyDay)
	if err != nil {
		t.Fatal(err)
	}
	two, err := demoStory(storyDay)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, l := range one {
		a, err := l.compose()
		if err != nil {
			t.Fatal(err)
		}
		b, err := two[i].compose()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("mail %s is another each time", l.id)
		}
		if seen[l.id] {
			t.Errorf("two mails are called %s", l.id)
		}
		seen[l.id] = true
		if l.sent.After(storyDay) || storyDay.Sub(l.sent) > 31*24*time.Hour || i > 0 && l.sent.Before(one[i-1].sent) {
			t.Errorf("mail %s is not in the order of the last month: %s", l.id, l.sent)
		}
		if m, err := message.Parse(a, message.Default); err != nil || len(m.Defects) > 0 {
			t.Errorf("mail %s: %v, %v", l.id, err, m.Defects)
		}
	}
}

func TestThePDFsOpen(t *testing.T) {
	letters, err := demoStory(storyDay)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range letters {
		for _, f := range l.files {
			if f.Type != "application/pdf" {
				continue
			}
			n++
			t.Run(f.Name, func(t *testing.T) {
				checkPDF(t, f.Content)
				readPDF(t, f.Content)
			})
		}
	}
	if n < 5 {
		t.Errorf("%d PDFs in the story", n)
	}
}

// checkPDF follows the structure of a file as a viewer does: from its end to
// the table, and from there to every object (ISO 32000-1 §7.5).
func checkPDF(t *testing.T, b []byte) {
	t.Helper()
	tail := regexp.MustCompile(`trailer\n<< /Size (\d+) /Root 1 0 R /Info (\d+) 0 R >>\nstartxref\n(\d+)\n%%EOF\n$`).FindSubmatch(b)
	if !bytes.HasPrefix(b, []byte("%PDF-1.4\n")) || tail == nil {
		t.Fatal("no header or no trailer")
	}
	size, _ := strconv.Atoi(string(tail[1]))
	xref, _ := strconv.Atoi(string(tail[3]))
	table := fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", size)
	if !bytes.HasPrefix(b[xref:], []byte(table)) {
		t.Fatal("the table is not where the trailer says")
	}
	for i := 1; i < size; i++ {
		row := string(b[xref+len(table)+20*(i-1):][:20])
		at, err := strconv.Atoi(row[:10])
		if err != nil || row[10:] != " 00000 n \n" {
			t.Fatalf("row %d of the table is %q", i, row)
		}
		if !bytes.HasPrefix(b[at:], fmt.Appendf(nil, "%d 0 obj\n", i)) {
			t.Errorf("object %d is not where the table says", i)
		}
	}
	stream := regexp.MustCompile(`(?s)<< /Length (\d+) >>\nstream\n(.*)endstream`).FindSubmatch(b)
	if length, _ := strconv.Atoi(string(stream[1])); length != len(stream[2]) {
		t.Errorf("the stream has %d bytes and says %d", len(stream[2]), length)
	}
	// Helvetica is about half as wide as it is high.
	for _, line := range regexp.MustCompile(`/F\d (\d+) Tf \d+ (-?\d+) Td \((.*)\) Tj`).FindAllSubmatch(stream[2], -1) {
		height, _ := strconv.Atoi(string(line[1]))
		y, _ := strconv.Atoi(string(line[2]))
		letters := len(regexp.MustCompile(`\\\d{3}|\\.`).ReplaceAll(line[3], []byte("x")))
		if y < 36 || marginLeft+letters*height/2 > pageWidth {
			t.Errorf("does not fit on the page: %s", line[3])
		}
	}
}

// readPDF has another program read a file.
func readPDF(t *testing.T, b []byte) {
	t.Helper()
	if _, err := exec.LookPath("pdftotext"); err != nil {
		t.Log("pdftotext is not installed: no other program has read this PDF")
		return
	}
	path := filepath.Join(t.TempDir(), "a.pdf")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-enc", "UTF-8", path, "-").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Document inventé pour la démonstration") {
		t.Errorf("pdftotext: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "Error") {
		t.Errorf("pdftotext complains:\n%s", out)
	}
}

func TestPDFStrings(t *testing.T) {
	for in, want := range map[string]string{
		"":           "()",
		"Ordonnance": "(Ordonnance)",
		`a(b)\c`:     `(a\(b\)\\c)`,
		"déjà – œil": `(d\351j\340 \226 \234il)`,
		"漢":          `(\032)`,
		"a\nb":       `(a\012b)`,
	} {
		if got := pdfString(in); got != want {
			t.Errorf("pdfString(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestAFolderOfBeforeThereWereTokensGoesOn(t *testing.T) {
	folder := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(folder, accountsFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("role,name,profession,address,login,password,note\npatient,Alix ESSAI,,a@p.test,a@p.test,secret,first\n")
	if list, err := readAccounts(folder); err != nil || len(list) != 1 || list[0].password != "secret" || list[0].note != "first" {
		t.Errorf("%+v, %v", list, err)
	}
	for _, text := range []string{"a,b\n1,2\n", "role,name,profession,address,login,password,note\nonly,two\n", "role,name,profession,address,login,secret,note\n"} {
		write(text)
		if _, err := readAccounts(folder); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%q gives %v", text, err)
		}
	}
}

func TestThePhotoOpens(t *testing.T) {
	b, err := dressing()
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || img.Bounds().Dx() != 640 {
		t.Errorf("%v, %v", img, err)
	}
}

func TestTheLaboratoryReportIsOneDocument(t *testing.T) {
	letter, err := laboratory(calendar{storyDay})
	if err != nil {
		t.Fatal(err)
	}
	in := document.Input{CodeCDA: "11502-2", INS: "O", Subject: letter.subject, Date: storyDay}
	for i, f := range letter.files {
		in.Attachments = append(in.Attachments, document.Attachment{Index: i, FileName: f.Name, MediaType: f.Type, Data: f.Content})
	}
	r, err := document.Find(in, document.Limits{})
	if err != nil || len(r.Documents) != 1 || len(r.Unread) > 0 || len(r.Defects) > 0 {
		t.Fatalf("%d documents, unread %v, defects %v, %v", len(r.Documents), r.Unread, r.Defects, err)
	}
	d := r.Documents[0]
	if d.Rendition == nil || d.Type.Code != "11502-2" || d.Title != labTitle || len(d.Defects) > 0 {
		t.Errorf("rendition %v, type %s, title %q, defects %q", d.Rendition != nil, d.Type.Code, d.Title, d.Defects)
	}
	for _, want := range []string{"Agathe FERRAND", "HbA1c | 5,6 | % | 4,0 – 6,0", "< 2,00", "Contrôle conseillé"} {
		if !strings.Contains(d.Text, want) {
			t.Errorf("the readable text lacks %q:\n%s", want, d.Text)
		}
	}
	traits := dominique.traits
	who := document.Person{Matricule: dominique.matricule, Traits: cda.Traits{
		BirthName: traits.BirthName, FirstNames: traits.FirstNames, BirthDate: traits.BirthDate, Sex: traits.Sex, BirthPlace: traits.BirthPlace}}
	if v := document.CheckIdentity(d, []document.Person{who}, true); v.Outcome != document.OK || len(v.Concerns) != 1 {
		t.Errorf("identity: %v %v", v.Outcome, v.Reasons)
	}
	who.Matricule = louise.matricule
	if v := document.CheckIdentity(d, []document.Person{who}, true); v.Outcome != document.WrongPatient {
		t.Errorf("sent to another patient: %v", v.Outcome)
	}
}
