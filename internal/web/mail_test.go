package web

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
)

// writes has Dr Thomas write to Jeanne, whose space is open: head lines of the
// mail, a blank line, and its body.
func (b *browser) writes(id, mail string) *browser {
	b.t.Helper()
	b.house.now = b.house.now.Add(time.Minute)
	n, err := ident.ParseRPPS(rpps(b.t))
	b.must(err)
	e, err := b.OpenProfessionalWeb(b.t.Context(), n, b.now, hub.Attempt{Protocol: "web"})
	b.must(err)
	jeanne, _, err := b.OpenWeb(b.t.Context(), b.cookieNamed(sessionCookie))
	b.must(err)
	raw := fmt.Sprintf("Message-ID: <%s@medecin.test>\nDate: %s\nFrom: Dr Eric Thomas <%s>\nTo: <%s>\n%s\n",
		id, b.house.now.Format(time.RFC1123Z), thomas, jeanne.Address.Canonical(), mail)
	_, err = b.Deliver(b.t.Context(), hub.Delivery{Actor: e.Actor, From: e.Actor.Address, Mail: []byte(strings.ReplaceAll(raw, "\n", "\r\n")),
		Protocol: "HTTP", Hello: "test", To: []hub.Recipient{{Address: jeanne.Address}}})
	b.must(err)
	return b
}

var threadLink = regexp.MustCompile(`<a href="(/messagerie/m/[a-z2-7]{26})">`)

// reads opens the first thread of a list.
func (b *browser) reads() *browser {
	b.t.Helper()
	m := threadLink.FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("%s has no thread:\n%s", b.path, text(b.page))
	}
	return b.open(m[1])
}

// lacks fails the test if the page says something.
func (b *browser) lacks(words ...string) *browser {
	b.t.Helper()
	for _, w := range words {
		if strings.Contains(text(b.page), w) {
			b.t.Errorf("%s says %q", b.path, w)
		}
	}
	return b
}

const plainMail = "Subject: Votre bilan\n\nBonjour,\n\nTout va bien.\n"

func TestJeanneReadsWhatHerDoctorWrote(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.open("/messagerie").at("/messagerie", "Il n'y a rien ici", "Vos soignants vous écrivent ici")
	b.writes("a1", plainMail).writes("a2", "Subject: Re: Votre bilan\nReferences: <a1@medecin.test>\n\nEncore une chose.\n\nLe 21 novembre, vous avez écrit :\n> Merci.\n")
	b.open("/messagerie").at("/messagerie", "Dr Éric THOMAS", "Votre bilan", "Non lu", "2 messages")
	b.reads().at(b.path, "Votre bilan", "Identité vérifiée", "Médecin", "Tout va bien.", "Encore une chose.", "Texte cité", "Nouveau")
	if b.status != http.StatusOK || !strings.Contains(b.header.Get("Cache-Control"), "no-store") {
		t.Errorf("%d, %v", b.status, b.header)
	}
	thread := b.path
	b.open("/messagerie").lacks("Non lu :")
	for _, act := range [][3]string{
		{"non-lu", "/messagerie", "Marqué comme non lu"},
		{"archiver", "/messagerie", "Rangé dans les archives"},
		{"jeter", "/messagerie", "Mis à la corbeille"},
	} {
		b.open(thread).send(thread, "faire", act[0]).at(act[1], act[2])
	}
	b.open("/messagerie?dossier=4").at("/messagerie", "Votre bilan").send("/messagerie/ranger", "fil", strings.TrimPrefix(thread, "/messagerie/m/"), "faire", "reprendre").at("/messagerie", "Remis dans Réception")
	b.open(thread).send(thread, "faire", "jeter").open(thread).send(thread, "faire", "supprimer").at("/messagerie", "Supprimé définitivement")
	if b.open(thread); b.status != http.StatusNotFound {
		t.Errorf("what was deleted for good: %d", b.status)
	}
	b.open("/messagerie").send("/deconnexion")
	b.open(thread).at("/connexion")
}

