package hub

import (
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// The steps of an enrolment, in the order of patient.Steps. An objection counts
// at once; an opening, with the login and the password, only at the last step, in
// one transaction. Dependants' spaces follow: whatever is interrupted there is
// finished by the next step, or by the janitor.

// TermsVersion is the version of the terms of use that people accept now.
const TermsVersion = "2026-1"

// A Choice is what somebody decides for themselves or for a dependant.
type Choice struct {
	Record    string // ID of the dependant's record; "": for oneself
	Open      bool   // or else: object; where the space is open, close it
	Erase     bool   // with an objection: what is there is to be erased
	Certified bool   // for a dependant: that one is their legal representative
}

var (
	notCertified = Refusal{Rule: "enrolment/not-certified", Kind: fault.Denied,
		FR: "Certifiez d'abord que vous êtes le représentant légal de cet enfant.", EN: "Certify first that you are the legal representative of this child."}
	ownSpaceFirst = Refusal{Rule: "enrolment/own-space-first", Kind: fault.Denied,
		FR: "Pour ouvrir l'espace d'un enfant, il vous faut le vôtre.", EN: "To open the space of a child you need your own."}
	termsChanged = Refusal{Rule: "enrolment/terms-changed", Kind: fault.Conflict,
		FR: "Les conditions d'utilisation ont changé : relisez-les.", EN: "The terms of use have changed: please read them again."}
	outOfTurn = Refusal{Rule: "enrolment/out-of-turn", Kind: fault.Invalid,
		FR: "Une étape manque avant celle-ci.", EN: "A step is missing before this one."}
)

// Decide takes what somebody chooses for themselves and each dependant. The
// proofs are those of the objections, which count at once.
func (h *Hub) Decide(ctx context.Context, ticket string, choices ...Choice) (proofs []Proof, err error) {
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return nil, err
	}
	list, err := h.Dependants(ctx, e.Actor)
	if err != nil {
		return nil, err
	}
	own, open, err := e.sort(choices, list)
	if err != nil {
		return nil, err
	}
	for _, c := range choices {
		if c.Record == "" || c.Open {
			continue
		}
		p, err := h.DecideFor(ctx, e.Actor, c)
		if err != nil {
			return proofs, err
		}
		proofs = append(proofs, p)
	}
	if own != nil && !own.Open {
		p, err := h.object(ctx, e.Actor, e.Part, own.Erase)
		if err != nil {
			return proofs, err
		}
		return append(proofs, p), h.commit(ctx, e.Part, func(t *tx) error { return patient.EndEnrolment(t, t.Scope) })
	}
	if own == nil && len(open) == 0 {
		return proofs, nil
	}
	return proofs, h.step(ctx, e, patient.Decide, func(t *tx, now *patient.Enrolment) error {
		now.Children = open
		t.note(e.did("decide-opening", ""))
		return nil
	})
}

// sort sorts choices: one's own, nil if there is none, and the matricules of the
// dependants to be opened.
func (e enrollee) sort(choices []Choice, list []Dependant) (own *Choice, open []string, err error) {
	known := map[string]Dependant{}
	for _, d := range list {
		known[d.Record] = d
	}
	opens := e.space.State == policy.Active
	for i, c := range choices {
		if c.Record == "" {
			own, opens = &choices[i], c.Open
		}
	}
	for _, c := range choices {
		switch _, ok := known[c.Record]; {
		case c.Record == "":
		case !ok:
			return nil, nil, fmt.Errorf("hub: enrolment: dependant: %w", fault.NotFound)
		case !c.Certified:
			return nil, nil, &notCertified
		case c.Open && !opens:
			return nil, nil, &ownSpaceFirst
		case c.Open:
			open = append(open, c.Record)
		}
	}
	return own, open, nil
}

// step does one step of an enrolment; change may add to what is kept of it.
func (h *Hub) step(ctx context.Context, e enrollee, s patient.Step, change func(*tx, *patient.Enrolment) error) error {
	if !e.now.May(s) {
		return &outOfTurn
	}
	return h.do(ctx, e.Part, func(t *tx) error {
		var err error
		_, failed := patient.Advance(t, t.Scope, e.ticket, s, t.now, func(now *patient.Enrolment) { err = change(t, now) })
		if errors.Is(failed, fault.Unauthenticated) {
			return &enrolmentOver
		}
		return errors.Join(failed, err)
	})
}

