package policy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden pages")

// golden compares page with the file of that name in testdata.
func golden(t *testing.T, name, page string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(page)) {
		t.Errorf("%s is not what the code says; look at the difference after go test -update", file)
	}
}

func TestMatrix(t *testing.T) {
	for _, tt := range []struct {
		name       string
		profession Profession
		typeCode   string
		want       bool
	}{
		{"a physician reads a report", Physician, "11488-4", true},
		{"a physician reads a psychiatric summary", Physician, "68599-0", true},
		{"a physician does not read a certificate of residence", Physician, "ATTEST-RESID", false},
		{"a physician reads a type without class", Physician, "28617-9", true},
		{"a pharmacist reads reimbursements", Pharmacist, "REMB", true},
		{"a pharmacist reads prescriptions", Pharmacist, "57833-6", true},
		{"a pharmacist does not read advance directives", Pharmacist, "EXPPAT_3", false},
		{"a pharmacist does not read a medical certificate", Pharmacist, "89601-9", false},
		{"a pharmacist does not read a type without class", Pharmacist, "28617-9", false},
		{"a pharmacy aide reads as the pharmacist does", PharmacyAide, "11502-2", true},
		{"a nurse reads a discharge letter of a social structure", Nurse, "83981-1", true},
		{"a nurse does not read a psychological assessment", Nurse, "83901-9", false},
		{"a nurse does not read reimbursements, for want of a source", Nurse, "REMB", false},
		{"a dentist does not read that discharge letter", Dentist, "83981-1", false},
		{"a midwife reads a delivery report", Midwife, "15508-5", true},
		{"a physiotherapist does not read a psychiatric summary", Physiotherapist, "68599-0", false},
		{"a coordinator reads nothing yet", CareCoordinator, "11488-4", false},
		{"a social worker reads nothing yet", SocialWorker, "28653-4", false},
		{"no profession reads nothing", "", "11488-4", false},
		{"an invented profession reads nothing", "G15_99", "11488-4", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Habilitated(tt.profession, tt.typeCode); got != tt.want {
				t.Errorf("Habilitated(%q, %q) = %v, want %v", tt.profession, tt.typeCode, got, tt.want)
			}
		})
	}
}

func TestAnOpticianSeesTheseTypesAndNothingElse(t *testing.T) {
	these := []string{"47420-5", "57828-6", "57833-6", "78513-9", "DOCPAT02", "DOCPAT03"}
	var seen []string
	for _, d := range DocumentTypes() {
		if Decide(before(optician, d.Code, consented)).Allow {
			seen = append(seen, d.Code)
		}
	}
	slices.Sort(seen)
	if !slices.Equal(seen, these) {
		t.Errorf("an optician sees %v, want %v", seen, these)
	}
}

func TestDocumentTypes(t *testing.T) {
	types := DocumentTypes()
	classes := []string{"", "10", "11", "31", "42", "43", "44", "45", "52", "60", "90", "95"}
	seen := map[string]bool{}
	for _, d := range types {
		if d.Code == "" || d.Name == "" || seen[d.Code] || !slices.Contains(classes, d.Class) {
			t.Errorf("type %+v is incomplete, twice there, or of an unknown class", d)
		}
		seen[d.Code] = true
	}
	if len(types) != 114 {
		t.Errorf("%d types, want the 114 of JDV_J07", len(types))
	}
}

func TestAMatrixThatIsWrongIsRefused(t *testing.T) {
	const heading = "professions,read,codes,source\n"
	for _, tt := range []struct{ name, data string }{
		{"no heading", "G15_10,yes,*,law\n"},
		{"a column too many", heading + "G15_10,yes,*,law,more\n"},
		{"neither yes nor no", heading + "G15_10,perhaps,*,law\n"},
		{"of nobody", heading + ",yes,*,law\n"},
		{"without source", heading + "G15_10,yes,*,\n"},
		{"a type that does not exist", heading + "G15_10,yes,0-0,law\n"},
		{"a class that does not exist", heading + "G15_10,yes,99,law\n"},
		{"a quote that does not end", heading + "G15_10,yes,\"*,law\n"},
		{"nothing", ""},
		{"far too much", heading + strings.Repeat("G15_10,yes,*,law\n", maxFile/16)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if m, err := parseMatrix(tt.data, documentTypes); err == nil {
				t.Errorf("parseMatrix = %v, want an error", m)
			}
		})
	}
}

func TestTheNarrowestRowDecides(t *testing.T) {
	m, err := parseMatrix("professions,read,codes,source\n"+
		"A,no,*,x\nA,yes,10,x\nA,no,11488-4,x\nB,yes,*,x\nB,no,10,x\nB,yes,11488-4,x\nC,yes,10,x\nC,no,10,x\nD,no,10,x\nD,yes,10,x\n", documentTypes)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		p        Profession
		typeCode string
		want     bool
	}{
		{"A", "11488-4", false}, {"A", "11490-0", true}, {"A", "REMB", false}, {"A", "new", false},
		{"B", "11488-4", true}, {"B", "11490-0", false}, {"B", "REMB", true}, {"B", "new", true},
		{"C", "11488-4", false}, {"D", "11488-4", false},
	} {
		if got := m.allows(tt.p, tt.typeCode); got != tt.want {
			t.Errorf("%s before %s = %v, want %v", tt.p, tt.typeCode, got, tt.want)
		}
	}
}

func FuzzParseMatrix(f *testing.F) {
	f.Add(habilitationsCSV)
	f.Add("professions,read,codes,source\nA,yes,10 REMB,x\n")
	f.Fuzz(func(t *testing.T, data string) {
		m, err := parseMatrix(data, documentTypes)
		if err != nil {
			return
		}
		if m.allows("", "11488-4") || m.allows("nobody has this code \x00", "11488-4") {
			t.Errorf("a profession without a row reads")
		}
	})
}

// The page a physician reviews.
func TestHabilitationPage(t *testing.T) {
	var reading, silent []string
	var columns []Profession
	for _, p := range professions {
		if habilitations.any(p.Code) {
			columns = append(columns, p.Code)
			reading = append(reading, p.Label)
		} else {
			silent = append(silent, p.Label)
		}
	}
	var b strings.Builder
	b.WriteString("# Matrice d'habilitation\n\nQui peut lire quel type de document, une fois l'accès au dossier ouvert (accord, équipe de soins, urgence).\n" +
		"✓ : autorisé ; case vide : refusé. Ce qu'aucune source n'autorise est refusé ; sources et déductions : `policy/habilitations.csv`.\n\n" +
		"*Who may read which type of document, once the record is open to them. ✓ allowed; empty: refused.*\n\n")
	fmt.Fprintf(&b, "| Classe | Code | Document | %s |\n|---|---|---|%s\n", strings.Join(reading, " | "), strings.Repeat(":-:|", len(columns)))
	for _, d := range documentTypes {
		fmt.Fprintf(&b, "| %s | %s | %s |", d.Class, d.Code, d.Name)
		for _, p := range columns {
			fmt.Fprintf(&b, " %s |", map[bool]string{true: "✓"}[Habilitated(p, d.Code)])
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n## Professions sans aucun droit de lecture\n\nRien n'a été trouvé pour elles : refus par défaut. Elles lisent seulement ce qu'elles ont déposé.\n\n- %s\n- toute autre profession\n",
		strings.Join(silent, "\n- "))
	golden(t, "habilitations.md", b.String())
}
