package arrows

import (
	"testing"

	"vaguemestre/internal/cda"
	"vaguemestre/policy"
)

// TestPolicyAndCDAKnowTheSameTypes holds the two lists of document types
// against each other: policy imports nothing, so it has one of its own. A type
// whose class the correspondence of the DMP does not settle has none there, so
// that it gives no right.
func TestPolicyAndCDAKnowTheSameTypes(t *testing.T) {
	known := map[string]bool{}
	for _, p := range policy.DocumentTypes() {
		known[p.Code] = true
		c, ok := cda.TypeByCode(p.Code)
		if !ok {
			t.Errorf("policy knows type %s, cda does not", p.Code)
			continue
		}
		if p.Class != "" && c.Class.Code != p.Class {
			t.Errorf("type %s is of class %q for cda, %q for policy", p.Code, c.Class.Code, p.Class)
		}
	}
	for _, c := range cda.Types() {
		if !known[c.Code] {
			t.Errorf("cda knows type %s, policy does not", c.Code)
		}
	}
}
