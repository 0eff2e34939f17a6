package hub

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

const (
	heron    = "heron.gris"
	password = "Quai-Vert.48"
)

// web is a house in which Alice can sign in through the web.
type web struct {
	*house
	part store.Part
}

func newWeb(t *testing.T) web {
	h := web{house: newHouse(t)}
	h.part = h.reach(alice, h.checked())
	h.identify(alice, heron, password)
	return h
}

func (h web) identify(who, login, password string) {
	h.t.Helper()
	part, _, err := h.find(h.t.Context(), addr(who))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.SetIdentity(h.t.Context(), audit.Entry{Actor: "operator"}, part, login, password); err != nil {
		h.t.Fatal(err)
	}
}

func browserAt(login string) Attempt {
	return Attempt{Login: login, Protocol: "web", Remote: netip.MustParseAddr("192.0.2.7"), Device: "Firefox, Linux"}
}

// sentCode finds a code in the text of a notice.
var sentCode = regexp.MustCompile(`\b([0-9]{6}|[2-9A-HJ-NP-Za-hjkmnp-z]{8})\b`)

// code returns the login or contact code that has just left, and takes what left
// off the outbox.
func (h web) code(by Channel) (code string) {
	h.t.Helper()
	for _, n := range h.due() {
		if n.Channel == by && (n.Kind == NoticeLoginCode || n.Kind == NoticeContactCode) {
			code = sentCode.FindString(n.Text)
		}
		if err := h.NoticeSent(h.t.Context(), n.ID); err != nil {
			h.t.Fatal(err)
		}
	}
	if code == "" {
		h.t.Fatalf("no code left by %s", by)
	}
	return code
}

func (h web) step(password string) Step {
	h.t.Helper()
	s, err := h.SignIn(h.t.Context(), browserAt(heron), password, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// enters signs Alice in by a code.
func (h web) enters(trust bool) Entry {
	h.t.Helper()
	h.now = h.now.Add(time.Minute)
	s := h.step(password)
	if err := h.SendLoginCode(h.t.Context(), s.Ticket, BySMSCode); err != nil {
		h.t.Fatal(err)
	}
	e, err := h.SignInCode(h.t.Context(), browserAt(""), s.Ticket, h.code(BySMS), trust)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func TestAPersonSignsInWithTwoFactors(t *testing.T) {
	h := newWeb(t)
	s := h.step(password)
	if s.Entry != nil || s.Ticket == "" || fmt.Sprint(s.Offers) != "[{mail a•••@c•••.test} {sms •• •• •• •• 01}]" {
		t.Fatalf("SignIn = %+v", s)
	}
	if _, _, err := h.OpenWeb(t.Context(), s.Ticket); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("one factor opens a session: %v", err)
	}
	e := h.enters(false)
	a, n, err := h.OpenWeb(t.Context(), e.Token)
	if err != nil || a != e.Actor || a.Address != addr(alice) || !a.Web || n.Factor != "mail" && n.Factor != "sms" || e.Trust != "" {
		t.Errorf("OpenWeb = %+v, %+v, %v", a, n, err)
	}
	if m, err := h.OpenMailbox(t.Context(), a); err != nil {
		t.Error(err)
	} else {
		if err := m.Check(t.Context()); err != nil {
			t.Errorf("in a web session: %v", err)
		}
		if err := h.EndWebSession(t.Context(), a, a.Session); err != nil {
			t.Fatal(err)
		}
		if err := m.Check(t.Context()); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("after signing out: %v", err)
		}
		m.Close()
	}
	if _, _, err := h.OpenWeb(t.Context(), e.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("after signing out the token opens: %v", err)
	}
	h.verifies()
}

func TestCapitalsOfALoginDoNotCount(t *testing.T) {
	h := newWeb(t)
	if _, err := h.SignIn(t.Context(), browserAt("Heron.GRIS"), password, ""); err != nil {
		t.Error(err)
	}
}

// countingStore counts what a hub asks of its store.
type countingStore struct {
	store.Store
	views, updates atomic.Int64
}

func (c *countingStore) View(ctx context.Context, part store.Part, fn func(store.Reader) error) error {
	c.views.Add(1)
	return c.Store.View(ctx, part, fn)
}

func (c *countingStore) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	c.updates.Add(1)
	return c.Store.Update(ctx, part, fn)
}

