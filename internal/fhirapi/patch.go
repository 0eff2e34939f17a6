package fhirapi

import (
	"cmp"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
)

// An operation changes one thing of a document.
type operation struct {
	op    string // "replace", "add", "remove" or "test"
	steps []step
	name  string // of the field that "add" adds to what steps lead to; "": to it as JSON Patch does
	value any
}

const maxOperations = 20

// changeable are the elements of a document that may be changed at all (PDSm,
// flux 03).
var changeable = []string{"status", "securityLabel", "extension"}

func onlyChangeable() error {
	return &problem{kind: fault.Invalid, status: http.StatusMethodNotAllowed, code: "not-supported",
		fr: "On ne peut modifier que status, securityLabel et les extensions isArchived et isDeleted.",
		en: "Only status, securityLabel and the extensions isArchived and isDeleted may be changed."}
}

func badPatch() error {
	return unprocessable("La modification demandée ne s'applique pas à cette fiche.", "The change does not apply to this document.")
}

// operations reads a patch: JSON Patch (RFC 6902), or the Parameters of a
// FHIRPath Patch.
func operations(media string, body []byte, lim fhir.Limits) ([]operation, error) {
	switch {
	case media == "application/json-patch+json":
		return jsonPatch(body, lim)
	case slices.Contains(jsonTypes, media):
		if _, err := checked(body, "Parameters", lim); err != nil {
			return nil, err
		}
		return fhirPathPatch(body)
	}
	return nil, &problem{kind: fault.Invalid, status: http.StatusUnsupportedMediaType, code: "not-supported",
		fr: "Envoyez un JSON Patch ou un FHIRPath Patch.", en: "Send a JSON Patch or a FHIRPath Patch."}
}

func jsonPatch(body []byte, lim fhir.Limits) ([]operation, error) {
	wrapped := append(append([]byte(`{"patch":`), body...), '}') // Decode reads objects, and bounds them
	o, err := fhir.Decode(wrapped, lim)
	if err != nil {
		return nil, err
	}
	list, ok := o["patch"].([]any)
	if !ok || len(list) == 0 || len(list) > maxOperations || len(o) != 1 {
		return nil, invalid("Ce n'est pas un JSON Patch.", "This is no JSON Patch.")
	}
	var out []operation
	for _, one := range list {
		o, _ := one.(map[string]any)
		op, _ := o["op"].(string)
		path, _ := o["path"].(string)
		steps, ok := parsePointer(path)
		if !ok || !slices.Contains([]string{"replace", "add", "remove", "test"}, op) {
			return nil, invalid("Une opération du JSON Patch n'est pas conforme, ou n'est pas disponible.", "An operation of the JSON Patch is not valid, or not available.")
		}
		out = append(out, operation{op: op, steps: steps, value: o["value"]})
	}
	return out, nil
}

func fhirPathPatch(body []byte) ([]operation, error) {
	var p struct{ Parameter []patchPart }
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, invalid("Ce n'est pas un FHIRPath Patch.", "This is no FHIRPath Patch.")
	}
	names := map[string]string{"replace": "replace", "add": "add", "delete": "remove"}
	var out []operation
	for _, one := range p.Parameter {
		var o operation
		ok := one.Name == "operation"
		for _, part := range one.Part {
			switch part.Name {
			case "type":
				o.op = names[part.Code]
			case "path":
				steps, parsed := parseFHIRPath(part.String)
				o.steps, ok = steps, ok && parsed
			case "name":
				o.name = part.String
			case "value":
				o.value = part.value()
			}
		}
		if !ok || o.op == "" || o.op == "add" && o.name == "" || len(out) == maxOperations {
			return nil, invalid("Une opération du FHIRPath Patch n'est pas conforme, ou n'est pas disponible.", "An operation of the FHIRPath Patch is not valid, or not available.")
		}
		out = append(out, o)
	}
	if len(out) == 0 {
		return nil, invalid("Le FHIRPath Patch est vide.", "The FHIRPath Patch is empty.")
	}
	return out, nil
}

// A patchPart is a parameter of a FHIRPath Patch, with the values that the
// changeable elements are made of.
type patchPart struct {
	Name    string
	Part    []patchPart
	Code    string          `json:"valueCode"`
	String  string          `json:"valueString"`
	URI     string          `json:"valueUri"`
	Boolean *bool           `json:"valueBoolean"`
	Concept json.RawMessage `json:"valueCodeableConcept"`
	Coding  json.RawMessage `json:"valueCoding"`
}

// value is what the part says, as decoded JSON; one with parts is an object.
func (p patchPart) value() any {
	if len(p.Part) > 0 {
		o := map[string]any{}
		for _, part := range p.Part {
			o[part.Name] = part.value()
		}
		return o
	}
	for _, raw := range []json.RawMessage{p.Concept, p.Coding} {
		var v any
		if raw != nil && json.Unmarshal(raw, &v) == nil {
			return v
		}
	}
	if p.Boolean != nil {
		return *p.Boolean
	}
	return cmp.Or(p.Code, cmp.Or(p.String, p.URI))
}

// apply does one operation on what may be changed of a document.
func (o operation) apply(doc map[string]any) error {
	if root := o.root(); !slices.Contains(changeable, root) {
		return onlyChangeable()
	}
	if o.op == "add" {
		return o.add(doc)
	}
	at := places(doc, o.steps)
	if len(at) != 1 {
		return badPatch()
	}
	v, there := at[0].value()
	switch {
	case !there:
		return badPatch()
	case o.op == "test" && !reflect.DeepEqual(v, o.value):
		return fault.Conflict
	case o.op == "replace":
		at[0].put(o.value)
	case o.op == "remove":
		at[0].remove()
	}
	return nil
}

// root is the element of the document that the operation is about.
func (o operation) root() string {
	if len(o.steps) == 0 {
		return o.name
	}
	return o.steps[0].field
}

// add adds a value: to the list that is a field, or as the field.
func (o operation) add(doc map[string]any) error {
	steps := slices.Clone(o.steps)
	appends := false
	if o.name != "" {
		steps, appends = append(steps, step{field: o.name}), true
	} else if last := steps[len(steps)-1]; last.field == "" && last.where == "" {
		steps, appends = steps[:len(steps)-1], true // where in the list does not matter: it has no order
	}
	at := places(doc, steps)
	if len(at) != 1 {
		return badPatch()
	}
	v, there := at[0].value()
	list, isList := v.([]any)
	switch {
	case there && isList && appends:
		at[0].put(append(list, o.value))
	case !there && appends && steps[len(steps)-1].field != "status":
		at[0].put([]any{o.value})
	default:
		at[0].put(o.value)
	}
	return nil
}
