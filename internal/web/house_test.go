package web

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/blob/memblob"
	"vaguemestre/internal/bus/membus"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// A house is a hub on engines in memory, with people whom the register names,
// and the pages over it.
type house struct {
	*hub.Hub
	t            testing.TB
	now          time.Time
	base         string
	server       *httptest.Server
	pages        *Server
	jeanne, lina hub.InsuredPerson // lina is a child on Jeanne's card
	log          strings.Builder

	arrives ident.RPPS    // who logs in at the provider of identities…
	since   time.Duration // …which has known them for so long already
	fails   error         // …or why nobody does
	asked   string        // how the provider was last asked
}

const thomas = "eric.thomas@medecin.test"

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	secrets := func() *keyring.ErasureSecrets {
		s, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
		h.must(err)
		return s
	}
	escrowSecrets := secrets()
	const escrow store.Part = "escrow"
	secret, err := escrowSecrets.Add(escrow)
	h.must(err)
	cert, _, err := keyring.NewRing().NewOwner(escrow, secret[0])
	h.must(err)
	h.Hub, err = hub.New(hub.Config{
		Store: memstore.New(), Blobs: memblob.New(), Bus: membus.New(),
		Index: keyring.NewIndexKey(), Ring: keyring.NewRing(), Erasure: secrets(), Escrow: cert,
		Domain: "hub.test", PatientDomain: "patient.test", WebDomain: "espace.test", TestMode: true, Now: func() time.Time { return h.now },
	})
	h.must(err)
	h.jeanne = insured(t, "2602099999021", "HÉRON", "Jeanne", "19600229")
	h.jeanne.Cards, h.jeanne.Mail = []hub.VitaleCard{{Model: patient.WithPhoto, Serial: "12345678901"}}, "jeanne@courriel.test"
	h.lina = insured(t, "2142099999023", "HÉRON", "Lina", "20140510")
	h.lina.Holder = h.jeanne.Matricule
	for _, p := range []hub.InsuredPerson{h.jeanne, h.lina} {
		_, err := h.ApplyInsured(t.Context(), "operator", p)
		h.must(err)
	}
	h.must(h.AddBAL(t.Context(), "operator", directory.BAL{Kind: directory.Personal, Address: thomas, Name: "Dr Éric THOMAS", RPPS: rpps(t), Profession: policy.Physician}))
	h.mail("") // that the spaces were made
	h.serve()
	return h
}

func rpps(t testing.TB) string {
	n, err := ident.MakeRPPS("9900000001")
	if err != nil {
		t.Fatal(err)
	}
	return n.String()
}

func insured(t testing.TB, base, name, first, born string) hub.InsuredPerson {
	m, err := ident.MakeMatricule(base)
	if err != nil {
		t.Fatal(err)
	}
	return hub.InsuredPerson{Person: hub.Person{Matricule: m, Traits: patient.Traits{BirthName: name, FirstNames: first, BirthDate: born, Sex: "F"}}}
}

var testMail = MailServers{IMAP: "mail.test:993", SMTP: "mail.test:465", Domains: []string{"hub.test", "patient.test"}}

