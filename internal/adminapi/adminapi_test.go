package adminapi

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"go.uber.org/goleak"

	"vaguemestre/internal/account"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/software"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryKindHasAReply(t *testing.T) {
	for _, k := range fault.Kinds() {
		r, ok := replies[k]
		if !ok || r.status < 400 || !strings.HasSuffix(r.text, ".") && !strings.HasSuffix(r.text, ")") {
			t.Errorf("no sentence and status for %v: %+v", k, r)
		}
		f := failureOf(fmt.Errorf("hub: act: %w", k))
		if !errors.Is(f, k) {
			t.Errorf("the failure of %v is %v", k, fault.Of(f))
		}
	}
	if f := failureOf(fmt.Errorf("nil map at 0xc000")); f.Detail != "" {
		t.Errorf("a mistake of ours is told in detail: %v", f)
	}
}

// A fakeHub notes who asked for what, and fails with err.
type fakeHub struct {
	acts   []string
	err    error
	panics bool
	files  []string // of an export
	late   error    // after them
}

func (h *fakeHub) note(format string, args ...any) error {
	if h.panics {
		panic("as asked")
	}
	h.acts = append(h.acts, fmt.Sprintf(format, args...))
	return h.err
}

func (h *fakeHub) PatientAddress(m ident.Matricule) (ident.Address, error) {
	return ident.ParseAddress(m.Canonical() + "@patient.test")
}

func (h *fakeHub) Enrol(_ context.Context, operator string, p hub.Person) (ident.Address, error) {
	err := h.note("%s enrols %s %s %v", operator, p.Matricule.Canonical(), p.Traits.BirthName, p.Minor)
	a, _ := h.PatientAddress(p.Matricule)
	return a, err
}

func (h *fakeHub) CompareInsured(_ context.Context, p hub.InsuredPerson) (hub.RegisterChange, error) {
	return hub.RegisterChange{Matricule: p.Matricule.Canonical(), New: true}, h.note("compare %s", p.Matricule.Canonical())
}

func (h *fakeHub) ApplyInsured(_ context.Context, operator string, p hub.InsuredPerson) (hub.RegisterChange, error) {
	return hub.RegisterChange{Matricule: p.Matricule.Canonical(), New: true}, h.note("%s applies %s", operator, p.Matricule.Canonical())
}

func (h *fakeHub) Matrix() hub.MatrixInForce {
	_ = h.note("shows the matrix")
	return hub.MatrixInForce{Matrix: policy.ShippedMatrix()}
}

func (h *fakeHub) CompareMatrix(text []byte) ([]policy.MatrixChange, error) {
	return nil, h.note("compares %s", text)
}

func (h *fakeHub) ApplyMatrix(_ context.Context, operator string, text []byte) ([]policy.MatrixChange, error) {
	return nil, h.note("%s applies %s", operator, text)
}

func (h *fakeHub) Doubts(_ context.Context, operator string) ([]hub.Doubt, error) {
	return []hub.Doubt{{ID: "d"}}, h.note("%s lists doubts", operator)
}

func (h *fakeHub) ResolveDoubt(_ context.Context, operator, id string, confirm bool) error {
	return h.note("%s resolves %s %t", operator, id, confirm)
}

func (h *fakeHub) AddClient(_ context.Context, operator string, c software.Client) error {
	return h.note("%s adds the program %s for %s", operator, c.ID, c.Scopes)
}

func (h *fakeHub) Clients(context.Context) ([]software.Client, error) {
	return []software.Client{{ID: "p"}}, h.note("lists programs")
}

func (h *fakeHub) RemoveClient(_ context.Context, operator, id string) (int, error) {
	return 1, h.note("%s removes the program %s", operator, id)
}

func (h *fakeHub) Authorizations(_ context.Context, a ident.Address) ([]account.Authorization, error) {
	return []account.Authorization{{ID: "z"}}, h.note("lists what programs may do for %s", a.Canonical())
}

