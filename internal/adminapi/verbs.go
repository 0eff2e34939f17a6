package adminapi

import (
	"context"
	"fmt"
	"strings"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// verbs are all there are. None shows content.
var verbs = map[string]verb{
	"patient/add":         answer(addPatient),
	"patient/register":    answer(register),
	"patient/letters":     answer(letters),
	"patient/letter":      answer(letter),
	"patient/proof":       answer(proofOf),
	"proof/check":         answer(checkProof),
	"patient/notice":      answer(life(patient.Notice)),
	"patient/activate":    answer(life(patient.Activate)),
	"patient/oppose":      answer(life(patient.Oppose)),
	"patient/close":       answer(life(patient.Close)),
	"patient/reopen":      answer(life(patient.Reopen)),
	"patient/ask-erasure": answer(life(patient.AskErasure)),
	"patient/block":       answer(block(true)),
	"patient/unblock":     answer(block(false)),
	"patient/erase":       answer(erase),
	"patient/export":      export,
	"mailbox/add":         answer(addMailbox),
	"mailbox/show":        answer(show),
	"mailbox/limits":      answer(setAllowance),
	"mailbox/admit":       answer(admit),
	"mailbox/dismiss":     answer(dismiss),
	"mailbox/members":     answer(listMembers),
	"password/add":        answer(addPassword),
	"password/list":       answer(listPasswords),
	"password/revoke":     answer(revokePassword),
	"matrix/show":         answer(showMatrix),
	"matrix/diff":         answer(compareMatrix),
	"matrix/apply":        answer(applyMatrix),
	"identity/doubts":     answer(listDoubts),
	"identity/resolve":    answer(resolveDoubt),
	"program/add":         answer(addProgram),
	"program/list":        answer(listPrograms),
	"program/remove":      answer(removeProgram),
	"program/access":      answer(listAuthorizations),
	"program/end":         answer(endAuthorization),
	"keys/rotate":         answer(rotateHubKey),
	"keys/rotate-owner":   answer(rotateOwnerKey),
	"keys/adopt":          answer(adoptRights),
	"trail/export":        exportTrail,
	"trail/key":           answer(trailKey),
	"hub/why-document":    answer(whyDocument),
	"hub/why":             answer(why),
	"hub/status":          answer(status),
	"hub/audit":           answer(verifyTrails),
	"hub/verify":          answer(verify),
	"hub/backup":          answer(backup),
	"hub/sweep":           answer(sweep),
}

// address reads an address, or the matricule of a patient in place of one.
func (c call) address(s string) (ident.Address, error) {
	if !strings.Contains(s, "@") {
		m, err := ident.ParseMatricule(s)
		if err != nil {
			return ident.Address{}, fmt.Errorf("adminapi: neither an address nor a matricule: %w", err)
		}
		return c.hub.PatientAddress(m)
	}
	return ident.ParseAddress(s)
}

func addPatient(ctx context.Context, c call, in Patient) (Name, error) {
	p, err := in.person()
	if err != nil {
		return Name{}, err
	}
	a, err := c.hub.Enrol(ctx, c.operator, p)
	return Name{a.Canonical()}, err
}

// person reads whom a request is about.
func (in Patient) person() (hub.Person, error) {
	m, err := ident.ParseMatricule(in.Matricule)
	if err != nil {
		return hub.Person{}, err
	}
	if strings.TrimSpace(in.BirthName) == "" || strings.TrimSpace(in.FirstNames) == "" {
		return hub.Person{}, fmt.Errorf("adminapi: a patient has a birth name and first names: %w", fault.Invalid)
	}
	return hub.Person{
		Matricule: m, Minor: in.Minor,
		Traits: patient.Traits{
			BirthName: in.BirthName, FirstNames: in.FirstNames, BirthDate: in.BirthDate,
			Sex: in.Sex, BirthPlace: in.BirthPlace,
		},
	}, nil
}

func addMailbox(ctx context.Context, c call, in BAL) (Name, error) {
	a, err := ident.ParseAddress(in.Address)
	if err != nil {
		return Name{}, err
	}
	b := directory.BAL{
		Kind: directory.BALKind(in.Kind), Address: a.Canonical(), Name: in.Name, RPPS: in.RPPS,
		Profession: policy.Profession(in.Profession), Establishment: in.Establishment,
		Organisation: in.Organisation, Unlisted: in.Unlisted,
	}
	return Name{a.Canonical()}, orElse(checkBAL(b), func() error { return c.hub.AddBAL(ctx, c.operator, b) })
}

func orElse(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}

// checkBAL refuses what the directory could not answer for.
func checkBAL(b directory.BAL) error {
	switch b.Kind {
	case directory.Personal:
		if !isCode(string(b.Profession)) {
			return fmt.Errorf("adminapi: the mailbox of a person says the profession, a code of JDV_J01 such as G15_10: %w", fault.Invalid)
		}
	case directory.Organisational, directory.Application, directory.Practice:
	default:
		return fmt.Errorf("adminapi: the kind of a mailbox is PER, ORG, APP or CAB: %w", fault.Invalid)
	}
	if strings.TrimSpace(b.Name) == "" {
		return fmt.Errorf("adminapi: a mailbox has a name: %w", fault.Invalid)
	}
	if b.RPPS != "" {
		if _, err := ident.ParseRPPS(b.RPPS); err != nil {
			return err
		}
	}
	return nil
}

// isCode tells whether s has the form of a code of JDV_J01: a profession
// written out would match no rule, and nobody would notice.
func isCode(s string) bool {
	return s != "" && len(s) <= 16 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func show(ctx context.Context, c call, in Name) (Description, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Description{}, err
	}
	d, err := c.hub.Describe(ctx, a)
	if err != nil {
		return Description{}, err
	}
	out := Description{
		BAL: BAL{
			Kind: string(d.BAL.Kind), Address: d.BAL.Address, Name: d.BAL.Name, RPPS: d.BAL.RPPS,
			Profession: string(d.BAL.Profession), Establishment: d.BAL.Establishment,
			Organisation: d.BAL.Organisation, Unlisted: d.BAL.Unlisted,
		},
		RefusedPerHour: d.BAL.Allowance.PerHour, RefusedPerDay: d.BAL.Allowance.PerDay,
		Created: d.BAL.Created, Bytes: d.Bytes, Messages: d.Messages, Devices: d.Devices, Trail: d.Trail,
	}
	if d.BAL.Kind == directory.OfPatient {
		out.Space = spaceOf(d.Space)
		out.Space.Told, out.Space.Opens = d.Space.Noticed, d.Opens
	}
	return out, nil
}

// maxAllowance is beyond what any laboratory sends.
const maxAllowance = 1_000_000

func setAllowance(ctx context.Context, c call, in Allowance) (Nothing, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Nothing{}, err
	}
	if min(in.PerHour, in.PerDay) < 0 || max(in.PerHour, in.PerDay) > maxAllowance {
		return Nothing{}, fmt.Errorf("adminapi: a limit is from 0 to %d: %w", maxAllowance, fault.Invalid)
	}
	return Nothing{}, c.hub.SetAllowance(ctx, c.operator, a, directory.Allowance{PerHour: in.PerHour, PerDay: in.PerDay})
}

