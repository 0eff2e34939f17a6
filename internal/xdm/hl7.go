package xdm

import (
	"strings"
	"time"
)

// The HL7 v2 types within ebRIM slots: fields by '^', parts of a field by '&'
// (IHE ITI TF-3 §4.2.3.1.7).

func field(s string, n int) string { // n counts from 1, as HL7 does
	parts := strings.Split(s, "^")
	if n > len(parts) {
		return ""
	}
	return strings.TrimSpace(parts[n-1])
}

// assigner returns the OID of "&OID&ISO".
func assigner(s string) string {
	parts := strings.Split(s, "&")
	if len(parts) < 2 || parts[1] == "null" {
		return ""
	}
	return strings.TrimSpace(parts[1])
}

// patientID reads a CX, "text^^^&OID&ISO^type". A text of "null" is none.
func patientID(s string) PatientID {
	text := field(s, 1)
	if text == "" || text == "null" {
		return PatientID{}
	}
	return PatientID{Text: text, OID: assigner(field(s, 4)), Type: field(s, 5)}
}

func (p PatientID) cx() string {
	if p == (PatientID{}) {
		return ""
	}
	return clean(p.Text) + "^^^&" + clean(p.OID) + "&ISO^" + clean(p.Type)
}

// person reads an XCN, "id^family^given^^^^^^&OID&ISO…". A value without a
// hat is a name alone.
func person(s string) Person {
	if !strings.Contains(s, "^") {
		return Person{Family: strings.TrimSpace(s)}
	}
	return Person{ID: field(s, 1), Family: field(s, 2), Given: field(s, 3), OID: assigner(field(s, 9))}
}

func (p Person) xcn() string {
	if p == (Person{}) {
		return ""
	}
	return clean(p.ID) + "^" + clean(p.Family) + "^" + clean(p.Given) + "^^^^^^&" + clean(p.OID) + "&ISO^D^^^IDNPS"
}

// organisation reads an XON, "name^^^^^&OID&ISO^IDNST^^^id".
func organisation(s string) Organisation {
	return Organisation{Name: field(s, 1), OID: assigner(field(s, 6)), ID: field(s, 10)}
}

func (o Organisation) xon() string {
	if o == (Organisation{}) {
		return ""
	}
	return clean(o.Name) + "^^^^^&" + clean(o.OID) + "&ISO^IDNST^^^" + clean(o.ID)
}

// specialty reads "code^display^system", or a display alone.
func specialty(s string) Code {
	if !strings.Contains(s, "^") {
		return Code{Display: strings.TrimSpace(s)}
	}
	return Code{Code: field(s, 1), Display: field(s, 2), System: field(s, 3)}
}

// clean drops what would break out of a field.
func clean(s string) string {
	return strings.NewReplacer("^", " ", "&", " ", "|", " ", "~", " ", `\`, " ").Replace(s)
}

// traits reads the values of sourcePatientInfo, "PID-5|family^given" and so on.
func traits(values []string) Traits {
	var t Traits
	for _, v := range values {
		name, value, _ := strings.Cut(v, "|")
		switch strings.TrimSpace(name) {
		case "PID-5":
			if t.Family == "" { // the legal name comes first
				t.Family, t.Given = field(value, 1), field(value, 2)
			}
		case "PID-7":
			t.BirthDate = strings.TrimSpace(value)
		case "PID-8":
			t.Sex = strings.TrimSpace(value)
		}
	}
	return t
}

const layout = "20060102150405"

// timestamp reads YYYY[MM[DD[hh[mm[ss]]]]], which is UTC in XDS. What is no
// timestamp gives the zero time.
func timestamp(s string) time.Time {
	s = strings.TrimSpace(s)
	if len(s) < 4 || len(s) > len(layout) || len(s)%2 != 0 {
		return time.Time{}
	}
	t, err := time.Parse(layout, s+"00000101000000"[len(s):])
	if err != nil {
		return time.Time{}
	}
	return t
}