// TestNothingOfAMailIsInAnAddress: opaque identifiers only, and what is looked for
// is in none.
func TestNothingOfAMailIsInAnAddress(t *testing.T) {
	b := newHouse(t).browser().activates().writes("a1", plainMail)
	opaque := regexp.MustCompile(`^/messagerie(/(recherche|dossiers|brouillons|ecrire|m/[a-z2-7]{26}(#m-[a-z2-7]{26}|/(imprimer|zip|eml|html|texte|p/[0-9.]+(/lecture|\?voir=1)?))?))?(\?(dossier|voir|page|a|tous|fin|b)=[a-z0-9-]+(&(voir|page|tous|fin)=[a-z0-9-]+)*)?$`)
	link := regexp.MustCompile(`(?:href|src|action)="(/messagerie[^"]*)"`)
	check := func() {
		t.Helper()
		for _, m := range link.FindAllStringSubmatch(b.page, -1) {
			if !opaque.MatchString(m[1]) && !strings.HasPrefix(m[1], "/messagerie/ranger") {
				t.Errorf("%s leads to %s", b.path, m[1])
			}
		}
	}
	b.open("/messagerie")
	check()
	b.send("/messagerie/recherche", "mots", "bilan").at("/messagerie/recherche", "Conversations trouvées : 1", "Votre bilan")
	check()
	b.send("/messagerie/recherche", "mots", "scanner").at("/messagerie/recherche", "Aucun message ne correspond")
	b.open("/messagerie").reads()
	check()
}

func TestASearchHasChips(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.writes("a1", plainMail)
	b.writes("b1", "Subject: Une image\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nVoici.\n--x\nContent-Type: image/png\nContent-Disposition: attachment; filename=radio.png\nContent-Transfer-Encoding: base64\n\n"+
		base64.StdEncoding.EncodeToString(onePixel)+"\n--x--")
	for _, one := range []struct {
		name     string
		fields   []string
		has, not []string
	}{
		{"with files", []string{"pieces", "yes"}, []string{"Une image"}, []string{"Votre bilan"}},
		{"unread", []string{"non-lus", "yes"}, []string{"Une image", "Votre bilan"}, nil},
		{"by the name of a file", []string{"mots", "RADIO"}, []string{"Une image"}, []string{"Votre bilan"}},
		{"in a text, without accents", []string{"mots", "vóila bien"}, nil, []string{"Votre bilan"}},
		{"several words of one message", []string{"mots", "tout thomas"}, []string{"Votre bilan"}, []string{"Une image"}},
		{"before they came", []string{"au", "2026-11-20"}, nil, []string{"Une image", "Votre bilan"}},
		{"that day", []string{"du", "2026-11-21", "au", "2026-11-21"}, []string{"Une image", "Votre bilan"}, nil},
		{"what is no date", []string{"du", "hier"}, []string{"Une image", "Votre bilan"}, nil},
		{"with a result of biology", []string{"genre-BIOLOGIE", "yes"}, nil, []string{"Une image", "Votre bilan"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			b.t = t
			b.open("/messagerie").send("/messagerie/recherche", one.fields...).at("/messagerie/recherche", one.has...).lacks(one.not...)
		})
	}
}

// onePixel is a picture.
var onePixel = must(base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))

