package hub

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/software"
	"vaguemestre/policy"
)

const (
	camille  = "camille.dupre@medecin.test" // has an RPPS number
	lab      = "serveur@laboratoire.test"
	redirect = "https://lps.test/retour"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
)

var (
	here   = netip.MustParseAddr("192.0.2.7")
	logged = Attempt{Protocol: "psc", Remote: here}
	lps    = software.Client{ID: "lps", Name: "Logiciel d'essai", Redirects: []string{redirect}, Scopes: "offline_access openid user/*.rs"}
	server = software.Client{ID: "labo", Name: "Serveur de résultats", Mailbox: lab, Certificate: strings.Repeat("0a", 32), Scopes: "system/DocumentReference.crs user/*.rs"}
)

// newOffice is a house with programs in it, and people who use them.
func newOffice(t testing.TB) (*house, ident.RPPS) {
	t.Helper()
	h := newHouse(t)
	n, err := ident.MakeRPPS("8101234567")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []directory.BAL{
		{Kind: directory.Practice, Address: "cabinet@medecin.test", Name: "Cabinet", RPPS: n.String()},
		{Kind: directory.Personal, Address: camille, Name: "Dr Camille DUPRÉ", RPPS: n.String(), Profession: policy.Physician},
		{Kind: directory.Personal, Address: "camille.dupre@hopital.test", Name: "Dr Camille DUPRÉ", RPPS: n.String(), Profession: policy.Physician},
		{Kind: directory.Application, Address: lab, Name: "Serveur de résultats", Establishment: "750000002"},
	} {
		if err := h.AddBAL(t.Context(), "operator", b); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []software.Client{lps, server} {
		if err := h.AddClient(t.Context(), "operator", c); err != nil {
			t.Fatal(err)
		}
	}
	return h, n
}

func challenge() account.Binding {
	sum := sha256.Sum256([]byte(verifier))
	return account.Binding{Redirect: redirect, Challenge: base64.RawURLEncoding.EncodeToString(sum[:]), Nonce: "n-0S6"}
}

func (h *house) actor(n ident.RPPS) Actor {
	h.t.Helper()
	a, err := h.LoginProfessional(h.t.Context(), n, logged, lps.Name)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func (h *house) code(a Actor, scopes smart.Scopes) string {
	h.t.Helper()
	code, err := h.Authorize(h.t.Context(), a.Address, lps, scopes, challenge())
	if err != nil {
		h.t.Fatal(err)
	}
	return code
}

func (h *house) redeem(code string) (Tokens, error) {
	return h.RedeemCode(h.t.Context(), code, Bearer{Client: lps.ID}, redirect, verifier)
}

// good reports whether an access token is.
func (h *house) good(access string) bool {
	h.t.Helper()
	_, _, err := h.CheckToken(h.t.Context(), access, "", here)
	if err != nil && !errors.Is(err, fault.Unauthenticated) {
		h.t.Fatal(err)
	}
	return err == nil
}

// entries are those of the trail of whoever has that address.
func (h *house) entries(address string) (list []audit.Entry) {
	h.t.Helper()
	part, _, err := h.find(h.t.Context(), addr(address))
	if err != nil {
		h.t.Fatal(err)
	}
	for e, err := range h.Trail(h.t.Context(), Actor{Part: part}) {
		if err != nil {
			h.t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func TestAProfessionalIsFoundByNumber(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	a := h.actor(n)
	if a.Address.Canonical() != camille || a.Role != policy.Professional || a.Profession != policy.Physician || a.Device != lps.Name || a.Session == "" {
		t.Errorf("the actor is %+v", a)
	}
	if err := h.Erase(t.Context(), "operator", addr(camille)); err != nil {
		t.Fatal(err)
	}
	if a := h.actor(n); a.Address.Canonical() != "camille.dupre@hopital.test" {
		t.Errorf("after the first mailbox is erased, the actor is %v", a.Address)
	}
	other, err := ident.MakeRPPS("8107654321")
	if err != nil {
		t.Fatal(err)
	}
	before, err := h.VerifyTrail(t.Context(), hubPart)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.LoginProfessional(t.Context(), other, logged, lps.Name); !errors.Is(err, fault.NotFound) {
		t.Errorf("one who has no mailbox: %v", err)
	}
	if after, err := h.VerifyTrail(t.Context(), hubPart); after != before+1 || err != nil {
		t.Errorf("the trail of the hub has %d entries more, %v", after-before, err)
	}
}

// TestAForgedIndexLogsNobodyInAsAnother: whoever has the index key writes where a
// number leads; whose mailbox is there is signed.
func TestAForgedIndexLogsNobodyInAsAnother(t *testing.T) {
	t.Parallel()
	h, _ := newOffice(t)
	n, err := ident.MakeRPPS("8107654321")
	if err != nil {
		t.Fatal(err)
	}
	for _, victim := range []string{camille, alice, adam, cardio, lab} {
		part, _, err := h.find(t.Context(), addr(victim))
		if err != nil {
			t.Fatal(err)
		}
		err = h.do(t.Context(), directory.ProfessionalPart(h.Index, n), func(t *tx) error { return directory.Attach(t, t.Scope, part) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if a, err := h.LoginProfessional(t.Context(), n, logged, ""); !errors.Is(err, fault.NotFound) {
		t.Errorf("%v, %v", a.Address, err)
	}
}

func TestAnOldHubLearnsTheNumbers(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	part := directory.ProfessionalPart(h.Index, n)
	if err := h.do(t.Context(), part, func(t *tx) error { return directory.Erase(t) }); err != nil {
		t.Fatal(err)
	}
	if _, err := h.LoginProfessional(t.Context(), n, logged, ""); !errors.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.indexProfessionals(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.actor(n)
}

func TestACodeIsRedeemedOnce(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	code := h.code(h.actor(n), "openid user/*.cruds system/*.rs")
	out, err := h.redeem(code)
	if err != nil {
		t.Fatal(err)
	}
	if out.Scopes != "openid user/*.rs" || out.Refresh != "" || out.Nonce != "n-0S6" || !out.Ends.Equal(h.now.Add(AccessLife)) {
		t.Errorf("the tokens are %+v", out)
	}
	a, ends, err := h.CheckToken(t.Context(), out.Access, "", here)
	if err != nil || a.Address.Canonical() != camille || a.Scopes != out.Scopes || a.Device != lps.Name || !ends.Equal(out.Ends) {
		t.Errorf("the token is for %+v until %v, %v", a, ends, err)
	}
	if _, err := h.redeem(code); !errors.Is(err, errSpent) || !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("the code shown again: %v", err)
	}
	if h.good(out.Access) {
		t.Error("the access token outlives the code's second use")
	}
	if _, err := h.redeem(code); !errors.Is(err, fault.Unauthenticated) || errors.Is(err, errSpent) {
		t.Errorf("the code shown a third time: %v", err)
	}
	entries := h.entries(camille)
	if last := entries[len(entries)-1]; !last.Refused || last.Act != "reuse-token" || last.Object != lps.ID {
		t.Errorf("the trail ends with %+v", last)
	}
}

// TestACodeShownByManyAtOnce is good for one of them, and for nobody in the end.
func TestACodeShownByManyAtOnce(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	code := h.code(h.actor(n), "user/*.rs")
	given := make(chan string, 8)
	var g errgroup.Group
	for range cap(given) {
		g.Go(func() error {
			out, err := h.redeem(code)
			if err == nil {
				given <- out.Access
			} else if !errors.Is(err, fault.Unauthenticated) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(given) != 1 {
		t.Fatalf("%d of them have tokens", len(given))
	}
	if h.good(<-given) {
		t.Error("the token of the first outlives the second")
	}
}

func TestACodeIsWorthNothingToOthers(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	code := h.code(h.actor(n), "user/*.rs")
	for _, c := range []struct {
		name                     string
		code                     string
		by                       Bearer
		redirect, verifier, kind string
	}{
		{"another program", code, Bearer{Client: "other"}, redirect, verifier, ""},
		{"no program", code, Bearer{}, redirect, verifier, ""},
		{"another redirect URI", code, Bearer{Client: lps.ID}, redirect + "/", verifier, ""},
		{"no redirect URI", code, Bearer{Client: lps.ID}, "", verifier, ""},
		{"another verifier", code, Bearer{Client: lps.ID}, redirect, strings.Repeat("x", 43), ""},
		{"no verifier", code, Bearer{Client: lps.ID}, redirect, "", ""},
		{"the challenge as verifier", code, Bearer{Client: lps.ID}, redirect, challenge().Challenge, ""},
		{"a code cut short", code[:len(code)-1], Bearer{Client: lps.ID}, redirect, verifier, ""},
		{"no code", "", Bearer{Client: lps.ID}, redirect, verifier, ""},
		{"the code as refresh token", strings.Replace(code, "vmc_", "vmr_", 1), Bearer{Client: lps.ID}, redirect, verifier, "refresh"},
	} {
		var err error
		if c.kind == "refresh" {
			_, err = h.Renew(t.Context(), c.code, c.by, "")
		} else {
			_, err = h.RedeemCode(t.Context(), c.code, c.by, c.redirect, c.verifier)
		}
		if !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if h.good(code) || h.good(strings.Replace(code, "vmc_", "vma_", 1)) {
		t.Error("a code is good as access token")
	}
	h.now = h.now.Add(CodeLife)
	if _, err := h.redeem(code); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a minute later: %v", err)
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	first, err := h.redeem(h.code(h.actor(n), "offline_access user/*.rs"))
	if err != nil || first.Refresh == "" {
		t.Fatal(first, err)
	}
	h.now = h.now.Add(AccessLife)
	if h.good(first.Access) {
		t.Error("the access token is good after its end")
	}
	by := Bearer{Client: lps.ID}
	for _, wrong := range []Bearer{{}, {Client: "other"}, {Client: lps.ID, Bound: "aa"}} {
		if _, err := h.Renew(t.Context(), first.Refresh, wrong, ""); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("shown by %v: %v", wrong, err)
		}
	}
	second, err := h.Renew(t.Context(), first.Refresh, by, "user/Patient.cruds openid")
	if err != nil || second.Scopes != "user/Patient.rs" || second.Refresh == first.Refresh {
		t.Fatal(second, err)
	}
	third, err := h.Renew(t.Context(), second.Refresh, by, "")
	if err != nil || third.Scopes != "offline_access user/*.rs" || !h.good(third.Access) || h.good(second.Access) {
		t.Fatal(third, err)
	}
	if client, err := h.ClientOf(t.Context(), third.Refresh); client != lps.ID || err != nil {
		t.Errorf("the token is %q's, %v", client, err)
	}
	if _, err := h.Renew(t.Context(), first.Refresh, by, ""); !errors.Is(err, errSpent) {
		t.Errorf("a spent token: %v", err)
	}
	if h.good(third.Access) {
		t.Error("the access token outlives the reuse")
	}
	if _, err := h.Renew(t.Context(), third.Refresh, by, ""); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("the last refresh token after the reuse: %v", err)
	}
}

func TestAnAuthorizationEndsAtOnce(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	enter := func() Tokens {
		t.Helper()
		out, err := h.redeem(h.code(h.actor(n), "offline_access user/*.rs"))
		if err != nil || !h.good(out.Access) {
			t.Fatal(out, err)
		}
		return out
	}
	ended := func(what string, out Tokens) {
		t.Helper()
		if h.good(out.Access) {
			t.Errorf("%s: the access token is still good", what)
		}
		if _, err := h.Renew(t.Context(), out.Refresh, Bearer{Client: lps.ID}, ""); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: the refresh token gives %v", what, err)
		}
	}

	out := enter()
	for _, text := range []string{"", "x", out.Access + "x"} {
		if err := h.EndToken(t.Context(), text, lps.ID); err != nil {
			t.Errorf("revoking %q: %v", text, err)
		}
	}
	if err := h.EndToken(t.Context(), out.Access, "other"); err != nil || !h.good(out.Access) {
		t.Errorf("another program revokes it: %v", err)
	}
	if err := h.EndToken(t.Context(), out.Refresh, lps.ID); err != nil {
		t.Fatal(err)
	}
	ended("revoked by its refresh token", out)

	out = enter()
	if err := h.EndAuthorization(t.Context(), "operator", addr(camille), out.Actor.Authorization); err != nil {
		t.Fatal(err)
	}
	ended("ended by an operator", out)
	if err := h.EndAuthorization(t.Context(), "operator", addr(camille), out.Actor.Authorization); !errors.Is(err, fault.NotFound) {
		t.Errorf("ended again: %v", err)
	}

	out = enter()
	if n, err := h.RemoveClient(t.Context(), "operator", lps.ID); n < 1 || err != nil {
		t.Fatalf("removing the program ends %d authorizations, %v", n, err)
	}
	ended("the program is removed", out)
	if err := h.AddClient(t.Context(), "operator", lps); err != nil {
		t.Fatal(err)
	}

	out = enter()
	if err := h.Erase(t.Context(), "operator", addr(camille)); err != nil {
		t.Fatal(err)
	}
	ended("the mailbox is erased", out)
}

func TestASystemActsForItsMailboxOnly(t *testing.T) {
	t.Parallel()
	h, _ := newOffice(t)
	out, err := h.LoginSystem(t.Context(), server, "system/*.cruds user/*.rs openid", server.Certificate)
	if err != nil || out.Scopes != "system/DocumentReference.crs" || out.Refresh != "" || out.Actor.Role != policy.Application {
		t.Fatal(out, err)
	}
	if h.good(out.Access) {
		t.Error("the token is good without the certificate it is bound to")
	}
	if a, _, err := h.CheckToken(t.Context(), out.Access, server.Certificate, here); err != nil || a.Address.Canonical() != lab {
		t.Errorf("with it: %v, %v", a, err)
	}
	for _, mailbox := range []string{camille, alice, stranger, "no address"} {
		c := server
		c.Mailbox = mailbox
		if _, err := h.LoginSystem(t.Context(), c, "system/*.rs", ""); !errors.Is(err, ErrNoMailbox) {
			t.Errorf("a program for %s: %v", mailbox, err)
		}
	}
	entries := h.entries(lab)
	if last := entries[len(entries)-1]; last.Act != "login" || last.Means != server.Name || last.Object != "api" {
		t.Errorf("the trail ends with %+v", last)
	}
}

func TestADemoTokenIsTheDemosOnly(t *testing.T) {
	t.Parallel()
	h, _ := newOffice(t)
	until := h.now.Add(30 * time.Hour)
	access, err := h.DemoToken(t.Context(), addr(alice), "démonstration", until)
	if err != nil {
		t.Fatal(err)
	}
	h.now = until.Add(-time.Second)
	if a, _, err := h.CheckToken(t.Context(), access, "", here); err != nil || a.Role != policy.Patient || !a.Scopes.Allows("Consent", smart.Search) {
		t.Errorf("%v, %v", a, err)
	}
	if _, err := h.Life(t.Context(), "operator", addr(alice), patient.Close); err != nil {
		t.Fatal(err)
	}
	if h.good(access) {
		t.Error("it is good though the space is closed")
	}
	h.now = until
	if _, err := h.DemoToken(t.Context(), addr(celia), "démonstration", until); !errors.Is(err, fault.NotFound) {
		t.Errorf("for one who never opened their space: %v", err)
	}
	h.TestMode = false
	if _, err := h.DemoToken(t.Context(), addr(bruno), "démonstration", until); !errors.Is(err, fault.Denied) {
		t.Errorf("outside test mode: %v", err)
	}
}

func TestGuessingTokensIsSlowedDown(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	out, err := h.redeem(h.code(h.actor(n), "user/*.rs"))
	if err != nil {
		t.Fatal(err)
	}
	try := func(access string, from netip.Addr) error {
		_, _, err := h.CheckToken(t.Context(), access, "", from)
		return err
	}
	h.now = h.now.Add(time.Minute)
	for range 5 * h.Limits.LoginFailures {
		if err := try("vma_AAAA", here); !errors.Is(err, fault.Unauthenticated) || errors.Is(err, fault.Throttled) {
			t.Fatal(err)
		}
	}
	if err := try("vma_AAAA", here); !errors.Is(err, fault.Throttled) {
		t.Errorf("one more: %v", err)
	}
	if err := try(out.Access, here); !errors.Is(err, fault.Throttled) {
		t.Errorf("a good one from there: %v", err)
	}
	if err := try(out.Access, netip.MustParseAddr("192.0.2.8")); err != nil {
		t.Errorf("a good one from elsewhere: %v", err)
	}
}

// TestTokensSayNothing: neither the token nor what is kept of it tells whose it
// is, or lets anybody make another.
func TestTokensSayNothing(t *testing.T) {
	t.Parallel()
	h, n := newOffice(t)
	a := h.actor(n)
	out, err := h.redeem(h.code(a, "offline_access user/*.rs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.Access, out.Refresh} {
		b, err := base64.RawURLEncoding.DecodeString(text[4:])
		if err != nil || strings.Contains(string(b), string(a.Part)) || strings.Contains(text, string(a.Part)) {
			t.Errorf("%s tells the partition, %v", text, err)
		}
	}
	list, err := h.Authorizations(t.Context(), addr(camille))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	kept, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.openToken(accessToken, out.Access)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(kept), base64.StdEncoding.EncodeToString(k.secret)) {
		t.Error("the secret of a token is kept")
	}
	forged := fmt.Sprintf("%s/%s/", k.part, k.id) + strings.Repeat("\x00", tokenSecretLength)
	sealed := h.Index.Seal(nil, []byte(forged), "hub/token/"+string(accessToken))
	if h.good(string(accessToken) + base64.RawURLEncoding.EncodeToString(sealed)) {
		t.Error("whoever has the index key makes tokens")
	}
}

func TestWhatABrowserKeepsComesBackAsItWas(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	text, err := h.SealState("login", []byte("state"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := h.OpenState("login", text); string(b) != "state" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	for name, c := range map[string][2]string{"another purpose": {"consent", text}, "changed": {"login", text[:len(text)-2] + "AA"},
		"nothing": {"login", ""}, "no text": {"login", "é"}} {
		if b, err := h.OpenState(c[0], c[1]); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	sealed := h.process(sealed)
	if _, err := sealed.SealState("login", nil); !errors.Is(err, fault.Sealed) {
		t.Errorf("a sealed hub: %v", err)
	}
	if _, err := sealed.OpenState("login", text); !errors.Is(err, fault.Sealed) {
		t.Errorf("a sealed hub: %v", err)
	}
	if _, err := sealed.IdentitySigner(t.Context()); !errors.Is(err, fault.Sealed) {
		t.Errorf("a sealed hub: %v", err)
	}
}

func TestTheIdentitySignerStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, err := h.IdentitySigner(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := h.IdentitySigner(t.Context()); err != nil || !again.Equal(first) {
		t.Errorf("asked again: another, %v", err)
	}
}

func BenchmarkCheckToken(b *testing.B) {
	h, n := newOffice(b)
	for range account.MaxAuthorizations - 1 {
		h.code(h.actor(n), "user/*.rs")
	}
	out, err := h.redeem(h.code(h.actor(n), "user/*.rs"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := h.CheckToken(b.Context(), out.Access, "", here); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzOpenToken(f *testing.F) {
	h, n := newOffice(f)
	out, err := h.redeem(h.code(h.actor(n), "offline_access user/*.rs"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(out.Access)
	f.Add(out.Refresh)
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := h.openToken(accessToken, s); err == nil && s != out.Access {
			t.Errorf("%q opens as a token of %s", s, k.part)
		}
	})
}