// TestNobodyCostsWhatSomebodyDoes: a login that does not exist, one that does
// with a wrong password, and one whose form is no login's take the same reads,
// writes and hashes, and get the same answer.
func TestNobodyCostsWhatSomebodyDoes(t *testing.T) {
	h := newWeb(t)
	counted := &countingStore{Store: h.Store}
	h.Store = counted
	var first string
	for _, login := range []string{heron, "nobody.here", "no login at all", "x", alice} {
		p, _ := h.pepper(t.Context())
		hashes := p.Hashes()
		counted.views.Store(0)
		counted.updates.Store(0)
		_, err := h.SignIn(t.Context(), browserAt(login), "Quai-Bleu.48", "")
		got := fmt.Sprintf("%d views, %d updates, %d hashes: %v", counted.views.Load(), counted.updates.Load(), p.Hashes()-hashes, err)
		if first == "" {
			first = got
		}
		if got != first || !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%q costs %s, want %s", login, got, first)
		}
	}
}

func TestTriersAreSlowedDown(t *testing.T) {
	h := newWeb(t)
	for range h.Limits.LoginFailures {
		if _, err := h.SignIn(t.Context(), browserAt(heron), "wrong", ""); !errors.Is(err, fault.Unauthenticated) {
			t.Fatal(err)
		}
	}
	if _, err := h.SignIn(t.Context(), browserAt(heron), "wrong", ""); !errors.Is(err, fault.Throttled) {
		t.Errorf("one more: %v", err)
	}
	if _, err := h.SignIn(t.Context(), browserAt(heron), password, ""); !errors.Is(err, fault.Throttled) {
		t.Errorf("the right password meanwhile: %v", err)
	}
	h.now = h.now.Add(time.Hour)
	h.step(password)
}

func TestALoginCode(t *testing.T) {
	h := newWeb(t)
	s := h.step(password)
	if err := h.SendLoginCode(t.Context(), s.Ticket, ByMailCode); err != nil {
		t.Fatal(err)
	}
	code := h.code(ByMail)
	if err := h.SendLoginCode(t.Context(), s.Ticket, ByMailCode); ruleOf(err) != "code/too-soon" || !errors.Is(err, fault.Throttled) {
		t.Errorf("another at once: %v", err)
	}
	for _, by := range []Factor{ByTOTP, ByPasskey, "other"} {
		if err := h.SendLoginCode(t.Context(), s.Ticket, by); !errors.Is(err, fault.Invalid) {
			t.Errorf("a code by %s: %v", by, err)
		}
	}
	if _, err := h.SignInCode(t.Context(), browserAt(""), s.Ticket, "no", false); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong code: %v", err)
	}
	if _, err := h.SignInCode(t.Context(), browserAt(""), s.Ticket, code, false); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignInCode(t.Context(), browserAt(""), s.Ticket, code, false); ruleOf(err) != "code/already-used" {
		t.Errorf("the code again: %v", err)
	}
	s = h.step(password)
	h.now = h.now.Add(time.Minute)
	if err := h.SendLoginCode(t.Context(), s.Ticket, BySMSCode); err != nil {
		t.Fatal(err)
	}
	code = h.code(BySMS)
	h.now = h.now.Add(10 * time.Minute)
	if _, err := h.SignInCode(t.Context(), browserAt(""), s.Ticket, code, false); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("an old ticket: %v", err)
	}
	if _, err := h.SignInCode(t.Context(), browserAt(""), h.step(password).Ticket, code, false); ruleOf(err) != "code/expired" {
		t.Errorf("an old code: %v", err)
	}
	h.now = h.now.Add(time.Minute)
	s = h.step(password)
	if err := h.SendLoginCode(t.Context(), s.Ticket, BySMSCode); err != nil {
		t.Fatal(err)
	}
	code = h.code(BySMS)
	for range account.CodeTries {
		_, _ = h.SignInCode(t.Context(), browserAt(""), s.Ticket, "000-00", false)
	}
	if _, err := h.SignInCode(t.Context(), browserAt(""), s.Ticket, code, false); ruleOf(err) != "code/too-many-tries" {
		t.Errorf("after five wrong ones the right one: %v", err)
	}
}

