package patient

import (
	"fmt"
	"slices"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Choices are the settings of a space that the patient makes. The zero value
// is what the law says of one who has chosen nothing: the two emergencies open
// the record, but not what is masked (CSP L.1111-17, R.1111-48, R.1111-49); the
// care team is presumed to be allowed (R.1111-46).
type Choices struct {
	OpposedToCentre15   bool `json:",omitempty"` // ETREAT denied
	OpposedToBreakGlass bool `json:",omitempty"` // BTG denied
	MaskedInEmergency   bool `json:",omitempty"` // MASKED permitted: masked documents open then, too

	OpposedToCareTeam bool `json:",omitempty"` // to the presumption as a whole: each professional needs consent
	MaskNewDocuments  bool `json:",omitempty"` // from professionals, as they come
	HideHistory       bool `json:",omitempty"` // the history of care, from professionals

	Silenced []Topic `json:",omitempty"` // of which the patient wants none
}

// A Topic is a kind of thing that the patient is told outside of the space,
// without a word of health in it.
type Topic string

// The kinds.
const (
	OfEmergency   Topic = "emergency"    // an access in an emergency: the law wants it told
	OfFirstAccess Topic = "first-access" // a professional comes for the first time
	OfDocument    Topic = "document"     // a document came
	OfMessage     Topic = "message"      // a message came
)

// Topics lists the kinds.
func Topics() []Topic { return []Topic{OfEmergency, OfFirstAccess, OfDocument, OfMessage} }

// Wants reports whether the patient is to be told of something of that kind.
func (c Choices) Wants(n Topic) bool { return n == OfEmergency || !slices.Contains(c.Silenced, n) }

// HistoryClass is the class of what makes the history of care: what the health
// insurance reimbursed.
const HistoryClass = "60"

// LoadChoices reads the patient's choices, those of the law if there are none.
func LoadChoices(r store.Reader, s fact.Scope) (Choices, error) {
	c, _, err := fact.GetRight[Choices](r, s, "pat/choices")
	return c, err
}

// SetChoices writes the patient's choices. To silence what the law wants told,
// or what is no kind, is fault.Invalid.
func SetChoices(w store.Writer, s fact.Scope, c Choices) error {
	for _, n := range c.Silenced {
		if n == OfEmergency || !slices.Contains(Topics(), n) {
			return fmt.Errorf("patient: a notice that cannot be silenced: %w", fault.Invalid)
		}
	}
	return fact.PutRight(w, s, "pat/choices", c)
}

// A Glass is an emergency access that was granted. Why is in the trail alone.
type Glass struct {
	Kind  policy.EmergencyKind
	Since time.Time
	Until time.Time
}

func glassKey(s fact.Scope, who Who) string {
	kind, name := "rpps", who.RPPS
	if name == "" {
		kind, name = "address", who.Address
	}
	return "pat/glass/" + relationKey(s, kind, name)[len(relationPrefix):]
}

// Grant lets somebody in for an emergency.
func (g Glass) Grant(w store.Writer, s fact.Scope, who Who) error {
	return fact.PutRight(w, s, glassKey(s, who), g)
}

// LoadGlass reads the last emergency access of somebody, over or not.
func LoadGlass(r store.Reader, s fact.Scope, who Who) (Glass, error) {
	g, _, err := fact.GetRight[Glass](r, s, glassKey(s, who))
	return g, err
}
