package policy

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// The people of the tests.
var (
	gp       = Actor{Role: Professional, Profession: Physician, ID: "gp", Establishment: "hospital"}
	optician = Actor{Role: Professional, Profession: Optician, ID: "optician"}
	ward     = Actor{Role: Organisation, ID: "ward", Establishment: "hospital", Device: "desk"}
	lab      = Actor{Role: Application, ID: "lab", Device: "lis"}
	partner  = Actor{Role: Partner, ID: "partner"}
	anna     = Actor{Role: Patient, ID: "anna", Device: "phone"}
	staff    = Actor{Role: Administrator, ID: "staff"}
	insurer  = Actor{Role: Insurer, ID: "insurer"}

	annasMailbox = Mailbox{Role: Patient, Owner: "anna"}
	gpsMailbox   = Mailbox{Role: Professional, Owner: "gp", Establishment: "hospital"}
	wardsMailbox = Mailbox{Role: Organisation, Owner: "ward", Establishment: "hospital"}
	annasSpace   = Space{Owner: "anna", State: Active}
	opened       = Thread{Exists: true, Open: true, OpenedByActor: true}
	endedThread  = Thread{Exists: true, OpenedByActor: true}
)

// toAnna is a mail of a to Anna, whose space is in that state.
func toAnna(a Actor, s SpaceState, t Thread) Request {
	return Request{Act: SendMail, Actor: a, Now: noon, SenderIsActor: true, Mailbox: annasMailbox,
		Space: Space{"anna", s}, Thread: t}
}

// fromAnna is a mail of Anna to m.
func fromAnna(m Mailbox, t Thread) Request {
	return Request{Act: SendMail, Actor: anna, Now: noon, SenderIsActor: true, Mailbox: m, Space: annasSpace, Thread: t}
}

func mail(a Actor, m Mailbox) Request {
	return Request{Act: SendMail, Actor: a, Now: noon, SenderIsActor: true, Mailbox: m}
}

// with returns r changed by the functions.
func with(r Request, change ...func(*Request)) Request {
	for _, f := range change {
		f(&r)
	}
	return r
}

func act(a Act) func(*Request)     { return func(r *Request) { r.Act = a } }
func blocked(r *Request)           { r.Relation.Blocked = true }
func blockSparesMail(r *Request)   { r.Relation.BlockSparesMail = true }
func elsewhereNamed(r *Request)    { r.Thread.Elsewhere = true }
func notTheSender(r *Request)      { r.SenderIsActor = false }
func isSuspended(r *Request)       { r.Actor.Suspended = true }
func withoutDevice(r *Request)     { r.Actor.Device = "" }
func isMember(r *Request)          { r.Mailbox.ActorIsMember = true }
func space(s Space) func(*Request) { return func(r *Request) { r.Space = s } }

type sentence struct {
	name string
	r    Request
	want Decision
}

func check(t *testing.T, table []sentence) {
	t.Helper()
	for _, tt := range table {
		t.Run(tt.name, func(t *testing.T) {
			if got := Decide(tt.r); got != tt.want {
				t.Errorf("Decide(%+v) = %v, want %v", tt.r, got, tt.want)
			}
		})
	}
}

func yes(rule string) Decision { return Decision{true, rule} }
func no(rule string) Decision  { return Decision{false, rule} }

