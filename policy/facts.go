package policy

// A fact is a set of things that a Request says. The conditions of the rules
// are written in it, so that one decision is a walk along a short table of
// integers, and a test can walk along every combination.
type fact uint64

// The facts. Each is false in a zero Request, but byNobody and toNobody.
const (
	// Who asks.
	byNobody fact = 1 << iota
	byPatient
	byProfessional
	byPartner
	byCaregiver // a professional, an organisation, an application or a partner
	bySystem    // an organisation, an application or a partner: no person by name
	byAdministrator
	byInsurer
	byEmployer
	byState
	suspended
	namedDevice

	// The mailbox at the other end.
	toNobody
	toPatient
	toPartner
	toCaregiver
	ownMailbox
	sharedWithActor
	sameEstablishment
	sendsAsSelf

	// The space, where a patient is concerned.
	spaceUnknown
	spaceNeverOpened
	spaceOpposed
	spaceClosed
	spaceArchived
	spaceErased
	ownSpace
	representative  // until the majority of whom they stand for
	carer           // until the end of the delegation
	inScope         // the carer's scope has this act
	delegationEnded // the actor was one of the two

	// The exchange.
	exchange // between a patient and somebody who may have opened it
	threadOpen
	threadOfActor
	elsewhere

	// Patient and professional.
	barred // blocked, in so far as a block stops this act
	treatingPhysician
	administrator
	consent
	careTeam
	careTeamOpposed
	teamDeclared
	consentDeclared
	blocksSomebody

	// Emergency.
	emergencyAsked
	reasonGiven
	brokenGlass // in force
	centre15    // in force
	emergencyOpposed

	// The document.
	withdrawn
	masked // and no emergency lifts it
	hiddenFromPatient
	hiddenFromRepresentatives
	restricted
	author
	establishmentAuthor
	depositedByPatient
	beingFiled
	secretConnection
	copyToPatient
	copyToProfessional
	typeHabilitated
	professionHabilitated
	lastFact
)

func when(b bool, f fact) fact {
	if b {
		return f
	}
	return 0
}

// facts says what r says, as a set.
func (r *Request) facts() fact {
	f := r.actorFacts() | r.mailboxFacts() | r.spaceFacts() | r.threadFacts() | r.relationFacts()
	if r.Act.on(recordActs) {
		e := r.emergencyFacts()
		f |= e | r.documentFacts(e&(brokenGlass|centre15) != 0)
	}
	return f
}

var roleFacts = [...]fact{
	Patient:       byPatient,
	Professional:  byProfessional | byCaregiver,
	Organisation:  byCaregiver | bySystem,
	Application:   byCaregiver | bySystem,
	Partner:       byPartner | byCaregiver | bySystem,
	Administrator: byAdministrator,
	Insurer:       byInsurer,
	Employer:      byEmployer,
	State:         byState,
}

func (r *Request) actorFacts() fact {
	f := when(r.Actor.Suspended, suspended) | when(r.Actor.Device != "", namedDevice)
	if role := int(r.Actor.Role); role > 0 && role < len(roleFacts) {
		return f | roleFacts[role]
	}
	return f | byNobody
}

func (r *Request) mailboxFacts() fact {
	a, m := &r.Actor, &r.Mailbox
	return when(m.Role == Patient, toPatient) |
		when(m.Role == Partner, toPartner) |
		when(m.Role.cares(), toCaregiver) |
		when(m.Role != Patient && !m.Role.cares(), toNobody) |
		when(a.ID != "" && a.ID == m.Owner && m.Role != 0, ownMailbox) |
		when(m.ActorIsMember && m.Role.shared(), sharedWithActor) |
		when(a.Establishment != "" && a.Establishment == m.Establishment, sameEstablishment) |
		when(r.SenderIsActor, sendsAsSelf)
}

var stateFacts = [spaceStates]fact{
	None: spaceUnknown, Enrolled: spaceNeverOpened, Opposed: spaceOpposed, Active: 0,
	Closed: spaceClosed, Archived: spaceArchived, Erased: spaceErased,
}