func (h *house) serve() {
	h.server = httptest.NewUnstartedServer(nil)
	h.base = "https://" + h.server.Listener.Addr().String()
	s, err := New(h.Hub, Config{Base: h.base, Key: make([]byte, 32), Now: func() time.Time { return h.now }, Log: logger(&h.log), Mail: testMail, Pro: Provider{SignIn: "/oauth/portal", SignOut: "/oauth/end"}})
	h.must(err)
	h.pages = s
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.HandleFunc("/oauth/", func(w http.ResponseWriter, r *http.Request) {
		h.asked = r.URL.RequestURI()
		if r.URL.Path == "/oauth/end" {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		r.Header.Del("Cookie") // as a browser has it that comes from another site
		s.Arrive(w, r, h.arrives, h.now.Add(-h.since), h.fails)
	})
	h.server.Config.Handler = mux
	h.server.StartTLS()
	h.t.Cleanup(h.server.Close)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

var sentCode = regexp.MustCompile(`: ([0-9]{6}|[2-9A-HJ-NP-Za-hjkmnp-z]{8})\n`)

// mail takes what has left the hub, and returns the code in the last one to an
// address.
func (h *house) mail(to string) (code string) {
	h.t.Helper()
	list, err := h.DueNotices(h.t.Context(), 100)
	h.must(err)
	for _, n := range list {
		if m := sentCode.FindStringSubmatch(n.Text); n.Address == to && m != nil {
			code = m[1]
		}
		h.must(h.NoticeSent(h.t.Context(), n.ID))
	}
	if to != "" && code == "" {
		h.t.Fatalf("no code was sent to %s: %v", to, list)
	}
	return code
}

// A browser is one that runs no script. It keeps the page it shows.
type browser struct {
	*house
	http.Client
	path, page string
	status     int
	header     http.Header
	agent      string
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	h.must(err)
	b := &browser{house: h, Client: http.Client{Jar: jar, Transport: h.server.Client().Transport}, agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
	return b
}

func (b *browser) do(r *http.Request) *browser {
	b.t.Helper()
	r.Header.Set("User-Agent", b.agent)
	resp, err := b.Do(r)
	b.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	b.path, b.page, b.status, b.header = resp.Request.URL.Path, html.UnescapeString(string(body)), resp.StatusCode, resp.Header
	if _, to, ok := strings.Cut(resp.Header.Get("Refresh"), "url="); ok {
		return b.open(to)
	}
	return b
}

// open opens a page.
func (b *browser) open(path string) *browser {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+path, nil)
	b.must(err)
	return b.do(r)
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// send fills in a form of the page that is shown and sends it: its action, and
// names and values by turns.
func (b *browser) send(action string, fields ...string) *browser {
	b.t.Helper()
	_, rest, ok := strings.Cut(b.page, `action="`+action+`"`)
	if !ok {
		b.t.Fatalf("%s has no form to %s:\n%s", b.path, action, b.page)
	}
	rest, _, _ = strings.Cut(rest, "</form>")
	values := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(rest, -1) {
		values.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return b.post(action, values)
}

func (b *browser) post(path string, values url.Values) *browser {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, strings.NewReader(values.Encode()))
	b.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// at fails the test if the page is another one, or lacks some words.
func (b *browser) at(path string, words ...string) *browser {
	b.t.Helper()
	if b.path != path {
		b.t.Fatalf("at %s (%d), want %s:\n%s", b.path, b.status, path, text(b.page))
	}
	for _, w := range words {
		if !strings.Contains(text(b.page), w) {
			b.t.Errorf("%s does not say %q:\n%s", b.path, w, text(b.page))
		}
	}
	return b
}

var tags = regexp.MustCompile(`(?s)<(title|style)>.*?</(title|style)>|<[^>]*>`)

// text is what a page says.
func text(page string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(page, " ")), " ")
}

func (b *browser) cookieNamed(name string) string {
	u, err := url.Parse(b.base)
	b.must(err)
	for _, k := range b.Jar.Cookies(u) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

const (
	login    = "heron.gris"
	password = "Quai-Vert.48"
)

// identifies says who Jeanne is, and has her code sent.
func (b *browser) identifies() *browser {
	b.t.Helper()
	b.house.now = b.house.now.Add(time.Minute)
	return b.open("/activer").send("/activer", "matricule", b.jeanne.Matricule.Canonical(), "birth", "29/02/1960", "card", "photo", "serial", "123 4567 8901", "by", "mail")
}

// begins gets to the first step after the code.
func (b *browser) begins() *browser {
	b.t.Helper()
	b.identifies().at("/activer/code", "Si ces informations sont exactes")
	return b.send("/activer/code", "code", b.mail("jeanne@courriel.test"))
}

// activates opens Jeanne's space.
func (b *browser) activates() *browser {
	b.t.Helper()
	b.begins().at("/activer/choix").send("/activer/choix", "own", "open")
	b.at("/activer/conditions").send("/activer/conditions", "agree", "yes")
	b.at("/activer/contact", "j•••@c•••.test").send("/activer/contact", "by", "mail", "mail", "")
	b.at("/activer/contact/code").send("/activer/contact/code", "code", b.mail("jeanne@courriel.test"))
	b.at("/activer/identifiants").send("/activer/identifiants", "new-login", login, "new-password", password, "repeat", password)
	b.at("/activer/ouverture", "Rien n'est encore ouvert").send("/activer/ouverture/envoi", "by", "mail")
	b.at("/activer/ouverture").send("/activer/ouverture", "code", b.mail("jeanne@courriel.test"))
	return b.at("/", "Bonjour Jeanne", "Votre espace santé est ouvert")
}

// signsIn takes both steps.
func (b *browser) signsIn() *browser {
	b.t.Helper()
	b.house.now = b.house.now.Add(time.Minute)
	b.open("/connexion").send("/connexion", "login", login, "password", password)
	b.at("/connexion/code", "j•••@c•••.test").send("/connexion/code", "code", b.mail("jeanne@courriel.test"))
	return b.at("/", "Bonjour")
}

// part is where somebody's space is kept: the name of their record.
func (h *house) part(p hub.InsuredPerson) store.Part {
	h.t.Helper()
	n, err := ident.ParseRPPS(rpps(h.t))
	h.must(err)
	e, err := h.OpenProfessionalWeb(h.t.Context(), n, h.now, hub.Attempt{Protocol: "web"})
	h.must(err)
	v, err := h.FindPatient(h.t.Context(), e.Actor, p.Matricule)
	h.must(err)
	return store.Part(v.ID)
}
