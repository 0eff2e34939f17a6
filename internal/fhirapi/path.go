package fhirapi

import (
	"slices"
	"strconv"
	"strings"
)

// A step leads from values to values within them.
type step struct {
	field string // of an object; of each, where there is a list; "value" is any value[x]
	index int    // in a list, where field is empty and where is too; appending is -1
	where string // keep those whose field where is is
	is    string
}

// parsePointer reads a JSON Pointer (RFC 6901), and beside it what the guides
// of the ANS write: /extension[url:'…']/valueBoolean.
func parsePointer(s string) ([]step, bool) {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return nil, false
	}
	var steps []step
	for rest != "" {
		name := rest
		if i := strings.IndexAny(rest, "/["); i >= 0 {
			name = rest[:i]
		}
		rest = rest[len(name):]
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		if n, err := strconv.Atoi(name); err == nil && n >= 0 {
			steps = append(steps, step{index: n})
		} else if name == "-" {
			steps = append(steps, step{index: -1})
		} else {
			steps = append(steps, step{field: name})
		}
		if strings.HasPrefix(rest, "[") {
			field, is, after, ok := condition(rest[1:], ":", "]")
			if !ok {
				return nil, false
			}
			steps, rest = append(steps, step{where: field, is: is}), after
		}
		rest = strings.TrimPrefix(rest, "/")
	}
	return steps, len(steps) > 0 && len(steps) <= 8
}

// condition reads "field<sep>'text'<end>" and returns what follows.
func condition(s, sep, end string) (field, is, after string, ok bool) {
	field, rest, ok := strings.Cut(s, sep)
	rest = strings.TrimSpace(rest)
	if !ok || rest == "" || rest[0] != '\'' && rest[0] != '"' {
		return "", "", "", false
	}
	is, after, ok = strings.Cut(rest[1:], rest[:1])
	if !ok {
		return "", "", "", false
	}
	after, ok = strings.CutPrefix(strings.TrimSpace(after), end)
	return strings.TrimSpace(field), is, after, ok
}

// parseFHIRPath reads the part of FHIRPath that a patch needs:
// "DocumentReference.a[0].where(b='c').d".
func parseFHIRPath(s string) ([]step, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "DocumentReference")
	if !ok {
		return nil, false
	}
	var steps []step
	for rest != "" && len(steps) <= 8 {
		switch {
		case strings.HasPrefix(rest, ".where("):
			field, is, after, ok := condition(rest[len(".where("):], "=", ")")
			if !ok {
				return nil, false
			}
			steps, rest = append(steps, step{where: field, is: is}), after
		case rest[0] == '[':
			number, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.Atoi(number)
			if !ok || err != nil || n < 0 {
				return nil, false
			}
			steps, rest = append(steps, step{index: n}), after
		case rest[0] == '.':
			name := rest[1:]
			if i := strings.IndexAny(name, ".[("); i >= 0 {
				name = name[:i]
			}
			if name == "" {
				return nil, false
			}
			steps, rest = append(steps, step{field: name}), rest[1+len(name):]
		default:
			return nil, false
		}
	}
	return steps, rest == ""
}

// A place is where a value is: a field of an object, or an index of the list
// that is a field of an object.
type place struct {
	object map[string]any
	field  string
	index  int // -1: the field itself
}

func (p place) value() (v any, there bool) {
	v, there = p.object[p.field]
	if p.index < 0 {
		return v, there
	}
	list, _ := v.([]any)
	if p.index >= len(list) {
		return nil, false
	}
	return list[p.index], true
}

func (p place) put(v any) {
	if p.index < 0 {
		p.object[p.field] = v
		return
	}
	p.object[p.field].([]any)[p.index] = v
}

func (p place) remove() {
	if p.index < 0 {
		delete(p.object, p.field)
		return
	}
	list := slices.Delete(slices.Clone(p.object[p.field].([]any)), p.index, p.index+1)
	if p.object[p.field] = list; len(list) == 0 {
		delete(p.object, p.field)
	}
}

// places returns where steps lead from root. A field that is not there is a
// place; what is beyond one is none.
func places(root map[string]any, steps []step) []place {
	at := []place{{map[string]any{"": root}, "", -1}}
	for _, s := range steps {
		var next []place
		for _, p := range at {
			next = append(next, s.from(p)...)
		}
		at = next
	}
	return at
}

// from takes one step from one place.
func (s step) from(p place) []place {
	v, there := p.value()
	if !there {
		return nil
	}
	list, isList := v.([]any)
	if s.field == "" && s.where == "" {
		if !isList || s.index < 0 || s.index >= len(list) {
			return nil
		}
		return []place{{p.object, p.field, s.index}}
	}
	items := []place{p}
	if isList {
		items = items[:0]
		for i := range list {
			items = append(items, place{p.object, p.field, i})
		}
	}
	var out []place
	for _, item := range items {
		v, _ := item.value()
		o, ok := v.(map[string]any)
		switch {
		case !ok:
		case s.where != "" && o[s.where] == s.is:
			out = append(out, item)
		case s.field != "":
			out = append(out, place{o, fieldOf(o, s.field), -1})
		}
	}
	return out
}

// fieldOf finds value[x] by "value".
func fieldOf(o map[string]any, name string) string {
	if _, ok := o[name]; ok || name != "value" {
		return name
	}
	for k := range o {
		if strings.HasPrefix(k, "value") {
			return k
		}
	}
	return name
}