// AcceptTerms takes that somebody accepts the terms they have read.
func (h *Hub) AcceptTerms(ctx context.Context, ticket, version string) error {
	if version != TermsVersion {
		return &termsChanged
	}
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return err
	}
	return h.step(ctx, e, patient.Agree, func(t *tx, now *patient.Enrolment) error {
		now.Terms = version
		t.note(e.did("accept-terms", version))
		return nil
	})
}

// AskContactCode sends a code to a mail address or a mobile phone that somebody
// says is theirs; "" is the one that the register has.
func (h *Hub) AskContactCode(ctx context.Context, ticket string, by Channel, address string) error {
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return err
	}
	if !e.now.May(patient.Reach) {
		return &outOfTurn
	}
	if address == "" {
		c, err := h.contactOf(ctx, e.Part)
		if err != nil {
			return err
		}
		if address = c.Mail; by == BySMS {
			address = c.Phone
		}
	}
	return h.BeginContact(ctx, e.Actor, by, address)
}

// CheckContact takes the code that came there.
func (h *Hub) CheckContact(ctx context.Context, ticket string, by Channel, code string) error {
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return err
	}
	if !e.now.May(patient.Reach) {
		return &outOfTurn
	}
	if err := h.ConfirmContact(ctx, e.Actor, by, code); err != nil {
		return err
	}
	return h.step(ctx, e, patient.Reach, func(*tx, *patient.Enrolment) error { return nil })
}

// credentialsContext is of the credentials that wait, sealed, for the last step.
const credentialsContext = "hub/credentials/"

// ChooseCredentials takes the login and the password of somebody, who may keep
// the login they have. A login that is taken or not allowed is a Refusal, a
// password that is not good a WeakPassword.
func (h *Hub) ChooseCredentials(ctx context.Context, ticket, login, password string) error {
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return err
	}
	if !e.now.May(patient.Name) {
		return &outOfTurn
	}
	p, c, err := h.chosen(ctx, e.Part, login, password)
	if err != nil {
		return err
	}
	sealed, err := p.Seal(c, credentialsContext+string(e.Part))
	if err != nil {
		return err
	}
	return h.step(ctx, e, patient.Name, func(t *tx, now *patient.Enrolment) error {
		now.Sealed = sealed
		t.note(e.did("choose-credentials", ""))
		return nil
	})
}

// AskLastCode sends the code that ends an enrolment, to a contact that was
// checked.
func (h *Hub) AskLastCode(ctx context.Context, ticket string, by Channel) error {
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return err
	}
	if !e.now.May(patient.Open) {
		return &outOfTurn
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return err
	}
	c, err := h.contactOf(ctx, e.Part)
	if err != nil {
		return err
	}
	if _, to := route(c, by, false); to == "" || by == "" {
		return fmt.Errorf("hub: last code: %w", fault.Invalid)
	}
	if err := h.countCode("login "+string(e.Part), maxCodes); err != nil {
		return err
	}
	return tooSoon(h.step(ctx, e, patient.Name, func(t *tx, now *patient.Enrolment) error {
		now.Last = string(by)
		code, err := account.IssueCode(t, p, t.Part, account.LoginCode, 0, t.now)
		if err != nil {
			return err
		}
		t.note(e.did("send-code", string(by)))
		return h.notice(t, Notice{Kind: NoticeLoginCode, Channel: by, Code: code, Expires: t.now.Add(account.LoginCode.Life())})
	}))
}

// OpenSpace takes the last code: the space is open, the login holds, and the
// person is logged in. Then the dependants' spaces open; that one of them does
// not keeps nobody out, and is made good later.
func (h *Hub) OpenSpace(ctx context.Context, at Attempt, ticket, code string) (entry Entry, err error) {
	e, err := h.enrollee(ctx, ticket)
	if err != nil {
		return entry, err
	}
	p, err := h.pepper(ctx)
	if err != nil {
		return entry, err
	}
	if !e.now.May(patient.Open) {
		return entry, &outOfTurn
	}
	at.Protocol, at.Login = "web", string(e.Part)
	if err := h.throttleLogin(at, 0); err != nil {
		return entry, err
	}
	var wrong error
	var old string
	err = h.do(ctx, e.Part, func(t *tx) error {
		result, err := account.CheckCode(t, p, t.Part, account.LoginCode, code, t.now)
		if wrong = refuseCode(result); err != nil || wrong != nil {
			return err // the try is counted
		}
		if old, err = h.takeCredentials(t, p, e); err != nil {
			return err
		}
		if err := h.openOwn(t, e); err != nil {
			return err
		}
		entry, err = h.letIn(t, at, p, Factor(e.now.Last), false)
		return err
	})
	if wrong != nil {
		if err := h.throttleLogin(at, 1); err != nil {
			return Entry{}, err
		}
		return Entry{}, errors.Join(err, wrong)
	}
	if err != nil {
		return Entry{}, err
	}
	if old != "" {
		if err := h.freeLogin(ctx, old, e.Part); err != nil {
			h.Log.Warn("a login that was given up is not free yet", "err", err)
		}
	}
	if err := h.finishOpening(ctx, e.Part); err != nil {
		h.Log.Warn("a dependant's space is not open yet", "err", err)
	}
	return entry, nil
}

