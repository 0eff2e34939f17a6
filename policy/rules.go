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
type actSet uint32

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
	declare actSet = 1 << DeclareCare
	hide    actSet = 1 << HideDocument
	secret  actSet = 1 << HideFromRepresentatives
	archive actSet = 1 << ArchiveDocument
	restore actSet = 1 << RestoreDocument
	access  actSet = 1 << ManageAccess
	trail   actSet = 1 << ReadTrail
	live    actSet = 1 << LiveSpace
	name    actSet = 1 << Delegate
	export  actSet = 1 << ExportRecord
	arrange actSet = 1 << ArrangeRecord
	flags   actSet = 1 << setFlags

	writing    = send | end
	reading    = list | read
	keeping    = amend | archive | restore // what the author does with what they filed
	changing   = file | keeping | mask | hide | secret
	holding    = access | trail | live | name | export | arrange // what belongs to the holder of the space
	recordActs = reading | changing | glass | declare | holding
	every      = login | writing | replyTo | use | recordActs
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
	{"document/not-yours", refuseQuietly, recordActs, byPatient, ownSpace | representative | carer | delegationEnded},
	{"delegation/none", refuse, send, byPatient, ownSpace | representative | carer | delegationEnded},
	{"delegation/ended", refuse, send | use | recordActs, byPatient | delegationEnded, ownSpace | representative | carer},

	// What belongs to the holder of the space: nobody else is told whether there is one.
	{"trail/only-the-patient", refuse, trail, 0, byPatient},
	{"life/only-the-patient", refuse, live, 0, byPatient},
	{"delegation/only-the-patient", refuse, name, 0, byPatient},
	{"export/only-the-patient", refuse, export, 0, byPatient},
	{"filing/only-the-patient", refuse, arrange, 0, byPatient},
	{"choices/only-the-patient", refuse, access, 0, byPatient | administrator},

	// The life of the space.
	{"space/unknown", refuseQuietly, every &^ replyTo, spaceUnknown, 0},
	{"space/erased", refuseQuietly, every &^ replyTo, spaceErased, 0},
	{"space/never-opened", refuseQuietly, every &^ (replyTo | live), spaceNeverOpened, 0},
	{"space/opposed", refuseQuietly, every &^ (replyTo | live), spaceOpposed, 0},
	{"space/closed", refuseQuietly, every &^ (replyTo | live), spaceClosed, 0},
	{"space/archived", refuseQuietly, every &^ (replyTo | live), spaceArchived, 0},

	// Whom the patient has blocked.
	{"block/by-patient", refuseQuietly, writing | reading | mask | glass | declare | access, byCaregiver | barred, 0},
	{"block/lift-to-answer", refuse, send, byPatient | toCaregiver | barred, 0},

	// What a carer was not inScope with.
	{"carer/not-entrusted", refuse, send | recordActs, byPatient | carer, ownSpace | representative | inScope},

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
	{"mailbox/representative", allow, use, byPatient | toPatient | representative, 0},
	{"carer/uses-mailbox", allow, use, byPatient | toPatient | carer | inScope, 0},
	{"mailbox/not-yours", refuseQuietly, use, 0, 0},

	// The record, for its owner and those who stand for them.
	{"document/withdrawn", refuseQuietly, changing&^(file|restore) | read, withdrawn, 0},
	{"document/hidden-from-patient", refuseQuietly, changing&^file | read, byPatient | hiddenFromPatient, 0},
	{"document/hidden-from-representatives", refuseQuietly, changing&^file | read, byPatient | hiddenFromRepresentatives, ownSpace},
	{"document/owner-reads", allow, reading, byPatient | ownSpace, 0},
	{"document/representative-reads", allow, reading, byPatient | representative, 0},
	{"carer/reads-documents", allow, reading, byPatient | carer | inScope, 0},

	// What only the holder of the space does.
	{"trail/owner-reads", allow, trail, byPatient | ownSpace, 0},
	{"trail/representative-reads", allow, trail, byPatient | representative, 0},
	{"carer/reads-trail", allow, trail, byPatient | carer | inScope, 0},
	{"life/owner-decides", allow, live, byPatient | ownSpace, 0},
	{"life/representative-decides", allow, live, byPatient | representative, 0},
	{"delegation/owner-names", allow, name, byPatient | ownSpace, 0},
	{"delegation/representative-names", allow, name, byPatient | representative, 0},
	{"export/owner-takes", allow, export, byPatient | ownSpace, 0},
	{"export/representative-takes", allow, export, byPatient | representative, 0},
	{"filing/owner-arranges", allow, arrange, byPatient | ownSpace, 0},
	{"filing/representative-arranges", allow, arrange, byPatient | representative, 0},
	{"choices/owner-decides", allow, access, byPatient | ownSpace, 0},
	{"choices/representative-decides", allow, access, byPatient | representative, 0},
	{"choices/administrator-blocks", allow, access, byProfessional | administrator | blocksSomebody, 0},
	{"choices/administrator-only-blocks", refuse, access, byProfessional | administrator, 0},

	// Flags that may not stand together, whoever asks.
	{"flags/patient-hides-from-themselves", refuse, file, byPatient | hiddenFromPatient, 0},
	{"flags/masked-and-hidden", refuse, file | flags, masked | hiddenFromPatient, 0},
	{"flags/masked-before-announcement", refuse, mask, hiddenFromPatient, 0},
	{"flags/hidden-twice", refuse, file | flags, hiddenFromPatient | hiddenFromRepresentatives, 0},
	{"flags/secret-connection", refuse, file | flags, secretConnection, hiddenFromRepresentatives},
	{"flags/hidden-to-patient", refuse, flags, hiddenFromPatient | copyToPatient, 0},
	{"flags/secret-to-patient", refuse, flags, secretConnection | copyToPatient, 0},
	{"flags/masked-to-professional", refuse, flags, masked | copyToProfessional, 0},
	{"flags/secret-to-professional", refuse, flags, hiddenFromRepresentatives | copyToProfessional, 0},
	{"flags/permitted", allow, flags, 0, 0},

	// Adding to it and keeping it.
	{"document/owner-deposits", allow, file, byPatient | ownSpace, 0},
	{"document/representative-deposits", allow, file, byPatient | representative, 0},
	{"document/professional-files", allow, file, byCaregiver, 0},
	{"document/author-amends", allow, keeping, byCaregiver | author, 0},
	{"document/establishment-amends", allow, keeping, byCaregiver | establishmentAuthor, 0},
	{"document/owner-amends-deposit", allow, keeping, byPatient | ownSpace | depositedByPatient, 0},
	{"document/representative-amends-deposit", allow, keeping, byPatient | representative | depositedByPatient, 0},
	{"document/not-the-author", refuse, keeping, 0, 0},

	// From whom it is kept.
	{"document/owner-masks", allow, mask, byPatient | ownSpace, 0},
	{"document/representative-masks", allow, mask, byPatient | representative, 0},
	{"document/administrator-masks", allow, mask, byProfessional | administrator, 0},
	{"document/only-the-patient-masks", refuse, mask, 0, 0},
	{"announcement/author-hides", allow, hide, byCaregiver | author | beingFiled, 0},
	{"announcement/establishment-hides", allow, hide, byCaregiver | establishmentAuthor | beingFiled, 0},
	{"announcement/author-announces", allow, hide, byCaregiver | author | hiddenFromPatient, 0},
	{"announcement/establishment-announces", allow, hide, byCaregiver | establishmentAuthor | hiddenFromPatient, 0},
	{"announcement/treating-physician-announces", allow, hide, byProfessional | treatingPhysician | hiddenFromPatient, barred},
	{"announcement/only-at-filing", refuse, hide, byCaregiver | author, 0},
	{"announcement/not-yours", refuse, hide, 0, 0},
	{"secret/minor-keeps", allow, secret, byPatient | ownSpace, 0},
	{"secret/author-keeps", allow, secret, byProfessional | author | secretConnection, 0},
	{"secret/needs-secret-connection", refuse, secret, byProfessional | author, 0},
	{"secret/not-yours", refuse, secret, 0, 0},

	// A professional before somebody's record: what no authorisation opens.
	{"document/only-named-persons-read", refuseQuietly, reading | glass | declare, bySystem, 0},
	{"document/author-reads", allow, read, byProfessional | author, 0},
	{"document/restricted", refuseQuietly, read, byProfessional | restricted, 0},
	{"document/masked", refuseQuietly, read, byProfessional | masked, treatingPhysician | administrator},
	{"habilitation/not-this-type", refuseQuietly, read, byProfessional, typeHabilitated},
	{"habilitation/not-this-profession", refuseQuietly, list | glass | declare, byProfessional, professionHabilitated},

	// What opens it. An emergency comes before consent, so that the trail says it.
	{"access/treating-physician", allow, reading, byProfessional | treatingPhysician, 0},
	{"access/administrator", allow, reading, byProfessional | administrator, 0},
	{"emergency/break-glass", allow, reading, byProfessional | brokenGlass, 0},
	{"emergency/centre-15", allow, reading, byProfessional | centre15, 0},
	{"access/consent", allow, reading, byProfessional | consent, 0},
	{"access/care-team", allow, reading, byProfessional | careTeam, careTeamOpposed},

	// Why it stays shut.
	{"emergency/opposed", refuseQuietly, reading, byProfessional | emergencyOpposed, 0},
	{"emergency/patient-objected", refuse, glass, byProfessional | emergencyOpposed, 0}, // that there is a record they may know
	{"emergency/ended", refuseQuietly, reading, byProfessional | emergencyAsked, 0},
	{"access/care-team-opposed", refuseQuietly, reading, byProfessional | careTeam, 0},
	{"access/no-consent", refuseQuietly, reading, byProfessional, 0},
	{"emergency/no-reason", refuse, glass, byProfessional | emergencyAsked, reasonGiven},
	{"emergency/granted", allow, glass, byProfessional | emergencyAsked | reasonGiven, 0},

	// What a professional declares.
	{"care/team-opposed", refuse, declare, byProfessional | teamDeclared | careTeamOpposed, 0},
	{"care/team-declared", allow, declare, byProfessional | teamDeclared, 0},
	{"care/consent-declared", allow, declare, byProfessional | consentDeclared, 0},
}