func (h *fakeHub) EndAuthorization(_ context.Context, operator string, a ident.Address, id string) error {
	return h.note("%s ends %s of %s", operator, id, a.Canonical())
}

func (h *fakeHub) RotateHubKey(_ context.Context, operator string, progress func(int)) error {
	progress(3)
	return h.note("%s rotates the hub key", operator)
}

func (h *fakeHub) RotateOwnerKey(_ context.Context, operator string, a ident.Address) (hub.KeyRotation, error) {
	return hub.KeyRotation{}, h.note("%s rotates the key of %s", operator, a.Canonical())
}

func (h *fakeHub) AdoptRights(_ context.Context, operator string) (int, error) {
	return 5, h.note("%s adopts rights", operator)
}

func (h *fakeHub) WhyDocument(_ context.Context, operator string, professional, of ident.Address, document string) (hub.Explanation, error) {
	return hub.Explanation{}, h.note("%s asks why %s may read %s of %s", operator, professional.Canonical(), document, of.Canonical())
}

func (h *fakeHub) AuditKey(context.Context) (ed25519.PublicKey, error) {
	return ed25519.PublicKey{1}, h.note("tells the key")
}

func (h *fakeHub) ExportSealed(_ context.Context, operator string, q hub.LegalRequest, w io.Writer) (hub.LegalCount, error) {
	io.WriteString(w, "{}\n")
	return hub.LegalCount{Trails: 1}, h.note("%s exports the trail of %s for %s", operator, q.Of.Canonical(), q.Reference)
}

func (h *fakeHub) Letters(_ context.Context, operator string) ([]hub.Letter, error) {
	return []hub.Letter{{Name: "Ada"}}, h.note("%s prints letters", operator)
}

func (h *fakeHub) PrintLetter(_ context.Context, operator string, a ident.Address) (hub.Letter, error) {
	return hub.Letter{}, h.note("%s prints the letter of %s", operator, a.Canonical())
}

func (h *fakeHub) Proof(_ context.Context, ref string) (hub.Proof, error) {
	return hub.Proof{}, h.note("looks up the proof %s", ref)
}

func (h *fakeHub) ProofOf(_ context.Context, operator string, a ident.Address) (hub.Proof, error) {
	return hub.Proof{}, h.note("%s asks for the proof of %s", operator, a.Canonical())
}

func (h *fakeHub) VerifyProof(_ context.Context, text string) (hub.Proof, error) {
	return hub.Proof{}, h.note("verifies the proof %s", text)
}

func (h *fakeHub) AddBAL(_ context.Context, operator string, b directory.BAL) error {
	return h.note("%s adds %s %s", operator, b.Kind, b.Address)
}

func (h *fakeHub) Describe(_ context.Context, a ident.Address) (hub.Description, error) {
	return hub.Description{
		BAL:   directory.BAL{Kind: directory.OfPatient, Address: a.Canonical()},
		Space: patient.Space{State: policy.Active},
	}, h.note("describes %s", a.Canonical())
}

func (h *fakeHub) Life(_ context.Context, operator string, a ident.Address, e patient.Event) (patient.Space, error) {
	return patient.Space{State: policy.Closed}, h.note("%s: %s %s", operator, e, a.Canonical())
}

func (h *fakeHub) Block(_ context.Context, operator string, a, professional ident.Address, on bool) error {
	return h.note("%s blocks %s for %s %v", operator, professional.Canonical(), a.Canonical(), on)
}

func (h *fakeHub) SetAllowance(_ context.Context, operator string, a ident.Address, al directory.Allowance) error {
	return h.note("%s allows %s %d %d", operator, a.Canonical(), al.PerHour, al.PerDay)
}

func (h *fakeHub) AddMember(_ context.Context, operator string, mailbox, member ident.Address) error {
	return h.note("%s lets %s share %s", operator, member.Canonical(), mailbox.Canonical())
}

func (h *fakeHub) RemoveMember(_ context.Context, operator string, mailbox, member ident.Address) error {
	return h.note("%s has %s share %s no more", operator, member.Canonical(), mailbox.Canonical())
}

