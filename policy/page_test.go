package policy

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
)

// The table as a page, for people who read French or English and no Go. It is
// also the list of rule names, in order: a change here changes the API.
func TestRulePage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Les règles, dans l'ordre\n\nLa première règle qui s'applique décide. *The first rule that applies decides.*\n" +
		"🔇 : refus discret, qui se présente comme « rien à cette adresse ». *A refusal that looks like \"nothing by that name\".*\n\n" +
		"| Règle | Décision | Actes | Faits | En clair |\n|---|---|---|---|---|\n")
	for i, name := range Rules() {
		u := rule{name: DefaultDeny, acts: every}
		if i < len(rules) {
			u = rules[i]
		}
		e := Explain(name)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s<br>*%s* |\n", name,
			[]string{refuse: "refus", refuseQuietly: "refus 🔇", allow: "**oui**"}[u.verdict], actList(u.acts), condition(u.when, u.unless), e.FR, e.EN)
	}
	golden(t, "testdata/rules.md", b.String())
}

func actList(s actSet) string {
	var in, out []string
	for _, a := range everyAct() {
		if a.on(s) {
			in = append(in, a.String())
		} else {
			out = append(out, a.String())
		}
	}
	switch {
	case len(out) == 0:
		return "*all*"
	case len(out) < len(in):
		return "*all but* " + strings.Join(out, ", ")
	}
	return strings.Join(in, ", ")
}

func condition(when, unless fact) string {
	words := each(when)
	for _, f := range each(unless) {
		words = append(words, "*not* "+f)
	}
	return strings.Join(words, ", ")
}

func each(f fact) []string {
	var words []string
	for ; f != 0; f &= f - 1 {
		words = append(words, factNames[bits.TrailingZeros64(uint64(f))])
	}
	return words
}

// factNames are the facts in words, in their order.
var factNames = []string{
	"by nobody known", "by a patient", "by a professional", "by a partner", "by somebody who cares for patients", "by a system",
	"by the operator's staff", "by an insurer", "by an employer", "by the State", "suspended", "named device",
	"to nobody known", "to a patient", "to a partner", "to somebody who cares for patients", "actor's own mailbox", "actor is member",
	"same establishment", "in the actor's own name",
	"no space", "space never opened", "space opposed", "space closed", "space archived", "space erased", "actor's own space", "legal representative, in force", "carer, in force", "entrusted to the carer", "delegation ended",
	"exchange exists", "exchange open", "exchange of the actor", "answers go elsewhere",
	"blocked", "treating physician", "administrator of the record", "consent", "care team", "care team opposed",
	"declares the care team", "declares consent", "blocks somebody",
	"emergency claimed", "reason given", "glass broken, in force", "centre 15, in force", "emergency opposed",
	"withdrawn", "masked", "hidden from the patient", "hidden from representatives", "restricted",
	"filed by the actor", "filed by the actor's establishment", "deposited by the patient", "being filed", "secret connection",
	"also sent to the patient", "also sent to a professional", "type open to the profession", "some type open to the profession",
}

func TestEveryFactHasAName(t *testing.T) {
	if n := bits.TrailingZeros64(uint64(lastFact)); n != len(factNames) {
		t.Errorf("%d facts, %d names", n, len(factNames))
	}
}

func TestNamesOfActsAndRoles(t *testing.T) {
	for a := range Act(acts) {
		if a.String() == "" || a > 0 && a.String() == actNames[0] {
			t.Errorf("act %d has no name", a)
		}
	}
	for r, want := range map[Role]string{0: "nobody", Patient: "patient", Partner: "partner", State: "state", 99: "nobody"} {
		if r.String() != want {
			t.Errorf("Role(%d) = %q, want %q", r, r, want)
		}
	}
	if Act(99).String() != "none" || Optician.Label() != "Opticien-lunetier" || Profession("G15_99").Label() != "G15_99" {
		t.Error("what has no name is not said as such")
	}
}
