package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

const cabinet = "secretariat@medecin.test"

// shares lets Dr Thomas share the mailbox of a practice, to which somebody has
// written.
func (h *house) shares() {
	h.t.Helper()
	ctx := h.t.Context()
	address := func(s string) ident.Address {
		a, err := ident.ParseAddress(s)
		h.must(err)
		return a
	}
	h.must(h.AddBAL(ctx, "operator", directory.BAL{Kind: directory.Practice, Address: cabinet, Name: "Cabinet du Port"}))
	h.must(h.AddMember(ctx, "operator", address(cabinet), address(thomas)))
	n, err := ident.ParseRPPS(rpps(h.t))
	h.must(err)
	e, err := h.OpenProfessionalWeb(ctx, n, h.now, hub.Attempt{Protocol: "web"})
	h.must(err)
	mail := "Message-ID: <demande@medecin.test>\r\nDate: " + h.now.Format("Mon, 02 Jan 2006 15:04:05 -0700") + "\r\nFrom: <" + thomas + ">\r\nTo: <" + cabinet +
		">\r\nSubject: Demande de rendez-vous\r\n\r\nBonjour.\r\n"
	_, err = h.Deliver(ctx, hub.Delivery{Actor: e.Actor, From: e.Actor.Address, Mail: []byte(mail), Protocol: "HTTP", Hello: "test",
		To: []hub.Recipient{{Address: address(cabinet)}}})
	h.must(err)
}

// boxID is the ID of the shared mailbox, as the page that is shown has it.
func (b *browser) boxID() string {
	b.t.Helper()
	for _, m := range hidden.FindAllStringSubmatch(b.page, -1) {
		if m[1] == "box" && m[2] != "" {
			return m[2]
		}
	}
	b.t.Fatalf("%s offers no shared mailbox", b.path)
	return ""
}

func (b *browser) chooses(id string) *browser {
	b.t.Helper()
	return b.post(boxesPath, url.Values{"token": {formTokenOf(b)}, "box": {id}})
}

func TestAProfessionalChoosesASharedMailbox(t *testing.T) {
	h := newHouse(t)
	h.shares()
	b := h.browser().comesIn(rpps(t)).at("/", "Rien de nouveau", "Cabinet du Port", "1 non lu")
	id := b.boxID()
	b.open("/messagerie").at("/messagerie", "Votre boîte : Dr Éric THOMAS", "Changer de boîte").lacks("Demande de rendez-vous")
	stale := formTokenOf(b)
	b.open("/messagerie/boites").chooses(id).at("/messagerie", "Vous êtes dans une boîte partagée", "Boîte partagée : Cabinet du Port", "Demande de rendez-vous")
	b.reads().at(b.path, "Bonjour.", "Boîte partagée : Cabinet du Port")
	message := b.path
	b.at(message, "Personne ne suit encore cet échange").send(message, "faire", "suivre").at(message, "Vos collègues le voient", "Ne plus le suivre")
	b.open("/messagerie").at("/messagerie", "Suivi par vous")
	b.open("/").at("/", "Nouveaux messages Boîte partagée : Cabinet du Port "+cabinet)

	// What was shown in one mailbox is not done in another…
	if b.post("/messagerie/ranger", url.Values{"token": {stale}, "faire": {"lu"}}); b.status != http.StatusForbidden {
		t.Errorf("a form of the other mailbox: %d", b.status)
	}
	// …but whatever has nothing to do with it is.
	if b.post("/langue", url.Values{"token": {stale}, "lang": {"fr"}}); b.status != http.StatusOK {
		t.Errorf("the language, from a page of the other mailbox: %d", b.status)
	}
	b.open("/messagerie/boites").at("/messagerie/boites", "La vôtre", "Ouverte")
	b.chooses("").at("/messagerie", "Vous êtes dans votre boîte").lacks("Demande de rendez-vous")
	b.post(message, url.Values{"token": {formTokenOf(b)}, "faire": {"suivre"}})
	if b.status != http.StatusNotFound {
		t.Errorf("it is seen to from one's own: %d", b.status)
	}
	if b.open(message); b.status != http.StatusNotFound {
		t.Errorf("a message of the shared mailbox, in one's own: %d", b.status)
	}
	b.open("/messagerie/boites").chooses(strings.Repeat("a", len(id))).at("/messagerie/boites", "Vous ne partagez plus cette boîte")
}

func TestWhoSharesAMailboxNoMoreIsLedOutOfIt(t *testing.T) {
	h := newHouse(t)
	h.shares()
	b := h.browser().comesIn(rpps(t))
	b.open("/messagerie/boites").chooses(b.boxID()).at("/messagerie", "Demande de rendez-vous")
	mailbox, err := ident.ParseAddress(cabinet)
	h.must(err)
	member, err := ident.ParseAddress(thomas)
	h.must(err)
	h.must(h.RemoveMember(t.Context(), "operator", mailbox, member))
	b.open("/messagerie").at("/messagerie/boites", "Vous ne partagez plus cette boîte").lacks("Cabinet du Port")
	b.open("/messagerie").at("/messagerie").lacks("Demande de rendez-vous", "Changer de boîte")
	if k := b.cookieNamed(boxCookie); k != "" {
		t.Error("the browser still names it")
	}
}

// TestASharedMailboxIsLeftWithTheSession: whoever comes next in that browser is in
// their own.
func TestASharedMailboxIsLeftWithTheSession(t *testing.T) {
	h := newHouse(t)
	h.shares()
	b := h.browser().comesIn(rpps(t))
	b.open("/messagerie/boites").chooses(b.boxID()).at("/messagerie")
	b.open("/").send("/deconnexion")
	if k := b.cookieNamed(boxCookie); k != "" {
		t.Error("the browser still names it")
	}
	b.comesIn(rpps(t)).open("/messagerie").at("/messagerie", "Votre boîte :").lacks("Demande de rendez-vous")
}