func admit(ctx context.Context, c call, in Membership) (Nothing, error) {
	mailbox, member, err := in.read()
	return Nothing{}, orElse(err, func() error { return c.hub.AddMember(ctx, c.operator, mailbox, member) })
}

func dismiss(ctx context.Context, c call, in Membership) (Nothing, error) {
	mailbox, member, err := in.read()
	return Nothing{}, orElse(err, func() error { return c.hub.RemoveMember(ctx, c.operator, mailbox, member) })
}

// read reads who is to share which mailbox.
func (in Membership) read() (mailbox, member ident.Address, err error) {
	if mailbox, err = ident.ParseAddress(in.Address); err == nil {
		member, err = ident.ParseAddress(in.Member)
	}
	return mailbox, member, err
}

func listMembers(ctx context.Context, c call, in Name) ([]Member, error) {
	a, err := ident.ParseAddress(in.Address)
	if err != nil {
		return nil, err
	}
	list, err := c.hub.Members(ctx, a)
	out := make([]Member, len(list))
	for i, m := range list {
		out[i] = Member{m.Name, m.Address, m.Since}
	}
	return out, err
}

func spaceOf(s patient.Space) *Space {
	return &Space{Matricule: s.Matricule, State: patient.StateName(s.State), Since: s.Since, Minor: s.Minor}
}

