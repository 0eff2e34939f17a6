package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/blob"
	"vaguemestre/internal/blob/memblob"
	"vaguemestre/internal/bus/membus"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// A house is a hub with people in it, on engines in memory.
type house struct {
	*Hub
	t        testing.TB
	now      time.Time
	password map[string]string
	memory   store.Store
	blobs    blob.Store
	escrow   *keyring.Key
	replicas []string // files of the erasure secrets
}

const (
	thomas   = "eric.thomas@medecin.test"
	adam     = "hoda.adam@hopital.test"
	cardio   = "secretariat.cardio@hopital.test"
	alone    = "paul.seul@medecin.test"
	stranger = "nobody@medecin.test"
)

var (
	alice = patientAddress("2602099999001")
	bruno = patientAddress("1602099999002")
	celia = patientAddress("2602099999003") // never opened her space
	denis = patientAddress("1602099999004") // objected
	emma  = patientAddress("2602099999005") // closed
	ghost = patientAddress("1602099999006") // does not exist
)

func patientAddress(base string) string {
	m, err := ident.MakeMatricule(base)
	if err != nil {
		panic(err)
	}
	return m.Canonical() + "@patient.test"
}

func addr(s string) ident.Address {
	a, err := ident.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// newHouse builds a hub and lets people in. wrap may put an engine around the
// store.
func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), password: map[string]string{},
		memory: memstore.New(), blobs: memblob.New()}
	h.replicas = []string{filepath.Join(t.TempDir(), "secrets"), filepath.Join(t.TempDir(), "secrets")}
	secrets, err := keyring.NewErasureSecrets(h.replicas...)
	if err != nil {
		t.Fatal(err)
	}
	var escrow *keyring.Cert
	escrow, h.escrow = newEscrow(t)
	h.Hub, err = New(Config{
		Store: h.memory, Blobs: h.blobs, Bus: membus.New(),
		Index: keyring.NewIndexKey(), Ring: keyring.NewRing(), Erasure: secrets, Escrow: escrow,
		Domain: "hub.test", PatientDomain: "patient.test", TestMode: true,
		PasswordCost: account.Cost{Time: 1, Memory: 64, Threads: 1}, // many log in
		Now:          func() time.Time { return h.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		address string
		events  []patient.Event
	}{
		{alice, []patient.Event{patient.Activate}},
		{bruno, []patient.Event{patient.Activate}},
		{celia, nil},
		{denis, []patient.Event{patient.Oppose}},
		{emma, []patient.Event{patient.Activate, patient.Close}},
	} {
		m, err := ident.ParseMatricule(addr(p.address).Local())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Enrol(t.Context(), "operator", Person{Matricule: m, Traits: patient.Traits{BirthName: "ESSAI", FirstNames: "Alix", BirthDate: "19600000"}}); err != nil {
			t.Fatal(err)
		}
		for _, e := range p.events {
			if _, err := h.Life(t.Context(), "operator", addr(p.address), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, b := range []directory.BAL{
		{Kind: directory.Personal, Address: thomas, Name: "Dr Éric THOMAS", Profession: policy.Physician, Establishment: "750000001"},
		{Kind: directory.Personal, Address: adam, Name: "Dr Hoda ADAM", Profession: policy.Physician, Establishment: "750000001"},
		{Kind: directory.Personal, Address: alone, Name: "Dr Paul SEUL", Profession: policy.Physician},
		{Kind: directory.Organisational, Address: cardio, Name: "Secrétariat de cardiologie", Establishment: "750000001"},
	} {
		if err := h.AddBAL(t.Context(), "operator", b); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []string{alice, bruno, thomas, adam, alone, cardio} {
		if h.password[a], err = h.AddPassword(t.Context(), "operator", addr(a), "poste"); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// newEscrow makes the escrow, which has a ring and secrets of its own.
func newEscrow(t testing.TB) (*keyring.Cert, *keyring.Key) {
	t.Helper()
	const part store.Part = "escrow"
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := secrets.Add(part)
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring.NewRing()
	cert, locked, err := ring.NewOwner(part, secret[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ring.Unlock(part, locked, secret[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (h *house) login(address string) Actor {
	h.t.Helper()
	a, err := h.Login(h.t.Context(), Attempt{Login: address, Protocol: "smtp", Remote: netip.MustParseAddr("127.0.0.1")}, h.password[address])
	if err != nil {
		h.t.Fatalf("login: %v", err)
	}
	return a
}

// mail writes a mail; more holds header lines that end with CRLF.
func mail(from string, to []string, subject, more, body string) []byte {
	return fmt.Appendf(nil, "Message-ID: <%x@test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\nFrom: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n%s\r\n%s\r\n",
		time.Now().UnixNano(), from, strings.Join(to, ">, <"), subject, more, body)
}

func (h *house) deliver(from string, raw []byte, to ...string) error {
	d := Delivery{Actor: h.login(from), From: addr(from), Mail: raw, Protocol: "ESMTPSA", Hello: "lps.test"}
	for _, a := range to {
		d.To = append(d.To, Recipient{Address: addr(a)})
	}
	_, err := h.Deliver(h.t.Context(), d)
	return err
}

func (h *house) send(from, subject, more string, to ...string) error {
	return h.deliver(from, mail(from, to, subject, more, "Bonjour."), to...)
}

// inbox returns the messages of a folder, as their bytes.
func (h *house) read(address, folder string) []string {
	h.t.Helper()
	m, err := h.OpenMailbox(h.t.Context(), h.login(address))
	if err != nil {
		h.t.Fatalf("open mailbox: %v", err)
	}
	defer m.Close()
	f, err := m.Folder(h.t.Context(), folder)
	if err != nil {
		h.t.Fatalf("folder %s: %v", folder, err)
	}
	d, err := m.Changes(h.t.Context(), f.ID, mailbox.Cursor{})
	if err != nil {
		h.t.Fatal(err)
	}
	var list []string
	for _, msg := range d.Messages {
		c, err := m.Content(h.t.Context(), f.ID, msg.UID)
		if err != nil {
			h.t.Fatal(err)
		}
		var b bytes.Buffer
		if err := c.ReadRange(&b, 0, c.Size()); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, b.String())
	}
	return list
}

func (h *house) verifies() {
	h.t.Helper()
	rep, err := h.Verify(h.t.Context())
	if err != nil || len(rep.Findings) > 0 {
		h.t.Errorf("verify: %v, %+v", err, rep.Findings)
	}
}

func ruleOf(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Rule
	}
	return fmt.Sprint(err)
}

func TestAProfessionalsMailLandsByteForByte(t *testing.T) {
	h := newHouse(t)
	raw := mail(thomas, []string{alice}, "Compte rendu", "", "Bonjour,\r\n\r\nTout va bien.")
	if err := h.deliver(thomas, raw, alice); err != nil {
		t.Fatal(err)
	}
	got := h.read(alice, "INBOX")
	if len(got) != 1 || !strings.HasSuffix(got[0], string(raw)) {
		t.Fatalf("got %q, want one mail that ends with %q", got, raw)
	}
	if trace := strings.TrimSuffix(got[0], string(raw)); !strings.HasPrefix(trace, "Return-Path: <"+thomas+">\r\nReceived: from lps.test") {
		t.Errorf("trace fields are %q", trace)
	}
	h.verifies()
}

func TestFilingTwiceIsFilingOnce(t *testing.T) {
	h := newHouse(t)
	raw := mail(thomas, []string{alice, adam}, "Une fois", "", "Bonjour.")
	for range 3 {
		if err := h.deliver(thomas, bytes.Clone(raw), alice, adam); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []string{alice, adam} {
		if n := len(h.read(a, "INBOX")); n != 1 {
			t.Errorf("%d mails were filed, want 1", n)
		}
	}
	h.now = h.now.Add(8 * 24 * time.Hour)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.deliver(thomas, bytes.Clone(raw), alice); err != nil {
		t.Fatal(err)
	}
	if n := len(h.read(alice, "INBOX")); n != 2 {
		t.Errorf("after eight days there are %d mails, want 2: the mark is forgotten", n)
	}
}

func TestOnlyAProfessionalOpensAnExchange(t *testing.T) {
	h := newHouse(t)
	steps := []struct {
		story, from, more string
		to                []string
		rule              string // "" if it is filed
	}{
		{"a patient does not write first", alice, "", []string{thomas}, "thread/only-professionals-open"},
		{"nor to another patient", alice, "", []string{bruno}, "thread/patients-do-not-write-to-each-other"},
		{"nor to nobody", alice, "", []string{stranger}, "thread/only-professionals-open"},
		{"a professional opens", thomas, "", []string{alice}, ""},
		{"the patient answers", alice, "", []string{thomas}, ""},
		{"but writes to no other professional", alice, "", []string{adam}, "thread/only-professionals-open"},
		{"and for all or for none", alice, "", []string{thomas, adam}, "thread/only-professionals-open"},
		{"the professional ends the exchange", thomas, "X-MSS-MES: FIN\r\n", []string{alice}, ""},
		{"the patient cannot answer any more", alice, "", []string{thomas}, "thread/ended"},
		{"a new message opens it again", thomas, "", []string{alice}, ""},
		{"and the patient answers", alice, "", []string{thomas}, ""},
		{"a patient's FIN ends nothing", alice, "X-MSS-MES: FIN\r\n", []string{thomas}, ""},
		{"so the patient still answers", alice, "", []string{thomas}, ""},
		{"another professional of the house may be named for answers", thomas, "Reply-To: <" + cardio + ">\r\n", []string{bruno}, ""},
		{"the answer goes there", bruno, "", []string{cardio}, ""},
		{"and not to the sender", bruno, "", []string{thomas}, "thread/answer-elsewhere"},
		{"a stranger cannot be named", alone, "Reply-To: <" + adam + ">\r\n", []string{alice}, ""},
		{"answers go to the sender then", alice, "", []string{alone}, ""},
		{"and not to the stranger", alice, "", []string{adam}, "thread/only-professionals-open"},
		{"professionals write to each other", thomas, "", []string{adam, cardio}, ""},
	}
	for _, s := range steps {
		h.now = h.now.Add(time.Minute)
		err := h.send(s.from, "Bonjour", s.more, s.to...)
		if s.rule == "" && err != nil || s.rule != "" && ruleOf(err) != s.rule {
			t.Fatalf("%s: got %v, want rule %q", s.story, err, s.rule)
		}
	}
	h.verifies()
}

func TestAnExactSubjectEndsTheExchange(t *testing.T) {
	h := newHouse(t)
	for _, s := range []struct {
		subject string
		ends    bool
	}{{"RE: [FIN]", false}, {"[fin]", false}, {"[FIN]", true}} {
		if err := h.send(thomas, s.subject, "", alice); err != nil {
			t.Fatal(err)
		}
		if err := h.send(alice, "Merci", "", thomas); (err != nil) != s.ends {
			t.Errorf("after %q the patient's answer gives %v", s.subject, err)
		}
	}
}

func TestWhoDoesNotReceiveIsNotTold(t *testing.T) {
	h := newHouse(t)
	if err := h.Block(t.Context(), "operator", addr(bruno), addr(thomas), true); err != nil {
		t.Fatal(err)
	}
	a := h.login(thomas)
	for who, rule := range map[string]string{
		ghost: "space/unknown", celia: "space/never-opened", denis: "space/opposed", emma: "space/closed", bruno: "block/by-patient",
	} {
		err := h.CheckRecipient(t.Context(), a, addr(who))
		var r *Refusal
		if !errors.As(err, &r) || r.Rule != rule || !errors.Is(err, fault.NotFound) || r.FR != "" || r.EN != "" {
			t.Errorf("CheckRecipient = %v (rule %q), want NotFound without a word (%q)", err, ruleOf(err), rule)
		}
		if err := h.send(thomas, "Bonjour", "", who); ruleOf(err) != rule {
			t.Errorf("Deliver = %v, want %q", err, rule)
		}
	}
	if err := h.CheckRecipient(t.Context(), a, addr("160209999900100@patient.test")); !errors.Is(err, fault.Invalid) {
		t.Errorf("a wrong key gives %v, want Invalid", err)
	}
	if err := h.CheckRecipient(t.Context(), a, addr(alice)); err != nil {
		t.Errorf("an open space gives %v", err)
	}
}

func TestATrierOfAddressesIsSlowedDown(t *testing.T) {
	h := newHouse(t)
	a := h.login(thomas)
	for i := range h.Limits.RefusedPerHour + 1 {
		m, _ := ident.MakeMatricule(fmt.Sprintf("1602099999%03d", 100+i))
		if err := h.CheckRecipient(t.Context(), a, addr(m.Canonical()+"@patient.test")); !errors.Is(err, fault.NotFound) {
			t.Fatalf("try %d gives %v", i, err)
		}
	}
	if err := h.CheckRecipient(t.Context(), a, addr(alice)); !errors.Is(err, fault.Throttled) {
		t.Errorf("after many refusals an open space gives %v, want Throttled", err)
	}
	if err := h.CheckRecipient(t.Context(), h.login(adam), addr(alice)); err != nil {
		t.Errorf("another sender gets %v", err)
	}
	h.now = h.now.Add(2 * time.Hour)
	if err := h.CheckRecipient(t.Context(), a, addr(alice)); err != nil {
		t.Errorf("two hours later: %v", err)
	}
}

func TestNobodyWritesAsAnother(t *testing.T) {
	h := newHouse(t)
	if err := h.CheckSender(t.Context(), h.login(thomas), addr(adam)); !errors.Is(err, fault.Denied) {
		t.Errorf("CheckSender = %v, want Denied", err)
	}
	for name, raw := range map[string][]byte{
		"From: of another":  mail(adam, []string{alice}, "x", "", "y"),
		"two From: fields":  mail(thomas, []string{alice}, "x", "From: <"+adam+">\r\n", "y"),
		"a foreign Sender:": mail(thomas, []string{alice}, "x", "Sender: <"+adam+">\r\n", "y"),
		"no From: at all":   []byte("Subject: x\r\n\r\ny\r\n"),
	} {
		if err := h.deliver(thomas, raw, alice); ruleOf(err) != "sender/not-yours" {
			t.Errorf("%s gives %v", name, err)
		}
	}
	if n := len(h.read(alice, "INBOX")); n != 0 {
		t.Errorf("%d mails were filed", n)
	}
}

func TestASealedHubTakesMailInAndOpensNothing(t *testing.T) {
	h := newHouse(t)
	ring, secrets := h.Ring, h.Erasure
	h.Ring, h.Erasure = nil, nil
	if err := h.send(thomas, "Scellé", "", alice, adam); err != nil {
		t.Fatalf("a sealed hub refuses mail: %v", err)
	}
	if _, err := h.OpenMailbox(t.Context(), h.login(alice)); !errors.Is(err, fault.Sealed) {
		t.Errorf("a sealed hub opens a mailbox: %v", err)
	}
	h.Ring, h.Erasure = ring, secrets
	if got := h.read(alice, "INBOX"); len(got) != 1 || !strings.Contains(got[0], "Bonjour.") {
		t.Errorf("after unsealing there is %q", got)
	}
	h.verifies()
}

func TestErasureLeavesNothingToOpen(t *testing.T) {
	h := newHouse(t)
	if err := h.send(thomas, "Secret", "", alice); err != nil {
		t.Fatal(err)
	}
	part := h.login(alice).Part
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	err := h.view(t.Context(), part, func(r store.Reader) error {
		for p, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(p.Key, "aud/") {
				t.Errorf("%s is still there", p.Key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.CheckRecipient(t.Context(), h.login(thomas), addr(alice)); !errors.Is(err, fault.NotFound) {
		t.Errorf("an erased patient's address gives %v", err)
	}
	h.verifies()
}

func TestTheTrailTellsWhatHappenedAndBreaksWhenTouched(t *testing.T) {
	h := newHouse(t)
	if err := h.send(thomas, "Bonjour", "", alice); err != nil {
		t.Fatal(err)
	}
	h.read(alice, "INBOX")
	a := h.login(alice)
	var acts []string
	for e, err := range h.Trail(t.Context(), a) {
		if err != nil {
			t.Fatal(err)
		}
		acts = append(acts, e.Act+" "+e.Actor)
	}
	want := []string{"enrol operator", "activate operator", "add-password operator", "send-mail " + thomas,
		"login " + alice, "use-mailbox " + alice, "login " + alice}
	if fmt.Sprint(acts) != fmt.Sprint(want) {
		t.Errorf("the trail is\n%q, want\n%q", acts, want)
	}
	h.verifies()
	for name, damage := range map[string]func(w store.Writer){
		"a change":   func(w store.Writer) { w.Put("aud/e/0000000000000002", []byte("x")) },
		"a removal":  func(w store.Writer) { w.Delete("aud/e/0000000000000002") },
		"a tail cut": func(w store.Writer) { w.Delete("aud/e/0000000000000007") },
		"a swap": func(w store.Writer) {
			x, _ := w.Get("aud/e/0000000000000002")
			y, _ := w.Get("aud/e/0000000000000003")
			w.Put("aud/e/0000000000000002", y)
			w.Put("aud/e/0000000000000003", x)
		},
	} {
		undo := snapshot(t, h.memory, a.Part)
		if err := h.memory.Update(t.Context(), a.Part, func(w store.Writer) error { damage(w); return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := h.VerifyTrail(t.Context(), a.Part); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s is not found: %v", name, err)
		}
		undo()
	}
	h.verifies()
}

// snapshot copies a partition, and returns what puts the copy back.
func snapshot(t *testing.T, s store.Store, part store.Part) (restore func()) {
	var pairs []store.Pair
	read := func(r store.Reader) []store.Pair {
		var list []store.Pair
		for p, err := range r.Scan("", "") {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, store.Pair{Key: p.Key, Value: bytes.Clone(p.Value)})
		}
		return list
	}
	err := s.View(t.Context(), part, func(r store.Reader) error { pairs = read(r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		err := s.Update(context.Background(), part, func(w store.Writer) error {
			for _, p := range read(w) {
				w.Delete(p.Key)
			}
			for _, p := range pairs {
				w.Put(p.Key, p.Value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAReadReceiptOpensNothing(t *testing.T) {
	h := newHouse(t)
	receipt := []byte("Message-ID: <mdn@test>\r\nFrom: <" + thomas + ">\r\nTo: <" + alice + ">\r\nSubject: Lu\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n--b\r\n\r\nLu.\r\n" +
		"--b\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; " + thomas + "\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n")
	if err := h.CheckSender(t.Context(), h.login(thomas), ident.Address{}); err != nil {
		t.Fatalf("the null reverse-path is refused: %v", err)
	}
	_, err := h.Deliver(t.Context(), Delivery{Actor: h.login(thomas), Mail: receipt, To: []Recipient{{Address: addr(alice), Notify: NotifySuccess}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.read(alice, "INBOX"); len(got) != 1 || !strings.HasPrefix(got[0], "Return-Path: <>\r\n") {
		t.Errorf("got %.80q", got)
	}
	if n := len(h.read(thomas, "INBOX")); n != 0 {
		t.Errorf("a notice was answered by %d notices", n)
	}
	if err := h.send(alice, "Bonjour", "", thomas); ruleOf(err) != "thread/only-professionals-open" {
		t.Errorf("after a receipt the patient's mail gives %v", err)
	}
}

func TestALaboratoryMayBeAllowedMoreRefusals(t *testing.T) {
	h := newHouse(t)
	if err := h.SetAllowance(t.Context(), "operator", addr(thomas), directory.Allowance{PerHour: 1000, PerDay: 5000}); err != nil {
		t.Fatal(err)
	}
	a := h.login(thomas)
	for i := range 3 * h.Limits.RefusedPerHour {
		m, _ := ident.MakeMatricule(fmt.Sprintf("1602099999%03d", 100+i))
		if err := h.CheckRecipient(t.Context(), a, addr(m.Canonical()+"@patient.test")); !errors.Is(err, fault.NotFound) {
			t.Fatalf("refusal %d gives %v", i, err)
		}
	}
}
