package web

import (
	"archive/zip"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

const somePDF = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"

// somePNG is one pixel.
const somePNG = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\fIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82"

// someCDA is a report about Jeanne, with what a careless author may put in it.
func (h *house) someCDA(id, title string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="` + id + `"/><code code="11502-2" codeSystem="2.16.840.1.113883.6.1" displayName="CR d'examens biologiques"/><title>` + title + `</title>
<effectiveTime value="20261120101500+0100"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.8" extension="` + h.jeanne.Matricule.Canonical() + `"/><patient><name><family qualifier="BR">HÉRON</family><given>Jeanne</given></name><administrativeGenderCode code="F"/><birthTime value="19600229"/></patient></patientRole></recordTarget>
<author><time value="20261120"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="899900000001"/><assignedPerson><name><given>Éric</given><family>THOMAS</family></name></assignedPerson></assignedAuthor></author>
<component><structuredBody><component><section><title>Biochimie</title><text>&lt;script&gt;alert(1)&lt;/script&gt;
<table border="1" onclick="alert(2)"><thead><tr><th>Analyse</th><th>Résultat</th></tr></thead><tbody><tr><td>Glycémie</td><td>0,97 g/L</td></tr></tbody></table><linkHtml href="javascript:alert(3)">suite</linkHtml></text></section></component></structuredBody></component></ClinicalDocument>
`
}

// adds sends a form with files: names and values of its fields by turns, a file
// after the name "fichiers" as NAME:CONTENT.
func (b *browser) adds(root string, fields ...string) *browser {
	b.t.Helper()
	b.open(root + "/ajouter").at(root + "/ajouter")
	parts := []part{{"token", "", tokenOf(b)}}
	for i := 0; i < len(fields); i += 2 {
		p := part{name: fields[i], content: fields[i+1]}
		if p.name == "fichiers" {
			p.file, p.content, _ = strings.Cut(p.content, ":")
		}
		parts = append(parts, p)
	}
	return b.sendParts(root+"/ajouter", parts...)
}

// files adds a document of a professional to a record.
func (h *house) files(n int, record string, s hub.Submission) hub.DocumentView {
	h.t.Helper()
	list, err := h.AddDocuments(h.t.Context(), h.professional(n), record, []hub.Submission{s})
	h.must(err)
	return list[0]
}

func (h *house) professional(n int) hub.Actor {
	h.t.Helper()
	return h.actor(h.browser().comesIn(h.number(n)))
}

var documentLink = regexp.MustCompile(`<a href="(/[a-z0-9/]*documents/[a-z2-7]{26})" lang="fr">([^<]*)</a>`)

// listed are the titles of the documents on a page, in their order.
func (b *browser) listed() (titles []string) {
	for _, m := range documentLink.FindAllStringSubmatch(b.page, -1) {
		titles = append(titles, m[2])
	}
	return titles
}

// address is where the document of a title is.
func (b *browser) addressOf(title string) string {
	b.t.Helper()
	for _, m := range documentLink.FindAllStringSubmatch(b.page, -1) {
		if m[2] == title {
			return m[1]
		}
	}
	b.t.Fatalf("%s lists no %q, but %q", b.path, title, b.listed())
	return ""
}

func (b *browser) lists(titles ...string) *browser {
	b.t.Helper()
	if got := b.listed(); !slices.Equal(got, titles) {
		b.t.Errorf("%s lists %q, want %q", b.path, got, titles)
	}
	return b
}

func TestDocumentsAreAdded(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/documents").at("/documents", "Aucun document pour l'instant", "Ajouter un premier document")
	b.adds("/documents").at("/documents/ajouter", "Choisissez au moins un fichier", "Choisissez une des réponses")
	b.adds("/documents", "fichiers", "a.pdf:"+somePDF, "genre", "care", "date", "2031-01-01", "titre", "Reste").at("/documents/ajouter", "Cette date n'est pas possible")
	if !strings.Contains(b.page, `value="Reste"`) || b.status != http.StatusUnprocessableEntity {
		t.Errorf("what was typed is lost: %d", b.status)
	}
	b.adds("/documents", "fichiers", "Ordonnance Martin.pdf:"+somePDF, "fichiers", "photo.png:"+somePNG, "fichiers", "jeu.exe:MZ\x00\x01", "fichiers", "rien.txt:", "genre", "care", "masquer", "yes", "date", "2026-11-02")
	b.at("/documents/ajouter", "2 fichiers sont ajoutés", "Ce type de fichier n'est pas accepté", "Ce fichier est vide", "Pas ajouté")
	b.adds("/documents", "fichiers", "autre nom.pdf:"+somePDF, "genre", "report").at("/documents/ajouter", "était déjà là")
	b.open("/documents").at("/documents", "Tous 2", "Ordonnances et soins 2", "Novembre 2026", "Masqué aux professionnels", "Déposé par vous")
	b.lists("photo", "Ordonnance Martin")
	b.open(b.addressOf("photo")).at(b.path, "photo", "2 novembre 2026", "Image,", "Il est masqué")
	if strings.Contains(b.page, "Nouveau") {
		t.Error("what she deposited is new to her")
	}
}

func TestWhatIsTooLargeIsToldAndTheRestIsKept(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	big := strings.Repeat("x", maxDeposit)
	b.adds("/documents", "fichiers", "petit.pdf:"+somePDF, "fichiers", "film.pdf:"+big, "genre", "other").at("/documents/ajouter", "1 fichier est ajouté", "l'ensemble dépassait 50 Mo")
	b.adds("/documents", "titre", "Mon film", "genre", "other", "fichiers", "film.pdf:x"+big).at("/documents/ajouter", "C'est trop lourd : 50 Mo au plus")
	if !strings.Contains(b.page, `value="Mon film"`) {
		t.Error("what was typed is lost")
	}
	b.open("/documents").lists("petit")
}

func TestDocumentsArePutInOrder(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	for _, d := range []struct{ name, kind, date string }{{"Zona", "report", "2026-03-02"}, {"École", "certificate", "2026-09-01"}, {"angine", "report", "2025-01-15"}} {
		b.adds("/documents", "fichiers", d.name+".txt:Texte de "+d.name, "genre", d.kind, "date", d.date).at("/documents/ajouter", "1 fichier")
	}
	b.open("/documents").lists("École", "Zona", "angine").open("/documents?tri=nom").lists("angine", "École", "Zona").open("/documents?tri=ancien").lists("angine", "Zona", "École")
	b.open("/documents?de=2026-01-01&a=2026-08-31").lists("Zona").open("/documents?genre=pdf").at("/documents", "Aucun document ne correspond").open("/documents?rayon=CPT_REND").lists("Zona", "angine")
	b.open("/documents?rayon=%27--&tri=x&page=99&dossier=../..&genre=%3Cb%3E").at("/documents").lists("École", "Zona", "angine")

	b.open("/documents").send("/documents/selection").at("/documents", "Cochez d'abord des documents")
	b.open("/documents/dossiers").send("/documents/dossiers", "nom", " ").at("/documents/dossiers", "Un nom de dossier a de 1 à")
	b.send("/documents/dossiers", "nom", "Mon genou").at("/documents/dossiers", "Le dossier est créé", "0 documents")
	b.send("/documents/dossiers", "nom", "mon GENOU").at("/documents/dossiers", "Un autre dossier porte déjà ce nom")
	folder := regexp.MustCompile(`href="/documents\?dossier=([a-z0-9]+)"`).FindStringSubmatch(b.page)[1]
	b.open("/documents")
	_, zona, _ := strings.Cut(b.addressOf("Zona"), "/documents/")
	_, angine, _ := strings.Cut(b.addressOf("angine"), "/documents/")
	b.post("/documents/selection", url.Values{"token": {tokenOf(b)}, "doc": {zona, angine}, "act": {"file"}, "dossier": {folder}}).at("/documents", "Les documents sont rangés", "Mon genou 2")
	b.open("/documents?dossier="+folder).lists("Zona", "angine")
	b.open("/documents").post("/documents/selection", url.Values{"token": {tokenOf(b)}, "doc": {zona, angine}, "act": {"mask"}}).at("/documents", "Les documents cochés sont masqués")
	if n := strings.Count(b.page, "Masqué aux professionnels"); n != 2 {
		t.Errorf("%d documents are masked", n)
	}
	b.post("/documents/selection", url.Values{"token": {tokenOf(b)}, "doc": {angine}, "act": {"unmask"}}).at("/documents", "peuvent voir les documents cochés")
	b.post("/documents/selection", url.Values{"token": {tokenOf(b)}, "doc": {zona, angine}, "act": {"write"}}).at("/messagerie/ecrire", "Aucun professionnel ne vous a encore écrit")
	b.open("/documents/"+angine).send("/documents/"+angine, "act", "pin").at("/documents/"+angine, "épinglé en tête", "Ne plus épingler")
	b.open("/documents").at("/documents", "Épinglés").lists("angine", "École", "Zona")
	b.open("/documents/"+zona).send("/documents/"+zona, "act", "archive").at("/documents/"+zona, "Le document est archivé", "Sortir des archives")
	b.open("/documents").lists("angine", "École").open("/documents?archives=yes").lists("angine", "École", "Zona")
	b.open("/documents/"+zona).send("/documents/"+zona, "act", "delete").at("/documents", "Il est dans la corbeille")
	if b.open("/documents/" + zona); b.status != http.StatusNotFound {
		t.Errorf("what was deleted is still there: %d", b.status)
	}
	b.open("/documents/corbeille").at("/documents/corbeille", "Zona").send("/documents/"+zona, "act", "restore").at("/documents/"+zona, "de nouveau à sa place")
	b.open("/documents/dossiers").post("/documents/dossiers", url.Values{"token": {tokenOf(b)}, "dossier": {folder}, "act": {"remove"}}).at("/documents/dossiers", "Le dossier est supprimé")
	if b.open("/documents").post("/documents/"+zona, url.Values{"token": {tokenOf(b)}, "act": {"explode"}}); b.status != http.StatusBadRequest {
		t.Errorf("%d for a deed that is none", b.status)
	}
}

func TestASearchIsInNoAddress(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.adds("/documents", "fichiers", "essai.txt:Le cœur bat à 62", "genre", "report", "titre", "Électrocardiogramme")
	b.adds("/documents", "fichiers", "autre.txt:rien", "genre", "report", "titre", "Autre")
	for words, found := range map[string][]string{"electro": {"Électrocardiogramme"}, "COEUR": {"Électrocardiogramme"}, "coeur zzz": nil, "compte rendu": {"Autre", "Électrocardiogramme"}} {
		b.open("/documents").send("/documents/recherche", "mots", words).at("/documents/recherche", "Documents trouvés", "« "+words+" »").lists(found...)
	}
	if b.send("/documents/recherche", "mots", strings.Repeat("é", 200)); !strings.Contains(b.page, strings.Repeat("é", 200)) {
		t.Error("a long search is cut")
	}
	b.send("/documents/recherche", "mots", "").at("/documents")
	for _, e := range h.pagesOfTrail(b) {
		if strings.Contains(strings.ToLower(e), "electro") {
			t.Errorf("the trail has the words: %s", e)
		}
	}
}

// pagesOfTrail is what somebody reads in their trail.
func (h *house) pagesOfTrail(b *browser) (list []string) {
	h.t.Helper()
	page, err := h.History(h.t.Context(), h.actor(b), h.record(b), hub.HistoryQuery{Limit: 200})
	h.must(err)
	for _, l := range page.Lines {
		list = append(list, l.FR+" "+l.Object+" "+l.Title)
	}
	return list
}

// TestAFileCanDoNothingInABrowser: what others wrote runs no script, is no page
// of ours, and has the type that it was found to have.
func TestAFileCanDoNothingInABrowser(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.adds("/documents", "fichiers", "a.pdf:"+somePDF, "fichiers", "b.png:"+somePNG, "fichiers", "c.txt:<script>alert(1)</script>\nDeux lignes", "genre", "report")
	h.files(1, h.record(b), hub.Submission{Content: []byte(h.someCDA("1.2.250.1.999.1", "Glycémie"))})
	b.open("/documents")
	for title, want := range map[string]struct{ kind, disposition, policy, begins string }{
		"a": {"application/pdf", "inline", inertPDF, "%PDF"}, "b": {"image/png", "inline", inert, "\x89PNG"},
		"c":        {"text/plain", "attachment", inert, "<script>"},
		"Glycémie": {"application/xml", "attachment", inert, "<?xml"},
	} {
		at := b.open("/documents").addressOf(title)
		b.open(at + "/fichier")
		got := []string{b.header.Get("Content-Type"), strings.Split(b.header.Get("Content-Disposition"), ";")[0], b.header.Get("Content-Security-Policy"), b.header.Get("X-Content-Type-Options"), b.header.Get("Cache-Control")}
		if !slices.Equal(got, []string{want.kind, want.disposition, want.policy, "nosniff", "no-store"}) || title != "c" && !strings.HasPrefix(b.page, want.begins[:4]) {
			t.Errorf("%s: %q", title, got)
		}
		if b.open(at + "/fichier?enregistrer=1"); !strings.HasPrefix(b.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s is not saved", title)
		}
	}
	at := b.open("/documents").addressOf("Glycémie")
	b.open(at).at(at, "Résultats de biologie", "Éric THOMAS")
	if frame := b.header.Get("Content-Security-Policy"); !strings.Contains(frame, "frame-src 'self'") || !strings.Contains(b.page, `src="`+at+`/lecture?cadre=1" sandbox`) {
		t.Errorf("its page: %s", frame)
	}
	b.open(at+"/lecture").at(at+"/lecture", "Biochimie", "Glycémie 0,97 g/L", "Patient Jeanne HÉRON", "Né(e) le 29 février 1960", "Auteur Éric THOMAS", "20 novembre 2026")
	raw := h.raw(b, at+"/lecture")
	if !strings.Contains(raw, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Errorf("a report that is read has lost what it says:\n%s", raw)
	}
	for _, bad := range []string{"<script", "onclick", "javascript:", "<a ", "<form", "<img"} {
		if strings.Contains(raw, bad) {
			t.Errorf("a report that is read has %s:\n%s", bad, raw)
		}
	}
	if p := b.header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "; sandbox;") {
		t.Errorf("a report that is read may do %s", p)
	}
	text := b.open("/documents").addressOf("c")
	if b.open(text + "/lecture"); !strings.Contains(h.raw(b, text+"/lecture"), "&lt;script&gt;alert(1)&lt;/script&gt;\nDeux lignes") {
		t.Errorf("a text that is read is %s", b.page)
	}
	for _, none := range []string{at + "/pdf", at + "/extrait", text + "/extrait", "/documents/aaaaaaaaaaaaaaaaaaaaaaaaaa", "/documents/x/fichier"} {
		if b.open(none); b.status != http.StatusNotFound {
			t.Errorf("%s: %d", none, b.status)
		}
	}
}

// raw is a page as it was sent.
func (h *house) raw(b *browser, path string) string {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.base+path, nil)
	h.must(err)
	resp, err := b.Do(r)
	h.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	h.must(err)
	return string(body)
}

// TestAPDFWithinAReportIsShown: many reports are a CDA cover around a PDF.
func TestAPDFWithinAReportIsShown(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	cover := h.someCDA("1.2.250.1.999.2", "Radiographie")
	before, rest, _ := strings.Cut(cover, "<structuredBody>")
	_, after, _ := strings.Cut(rest, "</structuredBody>")
	cover = before + `<nonXMLBody><text mediaType="application/pdf" representation="B64">` + base64.StdEncoding.EncodeToString([]byte(somePDF)) + "</text></nonXMLBody>" + after
	h.files(1, h.record(b), hub.Submission{Content: []byte(cover)})
	at := b.open("/documents").addressOf("Radiographie")
	if b.open(at); !strings.Contains(b.page, `<iframe class="viewer wide-only" src="`+at+`/extrait#`) {
		t.Errorf("its page shows something else:\n%s", b.page)
	}
	if b.open(at + "/extrait"); b.page != somePDF || b.header.Get("Content-Type") != "application/pdf" || b.header.Get("Content-Security-Policy") != inertPDF {
		t.Errorf("within it is %q, %v", b.page, b.header)
	}
	b.open(at+"/lecture").at(at+"/lecture", "Ce document contient un fichier")
}

