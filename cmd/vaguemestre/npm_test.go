package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/oauth"
	"vaguemestre/internal/oauth/fakepsc"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/software"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// An office is a whole hub with a professional, a patient of theirs with some
// documents, and programs of every kind.
type office struct {
	*server
	base, ca, token, matricule string
	key                        []byte // of the system "labo", a JWK
	certificate                tls.Certificate
	documents                  int
	large                      string // ID of a document of 300 KB, where there is one
}

const (
	camille = "camille.dupre@medecin.test"
	labo    = "serveur@laboratoire.test"
)

// openOffice runs it, with a stand-in for Pro Santé Connect on its own port.
func openOffice(t testing.TB) *office {
	t.Helper()
	c := newHub(t, founding{})
	ca := filepath.Join(filepath.Dir(c.Path), filepath.FromSlash(caFile))
	number := inventedRPPS(990_000_0001)
	s, err := newServer(c, options{
		log:      slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
		provider: func(base string) *oauth.Provider { return provider(t, base, ca) },
		pages: map[string]func(string) http.Handler{"/psc/": func(base string) http.Handler {
			psc, err := fakepsc.New(base+"/psc", []fakepsc.Person{{ID: "8" + number, FamilyName: "DUPRÉ", GivenName: "Camille", Profession: "Médecin"}},
				[]fakepsc.Client{{ID: "hub", Secret: "secret", Redirects: []string{base + "/oauth/callback"}}}, clock)
			if err != nil {
				t.Error(err)
			}
			return psc
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	serveUntilEnd(t, s)
	o := &office{server: s, base: s.webBase(), ca: ca}
	o.settle(t, number)
	return o
}

func provider(t testing.TB, base, ca string) *oauth.Provider {
	return &oauth.Provider{Issuer: base + "/psc", ClientID: "hub", ClientSecret: "secret", HTTP: trustingClient(t, ca)}
}

// trustingClient trusts the hub's certificate, and may show its own.
func trustingClient(t testing.TB, ca string, own ...tls.Certificate) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(ca); err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate of the hub", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: own}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// settle lets people and programs in, and files some documents.
func (o *office) settle(t testing.TB, number string) {
	t.Helper()
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []directory.BAL{
		{Kind: directory.Personal, Address: camille, Name: "Dr Camille DUPRÉ", RPPS: number, Profession: policy.Physician},
		{Kind: directory.Application, Address: labo, Name: "Serveur de résultats"},
	} {
		check(o.hub.AddBAL(ctx, "ada", b))
	}
	m, err := ident.MakeMatricule("2602099999001")
	check(err)
	o.matricule = m.Canonical()
	address, err := o.hub.Enrol(ctx, "ada", hub.Person{Matricule: m, Traits: patient.Traits{BirthName: "ESSAI", FirstNames: "Alix", BirthDate: "19600000"}})
	check(err)
	_, err = o.hub.Life(ctx, "ada", address, patient.Activate)
	check(err)

	n, err := ident.ParseRPPS(number)
	check(err)
	doctor, err := o.hub.LoginProfessional(ctx, n, hub.Attempt{Protocol: "test"}, "test")
	check(err)
	record, err := o.hub.FindPatient(ctx, doctor, m)
	check(err)
	check(o.hub.Declare(ctx, doctor, record.ID, hub.InCareTeam))
	for o.documents = range 5 {
		_, err := o.hub.AddDocuments(ctx, doctor, record.ID, []hub.Submission{{
			Entry:   vault.Entry{TypeCode: "11488-4", MediaType: "text/plain", Title: fmt.Sprint("Lettre ", o.documents), UniqueID: fmt.Sprint("1.2.250.1.999.1.", o.documents)},
			Content: fmt.Appendf(nil, "Chère consœur, lettre %d.", o.documents),
		}})
		check(err)
	}
	o.documents++
	a, err := ident.ParseAddress(camille)
	check(err)
	o.token, err = o.hub.DemoToken(ctx, a, "test", clock().Add(time.Hour))
	check(err)
	o.registerPrograms(t)
}

func (o *office) registerPrograms(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if o.key, err = json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k1"}); err != nil {
		t.Fatal(err)
	}
	p, err := newPKI(clock(), "labo.test")
	if err != nil {
		t.Fatal(err)
	}
	if o.certificate, err = tls.X509KeyPair(p.chain, p.key); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(o.certificate.Certificate[0])
	for _, c := range []software.Client{
		{ID: "lps", Name: "Logiciel d'essai", Redirects: []string{"http://127.0.0.1/"}, Scopes: "fhirUser offline_access openid user/Binary.r user/DocumentReference.rs user/Patient.rs"},
		{ID: "labo", Name: "Serveur signé", Mailbox: labo, Keys: keys, Scopes: "system/*.cruds"},
		{ID: "labo-tls", Name: "Serveur certifié", Mailbox: labo, Certificate: hex.EncodeToString(sum[:]), Scopes: "system/*.cruds"},
	} {
		if err := o.hub.AddClient(t.Context(), "ada", c); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClientsOfOthersPass runs the FHIR clients that others wrote against a
// whole hub: fhir-kit-client and MedplumClient in Node, fhirclient in Chromium.
func TestClientsOfOthersPass(t *testing.T) {
	folder := npmClients(t)
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		lacking(t, "Chromium is not installed (.ci/deps)")
	}
	o := openOffice(t)
	key := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(key, o.key, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"kit.mjs", "medplum.mjs", "smart.mjs"} {
		t.Run(script, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "node", script)
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+o.ca, "HUB_BASE="+o.base, "HUB_PATIENT="+o.matricule,
				fmt.Sprint("HUB_DOCUMENTS=", o.documents), "HUB_TOKEN="+o.token, "HUB_SYSTEM=labo", "HUB_KEY="+key,
				"HUB_CLIENT=lps", "HUB_WHO=Camille DUPRÉ", "HUB_CHROMIUM="+chromium)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out[max(0, len(out)-4000):])
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestASystemShowsItsCertificateToTheHub: mutual TLS through the real port.
func TestASystemShowsItsCertificateToTheHub(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	ask := func(c *http.Client, token string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.base+"/fhir/Patient/nothing", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	mine, nobody := trustingClient(t, o.ca, o.certificate), trustingClient(t, o.ca)
	resp, err := mine.PostForm(o.base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"labo-tls"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct {
		Token string `json:"access_token"`
	}
	if body, err := io.ReadAll(resp.Body); err != nil || json.Unmarshal(body, &out) != nil || out.Token == "" {
		t.Fatalf("%d %s, %v", resp.StatusCode, body, err)
	}
	for _, c := range []struct {
		name   string
		client *http.Client
		token  string
		known  bool
	}{
		{"the token with the certificate it is bound to", mine, out.Token, true},
		{"the token alone", nobody, out.Token, false},
		{"the certificate alone", mine, "", true},
		{"nothing", nobody, "", false},
	} {
		if got := ask(c.client, c.token); got == http.StatusUnauthorized == c.known {
			t.Errorf("%s: %d", c.name, got)
		}
	}
}

// lacking ends a test that cannot be run here; in CI that is a failure.
func lacking(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("VAGUEMESTRE_TEST_SERVICES") != "" || os.Getenv("CI") != "" { // set by `make test`
		t.Fatal(what)
	}
	t.Skip("SKIPPED: " + what + ", so programs and browsers of others do not try the hub")
}

// npmClients returns a folder with the scripts and the packages that they need,
// which `npm ci` fetches at the versions of package-lock.json, once.
func npmClients(t *testing.T) string {
	t.Helper()
	const from = "testdata/npm"
	folder, err := filepath.Abs("../../.cache/npm-clients")
	if err != nil {
		t.Fatal(err)
	}
	var lock []byte
	err = fs.WalkDir(os.DirFS(from), ".", func(name string, d fs.DirEntry, err error) error {
		to := filepath.Join(folder, name)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(to, 0o755))
		}
		b, err := os.ReadFile(filepath.Join(from, name))
		if name == "package-lock.json" {
			lock = b
		}
		return errors.Join(err, os.WriteFile(to, b, 0o644))
	})
	if err != nil {
		t.Fatal(err)
	}
	stamp := filepath.Join(folder, "installed.json")
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, lock) {
		return folder
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		lacking(t, strings.TrimSpace(fmt.Sprintf("npm ci: %v %s", err, out)))
	}
	if err := os.WriteFile(stamp, lock, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}
