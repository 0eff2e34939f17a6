package web

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"vaguemestre/policy"
)

// TestTheHelpIsForEverybody: signed in or not, and every page of it leads to the
// others.
func TestTheHelpIsForEverybody(t *testing.T) {
	h := newHouse(t)
	for name, b := range map[string]*browser{"nobody": h.browser(), "a patient": h.browser().activates(), "a physician": h.browser().comesIn(rpps(t))} {
		b.open("/aide").at("/aide", "Ce service ne traite pas les urgences", "le 114, par SMS")
		for _, p := range helpPages {
			b.open(p.path)
			if b.status != 200 || !strings.Contains(b.page, `href="`+p.path+`" aria-current="page"`) {
				t.Errorf("%s at %s: %d", name, p.path, b.status)
			}
		}
	}
}

// TestTheHelpTellsTheMatrixThatDecides: not one that was copied once.
func TestTheHelpTellsTheMatrixThatDecides(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.open("/aide/qui-voit-quoi").at("/aide/qui-voit-quoi", "Ce que peut lire : Médecin", "L'État n'a jamais accès")
	b.open("/aide/qui-voit-quoi?metier=G15_28").at("/aide/qui-voit-quoi", "Ce que peut lire : Opticien-lunetier", "Comptes rendus Une partie", "Résultats de biologie Rien", "CR de consultation en ophtalmologie")
	b.open("/aide/qui-voit-quoi?metier=nothing").at("/aide/qui-voit-quoi", "Ce que peut lire : Médecin")
	was := []byte(h.Matrix().Text())
	changed := bytes.Replace(was, []byte("\nG15_28,yes,"), []byte("\nG15_28,yes,11502-2 "), 1)
	if bytes.Equal(was, changed) {
		t.Fatal("no row of the matrix is about opticians")
	}
	if _, err := h.ApplyMatrix(t.Context(), "operator", changed); err != nil {
		t.Fatal(err)
	}
	b.open("/aide/qui-voit-quoi?metier=G15_28")
	if strings.Contains(text(b.page), "Résultats de biologie Rien") {
		t.Error("the help tells another matrix than the one that decides")
	}
}

// TestAShelfIsTold walks through every profession: what is told of a shelf is what
// the matrix says of its types.
func TestAShelfIsTold(t *testing.T) {
	m := policy.ShippedMatrix()
	for p := range policy.Professions() {
		told := 0
		for _, s := range shelvesSeen(m, p) {
			if s.Share == "all" || s.Share == "most" {
				told++
			}
			for _, d := range policy.DocumentTypes() {
				if slices.Contains(s.Types, d.Name) && m.Allows(p, d.Code) != (s.Share == "some") {
					t.Errorf("%s before %s: %s, and it is listed as %s", p, d.Code, s.Code, s.Share)
				}
			}
		}
		if p == policy.Physician && told < 10 {
			t.Errorf("of %d shelves only is a physician told to read most", told)
		}
	}
}

// TestTheHelpNamesRulesThatAre: one that has gone is told no more.
func TestTheHelpNamesRulesThatAre(t *testing.T) {
	rules := policy.Rules()
	for _, name := range slices.Concat(never, opening) {
		if !slices.Contains(rules, name) {
			t.Errorf("there is no rule %s", name)
		}
	}
	for _, name := range opening {
		if _, ok := catalogues[french]["help.opens."+name]; !ok {
			t.Errorf("no words for %s", name)
		}
	}
}
