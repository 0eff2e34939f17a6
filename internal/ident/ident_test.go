package ident

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

func TestParseMatricule(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"a woman born in the Allier", "255081416802538", "255081416802538"},
		{"spaces are ignored", "2 84 05 88 321 025 32", "284058832102532"},
		{"Corse-du-Sud", "284052A32102552", "284052A32102552"},
		{"Haute-Corse, in lower case", "284052b32102579", "284052B32102579"},
		{"an unknown month of birth", "284202B32102528", "284202B32102528"},
		{"the standard test patient of the ANS", "279035121518989", "279035121518989"},
		{"a person this project invents", "1602099999001" + "02", "160209999900102"},
		{"a wrong key", "255081416802500", ""},
		{"a sex that does not exist", "384058832102523", ""},
		{"month zero", "255001416802538", ""},
		{"month thirteen", "255131416802538", ""},
		{"too short", "25508141680253", ""},
		{"a letter elsewhere", "2550814168025A8", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := tt.in
			if strings.HasPrefix(tt.in, "1602099999001") {
				m, err := MakeMatricule("1602099999001")
				if err != nil || !m.Invented() {
					t.Fatalf("MakeMatricule: %v, invented %v", err, m.Invented())
				}
				in, tt.want = m.Canonical(), m.Canonical()
			}
			m, err := ParseMatricule(in)
			if m.Canonical() != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("ParseMatricule(%q) = %q, %v, want %q", in, m.Canonical(), err, tt.want)
			}
			if err != nil && !errors.Is(err, fault.Invalid) {
				t.Errorf("error %v is not fault.Invalid", err)
			}
		})
	}
}

func TestAWrongKeyIsToldApart(t *testing.T) {
	m, right, err := ParseMatriculeBase("276059205062865")
	if err != nil || right || m.Canonical() != "276059205062883" {
		t.Errorf("ParseMatriculeBase = %q, %v, %v, want the right key 83 and false", m.Canonical(), right, err)
	}
}

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a professional", "Jean.Dupont@Medecin.mssante.fr", "jean.dupont@medecin.mssante.fr"},
		{"a patient", "279035121518989@patient.mssante.fr", "279035121518989@patient.mssante.fr"},
		{"an accent in the domain", "a@hôpital.test", "a@xn--hpital-ixa.test"},
		{"a quoted local part", `"a@victim.fr"@evil.fr`, ""},
		{"two at signs", "a@b@c.fr", ""},
		{"a parameter hidden behind the address", "x@y.fr> SIZE=777 AUTH=<", ""},
		{"a control character", "a\r\n@b.fr", ""},
		{"an accent in the local part", "hélène@b.fr", ""},
		{"two dots", "a..b@c.fr", ""},
		{"no domain", "a@", ""},
		{"one label", "a@localhost", ""},
		{"an address literal", "a@[127.0.0.1]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := ParseAddress(tt.in)
			if a.Canonical() != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("ParseAddress(%q) = %q, %v, want %q", tt.in, a.Canonical(), err, tt.want)
			}
		})
	}
}

func TestIdentitiesDoNotLeakIntoLogs(t *testing.T) {
	m, _ := ParseMatricule("279035121518989")
	a, _ := ParseAddress("279035121518989@patient.mssante.fr")
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("seen", "ins", m, "bal", a)
	fmt.Fprintf(&b, "%v %s %#v %+v %v %s %#v", m, m, m, struct{ M Matricule }{m}, a, a, a)
	if strings.Contains(b.String(), "2790351") {
		t.Errorf("a matricule leaked: %s", b.String())
	}
	if m.String() == (Matricule{}).String() {
		t.Error("two people have one pseudonym")
	}
}

func TestParseRPPSAndFINESS(t *testing.T) {
	r, err := MakeRPPS("8999000001")
	if err != nil || len(r.String()) != 11 {
		t.Fatalf("MakeRPPS = %v, %v", r, err)
	}
	if _, err := ParseRPPS(r.String()[:10] + string('0'+(r.String()[10]-'0'+1)%10)); err == nil {
		t.Error("an RPPS with a wrong key was accepted")
	}
	if _, err := ParseFINESS("2A0000014"); err != nil {
		t.Errorf("a Corsican FINESS was refused: %v", err)
	}
	if _, err := ParseFINESS("12345678"); err == nil {
		t.Error("a FINESS of eight digits was accepted")
	}
}

func FuzzParseMatricule(f *testing.F) {
	f.Add("255081416802538")
	f.Add("284052A32102552")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMatricule(s)
		if err != nil {
			return
		}
		if again, err := ParseMatricule(m.Canonical()); err != nil || again != m {
			t.Errorf("%q does not round-trip: %v", s, err)
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	f.Add("jean.dupont@medecin.mssante.fr")
	f.Add("a@hôpital.test")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.Canonical()); err != nil || again != a {
			t.Errorf("%q does not round-trip: %v", s, err)
		}
		if strings.ContainsAny(a.Canonical(), " <>\r\n\"\x00") {
			t.Errorf("%q holds what could break a protocol", a.Canonical())
		}
	})
}
