package policy

// A rule decides the acts it names when all facts of when hold and none of
// unless does.
type rule struct {
	name    string
	verdict verdict
	acts    actSet
	when    fact
	unless  fact
}

func (u *rule) holds(a Act, f fact) bool {
	return a.on(u.acts) && f&u.when == u.when && f&u.unless == 0
}

type verdict uint8

const (
	refuse        verdict = iota // and say why
	refuseQuietly                // see Discreet
	allow
)

// An actSet is a set of acts.
type actSet uint16

func (a Act) on(s actSet) bool { return a < acts && s>>a&1 == 1 }

// Groups of acts that rules share.
const (
	login   actSet = 1 << Login
	send    actSet = 1 << SendMail
	end     actSet = 1 << EndThread
	replyTo actSet = 1 << NameReplyTo
	use     actSet = 1 << UseMailbox
	list    actSet = 1 << ListDocuments
	read    actSet = 1 << ReadDocument
	file    actSet = 1 << FileDocument
	amend   actSet = 1 << AmendDocument
	mask    actSet = 1 << MaskDocument
	glass   actSet = 1 << BreakGlass

	writing      = send | end
	reading      = list | read
	changing     = file | amend | mask
	documentActs = reading | changing | glass
	every        = login | writing | replyTo | use | documentActs
)