func TestATicketIsWorthNothingElsewhere(t *testing.T) {
	h := newWeb(t)
	s := h.step(password)
	p, _ := h.pepper(t.Context())
	forged, _ := sealTicket(p, proof{h.part, h.now}, proofContext)
	for name, text := range map[string]string{"none": "", "noise": "AAAA", "cut": s.Ticket[:len(s.Ticket)-2], "a proof": forged, "long": strings.Repeat("A", 2000)} {
		if err := h.SendLoginCode(t.Context(), text, ByMailCode); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := h.SignInCode(t.Context(), browserAt(""), text, "123456", false); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.now = h.now.Add(time.Second)
	h.identify(alice, heron, "Autre-Quai.49")
	if err := h.SendLoginCode(t.Context(), s.Ticket, ByMailCode); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("after another password: %v", err)
	}
}

func TestATrustedDeviceNeedsAPasswordOnlyForThirtyDays(t *testing.T) {
	h := newWeb(t)
	e := h.enters(true)
	signIn := func(trust string) Step {
		s, err := h.SignIn(t.Context(), browserAt(heron), password, trust)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := signIn(e.Trust); s.Entry == nil || s.Entry.Session.Factor != string(ByDevice) {
		t.Errorf("on a trusted device: %+v", s)
	}
	if s := signIn(e.Token); s.Entry != nil || s.Ticket == "" {
		t.Errorf("the token of a session stands for a trusted device: %+v", s)
	}
	if _, _, err := h.OpenWeb(t.Context(), e.Trust); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a trusted device opens a session without a password: %v", err)
	}
	if _, err := h.SignIn(t.Context(), browserAt(heron), "wrong", e.Trust); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a trusted device without the password: %v", err)
	}
	h.identify(bruno, "loutre.brune", password)
	if s, err := h.SignIn(t.Context(), browserAt("loutre.brune"), password, e.Trust); err != nil || s.Entry != nil {
		t.Errorf("another's trusted device: %+v, %v", s, err)
	}
	h.now = h.now.Add(TrustLife)
	if s := signIn(e.Trust); s.Entry != nil {
		t.Error("it is trusted for ever")
	}
	e = h.enters(true)
	list, err := h.WebSessions(t.Context(), e.Actor)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		if n.Kind == account.TrustedDevice {
			if err := h.EndWebSession(t.Context(), e.Actor, n.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := signIn(e.Trust); s.Entry != nil {
		t.Error("a device that is trusted no more is let in")
	}
}

func TestAnAuthenticatorIsASecondFactor(t *testing.T) {
	h := newWeb(t)
	e := h.enters(false)
	url, secret, err := h.BeginTOTP(t.Context(), e.Actor)
	if err != nil || !strings.Contains(url, "hub.test") {
		t.Fatal(url, err)
	}
	shown := func() string {
		code, err := totp.GenerateCode(secret, h.now)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	if err := h.ConfirmTOTP(t.Context(), e.Actor, "000"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong code confirms it: %v", err)
	}
	if err := h.ConfirmTOTP(t.Context(), e.Actor, shown()); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(time.Minute)
	s := h.step(password)
	if s.Offers[0].Factor != ByTOTP {
		t.Errorf("offers are %v", s.Offers)
	}
	if _, err := h.SignInTOTP(t.Context(), browserAt(""), s.Ticket, shown(), false); err != nil {
		t.Error(err)
	}
	if _, err := h.SignInTOTP(t.Context(), browserAt(""), s.Ticket, shown(), false); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a code twice: %v", err)
	}
	h.now = h.now.Add(20 * time.Minute)
	if err := h.RemoveTOTP(t.Context(), e.Actor); ruleOf(err) != "session/prove-again" {
		t.Errorf("20 minutes after the proof it is removed: %v", err)
	}
	if err := h.Prove(t.Context(), browserAt(""), e.Actor, password, ByTOTP, shown()); err != nil {
		t.Fatal(err)
	}
	if err := h.RemoveTOTP(t.Context(), e.Actor); err != nil {
		t.Error(err)
	}
	h.verifies()
}

func TestProvingOnceMoreTakesBothFactors(t *testing.T) {
	h := newWeb(t)
	e := h.enters(false)
	h.now = h.now.Add(20 * time.Minute)
	if err := h.SendProofCode(t.Context(), e.Actor, "wrong", BySMSCode); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a code is sent for a wrong password: %v", err)
	}
	if err := h.SendProofCode(t.Context(), e.Actor, password, BySMSCode); err != nil {
		t.Fatal(err)
	}
	code := h.code(BySMS)
	if err := h.Prove(t.Context(), browserAt(""), e.Actor, "wrong", BySMSCode, code); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong password: %v", err)
	}
	if err := h.Prove(t.Context(), browserAt(""), e.Actor, password, BySMSCode, "no"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong code: %v", err)
	}
	if err := h.SetPhrase(t.Context(), e.Actor, "x"); ruleOf(err) != "session/prove-again" {
		t.Errorf("unproved: %v", err)
	}
	if err := h.Prove(t.Context(), browserAt(""), e.Actor, password, BySMSCode, code); err != nil {
		t.Fatal(err)
	}
	if err := h.SetPhrase(t.Context(), e.Actor, "la loutre brune"); err != nil {
		t.Error(err)
	}
}

