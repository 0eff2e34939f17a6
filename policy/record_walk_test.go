package policy

import (
	"slices"
	"testing"
	"time"
)

// The record from the outside, over whole Requests: every profession, every
// type, every state, everything that may stand between patient and
// professional. What is right is said here a second time, in one sentence.

var relations = []func(*Request){consented, inCareTeam, careTeamRefused, treating, entrusted, blocked,
	emergency(BrokenGlass), emergency(Centre15), over, opposesBreakGlass, opposesCentre15, maskedToo}

var states = []func(*Request){isMasked, isHidden, isSecret, isRestricted, isWithdrawn, byActor}

// mayRead is the law for a professional, said again.
func mayRead(r *Request, habilitated bool) bool {
	n, e, d := &r.Relation, &r.Emergency, &r.Document
	inEmergency := r.Now.Before(e.Until) &&
		(e.Kind == BrokenGlass && !e.OpposedToBreakGlass || e.Kind == Centre15 && !e.OpposedToCentre15)
	trusted := n.TreatingPhysician || n.Administrator
	return r.Space.State == Active && !n.Blocked && !d.Withdrawn &&
		(d.AuthorIsActor || habilitated && !d.Restricted &&
			(!d.Masked || trusted || inEmergency && e.MaskedToo) &&
			(trusted || inEmergency || n.Consent || n.CareTeam && !n.CareTeamOpposed))
}

// some calls f with nothing of list, each of it, and each two of it.
func some(list []func(*Request), f func(set ...func(*Request))) {
	f()
	for i, a := range list {
		f(a)
		for _, b := range list[i+1:] {
			f(a, b)
		}
	}
}

func TestEveryProfessionBeforeEveryTypeInEveryState(t *testing.T) {
	types := append(DocumentTypes(), DocumentType{Code: neverHeardOf}, DocumentType{})
	everybody := append(slices.Collect(Professions()), "G15_99", "")
	n := 0
	for s := range SpaceState(spaceStates + 1) {
		some(relations, func(set ...func(*Request)) {
			r := with(before(gp, ""), append(set, state(s))...)
			for _, p := range everybody {
				r.Actor.Profession = p
				for _, d := range types {
					r.Document.TypeCode = d.Code
					n++
					if got, want := Decide(r), mayRead(&r, Habilitated(p, d.Code)); got.Allow != want {
						t.Fatalf("Decide(%+v) = %v, want %v", r, got, want)
					}
				}
			}
		})
	}
	t.Logf("%d requests", n)
}

func TestEveryStateOfADocumentBeforeEveryRelation(t *testing.T) {
	n := 0
	for set := range 1 << (len(relations) + len(states)) {
		r := before(gp, report)
		for i, f := range append(slices.Clone(relations), states...) {
			if set>>i&1 == 1 {
				f(&r)
			}
		}
		for _, p := range []Profession{Physician, Optician, AmbulanceDriver} {
			r.Actor.Profession = p
			n++
			if got, want := Decide(r), mayRead(&r, Habilitated(p, report)); got.Allow != want {
				t.Fatalf("Decide(%+v) = %v, want %v", r, got, want)
			}
		}
	}
	t.Logf("%d requests", n)
}

func TestNobodyElseReachesContent(t *testing.T) {
	for _, role := range []Role{0, Organisation, Application, Partner, Administrator, Insurer, Employer, State, 99} {
		for _, do := range []Act{ListDocuments, ReadDocument, BreakGlass, DeclareCare, ManageAccess, ReadTrail, LiveSpace, Delegate, ExportRecord, ArrangeRecord, MaskDocument} {
			some(append(slices.Clone(relations), represents, caresFor(^Scope(0)), withReason, declaresTeam, declaresConsent, blocks), func(set ...func(*Request)) {
				for _, d := range DocumentTypes() {
					r := with(before(Actor{Role: role, ID: "anna", Device: "desk", Profession: Physician}, d.Code, act(do)), set...)
					if got := Decide(r); got.Allow {
						t.Fatalf("Decide(%+v) = %v", r, got)
					}
				}
			})
		}
	}
}

// The patient's side: the owner, representatives and carers, in force or not.
func TestEveryPersonBeforeEveryDocument(t *testing.T) {
	ends := []time.Time{zero, noon.Add(-1), noon, noon.Add(1)}
	for s := range SpaceState(spaceStates + 1) {
		for _, actor := range []Actor{anna, bruno} {
			for _, until := range ends {
				for scope := range Scope(1 << 6) {
					for set := range 1 << 6 {
						has := func(bit int) bool { return set>>bit&1 == 1 }
						r := before(actor, report, state(s))
						r.Relation = Relation{LegalRepresentative: has(0), RepresentsUntil: until, Carer: has(1), CarerUntil: until, Scope: scope}
						r.Document.HiddenFromPatient, r.Document.HiddenFromRepresentatives, r.Document.Withdrawn = has(2), has(3), has(4)
						if has(5) {
							aMonthLater(&r)
							r.Relation.RepresentsUntil, r.Relation.CarerUntil = later(until), later(until)
						}
						own := actor.ID == "anna"
						delegated := r.Now.Before(r.Relation.RepresentsUntil) && (has(0) || has(1) && scope&ReadDocuments != 0)
						want := s == Active && (own || delegated && !has(3)) && !has(4) && (!has(2) || has(5))
						if got := Decide(r); got.Allow != want {
							t.Fatalf("Decide(%+v) = %v, want %v", r, got, want)
						}
					}
				}
			}
		}
	}
}

// later moves a time by as much as aMonthLater moves the clock.
func later(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	filed := noon.AddDate(0, 0, -3)
	return t.Add(filed.AddDate(0, 1, 0).Sub(noon))
}

func TestWhoCanSeeADocument(t *testing.T) {
	n := 0
	for p, d := range Readers(before(anna, eyeReport, inCareTeam, byActor)) {
		n++
		want := no("habilitation/not-this-type")
		if Habilitated(p, eyeReport) {
			want = yes("access/care-team")
		}
		if d != want {
			t.Errorf("%s: %v, want %v", p.Label(), d, want)
		}
	}
	if all := len(slices.Collect(Professions())); n != all {
		t.Errorf("%d professions answered, want all %d", n, all)
	}
	for p, d := range Readers(before(anna, report)) {
		if d.Allow {
			t.Errorf("%s reads without any relation: %v", p, d)
		}
		break
	}
}
