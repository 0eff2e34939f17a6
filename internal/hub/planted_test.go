package hub

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// disk returns everything that the engines keep: the names of partitions, keys,
// values, names and bytes of blobs.
func (h *house) disk() []byte {
	h.t.Helper()
	var all bytes.Buffer
	for part, err := range h.memory.Parts(h.t.Context()) {
		if err != nil {
			h.t.Fatal(err)
		}
		err := h.memory.View(h.t.Context(), part, func(r store.Reader) error {
			for p, err := range r.Scan("", "") {
				if err != nil {
					return err
				}
				fmt.Fprintf(&all, "\n%s\n%s\n", part, p.Key)
				all.Write(p.Value)
			}
			return nil
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	for info, err := range h.blobs.All(h.t.Context()) {
		if err != nil {
			h.t.Fatal(err)
		}
		f, err := h.blobs.Open(h.t.Context(), info.Part, info.ID)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&all, "\n%s\n%s\n", info.Part, info.ID)
		if _, err := io.Copy(&all, f); err != nil {
			h.t.Fatal(err)
		}
		f.Close()
	}
	return all.Bytes()
}

// forms returns the ways a word could lie on a disk: as it is, in base64 at each
// of the three places it can begin, in hexadecimal, in UTF-16.
func forms(word string) map[string][]byte {
	list := map[string][]byte{"as it is": []byte(word), "in hexadecimal": []byte(hex.EncodeToString([]byte(word)))}
	for skip := range 3 {
		// The characters that depend on the word alone.
		padded := base64.StdEncoding.EncodeToString(append(make([]byte, skip), word...))
		from, to := (8*skip+5)/6, (8*(skip+len(word)))/6
		list[fmt.Sprintf("in base64 at %d", skip)] = []byte(padded[from:to])
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(word)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	list["in UTF-16"] = wide
	return list
}

// find returns how a word is found in what lies on a disk, whatever its capitals,
// and "" if it is not. lower is the disk in small letters.
func find(disk, lower []byte, word string) string {
	for _, w := range []string{word, strings.ToLower(word), strings.ToUpper(word)} {
		for how, form := range forms(w) {
			if bytes.Contains(disk, form) || w == strings.ToLower(word) && how == "as it is" && bytes.Contains(lower, form) {
				return how
			}
		}
	}
	return ""
}

func findIn(disk, word string) string {
	return find([]byte(disk), bytes.ToLower([]byte(disk)), word)
}

func TestFindFindsAWordHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for name, disk := range map[string]string{
		"as it is": "xxZéphyrinexx", "small": "xxzéphyrinexx", "capital": "xxZÉPHYRINExx",
		"base64 at 0": base64.StdEncoding.EncodeToString([]byte("Zéphyrine est là")),
		"base64 at 1": base64.StdEncoding.EncodeToString([]byte("à Zéphyrine, un")),
		"base64 at 2": base64.StdEncoding.EncodeToString([]byte("à  Zéphyrine, un")),
		"hex":         "00" + hex.EncodeToString([]byte("Zéphyrine")),
		"UTF-16":      "Z\x00\xe9\x00p\x00h\x00y\x00r\x00i\x00n\x00e\x00",
	} {
		if findIn(disk, "Zéphyrine") == "" {
			t.Errorf("%s: not found in %q", name, disk)
		}
	}
	if how := findIn("rien du tout", "Zéphyrine"); how != "" {
		t.Errorf("found %s where it is not", how)
	}
}

// TestNothingAnybodyWroteIsOnDisk lives the whole story with words that occur
// nowhere else, and looks for them in all that the engines keep, at every step.
func TestNothingAnybodyWroteIsOnDisk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m, err := ident.MakeMatricule("2602099999042")
	if err != nil {
		t.Fatal(err)
	}
	const doctor = "hortense.quincampoix@grandhopital.test"
	sick := m.Canonical() + "@patient.test"
	words := []string{
		m.Canonical(), m.Canonical()[:13], sick, doctor, "quincampoix", "grandhopital", "patient.test", thomas, "medecin.test",
		"PATACHON", "Zéphyrine", "19610229", "99351", // traits
		"Wollaston", "750009999", "8101234567", "Clinique du Perce-neige", // of the professional
		"téléphone de Gaspard",                                                   // device
		"Sujet-Bonbonnière", "corps-capillotracté", "réponse-abracadabrantesque", // mails
		"brouillon-croquemitaine", "Dossier-Saperlipopette", "$motclef-turlupin", // of the mailbox
		"radio-tarabiscot.xml", "note-ratatouille.pdf", "1.2.250.1.999.4242", "Titre-Mirliton", "lésion-coquecigrue", "18748-4", // documents
		"motif-tournicoti-tournicoton", "MEDECIN_TRAITANT", // of the record
		"QQenvid314159", "id-galimatias@test", "lps.zigomar.test", "192.0.2.77",
		"Content-Type", "multipart/mixed", "%PDF", "ClinicalDocument", "application/pdf", "INBOX", "Documents/", "Imagerie", "professional",
	}
	clean := func(step string) {
		t.Helper()
		disk := h.disk()
		lower := bytes.ToLower(disk)
		for _, w := range words {
			if how := find(disk, lower, w); how != "" {
				t.Errorf("%s: %q is on disk, %s", step, w, how)
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	clean("before")

	_, err = h.Enrol(t.Context(), "operator", Person{Matricule: m, Traits: patient.Traits{
		BirthName: "PATACHON", FirstNames: "Zéphyrine", BirthDate: "19610229", Sex: "F", BirthPlace: "99351"}})
	must(err)
	_, err = h.Life(t.Context(), "operator", addr(sick), patient.Activate)
	must(err)
	must(h.AddBAL(t.Context(), "operator", directory.BAL{Kind: directory.Personal, Address: doctor, Name: "Dr Hortense Wollaston",
		RPPS: "8101234567", Profession: policy.Physician, Establishment: "750009999", Organisation: "Clinique du Perce-neige"}))
	for _, a := range []string{sick, doctor} {
		h.password[a], err = h.AddPassword(t.Context(), "operator", addr(a), "téléphone de Gaspard")
		must(err)
		words = append(words, h.password[a])
	}
	must(h.Block(t.Context(), "operator", addr(sick), addr(thomas), true))
	clean("people came")

	text := report("1.2.250.1.999.4242", m.Canonical(), "PATACHON", "Titre-Mirliton lésion-coquecigrue")
	raw := attach(doctor, sick, "id-galimatias@test", "X-MSS-INS: "+m.Canonical()+"\r\n", "radio-tarabiscot.xml", text+strings.Repeat("<!-- lésion-coquecigrue -->", 9000),
		"note-ratatouille.pdf", pdf+strings.Repeat("lésion-coquecigrue", 9000))
	raw = bytes.Replace(raw, []byte("Subject: Compte rendu"), []byte("Subject: Sujet-Bonbonnière"), 1)
	raw = bytes.Replace(raw, []byte("Ci-joint."), []byte("corps-capillotracté"), 1)
	_, err = h.Deliver(t.Context(), Delivery{Actor: h.login(doctor), From: addr(doctor), Mail: raw, Protocol: "ESMTPSA",
		Hello: "lps.zigomar.test", Remote: from("192.0.2.77", doctor).Remote, EnvelopeID: "QQenvid314159", ReturnFull: true,
		To: []Recipient{{addr(sick), NotifySuccess, "rfc822;zigomar@test"}, {addr(adam), 0, ""}, {addr(stranger), 0, ""}}})
	must(err)
	_, _ = h.Login(t.Context(), from("192.0.2.77", "quincampoix"), "x")
	_ = h.CheckRecipient(t.Context(), h.login(doctor), addr(ghost))
	clean("a mail with documents came")
	if disk := h.disk(); len(disk) < 100_000 || findIn(string(disk), "aud/head") == "" {
		t.Fatalf("the disk has %d bytes: it is not what is looked at", len(disk))
	}

	h.Limits.Quota = 1 // the answer waits in the outbox
	must(h.deliver(sick, mail(sick, []string{doctor}, "Re: Sujet-Bonbonnière", "", "réponse-abracadabrantesque"), doctor))
	clean("an answer waits")
	h.Limits.Quota = DefaultLimits.Quota
	must(h.CarryAll(t.Context()))
	clean("it is carried")

	s := h.session(sick)
	must(s.Create(t.Context(), "Dossier-Saperlipopette"))
	f, err := s.Folder(t.Context(), "Dossier-Saperlipopette")
	must(err)
	_, err = s.Append(t.Context(), mailbox.Drafts, mail(sick, []string{doctor}, "brouillon-croquemitaine", "", "brouillon-croquemitaine"), mailbox.Flags{}, h.now)
	must(err)
	_, err = s.SetFlags(t.Context(), mailbox.Inbox, s.uids(mailbox.Inbox), mailbox.AddFlags, mailbox.Flags{Keywords: []string{"$motclef-turlupin"}})
	must(err)
	_, err = s.Copy(t.Context(), mailbox.Inbox, s.uids(mailbox.Inbox), f.ID)
	must(err)
	for i := range 70 { // enough to be folded
		h.now = h.now.Add(1)
		must(h.send(doctor, fmt.Sprint("Sujet-Bonbonnière ", i), "", sick))
	}
	found := 0
	for e, err := range s.Entries(t.Context(), mailbox.Inbox, s.uids(mailbox.Inbox)) {
		must(err)
		if strings.Contains(e.Envelope.Subject, "Bonbonni") {
			found++
		}
	}
	for x, err := range s.Texts(t.Context(), mailbox.Inbox, s.uids(mailbox.Inbox), true) {
		must(err)
		if x.UID == 0 {
			t.Error("a text without UID")
		}
	}
	if found != 71 {
		t.Errorf("%d subjects were read, want 71", found)
	}
	if n := len(h.shelves(sick)); n == 0 {
		t.Error("nothing is on a shelf")
	}
	clean("it was read, sorted, searched and shelved")
	h.verifies()

	record, holder, physician := string(h.login(sick).Part), h.login(sick), h.login(adam)
	must(h.NameRole(t.Context(), holder, record, addr(doctor), patient.TreatingPhysician))
	must(h.GiveConsent(t.Context(), holder, record, addr(doctor), time.Time{}))
	_, err = h.BreakGlass(t.Context(), physician, record, policy.BrokenGlass, "motif-tournicoti-tournicoton")
	must(err)
	list, err := h.Documents(t.Context(), physician, record)
	must(err)
	for _, d := range list {
		_, _, err := h.OpenDocument(t.Context(), physician, d.ID)
		must(err)
		_, err = h.WhoCanSee(t.Context(), holder, d.ID)
		must(err)
	}
	if len(list) == 0 {
		t.Error("the record has no document")
	}
	clean("its record was opened in an emergency")
	h.verifies()

	must(h.Erase(t.Context(), "operator", addr(sick)))
	clean("the patient was erased")
}