func TestAnotherPasswordEndsTheOtherSessions(t *testing.T) {
	h := newWeb(t)
	first, second := h.enters(true), h.enters(false)
	change := func(old, new string) error {
		return h.ChangePassword(t.Context(), browserAt(""), second.Actor, old, new)
	}
	if err := change("wrong", "Autre-Quai.49"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("without the old password: %v", err)
	}
	var weak *WeakPassword
	if err := change(password, "Alix-Alix.49"); !errors.As(err, &weak) || weak.Rules[0].Rule != "password/personal" || !errors.Is(err, fault.Invalid) {
		t.Errorf("a password of one's own name: %v", err)
	}
	h.now = h.now.Add(time.Second)
	if err := change(password, "Autre-Quai.49"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.OpenWeb(t.Context(), first.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("another session stays open: %v", err)
	}
	if _, _, err := h.OpenWeb(t.Context(), second.Token); err != nil {
		t.Errorf("the one that asked: %v", err)
	}
	if s, err := h.SignIn(t.Context(), browserAt(heron), "Autre-Quai.49", first.Trust); err != nil || s.Entry != nil {
		t.Errorf("a device trusted before is let in: %+v, %v", s, err)
	}
	if _, err := h.SignIn(t.Context(), browserAt(heron), password, ""); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("the old password: %v", err)
	}
	told := false
	for _, n := range h.due() {
		told = told || n.Kind == NoticePassword
	}
	if !told {
		t.Error("nobody is told")
	}
}

func TestALoginIsOnePersons(t *testing.T) {
	h := newWeb(t)
	part, _, _ := h.find(t.Context(), addr(bruno))
	set := func(login string) error {
		return h.SetIdentity(t.Context(), audit.Entry{Actor: "operator"}, part, login, password)
	}
	if err := set("HERON.gris"); ruleOf(err) != "login/taken" || !errors.Is(err, fault.Exists) {
		t.Errorf("another's login: %v", err)
	}
	if err := set("bruno@courriel.test"); ruleOf(err) != "login/form" {
		t.Errorf("a mail address: %v", err)
	}
	if err := set("loutre.brune"); err != nil {
		t.Fatal(err)
	}
	if err := set("loutre.noire"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SignIn(t.Context(), browserAt("loutre.brune"), password, ""); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("the login before: %v", err)
	}
	h.identify(alice, "loutre.brune", password) // free again
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	if err := set("loutre.brune"); err != nil {
		t.Errorf("the login of somebody erased: %v", err)
	}
	for _, n := range h.due() {
		if n.Kind == NoticeErased && n.Address == aliceMail {
			return
		}
	}
	t.Error("she is not told that her space was erased")
}

