package patient

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func carer(n int) Person {
	part := store.Part(fmt.Sprintf("carer%d", n))
	return Person{Part: part, Address: string(part) + "@patient.test", Name: "Aidant", Kind: Carer, Scope: Scope{ReadDocuments: true},
		Until: noon.AddDate(1, 0, 0)}
}

func (r record) persons(t *testing.T, fn func(store.Writer) error) []Person {
	t.Helper()
	if err := r.Update(fn); err != nil {
		t.Fatal(err)
	}
	var list []Person
	r.View(func(rd store.Reader) (err error) {
		list, err = Persons(rd, r.Scope)
		return err
	})
	return list
}

func (r record) invite(p Person, at time.Time) error {
	return r.Update(func(w store.Writer) error { return Invite(w, r.Scope, p, at) })
}

func (r record) answer(p Person, accept bool, at time.Time) error {
	return r.Update(func(w store.Writer) error {
		_, err := Answer(w, r.Scope, p.Part, p.Name, accept, at)
		return err
	})
}

func TestACarerActsOnlyAfterAcceptingAndUntilTheEnd(t *testing.T) {
	r := newSpace(t)
	p := carer(1)
	p.Until = noon.AddDate(0, 1, 0)
	if err := r.invite(p, noon); err != nil {
		t.Fatal(err)
	}
	list := r.persons(t, func(store.Writer) error { return nil })
	if len(list) != 1 || list[0].InForce(noon) {
		t.Fatalf("invited: %+v", list)
	}
	list = r.persons(t, func(w store.Writer) error {
		_, err := Answer(w, r.Scope, p.Part, p.Name, true, noon)
		return err
	})
	if !list[0].InForce(p.Until.Add(-time.Second)) || list[0].InForce(p.Until) {
		t.Errorf("accepted: %+v", list)
	}
	list = r.persons(t, func(w store.Writer) error {
		_, err := EndLink(w, r.Scope, p.Part, noon)
		return err
	})
	if list[0].InForce(noon) {
		t.Errorf("ended: %+v", list)
	}
}

func TestInvitationsThatAreRefused(t *testing.T) {
	nothing, past, endless, what := carer(1), carer(1), carer(1), carer(1)
	nothing.Scope, past.Until, endless.Until, what.Kind = Scope{}, noon, time.Time{}, "friend"
	tests := []struct {
		name string
		p    Person
		want error
	}{
		{"a scope that lets nothing be done", nothing, fault.Invalid},
		{"an end that is past", past, fault.Invalid},
		{"no end", endless, fault.Invalid},
		{"a kind that there is not", what, fault.Invalid},
		{"the same person twice", carer(11), fault.Exists},
		{"a fourth carer", carer(1), fault.Quota},
	}
	r := newSpace(t)
	for n := range MaxCarers {
		if err := r.invite(carer(11+n), noon); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range tests {
		if err := r.invite(tt.p, noon); !errors.Is(err, tt.want) {
			t.Errorf("%s gives %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := r.invite(carer(1), noon.Add(InvitationLife)); err != nil {
		t.Errorf("once the others have not answered in time: %v", err)
	}
}

func TestAnInvitationIsAnsweredOnceAndInTime(t *testing.T) {
	r := newSpace(t)
	for n, accept := range []bool{true, false} {
		p := carer(n)
		if err := r.invite(p, noon); err != nil {
			t.Fatal(err)
		}
		if err := r.answer(p, accept, noon); err != nil {
			t.Fatal(err)
		}
		if err := r.answer(p, accept, noon); !errors.Is(err, fault.NotFound) {
			t.Errorf("answered twice gives %v", err)
		}
	}
	late := carer(7)
	if err := r.invite(late, noon); err != nil {
		t.Fatal(err)
	}
	if err := r.answer(late, true, noon.Add(InvitationLife)); !errors.Is(err, fault.NotFound) {
		t.Errorf("answered late gives %v", err)
	}
}

func TestNobodyIsTheCarerOfMoreThanFive(t *testing.T) {
	r := newSpace(t)
	help := func(n int, kind PersonKind) error {
		return r.Update(func(w store.Writer) error {
			return Help(w, r.Scope, Helped{Part: store.Part(fmt.Sprintf("h%d", n)), Kind: kind})
		})
	}
	for n := range MaxHelped {
		if err := help(n, Carer); err != nil {
			t.Fatal(err)
		}
	}
	if err := help(MaxHelped, Carer); !errors.Is(err, fault.Quota) {
		t.Errorf("a sixth gives %v", err)
	}
	if err := help(0, Carer); err != nil {
		t.Errorf("the same again gives %v", err)
	}
	if err := help(MaxHelped, Representative); err != nil {
		t.Errorf("their own child gives %v", err)
	}
}

func TestInvitationsThatWaitDoNotTakeThePlaceOfOthers(t *testing.T) {
	r := newSpace(t)
	help := func(n int, waiting bool) error {
		return r.Update(func(w store.Writer) error {
			return Help(w, r.Scope, Helped{Part: store.Part(fmt.Sprintf("h%d", n)), Kind: Carer, Waiting: waiting})
		})
	}
	for n := range maxWaiting {
		if err := help(n, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := help(maxWaiting, true); !errors.Is(err, fault.Quota) {
		t.Errorf("one more that waits: %v", err)
	}
	if err := help(0, false); err != nil {
		t.Errorf("one that is accepted: %v", err)
	}
}

func TestWhatTimeEnds(t *testing.T) {
	r := newSpace(t)
	soon := carer(1)
	soon.Until = noon.Add(time.Hour)
	parent, second := carer(3), carer(4)
	second.Kind = Representative
	for _, p := range []Person{soon, carer(2), second} {
		if err := r.invite(p, noon); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.answer(soon, true, noon); err != nil {
		t.Fatal(err)
	}
	r.persons(t, func(w store.Writer) error { return Represent(w, r.Scope, parent, noon) })
	lapse := func(minor bool, at time.Time) (got map[string]LinkState) {
		t.Helper()
		got = map[string]LinkState{}
		r.persons(t, func(w store.Writer) error {
			list, err := Lapse(w, r.Scope, minor, at)
			for _, p := range list {
				got[string(p.Part)] = p.State
			}
			return err
		})
		return got
	}
	if got := lapse(true, noon); len(got) != 0 {
		t.Errorf("at once: %v", got)
	}
	if got := lapse(true, noon.Add(time.Hour)); len(got) != 1 || got["carer1"] != Expired {
		t.Errorf("after the carer's hour: %v", got)
	}
	if got := lapse(false, noon.Add(time.Hour)); len(got) != 2 || got["carer3"] != Ended || got["carer4"] != Expired {
		t.Errorf("of age: %v", got)
	}
	if got := lapse(false, noon.Add(InvitationLife)); len(got) != 1 || got["carer2"] != Expired {
		t.Errorf("two weeks later: %v", got)
	}
	if got := lapse(false, noon.Add(InvitationLife)); len(got) != 0 {
		t.Errorf("twice: %v", got)
	}
}
