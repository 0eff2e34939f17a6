package hub

import (
	"strings"
	"testing"

	"vaguemestre/internal/document"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

func TestWhoseADocumentIs(t *testing.T) {
	dr := Actor{Address: addr(thomas), Part: "p-thomas", Role: policy.Professional, RPPS: "10101010101", Establishment: "750000001"}
	for _, c := range []struct {
		name          string
		e             vault.Entry
		author, place bool
	}{
		{"nobody's", vault.Entry{}, false, false},
		{"filed by the actor", vault.Entry{FiledBy: "p-thomas"}, true, false},
		{"filed by another with that address, who had it before", vault.Entry{FiledBy: "p-other", Sender: thomas}, false, false},
		{"sent from that address, by an old entry", vault.Entry{Sender: thomas}, true, false},
		{"written by the actor, filed by a program", vault.Entry{FiledBy: "p-lab", Author: vault.Author{ID: "810101010101"}}, true, false},
		{"written by the actor, with a bare RPPS", vault.Entry{FiledBy: "p-lab", Author: vault.Author{ID: "10101010101"}}, true, false},
		{"written by an ADELI of the same digits", vault.Entry{FiledBy: "p-lab", Author: vault.Author{ID: "010101010101"}}, false, false},
		{"said to be written by the actor, deposited by the patient", vault.Entry{FiledBy: "p-alice", Depositor: vault.ByPatient,
			Author: vault.Author{ID: "810101010101", OrganisationID: "1750000001"}}, false, false},
		{"filed for the establishment", vault.Entry{FiledBy: "p-adam", Establishment: "750000001"}, false, true},
		{"of the establishment, filed by another", vault.Entry{FiledBy: "p-lab", Author: vault.Author{OrganisationID: "1750000001"}}, false, true},
		{"of another establishment", vault.Entry{FiledBy: "p-lab", Establishment: "750000002", Author: vault.Author{OrganisationID: "1750000002"}}, false, false},
	} {
		d := documentFacts(vault.Document{Entry: c.e}, dr)
		if d.AuthorIsActor != c.author || d.AuthorIsEstablishment != c.place {
			t.Errorf("%s: the actor's %t, the establishment's %t", c.name, d.AuthorIsActor, d.AuthorIsEstablishment)
		}
		if d := documentFacts(vault.Document{Entry: c.e}, Actor{}); d.AuthorIsActor || d.AuthorIsEstablishment {
			t.Errorf("%s: it is nobody's own", c.name)
		}
	}
}

func TestEveryErrorOfIntegrationHasItsCodeAndWords(t *testing.T) {
	seen := map[int]bool{}
	for _, r := range []Refusal{notTheNewest, notItsAuthor, noIdentity, wrongPatient, otherTraits, incompleteTraits, otherIdentity, unreadable, otherBytes, notAsDescribed} {
		seen[r.Code] = true
		code := "90" + string(rune('0'+r.Code-900))
		if !strings.Contains(r.FR, code) || !strings.Contains(r.EN, code) || r.Rule == "" || r.Kind == nil {
			t.Errorf("%s says %q, %q", r.Rule, r.FR, r.EN)
		}
	}
	for code := 900; code <= 906; code++ { // 902 has no words: whether a patient is known is not told
		if !seen[code] && code != 902 {
			t.Errorf("nothing gives %d", code)
		}
	}
	for _, code := range []int{document.CodeMissing, document.CodeMismatch, document.CodeIncomplete, document.CodeOther} {
		if r := byCode[code]; r == nil || r.Code != code {
			t.Errorf("identity cannot be refused with %d", code)
		}
	}
}
