package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/web"
)

// TestStrangersGetNothing tries every address of the pages, with what is
// Dominique's in it, as people whom it does not concern: it leads nowhere, tells
// nothing of hers, changes nothing, and what was tried on her record is in her
// trail.
//
// The addresses come from the table of the pages, and what is put into them from
// the pages that Dominique and her physician see: a new page is walked by itself.
func TestStrangersGetNothing(t *testing.T) {
	p := openPortal(t)
	mine := p.harvest(t)
	secrets := p.secrets(t)
	before := p.whatIsHers(t)
	strangers := p.strangers(t)
	for _, s := range strangers {
		t.Run(s.who, func(t *testing.T) {
			secrets := s.unknownTo(secrets)
			for _, try := range mine.tries(t, s.given, secrets) {
				s.tries(t, p, try, mine.record, secrets)
			}
			if s.address != "" && s.refusals(t, p) == 0 {
				t.Error("no refusal is in the trail")
			}
		})
	}
	t.Run("by the API", func(t *testing.T) { p.strangersByAPI(t, strangers, secrets) })
	for what, was := range before {
		if now := p.whatIsHers(t)[what]; now != was {
			t.Errorf("%s was changed by strangers:\n%s\nbefore:\n%s", what, now, was)
		}
	}
}

// A stranger is somebody whom what is Dominique's does not concern.
type stranger struct {
	*walker
	who     string
	address string   // of their own; "" for nobody
	knows   string   // what they may: a regular expression
	may     string   // addresses that they may see: a regular expression
	given   []string // IDs of the documents that the door shows them
	cares   bool     // a professional
}

// Before every patient, a professional has the page where they say what they are
// to them, the list of what they brought, and the forms of that and of an emergency.
const everyCaregiver = `^/patients/[^/]+(/urgence|/documents|/documents/ajouter)?$`

// unknownTo are the secrets that somebody does not know anyway.
func (s *stranger) unknownTo(secrets []string) []string {
	return slices.DeleteFunc(slices.Clone(secrets), func(word string) bool { return s.knows != "" && regexp.MustCompile(s.knows).MatchString(word) })
}

func (p *portal) strangers(t *testing.T) []*stranger {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hers := p.entries[dominique.address].Actor
	record := string(hers.Part)

	must(p.hub.BlockProfessional(ctx, hers, record, at(benali)))
	helper := p.entries[louise.address].Actor
	must(p.hub.Invite(ctx, hers, record, at(louise), hub.Invitation{Kind: patient.Carer, Scope: patient.Scope{Agenda: true}, Until: clock().Add(24 * time.Hour)}))
	must(p.hub.AnswerInvitation(ctx, helper, record, true))

	over := p.professional(t, adam)
	must(p.hub.EndWebSession(ctx, over.Actor, over.Session.ID))
	closed := p.entries[newcomer.who.address]
	_, err := p.hub.CloseSpace(ctx, closed.Actor, string(closed.Actor.Part), false)
	must(err)

	const herName = `(?i)dominique|pat-trois`
	herNumber := dominique.matricule.Canonical()[:13] // by which a professional finds her
	optician := p.professional(t, girard)
	its, err := p.hub.Documents(ctx, optician.Actor, record)
	must(err)
	theirs, knows := []string{}, herName+"|"+herNumber+lettersOf(t, girard)
	for _, d := range its {
		theirs, knows = append(theirs, d.ID), knows+"|^"+regexp.QuoteMeta(d.Entry.Title)+"$"
	}
	return []*stranger{
		{walker: p.walker(t, ""), who: "nobody"},
		{walker: p.walker(t, over.Token), who: "a session that is over"},
		{walker: p.walker(t, closed.Token), who: "a patient who has closed their space"},
		{walker: p.walker(t, p.entries[neighbour.who.address].Token), who: "another patient", address: neighbour.who.address},
		{walker: p.walker(t, p.entries[louise.address].Token), who: "a carer who is entrusted with something else", address: louise.address, knows: herName, may: `^/proches/[^/]+$`},
		{walker: p.walker(t, p.professional(t, benali).Token), who: "a professional whom she has blocked", address: benali.address, cares: true, knows: herNumber + lettersOf(t, benali), may: everyCaregiver},
		{walker: p.walker(t, optician.Token), who: "an optician", address: girard.address, cares: true, knows: knows, may: everyCaregiver + `|^/patients/[^/]+/documents(/selection|/tout|/recherche|/corbeille|/dossiers)?$`, given: theirs},
	}
}

