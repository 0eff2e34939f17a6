package policy

import (
	"testing"
	"time"
)

var bruno = Actor{Role: Patient, ID: "bruno"}

// onAnnas asks for an act on Anna's space, without a document.
func onAnnas(a Actor, do Act, change ...func(*Request)) Request {
	return before(a, "", append([]func(*Request){act(do)}, change...)...)
}

func state(s SpaceState) func(*Request) { return func(r *Request) { r.Space.State = s } }
func blocks(r *Request)                 { r.BlocksSomebody = true }
func inSecret(r *Request)               { r.SecretConnection = true }
func isBeingFiled(r *Request)           { r.Document.BeingFiled = true }
func declaresTeam(r *Request)           { r.Declares = InCareTeam }
func declaresConsent(r *Request)        { r.Declares = PatientAgreed }
func ofAge(r *Request)                  { r.Relation.RepresentsUntil = noon }
func carerEnds(at time.Time) func(*Request) {
	return func(r *Request) { r.Relation.CarerUntil = at }
}

// caresFor makes the actor a carer to whom that was entrusted.
func caresFor(s Scope) func(*Request) {
	return func(r *Request) {
		r.Relation.Carer, r.Relation.Scope, r.Relation.CarerUntil = true, s, noon.Add(time.Hour)
	}
}

func TestOnlyTheHolderOfASpaceDecides(t *testing.T) {
	check(t, []sentence{
		{"a patient blocks, consents and chooses", onAnnas(anna, ManageAccess), yes("choices/owner-decides")},
		{"a representative does so for a child", onAnnas(bruno, ManageAccess, represents), yes("choices/representative-decides")},
		{"not for somebody of age", onAnnas(bruno, ManageAccess, represents, ofAge), no("delegation/ended")},
		{"nor does a carer, whatever was entrusted", onAnnas(bruno, ManageAccess, caresFor(^Scope(0))), no("carer/not-entrusted")},
		{"whom the patient entrusted blocks for them", onAnnas(gp, ManageAccess, entrusted, blocks), yes("choices/administrator-blocks")},
		{"and chooses nothing else", onAnnas(gp, ManageAccess, entrusted), no("choices/administrator-only-blocks")},
		{"and not once blocked", onAnnas(gp, ManageAccess, entrusted, blocks, blocked), no("block/by-patient")},
		{"the treating physician chooses nothing", onAnnas(gp, ManageAccess, treating, blocks), no("choices/only-the-patient")},
		{"whether or not that space exists", onAnnas(gp, ManageAccess, space(Space{})), no("choices/only-the-patient")},

		{"a patient reads who did what", onAnnas(anna, ReadTrail), yes("trail/owner-reads")},
		{"so does a representative", onAnnas(bruno, ReadTrail, represents), yes("trail/representative-reads")},
		{"and a carer, if entrusted", onAnnas(bruno, ReadTrail, caresFor(Trail)), yes("carer/reads-trail")},
		{"and only then", onAnnas(bruno, ReadTrail, caresFor(ReadDocuments|Profile)), no("carer/not-entrusted")},
		{"a professional never does", onAnnas(gp, ReadTrail, treating, entrusted, consented), no("trail/only-the-patient")},
		{"nor the operator's staff", onAnnas(staff, ReadTrail), no("administrator/never-content")},

		{"a patient opens a space that was announced", onAnnas(anna, LiveSpace, state(Enrolled)), yes("life/owner-decides")},
		{"changes their mind", onAnnas(anna, LiveSpace, state(Opposed)), yes("life/owner-decides")},
		{"closes it", onAnnas(anna, LiveSpace), yes("life/owner-decides")},
		{"opens it again", onAnnas(anna, LiveSpace, state(Closed)), yes("life/owner-decides")},
		{"also from the archive", onAnnas(anna, LiveSpace, state(Archived)), yes("life/owner-decides")},
		{"what is erased does not come back", onAnnas(anna, LiveSpace, state(Erased)), no("space/erased")},
		{"a representative decides for a child", onAnnas(bruno, LiveSpace, represents, state(Enrolled)), yes("life/representative-decides")},
		{"a carer does not", onAnnas(bruno, LiveSpace, caresFor(^Scope(0))), no("carer/not-entrusted")},
		{"nor a professional", onAnnas(gp, LiveSpace, treating), no("life/only-the-patient")},

		{"a patient names a carer", onAnnas(anna, Delegate), yes("delegation/owner-names")},
		{"a representative names a second one", onAnnas(bruno, Delegate, represents), yes("delegation/representative-names")},
		{"a carer names nobody", onAnnas(bruno, Delegate, caresFor(^Scope(0))), no("carer/not-entrusted")},
		{"a professional names nobody", onAnnas(gp, Delegate, entrusted), no("delegation/only-the-patient")},

		{"a patient takes their record away", onAnnas(anna, ExportRecord), yes("export/owner-takes")},
		{"so does a representative", onAnnas(bruno, ExportRecord, represents), yes("export/representative-takes")},
		{"a carer does not", onAnnas(bruno, ExportRecord, caresFor(^Scope(0))), no("carer/not-entrusted")},
		{"nor a professional", onAnnas(gp, ExportRecord, treating, entrusted), no("export/only-the-patient")},
		{"a stranger is told nothing", onAnnas(bruno, ExportRecord), no("document/not-yours")},

		{"a patient keeps their documents in order", onAnnas(anna, ArrangeRecord), yes("filing/owner-arranges")},
		{"so does a representative", onAnnas(bruno, ArrangeRecord, represents), yes("filing/representative-arranges")},
		{"a carer does not", onAnnas(bruno, ArrangeRecord, caresFor(^Scope(0))), no("carer/not-entrusted")},
		{"nor a professional, whatever was entrusted to them", onAnnas(gp, ArrangeRecord, treating, entrusted), no("filing/only-the-patient")},
		{"nobody, once it is closed", onAnnas(anna, ArrangeRecord, state(Closed)), no("space/closed")},
	})
}

