package directory

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

func addr(s string) ident.Address {
	a, err := ident.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

func (r record) find() (part store.Part, ok bool) {
	r.View(func(rd store.Reader) (err error) {
		part, ok, err = Find(rd, r.Scope)
		return err
	})
	return part, ok
}

func (r record) claim(part store.Part) error {
	return r.Update(func(w store.Writer) error { return Claim(w, r.Scope, part) })
}

func TestAnAddressLeadsToOneMailbox(t *testing.T) {
	r := newRecord(t)
	if part, ok := r.find(); ok || part != "" {
		t.Fatalf("an address nobody claimed leads to %q", part)
	}
	if err := r.claim("mailbox1"); err != nil {
		t.Fatal(err)
	}
	if err := r.claim("mailbox1"); err != nil {
		t.Errorf("claiming it again for the same mailbox gives %v", err)
	}
	if err := r.claim("mailbox2"); !errors.Is(err, fault.Exists) {
		t.Errorf("claiming it for another gives %v, want Exists", err)
	}
	if part, ok := r.find(); !ok || part != "mailbox1" {
		t.Errorf("it leads to %q", part)
	}
	if err := r.Update(Erase); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.find(); ok || len(r.Rows()) != 0 {
		t.Error("after Erase it still leads somewhere")
	}
	if err := r.claim("mailbox2"); err != nil {
		t.Errorf("an address that is free again: %v", err)
	}
}

func TestTheNameOfAnIndexPartitionSaysNothing(t *testing.T) {
	k := keyring.NewIndexKey()
	a := IndexPart(k, addr("160209999900100@patient.test"))
	switch {
	case a != IndexPart(k, addr("160209999900100@PATIENT.test")):
		t.Error("one address has two partitions")
	case a == IndexPart(k, addr("160209999900101@patient.test")):
		t.Error("two addresses have one")
	case a == IndexPart(keyring.NewIndexKey(), addr("160209999900100@patient.test")):
		t.Error("it can be computed without the index key")
	case len(a) != 33 || strings.Trim(string(a), "x0123456789abcdef") != "":
		t.Errorf("it is %q, which is no name for a partition", a)
	}
}

func TestAnIndexEntryPutInPlaceOfAnotherDoesNotOpen(t *testing.T) {
	r := newRecord(t)
	if err := r.claim("mailbox1"); err != nil {
		t.Fatal(err)
	}
	other := fact.Scope{Key: r.Key, Part: "part2"}
	r.View(func(rd store.Reader) error {
		if _, _, err := Find(rd, other); !errors.Is(err, fault.Corrupt) {
			t.Errorf("Find = %v, want Corrupt", err)
		}
		return nil
	})
}

func TestWhatIsPublicComesBackAndIsSealed(t *testing.T) {
	r := newRecord(t)
	want := BAL{Kind: Practice, Address: "cabinet@medecin.test", Name: "Cabinet Zéphyrine", RPPS: "899900000001",
		Profession: policy.Physician, Establishment: "750000001", Organisation: "Maison Zéphyrine", Unlisted: true,
		Created: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	if err := r.Update(func(w store.Writer) error { return Describe(w, r.Scope, want) }); err != nil {
		t.Fatal(err)
	}
	r.View(func(rd store.Reader) error {
		if got, ok, err := Load(rd, r.Scope); got != want || !ok || err != nil {
			t.Errorf("Load = %+v, %t, %v", got, ok, err)
		}
		return nil
	})
	for _, p := range r.Rows() {
		for _, word := range []string{"phyrine", "cabinet", "8999", "7500"} {
			if bytes.Contains(p.Value, []byte(word)) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
	}
	if err := r.Update(Erase); err != nil || len(r.Rows()) != 0 {
		t.Errorf("after Erase: %v, %v", err, r.Rows())
	}
}

func TestEveryKindHasItsRole(t *testing.T) {
	for kind, role := range map[BALKind]policy.Role{
		OfPatient: policy.Patient, Personal: policy.Professional, Practice: policy.Professional,
		Organisational: policy.Organisation, Application: policy.Application,
	} {
		if got := (BAL{Kind: kind}).Role(); got != role {
			t.Errorf("%s is %v, want %v", kind, got, role)
		}
	}
}
