package policy

import (
	"testing"
	"time"
)

var zero time.Time // of a fact nobody knows

// before is a professional before a document of Anna's.
func before(a Actor, typeCode string, change ...func(*Request)) Request {
	return with(Request{Act: ReadDocument, Actor: a, Now: noon, Space: annasSpace,
		Document: Document{TypeCode: typeCode, FiledAt: noon.AddDate(0, 0, -3)}}, change...)
}

func consented(r *Request)       { r.Relation.Consent = true }
func inCareTeam(r *Request)      { r.Relation.CareTeam = true }
func careTeamRefused(r *Request) { r.Relation.CareTeamOpposed = true }
func treating(r *Request)        { r.Relation.TreatingPhysician = true }
func entrusted(r *Request)       { r.Relation.Administrator = true }
func represents(r *Request) {
	r.Relation.LegalRepresentative, r.Relation.RepresentsUntil = true, noon.AddDate(1, 0, 0)
}
func isMasked(r *Request)          { r.Document.Masked = true }
func isHidden(r *Request)          { r.Document.HiddenFromPatient = true }
func isSecret(r *Request)          { r.Document.HiddenFromRepresentatives = true }
func isRestricted(r *Request)      { r.Document.Restricted = true }
func isWithdrawn(r *Request)       { r.Document.Withdrawn = true }
func byActor(r *Request)           { r.Document.AuthorIsActor = true }
func byEstablishment(r *Request)   { r.Document.AuthorIsEstablishment = true }
func deposited(r *Request)         { r.Document.DepositedByPatient = true }
func aMonthLater(r *Request)       { r.Now = r.Document.FiledAt.AddDate(0, 1, 0) }
func filedWithoutDate(r *Request)  { r.Document.FiledAt = zero }
func maskedToo(r *Request)         { r.Emergency.MaskedToo = true }
func withReason(r *Request)        { r.Emergency.Reason = true }
func opposesBreakGlass(r *Request) { r.Emergency.OpposedToBreakGlass = true }
func opposesCentre15(r *Request)   { r.Emergency.OpposedToCentre15 = true }
func withoutClock(r *Request)      { r.Now = zero }

func emergency(k EmergencyKind) func(*Request) {
	return func(r *Request) { r.Emergency.Kind, r.Emergency.Until = k, noon.Add(1) }
}

func over(r *Request) { r.Emergency.Until = noon }

const (
	report       = "11488-4" // CR de consultation
	eyeReport    = "78513-9" // CR de consultation en ophtalmologie
	residence    = "ATTEST-RESID"
	neverHeardOf = "99999-9"
)

func TestAProfessionalReads(t *testing.T) {
	aide := Actor{Role: Professional, Profession: NursingAssistant, ID: "aide"}
	check(t, []sentence{
		{"without consent nothing is read", before(gp, report), no("access/no-consent")},
		{"consent opens the record", before(gp, report, consented), yes("access/consent")},
		{"so does the care team", before(gp, report, inCareTeam), yes("access/care-team")},
		{"unless the patient objects", before(gp, report, inCareTeam, careTeamRefused), no("access/care-team-opposed")},
		{"express consent prevails over that objection", before(gp, report, inCareTeam, careTeamRefused, consented), yes("access/consent")},
		{"the treating physician reads", before(gp, report, treating), yes("access/treating-physician")},
		{"so does whom the patient entrusted", before(gp, report, entrusted), yes("access/administrator")},
		{"a blocked professional reads nothing", before(gp, report, consented, blocked), no("block/by-patient")},
		{"not even where blocks spare mail", before(gp, report, consented, blocked, blockSparesMail), no("block/by-patient")},
		{"not even the treating physician", before(gp, report, treating, blocked), no("block/by-patient")},
		{"not even what they filed", before(gp, report, byActor, blocked), no("block/by-patient")},
		{"a masked document is not seen", before(gp, report, consented, isMasked), no("document/masked")},
		{"but by its author", before(gp, report, isMasked, byActor), yes("document/author-reads")},
		{"and the treating physician", before(gp, report, treating, isMasked), yes("access/treating-physician")},
		{"and whom the patient entrusted", before(gp, report, entrusted, isMasked), yes("access/administrator")},
		{"what waits for the patient's announcement is read by professionals", before(gp, report, consented, isHidden), yes("access/consent")},
		{"a restricted document is not shared", before(gp, report, treating, isRestricted), no("document/restricted")},
		{"a withdrawn one is gone for its author too", before(gp, report, byActor, isWithdrawn), no("document/withdrawn")},
		{"a closed space shows nothing", before(gp, report, consented, space(Space{"anna", Closed})), no("space/closed")},
		{"the matrix refuses a physician a certificate of residence", before(gp, residence, treating), no("habilitation/not-this-type")},
		{"an optician reads an ophthalmologist's report", before(optician, eyeReport, consented), yes("access/consent")},
		{"but no other", before(optician, report, consented), no("habilitation/not-this-type")},
		{"a type this hub does not know is read by physicians", before(gp, neverHeardOf, consented), yes("access/consent")},
		{"and by nobody else", before(optician, neverHeardOf, consented), no("habilitation/not-this-type")},
		{"a profession without a row reads nothing", before(aide, report, consented), no("habilitation/not-this-type")},
		{"but what it filed", before(aide, report, byActor), yes("document/author-reads")},
		{"and sees no list", before(aide, "", consented, act(ListDocuments)), no("habilitation/not-this-profession")},
		{"consent shows that a record is there", before(optician, "", consented, act(ListDocuments)), yes("access/consent")},
		{"a ward reads no record", before(ward, report, consented), no("document/only-named-persons-read")},
		{"software reads no record", before(lab, report, consented), no("document/only-named-persons-read")},
		{"an insurer reads no record", before(insurer, report, consented, treating), no("never/insurers")},
		{"the operator's staff reads no record", before(staff, report, consented), no("administrator/never-content")},
	})
}

