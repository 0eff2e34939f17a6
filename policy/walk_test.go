package policy

import (
	"iter"
	"slices"
	"strings"
	"testing"
)

// The walks below try every combination of the facts that matter to an act,
// also those that no Request can bring about, so that what they prove rests on
// the table alone. Facts of which exactly one holds (the role of the actor, of
// the mailbox, the state of the space) go through their values.
var exclusive = [][]fact{
	{byNobody, byPatient, byProfessional | byCaregiver, byCaregiver | bySystem, byPartner | byCaregiver | bySystem,
		byAdministrator, byInsurer, byEmployer, byState},
	{toNobody, toPatient, toCaregiver, toPartner | toCaregiver},
	{0, spaceUnknown, spaceNeverOpened, spaceOpposed, spaceClosed, spaceArchived, spaceErased},
}

const notActive = spaceUnknown | spaceNeverOpened | spaceOpposed | spaceClosed | spaceArchived | spaceErased

// walk yields every combination of the facts that a rule or an invariant of a
// looks at, with the rule that decides: its index, len(rules) for none.
func walk(a Act) iter.Seq2[fact, int] {
	matter := mattersTo(a)
	var fixed []fact
	for _, group := range exclusive {
		fixed = product(fixed, group, matter)
	}
	return func(yield func(fact, int) bool) {
		for _, x := range fixed {
			free := undecided(a, x)
			for s := free; ; s = (s - 1) & free {
				if !yield(x|s, find(a, x|s)) {
					return
				}
				if s == 0 {
					break
				}
			}
		}
	}
}

// undecided returns the facts that may still matter to a once x is known: those
// of the rules and invariants that x does not rule out, down to the first rule
// that holds whatever else is true.
func undecided(a Act, x fact) fact {
	fixed := union(exclusive[0]) | union(exclusive[1]) | union(exclusive[2])
	possible := func(when, unless fact) bool { return when&fixed&^x == 0 && unless&fixed&x == 0 }
	var free fact
	mayAllow := false
	for i := range rules {
		u := &rules[i]
		if !a.on(u.acts) || !possible(u.when, u.unless) {
			continue
		}
		mayAllow = mayAllow || u.verdict == allow
		rest := (u.when | u.unless) &^ fixed
		if free |= rest; rest == 0 {
			break
		}
	}
	for _, v := range invariants {
		if mayAllow && a.on(v.acts) && possible(v.all, v.none) {
			free |= (v.all | v.any | v.none) &^ fixed
		}
	}
	return free
}

// product combines each of xs with each value of group, as far as it matters.
func product(xs, group []fact, matter fact) []fact {
	if xs == nil {
		xs = []fact{0}
	}
	var out []fact
	for _, x := range xs {
		for _, g := range group {
			if y := x | g&matter; !slices.Contains(out, y) {
				out = append(out, y)
			}
		}
	}
	return out
}

func union(fs []fact) fact {
	var all fact
	for _, f := range fs {
		all |= f
	}
	return all
}

func mattersTo(a Act) fact {
	var f fact
	for _, u := range rules {
		if a.on(u.acts) {
			f |= u.when | u.unless
		}
	}
	for _, v := range invariants {
		if a.on(v.acts) {
			f |= v.all | v.any | v.none
		}
	}
	return f
}

func everyAct() []Act {
	as := make([]Act, 0, acts)
	for a := Act(1); a < acts; a++ {
		as = append(as, a)
	}
	return as
}

// An invariant says that nothing is allowed where all of these facts hold, at
// least one of those (if any are named), and none of the last.
type invariant struct {
	name           string
	acts           actSet
	all, any, none fact
}

func (v *invariant) forbids(a Act, f fact) bool {
	return a.on(v.acts) && f&v.all == v.all && (v.any == 0 || f&v.any != 0) && f&v.none == 0
}

const shown = reading | glass | declare

