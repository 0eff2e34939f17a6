package policy

import "testing"

// Every combination of flags, against the rows of the volet and the rules of
// the DMP, written here a second time.
func TestFlagsThatMayStandTogether(t *testing.T) {
	rows := func(f Flags) bool { // what may be sent by mail, and to whom
		switch {
		case !f.ToProfessional && !f.ToPatient:
			return true
		case !f.Masked && !f.HiddenFromPatient && !f.HiddenFromRepresentatives:
			return true
		case !f.Masked && f.HiddenFromPatient && !f.HiddenFromRepresentatives:
			return !f.ToPatient
		case !f.HiddenFromPatient && !f.SecretConnection:
			return !f.ToProfessional
		}
		return false
	}
	record := func(f Flags) bool {
		return !(f.Masked && f.HiddenFromPatient) && !(f.HiddenFromPatient && f.HiddenFromRepresentatives) &&
			(!f.SecretConnection || f.HiddenFromRepresentatives)
	}
	for set := range 1 << 6 {
		has := func(bit int) bool { return set>>bit&1 == 1 }
		f := Flags{has(0), has(1), has(2), has(3), has(4), has(5)}
		d := CheckFlags(f)
		if d.Allow != (rows(f) && record(f)) {
			t.Errorf("CheckFlags(%+v) = %v", f, d)
		}
		filed := Decide(with(Request{Act: FileDocument, Actor: gp, Now: noon, Space: annasSpace, SecretConnection: f.SecretConnection,
			Document: Document{TypeCode: report, Masked: f.Masked, HiddenFromPatient: f.HiddenFromPatient, HiddenFromRepresentatives: f.HiddenFromRepresentatives}}))
		if filed.Allow != record(f) {
			t.Errorf("filing with %+v: %v", f, filed)
		}
		if !f.ToProfessional && !f.ToPatient && !d.Allow && d != filed {
			t.Errorf("CheckFlags(%+v) = %v, but filing says %v", f, d, filed)
		}
	}
	if d := Decide(Request{Act: setFlags, Actor: gp, Space: annasSpace}); d.Allow {
		t.Errorf("the act of CheckFlags is open to all: %v", d)
	}
}