func TestEmergencies(t *testing.T) {
	asks := func(k EmergencyKind, change ...func(*Request)) Request {
		return with(before(gp, "", act(BreakGlass), emergency(k)), change...)
	}
	check(t, []sentence{
		{"a broken glass opens the record", before(gp, report, emergency(BrokenGlass)), yes("emergency/break-glass")},
		{"a broken glass closes by itself", before(gp, report, emergency(BrokenGlass), over), no("emergency/ended")},
		{"and stays closed without a clock", before(gp, report, emergency(BrokenGlass), withoutClock), no("emergency/ended")},
		{"the SAMU's regulator reads", before(gp, report, emergency(Centre15)), yes("emergency/centre-15")},
		{"the trail says emergency even beside consent", before(gp, report, emergency(BrokenGlass), consented), yes("emergency/break-glass")},
		{"an opposition made meanwhile closes it", before(gp, report, emergency(BrokenGlass), opposesBreakGlass), no("emergency/opposed")},
		{"the two oppositions are separate", before(gp, report, emergency(BrokenGlass), opposesCentre15), yes("emergency/break-glass")},
		{"the other way round too", before(gp, report, emergency(Centre15), opposesBreakGlass), yes("emergency/centre-15")},
		{"the SAMU may be opposed", before(gp, report, emergency(Centre15), opposesCentre15), no("emergency/opposed")},
		{"consent remains when the glass may not be broken", before(gp, report, emergency(BrokenGlass), opposesBreakGlass, consented), yes("access/consent")},
		{"masked documents stay masked in an emergency", before(gp, report, emergency(BrokenGlass), isMasked), no("document/masked")},
		{"unless the patient lets them be seen then", before(gp, report, emergency(BrokenGlass), isMasked, maskedToo), yes("emergency/break-glass")},
		{"and only then", before(gp, report, emergency(BrokenGlass), isMasked, maskedToo, over, consented), no("document/masked")},
		{"the matrix holds in an emergency", before(optician, report, emergency(BrokenGlass)), no("habilitation/not-this-type")},
		{"the blocked stay blocked in an emergency", before(gp, report, emergency(BrokenGlass), blocked), no("block/by-patient")},
		{"an emergency is granted for a reason", asks(BrokenGlass, withReason), yes("emergency/granted")},
		{"and not without one", asks(BrokenGlass), no("emergency/no-reason")},
		{"nor against the patient's opposition", asks(BrokenGlass, withReason, opposesBreakGlass), no("emergency/patient-objected")},
		{"nor to the blocked", asks(BrokenGlass, withReason, blocked), no("block/by-patient")},
		{"nor to a profession that reads nothing", with(asks(BrokenGlass, withReason), func(r *Request) { r.Actor.Profession = AmbulanceDriver }), no("habilitation/not-this-profession")},
		{"nor for no kind of emergency", asks(NoEmergency, withReason), no(DefaultDeny)},
		{"nor to the patient", with(asks(BrokenGlass, withReason), func(r *Request) { r.Actor = anna }), no(DefaultDeny)},
		{"nor to software", with(asks(BrokenGlass, withReason), func(r *Request) { r.Actor = lab }), no("document/only-named-persons-read")},
	})
}