func TestAllIsDownloadedAtOnce(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/documents").post("/documents/tout", url.Values{"token": {tokenOf(b)}}).at("/documents", "Cochez d'abord")
	b.adds("/documents", "fichiers", "../../x.pdf:"+somePDF, "fichiers", "X.pdf:"+somePDF+"\n", "genre", "report")
	h.files(1, h.record(b), hub.Submission{Content: []byte(h.someCDA("1.2.250.1.999.1", "Glycémie"))})
	b.open("/documents")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.base+"/documents/tout", strings.NewReader(url.Values{"token": {tokenOf(b)}}.Encode()))
	h.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.Do(r)
	h.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	h.must(err)
	z, err := zip.NewReader(strings.NewReader(string(body)), int64(len(body)))
	h.must(err)
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	want := []string{"Comptes rendus/2026-11-21 X.pdf", "Comptes rendus/2026-11-21 x (2).pdf", "Résultats de biologie/2026-11-20 Glycémie – Éric THOMAS.xml"}
	if resp.Header.Get("Content-Disposition") != `attachment; filename="Documents 2026-11-21.zip"` || !slices.Equal(names, want) {
		t.Errorf("%s has %q", resp.Header.Get("Content-Disposition"), names)
	}
}

func TestAPatientDecidesWhoSeesADocument(t *testing.T) {
	k := newClinic(t)
	b := k.browser().signsIn()
	k.files(1, k.record, hub.Submission{Content: []byte(k.someCDA("1.2.250.1.999.1", "Glycémie"))})
	b.open("/documents").at("/documents", "Nouveau")
	at := b.addressOf("Glycémie")
	k.must(k.Declare(t.Context(), k.professional(2), k.record, hub.InCareTeam))
	b.open(at).at(at, "Masquer aux professionnels").open(at+"/qui").at(at+"/qui", "Qui peut voir ce document ?", "Sylvie MARTIN", "Chacun lit son propre dossier", "Ni l'Assurance maladie", "Qui l'a consulté")
	b.open("/documents/comme").at("/documents/comme", "Sylvie MARTIN", "Pharmacien").send("/documents/comme").at("/documents/comme", "Choisissez une des réponses")
	b.send("/documents/comme", "comme", nurse).at("/documents/comme", "Ce que voit : Sylvie MARTIN", "1 document visible, sur 1")

	nurses := k.finds(2).open("/patients/" + k.record + "/documents").lists("Glycémie")
	pro := nurses.addressOf("Glycémie")
	nurses.open(pro).at(pro, "Jeanne HÉRON", "Glycémie")
	for _, button := range []string{`value="mask"`, `value="pin"`, `value="delete"`, "/qui", "/comme"} {
		if strings.Contains(nurses.page, button) {
			t.Errorf("a nurse is shown %s", button)
		}
	}
	nurses.post(pro, url.Values{"token": {tokenOf(k.finds(2))}, "act": {"mask"}})
	b.open(at).send(at, "act", "mask").at(at, "Le document est masqué aux professionnels", "Montrer aux professionnels")
	for _, rest := range []string{"", "/fichier", "/lecture", "/qui"} {
		if nurses.open(pro + rest); nurses.status != http.StatusNotFound {
			t.Errorf("what is masked is at %s%s: %d", pro, rest, nurses.status)
		}
	}
	b.open("/documents/comme").send("/documents/comme", "comme", nurse).at("/documents/comme", "Aucun document n'est visible", "Invisibles")
	b.open(at+"/qui").at(at+"/qui", "Ce document est masqué aux professionnels", "Ne peuvent pas le voir")
	who := regexp.MustCompile(`href="(/activite\?[^"]*)"`).FindStringSubmatch(b.page)
	if who == nil {
		t.Fatal("no way to who has looked")
	}
	b.open(who[1]).at("/activite", "Sylvie MARTIN", "Glycémie", "Seul ce qui concerne un document")
	if b.open(strings.Replace(who[1], "document=", "document=a", 1)); strings.Contains(text(b.page), "Glycémie") {
		t.Error("another document has the same readers")
	}
	b.open(at).send(at, "act", "unmask").at(at, "peuvent voir ce document")
	nurses.open(pro).at(pro, "Glycémie")
}

