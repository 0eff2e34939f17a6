package imapd

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/blob/memblob"
	"vaguemestre/internal/bus/membus"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// The real hub behind the door, on engines in memory: a professional writes to
// a patient, whose session is told, reads, and changes what it may.
func TestBehindTheDoorIsTheHub(t *testing.T) {
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	escrow, err := secrets.Add("escrow")
	if err != nil {
		t.Fatal(err)
	}
	reader, _, err := keyring.NewRing().NewOwner("escrow", escrow[0])
	if err != nil {
		t.Fatal(err)
	}
	real, err := hub.New(hub.Config{
		Store: memstore.New(), Blobs: memblob.New(), Bus: membus.New(),
		Index: keyring.NewIndexKey(), Ring: keyring.NewRing(), Erasure: secrets, Escrow: reader,
		Domain: "hub.test", PatientDomain: "patient.test", TestMode: true, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ident.MakeMatricule("2602099999001")
	if err != nil {
		t.Fatal(err)
	}
	doctor, space := address(t, martin), address(t, m.Canonical()+"@patient.test")
	if _, err := real.Enrol(t.Context(), "operator", hub.Person{Matricule: m, Traits: patient.Traits{BirthName: "ESSAI", FirstNames: "Alix", BirthDate: "19600000"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := real.Life(t.Context(), "operator", space, patient.Activate); err != nil {
		t.Fatal(err)
	}
	if err := real.AddBAL(t.Context(), "operator", directory.BAL{Kind: directory.Personal, Address: martin, Name: "Dr Claire MARTIN", Profession: policy.Physician}); err != nil {
		t.Fatal(err)
	}
	secret := map[ident.Address]string{}
	for _, a := range []ident.Address{doctor, space} {
		if secret[a], err = real.AddPassword(t.Context(), "operator", a, "poste"); err != nil {
			t.Fatal(err)
		}
	}
	write := func(n int) {
		actor, err := real.Login(t.Context(), hub.Attempt{Login: martin, Protocol: "smtp", Remote: netip.MustParseAddr("127.0.0.1")}, secret[doctor])
		if err != nil {
			t.Fatal(err)
		}
		body := strings.Replace(crlfs(note), "patient@patient.test", space.Canonical(), 1)
		body = strings.Replace(body, "<one@", fmt.Sprintf("<%d@", n), 1)
		if _, err := real.Deliver(t.Context(), hub.Delivery{Actor: actor, From: doctor, Mail: []byte(body), Protocol: "ESMTPSA", Hello: "lps.test",
			To: []hub.Recipient{{Address: space}}}); err != nil {
			t.Fatal(err)
		}
	}
	write(1)

	h := startOn(t, Door(real), nil)
	c := h.dial(t)
	c.play(`
		S: * OK
		C: a LOGIN ` + space.Canonical() + ` ` + secret[space] + `
		S: a OK
		C: b SELECT INBOX
		S= * 1 EXISTS
		…
		S: b OK
		C: c FETCH 1 (FLAGS BODY.PEEK[TEXT] BODYSTRUCTURE)
		S: * 1 FETCH (FLAGS () BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 33 1 NIL NIL NIL NIL) BODY[TEXT] {33}
		S: c OK
		C: d FETCH 1 ENVELOPE
		S: * 1 FETCH (ENVELOPE ("Mon, 2 Mar 2026 11:20:30 +0100" "=?utf-8?q?R=C3=A9sultats?="
		S: d OK
		C: e SEARCH TEXT resultats
		S= * SEARCH 1
		S: e OK
		C: f IDLE
		S: +`)
	write(2)
	c.play(`
		S= * 2 EXISTS
		C: DONE
		S: f OK
		C: g STORE 1 +FLAGS (\Deleted Relu)
		S= * 1 FETCH (FLAGS (\Deleted Relu))
		S: g OK
		C: h MOVE 2 Archive
		S: * OK [COPYUID
		S= * 2 EXPUNGE
		S: h OK
		C: i EXPUNGE
		S= * 1 EXPUNGE
		S: i OK
		C: j CREATE Suivi/Cœur
		S: j BAD
		C: k CREATE Suivi/C&AVM-ur
		S: k OK
		C: l APPEND Suivi/C&AVM-ur (\Seen) {41+}\r\nSubject: x\r\nFrom: x@patient.test\r\n\r\nabc\r\n
		S: l OK [APPENDUID
		C: m STATUS Suivi/C&AVM-ur (MESSAGES UNSEEN)
		S= * STATUS "Suivi/C&AVM-ur" (MESSAGES 1 UNSEEN 0)
		S: m OK
		C: n LIST "" Doc* RETURN (STATUS (MESSAGES))
		…
		S: n OK
		C: o CREATE Documents/Mine
		S: o NO
		C: p LOGOUT
		…
		S: p OK
		EOF`)
}

func address(t *testing.T, s string) ident.Address {
	t.Helper()
	a, err := ident.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