func TestMailToAPatient(t *testing.T) {
	check(t, []sentence{
		{"a professional opens an exchange by writing", toAnna(gp, Active, Thread{}), yes("thread/professional-opens")},
		{"so does a ward", toAnna(ward, Active, Thread{}), yes("thread/professional-opens")},
		{"so does a laboratory's software", toAnna(lab, Active, Thread{}), yes("thread/professional-opens")},
		{"so does a mailbox of another operator", toAnna(partner, Active, Thread{}), yes("thread/professional-opens")},
		{"the next message continues it", toAnna(gp, Active, opened), yes("thread/professional-continues")},
		{"a message after the end opens it again", toAnna(gp, Active, endedThread), yes("thread/professional-reopens")},
		{"nobody has a space at this matricule", toAnna(gp, None, Thread{}), no("space/unknown")},
		{"a space never opened receives nothing", toAnna(gp, Enrolled, Thread{}), no("space/never-opened")},
		{"an opposed space receives nothing", toAnna(gp, Opposed, Thread{}), no("space/opposed")},
		{"a closed space receives nothing, even in an open exchange", toAnna(gp, Closed, opened), no("space/closed")},
		{"an archived space receives nothing", toAnna(gp, Archived, opened), no("space/archived")},
		{"an erased space receives nothing", toAnna(gp, Erased, opened), no("space/erased")},
		{"a state that does not exist receives nothing", toAnna(gp, 99, opened), no("space/unknown")},
		{"a blocked professional does not write", with(toAnna(gp, Active, opened), blocked), no("block/by-patient")},
		{"unless the hub lets blocks spare mail", with(toAnna(gp, Active, opened), blocked, blockSparesMail), yes("thread/professional-continues")},
		{"nobody writes in the name of another", with(toAnna(gp, Active, opened), notTheSender), no("sender/not-yours")},
		{"a suspended account does nothing", with(toAnna(gp, Active, opened), isSuspended), no("actor/suspended")},
		{"an insurer does not write", toAnna(insurer, Active, opened), no("never/insurers")},
		{"the operator's staff does not write", toAnna(staff, Active, opened), no("administrator/never-content")},
		{"nobody in particular does not write", toAnna(Actor{}, Active, opened), no("actor/unknown")},
		{"a role that does not exist does not write", toAnna(Actor{Role: 99}, Active, opened), no("actor/unknown")},
		{"the professional of an exchange ends it", with(toAnna(gp, Active, opened), act(EndThread)), yes("thread/professional-ends")},
		{"another professional does not", with(toAnna(gp, Active, Thread{Exists: true, Open: true}), act(EndThread)), no("thread/only-its-professional-ends")},
		{"an act that does not exist is refused", with(toAnna(gp, Active, opened), act(acts)), no(DefaultDeny)},
		{"no act at all is refused", with(toAnna(gp, Active, opened), act(0)), no(DefaultDeny)},
	})
}

func TestMailFromAPatient(t *testing.T) {
	check(t, []sentence{
		{"a patient answers a professional who wrote", fromAnna(gpsMailbox, opened), yes("thread/patient-answers")},
		{"a patient answers a ward that wrote", fromAnna(wardsMailbox, opened), yes("thread/patient-answers")},
		{"a patient answers somebody at another operator", fromAnna(Mailbox{Role: Partner, Owner: "p"}, opened), yes("thread/patient-answers")},
		{"a patient may not start a conversation", fromAnna(gpsMailbox, Thread{}), no("thread/only-professionals-open")},
		{"an unknown address gets the same answer", fromAnna(Mailbox{}, Thread{}), no("thread/only-professionals-open")},
		{"also if an exchange is claimed with it", fromAnna(Mailbox{}, opened), no("thread/only-professionals-open")},
		{"after the end there is no answer", fromAnna(gpsMailbox, endedThread), no("thread/ended")},
		{"an answer goes to the address the professional gave", fromAnna(wardsMailbox, opened), yes("thread/patient-answers")},
		{"and no longer to the one that wrote", with(fromAnna(gpsMailbox, opened), elsewhereNamed), no("thread/answer-elsewhere")},
		{"a patient does not write to a patient", fromAnna(Mailbox{Role: Patient, Owner: "bruno"}, opened), no("thread/patients-do-not-write-to-each-other")},
		{"not even to themselves", fromAnna(annasMailbox, opened), no("thread/patients-do-not-write-to-each-other")},
		{"nor to a matricule without space", fromAnna(Mailbox{Role: Patient}, Thread{}), no("thread/patients-do-not-write-to-each-other")},
		{"whom one has blocked one does not answer", with(fromAnna(gpsMailbox, opened), blocked), no("block/lift-to-answer")},
		{"unless the hub lets blocks spare mail", with(fromAnna(gpsMailbox, opened), blocked, blockSparesMail), yes("thread/patient-answers")},
		{"a closed space sends nothing", with(fromAnna(gpsMailbox, opened), space(Space{"anna", Closed})), no("space/closed")},
		{"a patient does not end an exchange", with(fromAnna(gpsMailbox, opened), act(EndThread)), no("thread/only-its-professional-ends")},
		{"a patient writes in their own name only", with(fromAnna(gpsMailbox, opened), notTheSender), no("sender/not-yours")},
	})
}

