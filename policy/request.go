package policy

import "time"

// A Request is one question: may this actor do this act, given these facts? A
// fact that the act does not concern is left zero; a fact that is not known is
// left zero too, and then gives less, never more.
type Request struct {
	Act   Act
	Actor Actor
	Now   time.Time // of the act; without it no grant is in force

	// SenderIsActor says that MAIL FROM and From: are mailboxes of the actor, or
	// of the patient for whom a representative or a carer writes.
	SenderIsActor bool

	Mailbox   Mailbox   // written to, used, or named in Reply-To
	Space     Space     // of the patient concerned: the addressee, the owner of the record, or the actor
	Thread    Thread    // the exchange between that patient and the correspondent
	Relation  Relation  // what stands between that patient and the professional, the representative or the carer
	Emergency Emergency // asked for, or granted
	Document  Document

	Matrix *Matrix // of the operator; nil: the shipped one

	Declares         Care // in DeclareCare
	BlocksSomebody   bool // in ManageAccess: what is asked is to block a professional, nothing else
	SecretConnection bool // connexion secrète: a minor is cared for without their representatives knowing
}

// An Act is what somebody wants to do. The zero Act is refused.
type Act uint8

// The acts. There is none for opening an exchange or answering in one: a mail
// does not say which it is, the facts do, and the rule that decides names it.
// Where an act goes both ways, Document says how things stand before it.
const (
	Login                   Act = iota + 1 // begin a session
	SendMail                               // to one addressee; asked for each
	EndThread                              // the FIN of a mail; asked beside SendMail, with the exchange as that mail leaves it
	NameReplyTo                            // have answers go to the mailbox named in Reply-To; refused, the header is without effect
	UseMailbox                             // read, flag, move, delete, append
	ListDocuments                          // see that a record is there; each document of it is then asked for by ReadDocument
	ReadDocument                           // see one document, be it as a line of a list
	FileDocument                           // add one to a record, with the flags its author gives it
	AmendDocument                          // replace or withdraw one
	MaskDocument                           // mask one from professionals, or unmask it
	BreakGlass                             // be granted an emergency access
	DeclareCare                            // say that one is of the care team, or that the patient agreed
	HideDocument                           // hide one from the patient at filing, or announce the one that is hidden
	HideFromRepresentatives                // keep one from a minor's representatives, or show it to them
	ArchiveDocument                        // put one away
	RestoreDocument                        // take it out again, or undo its withdrawal
	ManageAccess                           // block, grant, consent, oppose; all choices about who may see
	ReadTrail                              // see who did what in a space
	LiveSpace                              // open, oppose, close, open again, ask for erasure
	Delegate                               // name or end a carer or a second representative
	ExportRecord                           // take the whole of it away
	ArrangeRecord                          // keep its documents in folders of one's own, and what matters at hand
	setFlags                               // asked by CheckFlags
	acts                    = iota + 1
)

var actNames = [acts]string{"none", "login", "send-mail", "end-thread", "name-reply-to", "use-mailbox",
	"list-documents", "read-document", "file-document", "amend-document", "mask-document", "break-glass",
	"declare-care", "hide-document", "hide-from-representatives", "archive-document", "restore-document",
	"manage-access", "read-trail", "live-space", "delegate", "export-record", "arrange-record", "set-flags"}

// String returns the name of a, as the trail has it.
func (a Act) String() string {
	if int(a) < len(actNames) {
		return actNames[a]
	}
	return actNames[0]
}

// A Mailbox is the other end of an act.
type Mailbox struct {
	Role          Role   // of its owner; an address of the patient domain is a Patient's, known or not; zero if not known
	Owner         string // compared with Actor.ID
	Establishment string // compared with Actor.Establishment
	ActorIsMember bool   // the actor is named among those who share it
}

// A Space is a patient's space: its owner and where it is in its life.
type Space struct {
	Owner string // compared with Actor.ID
	State SpaceState
}