func TestAProfessionalFilesWhatIsToBeAnnounced(t *testing.T) {
	k := newClinic(t)
	opt := k.finds(3).at("/patients/"+k.record, "Ajouter des documents")
	root := "/patients/" + k.record + "/documents"
	opt.open(root).at(root+"/ajouter", "vous n'y avez encore rien déposé")
	opt.adds(root, "fichiers", "x.pdf:"+somePDF).at(root+"/ajouter", "Choisissez une des réponses")
	opt.adds(root, "fichiers", "x.pdf:"+somePDF, "type", "11488-4", "titre", "Fond d'œil", "visible", "announce").at(root+"/ajouter", "1 fichier est ajouté")
	opt.open(root).at(root, "Pas encore annoncé au patient").lists("Fond d'œil")
	at := opt.addressOf("Fond d'œil")
	jeanne := k.browser().signsIn()
	jeanne.open("/documents").at("/documents", "Aucun document pour l'instant")
	if jeanne.open(strings.TrimPrefix(at, "/patients/"+k.record)); jeanne.status != http.StatusNotFound {
		t.Errorf("she opens what she has not been told: %d", jeanne.status)
	}
	opt.open(at).at(at, "Le patient est informé").send(at, "act", "announce").at(at, "Le patient voit maintenant ce document")
	jeanne.open("/documents").lists("Fond d'œil")
	newer := k.files(3, k.record, hub.Submission{Entry: vault.Entry{TypeCode: "11488-4", Title: "Fond d'œil, corrigé"}, Content: []byte(somePDF + " "), Replaces: k.ids()[0]})
	jeanne.open("/documents").at("/documents", "1 version antérieure").lists("Fond d'œil, corrigé")
	jeanne.open(jeanne.addressOf("Fond d'œil, corrigé")).at(jeanne.path, "Versions", "(celle-ci)")
	jeanne.open(strings.TrimPrefix(at, "/patients/"+k.record)).at(jeanne.path, "remplacé par une version plus récente", "Voir la version à jour")
	if newer.Flags.Has(vault.Superseded) {
		t.Error("the newest is replaced")
	}
}