// takeCredentials does the last step of an enrolment, makes the login and the
// password that were chosen those of the person, and returns the login they have
// given up, if any.
func (h *Hub) takeCredentials(t *tx, p *account.Pepper, e enrollee) (old string, err error) {
	now, err := patient.Advance(t, t.Scope, e.ticket, patient.Open, t.now, func(*patient.Enrolment) {})
	if err != nil {
		return "", err
	}
	var c credentials
	if err := p.Open(now.Sealed, &c, credentialsContext+string(t.Part)); err != nil {
		return "", err
	}
	old, err = h.setCredentials(t, p, c)
	if now.Terms != "" {
		err = errors.Join(err, patient.AcceptTerms(t, t.Scope, patient.Terms{Version: now.Terms, At: t.now}))
	}
	if len(now.Children) == 0 {
		err = errors.Join(err, patient.EndEnrolment(t, t.Scope))
	}
	return old, err
}

// openings says what opens a space, by its state.
var openings = map[policy.SpaceState]patient.Event{
	policy.Enrolled: patient.Activate, policy.Opposed: patient.Activate, policy.Closed: patient.Reopen, policy.Archived: patient.Reopen,
}

// openOwn opens the space of a transaction for its owner, unless it is open.
func (h *Hub) openOwn(t *tx, e enrollee) error {
	f, err := h.standing(t, t.Part, e.Actor)
	if err != nil {
		return err
	}
	d := f.decide(policy.LiveSpace)
	if !d.Allow {
		return refuse(d)
	}
	event, closed := openings[f.space.State]
	if !closed {
		return nil
	}
	entry := e.entry(policy.LiveSpace, "")
	entry.Act = string(event)
	t.note(decided(entry, d))
	_, err = h.happen(t, event)
	return err
}

// finishOpening opens the spaces of the dependants that somebody chose to open
// with their own. It may be repeated.
func (h *Hub) finishOpening(ctx context.Context, part store.Part) error {
	var now patient.Enrolment
	var sp patient.Space
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		var errs [2]error
		now, _, errs[0] = patient.LoadEnrolment(r, h.scope(part))
		sp, _, errs[1] = patient.Load(r, h.scope(part))
		return errors.Join(errs[:]...)
	})
	if err != nil || now.Stage != patient.Opening {
		return err
	}
	address, err := h.addressOf(sp)
	if err != nil {
		return err
	}
	a := Actor{Address: address, Part: part, Role: policy.Patient, Name: sp.Traits.Name()}
	var errs []error
	for _, record := range now.Children {
		_, err := h.DecideFor(ctx, a, Choice{Record: record, Open: true, Certified: true})
		if errors.Is(err, fault.NotFound) || errors.Is(err, fault.Denied) {
			continue // no dependant of theirs any more
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return h.commit(ctx, part, func(t *tx) error { return patient.EndEnrolment(t, t.Scope) })
}

// endEnrolment forgets an enrolment whose time is over, and finishes one that
// only waits for the hub.
func (h *Hub) endEnrolment(ctx context.Context, part store.Part) error {
	var now patient.Enrolment
	var ok bool
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		now, ok, err = patient.LoadEnrolment(r, h.scope(part))
		return err
	})
	switch {
	case err != nil || !ok:
		return err
	case now.Stage == patient.Opening:
		return h.finishOpening(ctx, part)
	case h.Now().Sub(now.Begun) < patient.EnrolmentLife:
		return nil
	}
	return h.commit(ctx, part, func(t *tx) error {
		again, _, err := patient.LoadEnrolment(t, t.Scope)
		if err != nil || again.Ticket != now.Ticket || again.Stage == patient.Opening {
			return err
		}
		return patient.EndEnrolment(t, t.Scope)
	})
}
