package policy

import (
	_ "embed"
	"time"
)

//go:embed habilitations.csv
var habilitationsCSV []byte

// A Matrix says which profession may read which type of document: the
// habilitation matrix (arrêté of 26 October 2023). What it does not allow it
// refuses. It never changes once parsed, and may be shared.
type Matrix struct {
	text    string
	version string
	since   time.Time
	rows    []*matrixRow
	columns map[Profession]*column
}

// A matrixRow is what one line of the file says of some professions and codes.
type matrixRow struct {
	line        int
	professions []Profession
	read        bool
	codes       []string // types, classes or everything
	mark        string   // V, S or D
	source      string
}

const everything = "*"

// A column is what the rows say of one profession.
type column struct {
	types map[string]*matrixRow // the row that decides on each listed type, where one does
	rest  *matrixRow            // that decides on the others, if one does
	some  bool                  // at least one type may be read
}

var shippedMatrix = must(ParseMatrix(habilitationsCSV))

// ShippedMatrix returns the matrix that comes with the program.
func ShippedMatrix() *Matrix { return shippedMatrix }

// Habilitated reports whether the shipped matrix lets p read documents of that
// type. It is one of the conditions for reading, never enough alone: ask Decide.
func Habilitated(p Profession, typeCode string) bool { return shippedMatrix.Allows(p, typeCode) }

// Version is the name that the file gives itself.
func (m *Matrix) Version() string { return m.version }

// Text is the file that the matrix was read from: to be edited and read again.
func (m *Matrix) Text() string { return m.text }

// Since is the day from which the rows hold.
func (m *Matrix) Since() time.Time { return m.since }

// Allows reports whether p may read documents of that type, listed or not.
func (m *Matrix) Allows(p Profession, typeCode string) bool {
	row := m.decides(p, typeCode)
	return row != nil && row.read
}

// Source returns who says what Allows answers, and how sure that is: V read in
// the official text, S second-hand, D deduced. Both are empty where no row
// speaks of it, so that it is refused.
func (m *Matrix) Source(p Profession, typeCode string) (source, mark string) {
	if row := m.decides(p, typeCode); row != nil {
		return row.source, row.mark
	}
	return "", ""
}

func (m *Matrix) decides(p Profession, typeCode string) *matrixRow {
	c := m.columns[p]
	if c == nil {
		return nil
	}
	if _, listed := typeAt[typeCode]; listed {
		return c.types[typeCode]
	}
	return c.rest
}

// any reports whether p may read at least one type.
func (m *Matrix) any(p Profession) bool {
	c := m.columns[p]
	return c != nil && c.some
}

// A MatrixChange is what one matrix says differently from another.
type MatrixChange struct {
	Profession   Profession
	Type         string // * for the types that are not listed
	Was, Becomes bool
	Source       string // of the row that decides from now on; empty if none does
}

// Diff returns what would change if next took the place of m, by profession
// and type.
func (m *Matrix) Diff(next *Matrix) []MatrixChange {
	var changes []MatrixChange
	for _, p := range professions {
		if m.columns[p.code] == nil && next.columns[p.code] == nil {
			continue
		}
		compare := func(typeCode string) {
			was, becomes := m.Allows(p.code, typeCode), next.Allows(p.code, typeCode)
			if was != becomes {
				source, _ := next.Source(p.code, typeCode)
				changes = append(changes, MatrixChange{p.code, typeCode, was, becomes, source})
			}
		}
		for _, d := range documentTypes {
			compare(d.Code)
		}
		compare(everything)
	}
	return changes
}

// spread applies the rows to every type, the narrowest first: type before
// class before everything.
func (m *Matrix) spread() {
	said := map[Profession]map[string]*matrixRow{}
	for _, row := range m.rows {
		for _, p := range row.professions {
			if said[p] == nil {
				said[p] = map[string]*matrixRow{}
			}
			for _, code := range row.codes {
				said[p][code] = row
			}
		}
	}
	m.columns = make(map[Profession]*column, len(said))
	for p, by := range said {
		c := &column{types: map[string]*matrixRow{}, rest: by[everything]}
		c.some = c.rest != nil && c.rest.read
		for _, d := range documentTypes {
			row := by[d.Code]
			if row == nil && d.Class != "" {
				row = by[d.Class]
			}
			if row == nil {
				row = c.rest
			}
			if row != nil {
				c.types[d.Code] = row
				c.some = c.some || row.read
			}
		}
		m.columns[p] = c
	}
}
