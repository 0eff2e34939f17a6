package hub

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// from is an attempt to log in from an address of the network.
func from(remote, login string) Attempt {
	return Attempt{Login: login, Protocol: "imap", Remote: netip.MustParseAddr(remote)}
}

// TestWhoCannotLogInIsNotToldWhy tries everybody with a wrong password, and
// those who may not with a right one: one error, word for word.
func TestWhoCannotLogInIsNotToldWhy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var err error
	for _, a := range []string{celia, denis, emma} {
		if h.password[a], err = h.AddPassword(t.Context(), "operator", addr(a), "poste"); err != nil {
			t.Fatal(err)
		}
	}
	revoked := h.password[adam]
	if err := h.RevokePassword(t.Context(), "operator", addr(adam), "poste"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, login, password string }{
		{"a wrong password", thomas, "x"},
		{"no password", thomas, ""},
		{"the password of another", thomas, h.password[alone]},
		{"a login that does not exist", stranger, "x"},
		{"a patient who does not exist", ghost, "x"},
		{"no login", "", ""},
		{"what is no address", "éric thomas", "x"},
		{"an open space, wrong password", alice, "x"},
		{"a space never opened", celia, h.password[celia]},
		{"an opposed space", denis, h.password[denis]},
		{"a closed space", emma, h.password[emma]},
		{"a revoked password", adam, revoked},
	} {
		a, err := h.Login(t.Context(), attempt(c.login), c.password)
		if !errors.Is(err, fault.Unauthenticated) || err.Error() != "hub: login: not authenticated" || !reflect.DeepEqual(a, Actor{}) {
			t.Errorf("%s: %v, %v", c.name, a, err)
		}
	}
	if _, err := h.Login(t.Context(), attempt(thomas), h.password[thomas]); err != nil {
		t.Errorf("the right password: %v", err)
	}
	if n, err := h.VerifyTrail(t.Context(), hubPart); n != 12 || err != nil {
		t.Errorf("the trail of the hub tells of %d failures, %v; want 12", n, err)
	}
}

func TestALoginSaysWhoActs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, err := h.Login(t.Context(), attempt("Eric.THOMAS@Medecin.test"), h.password[thomas])
	if err != nil {
		t.Fatal(err)
	}
	if a.Address != addr(thomas) || a.Role != policy.Professional || a.Profession != policy.Physician ||
		a.Establishment != "750000001" || a.Device != "poste" || a.Session == "" {
		t.Errorf("the actor is %+v", a)
	}
	if b := h.login(thomas); b.Session == a.Session {
		t.Error("two logins have one session")
	}
	for address, role := range map[string]policy.Role{alice: policy.Patient, cardio: policy.Organisation} {
		if got := h.login(address).Role; got != role {
			t.Errorf("the role is %v, want %v", got, role)
		}
	}
}

func TestASpaceThatIsClosedAndOpenedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a := h.login(alice)
	life := func(e patient.Event) {
		t.Helper()
		if _, err := h.Life(t.Context(), "operator", addr(alice), e); err != nil {
			t.Fatal(err)
		}
	}
	life(patient.Close)
	if _, err := h.Login(t.Context(), attempt(alice), h.password[alice]); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a closed space: %v", err)
	}
	if _, err := h.OpenMailbox(t.Context(), a); !errors.Is(err, fault.NotFound) {
		t.Errorf("a session from before opens the mailbox: %v", err)
	}
	if err := h.deliverAs(a, mail(alice, []string{thomas}, "x", "", "y"), thomas); ruleOf(err) != "space/closed" {
		t.Errorf("a session from before writes: %v", err)
	}
	life(patient.Reopen)
	h.login(alice)
}

func TestFailuresSlowDownAnAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range h.Limits.LoginFailures {
		_, err := h.Login(t.Context(), from(fmt.Sprintf("198.51.100.%d", i), thomas), "x")
		if !errors.Is(err, fault.Unauthenticated) {
			t.Fatalf("failure %d gives %v", i+1, err)
		}
	}
	if _, err := h.Login(t.Context(), from("203.0.113.1", thomas), "x"); !errors.Is(err, fault.Throttled) {
		t.Errorf("one more gives %v, want Throttled", err)
	}
	if _, err := h.Login(t.Context(), from("203.0.113.2", thomas), h.password[thomas]); !errors.Is(err, fault.Throttled) {
		t.Errorf("the right password meanwhile gives %v, want Throttled", err)
	}
	if _, err := h.Secrets(t.Context(), from("203.0.113.2", thomas)); !errors.Is(err, fault.Throttled) {
		t.Errorf("SCRAM meanwhile gives %v, want Throttled", err)
	}
	if _, err := h.Login(t.Context(), from("203.0.113.1", adam), h.password[adam]); err != nil {
		t.Errorf("another account: %v", err)
	}
	h.now = h.now.Add(16 * time.Minute)
	if _, err := h.Login(t.Context(), from("203.0.113.2", thomas), h.password[thomas]); err != nil {
		t.Errorf("a quarter of an hour later: %v", err)
	}
	if _, err := h.Login(t.Context(), from("203.0.113.2", thomas), "x"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("and then a failure counts as the first: %v", err)
	}
}