func TestCarers(t *testing.T) {
	reads, mails := caresFor(ReadDocuments), caresFor(ReadMessages|WriteMessages)
	use := func(change ...func(*Request)) Request {
		return with(Request{Act: UseMailbox, Actor: bruno, Now: noon, Mailbox: annasMailbox, Space: annasSpace}, change...)
	}
	answer := func(change ...func(*Request)) Request {
		return with(fromAnna(gpsMailbox, opened), append(change, func(r *Request) { r.Actor = bruno })...)
	}
	check(t, []sentence{
		{"a carer reads what was entrusted", before(bruno, report, reads), yes("carer/reads-documents")},
		{"and lists it", onAnnas(bruno, ListDocuments, reads), yes("carer/reads-documents")},
		{"but reads no document if only messages were", before(bruno, report, mails), no("carer/not-entrusted")},
		{"nothing after the end", before(bruno, report, reads, carerEnds(noon)), no("delegation/ended")},
		{"nothing without an end", before(bruno, report, reads, carerEnds(zero)), no("delegation/ended")},
		{"nothing without a clock", before(bruno, report, reads, withoutClock), no("delegation/ended")},
		{"not what keeps a minor's secret", before(bruno, report, reads, isSecret), no("document/hidden-from-representatives")},
		{"not what waits for its announcement", before(bruno, report, reads, isHidden), no("document/hidden-from-patient")},
		{"a carer changes nothing", before(bruno, report, caresFor(^Scope(0)), act(MaskDocument)), no("carer/not-entrusted")},
		{"deposits nothing", before(bruno, "DOCPAT03", caresFor(^Scope(0)), act(FileDocument)), no("carer/not-entrusted")},
		{"a carer reads messages if entrusted", use(mails), yes("carer/uses-mailbox")},
		{"and not otherwise", use(reads), no("mailbox/not-yours")},
		{"nor in the mailbox of somebody else", use(mails, func(r *Request) { r.Mailbox.Owner = "claire" }), no("mailbox/not-yours")},
		{"a representative reads a child's messages", use(represents), yes("mailbox/representative")},
		{"until it is of age", use(represents, ofAge), no("delegation/ended")},
		{"a carer answers for the patient if entrusted", answer(mails), yes("thread/patient-answers")},
		{"and not otherwise", answer(reads), no("carer/not-entrusted")},
		{"nor after the end", answer(mails, carerEnds(noon)), no("delegation/ended")},
		{"a representative answers for a child", answer(represents), yes("thread/patient-answers")},
		{"nobody else does", answer(), no("delegation/none")},
		{"a blocked professional stays blocked for the carer too", answer(mails, blocked), no("block/lift-to-answer")},
	})
}

func TestDeclaringToCare(t *testing.T) {
	aide := Actor{Role: Professional, Profession: NursingAssistant, ID: "aide"}
	check(t, []sentence{
		{"a professional declares to be of the care team", onAnnas(gp, DeclareCare, declaresTeam), yes("care/team-declared")},
		{"not if the patient objects", onAnnas(gp, DeclareCare, declaresTeam, careTeamRefused), no("care/team-opposed")},
		{"but express consent may still be declared", onAnnas(gp, DeclareCare, declaresConsent, careTeamRefused), yes("care/consent-declared")},
		{"the blocked declare nothing", onAnnas(gp, DeclareCare, declaresConsent, blocked), no("block/by-patient")},
		{"nor into a closed space", onAnnas(gp, DeclareCare, declaresConsent, state(Closed)), no("space/closed")},
		{"nor does a profession that reads nothing", onAnnas(aide, DeclareCare, declaresConsent), no("habilitation/not-this-profession")},
		{"nor software", onAnnas(lab, DeclareCare, declaresConsent), no("document/only-named-persons-read")},
		{"nor a patient", onAnnas(anna, DeclareCare, declaresConsent), no(DefaultDeny)},
		{"nothing declared is nothing", onAnnas(gp, DeclareCare), no(DefaultDeny)},
	})
}