func TestHostileHTMLIsInert(t *testing.T) {
	for name, one := range map[string]struct{ in, want string }{
		"a script":                     {`<p>a<script>alert(1)</script>b</p>`, `<p>ab</p>`},
		"an event":                     {`<p onclick="x()" onload=x()>a</p>`, `<p>a</p>`},
		"a picture from elsewhere":     {`<img src="https://espion.test/a.gif" onerror="x()"><b>a</b>`, `<b>a</b>`},
		"a picture in other ways":      {`<img srcset="https://e.test/a 2x" src="//e.test/b"><input type=image src=https://e.test/c>`, ``},
		"a background":                 {`<table background="https://e.test/a"><tr><td style="background:url(https://e.test/b);color:red">a</td></tr></table>`, `<table><tr><td style="color: red">a</td></tr></table>`},
		"a sheet of styles":            {`<style>@import "https://e.test/a";</style><link rel=stylesheet href=https://e.test/b><p>a</p>`, `<p>a</p>`},
		"a frame, an object, a form":   {`<iframe src=https://e.test></iframe><object data=x></object><embed src=x><form action=https://e.test><button>a</button></form>`, `a`},
		"a page elsewhere":             {`<meta http-equiv=refresh content="0;url=https://e.test"><base href=https://e.test>a`, `a`},
		"a link":                       {`<a href="https://e.test/a?b=1&c=2">ici</a>`, `ici [https://e.test/a?b=1&amp;c=2]`},
		"a link that says where":       {`<a href="https://e.test/">https://e.test/</a>`, `https://e.test/`},
		"a link that runs":             {`<a href="javascript:alert(1)">ici</a>`, `ici`},
		"a link that breaks out":       {`<a href="https://e.test/&quot;><script>x</script>">ici</a>`, `ici [https://e.test/%22%3E%3Cscript%3Ex%3C/script%3E]`},
		"drawings that hold programs":  {`<svg><script>x</script><p>a</p></svg><math><mi xlink:href="javascript:x">b</mi></math><p>c</p>`, `<p>c</p>`},
		"a style that moves":           {`<div style="position:fixed;top:0;width:100vw;color:#123456">a</div>`, `<div style="color: #123456">a</div>`},
		"a picture of the mail itself": {`<img src="cid:un@x" alt="a">`, `<img src="data:image/png;base64,` + base64.StdEncoding.EncodeToString(onePixel) + `" alt="a">`},
		"a picture that is none":       {`<img src="cid:deux" alt="a">`, `<img alt="a">`},
		"a picture that is not there":  {`<img src="cid:trois" alt="a">`, `<img alt="a">`},
	} {
		page := hub.MessagePage{HTML: one.in, Pictures: []hub.InlinePicture{{ID: "un@x", Type: "image/png", Content: onePixel}, {ID: "deux", Type: "image/png", Content: []byte("<script>")}}}
		if got := defused(page); got != one.want {
			t.Errorf("%s: %q is %q, want %q", name, one.in, got, one.want)
		}
	}
}

// TestAPictureThatIsEverywhereFillsNoMemory: a megabyte of HTML has room for as
// many places as make ten gigabytes of a picture.
func TestAPictureThatIsEverywhereFillsNoMemory(t *testing.T) {
	large := append(slices.Clone(onePixel), make([]byte, 250<<10)...)
	page := hub.MessagePage{HTML: strings.Repeat(`<img src="cid:a">`, 1<<10), Pictures: []hub.InlinePicture{{ID: "a", Type: "image/png", Content: large}}}
	got := defused(page)
	if n := strings.Count(got, "data:image/png"); n != maxShown/len(large) || len(got) > 2*maxShown {
		t.Errorf("it is there %d times, in %d bytes", n, len(got))
	}
}

// FuzzHTML looks for what is not inert.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{`<p onclick=x>`, `<a href="javascript:x">`, `<img src=cid:a>`, `<svg/onload=x>`, `<style><!--</style><img src=x onerror=y>-->`, `<math><mtext><table><mglyph><style><img src=x onerror=y>`} {
		f.Add(s)
	}
	forbidden := regexp.MustCompile(`(?i)<(script|style|iframe|object|embed|form|input|button|link|meta|base|svg|math|a|video|audio)[\s/>]|<[^>]*\son[a-z]+\s*=|<[^>]*\s(src|href|srcset|background|action)\s*=\s*"?\s*(?:[^"d]|d[^a])|<[^>]*url\(`)
	f.Fuzz(func(t *testing.T, s string) {
		if got := defused(hub.MessagePage{HTML: s}); forbidden.MatchString(got) {
			t.Errorf("%q is left of %q", got, s)
		}
	})
}

func TestAMessageInHTMLIsAFrameThatDoesNothing(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.writes("a1", "Subject: Infos\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n<h1>Bonjour</h1><script>parent.location='https://e.test'</script><img src=https://e.test/a.gif><p style='color:red'>À bientôt</p>")
	b.open("/messagerie").reads()
	thread := b.path
	if p := b.header.Get("Content-Security-Policy"); !strings.Contains(p, "frame-src 'self'") || !strings.Contains(p, "script-src 'self'") {
		t.Errorf("the page: %s", p)
	}
	if !strings.Contains(b.page, `sandbox src="`+thread+`/html"`) || strings.Contains(b.page, "e.test") {
		t.Errorf("the page shows it otherwise:\n%s", b.page)
	}
	b.open(thread + "/html")
	for _, want := range []string{"sandbox;", "default-src 'none'", "img-src data:", "form-action 'none'", "frame-ancestors 'self'"} {
		if p := b.header.Get("Content-Security-Policy"); !strings.Contains(p, want) || strings.Contains(p, "allow-") {
			t.Errorf("the frame: %s", p)
		}
	}
	if !strings.Contains(b.page, "<h1>Bonjour</h1>") || strings.Contains(b.page, "e.test") || strings.Contains(b.page, "<script") {
		t.Errorf("the frame:\n%s", b.page)
	}
	b.open(thread + "/texte")
	if b.header.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.Contains(b.page, "À bientôt") {
		t.Errorf("the text: %v\n%s", b.header, b.page)
	}
	b.writes("b1", plainMail).open("/messagerie").reads().open(b.path + "/html")
	if b.status != http.StatusNotFound {
		t.Errorf("of a message without any: %d", b.status)
	}
}

