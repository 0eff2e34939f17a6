package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A Person is what is needed to enrol a patient.
type Person struct {
	Matricule ident.Matricule
	Traits    patient.Traits
	Minor     bool
}

// PatientAddress returns the address of the patient with that matricule.
func (h *Hub) PatientAddress(m ident.Matricule) (ident.Address, error) {
	if m.Invented() && !h.TestMode {
		return ident.Address{}, fmt.Errorf("hub: matricule of the invented range, outside test mode: %w", fault.Invalid)
	}
	return ident.ParseAddress(m.Canonical() + "@" + h.PatientDomain)
}

// Enrol makes the space of a patient: enrolled, not yet open. operator is who
// asked for it. One who has a space already is fault.Exists.
func (h *Hub) Enrol(ctx context.Context, operator string, p Person) (ident.Address, error) {
	address, err := h.PatientAddress(p.Matricule)
	if err != nil {
		return address, err
	}
	name := p.Traits.Name()
	b := directory.BAL{Kind: directory.OfPatient, Address: address.Canonical(), Name: name}
	return address, h.makeMailbox(ctx, operator, address, b, func(t *tx) error {
		return patient.Enrol(t, t.Scope, p.Matricule, p.Traits, p.Minor, t.now)
	})
}

// AddBAL makes the mailbox of a professional, an organisation or a software.
// An address that is taken is fault.Exists.
func (h *Hub) AddBAL(ctx context.Context, operator string, b directory.BAL) error {
	address, err := ident.ParseAddress(b.Address)
	if err != nil {
		return err
	}
	if h.isPatient(address) || b.Kind == directory.OfPatient {
		return fmt.Errorf("hub: a mailbox in the domain of the patients: %w", fault.Invalid)
	}
	b.Address = address.Canonical()
	return h.makeMailbox(ctx, operator, address, b, func(*tx) error { return nil })
}

// makeMailbox lets an address lead to a partition, and makes its owner's keys,
// account and mailbox there. Interrupted anywhere, it can be repeated: an address
// that leads to an empty partition is one that does not exist. The erasure secret
// is durable before anything is sealed to the owner.
func (h *Hub) makeMailbox(ctx context.Context, operator string, a ident.Address, b directory.BAL, more func(*tx) error) error {
	if h.Sealed() {
		return fmt.Errorf("hub: new mailbox: %w", fault.Sealed)
	}
	part, err := h.claim(ctx, a)
	if err != nil {
		return err
	}
	secrets, err := h.Erasure.Add(part)
	if err != nil {
		return err
	}
	wrapped, err := h.wraps(ctx)
	if err != nil {
		return err
	}
	defer wrapped()
	cert, locked, err := h.Ring.NewOwner(part, secrets[0])
	if err != nil {
		return err
	}
	if err := h.attach(ctx, b, part, directory.Attach); err != nil {
		return err
	}
	b.Created = h.Now().UTC()
	err = h.do(ctx, part, func(t *tx) error {
		err := errors.Join(
			owner.Keep(t, t.Scope, cert, locked),
			account.Create(t, t.Scope),
			mailbox.Create(t, part, cert, t.now),
			directory.Describe(t, t.Scope, b),
			more(t))
		t.note(byOperator(operator, "enrol", string(b.Kind)))
		return err
	})
	if err != nil {
		h.trails.forget(part) // it is sealed to an owner who may never have been
	}
	return err
}

// claim returns the partition that an address leads to, in which there is
// nothing yet. fault.Exists: there is, or an erasure has not come to its end.
func (h *Hub) claim(ctx context.Context, a ident.Address) (store.Part, error) {
	part, known, err := h.find(ctx, a)
	if err != nil {
		return "", err
	}
	if !known {
		part = store.Part(vault.NewID())
		index := directory.IndexPart(h.Index, a)
		return part, h.do(ctx, index, func(t *tx) error { return directory.Claim(t, t.Scope, part) })
	}
	return part, h.view(ctx, part, func(r store.Reader) error {
		for _, err := range r.Scan("", "") {
			if err == nil {
				err = fmt.Errorf("hub: new mailbox: %w", fault.Exists)
			}
			return err
		}
		return nil
	})
}

// AddPassword makes an application password for a device of a mailbox's owner.
func (h *Hub) AddPassword(ctx context.Context, operator string, a ident.Address, device string) (secret string, err error) {
	err = h.atMailbox(ctx, a, func(t *tx) error {
		secret, err = account.AddPassword(t, t.Scope, device, t.now)
		t.note(byOperator(operator, "add-password", device))
		return err
	})
	return secret, err
}

// Passwords lists the application passwords of a mailbox's owner.
func (h *Hub) Passwords(ctx context.Context, a ident.Address) (list []account.Password, err error) {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return nil, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		list, err = account.Passwords(r, h.scope(part))
		return err
	})
	return list, err
}

// RevokePassword ends an application password, by its device or ID.
func (h *Hub) RevokePassword(ctx context.Context, operator string, a ident.Address, device string) error {
	return h.atMailbox(ctx, a, func(t *tx) error {
		t.note(byOperator(operator, "revoke-password", device))
		return account.Revoke(t, t.Scope, device)
	})
}

// SetAllowance raises what a sender may name of refused recipients before it
// is slowed down: a laboratory writes to thousands, some of whom never opened
// their space. It holds from the sender's next login on.
func (h *Hub) SetAllowance(ctx context.Context, operator string, a ident.Address, allowance directory.Allowance) error {
	return h.atMailbox(ctx, a, func(t *tx) error {
		b, ok, err := directory.Load(t, t.Scope)
		if err != nil || !ok {
			return errors.Join(err, fmt.Errorf("hub: allowance: %w", fault.NotFound))
		}
		b.Allowance = allowance
		t.note(byOperator(operator, "allowance", fmt.Sprintf("%d/h %d/d", allowance.PerHour, allowance.PerDay)))
		return directory.Describe(t, t.Scope, b)
	})
}

// A Description is what an operator may know of a mailbox: no content.
type Description struct {
	BAL      directory.BAL
	Space    patient.Space // of a patient
	Opens    time.Time     // by itself, unless its owner objects; zero: it does not
	Bytes    int64
	Messages uint32
	Devices  int
	Trail    uint64 // entries
}

// Describe tells what an operator may know of a mailbox.
func (h *Hub) Describe(ctx context.Context, a ident.Address) (d Description, err error) {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return d, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		s := h.scope(part)
		var errs [5]error
		d.BAL, _, errs[0] = directory.Load(r, s)
		d.Space, _, errs[1] = patient.Load(r, s)
		d.Bytes, d.Messages, errs[2] = mailbox.Usage(r)
		passwords, err := account.Passwords(r, s)
		d.Devices, errs[3] = len(passwords), err
		head, err := audit.Head(r, s)
		d.Trail, errs[4] = head.Count, err
		if d.Space.State == policy.Enrolled && !d.Space.Noticed.IsZero() {
			d.Opens = d.Space.Noticed.Add(h.Delays.Opening)
		}
		d.Space.Minor = d.Space.IsMinor(h.Now()) // by the date of birth, where it is known
		return errors.Join(errs[:]...)
	})
	return d, err
}