// ids are those of Jeanne's documents.
func (k *clinic) ids() (list []string) {
	k.t.Helper()
	docs, err := k.Documents(k.t.Context(), k.her, k.record)
	k.must(err)
	for _, d := range docs {
		list = append(list, d.ID)
	}
	return list
}

func TestACarerReadsAndNoMore(t *testing.T) {
	h := newHouse(t)
	jeanne, paul := h.browser().activates(), h.paul()
	record := h.record(jeanne)
	root := "/proches/" + record + "/documents"
	jeanne.adds("/documents", "fichiers", "a.txt:Bonjour", "genre", "report")
	own := jeanne.open("/documents").addressOf("a")
	id := strings.TrimPrefix(own, "/documents")
	asPaul := func(scope patient.Scope) {
		t.Helper()
		h.must(h.Invite(t.Context(), h.actor(jeanne), record, h.actor(paul).Address, hub.Invitation{Kind: patient.Carer, Scope: scope, Until: h.now.AddDate(0, 1, 0)}))
		h.must(h.AnswerInvitation(t.Context(), h.actor(paul), record, true))
	}
	gets := []string{"", id, id + "/fichier", id + "/lecture", id + "/qui", "/comme", "/ajouter", "/dossiers", "/corbeille"}
	nothing := func(who string, paths ...string) {
		t.Helper()
		for _, p := range paths {
			if paul.open(root + p); paul.status != http.StatusNotFound {
				t.Errorf("%s opens %s: %d", who, p, paul.status)
			}
		}
	}
	nothing("a stranger", gets...)
	asPaul(patient.Scope{ReadDocuments: true})
	paul.open("/proches/"+record).at("/proches/"+record, "Lire les documents qui vous sont confiés").open(root).at(root, "Vous êtes dans l'espace de Jeanne HÉRON").lists("a")
	paul.open(root+id).at(root+id, "Jeanne HÉRON").open(root+id+"/lecture").at(root+id+"/lecture", "Bonjour")
	if strings.Contains(paul.open(root+id).page, "<form method=\"post\" action=\""+root) {
		t.Error("he is shown what he may not do")
	}
	nothing("a carer", id+"/qui", "/comme", "/ajouter", "/dossiers")
	for _, act := range []string{"mask", "delete", "archive", "pin", "keep"} {
		paul.open("/proches")
		if paul.post(root+id, url.Values{"token": {tokenOf(paul)}, "act": {act}}); paul.status != http.StatusNotFound && paul.status != http.StatusForbidden && paul.status != http.StatusUnprocessableEntity {
			t.Errorf("a carer does %s: %d", act, paul.status)
		}
	}
	if jeanne.open(own); !strings.Contains(jeanne.page, `value="mask"`) || !strings.Contains(jeanne.page, `value="pin"`) {
		t.Error("something was changed")
	}
	paul.open("/documents" + id) // his own record has no such document
	if paul.status != http.StatusNotFound {
		t.Errorf("another's document at an address of one's own: %d", paul.status)
	}
}

