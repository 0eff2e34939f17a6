package oauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"vaguemestre/internal/blob/memblob"
	"vaguemestre/internal/bus/membus"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/oauth/fakepsc"
	"vaguemestre/internal/software"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

const (
	camille  = "camille.dupre@medecin.test"
	lab      = "serveur@laboratoire.test"
	redirect = "https://lps.test/retour"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
	known    = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // its challenge
)

// A house is a hub with its authorisation server, a provider of identities and a
// FHIR service that tells who asks, on one TLS port of this machine.
type house struct {
	*hub.Hub
	t    testing.TB
	base string
	http *httptest.Server
	psc  *fakepsc.Server
	log  *safeBuffer

	mu        sync.Mutex
	moment    time.Time
	asked     int // introspections at the provider
	ec        *ecdsa.PrivateKey
	rsa       *rsa.PrivateKey
	cert      tls.Certificate
	colleague fakepsc.Person
	stranger  fakepsc.Person
	adeli     fakepsc.Person
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.moment
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moment = h.moment.Add(d)
}

func rpps(t testing.TB, base string) string {
	n, err := ident.MakeRPPS(base)
	if err != nil {
		t.Fatal(err)
	}
	return n.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newHub(t testing.TB, now func() time.Time) *hub.Hub {
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	must(t, err)
	escrowed, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	must(t, err)
	of, err := escrowed.Add(store.Part("escrow"))
	must(t, err)
	escrow, _, err := keyring.NewRing().NewOwner("escrow", of[0])
	must(t, err)
	h, err := hub.New(hub.Config{
		Store: memstore.New(), Blobs: memblob.New(), Bus: membus.New(), Index: keyring.NewIndexKey(), Ring: keyring.NewRing(),
		Erasure: secrets, Escrow: escrow, Domain: "hub.test", PatientDomain: "patient.test", TestMode: true, Now: now,
	})
	must(t, err)
	return h
}

// newHouse builds it. change may change the configuration first.
func newHouse(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, moment: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), log: &safeBuffer{}}
	h.Hub = newHub(t, h.now)
	mine := rpps(t, "8101234567")
	h.colleague = fakepsc.Person{ID: "8" + mine, FamilyName: "DUPRÉ", GivenName: "Camille", Profession: "Médecin"}
	h.stranger = fakepsc.Person{ID: "8" + rpps(t, "8107654321"), FamilyName: "INCONNU", GivenName: "Dominique"}
	h.adeli = fakepsc.Person{ID: "0759912345", FamilyName: "ADELI", GivenName: "Claude"}
	for _, b := range []directory.BAL{
		{Kind: directory.Personal, Address: camille, Name: "Dr Camille DUPRÉ", RPPS: mine, Profession: policy.Physician},
		{Kind: directory.Application, Address: lab, Name: "Serveur de résultats"},
	} {
		must(t, h.AddBAL(t.Context(), "operator", b))
	}
	h.register()
	h.serve(change)
	return h
}

// register makes keys and registers programs of every kind.
func (h *house) register() {
	var err error
	h.ec, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(h.t, err)
	h.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(h.t, err)
	h.cert = newCertificate(h.t, h.now())
	sum := sha256.Sum256(h.cert.Certificate[0])
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &h.ec.PublicKey, KeyID: "ec", Algorithm: "ES384", Use: "sig"}, {Key: &h.rsa.PublicKey, KeyID: "rsa"},
	}})
	must(h.t, err)
	for _, c := range []software.Client{
		{ID: "lps", Name: "Logiciel d'essai", Redirects: []string{redirect, "http://127.0.0.1/cb"}, Scopes: "fhirUser offline_access openid user/DocumentReference.cruds user/Patient.rs"},
		{ID: "trusted", Name: "Logiciel de la maison", Redirects: []string{"https://maison.test/"}, Scopes: "user/*.rs", Trusted: true},
		{ID: "signed", Name: "Serveur signé", Mailbox: lab, Keys: keys, Scopes: "system/*.cruds"},
		{ID: "certified", Name: "Serveur certifié", Mailbox: lab, Certificate: hex.EncodeToString(sum[:]), Scopes: "system/DocumentReference.rs"},
	} {
		must(h.t, h.AddClient(h.t.Context(), "operator", c))
	}
}