func TestAClosedSpaceLetsNobodyIn(t *testing.T) {
	h := newWeb(t)
	e := h.enters(false)
	if _, err := h.Life(t.Context(), "operator", addr(alice), patient.Close); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.OpenWeb(t.Context(), e.Token); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("her session: %v", err)
	}
}

func TestANewDeviceIsTold(t *testing.T) {
	h := newWeb(t)
	h.enters(false)
	told := func() (n int) {
		for _, o := range h.due() {
			if o.Kind == NoticeDevice {
				n++
			}
		}
		return n
	}
	h.enters(false)
	if n := told(); n != 0 {
		t.Errorf("told %d times of the first device", n)
	}
	h.now = h.now.Add(time.Minute)
	s := h.step(password)
	if err := h.SendLoginCode(t.Context(), s.Ticket, BySMSCode); err != nil {
		t.Fatal(err)
	}
	at := browserAt("")
	at.Device = "Safari, téléphone"
	if _, err := h.SignInCode(t.Context(), at, s.Ticket, h.code(BySMS), false); err != nil {
		t.Fatal(err)
	}
	if n := told(); n != 1 {
		t.Errorf("told %d times of a new one", n)
	}
}

func TestTheTrailTellsOfSignInsAndOfTries(t *testing.T) {
	h := newWeb(t)
	_, _ = h.SignIn(t.Context(), browserAt(heron), "wrong", "")
	e := h.enters(false)
	var seen []string
	for entry, err := range h.Trail(t.Context(), e.Actor) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprintf("%+v", entry), heron) {
			t.Errorf("the trail shows the login: %+v", entry)
		}
		if entry.Act == "login" {
			seen = append(seen, fmt.Sprint(entry.Object, " ", entry.Refused, " ", entry.Actor == alice))
		}
	}
	if fmt.Sprint(seen) != "[web password true false web mail false true]" {
		t.Errorf("the trail tells of %q", seen)
	}
	_, _ = h.SignIn(t.Context(), browserAt("nobody.here"), "wrong", "")
	h.verifies()
}

func TestASealedHubSignsNobodyIn(t *testing.T) {
	h := newWeb(t)
	ring := h.Ring
	h.Ring = nil
	if _, err := h.SignIn(t.Context(), browserAt(heron), password, ""); !errors.Is(err, fault.Sealed) {
		t.Errorf("SignIn = %v", err)
	}
	h.Ring = ring
}

func TestAContactIsChangedByACodeSentThere(t *testing.T) {
	h := newWeb(t)
	e := h.enters(false)
	const other = "alice@autre.test"
	if err := h.BeginContact(t.Context(), e.Actor, ByMail, "no address"); !errors.Is(err, fault.Invalid) {
		t.Errorf("no address: %v", err)
	}
	if err := h.BeginContact(t.Context(), e.Actor, BySMS, "01 99 00 00 01"); !errors.Is(err, fault.Invalid) {
		t.Errorf("a phone that takes no text message: %v", err)
	}
	if err := h.BeginContact(t.Context(), e.Actor, ByMail, other); err != nil {
		t.Fatal(err)
	}
	code := h.code(ByMail)
	if c, _ := h.Contact(t.Context(), e.Actor); c.Mail != aliceMail {
		t.Errorf("unchecked, it is %q already", c.Mail)
	}
	if err := h.ConfirmContact(t.Context(), e.Actor, BySMS, code); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("as the code of a phone: %v", err)
	}
	if err := h.ConfirmContact(t.Context(), e.Actor, ByMail, code); err != nil {
		t.Fatal(err)
	}
	c, err := h.Contact(t.Context(), e.Actor)
	if err != nil || c.Mail != other || c.NewMail != "" || !c.HasPhone() || c.Phrase != "le héron gris" {
		t.Errorf("the contact is %+v, %v", c, err)
	}
}

func FuzzOpenTicket(f *testing.F) {
	p, err := account.NewPepper()
	if err != nil {
		f.Fatal(err)
	}
	good, err := sealTicket(p, ticket{Part: "part1"}, ticketContext)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		var k ticket
		if err := openTicket(p, text, &k, ticketContext); err == nil && text != good || err != nil && !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("openTicket(%q) = %v", text, err)
		}
	})
}
