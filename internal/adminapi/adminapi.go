// Package adminapi is the edge of the administrator: HTTP and JSON over a unix
// socket that only the user who runs the hub may open. The verbs of the
// program ask it; Client is their side.
//
// It decides nothing and shows no content: what an operator may know of a
// mailbox is what hub.Describe tells. Every request names its operator, whose
// name and uid go into the trail with what they did.
//
// A request is POST /v1/<noun>/<verb> with a JSON object; the answer is one
// too. What fails has the status of its kind of failure (replies.go) and an
// object that says why. The answers that are no JSON are exports: a tar of
// sealed files, and sealed trails.
package adminapi

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

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

// A Hub is what adminapi asks of the hub. operator is who asks.
type Hub interface {
	Mailboxes
	Members
	Passwords
	Matrices
	Identities
	Programs
	Keys
	Care
}

// Mailboxes are the acts on whole mailboxes and spaces.
type Mailboxes interface {
	PatientAddress(m ident.Matricule) (ident.Address, error)
	Enrol(ctx context.Context, operator string, p hub.Person) (ident.Address, error)
	CompareInsured(ctx context.Context, p hub.InsuredPerson) (hub.RegisterChange, error)
	ApplyInsured(ctx context.Context, operator string, p hub.InsuredPerson) (hub.RegisterChange, error)
	Letters(ctx context.Context, operator string) ([]hub.Letter, error)
	PrintLetter(ctx context.Context, operator string, a ident.Address) (hub.Letter, error)
	Proof(ctx context.Context, ref string) (hub.Proof, error)
	ProofOf(ctx context.Context, operator string, a ident.Address) (hub.Proof, error)
	VerifyProof(ctx context.Context, text string) (hub.Proof, error)
	AddBAL(ctx context.Context, operator string, b directory.BAL) error
	Describe(ctx context.Context, a ident.Address) (hub.Description, error)
	Life(ctx context.Context, operator string, a ident.Address, e patient.Event) (patient.Space, error)
	Block(ctx context.Context, operator string, a, professional ident.Address, on bool) error
	SetAllowance(ctx context.Context, operator string, a ident.Address, allowance directory.Allowance) error
	Erase(ctx context.Context, operator string, a ident.Address) error
	Export(ctx context.Context, operator string, a ident.Address, to *keyring.Recipient, sink func(name string) (io.WriteCloser, error)) (files int, err error)
}

// Members are the acts on who shares a mailbox.
type Members interface {
	AddMember(ctx context.Context, operator string, mailbox, member ident.Address) error
	RemoveMember(ctx context.Context, operator string, mailbox, member ident.Address) error
	Members(ctx context.Context, mailbox ident.Address) ([]directory.Member, error)
}

// Passwords are the acts on application passwords.
type Passwords interface {
	AddPassword(ctx context.Context, operator string, a ident.Address, device string) (secret string, err error)
	Passwords(ctx context.Context, a ident.Address) ([]account.Password, error)
	RevokePassword(ctx context.Context, operator string, a ident.Address, device string) error
}

// Matrices are the acts on the habilitation matrix.
type Matrices interface {
	Matrix() hub.MatrixInForce
	CompareMatrix(text []byte) ([]policy.MatrixChange, error)
	ApplyMatrix(ctx context.Context, operator string, text []byte) ([]policy.MatrixChange, error)
}

// Identities are the acts on documents whose identity is doubtful.
type Identities interface {
	Doubts(ctx context.Context, operator string) ([]hub.Doubt, error)
	ResolveDoubt(ctx context.Context, operator, id string, confirm bool) error
}

// Programs are the acts on programs that may ask for access.
type Programs interface {
	AddClient(ctx context.Context, operator string, c software.Client) error
	Clients(ctx context.Context) ([]software.Client, error)
	RemoveClient(ctx context.Context, operator, id string) (ended int, err error)
	Authorizations(ctx context.Context, a ident.Address) ([]account.Authorization, error)
	EndAuthorization(ctx context.Context, operator string, a ident.Address, id string) error
}

