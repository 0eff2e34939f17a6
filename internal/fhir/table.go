package fhir

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed elements.txt
var elementsText string

// unbounded is the maximum of an element that may be there any number of times.
const unbounded = -1

// An element is one line of the table.
type element struct {
	name     string // without [x]
	min, max int
	types    []elementType
	codes    map[string]bool // a required value set, or nil
}

// An elementType is one of the types that an element may have.
type elementType struct {
	name    string   // of a datatype, or the path of a part of the resource
	targets []string // that a Reference may lead to; nil for any
}

// A structure is a type with its elements, by the name of the JSON property:
// "value[x]" has one for each of its types.
type structure struct {
	elements   []*element
	properties map[string]property
}

type property struct {
	*element
	ty elementType
}

type table struct {
	structures map[string]*structure
	resources  map[string]bool
}

var definitions = sync.OnceValue(func() *table {
	t, err := parseTable(elementsText)
	if err != nil { // proved not to happen by a test
		panic(err)
	}
	return t
})

// Resources lists the types of resource that this package knows.
func Resources() []string { return slices.Sorted(maps.Keys(definitions().resources)) }

func parseTable(text string) (*table, error) {
	t := &table{map[string]*structure{}, map[string]bool{}}
	var bound []*element
	var sets []string
	codes := map[string]map[string]bool{}
	var s *structure
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || fields[0] == "#":
		case fields[0] == "=":
			s = &structure{properties: map[string]property{}}
			t.structures[fields[1]] = s
			if len(fields) == 3 {
				t.resources[fields[1]] = true
			}
		case fields[0] == "!":
			set := map[string]bool{}
			for _, c := range fields[2:] {
				set[c] = true
			}
			codes[fields[1]] = set
		case s == nil || len(fields) < 3:
			return nil, fmt.Errorf("fhir: table: %q is no element", line)
		default:
			e, err := parseElement(fields)
			if err != nil {
				return nil, err
			}
			if len(fields) == 4 {
				bound, sets = append(bound, e), append(sets, strings.TrimPrefix(fields[3], "!"))
			}
			s.add(e, strings.HasSuffix(fields[0], "[x]"))
		}
	}
	for i, e := range bound {
		if e.codes = codes[sets[i]]; e.codes == nil {
			return nil, fmt.Errorf("fhir: table: there is no value set %q", sets[i])
		}
	}
	return t, nil
}

func parseElement(fields []string) (*element, error) {
	low, high, _ := strings.Cut(fields[1], "..")
	e := &element{name: strings.TrimSuffix(fields[0], "[x]")}
	var err, err2 error
	e.min, err = strconv.Atoi(low)
	if e.max = unbounded; high != "*" {
		e.max, err2 = strconv.Atoi(high)
	}
	if err != nil || err2 != nil {
		return nil, fmt.Errorf("fhir: table: %q is no cardinality", fields[1])
	}
	for name := range strings.SplitSeq(fields[2], "|") {
		name, targets, _ := strings.Cut(strings.TrimSuffix(name, ")"), "(")
		ty := elementType{name: strings.Trim(name, "{}")}
		if targets != "" {
			ty.targets = strings.Split(targets, ",")
		}
		e.types = append(e.types, ty)
	}
	return e, nil
}

func (s *structure) add(e *element, choice bool) {
	s.elements = append(s.elements, e)
	for _, ty := range e.types {
		name := e.name
		if choice {
			name += strings.ToUpper(ty.name[:1]) + ty.name[1:]
		}
		s.properties[name] = property{e, ty}
	}
}
