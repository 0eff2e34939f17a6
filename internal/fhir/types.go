package fhir

import "encoding/json"

// The datatypes, with the elements that this hub writes or reads.

// Meta is what is known of a resource as such.
type Meta struct {
	VersionID   string   `json:"versionId,omitempty"`
	LastUpdated string   `json:"lastUpdated,omitempty"`
	Profile     []string `json:"profile,omitempty"`
	Tag         []Coding `json:"tag,omitempty"`
}

// A Coding is one code of one system.
type Coding struct {
	System  string `json:"system,omitempty"`
	Version string `json:"version,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

// A CodeableConcept is a concept with its codes and its words.
type CodeableConcept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// An Identifier names something outside FHIR.
type Identifier struct {
	Use    string           `json:"use,omitempty"`
	Type   *CodeableConcept `json:"type,omitempty"`
	System string           `json:"system,omitempty"`
	Value  string           `json:"value,omitempty"`
}

// A Reference leads to a resource.
type Reference struct {
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
	Extension  []Extension `json:"extension,omitempty"`
}

// A Period is from one time to another.
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// A HumanName is a name of a person.
type HumanName struct {
	Use    string   `json:"use,omitempty"`
	Text   string   `json:"text,omitempty"`
	Family string   `json:"family,omitempty"`
	Given  []string `json:"given,omitempty"`
}

// An Attachment is a document, by its content or by where that is.
type Attachment struct {
	ContentType string `json:"contentType,omitempty"`
	Language    string `json:"language,omitempty"`
	Data        string `json:"data,omitempty"` // base64
	URL         string `json:"url,omitempty"`
	Size        *int64 `json:"size,omitempty"` // bytes
	Hash        string `json:"hash,omitempty"` // SHA-1, base64
	Title       string `json:"title,omitempty"`
	Creation    string `json:"creation,omitempty"`
}

// An Extension says what FHIR has no element for.
type Extension struct {
	URL             string           `json:"url"`
	Extension       []Extension      `json:"extension,omitempty"`
	Boolean         *bool            `json:"valueBoolean,omitempty"`
	Code            string           `json:"valueCode,omitempty"`
	String          string           `json:"valueString,omitempty"`
	URI             string           `json:"valueUri,omitempty"`
	Date            string           `json:"valueDate,omitempty"`
	DateTime        string           `json:"valueDateTime,omitempty"`
	CodeableConcept *CodeableConcept `json:"valueCodeableConcept,omitempty"`
	Identifier      *Identifier      `json:"valueIdentifier,omitempty"`
	Reference       *Reference       `json:"valueReference,omitempty"`
}

// A Resource is any resource; it begins with its type.
type Resource interface{ resource() }

// A Kind is the resourceType of a resource.
type Kind string

func (Kind) resource() {}

// Raw is a resource that is not read, or not yet.
type Raw = json.RawMessage

// Type returns the resourceType and the id of a resource in JSON.
func Type(raw Raw) (kind, id string) {
	var head struct {
		Kind `json:"resourceType"`
		ID   string `json:"id"`
	}
	if json.Unmarshal(raw, &head) != nil {
		return "", ""
	}
	return string(head.Kind), head.ID
}
