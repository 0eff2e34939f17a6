package fhir

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func sample(t testing.TB) []byte {
	b, err := os.ReadFile("testdata/iti65.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestASubmissionOfDocumentsIsAccepted(t *testing.T) {
	o, err := Decode(sample(t), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if issues := Check(o); len(issues) > 0 {
		t.Errorf("Check = %v", issues)
	}
}

// The faults that the validators named in the design notes were tried with, and
// some more: each changes one thing of a resource that is right.
func TestEveryFaultIsFound(t *testing.T) {
	for _, tt := range []struct{ name, old, new, code, path string }{
		{"a status is missing", `"status": "current",
      "type"`, `"type"`, "required", "Bundle.entry[1].resource.status"},
		{"a content is missing", `"content": [{
        "attachment"`, `"_description": {"id": "x"}, "x-content": [{
        "attachment"`, "required", "Bundle.entry[1].resource.content"},
		{"a property nobody knows", `"mode": "working"`, `"mode": "working", "colour": "red"`, "structure", "Bundle.entry[0].resource"},
		{"one where a list is expected", `"author": [{"reference": "#author"}]`, `"author": {"reference": "#author"}`, "structure", "Bundle.entry[1].resource.author"},
		{"a list where one is expected", `"subject": {"reference": "Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|160209999900102"},
      "date": "2026-11-20T10:00:00+01:00",
      "author"`, `"subject": [{"reference": "Patient/1"}], "author"`, "structure", "Bundle.entry[1].resource.subject"},
		{"an empty list", `"author": [{"reference": "#author"}]`, `"author": []`, "structure", "Bundle.entry[1].resource.author"},
		{"a relation without target", `"author": [`, `"relatesTo": [{"code": "replaces"}], "author": [`, "required", "Bundle.entry[1].resource.relatesTo[0].target"},
		{"a date as the French write it", `"context": {"period": {"start": "2026-11-20"}}`, `"context": {"period": {"start": "12/06/2026"}}`, "value", "Bundle.entry[1].resource.context.period.start"},
		{"a day that there is not", `"start": "2026-11-20"`, `"start": "2026-02-30"`, "value", "Bundle.entry[1].resource.context.period.start"},
		{"an instant without zone", `"date": "2026-11-20T10:00:00+01:00",
      "author"`, `"date": "2026-11-20T10:00:00", "author"`, "value", "Bundle.entry[1].resource.date"},
		{"a status that is none", `"status": "current",
      "type"`, `"status": "wrong", "type"`, "code-invalid", "Bundle.entry[1].resource.status"},
		{"a subject of a wrong type", `"subject": {"reference": "Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|160209999900102"},
      "date": "2026-11-20T10:00:00+01:00",
      "author"`, `"subject": {"reference": "Appointment/1"}, "author"`, "value", "Bundle.entry[1].resource.subject"},
		{"two types of one value", `"valueIdentifier"`, `"valueString": "x", "valueIdentifier"`, "structure", "Bundle.entry[0].resource.extension[0].value"},
		{"a number in quotes", `"size": 7`, `"size": "7"`, "value", "Bundle.entry[1].resource.content[0].attachment.size"},
		{"a negative size", `"size": 7`, `"size": -7`, "value", "Bundle.entry[1].resource.content[0].attachment.size"},
		{"a word that is true or false", `"title": "Consultation"`, `"title": true`, "value", "Bundle.entry[1].resource.content[0].attachment.title"},
		{"bytes that are no base64", `Qm9uam91cg==`, `Qm9uam91cg=`, "value", "Bundle.entry[2].resource.data"},
		{"a resource that is not spoken", `"resourceType": "Binary"`, `"resourceType": "Basket"`, "not-supported", "Bundle.entry[2].resource"},
		{"an empty object", `"context": {"period": {"start": "2026-11-20"}}`, `"context": {}`, "structure", "Bundle.entry[1].resource.context"},
		{"null", `"title": "Consultation"`, `"title": null`, "value", "Bundle.entry[1].resource.content[0].attachment.title"},
		{"a method that is none", `"method": "POST", "url": "List"`, `"method": "SEND", "url": "List"`, "code-invalid", "Bundle.entry[0].request.method"},
		{"an id of a wrong form", `"id": "author"`, `"id": {"a": 1}`, "value", "Bundle.entry[1].resource.contained[0].id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := string(sample(t))
			if !strings.Contains(text, tt.old) {
				t.Fatalf("the sample has no %s", tt.old)
			}
			o, err := Decode([]byte(strings.Replace(text, tt.old, tt.new, 1)), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			issues := Check(o)
			for _, i := range issues {
				if i.Code == tt.code && i.Path == tt.path {
					return
				}
			}
			t.Errorf("Check = %v, want %s at %s", issues, tt.code, tt.path)
		})
	}
}

func TestExtensionsOfAValueStandBesideIt(t *testing.T) {
	for _, tt := range []struct {
		in    string
		right bool
	}{
		{`{"resourceType":"Patient","birthDate":"1970","_birthDate":{"extension":[{"url":"http://a.test","valueString":"x"}]}}`, true},
		{`{"resourceType":"Patient","_birthDate":{"extension":[{"url":"http://a.test","valueString":"x"}]}}`, true},
		{`{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,{"id":"b"}]}]}`, true},
		{`{"resourceType":"Patient","_birthDate":{"extension":[{"valueString":"x"}]}}`, false},
		{`{"resourceType":"Patient","_birthDate":7}`, false},
		{`{"resourceType":"Patient","_name":{"id":"x"}}`, false},
	} {
		o, err := Decode([]byte(tt.in), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if issues := Check(o); (len(issues) == 0) != tt.right {
			t.Errorf("Check(%s) = %v", tt.in, issues)
		}
	}
}

func TestDecodeKeepsToItsLimits(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		lim      Limits
		want     error
	}{
		{"too many bytes", `{"a":"12345678901234567890"}`, Limits{Bytes: 10}, fault.TooLarge},
		{"too deep", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), Limits{}, fault.TooLarge},
		{"too many values", `{"a":[1,2,3,4,5,6]}`, Limits{Values: 5}, fault.TooLarge},
		{"a property twice", `{"a":1,"a":2}`, Limits{}, fault.Invalid},
		{"two objects", `{} {}`, Limits{}, fault.Invalid},
		{"a list", `[1]`, Limits{}, fault.Invalid},
		{"nothing", ``, Limits{}, fault.Invalid},
		{"half an object", `{"a":`, Limits{}, fault.Invalid},
		{"bytes that are no text", "{\"a\":\"\xff\"}", Limits{}, fault.Invalid},
		{"XML", `<Patient/>`, Limits{}, fault.Invalid},
		{"as deep as allowed", strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32), Limits{}, nil},
	} {
		if _, err := Decode([]byte(tt.in), tt.lim); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestTheTableCanBeRead(t *testing.T) {
	tab, err := parseTable(elementsText)
	if err != nil {
		t.Fatal(err)
	}
	elements := 0
	for name, s := range tab.structures {
		for _, e := range s.elements {
			elements++
			for _, ty := range e.types {
				if !primitive(ty.name) && ty.name != "Resource" && tab.structures[ty.name] == nil {
					t.Errorf("%s.%s is of type %s, which the table lacks", name, e.name, ty.name)
				}
			}
		}
	}
	if len(tab.resources) < 28 || elements < 1300 {
		t.Errorf("the table has %d resources and %d elements", len(tab.resources), elements)
	}
	for _, broken := range []string{"x 0..1 string", "= A\nx one string", "= A\nx 0..1 code !none"} {
		if _, err := parseTable(broken); err == nil {
			t.Errorf("%q is read as a table", broken)
		}
	}
}

func TestIDs(t *testing.T) {
	for id, want := range map[string]bool{"a": true, "A-1.b": true, "": false, "a b": false, "é": false, "a/b": false, strings.Repeat("a", 65): false} {
		if IsID(id) != want {
			t.Errorf("IsID(%q) = %v", id, !want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte(`{"resourceType":"Patient","_birthDate":{"extension":[{"valueString":"x"}]},"contained":[{"resourceType":"List"}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		o, err := Decode(in, Limits{Bytes: 1 << 16, Depth: 16, Values: 2000})
		if err != nil {
			if k := fault.Of(err); k != fault.Invalid && k != fault.TooLarge {
				t.Errorf("Decode: %v", err)
			}
			return
		}
		issues := Check(o)
		out, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(out, Limits{Bytes: 1 << 20, Depth: 16, Values: 2000})
		if err != nil || len(Check(again)) != len(issues) {
			t.Errorf("%s does not stay what it is: %v", in, err)
		}
	})
}

func BenchmarkDecodeAndCheck(b *testing.B) {
	in := sample(b)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		o, err := Decode(in, Limits{})
		if err != nil || len(Check(o)) > 0 {
			b.Fatal("not right")
		}
	}
}