// TestAFileFromAStrangerIsNeverAPageOfOurs opens files of every sort, whatever
// their sender says that they are.
func TestAFileFromAStrangerIsNeverAPageOfOurs(t *testing.T) {
	b := newHouse(t).browser().activates()
	files := []struct{ name, kind, content, asked, got, saved string }{
		{"compte rendu.pdf", "application/pdf", "%PDF-1.7\n%%EOF", inertPDF, "application/pdf", "inline"},
		{"photo.png", "image/png", string(onePixel), inert, "image/png", "inline"},
		{"photo.png", "image/png", "<script>alert(1)</script>", inert, "application/octet-stream", "attachment"},
		{"faux.pdf", "application/pdf", "<html><script>alert(1)</script>", inert, "application/octet-stream", "attachment"},
		{"page.html", "text/html", "<script>alert(1)</script>", inert, "application/octet-stream", "attachment"},
		{"dessin.svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, inert, "application/octet-stream", "attachment"},
		{"notes.txt", "text/plain", "<script>alert(1)</script>", inert, "text/plain; charset=utf-8", "inline"},
		{"a.csv", "text/csv", "a;b", inert, "application/octet-stream", "attachment"},
	}
	mail := "Subject: Pièces\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nVoici.\n"
	for _, f := range files {
		mail += fmt.Sprintf("--x\nContent-Type: %s\nContent-Disposition: attachment; filename=\"%s\"\nContent-Transfer-Encoding: base64\n\n%s\n", f.kind, f.name, base64.StdEncoding.EncodeToString([]byte(f.content)))
	}
	b.writes("a1", mail+"--x--").open("/messagerie").reads().at(b.path, "Pièces jointes", "compte rendu.pdf", "Document PDF", "a.csv")
	thread := b.path
	parts := regexp.MustCompile(`href="`+thread+`/p/([0-9.]+)" download`).FindAllStringSubmatch(b.page, -1)
	if len(parts) != len(files) {
		t.Fatalf("%d files are listed: %q", len(parts), parts)
	}
	for i, f := range files {
		b.open(thread + "/p/" + parts[i][1] + "?voir=1")
		h := b.header
		if h.Get("Content-Security-Policy") != f.asked || h.Get("Content-Type") != f.got || !strings.HasPrefix(h.Get("Content-Disposition"), f.saved+"; filename=") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", f.name, h)
		}
		b.open(thread + "/p/" + parts[i][1])
		if !strings.HasPrefix(b.header.Get("Content-Disposition"), "attachment; ") || !strings.Contains(b.header.Get("Content-Disposition"), f.name) {
			t.Errorf("%s is kept as %s", f.name, b.header.Get("Content-Disposition"))
		}
	}
	for _, part := range []string{"0", "99", "1.1", "..", "x"} {
		if b.open(thread + "/p/" + part); b.status == http.StatusOK && strings.HasPrefix(b.path, thread+"/p/") {
			t.Errorf("part %s is there", part)
		}
	}
}