func TestFailuresSlowDownANetwork(t *testing.T) {
	t.Parallel()
	for name, remotes := range map[string]struct{ same, mapped, other string }{
		"IPv4":          {"192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"},
		"IPv6, per /64": {"2001:db8:1:1::%x", "2001:db8:1:1:ffff::1", "2001:db8:1:2::1"},
	} {
		h := newHouse(t)
		h.Limits.LoginFailures = 4
		for i := range 5 * h.Limits.LoginFailures {
			remote := remotes.same
			if name != "IPv4" {
				remote = fmt.Sprintf(remotes.same, i+1)
			}
			if _, err := h.Login(t.Context(), from(remote, fmt.Sprintf("bal%d@medecin.test", i)), "x"); !errors.Is(err, fault.Unauthenticated) {
				t.Fatalf("%s: failure %d gives %v", name, i+1, err)
			}
		}
		if _, err := h.Login(t.Context(), from(remotes.mapped, "last@medecin.test"), "x"); !errors.Is(err, fault.Throttled) {
			t.Errorf("%s: one more gives %v, want Throttled", name, err)
		}
		if _, err := h.Login(t.Context(), from(remotes.other, thomas), h.password[thomas]); err != nil {
			t.Errorf("%s: another network: %v", name, err)
		}
	}
}

func TestASuccessForgivesTheAccountItsFailures(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for range 3 {
		for range h.Limits.LoginFailures - 1 {
			_, _ = h.Login(t.Context(), from("192.0.2.9", thomas), "x")
		}
		h.login(thomas)
	}
}

// TestSecretsOfLoginsThatDoNotExistAreStable compares what a SCRAM client sees of
// them, from one time and one hub process to the next.
func TestSecretsOfLoginsThatDoNotExistAreStable(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	again := h.copyOf(t)
	for _, login := range []string{stranger, ghost, "no address at all", "", alice, thomas} {
		a, err := h.Secrets(t.Context(), attempt(login))
		if err != nil {
			t.Fatal(err)
		}
		b, err := again.Secrets(t.Context(), attempt(login))
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("secrets differ from one time to the next: %v, %v, %v", a, b, err)
		}
		if len(a.Salt) != 16 || a.Iterations < 4096 || len(a.Keys) != 1 {
			t.Errorf("one can see whether the login exists: %+v", a)
		}
	}
	a, _ := h.Secrets(t.Context(), attempt("NOBODY@medecin.TEST"))
	b, _ := h.Secrets(t.Context(), attempt(stranger))
	if !reflect.DeepEqual(a, b) {
		t.Error("capitals tell a login that does not exist from one that does")
	}
}

func TestARevokedPasswordProvedBeforeDoesNotLogIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s, err := h.Secrets(t.Context(), attempt(thomas))
	if err != nil {
		t.Fatal(err)
	}
	id, ok := s.Match(h.password[thomas])
	if !ok {
		t.Fatal("the password does not match")
	}
	if err := h.RevokePassword(t.Context(), "operator", addr(thomas), "poste"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.LoginProved(t.Context(), attempt(thomas), id); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("LoginProved = %v, want Unauthenticated", err)
	}
	if _, err := h.LoginProved(t.Context(), attempt(stranger), id); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("LoginProved of nobody = %v, want Unauthenticated", err)
	}
	if _, err := h.LoginProved(t.Context(), attempt(adam), id); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("LoginProved with another's password = %v, want Unauthenticated", err)
	}
}

// TestAFailedLoginShowsNothingThatWasTyped: the escrow reads who tried from where
// and a keyed hash of the login, which may be a password in the wrong field.
func TestAFailedLoginShowsNothingThatWasTyped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, login := range []string{"zephyrine-secret", "Zephyrine-Secret", thomas} {
		_, _ = h.Login(t.Context(), attempt(login), "x")
	}
	var seen []audit.Entry
	err := h.view(t.Context(), hubPart, func(r store.Reader) error {
		for e, err := range audit.Entries(r, hubPart, h.escrow, 0) {
			if err != nil {
				return err
			}
			seen = append(seen, e)
		}
		return nil
	})
	if err != nil || len(seen) != 3 {
		t.Fatalf("%d entries, %v", len(seen), err)
	}
	for _, e := range seen {
		if e.Act != "login" || !e.Refused || e.Actor != "192.0.2.1" || strings.Contains(strings.ToLower(e.Object), "zephyrine") ||
			strings.Contains(e.Object, "thomas") {
			t.Errorf("an entry is %+v", e)
		}
	}
	if seen[0].Object != seen[1].Object || seen[0].Object == seen[2].Object {
		t.Errorf("tries of one login are not told from those of another: %+v", seen)
	}
}

func TestASessionEndsWithWhatItStandsOn(t *testing.T) {
	for name, end := range map[string]func(*house) error{
		"the password is revoked": func(h *house) error { return h.RevokePassword(t.Context(), "operator", addr(alice), "poste") },
		"the space is closed": func(h *house) error {
			_, err := h.Life(t.Context(), "operator", addr(alice), patient.Close)
			return err
		},
		"the patient is erased": func(h *house) error { return h.Erase(t.Context(), "operator", addr(alice)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			m, err := h.OpenMailbox(t.Context(), h.login(alice))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if err := m.Check(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			if err := end(h); err != nil {
				t.Fatal(err)
			}
			if err := m.Check(t.Context()); !errors.Is(err, fault.Unauthenticated) {
				t.Errorf("Check = %v, want Unauthenticated", err)
			}
		})
	}
}