func life(e patient.Event) func(context.Context, call, Name) (*Space, error) {
	return func(ctx context.Context, c call, in Name) (*Space, error) {
		a, err := c.address(in.Address)
		if err != nil {
			return nil, err
		}
		s, err := c.hub.Life(ctx, c.operator, a, e)
		return spaceOf(s), err
	}
}

func block(on bool) func(context.Context, call, Block) (Nothing, error) {
	return func(ctx context.Context, c call, in Block) (Nothing, error) {
		a, err := c.address(in.Address)
		if err != nil {
			return Nothing{}, err
		}
		professional, err := ident.ParseAddress(in.Professional)
		if err != nil {
			return Nothing{}, err
		}
		return Nothing{}, c.hub.Block(ctx, c.operator, a, professional, on)
	}
}

func erase(ctx context.Context, c call, in Name) (Nothing, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, c.hub.Erase(ctx, c.operator, a)
}

func addPassword(ctx context.Context, c call, in Device) (Secret, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Secret{}, err
	}
	secret, err := c.hub.AddPassword(ctx, c.operator, a, in.Device)
	return Secret{a.Canonical(), in.Device, secret}, err
}

func listPasswords(ctx context.Context, c call, in Name) ([]Password, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return nil, err
	}
	list, err := c.hub.Passwords(ctx, a)
	out := make([]Password, len(list))
	for i, p := range list {
		out[i] = Password(p)
	}
	return out, err
}

func revokePassword(ctx context.Context, c call, in Device) (Nothing, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, c.hub.RevokePassword(ctx, c.operator, a, in.Device)
}

func why(ctx context.Context, c call, in Route) (Explanation, error) {
	from, err := c.address(in.From)
	if err != nil {
		return Explanation{}, err
	}
	to, err := c.address(in.To)
	if err != nil {
		return Explanation{}, err
	}
	e, err := c.hub.Why(ctx, c.operator, from, to)
	return Explanation(e), err
}

func status(ctx context.Context, c call, _ Nothing) (Status, error) {
	s, err := c.hub.Status(ctx)
	mailboxes := map[string]int{}
	for kind, n := range s.Mailboxes {
		mailboxes[string(kind)] = n
	}
	return Status{
		Process: c.hub.Process(), Sealed: s.Sealed, Mailboxes: mailboxes, Spaces: s.Spaces,
		Messages: s.Messages, Bytes: s.Bytes, Waiting: s.Waiting, Trail: s.TrailTotal,
	}, err
}

func verifyTrails(ctx context.Context, c call, _ Nothing) (Report, error) {
	return reportOf(c.hub.VerifyTrails(ctx))
}

func verify(ctx context.Context, c call, _ Nothing) (Report, error) {
	return reportOf(c.hub.Verify(ctx))
}

func reportOf(r hub.Report, err error) (Report, error) {
	out := Report{r.Partitions, r.Entries, r.Messages, r.Documents, r.Objects, []Finding{}}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, Finding{f.Part, f.What})
	}
	return out, err
}

func backup(ctx context.Context, c call, in Folder) (Backup, error) {
	return c.hub.Backup(ctx, c.operator, in.Folder)
}

func sweep(ctx context.Context, c call, _ Nothing) (Nothing, error) {
	return Nothing{}, c.hub.Sweep(ctx)
}