func TestADocumentInAMailIsMadeReadable(t *testing.T) {
	b := newHouse(t).browser().activates()
	report, err := os.ReadFile("../cda/testdata/level3/in.xml")
	b.must(err)
	report = []byte(strings.NewReplacer("279035121518989", b.jeanne.Matricule.Canonical(), "PAT-TROIS", "HÉRON", "DOMINIQUE MARIE-LOUISE", "JEANNE", "DOMINIQUE", "JEANNE", "19790328", "19600229").Replace(string(report)))
	b.writes("a1", "Subject: XDM/1.0/DDM+Compte rendu\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nVoici.\n--x\nContent-Type: text/xml\nContent-Disposition: attachment; filename=cr.xml\nContent-Transfer-Encoding: base64\n\n"+
		base64.StdEncoding.EncodeToString(report)+"\n--x--")
	b.open("/messagerie").reads().at(b.path, "Compte rendu", "Document de santé")
	thread := b.path
	m := regexp.MustCompile(`href="(` + thread + `/p/[0-9.]+/lecture)"`).FindStringSubmatch(b.page)
	if m == nil {
		t.Fatalf("it is not to be read:\n%s", b.page)
	}
	b.open(m[1]).at(m[1], "Télécharger le fichier d'origine")
	if !strings.Contains(b.page, `<div class="cda" role="group"`) || b.header.Get("Content-Security-Policy") != content {
		t.Errorf("%v\n%s", b.header, b.page)
	}
	if b.open(strings.Replace(m[1], "/lecture", "/f/7", 1)); b.status != http.StatusNotFound {
		t.Errorf("a file that is not in it: %d", b.status)
	}
}

func TestMessagesAreTakenAwayAsTheyCame(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.writes("a1", "Subject: Un/deux: trois\n\nTout va bien.\n").writes("a2", "Subject: Re: Un/deux: trois\nReferences: <a1@medecin.test>\n\nÀ bientôt.\n")
	b.open("/messagerie").reads()
	thread := b.path
	b.open(thread + "/eml")
	if d := b.header.Get("Content-Disposition"); b.header.Get("Content-Type") != "message/rfc822" || !strings.Contains(d, `filename="2026-11-21`) || strings.Contains(d, "/") || !strings.Contains(b.page, "À bientôt.\r\n") {
		t.Errorf("%v\n%s", b.header, b.page)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+thread+"/zip", nil)
	b.must(err)
	resp, err := b.Do(r)
	b.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	b.must(err)
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		in, err := f.Open()
		b.must(err)
		content, err := io.ReadAll(in)
		b.must(err)
		if !bytes.Contains(content, []byte("Message-ID: <a")) {
			t.Errorf("%s holds %q", f.Name, content)
		}
	}
	if len(names) != 2 || !strings.HasPrefix(names[0], "01 2026-11-21 Un") || slices.ContainsFunc(names, func(n string) bool { return strings.ContainsAny(n, `/\:`) }) {
		t.Errorf("the zip holds %q", names)
	}
	b.open(thread+"/imprimer").at(thread+"/imprimer", "Dr Éric THOMAS", "Tout va bien.", "À bientôt.")
}

func TestAReceiptIsTheReadersToSend(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.writes("a1", "Disposition-Notification-To: <"+thomas+">\n"+plainMail)
	b.open("/messagerie").reads().at(b.path, "demande à savoir si vous avez lu ce message", "C'est vous qui décidez")
	thread := b.path
	b.send(thread, "faire", "accuser").at(thread, "L'accusé de lecture est envoyé").lacks("demande à savoir")
	b.writes("b1", "Disposition-Notification-To: <"+thomas+">\n"+strings.Replace(plainMail, "bilan", "rendez-vous", 1))
	b.open("/messagerie").reads()
	other := b.path
	b.send(other, "faire", "taire").at(other, "L'accusé de lecture n'est pas envoyé").lacks("demande à savoir")
	// A form that comes twice asks for what is over.
	if b.post(other, map[string][]string{"token": {formTokenOf(b)}, "faire": {"accuser"}}); b.status != http.StatusNotFound {
		t.Errorf("a receipt that was waived: %d", b.status)
	}
}

// formTokenOf is the token in the forms of the page that is shown.
func formTokenOf(b *browser) string {
	m := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(b.page)
	if m == nil {
		b.t.Fatalf("%s has no form", b.path)
	}
	return m[1]
}

