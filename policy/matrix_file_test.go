package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	head    = "# version: test\n# since: 2026-01-31\n"
	columns = "professions,read,codes,mark,source\n"
)

func TestAMatrixThatIsWrongIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, data string
		line       int
		says       string
	}{
		{"no version", "# since: 2026-01-31\n" + columns + "G15_10,yes,*,S,law\n", 0, "no version"},
		{"two versions", "# version: a\n" + head + columns + "G15_10,yes,*,S,law\n", 2, "version is said twice"},
		{"no day", "# version: a\n" + columns + "G15_10,yes,*,S,law\n", 0, "no day since"},
		{"a day that is none", "# version: a\n# since: 31/01/2026\n" + columns + "G15_10,yes,*,S,law\n", 2, "not understood"},
		{"no heading", head + "G15_10,yes,*,S,law\n", 3, "not the heading"},
		{"a heading with semicolons", head + "professions;read;codes;mark;source\n", 3, "not the heading"},
		{"a column too many", head + columns + "G15_10,yes,*,S,law,more\n", 4, "6 columns"},
		{"neither yes nor no", head + columns + "G15_10,perhaps,*,S,law\n", 4, "neither yes nor no"},
		{"of nobody", head + columns + ",yes,*,S,law\n", 4, "no profession"},
		{"of nothing", head + columns + "G15_10,yes, ,S,law\n", 4, "no code"},
		{"without source", head + columns + "G15_10,yes,*,S,\n", 4, "source is empty"},
		{"a source without end", head + columns + "G15_10,yes,*,S," + strings.Repeat("x", maxSource+1) + "\n", 4, "too long"},
		{"without mark", head + columns + "G15_10,yes,*,,law\n", 4, "mark is none"},
		{"a profession that does not exist", head + columns + "G15_01,yes,*,S,law\n", 4, "G15_01"},
		{"a type that does not exist", head + columns + "G15_10,yes,0-0,S,law\n", 4, "0-0"},
		{"a class that does not exist", head + columns + "G15_10,yes,99,S,law\n", 4, "99"},
		{"two rows that contradict each other", head + columns + "G15_10,yes,10,S,law\n\nG15_10,no,10,S,law\n", 6, "line 4"},
		{"a quote that does not end", head + columns + "G15_10,yes,\"*,S,law\n", 4, "quote"},
		{"nothing", "", 0, "no row"},
		{"no row", head + columns, 0, "no row"},
		{"no text", "\xff\xfe", 0, "UTF-8"},
		{"far too much", strings.Repeat("#", maxMatrix+1), 0, "more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseMatrix([]byte(tt.data))
			var wrong *MatrixError
			if m != nil || !errors.As(err, &wrong) {
				t.Fatalf("ParseMatrix = %v, %v, want a MatrixError", m, err)
			}
			said := func(f MatrixFault) bool { return f.Line == tt.line && strings.Contains(f.What, tt.says) && f.Do != "" }
			if !slices.ContainsFunc(wrong.Faults, said) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("ParseMatrix: %v, want %q at line %d", err, tt.says, tt.line)
			}
		})
	}
}

func TestAllFaultsAreSaidAtOnce(t *testing.T) {
	_, err := ParseMatrix([]byte("# since: never\n" + columns + "G15_01,perhaps,0-0,X,\nG15_10,no,*,S,law\n" + strings.Repeat("G15_10,no,*,S,law\n", 60)))
	var wrong *MatrixError
	if !errors.As(err, &wrong) || len(wrong.Faults) != maxFaults || wrong.More == 0 {
		t.Fatalf("ParseMatrix: %v, want %d faults and more", err, maxFaults)
	}
	if lines := strings.Count(err.Error(), "\n"); lines != maxFaults+1 {
		t.Errorf("the error has %d lines, want one a fault and the rest counted", lines)
	}
	for i := range 7 {
		if i > 0 && wrong.Faults[i].Line < wrong.Faults[i-1].Line {
			t.Errorf("faults are not in the order of the lines: %v", wrong.Faults[:i+1])
		}
	}
}