func (h *fakeHub) Members(_ context.Context, mailbox ident.Address) ([]directory.Member, error) {
	return []directory.Member{{RPPS: "10101010101", Name: "Nadia ROCHE", Address: "nadia@ch.test"}}, h.note("lists who shares %s", mailbox.Canonical())
}

func (h *fakeHub) Erase(_ context.Context, operator string, a ident.Address) error {
	return h.note("%s erases %s", operator, a.Canonical())
}

func (h *fakeHub) Export(_ context.Context, operator string, a ident.Address, _ *keyring.Recipient, sink func(string) (io.WriteCloser, error)) (int, error) {
	if err := h.note("%s exports %s", operator, a.Canonical()); err != nil {
		return 0, err
	}
	for _, name := range h.files {
		w, err := sink(name)
		if err != nil {
			return 0, err
		}
		fmt.Fprint(w, "content of ", name)
		if err := w.Close(); err != nil {
			return 0, err
		}
	}
	return len(h.files), h.late
}

func (h *fakeHub) AddPassword(_ context.Context, operator string, a ident.Address, device string) (string, error) {
	return "abc", h.note("%s gives %s a password for %s", operator, a.Canonical(), device)
}

func (h *fakeHub) Passwords(_ context.Context, a ident.Address) ([]account.Password, error) {
	return []account.Password{{ID: "1", Device: "laptop"}}, h.note("lists %s", a.Canonical())
}

func (h *fakeHub) RevokePassword(_ context.Context, operator string, a ident.Address, device string) error {
	return h.note("%s revokes %s of %s", operator, device, a.Canonical())
}

func (h *fakeHub) Why(_ context.Context, operator string, from, to ident.Address) (hub.Explanation, error) {
	return hub.Explanation{Rule: "a/rule", EN: "Because."}, h.note("%s asks why %s %s", operator, from.Canonical(), to.Canonical())
}

func (h *fakeHub) Status(context.Context) (hub.Status, error) {
	return hub.Status{Messages: 7}, h.note("status")
}
func (h *fakeHub) Process() Process { return Process{Version: "test"} }

func (h *fakeHub) VerifyTrails(context.Context) (hub.Report, error) {
	return hub.Report{Entries: 3}, h.note("verifies trails")
}

func (h *fakeHub) Verify(context.Context) (hub.Report, error) {
	return hub.Report{Findings: []hub.Finding{{Part: "p", What: "w"}}}, h.note("verifies")
}

func (h *fakeHub) Backup(_ context.Context, operator, folder string) (Backup, error) {
	return Backup{Folder: folder}, h.note("%s backs up into %s", operator, folder)
}

func (h *fakeHub) Sweep(context.Context) error { return h.note("sweeps") }

