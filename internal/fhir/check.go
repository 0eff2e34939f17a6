package fhir

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// An Issue is one thing that is wrong with a resource.
type Issue struct {
	Code    string // of the value set issue-type
	Path    string // where, in FHIRPath: "DocumentReference.content[0].attachment"
	Message string // what, in English, without the value
}

// maxIssues is how many faults are told of one resource.
const maxIssues = 50

// Check says what is wrong with a resource that was decoded by Decode: nothing,
// if it is right. References are checked for the type they name, not for what
// they lead to; invariants are not checked.
func Check(resource map[string]any) []Issue {
	c := checker{t: definitions()}
	kind, _ := resource["resourceType"].(string)
	c.resource(resource, kind)
	return c.issues
}

type checker struct {
	t      *table
	issues []Issue
}

func (c *checker) say(code, path, message string, args ...any) {
	if len(c.issues) < maxIssues {
		c.issues = append(c.issues, Issue{code, path, fmt.Sprintf(message, args...)})
	}
}

// resource checks an object that is a resource by itself.
func (c *checker) resource(v any, path string) {
	o, ok := v.(map[string]any)
	kind, _ := o["resourceType"].(string)
	if !ok || !c.t.resources[kind] {
		c.say("not-supported", path, "is no resource that is known here")
		return
	}
	c.object(o, kind, path, true)
}

// object checks o against the structure named kind.
func (c *checker) object(o map[string]any, kind, path string, resource bool) {
	s := c.t.structures[kind]
	seen := map[*element]string{}
	for _, name := range sortedKeys(o) {
		if name == "resourceType" && resource {
			continue
		}
		if bare, ok := strings.CutPrefix(name, "_"); ok {
			c.extended(o, s, name, bare, path)
			continue
		}
		p, known := s.properties[name]
		if !known {
			c.say("structure", path, "has an element that FHIR does not know there")
			continue
		}
		if other := seen[p.element]; other != "" {
			c.say("structure", path+"."+p.name, "is there in two types")
		}
		seen[p.element] = name
		c.values(o[name], p, path+"."+name)
	}
	for _, e := range s.elements {
		if e.min > 0 && seen[e] == "" && o["_"+e.name] == nil {
			c.say("required", path+"."+e.name, "is missing")
		}
	}
	if len(o) == 0 {
		c.say("structure", path, "is empty")
	}
}

// extended checks "_name", which carries the id and the extensions of a
// primitive value, or of each of a list.
func (c *checker) extended(o map[string]any, s *structure, name, bare, path string) {
	p, known := s.properties[bare]
	if !known || !primitive(p.ty.name) {
		c.say("structure", path, "has an element that FHIR does not know there")
		return
	}
	list, ok := o[name].([]any)
	if !ok || p.max == 1 {
		list = []any{o[name]}
	}
	for i, v := range list {
		if v == nil && len(list) > 1 {
			continue
		}
		if one, ok := v.(map[string]any); ok {
			c.object(one, "Element", fmt.Sprintf("%s.%s[%d]", path, name, i), false)
		} else {
			c.say("structure", path+"."+name, "is no object")
		}
	}
}

// values checks what stands at a property: one value, or a list.
func (c *checker) values(v any, p property, path string) {
	list, isList := v.([]any)
	switch {
	case p.max == 1 && isList:
		c.say("structure", path, "is a list, and there may be one only")
	case p.max == 1:
		c.value(v, p, path)
	case !isList:
		c.say("structure", path, "is no list")
	case len(list) == 0:
		c.say("structure", path, "is an empty list")
	case p.max != unbounded && len(list) > p.max:
		c.say("structure", path, "is there too often")
	default:
		for i, v := range list {
			if v == nil && primitive(p.ty.name) {
				continue // its extensions stand beside it
			}
			c.value(v, p, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

func (c *checker) value(v any, p property, path string) {
	kind := p.ty.name
	switch {
	case kind == "Resource" || c.t.resources[kind]:
		c.resource(v, path)
		return
	case primitive(kind):
		c.primitive(v, kind, p, path)
		return
	}
	o, ok := v.(map[string]any)
	if !ok {
		c.say("structure", path, "is no object")
		return
	}
	c.object(o, kind, path, false)
	if kind == "Reference" {
		c.reference(o, p.ty.targets, path)
	}
}

func (c *checker) primitive(v any, kind string, p property, path string) {
	text, ok := v.(string)
	switch v := v.(type) {
	case bool:
		ok = kind == "boolean"
	case json.Number:
		text = v.String()
		ok = kind == "integer" || kind == "unsignedInt" || kind == "positiveInt" || kind == "decimal"
	case string:
		ok = kind != "boolean" && kind != "integer" && kind != "unsignedInt" && kind != "positiveInt" && kind != "decimal"
	}
	switch {
	case !ok:
		c.say("value", path, "is not of type %s", kind)
	case kind != "boolean" && !forms[kind](text):
		c.say("value", path, "has not the form of a %s", kind)
	case p.codes != nil && !p.codes[text]:
		c.say("code-invalid", path, "is a code that is not allowed there")
	}
}

// reference checks that a reference that names a type names one of targets.
func (c *checker) reference(o map[string]any, targets []string, path string) {
	ref, _ := o["reference"].(string)
	if targets == nil || ref == "" {
		return
	}
	if kind := referredType(ref); c.t.resources[kind] && !slices.Contains(targets, kind) {
		c.say("value", path, "refers to a type of resource that may not stand there")
	}
}

// referredType returns the type of resource that a reference names, or "".
func referredType(ref string) string {
	if kind, _, ok := strings.Cut(ref, "?"); ok && !strings.Contains(kind, "/") {
		return kind // conditional: "Patient?identifier=…"
	}
	parts := strings.Split(ref, "/")
	if i := slices.Index(parts, "_history"); i > 0 {
		parts = parts[:i]
	}
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}

func sortedKeys(o map[string]any) []string {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