func TestTheNarrowestRowDecides(t *testing.T) {
	m := matrixOf(t, "G15_10,no,*,S,x\nG15_10,yes,10,S,x\nG15_10,no,11488-4,S,x\nG15_60,yes,*,S,x\nG15_60,no,10,S,x\nG15_60,yes,11488-4,S,x\n")
	for _, tt := range []struct {
		p        Profession
		typeCode string
		want     bool
	}{
		{Physician, "11488-4", false}, {Physician, "11490-0", true}, {Physician, "REMB", false}, {Physician, "new", false},
		{Nurse, "11488-4", true}, {Nurse, "11490-0", false}, {Nurse, "REMB", true}, {Nurse, "new", true},
		{Pharmacist, "REMB", false}, {"", "REMB", false},
	} {
		if got := m.Allows(tt.p, tt.typeCode); got != tt.want {
			t.Errorf("%s before %s = %v, want %v", tt.p, tt.typeCode, got, tt.want)
		}
	}
}

func matrixOf(t *testing.T, rows string) *Matrix {
	t.Helper()
	m, err := ParseMatrix([]byte(head + columns + rows))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheDifferenceOfTwoMatrices(t *testing.T) {
	old := matrixOf(t, "G15_60,yes,43,S,old\nG15_28,yes,REMB,S,old\n")
	next := matrixOf(t, "G15_60,yes,43,S,other words\nG15_60,no,DISP_AUT,V,new law\nG15_10,yes,*,V,new law\n")
	got := old.Diff(next)
	want := []MatrixChange{
		{Nurse, "DISP_AUT", true, false, "new law"},
		{Optician, "REMB", true, false, ""},
	}
	physician := slices.DeleteFunc(slices.Clone(got), func(c MatrixChange) bool { return c.Profession != Physician })
	others := slices.DeleteFunc(got, func(c MatrixChange) bool { return c.Profession == Physician })
	if diff := cmp.Diff(want, others); diff != "" {
		t.Errorf("Diff (-want +got):\n%s", diff)
	}
	if last := physician[len(physician)-1]; len(physician) != 115 || last != (MatrixChange{Physician, "*", false, true, "new law"}) {
		t.Errorf("%d changes for physicians, the last %v; want all types and those to come", len(physician), last)
	}
	if same := ShippedMatrix().Diff(ShippedMatrix()); len(same) != 0 {
		t.Errorf("a matrix differs from itself: %v", same)
	}
}

func TestTheOperatorsMatrixDecides(t *testing.T) {
	theirs := func(r *Request) { r.Matrix = matrixOf(t, "G15_28,yes,11488-4,V,x\n") }
	check(t, []sentence{
		{"what the operator's matrix opens is open", before(optician, report, consented, theirs), yes("access/consent")},
		{"what it does not speak of is shut", before(optician, eyeReport, consented, theirs), no("habilitation/not-this-type")},
		{"whatever the shipped one says", before(gp, report, consented, theirs), no("habilitation/not-this-type")},
		{"also where a list is asked for", before(gp, "", consented, theirs, act(ListDocuments)), no("habilitation/not-this-profession")},
	})
}

func TestWhatAMatrixSaysOfItself(t *testing.T) {
	m := matrixOf(t, "G15_28,yes,11488-4,V,x\n")
	if m.Version() != "test" || m.Since().Format("2006-01-02") != "2026-01-31" {
		t.Errorf("version %q since %v", m.Version(), m.Since())
	}
	if page := m.Page(); page != m.Page() || !strings.Contains(page, "en vigueur depuis le 31 janvier 2026") {
		t.Errorf("the page does not say since when: %.300s", page)
	}
	if fromExcel, err := ParseMatrix([]byte("\ufeff" + strings.ReplaceAll(head+columns+"G15_28,yes,11488-4,V,x\n", "\n", "\r\n"))); err != nil || len(m.Diff(fromExcel)) != 0 {
		t.Errorf("a file that a spreadsheet has saved is not read: %v", err)
	}
}

func FuzzParseMatrix(f *testing.F) {
	f.Add(habilitationsCSV)
	f.Add([]byte(head + columns + "G15_10,yes,10 REMB,D,x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMatrix(data)
		if (m == nil) == (err == nil) {
			t.Fatalf("ParseMatrix = %v, %v", m, err)
		}
		if err != nil {
			var wrong *MatrixError
			if !errors.As(err, &wrong) || len(wrong.Faults) == 0 || len(wrong.Faults) > maxFaults {
				t.Errorf("no list of faults: %v", err)
			}
			return
		}
		if m.Allows("", "11488-4") || m.Allows("nobody has this code \x00", "11488-4") {
			t.Errorf("a profession without a row reads")
		}
		if m.Version() == "" || m.Since().IsZero() || m.Page() == "" || len(m.Diff(m)) != 0 {
			t.Errorf("a matrix without version, day or page, or different from itself")
		}
	})
}