func TestAnEndedExchangeIsToldPlainly(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.writes("a1", plainMail).open("/messagerie").lacks("Échange terminé")
	b.writes("a2", "X-MSS-MES: FIN\nReferences: <a1@medecin.test>\nSubject: Re: Votre bilan\n\nBonne continuation.\n")
	b.open("/messagerie").at("/messagerie", "Échange terminé")
	b.reads().at(b.path, "Dr Éric THOMAS a mis fin à cet échange", "Vous pouvez relire ces messages", "téléphonez à son cabinet", "Par ce message, l'expéditeur a mis fin")
	if strings.Contains(b.page, "/messagerie/ecrire") {
		t.Errorf("an answer is offered:\n%s", b.page)
	}
	b.writes("a3", "References: <a1@medecin.test>\nSubject: Re: Votre bilan\n\nÉcrivez-moi.\n").open("/messagerie").lacks("Échange terminé")
}

func TestFoldersAreTheOwners(t *testing.T) {
	b := newHouse(t).browser().activates().writes("a1", plainMail)
	b.open("/messagerie/dossiers").send("/messagerie/dossiers", "folder-name", "", "faire", "creer").at("/messagerie/dossiers", "Nom du dossier")
	b.send("/messagerie/dossiers", "folder-name", "Cœur", "faire", "creer").at("/messagerie/dossiers", "Le dossier est créé", "Cœur")
	b.send("/messagerie/dossiers", "folder-name", "Cœur", "faire", "creer").at("/messagerie/dossiers", "Vous avez déjà un dossier de ce nom")
	m := regexp.MustCompile(`/messagerie\?dossier=(\d+)`).FindStringSubmatch(b.page)
	if m == nil {
		t.Fatal("the folder is not listed")
	}
	b.open("/messagerie").reads()
	thread := b.path
	b.send(thread, "faire", "deplacer", "vers", m[1]).at("/messagerie", "Rangé", "Il n'y a rien ici")
	b.open("/messagerie?dossier="+m[1]).at("/messagerie", "Votre bilan", "Cœur")
	b.post("/messagerie/dossiers", map[string][]string{"token": {formTokenOf(b)}, "dossier": {m[1]}, "faire": {"supprimer"}}).at("/messagerie/dossiers", "Ce dossier contient encore des messages")
	if b.open("/messagerie?dossier=4711"); b.status != http.StatusNotFound {
		t.Errorf("a folder that is not there: %d", b.status)
	}
}

func TestAFormLeadsNowhereElse(t *testing.T) {
	b := newHouse(t).browser().activates().writes("a1", plainMail)
	for _, back := range []string{"https://e.test/messagerie", "//e.test/messagerie", "/\\e.test", "/deconnexion", "javascript:x"} {
		b.open("/messagerie").reads()
		thread := b.path
		b.send(thread, "faire", "non-lu", "retour", back).at("/messagerie", "Marqué comme non lu")
	}
}

func TestQuotesAreFoldedAndLinesFlow(t *testing.T) {
	long := strings.Repeat("mot ", 17) + "fin" // a line that is full
	for name, one := range map[string]struct {
		in   string
		want []chunk
	}{
		"a text":                   {"Bonjour,\n\nÇa va.", []chunk{{false, "Bonjour,\n\nÇa va."}}},
		"an answer above":          {"Oui.\n\nLe 3 mars, Éric a écrit :\n> Alors ?\n> Dites.", []chunk{{false, "Oui."}, {true, "Le 3 mars, Éric a écrit :\n> Alors ?\n> Dites."}}},
		"an answer between":        {"> Alors ?\n\nOui.\n\n> Et là ?\nNon.", []chunk{{true, "> Alors ?"}, {false, "Oui."}, {true, "> Et là ?"}, {false, "Non."}}},
		"nothing":                  {"", nil},
		"lines that were full":     {long + "\nsuite du texte\ncourt", []chunk{{false, long + " suite du texte\ncourt"}}},
		"lists and tables stay":    {long + "\n- un\n- deux\nGlucose   1,0", []chunk{{false, long + "\n- un\n- deux\nGlucose   1,0"}}},
		"short lines are verses":   {"Un\ndeux\ntrois", []chunk{{false, "Un\ndeux\ntrois"}}},
		"a quote is left in lines": {"> " + long + "\n> " + long, []chunk{{true, "> " + long + "\n> " + long}}},
	} {
		if got := foldQuotes(reflow(one.in)); !slices.Equal(got, one.want) {
			t.Errorf("%s: %+v, want %+v", name, got, one.want)
		}
	}
}

