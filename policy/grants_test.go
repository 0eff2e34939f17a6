package policy

import "testing"

// More facts that give never take, and more facts that take never give: so a
// fact that the door forgets makes the hub refuse, not show.

const grants = ownMailbox | sharedWithActor | sameEstablishment | sendsAsSelf | namedDevice |
	ownSpace | representative | carer | inScope | threadOfActor |
	treatingPhysician | administrator | brokenGlass | centre15 | consent | careTeam | consentDeclared | blocksSomebody | reasonGiven |
	author | establishmentAuthor | depositedByPatient | beingFiled | typeHabilitated | professionHabilitated

const vetoes = suspended | notActive | barred | careTeamOpposed | emergencyOpposed | elsewhere | delegationEnded |
	withdrawn | masked | hiddenFromRepresentatives | restricted

// vetoesThatGive are the rules by which a veto, added, turns a no into a yes.
var vetoesThatGive = map[string]string{
	"flags/permitted":                  "what a secret connection files must be hidden from representatives",
	"document/professional-files":      "the same",
	"document/owner-deposits":          "the same",
	"document/representative-deposits": "the same",
}

func TestAFactThatGivesNeverTakes(t *testing.T) {
	for _, a := range everyAct() {
		matter := mattersTo(a)
		for f, at := range walk(a) {
			if !allows(at) {
				continue
			}
			for rest := grants & matter &^ f; rest != 0; rest &= rest - 1 {
				if more := find(a, f|rest&-rest); !allows(more) {
					t.Fatalf("%v: %s allows %#x; with the grant %v, %s refuses", a, rules[at].name, f, each(rest&-rest), Rules()[more])
				}
			}
		}
	}
}

func TestAFactThatTakesNeverGives(t *testing.T) {
	used := map[string]bool{}
	for _, a := range everyAct() {
		matter := mattersTo(a)
		for f, at := range walk(a) {
			if allows(at) {
				continue
			}
			for rest := vetoes & matter &^ f; rest != 0; rest &= rest - 1 {
				more := find(a, f|rest&-rest)
				if !allows(more) {
					continue
				}
				if name := rules[more].name; vetoesThatGive[name] == "" {
					t.Fatalf("%v: %s refuses %#x; with the veto %v, %s allows", a, Rules()[at], f, each(rest&-rest), name)
				} else {
					used[name] = true
				}
			}
		}
	}
	for name := range vetoesThatGive {
		if !used[name] {
			t.Errorf("%s is no exception", name)
		}
	}
}