func TestAParentKeepsTheDocumentsOfAChild(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	b.open("/proches/enfants").send("/proches/enfants", "decision", "open", "certify", "yes").at("/proches/enfants", "Espace ouvert")
	at := regexp.MustCompile(`href="(/proches/[a-z2-7]{26})"`).FindStringSubmatch(b.page)[1]
	root := at + "/documents"
	b.open(at).at(at, "décider de qui les voit").open(root).at(root, "Vous êtes dans l'espace de Lina HÉRON", "Ajouter un premier document")
	b.adds(root, "fichiers", "vaccins.txt:BCG", "genre", "prevention").at(root+"/ajouter", "1 fichier")
	b.open(root+"/dossiers").send(root+"/dossiers", "nom", "École").at(root+"/dossiers", "Le dossier est créé")
	own := b.open(root).addressOf("vaccins")
	b.open(own).send(own, "act", "pin").at(own, "épinglé").send(own, "act", "mask").at(own, "masqué aux professionnels").open(own+"/qui").at(own+"/qui", "Jeanne HÉRON", "Représentant légal")
	if strings.Contains(b.open(own).page, `value="write"`) {
		t.Error("what is a child's goes with a mail of her mother's")
	}
	b.open("/documents").at("/documents", "Aucun document pour l'instant")
	if b.open("/documents" + strings.TrimPrefix(own, root)); b.status != http.StatusNotFound {
		t.Errorf("a child's document is her mother's: %d", b.status)
	}
}