func TestThePatientsOwnRecord(t *testing.T) {
	bruno := Actor{Role: Patient, ID: "bruno"}
	check(t, []sentence{
		{"a patient reads their own record", before(anna, report), yes("document/owner-reads")},
		{"and what is masked from professionals", before(anna, report, isMasked), yes("document/owner-reads")},
		{"and lists it", before(anna, "", act(ListDocuments)), yes("document/owner-reads")},
		{"what waits for its announcement is not shown", before(anna, report, isHidden), no("document/hidden-from-patient")},
		{"it shows by itself after a month", before(anna, report, isHidden, aMonthLater), yes("document/owner-reads")},
		{"not if nobody knows since when it waits", before(anna, report, isHidden, filedWithoutDate), no("document/hidden-from-patient")},
		{"a patient does not read another's", before(bruno, report), no("document/not-yours")},
		{"whatever is said of consent", before(bruno, report, consented, treating, entrusted, inCareTeam), no("document/not-yours")},
		{"whether or not that space exists", before(bruno, report, space(Space{})), no("document/not-yours")},
		{"a legal representative reads", before(bruno, report, represents), yes("document/representative-reads")},
		{"but not what keeps the minor's secret", before(bruno, report, represents, isSecret), no("document/hidden-from-representatives")},
		{"which the minor reads", before(anna, report, isSecret), yes("document/owner-reads")},
		{"nor what waits for its announcement", before(bruno, report, represents, isHidden), no("document/hidden-from-patient")},
		{"a legal representative masks for the child", before(bruno, report, represents, act(MaskDocument)), yes("document/representative-masks")},
		{"and deposits for it", before(bruno, "DOCPAT03", represents, act(FileDocument)), yes("document/representative-deposits")},
		{"until its majority", before(bruno, report, represents, func(r *Request) { r.Relation.RepresentsUntil = noon }), no("delegation/ended")},
	})
}

func TestChangingARecord(t *testing.T) {
	check(t, []sentence{
		{"a professional files", before(gp, report, act(FileDocument)), yes("document/professional-files")},
		{"so does software", before(lab, report, act(FileDocument)), yes("document/professional-files")},
		{"a block governs reading, not filing", before(gp, report, act(FileDocument), blocked), yes("document/professional-files")},
		{"nobody files into an opposed space", before(gp, report, act(FileDocument), space(Space{"anna", Opposed})), no("space/opposed")},
		{"a patient deposits", before(anna, "DOCPAT03", act(FileDocument)), yes("document/owner-deposits")},
		{"but not at another's", before(Actor{Role: Patient, ID: "bruno"}, "DOCPAT03", act(FileDocument)), no("document/not-yours")},
		{"the author replaces", before(gp, report, act(AmendDocument), byActor), yes("document/author-amends")},
		{"so does their establishment", before(ward, report, act(AmendDocument), byEstablishment), yes("document/establishment-amends")},
		{"others do not", before(gp, report, act(AmendDocument), treating), no("document/not-the-author")},
		{"a patient withdraws what they deposited", before(anna, report, act(AmendDocument), deposited), yes("document/owner-amends-deposit")},
		{"and nothing else", before(anna, report, act(AmendDocument)), no("document/not-the-author")},
		{"what is withdrawn is not withdrawn twice", before(gp, report, act(AmendDocument), byActor, isWithdrawn), no("document/withdrawn")},
		{"a patient masks", before(anna, report, act(MaskDocument)), yes("document/owner-masks")},
		{"so does whom they entrusted", before(gp, report, act(MaskDocument), entrusted), yes("document/administrator-masks")},
		{"and nobody else", before(gp, report, act(MaskDocument), treating, byActor), no("document/only-the-patient-masks")},
	})
}
