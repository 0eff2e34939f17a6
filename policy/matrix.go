package policy

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
)

//go:embed types.csv
var typesCSV string

//go:embed habilitations.csv
var habilitationsCSV string

// A DocumentType is a typeCode with its class and its French name. Class is
// empty where the ANS gives none.
type DocumentType struct{ Code, Class, Name string }

// documentTypes and habilitations are the data files of this package: a
// mistake in them is one of ours, so it stops the program at its start.
var (
	documentTypes = must(parseTypes(typesCSV))
	habilitations = must(parseMatrix(habilitationsCSV, documentTypes))
)

// DocumentTypes returns the types of JDV_J07, by class and code.
func DocumentTypes() []DocumentType { return slices.Clone(documentTypes) }

// Habilitated reports whether the matrix lets p read documents of that type.
// It is one of the conditions for reading, never enough alone: ask Decide.
func Habilitated(p Profession, typeCode string) bool { return habilitations.allows(p, typeCode) }

// A matrix says which profession may read which type of document.
type matrix struct {
	reads    map[cell]bool       // for each type in the list and each profession with a row
	unlisted map[Profession]bool // may read types that are not in the list
	some     map[Profession]bool // may read at least one type
}

type cell struct {
	profession Profession
	typeCode   string
}

func (m *matrix) allows(p Profession, typeCode string) bool {
	reads, listed := m.reads[cell{p, typeCode}]
	return reads || !listed && m.unlisted[p]
}

func (m *matrix) any(p Profession) bool { return m.some[p] }

// A row is what one line says of one profession and one code: a type, a class
// or everything.
type row struct {
	profession Profession
	code       string
}

const everything = "*"

// parseMatrix reads the file described in the header of habilitations.csv.
func parseMatrix(data string, types []DocumentType) (*matrix, error) {
	known := map[string]bool{everything: true}
	for _, t := range types {
		known[t.Code] = true
		known[t.Class] = t.Class != ""
	}
	records, err := readCSV(data, "professions", "read", "codes", "source")
	if err != nil {
		return nil, err
	}
	said := map[row]bool{}
	for i, rec := range records {
		if rec[1] != "yes" && rec[1] != "no" || rec[0] == "" || rec[3] == "" {
			return nil, fmt.Errorf("policy: matrix: row %d says neither yes nor no, or of whom, or by which source", i+1)
		}
		for p := range strings.FieldsSeq(rec[0]) {
			for c := range strings.FieldsSeq(rec[2]) {
				if !known[c] {
					return nil, fmt.Errorf("policy: matrix: row %d names a type or class that does not exist", i+1)
				}
				was, twice := said[row{Profession(p), c}]
				said[row{Profession(p), c}] = rec[1] == "yes" && (was || !twice)
			}
		}
	}
	return spread(said, types), nil
}

// spread applies the rows to every type, the narrowest first.
func spread(said map[row]bool, types []DocumentType) *matrix {
	m := &matrix{map[cell]bool{}, map[Profession]bool{}, map[Profession]bool{}}
	for s := range said {
		m.unlisted[s.profession] = said[row{s.profession, everything}]
	}
	for p, all := range m.unlisted {
		for _, t := range types {
			reads, ok := said[row{p, t.Code}]
			if !ok && t.Class != "" {
				reads, ok = said[row{p, t.Class}]
			}
			if !ok {
				reads = all
			}
			m.reads[cell{p, t.Code}] = reads
			m.some[p] = m.some[p] || reads
		}
	}
	return m
}

func parseTypes(data string) ([]DocumentType, error) {
	records, err := readCSV(data, "code", "class", "name")
	if err != nil {
		return nil, err
	}
	types := make([]DocumentType, 0, len(records))
	for _, rec := range records {
		types = append(types, DocumentType{rec[0], rec[1], rec[2]})
	}
	return types, nil
}

// maxFile is more than any such file needs, in bytes.
const maxFile = 1 << 20

// readCSV returns the rows below a heading that must be exactly columns.
// Lines that begin with # are comments.
func readCSV(data string, columns ...string) ([][]string, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("policy: data file: more than %d bytes", maxFile)
	}
	c := csv.NewReader(strings.NewReader(data))
	c.Comment = '#'
	c.FieldsPerRecord = len(columns)
	records, err := c.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("policy: data file: %w", err)
	}
	if len(records) == 0 || !slices.Equal(records[0], columns) {
		return nil, fmt.Errorf("policy: data file: heading is not %s", strings.Join(columns, ","))
	}
	return records[1:], nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