// TestAListOfManyDocumentsIsLight: see BenchmarkDocumentsList for its time.
func TestAListOfManyDocumentsIsLight(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	h.manyDocuments(h.record(b), 120)
	for _, path := range []string{"/documents", "/documents?page=3", "/documents?tri=nom&archives=yes", "/documents/comme"} {
		if page := h.raw(b, path); len(page) > 60<<10 || !strings.Contains(page, "</html>") {
			t.Errorf("%s is %d bytes", path, len(page))
		}
	}
	b.open("/documents/comme").send("/documents/comme", "comme", string(policy.Physician)).at("/documents/comme", "120 documents visibles, sur 120", "Les 30 premiers")
	if len(b.page) > 55<<10 {
		t.Errorf("what a physician sees is %d bytes", len(b.page))
	}
	b.open("/documents").at("/documents", "Tous 120", "Page 1 sur 3")
	if n := len(b.listed()); n != documentsPage {
		t.Errorf("a page has %d documents", n)
	}
	b.send("/documents/recherche", "mots", "compte").at("/documents/recherche", "120 documents", "Page 1 sur 3")
	b.send("/documents/recherche", "mots", "compte", "page", "3")
	if n := len(b.listed()); n != 20 || len(b.page) > 60<<10 {
		t.Errorf("the last page of a search has %d documents, %d bytes", n, len(b.page))
	}
}