func newCertificate(t testing.TB, now time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (h *house) serve(change []func(*Config)) {
	mux := http.NewServeMux()
	h.http = httptest.NewUnstartedServer(mux)
	h.http.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	h.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	h.base = "https://" + h.http.Listener.Addr().String()
	var err error
	h.psc, err = fakepsc.New(h.base+"/psc", []fakepsc.Person{h.colleague, h.stranger, h.adeli}, []fakepsc.Client{
		{ID: "hub", Secret: "s3cret", Redirects: []string{h.base + "/oauth/callback"}, Afterwards: []string{h.base + "/"}}, {ID: "lps-psc"}, {ID: "other-service"},
	}, h.now)
	must(h.t, err)
	h.http.StartTLS()
	h.t.Cleanup(h.http.Close)
	cfg := Config{Base: h.base, Now: h.now, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Professional: &Provider{Issuer: h.base + "/psc", ClientID: "hub", ClientSecret: "s3cret",
			Programs: map[string]string{"lps-psc": "LPS par Pro Santé Connect"}, HTTP: h.http.Client()}}
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(h.Hub, cfg)
	must(h.t, err)
	mux.Handle("/oauth/", s)
	mux.Handle("/.well-known/", s)
	mux.HandleFunc("/psc/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/introspect") {
			h.mu.Lock()
			h.asked++
			h.mu.Unlock()
		}
		h.psc.ServeHTTP(w, r)
	})
	mux.HandleFunc("/fhir/whoami", func(w http.ResponseWriter, r *http.Request) {
		a, err := s.Authenticate(r)
		switch fault.Of(err) {
		case "":
			io.WriteString(w, a.Address.Canonical()+" "+string(a.Scopes)+" "+a.Device)
		case fault.Unauthenticated:
			w.WriteHeader(http.StatusUnauthorized)
		case fault.Throttled:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}

// A browser is somebody's: it keeps cookies and follows no redirect by itself.
type browser struct {
	h *house
	*http.Client
}

func (h *house) browser() browser {
	jar, err := cookiejar.New(nil)
	must(h.t, err)
	c := *h.http.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return browser{h, &c}
}

// An answer is what came back.
type answered struct {
	status int
	header http.Header
	body   string
}

// location is where the answer sends the browser.
func (a answered) location() *url.URL {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		panic(err)
	}
	return u
}

// json is a member of an answer in JSON, as text.
func (a answered) json(name string) string {
	var v map[string]any
	if json.Unmarshal([]byte(a.body), &v) != nil {
		return ""
	}
	switch v := v[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		b, _ := json.Marshal(v)
		return string(b)
	}
}

func (b browser) do(r *http.Request) answered {
	b.h.t.Helper()
	resp, err := b.Do(r)
	must(b.h.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(b.h.t, err)
	return answered{resp.StatusCode, resp.Header, string(body)}
}

func (b browser) get(address string) answered {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodGet, address, nil)
	must(b.h.t, err)
	return b.do(r)
}

func (b browser) post(address string, form url.Values) answered {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	must(b.h.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// asking is a good request of a program.
func (h *house) asking() url.Values {
	return url.Values{"response_type": {"code"}, "client_id": {"lps"}, "redirect_uri": {redirect}, "state": {"af0ifjsldkj"},
		"scope": {"openid fhirUser offline_access user/DocumentReference.rs"}, "aud": {h.base + "/fhir"}, "nonce": {"n-0S6_WzA2Mj"},
		"code_challenge": {known}, "code_challenge_method": {"S256"}}
}

// arrive goes as far as the page that asks for consent, or whatever comes in its
// place.
func (b browser) arrive(q url.Values, p fakepsc.Person) answered {
	b.h.t.Helper()
	at := b.get(b.h.base + "/oauth/authorize?" + q.Encode())
	if at.status != http.StatusSeeOther || !strings.HasPrefix(at.header.Get("Location"), b.h.base+"/psc/") {
		b.h.t.Fatalf("authorize: %d %s %s", at.status, at.header.Get("Location"), at.body)
	}
	back := b.post(at.header.Get("Location"), url.Values{"person": {p.ID}})
	if back.status != http.StatusSeeOther {
		b.h.t.Fatalf("provider: %d %s", back.status, back.body)
	}
	return b.get(back.header.Get("Location"))
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([a-z]+)" value="([^"]*)">`)

// answer fills in the page that asks for consent.
func (a answered) answer(what string) url.Values {
	v := url.Values{"answer": {what}}
	for _, m := range hidden.FindAllStringSubmatch(a.body, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	return v
}

// enter goes all the way, and returns the code.
func (b browser) enter(q url.Values, p fakepsc.Person) string {
	b.h.t.Helper()
	page := b.arrive(q, p)
	if page.status != http.StatusOK || !strings.Contains(page.body, "Logiciel d&#39;essai") {
		b.h.t.Fatalf("consent: %d %s", page.status, page.body)
	}
	back := b.post(b.h.base+"/oauth/consent", page.answer("yes"))
	u := back.location().Query()
	if back.status != http.StatusSeeOther || u.Get("state") != q.Get("state") || u.Get("iss") != b.h.base || u.Get("code") == "" {
		b.h.t.Fatalf("back at the program: %d %s %s", back.status, back.header.Get("Location"), back.body)
	}
	return u.Get("code")
}

func (h *house) redeem(code string) answered {
	h.t.Helper()
	return h.browser().post(h.base+"/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {redirect}, "client_id": {"lps"}, "code_verifier": {verifier}})
}

// who asks the FHIR service with a token.
func (h *house) who(token string) answered {
	h.t.Helper()
	return h.browser().who(token)
}

func (b browser) who(token string) answered {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodGet, b.h.base+"/fhir/whoami", nil)
	must(b.h.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return b.do(r)
}

// withCertificate is a program that shows a TLS certificate.
func (h *house) withCertificate(c tls.Certificate) browser {
	b := h.browser()
	transport := b.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Certificates = []tls.Certificate{c}
	b.Transport = transport
	h.t.Cleanup(transport.CloseIdleConnections)
	return b
}

// claims are those of a good assertion.
func (h *house) claims() map[string]any {
	return map[string]any{"iss": "signed", "sub": "signed", "aud": h.base + "/oauth/token", "jti": random(),
		"iat": h.now().Unix(), "exp": h.now().Add(4 * time.Minute).Unix()}
}

// sign makes an assertion.
func (h *house) sign(alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	h.t.Helper()
	options := &jose.SignerOptions{}
	if kid != "" {
		options = options.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	must(h.t, err)
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	must(h.t, err)
	return text
}

func assertionForm(text string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {text}, "scope": {"system/*.rs"}}
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