// professional signs one of the cast in to the pages.
func (p *portal) professional(t *testing.T, who person) hub.Entry {
	t.Helper()
	n, err := ident.ParseRPPS(who.bal.RPPS)
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.hub.OpenProfessionalWeb(t.Context(), n, time.Now(), hub.Attempt{Protocol: "web", Device: "Firefox, Linux"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A try is one request with something of Dominique's in it.
type try struct {
	method, pattern, path string
	fields                url.Values
	signed, cares         bool // for those who have signed in, as professionals
	hers                  bool // the address names her record
}

// These are how the pages say no. Where a form leads back to a page of the
// stranger's own, nothing has changed: that is looked at in the end.
var pagesRefuse = []int{http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests}

func (s *stranger) tries(t *testing.T, p *portal, try try, record string, secrets []string) {
	t.Helper()
	before := s.refusals(t, p)
	a := s.do(t, try.method, try.path, try.fields)
	away := a.status == http.StatusSeeOther && strings.HasPrefix(a.location, "/connexion")
	elsewhere := a.status == http.StatusSeeOther && !strings.Contains(a.location, record)
	allowed := func(path string) bool {
		path, _, _ = strings.Cut(path, "?")
		return s.may != "" && regexp.MustCompile(s.may).MatchString(path)
	}
	refused := a.status == http.StatusForbidden || a.status == http.StatusNotFound
	if refused && s.address != "" && try.hers && try.cares == s.cares && !allowed(try.path) && s.refusals(t, p) == before {
		t.Errorf("%s %s: %d, and it is not in the trail", try.method, try.path, a.status)
	}
	switch {
	case away, slices.Contains(pagesRefuse, a.status), allowed(try.path), elsewhere, a.status == http.StatusSeeOther && allowed(a.location):
	case s.address == "" && try.signed:
		t.Errorf("%s %s: %d for nobody", try.method, try.path, a.status)
	case strings.Contains(try.pattern, "{"):
		t.Errorf("%s %s: %d %s", try.method, try.path, a.status, a.location)
	}
	said := a.location + "\n" + a.header + "\n" + a.body
	for _, secret := range secrets {
		if strings.Contains(said, secret) {
			t.Errorf("%s %s tells %q:\n%s", try.method, try.path, secret, around(said, secret))
		}
	}
}

func around(text, word string) string {
	i := strings.Index(text, word)
	return text[max(0, i-200):min(len(text), i+200)]
}

// refusals is how often Dominique's trail says that a stranger was refused.
func (s *stranger) refusals(t *testing.T, p *portal) (n int) {
	t.Helper()
	if s.address == "" {
		return 0
	}
	page, err := p.hub.History(t.Context(), p.entries[dominique.address].Actor, "", hub.HistoryQuery{By: s.address, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range page.Lines {
		if l.Refused {
			n++
		}
	}
	return n
}

// secrets are words that nobody but Dominique and her care team may read.
func (p *portal) secrets(t *testing.T) (list []string) {
	t.Helper()
	hers := p.entries[dominique.address].Actor
	list = []string{"PAT-TROIS", "Dominique", dominique.matricule.Canonical(), dominique.matricule.Canonical()[:13], register[1].mail}
	docs, err := p.hub.Documents(t.Context(), hers, string(hers.Part))
	if err != nil || len(docs) == 0 {
		t.Fatal(docs, err)
	}
	for _, d := range docs {
		if kind, _ := cda.TypeByCode(d.Entry.TypeCode); d.Entry.Title != kind.Label { // a word of every form
			list = append(list, d.Entry.Title)
		}
	}
	for _, l := range story(t) {
		if l.concerns(dominique) {
			list = append(list, l.words()...)
		}
	}
	return slices.DeleteFunc(list, func(s string) bool { return len(s) < 6 })
}

func story(t *testing.T) []*letter {
	t.Helper()
	letters, err := demoStory(clock())
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

func (l *letter) concerns(who person) bool {
	return slices.ContainsFunc(slices.Concat([]person{l.from}, l.to, l.cc), func(one person) bool { return one.address == who.address })
}

// words are what one knows a letter by.
func (l *letter) words() []string { return []string{l.subject, strings.Split(l.text, "\n")[2]} }

// lettersOf are those that somebody has written or got, for a regular expression
// that goes on.
func lettersOf(t *testing.T, who person) (more string) {
	t.Helper()
	for _, l := range story(t) {
		if l.concerns(who) {
			for _, word := range l.words() {
				more += "|^" + regexp.QuoteMeta(word) + "$"
			}
		}
	}
	return more
}

// whatIsHers is what could be changed, as texts.
func (p *portal) whatIsHers(t *testing.T) map[string]string {
	t.Helper()
	ctx, a := t.Context(), p.entries[dominique.address].Actor
	docs, err1 := p.hub.Documents(ctx, a, string(a.Part))
	sessions, err2 := p.hub.WebSessions(ctx, a)
	contact, err3 := p.hub.Contact(ctx, a)
	passwords, err4 := p.hub.OwnPasswords(ctx, a)
	choices, err5 := p.hub.Choices(ctx, a, string(a.Part))
	mails, err6 := p.hub.Threads(ctx, a, hub.ThreadSearch{})
	drafts, err7 := p.hub.Drafts(ctx, a)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"the contact": fmt.Sprint(contact), "the passwords": fmt.Sprint(passwords), "the choices": fmt.Sprint(choices)}
	for _, d := range docs {
		all["the documents"] += fmt.Sprintln(d.ID, d.Entry.Title, d.Flags)
	}
	for _, n := range mails.Threads {
		all["the mails"] += fmt.Sprintln(n.ID, n.Subject, n.Messages, n.Unread, n.Answered)
	}
	for _, n := range drafts {
		all["the drafts"] += fmt.Sprintln(n.ID, n.Saved)
	}
	for _, n := range sessions {
		all["the sessions"] += n.ID
	}
	return all
}

// A crop is what was found on pages: values for the parts of addresses that vary,
// and what forms send.
type crop struct {
	record string
	values map[string][]string   // by "pattern name"
	fields map[string]url.Values // by pattern
	hidden url.Values            // of all forms together
}

// roots are where the pages of a record are: one's own, that of somebody for whom
// one acts, that of a patient.
var roots = regexp.MustCompile(`^/(proches|patients)/\{record\}`)

// harvest walks through the pages as Dominique, and through her record as her
// physician.
func (p *portal) harvest(t *testing.T) crop {
	t.Helper()
	c := crop{record: string(p.entries[dominique.address].Actor.Part), values: map[string][]string{}, fields: map[string]url.Values{}, hidden: url.Values{}}
	c.walk(t, p.walker(t, p.entries[dominique.address].Token), "/")
	c.walk(t, p.walker(t, p.professional(t, thomas).Token), "/patients/"+c.record)
	return c
}

const mostPages = 300

// walk opens every page that links lead to.
func (c *crop) walk(t *testing.T, w *walker, from string) {
	t.Helper()
	todo, known := []string{from}, map[string]bool{}
	for len(todo) > 0 && len(known) < mostPages {
		path := todo[0]
		todo = todo[1:]
		c.see(http.MethodGet, path, nil)
		a := w.do(t, http.MethodGet, path, nil)
		if !strings.HasPrefix(a.kind, "text/html") || a.status != http.StatusOK {
			continue
		}
		links, forms := contentsOf(a.body)
		for _, f := range forms {
			c.see(http.MethodPost, f.action, f.fields)
		}
		for _, l := range links {
			if !known[l] && strings.HasPrefix(l, "/") && !strings.HasPrefix(l, "/psc") && !strings.HasPrefix(l, "/oauth") && !strings.HasPrefix(l, "/web/") {
				known[l] = true
				todo = append(todo, l)
			}
		}
	}
}

// see remembers what an address and a form hold.
func (c *crop) see(method, address string, fields url.Values) {
	path, query, _ := strings.Cut(address, "?")
	pattern, names := patternOf(path)
	for name, value := range names {
		at := roots.ReplaceAllString(pattern, "") + " " + name
		c.values[at] = append(c.values[at], value)
	}
	key := method + " " + roots.ReplaceAllString(pattern, "")
	if c.fields[key] == nil {
		c.fields[key] = url.Values{}
	}
	values, _ := url.ParseQuery(query) // of a page of ours
	for _, more := range []url.Values{values, fields} {
		for name, list := range more {
			c.fields[key][name] = list
			c.hidden[name] = list
		}
	}
}

// tries are the requests that strangers make, for what they are not given. They
// do not know the secrets.
func (c *crop) tries(t *testing.T, given, secrets []string) (list []try) {
	t.Helper()
	isGiven := func(value string) bool {
		return slices.ContainsFunc(given, func(id string) bool { return strings.HasSuffix(id, "."+value) })
	}
	names := regexp.MustCompile(`\{([^}]*)\}`)
	for _, a := range web.Addresses() {
		if a.Path == "/deconnexion" || a.Path == "/fermer" { // the stranger's own, and the end of the walk
			continue
		}
		own := roots.ReplaceAllString(a.Path, "")
		path := names.ReplaceAllStringFunc(a.Path, func(name string) string {
			if name == "{record}" {
				return c.record
			}
			values := c.values[own+" "+strings.Trim(name, "{}")]
			for at, others := range c.values {
				if strings.HasSuffix(at, " "+strings.Trim(name, "{}")) {
					values = append(values, others...)
				}
			}
			if i := slices.IndexFunc(values, func(value string) bool { return !isGiven(value) }); i >= 0 {
				return values[i]
			}
			t.Errorf("nothing is known to put for %s into %s: no page of Dominique's leads there", name, a.Path)
			return "none"
		})
		hers := strings.Contains(path, c.record)
		if a.Shows {
			query := ""
			if q := c.fields["GET "+own]; len(q) > 0 {
				query = "?" + q.Encode()
			}
			list = append(list, try{http.MethodGet, a.Path, path + query, nil, a.Signed, a.Cares, hers})
		}
		if a.Takes && a.Signed {
			fields := c.fields["POST "+own]
			if len(fields) == 0 {
				fields = c.hidden
			}
			list = append(list, try{http.MethodPost, a.Path, path, filled(fields, secrets), a.Signed, a.Cares, hers})
		}
	}
	return list
}

// filled are fields in which something is written everywhere, and no secret.
func filled(fields url.Values, secrets []string) url.Values {
	all := url.Values{}
	for name, values := range fields {
		for _, value := range values {
			if value == "" || slices.ContainsFunc(secrets, func(word string) bool { return strings.Contains(value, word) }) {
				value = "compte rendu"
			}
			all.Add(name, value)
		}
	}
	return all
}

// patternOf finds the address of the table that a path is one of.
func patternOf(path string) (pattern string, values map[string]string) {
	best := -1
	for _, a := range web.Addresses() {
		have, want := strings.Split(path, "/"), strings.Split(a.Path, "/")
		if len(have) != len(want) {
			continue
		}
		v, same := map[string]string{}, 0
		for i := range want {
			if name, isName := strings.CutPrefix(want[i], "{"); isName {
				v[strings.TrimSuffix(name, "}")] = have[i]
			} else if want[i] == have[i] {
				same++
			} else {
				same = -len(want)
			}
		}
		if same > best {
			pattern, values, best = a.Path, v, same
		}
	}
	return pattern, values
}

// A walker is a browser without a face.
type walker struct {
	http.Client
	base, token string
}

func (p *portal) walker(t testing.TB, session string) *walker {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{Client: *trustingClient(t, p.ca), base: p.base}
	w.Jar, w.CheckRedirect = jar, func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	u, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	if session != "" {
		jar.SetCookies(u, []*http.Cookie{{Name: "__Host-session", Value: session, Path: "/", Secure: true}})
	}
	if m := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(w.do(t, http.MethodGet, "/", nil).body); m != nil {
		w.token = m[1]
	}
	return w
}

// An answer is what came of a request.
type answer struct {
	status                       int
	kind, location, header, body string
}

func (w *walker) do(t testing.TB, method, path string, fields url.Values) answer {
	t.Helper()
	a, err := w.ask(t.Context(), method, path, fields)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *walker) ask(ctx context.Context, method, path string, fields url.Values) (a answer, err error) {
	var body io.Reader
	if method == http.MethodPost {
		fields = maps.Clone(fields)
		fields.Set("token", w.token)
		body = strings.NewReader(fields.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, w.base+path, body)
	if err != nil {
		return a, err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := w.Do(r)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	text := html.UnescapeString(string(b))
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get("Location"), fmt.Sprint(resp.Header), text}, err
}

// A sending is a form as it would be sent.
type sending struct {
	action string
	fields url.Values
}

// contentsOf finds the links of a page and its forms.
func contentsOf(page string) (links []string, forms []sending) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, nil
	}
	for n := range root.Descendants() {
		of := map[string]string{}
		for _, a := range n.Attr {
			of[a.Key] = a.Val
		}
		switch n.Data {
		case "a":
			links = append(links, of["href"])
		case "iframe", "img", "embed":
			links = append(links, of["src"])
		case "object":
			links = append(links, of["data"])
		case "form":
			forms = append(forms, sending{of["action"], url.Values{}})
		case "input", "button", "select", "textarea":
			if len(forms) > 0 && of["name"] != "" && of["name"] != "token" {
				f := forms[len(forms)-1].fields
				if value := of["value"]; value != "" || f.Get(of["name"]) == "" {
					f.Set(of["name"], value)
				}
			}
		}
	}
	return links, forms
}
