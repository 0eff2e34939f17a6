package oauth

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/software"
)

// asked is the question that a page asks somebody who has logged in: it comes
// back with the answer, from the same browser, and tells who they are.
type asked struct {
	Request request
	Who     string // address of the mailbox that logged in
	Browser []byte // digest of the cookie that must come along
	Ends    time.Time
}

// ask shows the page that asks whether a program may act for somebody.
func (s *Server) ask(w http.ResponseWriter, q request, c software.Client, a hub.Actor) error {
	mark := random()
	ticket, err := s.seal("consent", asked{q, a.Address.Canonical(), account.Digest([]byte(mark)), s.cfg.Now().Add(consentLife)})
	if err != nil {
		return err
	}
	setCookie(w, cookie("consent", mark), mark, consentLife)
	return s.page(w, http.StatusOK, "consent.html", formTarget(q.Redirect), consentPage{
		Program: c.Name, Person: a.Name, Address: a.Address.Canonical(), Wishes: wishes(q.Scopes),
		Offline: q.Scopes.Has("offline_access"), Ticket: ticket, Mark: mark[:8],
	})
}

// A consentPage is what that page shows.
type consentPage struct {
	Program, Person, Address string
	Wishes                   []wish
	Offline                  bool
	Ticket, Mark             string
}

// A wish is what a scope lets a program do, in words.
type wish struct{ FR, EN string }

// things are the types of resources that people are told of, with their names; a
// type that is not among them is told as it is.
var things = map[string]wish{
	"*":                 {"tout ce que vous pouvez consulter ici", "all that you may see here"},
	"DocumentReference": {"les documents des dossiers médicaux", "the documents of medical records"},
	"Binary":            {"le contenu des documents", "the content of documents"},
	"List":              {"les listes de documents", "the lists of documents"},
	"Patient":           {"l'identité des patients", "the identity of patients"},
	"AuditEvent":        {"l'historique des accès", "the history of accesses"},
	"Consent":           {"les choix des patients", "the choices of patients"},
}

// wishes tells scopes in words, reading apart from changing.
func wishes(scopes smart.Scopes) (list []wish) {
	for _, resource := range scopes.Resources() {
		name, ok := things[resource]
		if !ok {
			name = wish{resource, resource}
		}
		reads := scopes.Allows(resource, smart.Read) || scopes.Allows(resource, smart.Search)
		changes := scopes.Allows(resource, smart.Create) || scopes.Allows(resource, smart.Update) || scopes.Allows(resource, smart.Delete)
		switch {
		case reads && changes:
			list = append(list, wish{"Consulter, ajouter et modifier : " + name.FR, "See, add and change: " + name.EN})
		case changes:
			list = append(list, wish{"Ajouter et modifier : " + name.FR, "Add and change: " + name.EN})
		case reads:
			list = append(list, wish{"Consulter : " + name.FR, "See: " + name.EN})
		}
	}
	return list
}

// formTarget is where the answer to the page leads in the end: a browser holds
// redirects of a form against its policy too.
func formTarget(redirect string) string {
	u, err := url.Parse(redirect)
	switch {
	case err != nil:
		return ""
	case u.Host == "":
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// consent takes the answer of that page.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) error {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return errStale
	}
	f, err := readForm(r)
	if err != nil {
		return err
	}
	var q asked
	if err := s.open("consent", f["ticket"], &q); err != nil {
		return stale(err)
	}
	name := cookie("consent", f["mark"])
	kept, err := r.Cookie(name)
	if err != nil || !s.cfg.Now().Before(q.Ends) || subtle.ConstantTimeCompare(account.Digest([]byte(kept.Value)), q.Browser) != 1 {
		return errStale
	}
	setCookie(w, name, "", 0)
	if f["answer"] != "yes" {
		return s.back(w, r, q.Request, &problem{code: "access_denied", text: "the person refused"})
	}
	c, err := s.hub.Client(r.Context(), q.Request.Client)
	if fault.Of(err) == fault.NotFound {
		return errUnknownProgram
	}
	if err != nil {
		return err
	}
	who, err := ident.ParseAddress(q.Who)
	if err != nil {
		return fmt.Errorf("oauth: consent: %w", fault.Corrupt)
	}
	return s.allow(w, r, q.Request, c, who)
}

func stale(err error) error {
	if fault.Of(err) == fault.Invalid {
		return errStale
	}
	return err
}
