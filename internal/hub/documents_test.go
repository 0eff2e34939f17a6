package hub

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
)

// report writes a CDA R2 report of level 1 about a patient.
func report(uniqueID, matricule, name, title string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="` + uniqueID + `"/><code code="18748-4" codeSystem="2.16.840.1.113883.6.1" displayName="CR d'imagerie médicale"/><title>` + title + `</title>
<effectiveTime value="20261120101500+0100"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.8" extension="` + matricule + `"/><patient><name><family qualifier="BR">` + name + `</family><given>Alix</given></name></patient></patientRole></recordTarget>
<author><time value="20261120"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="899900000001"/><assignedPerson><name><given>Éric</given><family>THOMAS</family></name></assignedPerson></assignedAuthor></author>
<component><structuredBody><component><section><title>Conclusion</title><text>Pas de lésion visible.</text></section></component></structuredBody></component></ClinicalDocument>
`
}

func matriculeOf(address string) string { return addr(address).Local() }

// attach writes a mail that carries files, given as name and content.
func attach(from, to, id, more string, files ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Message-ID: <%s>\r\nFrom: <%s>\r\nTo: <%s>\r\nSubject: Compte rendu\r\n%sMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nCi-joint.\r\n", id, from, to, more)
	for i := 0; i < len(files); i += 2 {
		mediaType := "application/octet-stream"
		switch {
		case strings.HasSuffix(files[i], ".pdf"):
			mediaType = "application/pdf"
		case strings.HasSuffix(files[i], ".xml"):
			mediaType = "text/xml"
		}
		fmt.Fprintf(&b, "--b\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n", mediaType, files[i])
		text := base64.StdEncoding.EncodeToString([]byte(files[i+1]))
		for len(text) > 76 {
			b.WriteString(text[:76] + "\r\n")
			text = text[76:]
		}
		b.WriteString(text + "\r\n")
	}
	b.WriteString("--b--\r\n")
	return []byte(b.String())
}

// shelves returns how many documents each shelf of a patient shows.
func (h *house) shelves(address string) map[string]int {
	h.t.Helper()
	counts := map[string]int{}
	for name, f := range h.shelfFolders(address) {
		counts[name] = int(f.Messages)
	}
	return counts
}

// arrivals returns how many documents each shelf has ever shown: one that was
// replaced counts as well.
func (h *house) arrivals(address string) map[string]int {
	h.t.Helper()
	counts := map[string]int{}
	for name, f := range h.shelfFolders(address) {
		counts[name] = int(f.UIDNext)
	}
	return counts
}

func (h *house) shelfFolders(address string) map[string]mailbox.Folder {
	h.t.Helper()
	m, err := h.OpenMailbox(h.t.Context(), h.login(address))
	if err != nil {
		h.t.Fatal(err)
	}
	defer m.Close()
	folders, err := m.Folders(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	shelves := map[string]mailbox.Folder{}
	for _, f := range folders {
		if name, ok := strings.CutPrefix(f.Name, "Documents/"); ok {
			if !f.ReadOnly {
				h.t.Errorf("shelf %s can be written to", f.Name)
			}
			shelves[name] = f
		}
	}
	return shelves
}

const pdf = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"

func TestADocumentGoesOnItsShelf(t *testing.T) {
	h := newHouse(t)
	text := report("1.2.250.1.999.1", matriculeOf(alice), "ESSAI", "Radiographie du thorax")
	raw := attach(thomas, alice, "cda@test", "", "cr.xml", text, "cr.pdf", pdf+strings.Repeat("%", 600))
	if err := h.deliver(thomas, raw, alice); err != nil {
		t.Fatal(err)
	}
	if got := h.shelves(alice); len(got) != 1 || got["Imagerie"] != 1 {
		t.Fatalf("shelves are %v, want one document under Imagerie: the PDF is its rendition", got)
	}
	view := h.read(alice, "Documents/Imagerie")[0]
	for _, want := range []string{"Radiographie du thorax", "Pas de l=C3=A9sion visible", base64.StdEncoding.EncodeToString([]byte(text))[:60], "cr.pdf"} {
		if !strings.Contains(view, want) {
			t.Errorf("the view lacks %q:\n%.1500s", want, view)
		}
	}
	if got := h.read(alice, "INBOX"); len(got) != 1 || !strings.HasSuffix(got[0], string(raw)) {
		t.Error("the mail is not what was sent")
	}
	if err := h.deliver(thomas, attach(thomas, alice, "again@test", "", "cr.xml", text), alice); err != nil {
		t.Fatal(err)
	}
	if got := h.shelves(alice); got["Imagerie"] != 1 {
		t.Errorf("the same uniqueId twice gives %v", got)
	}
	h.verifies()
}

func TestADocumentNeverReachesTheWrongPatient(t *testing.T) {
	h := newHouse(t)
	text := report("1.2.250.1.999.2", matriculeOf(bruno), "ESSAI", "Scanner")
	for name, to := range map[string][]string{
		"the wrong patient":                 {alice},
		"the wrong patient beside others":   {alice, adam},
		"the right patient and another one": {bruno, alice},
	} {
		if err := h.deliver(thomas, attach(thomas, to[0], name, "", "cr.xml", text), to...); ruleOf(err) != "document/wrong-patient" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, a := range []string{alice, bruno, adam} {
		if n := len(h.read(a, "INBOX")); n != 0 {
			t.Errorf("%d mails were filed", n)
		}
	}
	if err := h.deliver(thomas, attach(thomas, bruno, "right@test", "", "cr.xml", text), bruno, adam); err != nil {
		t.Errorf("the right patient beside a professional: %v", err)
	}
	h.verifies()
}

func TestADoubtfulIdentityIsFiledAndMarked(t *testing.T) {
	h := newHouse(t)
	wrongKey := matriculeOf(alice)[:13] + fmt.Sprintf("%02d", (keyOf(alice)+1)%97+1)
	for name, text := range map[string]string{
		"a wrong key":  report("1.2.250.1.999.3", wrongKey, "ESSAI", "Clé fausse"),
		"another name": report("1.2.250.1.999.4", matriculeOf(alice), "DUPOND", "Nom différent"),
	} {
		if err := h.deliver(thomas, attach(thomas, alice, name, "", "cr.xml", text), alice); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	views := h.read(alice, "Documents/Imagerie")
	if len(views) != 2 {
		t.Fatalf("%d documents", len(views))
	}
	for _, v := range views {
		if !strings.Contains(v, "Identity to be verified") {
			t.Errorf("not marked:\n%.800s", v)
		}
	}
}

func keyOf(address string) (k int) {
	fmt.Sscan(matriculeOf(address)[13:], &k)
	return k
}

func TestAMailBetweenProfessionalsMakesNoDocument(t *testing.T) {
	h := newHouse(t)
	text := report("1.2.250.1.999.5", matriculeOf(bruno), "ESSAI", "Scanner")
	if err := h.deliver(thomas, attach(thomas, adam, "pro@test", "", "cr.xml", text), adam); err != nil {
		t.Fatal(err)
	}
	if n := len(h.read(adam, "INBOX")); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestAPlainPDFTakesItsTypeFromItsName(t *testing.T) {
	h := newHouse(t)
	m, _ := ident.ParseMatricule(matriculeOf(alice))
	if m.IsZero() {
		t.Fatal("no matricule")
	}
	if err := h.deliver(thomas, attach(thomas, alice, "pdf@test", "", "note.pdf", pdf+strings.Repeat("%", 70000)), alice); err != nil {
		t.Fatal(err)
	}
	if got := h.shelves(alice); got["Autres documents"] != 1 {
		t.Errorf("shelves are %v", got)
	}
	blobs := 0
	for _, err := range h.blobs.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		blobs++
	}
	if blobs != 1 {
		t.Errorf("%d blobs, want one: mailbox, vault and shelf share it", blobs)
	}
	h.verifies()
}
