package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
)

// An insuredPerson is somebody of the cast as the register of the insured has
// them.
type insuredPerson struct {
	who    person
	card   string  // serial of their Vitale card, with a photo
	mail   string  // an address of nobody, that names nobody
	holder *person // whose card a child is on
	login  string  // in the portal; "": whoever tries the demo opens this space
}

// The register: Jeanne's space waits to be opened with her card. The others come
// in with the portalPassword, and a code from the outbox.
var (
	jeanneInsured = insuredPerson{who: jeanne, card: "10203040506", mail: "jeanne@example.org"}
	register      = []insuredPerson{
		jeanneInsured,
		{who: dominique, card: "10203040507", mail: "un@example.org", login: "dominique"},
		{who: louise, card: "10203040508", mail: "deux@example.org", login: "louise"},
		{who: theo, holder: &louise},
	}
)

// portalPassword opens nothing but a demo.
const portalPassword = "Tilleul-Menthe-26"

// insure makes the register name its people. It may be repeated.
func insure(ctx context.Context, h *hub.Hub) error {
	for _, p := range register {
		if _, err := h.ApplyInsured(ctx, demoOperator, p.line()); err != nil {
			return err
		}
	}
	return nil
}

// line is what the register says.
func (p insuredPerson) line() hub.InsuredPerson {
	line := hub.InsuredPerson{Person: hub.Person{Matricule: p.who.matricule, Traits: p.who.traits}, Mail: p.mail}
	if p.card != "" {
		line.Cards = []hub.VitaleCard{{Model: patient.WithPhoto, Serial: p.card}}
	}
	if p.holder != nil {
		line.Holder = p.holder.matricule
	}
	return line
}

// settle lets those who have a login come into their space through the portal:
// each goes the way that people go, with their card and the codes that come. It
// may be repeated.
func (d *demo) settle(ctx context.Context, h *hub.Hub, people []person) error {
	for _, p := range register {
		if p.login == "" {
			continue
		}
		a, err := actorOf(ctx, h, people, p.who)
		if err != nil {
			return err
		}
		if has, err := h.WebLogin(ctx, a); err != nil || has != "" {
			if err != nil {
				return err
			}
			continue
		}
		in, err := d.comeIn(ctx, h, p, netip.IPv6Loopback())
		if err == nil {
			err = h.EndWebSession(ctx, in.Actor, in.Actor.Session)
		}
		if err != nil {
			return fmt.Errorf("demo: the login of %s: %w", p.login, err)
		}
	}
	return nil
}

// comeIn is the way in: a provisional code, one's choice and that for the
// children, the terms, the contact, login and password, and a last code.
func (d *demo) comeIn(ctx context.Context, h *hub.Hub, p insuredPerson, from netip.Addr) (in hub.Entry, err error) {
	at := hub.Attempt{Protocol: "web", Remote: from, Device: "Vaguemestre, démo"}
	id := hub.Identity{Matricule: p.who.matricule, BirthDate: p.who.traits.BirthDate, CardModel: patient.WithPhoto, CardSerial: p.card}
	if err := h.AskCode(ctx, at, id, hub.ByMail); err != nil {
		return in, err
	}
	code, err := d.codeFor(ctx, hub.NoticeActivation, p.mail)
	if err != nil {
		return in, err
	}
	e, err := h.BeginEnrolment(ctx, at, id, code)
	if err != nil {
		return in, err
	}
	choices := []hub.Choice{{Open: true}}
	for _, child := range e.Dependants {
		choices = append(choices, hub.Choice{Record: child.Record, Open: true, Certified: true})
	}
	if _, err := h.Decide(ctx, e.Ticket, choices...); err != nil {
		return in, err
	}
	if err := h.AcceptTerms(ctx, e.Ticket, hub.TermsVersion); err != nil {
		return in, err
	}
	if err := h.AskContactCode(ctx, e.Ticket, hub.ByMail, ""); err != nil {
		return in, err
	}
	if code, err = d.codeFor(ctx, hub.NoticeContactCode, p.mail); err != nil {
		return in, err
	}
	if err := h.CheckContact(ctx, e.Ticket, hub.ByMail, code); err != nil {
		return in, err
	}
	if err := h.ChooseCredentials(ctx, e.Ticket, p.login, portalPassword); err != nil {
		return in, err
	}
	if err := h.AskLastCode(ctx, e.Ticket, hub.ByMail); err != nil {
		return in, err
	}
	if code, err = d.codeFor(ctx, hub.NoticeLoginCode, p.mail); err != nil {
		return in, err
	}
	return h.OpenSpace(ctx, at, e.Ticket, code)
}

// demoCode finds the code in a notice of the outbox: it ends its line.
var demoCode = regexp.MustCompile(`(?m) : (\w+)$`)

// codeFor waits for the last code of a kind that was sent to an address.
func (d *demo) codeFor(ctx context.Context, kind hub.NoticeKind, address string) (string, error) {
	for range 300 {
		names, err := filepath.Glob(filepath.Join(d.folder, outboxFolder, "*-"+string(kind)+"-*.txt"))
		if err != nil {
			return "", err
		}
		for _, name := range slices.Backward(names) { // they begin with the time
			b, err := os.ReadFile(name)
			if code := demoCode.FindSubmatch(b); err == nil && code != nil && strings.HasPrefix(string(b), "To: "+address+"\n") {
				return string(code[1]), nil
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(30 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("demo: no code came to the outbox: %w", fault.Unavailable)
}