// TestPagesOfMessagesAreLight: however many messages there are, and however long
// they and their names are.
func TestPagesOfMessagesAreLight(t *testing.T) {
	b := newHouse(t).browser().activates()
	text := strings.Repeat("L'essentiel : tout va bien aujourd'hui. ", 450)
	for i := range 55 {
		b.writes(fmt.Sprintf("s%d", i), fmt.Sprintf("Subject: Compte rendu de la consultation de suivi du service, numéro %d, avec l'ordonnance\n\n%s\n", i, text[:200]))
	}
	for i := range 45 {
		b.writes(fmt.Sprintf("t%d", i), "Subject: Suivi\nReferences: <t0@medecin.test>\n\n"+text+"\n")
	}
	const most = 60 << 10
	weigh := func(path string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+path, nil)
		b.must(err)
		resp, err := b.Do(r)
		b.must(err)
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); n > most || resp.StatusCode != http.StatusOK || err != nil {
			t.Errorf("%s (%d) has %d bytes, %v", path, resp.StatusCode, n, err)
		}
	}
	b.open("/messagerie").at("/messagerie", "Page 1 sur 2", "45 messages")
	weigh("/messagerie")
	list := b.page
	b.open("/messagerie?page=2").at("/messagerie", "Page 2 sur 2", "numéro 0")
	weigh("/messagerie?page=2")
	b.page = list
	b.reads().at(b.path, "Messages précédents", "Lire la suite du message")
	thread := b.path
	weigh(thread)
	if n := strings.Count(b.page, `<details class="message"`); n < 2 || n > 3 {
		t.Errorf("%d long messages are opened at once", n)
	}
	// What was not shown was not read.
	b.open("/messagerie").at("/messagerie", "Non lu")
	b.open(thread + "/imprimer")
	if n := strings.Count(b.page, "L'essentiel"); n < 45*450 {
		t.Errorf("on paper there are %d sentences", n)
	}
}

func TestWhatBecameOfAnAnswerIsUnderIt(t *testing.T) {
	b := newHouse(t).browser().activates().writes("a1", plainMail)
	jeanne, _, err := b.OpenWeb(t.Context(), b.cookieNamed(sessionCookie))
	b.must(err)
	to, err := ident.ParseAddress(thomas)
	b.must(err)
	raw := strings.ReplaceAll("Message-ID: <j1@espace.test>\nFrom: <"+jeanne.Address.Canonical()+">\nTo: <"+thomas+">\nSubject: Re: Votre bilan\nReferences: <a1@medecin.test>\n\nMerci Docteur.\n", "\n", "\r\n")
	m, err := b.OpenMailbox(t.Context(), jeanne)
	b.must(err)
	_, err = m.Append(t.Context(), mailbox.Sent, []byte(raw), mailbox.Flags{System: mailbox.Seen}, b.house.now)
	b.must(err)
	b.must(m.Close())
	_, err = b.Deliver(t.Context(), hub.Delivery{Actor: jeanne, From: jeanne.Address, Mail: []byte(raw), Protocol: "HTTP", Hello: "test", To: []hub.Recipient{{Address: to, Notify: hub.NotifySuccess}}})
	b.must(err)
	b.must(b.CarryAll(t.Context()))
	b.open("/messagerie").lacks("Message distribué").reads().at(b.path, "Merci Docteur.", "Envoyé", "Distribué à Dr Éric THOMAS")
	b.open("/messagerie?dossier=2").at("/messagerie", "Vous avez répondu :", "Votre bilan")
}

func TestAMessageWithinAMessageIsKeptAsOne(t *testing.T) {
	b := newHouse(t).browser().activates()
	b.writes("a1", "Subject: Pour information\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nCi-joint.\n--x\nContent-Type: message/rfc822\n\nSubject: Avis\nFrom: <x@y.test>\n\nBonjour.\n--x--")
	b.open("/messagerie").reads().at(b.path, "Ci-joint.", "Message transféré").lacks("Bonjour.")
	b.open(b.path + "/p/2")
	if d := b.header.Get("Content-Disposition"); !strings.Contains(d, ".eml") || !strings.HasPrefix(d, "attachment") || !strings.Contains(b.page, "Subject: Avis") {
		t.Errorf("%s: %s", d, b.page)
	}
}
