package policy

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"iter"
	"slices"
	"strings"
)

//go:embed types.csv
var typesCSV string

//go:embed professions.csv
var professionsCSV string

// A DocumentType is a typeCode with its class and its French name. Class is
// empty where the ANS gives none.
type DocumentType struct{ Code, Class, Name string }

// A profession is a line of professions.csv.
type profession struct {
	code  Profession
	group string // health, training or social
	name  string
}

// The lists are data files of this package: a mistake in them is one of ours,
// so it stops the program at its start.
var (
	documentTypes = must(parseTypes(typesCSV))
	professions   = must(parseProfessions(professionsCSV))
	professionAt  = index(professions, func(p profession) Profession { return p.code })
	typeAt        = index(documentTypes, func(d DocumentType) string { return d.Code })
)

// DocumentTypes returns the types of JDV_J07, by class and code.
func DocumentTypes() []DocumentType { return slices.Clone(documentTypes) }

// Professions yields the professions of JDV_J01, in the order of the page that
// a physician reviews.
func Professions() iter.Seq[Profession] {
	return func(yield func(Profession) bool) {
		for _, p := range professions {
			if !yield(p.code) {
				return
			}
		}
	}
}

// A class is a category of documents (TRE_A03), with its names.
type class struct{ code, fr, en string }

// classes are in the order of the page; the last is of the types without class.
var classes = []class{
	{"10", "Comptes rendus", "Reports"},
	{"11", "Synthèses", "Summaries"},
	{"31", "Imagerie", "Imaging"},
	{"42", "Prescriptions", "Prescriptions"},
	{"43", "Dispensations", "Dispensing"},
	{"44", "Plans et protocoles de soins", "Care plans"},
	{"45", "Traitements administrés", "Treatments given"},
	{"52", "Certificats, vaccinations", "Certificates, vaccinations"},
	{"60", "Remboursements", "Reimbursements"},
	{"90", "Documents du patient", "The patient's documents"},
	{"95", "Gestion administrative", "Administration"},
	{"", "Sans classe", "Without class"},
}

func parseTypes(data string) ([]DocumentType, error) {
	records, err := readList(data, "code", "class", "name")
	types := make([]DocumentType, 0, len(records))
	for _, rec := range records {
		types = append(types, DocumentType{rec[0], rec[1], rec[2]})
	}
	return types, err
}

func parseProfessions(data string) ([]profession, error) {
	records, err := readList(data, "code", "group", "name")
	list := make([]profession, 0, len(records))
	for _, rec := range records {
		list = append(list, profession{Profession(rec[0]), rec[1], rec[2]})
	}
	return list, err
}

// readList returns the rows below a heading that must be exactly columns.
// Lines that begin with # are comments.
func readList(data string, columns ...string) ([][]string, error) {
	c := csv.NewReader(strings.NewReader(data))
	c.Comment = '#'
	c.FieldsPerRecord = len(columns)
	records, err := c.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("policy: list: %w", err)
	}
	if len(records) == 0 || !slices.Equal(records[0], columns) {
		return nil, fmt.Errorf("policy: list: heading is not %s", strings.Join(columns, ","))
	}
	return records[1:], nil
}

func index[K comparable, V any](list []V, key func(V) K) map[K]int {
	at := make(map[K]int, len(list))
	for i, v := range list {
		at[key(v)] = i
	}
	return at
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