func TestAnnouncing(t *testing.T) {
	hide := func(a Actor, change ...func(*Request)) Request {
		return before(a, report, append(change, act(HideDocument))...)
	}
	check(t, []sentence{
		{"the author hides what they file until they announce it", hide(gp, byActor, isBeingFiled), yes("announcement/author-hides")},
		{"so does their establishment", hide(ward, byEstablishment, isBeingFiled), yes("announcement/establishment-hides")},
		{"not later: the patient may have read it", hide(gp, byActor), no("announcement/only-at-filing")},
		{"the author announces", hide(gp, byActor, isHidden), yes("announcement/author-announces")},
		{"even if blocked since", hide(gp, byActor, isHidden, blocked), yes("announcement/author-announces")},
		{"so does their establishment", hide(ward, byEstablishment, isHidden), yes("announcement/establishment-announces")},
		{"and the treating physician", hide(gp, treating, isHidden), yes("announcement/treating-physician-announces")},
		{"but not if blocked", hide(gp, treating, isHidden, blocked), no("announcement/not-yours")},
		{"another professional does not", hide(gp, consented, isHidden), no("announcement/not-yours")},
		{"the patient does not know of it", hide(anna, isHidden), no("document/hidden-from-patient")},
		{"and hides nothing from themselves", hide(anna), no("announcement/not-yours")},
		{"not even what they deposit", before(anna, "DOCPAT03", act(FileDocument), isHidden), no("flags/patient-hides-from-themselves")},
		{"nor masks what they do not know of", before(anna, report, act(MaskDocument), isHidden), no("document/hidden-from-patient")},
		{"and nobody else does before it is announced", before(gp, report, act(MaskDocument), entrusted, isHidden), no("flags/masked-before-announcement")},
	})
}

func TestAMinorsSecrets(t *testing.T) {
	keep := func(a Actor, change ...func(*Request)) Request {
		return before(a, report, append(change, act(HideFromRepresentatives))...)
	}
	check(t, []sentence{
		{"a minor keeps a document from their representatives", keep(anna), yes("secret/minor-keeps")},
		{"and shows it to them again", keep(anna, isSecret), yes("secret/minor-keeps")},
		{"the author does so in a secret connection", keep(gp, byActor, inSecret), yes("secret/author-keeps")},
		{"and not otherwise", keep(gp, byActor), no("secret/needs-secret-connection")},
		{"another professional does not", keep(gp, treating, inSecret), no("secret/not-yours")},
		{"representatives do not know of it", keep(bruno, represents, isSecret), no("document/hidden-from-representatives")},
		{"and do not keep anything from themselves", keep(bruno, represents), no("secret/not-yours")},
		{"they do not mask it either", before(bruno, report, represents, isSecret, act(MaskDocument)), no("document/hidden-from-representatives")},
		{"a secret connection files what representatives do not see", before(gp, report, act(FileDocument), inSecret, isSecret), yes("document/professional-files")},
		{"and nothing else", before(gp, report, act(FileDocument), inSecret), no("flags/secret-connection")},
		{"it reads as any other", before(gp, report, consented, inSecret), yes("access/consent")},
	})
}

func TestArchivingAndRestoring(t *testing.T) {
	for _, do := range []Act{ArchiveDocument, RestoreDocument} {
		check(t, []sentence{
			{do.String() + ": the author", before(gp, report, act(do), byActor), yes("document/author-amends")},
			{do.String() + ": the establishment", before(ward, report, act(do), byEstablishment), yes("document/establishment-amends")},
			{do.String() + ": the patient, what they deposited", before(anna, report, act(do), deposited), yes("document/owner-amends-deposit")},
			{do.String() + ": the patient, nothing else", before(anna, report, act(do)), no("document/not-the-author")},
			{do.String() + ": a representative, what was deposited", before(bruno, report, act(do), represents, deposited), yes("document/representative-amends-deposit")},
			{do.String() + ": another professional, nothing", before(gp, report, act(do), treating), no("document/not-the-author")},
		})
	}
	check(t, []sentence{
		{"what is withdrawn is restored by its author", before(gp, report, act(RestoreDocument), byActor, isWithdrawn), yes("document/author-amends")},
		{"by nobody else", before(anna, report, act(RestoreDocument), isWithdrawn), no("document/not-the-author")},
		{"and not archived", before(gp, report, act(ArchiveDocument), byActor, isWithdrawn), no("document/withdrawn")},
	})
}