// manyDocuments files documents into a record.
func (h *house) manyDocuments(record string, n int) {
	h.t.Helper()
	a := h.professional(1)
	for i := 0; i < n; i += 20 {
		var list []hub.Submission
		for j := i; j < min(i+20, n); j++ {
			day := h.now.AddDate(0, 0, -j)
			list = append(list, hub.Submission{Content: fmt.Appendf(nil, "%s%% %d\n", somePDF, j), Entry: vault.Entry{TypeCode: "11488-4",
				Title: fmt.Sprintf("Compte rendu de consultation du %s, au sujet de la suite du traitement", day.Format(time.DateOnly)), Created: day, ServiceStart: day}})
		}
		_, err := h.AddDocuments(h.t.Context(), a, record, list)
		h.must(err)
	}
}

// BenchmarkDocuments is the pages of a record of 500 documents, as a patient
// asks for them; beyond the mean, the time that 95 in a hundred stay below.
func BenchmarkDocuments(b *testing.B) {
	h := newHouse(b)
	who := h.browser().activates()
	h.manyDocuments(h.record(who), 500)
	who.open("/documents")
	one := who.addressOf(who.listed()[0])
	words := url.Values{"token": {tokenOf(who)}, "mots": {"traitement consultation"}}
	for name, ask := range map[string]func(){
		"list":   func() { who.open("/documents") },
		"sorted": func() { who.open("/documents?tri=nom&page=7") },
		"search": func() { who.post("/documents/recherche", words) },
		"one":    func() { who.open(one) },
		"file":   func() { who.open(one + "/fichier") },
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				ask()
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms/p95")
			b.ReportMetric(float64(len(who.page)), "bytes")
		})
	}
}
