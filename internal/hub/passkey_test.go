package hub

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/account/passkeytest"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// newPasskey gives Alice a passkey.
func (h web) newPasskey() *passkeytest.Key {
	h.t.Helper()
	e := h.enters(false)
	options, ceremony, err := h.BeginPasskey(h.t.Context(), e.Actor)
	if err != nil {
		h.t.Fatal(err)
	}
	k := passkeytest.New(h.t, "espace.test")
	if _, err := h.AddPasskey(h.t.Context(), e.Actor, ceremony, "ma clé", k.Makes(options)); err != nil {
		h.t.Fatal(err)
	}
	return k
}

func newPasskeyWeb(t *testing.T) web {
	h := newWeb(t)
	y, err := account.NewPasskeys("espace.test", "Espace santé")
	if err != nil {
		t.Fatal(err)
	}
	h.human.passkeys = y
	return h
}

func TestAPasskeyIsTwoFactors(t *testing.T) {
	h := newPasskeyWeb(t)
	k := h.newPasskey()
	for _, ticket := range []string{"", h.step(password).Ticket} {
		options, ceremony, err := h.BeginPasskeySignIn(t.Context(), ticket)
		if err != nil {
			t.Fatal(err)
		}
		k.Count++
		answer := k.Answers(options)
		e, err := h.SignInPasskey(t.Context(), browserAt(""), ceremony, answer, false)
		if err != nil || e.Actor.Address != addr(alice) || e.Session.Factor != string(ByPasskey) {
			t.Fatalf("SignInPasskey = %+v, %v", e, err)
		}
		if _, err := h.SignInPasskey(t.Context(), browserAt(""), ceremony, answer, false); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("the answer again: %v", err)
		}
	}
	if s := h.step(password); s.Offers[0].Factor != ByPasskey {
		t.Errorf("offers are %v", s.Offers)
	}
	e := h.enters(false)
	h.now = h.now.Add(20 * time.Minute)
	options, ceremony, err := h.BeginPasskeyProof(t.Context(), e.Actor)
	if err != nil {
		t.Fatal(err)
	}
	k.Count++
	if err := h.ProvePasskey(t.Context(), browserAt(""), e.Actor, ceremony, k.Answers(options)); err != nil {
		t.Fatal(err)
	}
	list, err := h.Passkeys(t.Context(), e.Actor)
	if err != nil || len(list) != 1 || list[0].Name != "ma clé" {
		t.Fatalf("Passkeys = %+v, %v", list, err)
	}
	if err := h.RemovePasskey(t.Context(), e.Actor, list[0].ID); err != nil {
		t.Fatal(err)
	}
	options, ceremony, _ = h.BeginPasskeySignIn(t.Context(), "")
	k.Count++
	if _, err := h.SignInPasskey(t.Context(), browserAt(""), ceremony, k.Answers(options), false); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a passkey that was removed: %v", err)
	}
	h.verifies()
}

// TestAnAnswerThatNamesAnythingWritesNothing: the handle in it is the client's
// word, and no partition but a person's is written to.
func TestAnAnswerThatNamesAnythingWritesNothing(t *testing.T) {
	h := newPasskeyWeb(t)
	k := h.newPasskey()
	parts := func() (list []string) {
		for p, err := range h.Store.Parts(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, string(p))
		}
		return list
	}
	before := len(parts())
	for _, handle := range []string{"made-up", "hints", "../x", "", string(nowhere), "Ünmöglich"} {
		options, ceremony, err := h.BeginPasskeySignIn(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		bad := *k
		bad.Handle = []byte(handle)
		if _, err := h.SignInPasskey(t.Context(), browserAt(""), ceremony, bad.Answers(options), false); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("handle %q: %v", handle, err)
		}
	}
	if after := parts(); len(after) != before {
		t.Errorf("there are %d partitions, and were %d: %s", len(after), before, fmt.Sprint(after))
	}
	err := h.view(t.Context(), nowhere, func(r store.Reader) error {
		for p := range r.Scan("", "") {
			t.Errorf("nowhere has %s", p.Key)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAHubWithoutAWebDomainHasNoPasskeys(t *testing.T) {
	h := newWeb(t)
	if _, _, err := h.BeginPasskeySignIn(t.Context(), ""); !errors.Is(err, fault.Unavailable) {
		t.Errorf("BeginPasskeySignIn = %v", err)
	}
}
