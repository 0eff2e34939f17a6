package smart

import (
	"errors"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func TestParseKeepsWhatItKnowsInOrder(t *testing.T) {
	for in, want := range map[string]Scopes{
		"":                         "",
		"user/*.rs":                "user/*.rs",
		"openid  fhirUser openid ": "fhirUser openid",
		"user/Patient.rs patient/DocumentReference.cruds": "patient/DocumentReference.cruds user/Patient.rs",
		"user/*.sr":                          "", // out of order
		"user/*.rr":                          "",
		"user/*.":                            "",
		"user/*.read":                        "", // version 1
		"user/Observation.rs?category=vital": "",
		"someone/*.rs profile":               "",
		"launch/patient":                     "", // nobody chooses a patient at launch
		"user/patient.r user/Pat-ient.r":     "",
		"system/AuditEvent.s":                "system/AuditEvent.s",
	} {
		if got, err := Parse(in); got != want || err != nil {
			t.Errorf("Parse(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		strings.Repeat("a", maxLength+1):  fault.TooLarge,
		strings.Repeat("a ", maxScopes+1): fault.TooLarge,
		"user/*.rs\nsystem/*.rs":          fault.Invalid,
		`user/*.rs"`:                      fault.Invalid,
		"é":                               fault.Invalid,
	} {
		if got, err := Parse(in); got != "" || !errors.Is(err, want) {
			t.Errorf("Parse(%.20q) = %q, %v; want %v", in, got, err, want)
		}
	}
}

func TestScopesAllowWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		name     string
		scopes   Scopes
		resource string
		i        Interaction
		want     bool
	}{
		{"the letter and the type are there", "user/DocumentReference.rs", "DocumentReference", Search, true},
		{"the letter is not", "user/DocumentReference.rs", "DocumentReference", Update, false},
		{"the type is not", "user/DocumentReference.rs", "Patient", Read, false},
		{"every type", "user/*.cruds", "List", Delete, true},
		{"the second scope", "openid system/List.r", "List", Read, true},
		{"no scope", "", "Patient", Read, false},
		{"words name no resource", "fhirUser offline_access openid", "Patient", Read, false},
	} {
		if got := c.scopes.Allows(c.resource, c.i); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestWithinOnlyNarrows(t *testing.T) {
	for _, c := range []struct {
		name, asked, limit string
		want               Scopes
	}{
		{"the same", "user/*.rs", "user/*.rs", "user/*.rs"},
		{"less is asked", "user/Patient.r", "user/*.cruds", "user/Patient.r"},
		{"more types are asked", "user/*.rs", "user/List.rs user/Patient.r", "user/List.rs user/Patient.r"},
		{"more letters are asked", "user/List.cruds", "user/List.rs", "user/List.rs"},
		{"another context", "system/*.rs", "user/*.rs", ""},
		{"another type", "user/List.r", "user/Patient.r", ""},
		{"a word that is not allowed", "openid offline_access", "openid", "openid"},
		{"no letter in common", "user/List.c", "user/List.rs", ""},
		{"nothing is allowed", "user/*.cruds openid", "", ""},
	} {
		if got := Scopes(c.asked).Within(Scopes(c.limit)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestInKeepsContextsAndWords(t *testing.T) {
	if got := Scopes("openid patient/*.r system/*.rs user/*.rs").In("user", "patient"); got != "openid patient/*.r user/*.rs" {
		t.Errorf("%q", got)
	}
}

// FuzzScopes: whatever is asked, what is granted gives nothing that the limit
// does not, and is written as it is read.
func FuzzScopes(f *testing.F) {
	f.Add("user/*.rs openid", "user/List.r")
	f.Add("system/Patient.cruds", "system/*.cruds")
	f.Fuzz(func(t *testing.T, a, b string) {
		asked, err1 := Parse(a)
		limit, err2 := Parse(b)
		if err1 != nil || err2 != nil {
			return
		}
		if again, err := Parse(string(asked)); again != asked || err != nil {
			t.Errorf("%q is read as %q, %v", asked, again, err)
		}
		given := asked.Within(limit)
		if again, err := Parse(string(given)); err == nil && again != given || err != nil && !errors.Is(err, fault.TooLarge) {
			t.Errorf("%q is read as %q, %v", given, again, err)
		}
		for _, resource := range []string{"List", "Patient", "Bundle"} {
			for _, i := range []byte(letters) {
				got := given.Allows(resource, Interaction(i))
				if got && (!asked.Allows(resource, Interaction(i)) || !limit.Allows(resource, Interaction(i))) {
					t.Errorf("%q within %q is %q, which allows more", asked, limit, given)
				}
			}
		}
	})
}
