package web

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/policy"
)

// TestTheNavigationShowsWhatExists: every place that has a page, the present one
// marked, and nothing that leads nowhere.
func TestTheNavigationShowsWhatExists(t *testing.T) {
	b := newHouse(t).browser().activates()
	links := regexp.MustCompile(`<li(?: class="wide")?><a href="([^"]+)"`)
	_, nav, _ := strings.Cut(b.page, `<nav class="main"`)
	nav, _, _ = strings.Cut(nav, "</nav>")
	found := links.FindAllStringSubmatch(nav, -1)
	if len(found) < 3 {
		t.Fatalf("the navigation is %s", nav)
	}
	for _, m := range found {
		if b.open(m[1]); b.status != 200 {
			t.Errorf("%s: %d", m[1], b.status)
		}
		if !strings.Contains(b.page, `<a href="`+m[1]+`" aria-current="page"`) {
			t.Errorf("%s does not say that one is there", m[1])
		}
	}
	b.open("/acces").at("/acces")
	if !strings.Contains(b.page, `<a href="/activite" aria-current="page"`) {
		t.Error("/acces belongs to no place")
	}
}

// TestEveryPageOfWhoHasSignedInIsInOnePlace, so that the navigation says where one
// is.
func TestEveryPageOfWhoHasSignedInIsInOnePlace(t *testing.T) {
	for _, a := range Addresses() {
		if !a.Signed {
			continue
		}
		var in []string
		for _, p := range places {
			if p.holds(a.Path) {
				in = append(in, p.name)
			}
		}
		if len(in) != 1 {
			t.Errorf("%s is in %v", a.Path, in)
		}
	}
}

// TestEachSeesTheirOwnPlaces: patients their documents, professionals patients.
func TestEachSeesTheirOwnPlaces(t *testing.T) {
	s := &Server{paths: map[string]bool{}}
	for _, p := range places {
		s.paths[p.path] = p.count == nil // nothing is asked of a hub here
	}
	seen := func(role policy.Role) (names string) {
		c := &call{s: s, who: &visitor{Actor: hub.Actor{Role: role}}}
		c.r = httptest.NewRequestWithContext(t.Context(), "GET", "/nothing", nil)
		for _, i := range c.nav() {
			names += " " + i.Name
		}
		return names
	}
	if got := seen(policy.Patient); got != " home documents people activity security" {
		t.Errorf("a patient sees%s", got)
	}
	if got := seen(policy.Professional); got != " home patients security" {
		t.Errorf("a professional sees%s", got)
	}
	if c := (&call{s: s}); c.nav() != nil {
		t.Error("who has not signed in sees places")
	}
}

// TestUnreadMessagesAreCountedAloud: by a figure for the eye, and in words.
func TestUnreadMessagesAreCountedAloud(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	if n, err := h.Unread(t.Context(), h.actor(b)); n != 0 || err != nil {
		t.Errorf("%d unread in a new space, %v", n, err)
	}
	h.thomasWrites(h.jeanne.Matricule, "Bonjour")
	h.thomasWrites(h.jeanne.Matricule, "Et encore")
	if n, err := h.Unread(t.Context(), h.actor(b)); n != 2 || err != nil {
		t.Errorf("%d unread, %v", n, err)
	}
}

// thomasWrites has Dr Thomas write to somebody.
func (h *house) thomasWrites(to ident.Matricule, subject string) {
	h.t.Helper()
	own, err := ident.ParseAddress(thomas)
	h.must(err)
	secret, err := h.AddPassword(h.t.Context(), "operator", own, subject)
	h.must(err)
	from, err := h.Login(h.t.Context(), hub.Attempt{Login: thomas, Protocol: "smtp"}, secret)
	h.must(err)
	a, err := h.PatientAddress(to)
	h.must(err)
	mail := fmt.Sprintf("From: Dr Thomas <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%x@medecin.test>\r\n"+
		"Date: Sat, 21 Nov 2026 09:00:00 +0000\r\nContent-Type: text/plain\r\n\r\n%s\r\n", thomas, a.Canonical(), subject, subject, subject)
	_, err = h.Deliver(h.t.Context(), hub.Delivery{Actor: from, From: from.Address, To: []hub.Recipient{{Address: a}}, Mail: []byte(mail), Protocol: "ESMTPSA", Hello: "cabinet.test"})
	h.must(err)
}