// Keys are the acts on the hub key and those of owners.
type Keys interface {
	RotateHubKey(ctx context.Context, operator string, progress func(owners int)) error
	AdoptRights(ctx context.Context, operator string) (int, error)
	RotateOwnerKey(ctx context.Context, operator string, a ident.Address) (hub.KeyRotation, error)
}

// Care is looking after the hub as a whole.
type Care interface {
	Why(ctx context.Context, operator string, from, to ident.Address) (hub.Explanation, error)
	WhyDocument(ctx context.Context, operator string, professional, of ident.Address, document string) (hub.Explanation, error)
	AuditKey(ctx context.Context) (ed25519.PublicKey, error)
	ExportSealed(ctx context.Context, operator string, q hub.LegalRequest, w io.Writer) (hub.LegalCount, error)
	Status(ctx context.Context) (hub.Status, error)
	Process() Process
	VerifyTrails(ctx context.Context) (hub.Report, error)
	Verify(ctx context.Context) (hub.Report, error)
	Backup(ctx context.Context, operator, folder string) (Backup, error)
	Sweep(ctx context.Context) error
}

// Config is what a Server is made of.
type Config struct {
	Operators func(token string) (name string, ok bool) // who holds a token
	Log       *slog.Logger                              // default: discards
}

// A Server answers the administrator's verbs.
type Server struct {
	hub Hub
	cfg Config
}

// New returns a Server. It starts nothing.
func New(h Hub, cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{h, cfg}
}

// stopTime bounds how long a stop waits for what is under way.
const stopTime = 10 * time.Second

// Serve answers on l, which it owns from now on, until ctx ends; then it lets
// what is under way end, for a while. It returns nil after the end of ctx.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	for path, v := range verbs {
		mux.Handle("POST /v1/"+path, s.handle(path, v))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeFailure(w, fmt.Errorf("adminapi: no such verb: %w", fault.NotFound))
	})
	acts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	srv := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return acts },
		ConnContext: withPeer,
		ErrorLog:    slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("adminapi: serve: %v: %w", err, fault.Unavailable)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(acts, stopTime)
	defer cancel()
	if srv.Shutdown(drain) != nil {
		cut()
		srv.Close()
	}
	<-ended
	return nil
}

// A call is one request of one operator.
type call struct {
	*Server
	operator string
}

// A verb reads its request and writes its answer, or fails before it has.
type verb func(ctx context.Context, c call, w http.ResponseWriter, body io.Reader) error

// answer makes a verb of a function from a request to an answer.
func answer[In, Out any](fn func(ctx context.Context, c call, in In) (Out, error)) verb {
	return func(ctx context.Context, c call, w http.ResponseWriter, body io.Reader) error {
		var in In
		if err := readJSON(body, &in); err != nil {
			return err
		}
		out, err := fn(ctx, c, in)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(out)
	}
}

// maxRequest bounds a request; the largest holds an OpenPGP key.
const maxRequest = 1 << 20

func readJSON(body io.Reader, in any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return fmt.Errorf("adminapi: request: %w", fault.TooLarge)
		}
		return fmt.Errorf("adminapi: request is not the JSON that this verb takes: %w", fault.Invalid)
	}
	return nil
}

// handle answers requests with v: who asks is established first, and what
// panics is counted as our mistake.
func (s *Server) handle(path string, v verb) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				s.cfg.Log.Error("admin panic", "verb", path, "stack", string(debug.Stack()))
				writeFailure(w, fault.Internal)
			}
		}()
		operator, err := s.operator(r)
		if err == nil {
			err = v(r.Context(), call{s, operator}, w, http.MaxBytesReader(w, r.Body, maxRequest))
		}
		log := s.cfg.Log.With("verb", path, "operator", operator)
		switch fault.Of(err) {
		case "":
			log.Info("admin act")
			return
		case fault.Internal, fault.Corrupt:
			log.Error("admin act failed", "err", err)
		default:
			log.Info("admin act refused", "err", err)
		}
		writeFailure(w, err)
	})
}