// start serves a hub on a socket and returns a client of operator "ada".
func start(t *testing.T, h Hub) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := New(h, Config{Operators: func(token string) (string, bool) { return "ada", token == "secret" }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	c := NewClient(socket, "secret")
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return c
}

const ins = "160209999900191" // invented

func TestEveryVerbReachesTheHubInTheNameOfItsOperator(t *testing.T) {
	h := &fakeHub{files: []string{"0001.pgp"}}
	c := start(t, h)
	me := fmt.Sprintf("operator ada (uid %d)", os.Geteuid())
	asked := map[string]bool{}
	for _, tt := range []struct {
		verb string
		in   any
		want string
	}{
		{"patient/add", Patient{Matricule: ins, BirthName: "ESSAI", FirstNames: "Ada", Minor: true}, me + " enrols " + ins + " ESSAI true"},
		{"patient/activate", Name{ins}, me + ": activate " + ins + "@patient.test"},
		{"patient/register", Register{Lines: []Insured{{Patient: Patient{Matricule: ins, BirthName: "ESSAI", FirstNames: "Ada"}}}}, "compare " + ins},
		{"patient/register", Register{Apply: true, Lines: []Insured{{Patient: Patient{Matricule: ins, BirthName: "ESSAI", FirstNames: "Ada"}}}}, me + " applies " + ins},
		{"patient/notice", Name{ins}, me + ": notice " + ins + "@patient.test"},
		{"patient/ask-erasure", Name{ins}, me + ": ask-erasure " + ins + "@patient.test"},
		{"patient/oppose", Name{ins + "@patient.test"}, me + ": oppose " + ins + "@patient.test"},
		{"patient/close", Name{ins}, me + ": close " + ins + "@patient.test"},
		{"patient/reopen", Name{ins}, me + ": reopen " + ins + "@patient.test"},
		{"patient/block", Block{ins, "dr@ch.test"}, me + " blocks dr@ch.test for " + ins + "@patient.test true"},
		{"patient/unblock", Block{ins, "dr@ch.test"}, me + " blocks dr@ch.test for " + ins + "@patient.test false"},
		{"patient/erase", Name{ins}, me + " erases " + ins + "@patient.test"},
		{"patient/export", Export{ins, publicKey(t)}, me + " exports " + ins + "@patient.test"},
		{"mailbox/add", BAL{Kind: "ORG", Address: "Ward@ch.test", Name: "Ward"}, me + " adds ORG ward@ch.test"},
		{"mailbox/show", Name{ins}, "describes " + ins + "@patient.test"},
		{"mailbox/limits", Allowance{"labo@ch.test", 100, 500}, me + " allows labo@ch.test 100 500"},
		{"mailbox/admit", Membership{"Ward@ch.test", "nadia@ch.test"}, me + " lets nadia@ch.test share ward@ch.test"},
		{"mailbox/dismiss", Membership{"ward@ch.test", "nadia@ch.test"}, me + " has nadia@ch.test share ward@ch.test no more"},
		{"mailbox/members", Name{"ward@ch.test"}, "lists who shares ward@ch.test"},
		{"password/add", Device{ins, "laptop"}, me + " gives " + ins + "@patient.test a password for laptop"},
		{"password/list", Name{"dr@ch.test"}, "lists dr@ch.test"},
		{"password/revoke", Device{"dr@ch.test", "laptop"}, me + " revokes laptop of dr@ch.test"},
		{"matrix/show", Nothing{}, "shows the matrix"},
		{"matrix/diff", MatrixText{"m"}, "compares m"},
		{"matrix/apply", MatrixText{"m"}, me + " applies m"},
		{"patient/letters", Nothing{}, me + " prints letters"},
		{"patient/letter", Name{ins}, me + " prints the letter of " + ins + "@patient.test"},
		{"patient/proof", Name{ins}, me + " asks for the proof of " + ins + "@patient.test"},
		{"proof/check", ProofText{Text: "t"}, "verifies the proof t"},
		{"proof/check", ProofText{Reference: "r"}, "looks up the proof r"},
		{"identity/doubts", Nothing{}, me + " lists doubts"},
		{"identity/resolve", Resolution{"d", true}, me + " resolves d true"},
		{"program/add", Program{ID: "p", Name: "P", Scopes: "user/*.rs"}, me + " adds the program p for user/*.rs"},
		{"program/list", Nothing{}, "lists programs"},
		{"program/remove", ProgramID{"p"}, me + " removes the program p"},
		{"program/access", Name{"dr@ch.test"}, "lists what programs may do for dr@ch.test"},
		{"program/end", AuthorizationID{"dr@ch.test", "z"}, me + " ends z of dr@ch.test"},
		{"keys/rotate", Nothing{}, me + " rotates the hub key"},
		{"keys/rotate-owner", Name{ins}, me + " rotates the key of " + ins + "@patient.test"},
		{"trail/export", TrailRequest{Address: ins, Reference: "R 1"}, me + " exports the trail of " + ins + "@patient.test for R 1"},
		{"keys/adopt", Nothing{}, me + " adopts rights"},
		{"trail/key", Nothing{}, "tells the key"},
		{"hub/why-document", DocumentRoute{"dr@ch.test", ins, "11488-4"}, me + " asks why dr@ch.test may read 11488-4 of " + ins + "@patient.test"},
		{"hub/why", Route{"dr@ch.test", ins}, me + " asks why dr@ch.test " + ins + "@patient.test"},
		{"hub/status", Nothing{}, "status"},
		{"hub/audit", Nothing{}, "verifies trails"},
		{"hub/verify", Nothing{}, "verifies"},
		{"hub/backup", Folder{"/b"}, me + " backs up into /b"},
		{"hub/sweep", Nothing{}, "sweeps"},
	} {
		asked[tt.verb] = true
		h.acts = nil
		res, err := c.post(t.Context(), tt.verb, tt.in)
		if err != nil {
			t.Errorf("%s = %v", tt.verb, err)
			continue
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if !slices.Contains(h.acts, tt.want) {
			t.Errorf("%s did %q, want %q", tt.verb, h.acts, tt.want)
		}
	}
	for v := range verbs {
		if !asked[v] {
			t.Errorf("%s is not tested", v)
		}
	}
}

func TestWhatFailsIsToldWithItsKind(t *testing.T) {
	h := &fakeHub{}
	c := start(t, h)
	for _, tt := range []struct {
		name string
		verb string
		in   any
		err  error
		want fault.Kind
		text string
	}{
		{"a matricule that is none", "patient/close", Name{"12"}, nil, fault.Invalid, "neither an address nor a matricule"},
		{"an address that is none", "hub/why", Route{"a@b@c", ins}, nil, fault.Invalid, "exactly one @"},
		{"a patient without a name", "patient/add", Patient{Matricule: ins}, nil, fault.Invalid, "birth name"},
		{"a professional without a profession", "mailbox/add", BAL{Kind: "PER", Address: "a@b.test", Name: "A"}, nil, fault.Invalid, "profession"},
		{"a profession that is written out", "mailbox/add", BAL{Kind: "PER", Address: "a@b.test", Name: "A", Profession: "medecin"}, nil, fault.Invalid, "G15_10"},
		{"a kind of mailbox that does not exist", "mailbox/add", BAL{Kind: "PAT", Address: "a@b.test", Name: "A"}, nil, fault.Invalid, "PER, ORG, APP or CAB"},
		{"a limit below nothing", "mailbox/limits", Allowance{"a@b.test", -1, 5}, nil, fault.Invalid, "from 0 to"},
		{"a member without an address", "mailbox/admit", Membership{"ward@ch.test", "nadia"}, nil, fault.Invalid, ""},
		{"an RPPS with a wrong key", "mailbox/add", BAL{Kind: "APP", Address: "a@b.test", Name: "A", RPPS: "12345678901"}, nil, fault.Invalid, "RPPS"},
		{"a field that the verb does not take", "hub/status", map[string]int{"x": 1}, nil, fault.Invalid, "JSON"},
		{"a request that is too large", "patient/add", Patient{BirthName: strings.Repeat("x", 2<<20)}, nil, fault.TooLarge, "too large"},
		{"a verb that does not exist", "hub/read", Nothing{}, nil, fault.NotFound, "no such verb"},
		{"a key that is none", "patient/export", Export{ins, "no key"}, nil, fault.Invalid, "not an OpenPGP key"},
		{"an export of nobody", "patient/export", Export{ins, publicKey(t)}, fault.NotFound, fault.NotFound, "nothing by that name"},
		{"a sealed hub", "patient/erase", Name{ins}, fmt.Errorf("hub: erase: %w", fault.Sealed), fault.Sealed, "hub key"},
		{"a refusal with a sentence", "patient/block", Block{ins, "a@b.test"}, &hub.Refusal{Rule: "r", EN: "No.", Kind: fault.Denied}, fault.Denied, "No."},
		{"a mistake of ours", "hub/sweep", Nothing{}, errors.New("secret detail"), fault.Internal, "its log says more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.err = tt.err
			err := c.Do(t.Context(), tt.verb, tt.in, new(any))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "secret detail") {
				t.Errorf("%s = %v, want %v with %q", tt.verb, err, tt.want, tt.text)
			}
		})
	}
}

