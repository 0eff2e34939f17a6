package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"vaguemestre/internal/conversation"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// refuse makes the error of a refusal. One that must be discreet is, to the one
// refused, fault.NotFound and nothing more.
func refuse(d policy.Decision) error {
	if policy.Discreet(d.Rule) {
		return &Refusal{Rule: d.Rule, Kind: fault.NotFound}
	}
	e := policy.Explain(d.Rule)
	return &Refusal{Rule: d.Rule, FR: e.FR, EN: e.EN, Kind: fault.Denied}
}

// An addressee is where a mail is to go: an address and what is known of it
// before its partition is read.
type addressee struct {
	Address ident.Address
	Part    store.Part // an empty partition, if there is no such mailbox
	Known   bool
	Patient bool          // an address of the patient domain, existing or not
	BAL     directory.BAL // of one that is known and no patient's
	Space   patient.Space // of a patient who is known
	Cert    *keyring.Cert // of one that a mail is being filed with
	Filed   bool          // that mail is there already
}

// resolve finds an addressee and reads what is known of it.
func (h *Hub) resolve(ctx context.Context, a ident.Address) (addressee, error) {
	to, err := h.locate(ctx, a)
	if err != nil {
		return to, err
	}
	return to, h.view(ctx, to.Part, func(r store.Reader) error { return h.load(r, &to) })
}

// locate finds where an addressee is kept. The address of a patient must be a
// matricule.
func (h *Hub) locate(ctx context.Context, a ident.Address) (addressee, error) {
	to := addressee{Address: a, Part: nowhere, Patient: h.isPatient(a)}
	if to.Patient {
		m, err := ident.ParseMatricule(a.Local())
		if err == nil && m.Invented() && !h.TestMode {
			err = fmt.Errorf("matricule of the invented range: %w", fault.Invalid)
		}
		if err != nil {
			return to, fmt.Errorf("hub: recipient: %w", err)
		}
	}
	part, err := h.partOf(ctx, a)
	if err != nil {
		return to, err
	}
	to.Part = part
	return to, nil
}

// load reads what is known of an addressee, in a transaction on its partition.
func (h *Hub) load(r store.Reader, to *addressee) (err error) {
	var whose string
	if to.Patient {
		to.Space, to.Known, err = patient.Load(r, h.scope(to.Part))
		whose = to.Space.Matricule + "@" + h.PatientDomain
	} else {
		to.BAL, to.Known, err = directory.Load(r, h.scope(to.Part))
		whose = to.BAL.Address
	}
	if err == nil && to.Known && whose != to.Address.Canonical() {
		err = errLeadsAstray
	}
	return err
}

// errLeadsAstray says that an address leads to the partition of another. The
// index is no right; what it leads to is.
var errLeadsAstray = fmt.Errorf("hub: an address leads to the mailbox of another: %w", fault.Corrupt)

// mailbox gives an addressee as policy sees it.
func (to addressee) mailbox() policy.Mailbox {
	m := policy.Mailbox{Owner: string(to.Part), Establishment: to.BAL.Establishment}
	switch {
	case to.Patient:
		m.Role = policy.Patient
	case to.Known:
		m.Role = to.BAL.Role()
	}
	return m
}

// CheckSender reports whether an actor may write as from: its own address, or
// the null reverse-path that notices go out with (RFC 8098 §2.1).
func (h *Hub) CheckSender(ctx context.Context, a Actor, from ident.Address) error {
	if from != a.Address && !from.IsZero() {
		return refuse(policy.Decide(policy.Request{Act: policy.SendMail, Actor: a.policy(), Mailbox: policy.Mailbox{Role: policy.Professional}}))
	}
	return nil
}

