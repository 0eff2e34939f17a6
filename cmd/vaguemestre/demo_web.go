package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/oauth"
	"vaguemestre/internal/oauth/fakepsc"
	"vaguemestre/internal/patient"
)

// The demo's stand-in for Pro Santé Connect is served beside the API.
const (
	pscPath   = "/psc"
	pscClient = "vaguemestre-demo"
)

// withProvider lets the professionals of the demo log in: they choose who they
// are, and prove nothing.
func (d *demo) withProvider(o options, people []person) (options, error) {
	pem, err := os.ReadFile(filepath.Join(d.folder, caName))
	if err != nil {
		return o, fmt.Errorf("demo: %v: %w", err, fault.Unavailable)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	secret := strings.Repeat("demo", 8) // of nothing
	o.provider = func(base string) *oauth.Provider {
		return &oauth.Provider{Issuer: base + pscPath, ClientID: pscClient, ClientSecret: secret, HTTP: client}
	}
	serve := func(base string) http.Handler {
		psc, err := fakepsc.New(base+pscPath, inventedProfessionals(people),
			[]fakepsc.Client{{ID: pscClient, Secret: secret, Redirects: []string{base + "/oauth/callback"}}}, clock)
		if err != nil {
			panic("demo: " + err.Error()) // an address that the oauth server has taken
		}
		return psc
	}
	o.pages = map[string]func(string) http.Handler{pscPath + "/": serve}
	return o, nil
}

func inventedProfessionals(people []person) (list []fakepsc.Person) {
	for _, p := range people {
		if p.role != roleProfessional || p.bal.RPPS == "" {
			continue
		}
		words := strings.Fields(strings.TrimPrefix(p.name, "Dr "))
		list = append(list, fakepsc.Person{
			ID: "8" + p.bal.RPPS, GivenName: words[0], FamilyName: strings.Join(words[1:], " "), Profession: p.profession,
		})
	}
	return list
}

// demoTokenLife is how long tokens last of a demo that had no time to end them.
const demoTokenLife = 24 * time.Hour

// giveTokens makes a bearer token for each account, so that anybody can try the
// API. Whoever cannot log in has none.
func giveTokens(ctx context.Context, h *hub.Hub, people []person) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(enrolTogether)
	for i := range people {
		p := &people[i]
		g.Go(func() error {
			a, err := ident.ParseAddress(p.address)
			if err != nil {
				return err
			}
			p.token, err = h.DemoToken(ctx, a, demoDevice, clock().Add(demoTokenLife))
			if errors.Is(err, fault.Denied) || errors.Is(err, fault.NotFound) || errors.Is(err, fault.Unauthenticated) {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

// actorOf is one of the cast, come in by their token.
func actorOf(ctx context.Context, h *hub.Hub, people []person, who person) (hub.Actor, error) {
	for _, p := range people {
		if p.address == who.address {
			a, _, err := h.CheckToken(ctx, p.token, "", netip.IPv6Loopback())
			return a, err
		}
	}
	return hub.Actor{}, fault.NotFound
}

// Jeanne's Vitale card and mail address, as the register of the insured has them:
// whoever tries the demo opens her space with them.
const (
	jeanneCard = "10203040506"
	jeanneMail = "jeanne@example.org"
)

// insure makes the register name Jeanne. It may be repeated.
func insure(ctx context.Context, h *hub.Hub) error {
	_, err := h.ApplyInsured(ctx, demoOperator, hub.InsuredPerson{
		Person: hub.Person{Matricule: jeanne.matricule, Traits: jeanne.traits},
		Cards:  []hub.VitaleCard{{Model: patient.WithPhoto, Serial: jeanneCard}}, Mail: jeanneMail,
	})
	return err
}

// contacts are where patients of the demo are told things: addresses of nobody.
var contacts = map[string]string{dominique.address: "un@example.org", louise.address: "deux@example.org"}

// reachable gives patients a mail address of their own, each checked by a code
// that the demo reads in its own outbox.
func (d *demo) reachable(ctx context.Context, h *hub.Hub, people []person) error {
	for _, who := range []person{dominique, louise} {
		a, err := actorOf(ctx, h, people, who)
		if err != nil {
			return err
		}
		if c, err := h.Contact(ctx, a); err != nil || c.HasMail() {
			if err != nil {
				return err
			}
			continue
		}
		if err := h.BeginContact(ctx, a, hub.ByMail, contacts[who.address]); err != nil {
			return err
		}
		code, err := d.codeFor(ctx, contacts[who.address])
		if err == nil {
			err = h.ConfirmContact(ctx, a, hub.ByMail, code)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// codeFor waits for the code that was sent to an address.
func (d *demo) codeFor(ctx context.Context, address string) (string, error) {
	for range 100 {
		files, err := filepath.Glob(filepath.Join(d.folder, outboxFolder, "*-contact-code-*.txt"))
		if err != nil {
			return "", err
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if code := sixDigits.Find(b); err == nil && code != nil && bytes.HasPrefix(b, []byte("To: "+address+"\n")) {
				return string(code), nil
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return "", fmt.Errorf("demo: no code came to the outbox: %w", fault.Unavailable)
}

// chosen is what Dominique has decided about professionals. Nobody blocks
// anybody: whoever tries the demo may write to every active account.
func chosen(ctx context.Context, h *hub.Hub, people []person) error {
	a, err := actorOf(ctx, h, people, dominique)
	if err != nil {
		return err
	}
	record := string(a.Part)
	return errors.Join(
		h.NameRole(ctx, a, record, at(thomas), patient.TreatingPhysician),
		h.GiveConsent(ctx, a, record, at(girard), time.Time{}))
}

// at is the address of one of the cast.
func at(p person) ident.Address {
	a, err := ident.ParseAddress(p.address)
	if err != nil {
		panic("demo: " + err.Error()) // a broken table, and a test sees it first
	}
	return a
}

// endTokens ends the tokens of the demo with it.
func endTokens(ctx context.Context, h *hub.Hub, people []person) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(enrolTogether)
	for _, p := range people {
		if p.token == "" {
			continue
		}
		g.Go(func() error { return h.EndToken(ctx, p.token, "") })
	}
	return g.Wait()
}