// A SpaceState is where a space is in its life.
type SpaceState uint8

// The states. Only an Active space receives or shows anything.
const (
	None     SpaceState = iota // no such space
	Enrolled                   // announced, never opened
	Opposed                    // its owner objected to it
	Active
	Closed   // by its owner
	Archived // closed and put away, until the legal delay ends
	Erased
	spaceStates = iota
)

// A Thread is the exchange between one patient and one address.
type Thread struct {
	Exists        bool // a professional has opened it
	Open          bool // and has not ended it
	OpenedByActor bool // the actor is the professional of this exchange
	Elsewhere     bool // the professional gave another address for answers: this one takes none
}

// A Relation is what patient and law say of this professional, or of this
// other person, with regard to this patient.
type Relation struct {
	Blocked         bool // by the patient
	BlockSparesMail bool // a setting of the hub: a block stops reading only (unknown in the sources; the default stops both)

	TreatingPhysician bool // médecin traitant
	Administrator     bool // given full rights by the patient
	Consent           bool // explicit, and in force
	CareTeam          bool // a member; presumed authorised
	CareTeamOpposed   bool // the patient objects to that presumption

	LegalRepresentative bool      // of the owner of the space
	RepresentsUntil     time.Time // majority, or the end of the guardianship; without it nobody is represented

	Carer      bool      // aidant: named by the patient
	Scope      Scope     // what the patient entrusted to the carer
	CarerUntil time.Time // end of the delegation; without it there is none
}

// A Scope is a set of things that a patient entrusts to a carer.
type Scope uint8

// What may be entrusted. Nothing else ever is: a carer changes no document,
// decides on no access, and names nobody.
const (
	ReadDocuments Scope = 1 << iota
	ReadMessages        // UseMailbox, on the patient's mailbox
	WriteMessages       // SendMail, in the patient's name
	Agenda
	Profile
	Trail
)

// A Care is what a professional declares to be, with regard to a patient.
type Care uint8

// The declarations that open a record without an emergency (CSP R.1111-46).
const (
	NoCare        Care = iota
	InCareTeam         // the patient was informed and has not objected
	PatientAgreed      // by any means
)

// An Emergency is an access outside consent: asked for in BreakGlass, granted
// and bounded in the other acts.
type Emergency struct {
	Kind                EmergencyKind
	Reason              bool      // given, in words
	Until               time.Time // end of the grant
	OpposedToBreakGlass bool      // the patient's two oppositions are separate
	OpposedToCentre15   bool
	MaskedToo           bool // the patient lets masked documents be seen then
}

// An EmergencyKind is one of the two emergencies of the law.
type EmergencyKind uint8

// The kinds.
const (
	NoEmergency EmergencyKind = iota
	BrokenGlass               // bris de glace: the patient cannot speak (CSP L.1111-17)
	Centre15                  // the regulating physician of the SAMU
)

// A Document is what policy needs to know of one. Its class is derived from
// its type: a class that its author claims gives no right.
type Document struct {
	TypeCode string // JDV_J07; one that this package does not list is read by those who may read all

	Masked                    bool      // MASQUE_PS
	HiddenFromPatient         bool      // INVISIBLE_PATIENT, for at most AnnouncementMonths
	HiddenFromRepresentatives bool      // INVISIBLE_REPRESENTANTS_LEGAUX
	Restricted                bool      // confidentiality R or V
	Withdrawn                 bool      // deleted logically
	FiledAt                   time.Time // without it HiddenFromPatient has no end
	BeingFiled                bool      // the act is a part of filing it: the patient cannot have seen it

	AuthorIsActor         bool // the actor filed it
	AuthorIsEstablishment bool // the establishment the actor acts for filed it
	DepositedByPatient    bool // or in their name
}

// AnnouncementMonths is how long a document may be hidden from the patient
// while it waits to be announced; after that it shows by itself (CSP R.1111-53).
const AnnouncementMonths = 1