// spaceFacts speaks of the space only where the act concerns one: whatever a
// patient does, what is sent to a patient, what is done to a record.
func (r *Request) spaceFacts() fact {
	own := r.Actor.Role == Patient && r.Actor.ID != "" && r.Actor.ID == r.Space.Owner
	f := when(own, ownSpace)
	if !own {
		f |= r.delegationFacts()
	}
	switch {
	case r.Actor.Role != Patient && r.Mailbox.Role != Patient && !r.Act.on(recordActs):
		return f
	case int(r.Space.State) < len(stateFacts):
		return f | stateFacts[r.Space.State]
	}
	return f | spaceUnknown
}

// scopeOf is what a carer needs for an act; nothing gives the others.
var scopeOf = [acts]Scope{
	SendMail: WriteMessages, UseMailbox: ReadMessages,
	ListDocuments: ReadDocuments, ReadDocument: ReadDocuments, ReadTrail: Trail,
}

// delegationFacts counts a delegation only before its end, and in a mailbox
// only where it is that of the patient who delegates.
func (r *Request) delegationFacts() fact {
	n := &r.Relation
	if r.Act >= acts || r.Act == UseMailbox && r.Mailbox.Owner != r.Space.Owner {
		return 0
	}
	known := !r.Now.IsZero()
	represents := n.LegalRepresentative && known && r.Now.Before(n.RepresentsUntil)
	cares := n.Carer && known && r.Now.Before(n.CarerUntil)
	return when(represents, representative) |
		when(cares, carer) |
		when(cares && n.Scope&scopeOf[r.Act] != 0, inScope) |
		when(n.LegalRepresentative && !represents || n.Carer && !cares, delegationEnded)
}

func (r *Request) threadFacts() fact {
	t := &r.Thread
	outward := r.Actor.Role.cares() && r.Mailbox.Role == Patient
	inward := r.Actor.Role == Patient && r.Mailbox.Role.cares()
	return when(t.Exists && (outward || inward), exchange) |
		when(t.Open, threadOpen) |
		when(t.OpenedByActor && outward, threadOfActor) |
		when(t.Elsewhere, elsewhere)
}

func (r *Request) relationFacts() fact {
	n := &r.Relation
	return when(n.Blocked && !(n.BlockSparesMail && r.Act.on(writing)), barred) |
		when(n.TreatingPhysician, treatingPhysician) |
		when(n.Administrator, administrator) |
		when(n.Consent, consent) |
		when(n.CareTeam, careTeam) |
		when(n.CareTeamOpposed, careTeamOpposed) |
		when(r.Declares == InCareTeam, teamDeclared) |
		when(r.Declares == PatientAgreed, consentDeclared) |
		when(r.BlocksSomebody, blocksSomebody)
}

// emergencyFacts counts a grant only before its end, and only where the
// patient has not opposed that kind of emergency.
func (r *Request) emergencyFacts() fact {
	e := &r.Emergency
	opposed := e.Kind == BrokenGlass && e.OpposedToBreakGlass || e.Kind == Centre15 && e.OpposedToCentre15
	inForce := !opposed && !r.Now.IsZero() && r.Now.Before(e.Until)
	return when(e.Kind == BrokenGlass || e.Kind == Centre15, emergencyAsked) |
		when(e.Reason, reasonGiven) |
		when(opposed, emergencyOpposed) |
		when(inForce && e.Kind == BrokenGlass, brokenGlass) |
		when(inForce && e.Kind == Centre15, centre15)
}

func (r *Request) documentFacts(inEmergency bool) fact {
	d := &r.Document
	hidden := d.HiddenFromPatient &&
		(d.FiledAt.IsZero() || r.Now.Before(d.FiledAt.AddDate(0, AnnouncementMonths, 0)))
	return when(d.Withdrawn, withdrawn) |
		when(d.Masked && !(inEmergency && r.Emergency.MaskedToo), masked) |
		when(hidden, hiddenFromPatient) |
		when(d.HiddenFromRepresentatives, hiddenFromRepresentatives) |
		when(d.Restricted, restricted) |
		when(d.AuthorIsActor, author) |
		when(d.AuthorIsEstablishment, establishmentAuthor) |
		when(d.DepositedByPatient, depositedByPatient) |
		when(d.BeingFiled, beingFiled) |
		when(r.SecretConnection, secretConnection) |
		when(r.matrix().Allows(r.Actor.Profession, d.TypeCode), typeHabilitated) |
		when(r.matrix().any(r.Actor.Profession), professionHabilitated)
}

func (r *Request) matrix() *Matrix {
	if r.Matrix == nil {
		return shippedMatrix
	}
	return r.Matrix
}