// rules are read in order; the first that holds decides.
var rules = []rule{
	// Who never comes in, whatever anybody agreed to.
	{"never/insurers", refuse, every, byInsurer, 0},
	{"never/employers", refuse, every, byEmployer, 0},
	{"never/state", refuse, every, byState, 0},
	{"actor/unknown", refuse, every, byNobody, 0},
	{"actor/suspended", refuse, every, suspended, 0},
	{"administrator/never-content", refuse, every &^ login, byAdministrator, 0},

	// In whose name, and between whom.
	{"sender/not-yours", refuse, writing | replyTo, 0, sendsAsSelf},
	{"thread/patients-do-not-write-to-each-other", refuse, send, byPatient | toPatient, 0},
	{"document/not-yours", refuseQuietly, documentActs, byPatient, ownSpace | representative},

	// The life of the space.
	{"space/unknown", refuseQuietly, every &^ replyTo, spaceUnknown, 0},
	{"space/never-opened", refuseQuietly, every &^ replyTo, spaceNeverOpened, 0},
	{"space/opposed", refuseQuietly, every &^ replyTo, spaceOpposed, 0},
	{"space/closed", refuseQuietly, every &^ replyTo, spaceClosed, 0},
	{"space/archived", refuseQuietly, every &^ replyTo, spaceArchived, 0},
	{"space/erased", refuseQuietly, every &^ replyTo, spaceErased, 0},

	// Whom the patient has blocked.
	{"block/by-patient", refuseQuietly, writing | reading | mask | glass, byCaregiver | barred, 0},
	{"block/lift-to-answer", refuse, send, byPatient | toCaregiver | barred, 0},

	{"login/known", allow, login, 0, 0},

	// Exchanges between a professional and a patient.
	{"thread/professional-ends", allow, end, byCaregiver | toPatient | threadOfActor, 0},
	{"thread/only-its-professional-ends", refuse, end, 0, 0},
	{"thread/professional-opens", allow, send, byCaregiver | toPatient, exchange},
	{"thread/professional-reopens", allow, send, byCaregiver | toPatient | exchange, threadOpen},
	{"thread/professional-continues", allow, send, byCaregiver | toPatient | exchange | threadOpen, 0},
	{"thread/only-professionals-open", refuse, send, byPatient, exchange},
	{"thread/ended", refuse, send, byPatient | exchange, threadOpen},
	{"thread/answer-elsewhere", refuse, send, byPatient | exchange | elsewhere, 0},
	{"thread/patient-answers", allow, send, byPatient | toCaregiver | exchange | threadOpen, 0},
	{"reply-to/same-person", allow, replyTo, byCaregiver | toCaregiver | ownMailbox, 0},
	{"reply-to/same-establishment", allow, replyTo, byCaregiver | toCaregiver | sameEstablishment, 0},
	{"reply-to/stranger", refuse, replyTo, 0, 0},

	// Mail between professionals.
	{"mail/no-relay", refuse, send, byPartner | toPartner, 0},
	{"mail/unknown-address", refuseQuietly, send, byCaregiver | toNobody, 0},
	{"mail/between-professionals", allow, send, byCaregiver | toCaregiver, 0},

	// Mailboxes.
	{"mailbox/partner-has-none", refuseQuietly, use, byPartner, 0},
	{"mailbox/unnamed-device", refuse, use, bySystem | ownMailbox, namedDevice},
	{"mailbox/own", allow, use, ownMailbox, 0},
	{"mailbox/member", allow, use, byProfessional | sharedWithActor, 0},
	{"mailbox/not-yours", refuseQuietly, use, 0, 0},

	// The record, for its owner and those who stand for them.
	{"document/withdrawn", refuseQuietly, read | amend | mask, withdrawn, 0},
	{"document/hidden-from-patient", refuseQuietly, read, byPatient | hiddenFromPatient, 0},
	{"document/hidden-from-representatives", refuseQuietly, read, byPatient | representative | hiddenFromRepresentatives, 0},
	{"document/owner-reads", allow, reading, byPatient | ownSpace, 0},
	{"document/representative-reads", allow, reading, byPatient | representative, 0},
	{"document/representative-only-reads", refuse, changing | glass, byPatient | representative, 0},

	// Adding to it and changing it.
	{"document/owner-deposits", allow, file, byPatient | ownSpace, 0},
	{"document/professional-files", allow, file, byCaregiver, 0},
	{"document/author-amends", allow, amend, byCaregiver | author, 0},
	{"document/establishment-amends", allow, amend, byCaregiver | establishmentAuthor, 0},
	{"document/owner-amends-deposit", allow, amend, byPatient | ownSpace | depositedByPatient, 0},
	{"document/not-the-author", refuse, amend, 0, 0},
	{"document/owner-masks", allow, mask, byPatient | ownSpace, 0},
	{"document/administrator-masks", allow, mask, byProfessional | administrator, 0},
	{"document/only-the-patient-masks", refuse, mask, 0, 0},

	// A professional before somebody's record: what no authorisation opens.
	{"document/only-named-persons-read", refuseQuietly, reading | glass, bySystem, 0},
	{"document/author-reads", allow, read, byProfessional | author, 0},
	{"document/restricted", refuseQuietly, read, byProfessional | restricted, 0},
	{"document/masked", refuseQuietly, read, byProfessional | masked, treatingPhysician | administrator},
	{"habilitation/not-this-type", refuseQuietly, read, byProfessional, typeHabilitated},
	{"habilitation/not-this-profession", refuseQuietly, list | glass, byProfessional, professionHabilitated},

	// What opens it. An emergency comes before consent, so that the trail says it.
	{"access/treating-physician", allow, reading, byProfessional | treatingPhysician, 0},
	{"access/administrator", allow, reading, byProfessional | administrator, 0},
	{"emergency/break-glass", allow, reading, byProfessional | brokenGlass, 0},
	{"emergency/centre-15", allow, reading, byProfessional | centre15, 0},
	{"access/consent", allow, reading, byProfessional | consent, 0},
	{"access/care-team", allow, reading, byProfessional | careTeam, careTeamOpposed},

	// Why it stays shut.
	{"emergency/opposed", refuseQuietly, reading | glass, byProfessional | emergencyOpposed, 0},
	{"emergency/ended", refuseQuietly, reading, byProfessional | emergencyAsked, 0},
	{"access/care-team-opposed", refuseQuietly, reading, byProfessional | careTeam, 0},
	{"access/no-consent", refuseQuietly, reading, byProfessional, 0},
	{"emergency/no-reason", refuse, glass, byProfessional | emergencyAsked, reasonGiven},
	{"emergency/granted", allow, glass, byProfessional | emergencyAsked | reasonGiven, 0},
}