var invariants = []invariant{
	{"insurers, employers and the State never", every, 0, byInsurer | byEmployer | byState, 0},
	{"somebody unknown or suspended never", every, 0, byNobody | suspended, 0},
	{"the operator's staff never, but to log in", every &^ login, byAdministrator, 0, 0},
	{"the blocked never read, mask, write or break a glass", writing | shown | mask, byCaregiver | barred, 0, 0},
	{"a patient never writes to whom they blocked", send, byPatient | barred, 0, 0},
	{"a patient never writes to a patient", send, byPatient | toPatient, 0, 0},
	{"a patient never writes first", send, byPatient, 0, exchange},
	{"a patient never answers what was ended", send, byPatient, 0, threadOpen},
	{"a patient never answers where no answers are taken", send, byPatient | elsewhere, 0, 0},
	{"a patient never ends an exchange", end, byPatient, 0, 0},
	{"nobody ends another's exchange", end, 0, 0, threadOfActor},
	{"nobody writes in another's name", writing, 0, 0, sendsAsSelf},
	{"nobody writes to nobody", send, toNobody, 0, 0},
	{"the hub is no relay", send, byPartner | toPartner, 0, 0},
	{"a space that is not active neither receives, sends nor shows", every &^ (replyTo | live), 0, notActive, 0},
	{"a space that is not there, or no longer, does not live", live, 0, spaceUnknown | spaceErased, 0},
	{"a mailbox opens to its owner, its members and whom the patient lets in", use, 0, 0, ownMailbox | sharedWithActor | representative | carer},
	{"a patient touches no record but their own, or one they stand for or care for", recordActs | send, byPatient, 0, ownSpace | representative | carer},
	{"a carer does nothing that was not entrusted", recordActs | send, byPatient | carer, 0, ownSpace | representative | inScope},
	{"a carer changes no document and no choice", changing | glass | declare | access | live | name | export, byPatient, 0, ownSpace | representative},
	{"a delegation that has ended gives nothing", recordActs | send, byPatient | delegationEnded, 0, ownSpace | representative | carer},
	{"what belongs to the holder of a space is nobody else's", holding &^ access, 0, 0, byPatient},
	{"nobody but the patient chooses, but to block for them", access, 0, byCaregiver | bySystem, administrator},
	{"whom the patient entrusted blocks, and chooses nothing else", access, byProfessional, 0, blocksSomebody},
	{"what waits for its announcement is never shown to a patient", read | changing, byPatient | hiddenFromPatient, 0, 0},
	{"a minor's secret is never shown to a representative or a carer", read | changing&^file, byPatient | hiddenFromRepresentatives, 0, ownSpace},
	{"no system reads a record", shown, bySystem, 0, 0},
	{"a withdrawn document is never read", read, withdrawn, 0, 0},
	{"a masked document is not read but by author, treating physician and whom the patient entrusted", read, byProfessional | masked, 0, author | treatingPhysician | administrator},
	{"a restricted document is not read but by its author", read, byProfessional | restricted, 0, author},
	{"without habilitation nothing is read but what one filed", read, byProfessional, 0, typeHabilitated | author},
	{"without authorisation or emergency nothing is read but what one filed", reading, byProfessional, 0, anAuthorisation | careTeam},
	{"a care team that is opposed is none", reading, byProfessional | careTeamOpposed, 0, anAuthorisation},
	{"no emergency without a reason", glass, 0, 0, reasonGiven},
	{"no emergency against the patient's opposition", glass, emergencyOpposed, 0, 0},
	{"only author, establishment and depositor amend", keeping, 0, 0, author | establishmentAuthor | depositedByPatient},
	{"a patient amends nothing that others filed", keeping, byPatient, 0, depositedByPatient},
	{"a withdrawn document is only restored", changing &^ (file | restore), withdrawn, 0, 0},
	{"nobody hides from the patient what they may have seen", hide, 0, 0, beingFiled | hiddenFromPatient},
	{"only author, establishment and treating physician announce", hide, 0, 0, author | establishmentAuthor | treatingPhysician},
	{"only the minor, or the author in a secret connection, keeps a secret from representatives", secret, 0, 0, ownSpace | secretConnection},
	{"no document is masked and hidden from the patient at once", file | flags, masked | hiddenFromPatient, 0, 0},
	{"nothing that waits for its announcement is masked", mask, hiddenFromPatient, 0, 0},
	{"nothing that waits for its announcement goes to the patient's mailbox", flags, hiddenFromPatient | copyToPatient, 0, 0},
	{"a secret connection files nothing that representatives see", file | flags, secretConnection, 0, hiddenFromRepresentatives},
	{"nothing is hidden twice from representatives", file | flags, hiddenFromPatient | hiddenFromRepresentatives, 0, 0},
	{"nothing masked goes to a professional's mailbox, nor a minor's secret", flags, copyToProfessional, masked | hiddenFromRepresentatives, 0},
	{"a secret connection sends nothing that representatives may read", flags, secretConnection | copyToPatient, 0, 0},
	{"a profession that reads nothing learns of no record", list | glass | declare, byProfessional, 0, professionHabilitated},
	{"a shared mailbox tells which device reads", use, bySystem, 0, namedDevice},
	{"nobody declares to care against an opposition", declare, teamDeclared | careTeamOpposed, 0, 0},
	{"nobody declares nothing", declare, 0, 0, teamDeclared | consentDeclared},
}

