package cda

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strings"
	"sync"
)

//go:embed typecodes.csv
var typeCodesCSV string

//go:embed classes.csv
var classesCSV string

//go:embed shelves.csv
var shelvesCSV string

// Code systems of document types and classes.
const (
	SystemLOINC = "2.16.840.1.113883.6.1"
	SystemTypes = "1.2.250.1.213.1.1.4.12" // types of the CI-SIS without a LOINC code
	SystemClass = "1.2.250.1.213.1.1.4.1"
)

// A Type is a kind of document, such as 11502-2, a laboratory report.
type Type struct {
	Code, System string
	Label        string // in French, as published
	Class        Class
	Shelf        Shelf
}

// A Class groups types; its code is the XDS classCode, empty for "other".
type Class struct{ Code, French, English string }

// A Shelf is where the vault shows a type to the patient. Its French name
// serves as the name of the IMAP folder.
type Shelf struct{ Code, French, English string }

type valueSets struct {
	types   []Type
	byCode  map[string]Type
	classes []Class
	shelves []Shelf
}

var sets = sync.OnceValue(func() valueSets {
	v := valueSets{byCode: map[string]Type{}}
	classes, shelves := map[string]Class{}, map[string]Shelf{}
	for _, r := range rows(classesCSV) {
		c := Class{r[0], r[1], r[2]}
		v.classes, classes[c.Code] = append(v.classes, c), c
	}
	for _, r := range rows(shelvesCSV) {
		s := Shelf{r[0], r[1], r[2]}
		v.shelves, shelves[s.Code] = append(v.shelves, s), s
	}
	for _, r := range rows(typeCodesCSV) {
		t := Type{Code: r[0], System: r[1], Label: r[2], Class: classes[r[3]], Shelf: shelves[r[4]]}
		v.types, v.byCode[t.Code] = append(v.types, t), t
	}
	return v
})

// rows reads an embedded table; that it can be read is proved by a test.
func rows(table string) [][]string {
	r := csv.NewReader(strings.NewReader(table))
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil {
		panic(fmt.Sprintf("cda: embedded table: %v", err))
	}
	return all[1:]
}

// Types lists the document types in the order of the value set.
func Types() []Type { return sets().types }

// Classes lists the document classes; the last one is "other document".
func Classes() []Class { return sets().classes }

// Shelves lists the shelves in the order they are shown; the last one is
// "other documents".
func Shelves() []Shelf { return sets().shelves }

// TypeByCode returns the document type of that code. For a code that is not in
// the value set, ok is false and the type is "other document" under that code.
func TypeByCode(code string) (t Type, ok bool) {
	s := sets()
	if t, ok = s.byCode[code]; ok {
		return t, true
	}
	class := s.classes[len(s.classes)-1]
	return Type{Code: code, Label: class.French, Class: class, Shelf: s.shelves[len(s.shelves)-1]}, false
}