func TestMailBetweenProfessionals(t *testing.T) {
	check(t, []sentence{
		{"a professional writes to a ward", mail(gp, wardsMailbox), yes("mail/between-professionals")},
		{"software writes to a professional", mail(lab, gpsMailbox), yes("mail/between-professionals")},
		{"a professional writes to another operator", mail(gp, Mailbox{Role: Partner, Owner: "p"}), yes("mail/between-professionals")},
		{"another operator writes to a professional", mail(partner, gpsMailbox), yes("mail/between-professionals")},
		{"but not through us to a third", mail(partner, Mailbox{Role: Partner, Owner: "p"}), no("mail/no-relay")},
		{"an unknown address is refused", mail(gp, Mailbox{}), no("mail/unknown-address")},
		{"an insurer's address is unknown here", mail(gp, Mailbox{Role: Insurer, Owner: "i"}), no("mail/unknown-address")},
		{"nobody writes in the name of another", with(mail(gp, wardsMailbox), notTheSender), no("sender/not-yours")},
		{"answers may go to another mailbox of the same person", with(mail(gp, gpsMailbox), act(NameReplyTo)), yes("reply-to/same-person")},
		{"or of the same establishment", with(mail(gp, wardsMailbox), act(NameReplyTo)), yes("reply-to/same-establishment")},
		{"but not to a stranger", with(mail(optician, wardsMailbox), act(NameReplyTo)), no("reply-to/stranger")},
		{"two without establishment are not of the same", with(mail(optician, Mailbox{Role: Professional, Owner: "x"}), act(NameReplyTo)), no("reply-to/stranger")},
		{"nor to a patient", with(mail(gp, annasMailbox), act(NameReplyTo)), no("reply-to/stranger")},
	})
}

func TestLoginsAndMailboxes(t *testing.T) {
	login := func(a Actor, s SpaceState) Request { return Request{Act: Login, Actor: a, Space: Space{a.ID, s}} }
	use := func(a Actor, m Mailbox) Request {
		return Request{Act: UseMailbox, Actor: a, Mailbox: m, Space: annasSpace}
	}
	check(t, []sentence{
		{"a patient logs in to an active space", login(anna, Active), yes("login/known")},
		{"not to one that was never opened", login(anna, Enrolled), no("space/never-opened")},
		{"nor to one that is closed", login(anna, Closed), no("space/closed")},
		{"a professional logs in, whatever space there is", login(gp, None), yes("login/known")},
		{"the operator's staff logs in", login(staff, None), yes("login/known")},
		{"an insurer does not", login(insurer, None), no("never/insurers")},
		{"a suspended professional does not", with(login(gp, None), isSuspended), no("actor/suspended")},
		{"a patient uses their own mailbox", use(anna, annasMailbox), yes("mailbox/own")},
		{"a professional uses their own mailbox", use(gp, gpsMailbox), yes("mailbox/own")},
		{"a patient does not use another's", use(anna, Mailbox{Role: Patient, Owner: "bruno"}), no("mailbox/not-yours")},
		{"a professional does not use a patient's", use(gp, annasMailbox), no("mailbox/not-yours")},
		{"a member uses a shared mailbox", with(use(gp, wardsMailbox), isMember), yes("mailbox/member")},
		{"a stranger does not", use(gp, wardsMailbox), no("mailbox/not-yours")},
		{"a personal mailbox has no members", with(use(optician, gpsMailbox), isMember), no("mailbox/not-yours")},
		{"a patient is no member", with(use(anna, wardsMailbox), isMember), no("mailbox/not-yours")},
		{"a shared mailbox opens to its named devices", use(ward, wardsMailbox), yes("mailbox/own")},
		{"and to no other", with(use(ward, wardsMailbox), withoutDevice), no("mailbox/unnamed-device")},
		{"software uses its mailbox", use(lab, Mailbox{Role: Application, Owner: "lab"}), yes("mailbox/own")},
		{"another operator has no mailbox here", use(partner, Mailbox{Role: Partner, Owner: "partner"}), no("mailbox/partner-has-none")},
		{"the operator's staff reads no mail", use(staff, gpsMailbox), no("administrator/never-content")},
		{"nobody is not the owner of nothing", use(Actor{Role: Professional}, Mailbox{Role: Professional}), no("mailbox/not-yours")},
		{"an expired space closes the mailbox too", with(use(anna, annasMailbox), space(Space{"anna", Closed})), no("space/closed")},
	})
}