const anAuthorisation = treatingPhysician | administrator | brokenGlass | centre15 | consent | author

func allows(rule int) bool { return rule < len(rules) && rules[rule].verdict == allow }

func TestTheTableHoldsForEveryCombinationOfFacts(t *testing.T) {
	decided := make([]bool, len(rules)+1)
	for _, a := range everyAct() {
		n := 0
		for f, at := range walk(a) {
			n++
			decided[at] = true
			if !allows(at) {
				continue
			}
			for i := range invariants {
				if invariants[i].forbids(a, f) {
					t.Fatalf("%s, but for %v and facts %#x %s allows it", invariants[i].name, a, f, rules[at].name)
				}
			}
			for i := range at {
				if rules[i].holds(a, f) {
					t.Fatalf("for %v and facts %#x %s decides, but %s above it holds", a, f, rules[at].name, rules[i].name)
				}
			}
		}
		t.Logf("%v: %d combinations", a, n)
	}
	for i, name := range Rules() {
		if !decided[i] {
			t.Errorf("rule %s decides nothing: those above it hide it", name)
		}
	}
}

// Each refusal is there for a reason that an invariant says: without it,
// something would be allowed that must not be. (But for those that only say
// more than a refusal below them.)
func TestNoRefusalIsMissedByTheInvariants(t *testing.T) {
	table := rules
	defer func() { rules = table }()
	opens := func(without []rule) (act Act, broken bool) {
		for _, a := range everyAct() {
			for f, at := range walk(a) {
				rules = without
				now := find(a, f)
				opened := now < len(without) && without[now].verdict == allow
				rules = table
				if !opened || allows(at) {
					continue
				}
				act = a
				if slices.ContainsFunc(invariants, func(v invariant) bool { return v.forbids(a, f) }) {
					return a, true
				}
			}
		}
		return act, false
	}
	for i, u := range table {
		if u.verdict == allow {
			continue
		}
		if a, broken := opens(slices.Delete(slices.Clone(table), i, i+1)); a != 0 && !broken {
			t.Errorf("without %s, %v is opened and no invariant says that it must not be", u.name, a)
		}
	}
}

// An invariant that nothing could break says nothing: each must forbid
// something that, but for one fact, would be allowed.
func TestEveryInvariantForbidsWhatIsNearlyAllowed(t *testing.T) {
	for i := range invariants {
		v := &invariants[i]
		if !slices.ContainsFunc(everyAct(), func(a Act) bool { return v.bites(a) }) {
			t.Errorf("%q forbids nothing that could be allowed", v.name)
		}
	}
}

func (v *invariant) bites(a Act) bool {
	if !a.on(v.acts) {
		return false
	}
	groups := slices.Clone(exclusive)
	for rest := mattersTo(a); rest != 0; rest &= rest - 1 {
		if one := rest & -rest; one&(union(exclusive[0])|union(exclusive[1])|union(exclusive[2])) == 0 {
			groups = append(groups, []fact{0, one})
		}
	}
	for f, at := range walk(a) {
		if !allows(at) {
			continue
		}
		for _, group := range groups {
			for _, value := range group {
				if v.forbids(a, f&^union(group)|value) {
					return true
				}
			}
		}
	}
	return false
}

