package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// Passkeys: the screen lock of a phone or a computer in the place of a password
// and a code. A browser shows one to script/passkey.js only, which asks here for
// a question and sends the answer as a form; whoever runs no script has the
// password and the code, and is told so.

// passkeeper keeps passkeys, and lets people in with them.
type passkeeper interface {
	OffersPasskeys() bool
	BeginPasskeySignIn(ctx context.Context, ticket string) (options []byte, ceremony string, err error)
	SignInPasskey(ctx context.Context, at hub.Attempt, ceremony string, answer []byte, trust bool) (hub.Entry, error)
	BeginPasskey(ctx context.Context, a hub.Actor) (options []byte, ceremony string, err error)
	AddPasskey(ctx context.Context, a hub.Actor, ceremony, name string, answer []byte) (account.Passkey, error)
	BeginPasskeyProof(ctx context.Context, a hub.Actor) (options []byte, ceremony string, err error)
	ProvePasskey(ctx context.Context, at hub.Attempt, a hub.Actor, ceremony string, answer []byte) error
	Passkeys(ctx context.Context, a hub.Actor) ([]account.Passkey, error)
	RemovePasskey(ctx context.Context, a hub.Actor, id string) error
}

const (
	passkeyPath       = securityPath + "/cle"
	passkeySignInPath = signInPath + "/cle"
	passkeyProofPath  = proofPath + "/cle"
	passkeyAsk        = "/question" // below each of them: what a browser answers

	maxAnswer = 8 << 10
)

var passkeys = []route{
	{path: passkeySignInPath, post: (*call).signInPasskey},
	{path: passkeySignInPath + passkeyAsk, post: (*call).askPasskeySignIn},
	{path: passkeyPath, signed: true, get: (*call).passkeyPage, post: (*call).addPasskey},
	{path: passkeyPath + passkeyAsk, signed: true, post: (*call).askPasskey},
	{path: passkeyPath + "/fin", signed: true, post: (*call).removePasskey},
	{path: passkeyProofPath, signed: true, post: (*call).provePasskey},
	{path: passkeyProofPath + passkeyAsk, signed: true, post: (*call).askPasskeyProof},
}

// A question is what a browser answers with a passkey.
type question struct {
	Options  json.RawMessage `json:"options"`
	Ceremony string          `json:"ceremony"`
}

// ask sends a question to the script that asked for it. What went wrong is told in
// words there, as a page would.
func (c *call) ask(options []byte, ceremony string, err error) error {
	if err != nil {
		how := failings[fault.Of(err)]
		text := c.sentence(err)
		if text == "" {
			text = c.words(how.words + ".text")
		}
		if how.status >= http.StatusInternalServerError {
			c.s.cfg.Log.Error("web", "err", err)
		}
		return c.answerJSON(how.status, map[string]string{"wrong": text})
	}
	return c.answerJSON(http.StatusOK, question{options, ceremony})
}

func (c *call) answerJSON(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("web: json: %v: %w", err, fault.Internal)
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b)
	return nil
}

// answer is what a browser has made of a question.
func (c *call) answer() (ceremony string, answer []byte) {
	ceremony, text := c.form.values.Get("ceremony"), c.form.values.Get("answer")
	if len(ceremony) > maxAnswer || len(text) > maxAnswer {
		return "", nil
	}
	return ceremony, []byte(text)
}

// askPasskeySignIn asks whoever comes in, or who has shown a password for the
// second factor.
func (c *call) askPasskeySignIn() error {
	var p passing
	if !c.form.ticked("second") || !c.kept(ticketCookie, &p) || p.Proof != "" {
		p = passing{}
	}
	return c.ask(c.s.hub.BeginPasskeySignIn(c.ctx(), p.Ticket))
}

func (c *call) signInPasskey() error {
	ceremony, answer := c.answer()
	entry, err := c.s.hub.SignInPasskey(c.ctx(), c.attempt(""), ceremony, answer, c.form.ticked("trust"))
	if errors.Is(err, fault.Unauthenticated) {
		c.wrong("", "wrong.passkey")
		return c.again("signin", "signin.title", c.signInView())
	}
	if err != nil {
		return err
	}
	return c.enter(entry, "")
}

func (c *call) askPasskeyProof() error {
	return c.ask(c.s.hub.BeginPasskeyProof(c.ctx(), c.who.Actor))
}

func (c *call) provePasskey() error {
	back := c.back(c.form.value("back"))
	ceremony, answer := c.answer()
	err := c.s.hub.ProvePasskey(c.ctx(), c.attempt(""), c.who.Actor, ceremony, answer)
	if errors.Is(err, fault.Unauthenticated) {
		c.wrong("", "wrong.passkey")
		return c.proveAgain(back)
	}
	if err != nil {
		return err
	}
	return c.to(back, "news.proved")
}

// passkeyView is what the page of a new passkey shows.
type passkeyView struct{ Device string }

func (c *call) passkeyPage() error {
	if !c.s.hub.OffersPasskeys() {
		return fmt.Errorf("web: passkeys: %w", fault.NotFound)
	}
	if !c.proved() {
		return c.mustProve(passkeyPath)
	}
	return c.page("passkey", "passkey.title", passkeyView{device(c.r.UserAgent())})
}

func (c *call) askPasskey() error {
	return c.ask(c.s.hub.BeginPasskey(c.ctx(), c.who.Actor))
}

func (c *call) addPasskey() error {
	name := c.form.value("key-name")
	if name == "" {
		name = device(c.r.UserAgent())
	}
	ceremony, answer := c.answer()
	_, err := c.s.hub.AddPasskey(c.ctx(), c.who.Actor, ceremony, name, answer)
	switch {
	case refusedBy(err, "session/prove-again"):
		return c.mustProve(passkeyPath)
	case errors.Is(err, fault.Unauthenticated), errors.Is(err, fault.Invalid), errors.Is(err, fault.Exists), errors.Is(err, fault.TooLarge):
		c.wrong("", "wrong.passkey-made")
		return c.again("passkey", "passkey.title", passkeyView{device(c.r.UserAgent())})
	}
	return c.after(err, securityPath, "news.passkey-added")
}

func (c *call) removePasskey() error {
	err := c.s.hub.RemovePasskey(c.ctx(), c.who.Actor, c.form.value("id"))
	if errors.Is(err, fault.NotFound) {
		err = nil // it is gone already
	}
	return c.after(err, securityPath, "news.passkey-removed")
}