func TestAPanicIsAnAnswerToo(t *testing.T) {
	h := &fakeHub{panics: true}
	c := start(t, h)
	if err := c.Do(t.Context(), "hub/sweep", Nothing{}, new(any)); !errors.Is(err, fault.Internal) {
		t.Errorf("Do = %v, want internal", err)
	}
	h.panics = false
	if err := c.Do(t.Context(), "hub/sweep", Nothing{}, new(any)); err != nil {
		t.Errorf("afterwards Do = %v", err)
	}
}

func TestWhoHasNoTokenAsksNothing(t *testing.T) {
	h := &fakeHub{}
	c := start(t, h)
	for _, token := range []string{"", "wrong", "secre", "secrets"} {
		c.token = token
		if err := c.Do(t.Context(), "hub/status", Nothing{}, new(any)); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("with token %q: %v, want not authenticated", token, err)
		}
	}
	if len(h.acts) > 0 {
		t.Errorf("the hub was asked: %q", h.acts)
	}
}

func TestAnotherUserIsRefused(t *testing.T) {
	s := New(&fakeHub{}, Config{Operators: func(string) (string, bool) { return "ada", true }})
	for _, tt := range []struct {
		name string
		ctx  context.Context
	}{
		{"a connection whose peer is not known", t.Context()},
		{"another uid", context.WithValue(t.Context(), peerKey{}, peer{uint32(os.Geteuid()) + 1, true})},
	} {
		r, _ := http.NewRequestWithContext(tt.ctx, http.MethodPost, "/", nil)
		r.Header.Set("Authorization", "Bearer x")
		if _, err := s.operator(r); !errors.Is(err, fault.Denied) {
			t.Errorf("%s: %v, want not permitted", tt.name, err)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	c := NewClient(filepath.Join(t.TempDir(), "none"), "secret")
	if err := c.Do(t.Context(), "hub/status", Nothing{}, new(any)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Do = %v, want %v", err, ErrNotRunning)
	}
}

func TestAnExportIsWholeOrSaysSo(t *testing.T) {
	h := &fakeHub{files: []string{"0001.pgp", "0002.pgp"}}
	c := start(t, h)
	got := map[string]string{}
	keep := func(name string, r io.Reader) error {
		b, err := io.ReadAll(r)
		got[name] = string(b)
		return err
	}
	n, err := c.Export(t.Context(), Export{ins, publicKey(t)}, keep)
	if err != nil || n != 2 || got["0002.pgp"] != "content of 0002.pgp" {
		t.Errorf("Export = %d, %v, %v", n, err, got)
	}
	h.late = fmt.Errorf("hub: object: %w", fault.Corrupt)
	if n, err = c.Export(t.Context(), Export{ins, publicKey(t)}, keep); !errors.Is(err, fault.Corrupt) || n != 2 {
		t.Errorf("an export that failed late = %d, %v, want corrupt after 2", n, err)
	}
}

func TestAStopLetsAnActEnd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	h := &slowHub{began: make(chan struct{}), release: make(chan struct{})}
	s := New(h, Config{Operators: func(string) (string, bool) { return "ada", true }})
	ctx, cancel := context.WithCancel(t.Context())
	ended, answered := make(chan error, 1), make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	c := NewClient(socket, "secret")
	defer c.Close()
	go func() { answered <- c.Do(t.Context(), "hub/sweep", Nothing{}, new(any)) }()
	<-h.began
	cancel()
	time.Sleep(20 * time.Millisecond) // the stop has begun; that it waits is what is tested
	close(h.release)
	if err := <-answered; err != nil {
		t.Errorf("an act that was under way = %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

type slowHub struct {
	fakeHub
	began, release chan struct{}
}

func (h *slowHub) Sweep(ctx context.Context) error {
	close(h.began)
	<-h.release
	return ctx.Err()
}

// publicKey makes the key of somebody outside.
func publicKey(t *testing.T) string {
	t.Helper()
	e, err := openpgp.NewEntity("", "", "somebody@outside.test", nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Serialize(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
