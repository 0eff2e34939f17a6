// Package policy decides who may do what in the hub. It is pure: it reads no
// clock, no store and no network. Every fact arrives in a Request, and every
// answer names the rule that gave it. What finds no rule is refused.
//
// The law of the house, article by article; the rule that holds it is named
// beside it, and rules.go has them in the order in which they are read.
//
//   - Insurers, employers and the State see nothing and do nothing here,
//     whatever anybody agreed to (never/*). The operator's own staff never sees
//     content (administrator/never-content).
//   - A space that is unknown, not yet opened, opposed, closed, archived or
//     erased receives nothing and shows nothing (space/*).
//   - Whom the patient has blocked reads nothing, breaks no glass, and, unless
//     the hub is set otherwise, writes no message (block/by-patient). Filing a
//     document stays their duty (CSP R.1111-47: a block governs reading).
//   - Only a professional opens an exchange with a patient. The patient answers
//     while it is open; the professional ends it and opens it again by writing
//     again. Patients do not write to each other (thread/*).
//   - Professionals, organisations and applications write to each other
//     (mail/between-professionals). Nobody writes under the name of another
//     (sender/not-yours).
//   - Everyone has their own mailbox; a shared one opens to its members and to
//     its own named devices (mailbox/*).
//   - The patient reads their record, but for what waits for its announcement
//     (document/hidden-from-patient); its author hides it at filing and
//     announces it (announcement/*). The author reads what they filed. Another
//     professional reads if the document is neither restricted nor masked, if
//     the habilitation matrix gives this type to their profession, and if there
//     is consent, a care team, a grant of the patient, or an emergency with an
//     end that the patient has not opposed (document/*, habilitation/*,
//     access/*, emergency/*). A professional declares the first two by name, the
//     second not against an objection (care/*).
//   - The space, who sees it, its trail and its copy belong to its holder
//     (life/*, choices/*, trail/*, delegation/*, export/*). Whom the patient made
//     administrator of the record masks and blocks for them, nothing else.
//   - A legal representative stands for the holder until majority; a carer does
//     what was entrusted, until its end (carer/*, delegation/ended). Neither
//     learns of what keeps a minor's secret (secret/*).
//   - Flags that contradict each other are refused (flags/*).
//
// Rule names are API: they are in the trail, in `vaguemestre why`, in the
// metrics and in the docs. Renaming one is a breaking change.
//
// The package knows nothing of addresses, matricules, replies or protocols: the
// door (internal/hub) gathers facts and gives them, edges turn answers into the
// words of their protocol. It promises that a decision depends on nothing but
// its Request, allocates nothing, and fails closed: the zero value of every
// fact is the one that gives less.
package policy

// A Decision is the answer to a Request: whether the act may be done, and the
// name of the rule that said so. Explain turns the name into words.
type Decision struct {
	Allow bool
	Rule  string
}

// DefaultDeny is the rule of what finds no other.
const DefaultDeny = "default/deny"

// Decide answers r by the first rule of the table whose condition holds.
func Decide(r Request) Decision {
	if r.Act == setFlags {
		return Decision{false, DefaultDeny}
	}
	return decide(r.Act, r.facts())
}

func decide(a Act, f fact) Decision {
	i := find(a, f)
	if i == len(rules) {
		return Decision{false, DefaultDeny}
	}
	return Decision{rules[i].verdict == allow, rules[i].name}
}

// find returns the index of the first rule that holds, len(rules) if none does.
func find(a Act, f fact) int {
	for i := range rules {
		if rules[i].holds(a, f) {
			return i
		}
	}
	return len(rules)
}

// Rules returns the names of all rules in the order in which they are read,
// the last one being DefaultDeny.
func Rules() []string {
	names := make([]string, 0, len(rules)+1)
	for _, u := range rules {
		names = append(names, u.name)
	}
	return append(names, DefaultDeny)
}

// Discreet reports whether a refusal by that rule must look, to the one
// refused, exactly like "there is nothing by that name": its true reason would
// tell who has a space, who objected, or what a record holds. The trail and the
// patient get the true one. A name that is no rule is discreet.
func Discreet(rule string) bool {
	for i := range rules {
		if rules[i].name == rule {
			return rules[i].verdict == refuseQuietly
		}
	}
	return true
}