// CheckRecipient reports whether an actor may write to an address now. It
// refuses with the same error, after the same work, an address that does not
// exist and a space that does not receive; the true reason goes into the
// actor's own trail. fault.Invalid says that the address cannot exist.
func (h *Hub) CheckRecipient(ctx context.Context, a Actor, address ident.Address) error {
	if err := h.throttleSender(a, 0, 0); err != nil {
		return err
	}
	to, err := h.locate(ctx, address)
	if err != nil {
		return err
	}
	var d policy.Decision
	var known bool // to each other
	var room error
	err = h.view(ctx, to.Part, func(r store.Reader) error {
		if err := h.load(r, &to); err != nil {
			return err
		}
		room = h.hasRoom(r, 1)
		if a.Role != policy.Patient { // whose facts are in their own partition
			d, known, err = h.decide(r, a, to)
		}
		return err
	})
	if err == nil && a.Role == policy.Patient {
		d, known, err = h.mayWrite(ctx, a, to)
	}
	if err != nil {
		return err
	}
	if d.Allow {
		_ = h.throttleSender(a, 1, 0)
		h.places.put(address, to.Part)
		return full(room, to, known)
	}
	var slowed error
	if policy.Discreet(d.Rule) {
		slowed = h.throttleSender(a, 1, 1)
	}
	err = h.commit(ctx, a.Part, func(t *tx) error {
		t.note(decided(a.entry(policy.SendMail, address.Canonical()), d))
		if slowed != nil { // from the next recipient on
			t.note(decided(a.entry(policy.SendMail, ""), policy.Decision{Rule: tooManyRefused}))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return refuse(d)
}

// mayWrite decides, without effect, whether a may write to an addressee, and
// tells whether they know each other. Facts about the exchange are in the
// patient's partition, whoever writes.
func (h *Hub) mayWrite(ctx context.Context, a Actor, to addressee) (d policy.Decision, known bool, err error) {
	part := to.Part
	if a.Role == policy.Patient {
		part = a.Part
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		d, known, err = h.decide(r, a, to)
		return err
	})
	return d, known, err
}

func (h *Hub) decide(r store.Reader, a Actor, to addressee) (d policy.Decision, known bool, err error) {
	req, err := h.sendFacts(r, a, to)
	return policy.Decide(req), req.Thread.Exists, err
}

// sendFacts gathers what policy needs to know of a mail from a to an addressee,
// in a transaction on the partition of the patient among them, or on the
// addressee's if there is none.
func (h *Hub) sendFacts(r store.Reader, a Actor, to addressee) (policy.Request, error) {
	req := policy.Request{
		Act: policy.SendMail, Actor: a.policy(), Now: h.Now(), SenderIsActor: true,
		Mailbox: to.mailbox(),
	}
	if !to.Patient && a.Role != policy.Patient {
		return req, nil
	}
	part, other := to.Part, a.who()
	if a.Role == policy.Patient {
		part, other = a.Part, whoHas(to.Address, to.BAL)
	}
	s := h.scope(part)
	sp, _, err := patient.Load(r, s)
	if err != nil {
		return req, err
	}
	req.Space = policy.Space{Owner: string(part), State: sp.State}
	req.Relation.BlockSparesMail = h.BlockSparesMail
	if req.Relation.Blocked, err = patient.Blocked(r, s, other); err != nil {
		return req, err
	}
	if a.Role == policy.Patient {
		req.Thread, err = answerThread(r, h, part, to.Address)
		return req, err
	}
	t, ok, err := conversation.With(r, s, a.Address)
	req.Thread = policy.Thread{Exists: ok, Open: t.Open, OpenedByActor: ok}
	return req, err
}

// answerThread tells whether a patient may write to an address: an exchange is
// open that has it among its contacts.
func answerThread(r store.Reader, h *Hub, part store.Part, contact ident.Address) (policy.Thread, error) {
	s := h.scope(part)
	var th policy.Thread
	threads, err := conversation.Reaching(r, s, contact)
	if err != nil {
		return th, err
	}
	for _, t := range threads {
		th.Exists = true
		th.Open = th.Open || t.Open
	}
	if th.Exists {
		return th, nil
	}
	// One who wrote, but asked for answers elsewhere, takes none.
	t, ok, err := conversation.With(r, s, contact)
	return policy.Thread{Exists: ok, Open: t.Open, Elsewhere: ok}, err
}

// full makes the error for a mailbox that has no room what its sender may know:
// to one who never exchanged with that patient it is a passing failure.
func full(err error, to addressee, known bool) error {
	if to.Patient && !known && errors.Is(err, fault.Quota) {
		return fmt.Errorf("hub: recipient: %w", fault.Unavailable)
	}
	return err
}

// tooManyRefused is the rule, of the door itself, that slows a sender down.
const tooManyRefused = "sender/too-many-refused"

// throttleSender counts the recipients a sender named and those refused, and
// is fault.Throttled for one who seems to try addresses out: many refused, and
// a large share of all.
func (h *Hub) throttleSender(a Actor, named, refused int) error {
	now, key := h.Now(), string(a.Part)
	allHour, allDay := h.rcptHour.Add(key, named, now), h.rcptDay.Add(key, named, now)
	hour, day := h.refusedHour.Add(key, refused, now), h.refusedDay.Add(key, refused, now)
	perHour, perDay := cmp.Or(a.Allowance.PerHour, h.Limits.RefusedPerHour), cmp.Or(a.Allowance.PerDay, h.Limits.RefusedPerDay)
	share := h.Limits.RefusedShare
	if hour > perHour && hour*100 > allHour*share || day > perDay && day*100 > allDay*share {
		if refused > 0 {
			h.Log.Warn("sender tries addresses out", "actor", a.Address, "refused_hour", hour, "refused_day", day)
		}
		return fmt.Errorf("hub: recipient: %w", fault.Throttled)
	}
	return nil
}
