package main

import (
	"errors"
	"strings"
	"testing"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/fault"
)

func TestALineOfAFileIsRequestsOrAReason(t *testing.T) {
	const head = "matricule,birth_name,first_names,minor,state\n"
	for _, tt := range []struct {
		name, line string
		verbs      string // "" is a bad line
		reason     string
	}{
		{"a patient", "1,A,B,,", "patient/add", ""},
		{"one whose space is open", "1,A,B,oui,active", "patient/add patient/activate", ""},
		{"one who objected", "1,A,B,no,opposed", "patient/add patient/oppose", ""},
		{"a state that a file cannot set", "1,A,B,,closed", "", "state: must be"},
		{"neither yes nor no", "1,A,B,perhaps,", "", "minor: must be yes or no"},
		{"a field too many", "1,A,B,,,", "", "has 6 fields"},
		{"a name of spaces", "1,  ,B,,", "", "birth_name is empty"},
		{"a quote in the wrong place", `1,A"b,B,,`, "", "bare"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := 0
			err := patientTable.columns.read(strings.NewReader(head+tt.line+"\n"), func(line int, values map[string]string, err error) error {
				n++
				var reqs []request
				if err == nil {
					reqs, err = patientTable.requests(values)
				}
				var verbs []string
				for _, r := range reqs {
					verbs = append(verbs, r.verb)
				}
				if got := strings.Join(verbs, " "); line != 2 || got != tt.verbs || (err != nil) != (tt.verbs == "") {
					t.Errorf("line %d is %q, %v, want line 2, %q", line, got, err, tt.verbs)
				}
				if err != nil && !strings.Contains(err.Error(), tt.reason) {
					t.Errorf("the reason is %v, want %q", err, tt.reason)
				}
				return nil
			})
			if err != nil || n != 1 {
				t.Errorf("read = %v after %d lines, want one", err, n)
			}
		})
	}
}

func TestAFirstLineThatDoesNotFitIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing at all", "", "no first line"},
		{"letters that are not UTF-8", "matricule,birth_name,first_names\n1,LEF\xc8VRE,Andr\xe9\n", "not in UTF-8"},
		{"an unknown column", "matricule,birth_name,first_names,colour\n", `column 4, "colour"`},
		{"a column twice", "matricule,birth_name,first_names,matricule\n", "comes twice"},
		{"a needed column that is missing", "matricule,birth_name\n", "first_names is missing"},
	} {
		err := patientTable.columns.read(strings.NewReader(tt.text), func(int, map[string]string, error) error {
			t.Errorf("%s: a line was read", tt.name)
			return nil
		})
		if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: read = %v, want invalid with %q", tt.name, err, tt.want)
		}
	}
}

func TestWhatSpreadsheetsWriteIsRead(t *testing.T) {
	for _, text := range []string{
		"\ufeffAddress;Name\r\na@b.test;Ward\r\n",
		"name,address\nWard,a@b.test\n",
		"address,name\n\n\"a@b.test\",\"Ward\"",
	} {
		var got []adminapi.BAL
		err := professionalTable.columns.read(strings.NewReader(text), func(_ int, values map[string]string, err error) error {
			if err != nil {
				return err
			}
			reqs, err := professionalTable.requests(values)
			if err != nil {
				return err
			}
			got = append(got, reqs[0].in.(adminapi.BAL))
			return nil
		})
		if want := (adminapi.BAL{Kind: "PER", Address: "a@b.test", Name: "Ward"}); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
}

func FuzzImport(f *testing.F) {
	f.Add("matricule,birth_name,first_names\n1,A,B\n")
	f.Add("\ufeffaddress;name\n\"a\nb\";c\n;\n")
	f.Add("matricule,birth_name,first_names\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		for _, tab := range []table{patientTable, professionalTable} {
			last := 0
			_ = tab.columns.read(strings.NewReader(text), func(line int, values map[string]string, err error) error {
				var reqs []request
				if err == nil {
					reqs, err = tab.requests(values)
				}
				if (err == nil) != (len(reqs) > 0) {
					t.Errorf("line %d has %d requests and the error %v", line, len(reqs), err)
				}
				if line < last {
					t.Errorf("line %d comes after line %d", line, last)
				}
				last = line
				return nil
			})
		}
	})
}