// The mail acts are walked once more from the outside, over whole Requests.
func TestMailFromTheOutside(t *testing.T) {
	bools := []func(*Request){
		func(r *Request) { r.SenderIsActor = true }, blocked, blockSparesMail, isSuspended, isMember, elsewhereNamed,
		func(r *Request) { r.Thread.Exists = true }, func(r *Request) { r.Thread.Open = true },
		func(r *Request) { r.Thread.OpenedByActor = true }, func(r *Request) { r.Mailbox.Owner = "me" },
		consented, treating, represents,
	}
	names := Rules()
	for role := range Role(len(roleNames) + 1) {
		for to := range Role(len(roleNames) + 1) {
			for state := range SpaceState(spaceStates + 1) {
				for set := range 1 << len(bools) {
					r := Request{Act: SendMail, Actor: Actor{Role: role, ID: "me"}, Mailbox: Mailbox{Role: to}, Space: Space{"me", state}}
					for i, b := range bools {
						if set>>i&1 == 1 {
							b(&r)
						}
					}
					d := Decide(r)
					if !slices.Contains(names, d.Rule) {
						t.Fatalf("Decide(%+v) = %v: no such rule", r, d)
					}
					patient := role == Patient || to == Patient
					stops := r.Relation.Blocked && !r.Relation.BlockSparesMail
					if d.Allow && (role == to && role == Patient || !role.cares() && role != Patient || !to.cares() && to != Patient ||
						patient && state != Active || patient && stops || !r.SenderIsActor || r.Actor.Suspended ||
						role == Patient && !(r.Thread.Exists && r.Thread.Open && !r.Thread.Elsewhere)) {
						t.Fatalf("Decide(%+v) = %v", r, d)
					}
					if open := role.cares() && to == Patient && state == Active && !stops && r.SenderIsActor && !r.Actor.Suspended; open && !d.Allow {
						t.Fatalf("Decide(%+v) = %v: a professional is kept from a patient", r, d)
					}
				}
			}
		}
	}
}

func TestEveryRuleIsExplainedInTwoLanguages(t *testing.T) {
	names := Rules()
	if n := len(explanations); n != len(names) {
		t.Errorf("%d explanations for %d rules: a name is twice in the table, or missing", n, len(names))
	}
	for _, name := range names {
		e, ok := explanations[name]
		if !ok || len(e.FR) < 20 || len(e.EN) < 20 || !strings.HasSuffix(e.FR, ".") || !strings.HasSuffix(e.EN, ".") || e.FR == e.EN {
			t.Errorf("rule %s is not explained by a sentence in each language: %+v", name, e)
		}
	}
	for name := range explanations {
		if !slices.Contains(names, name) {
			t.Errorf("%s is explained but is no rule", name)
		}
	}
	if Explain("no/such-rule") != Explain(DefaultDeny) {
		t.Error("a name that is no rule is explained as one")
	}
}

func TestWhatMustStaySecretIsRefusedQuietly(t *testing.T) {
	for _, name := range Rules() {
		secret := strings.HasPrefix(name, "space/") || strings.HasPrefix(name, "habilitation/") ||
			slices.Contains([]string{"block/by-patient", "mail/unknown-address", "mailbox/not-yours", "document/not-yours",
				"document/masked", "document/hidden-from-patient", "access/no-consent"}, name)
		if secret && !Discreet(name) {
			t.Errorf("Discreet(%q) = false", name)
		}
	}
	for _, name := range []string{"thread/ended", "thread/only-professionals-open", "thread/patients-do-not-write-to-each-other",
		"block/lift-to-answer", "sender/not-yours", "thread/professional-opens"} {
		if Discreet(name) {
			t.Errorf("Discreet(%q) = true: the person must be told", name)
		}
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	for name, r := range benchmarks {
		if n := testing.AllocsPerRun(100, func() { Decide(r) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

var benchmarks = map[string]Request{
	"mail":     toAnna(gp, Active, opened),
	"answer":   fromAnna(gpsMailbox, opened),
	"document": before(gp, report, consented, isHidden, emergency(BrokenGlass)),
	"deny":     before(optician, report, consented),
	"carer":    before(bruno, report, caresFor(ReadDocuments), isSecret),
	"declare":  onAnnas(gp, DeclareCare, declaresConsent),
	"trail":    onAnnas(anna, ReadTrail),
	"default":  onAnnas(gp, DeclareCare),
}

// The bound is 2 µs and no allocation for each.
func BenchmarkDecide(b *testing.B) {
	for name, r := range benchmarks {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(r)
			}
		})
	}
}

// All professions at once: what "who can see this document" costs.
func BenchmarkReaders(b *testing.B) {
	r := before(anna, report, inCareTeam)
	b.ReportAllocs()
	for b.Loop() {
		for range Readers(r) {
		}
	}
}

func BenchmarkParseMatrix(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseMatrix(habilitationsCSV); err != nil {
			b.Fatal(err)
		}
	}
}
