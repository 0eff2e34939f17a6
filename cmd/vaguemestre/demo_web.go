package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
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
			[]fakepsc.Client{{ID: pscClient, Secret: secret, Redirects: []string{base + "/oauth/callback"}, Afterwards: []string{base + "/"}}}, clock)
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
