package conversation

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func addr(s string) ident.Address {
	a, err := ident.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

var (
	thomas = addr("eric.thomas@medecin.test")
	adam   = addr("hoda.adam@hopital.test")
	cardio = addr("secretariat.cardio@hopital.test")
)

func (r record) continues(opener, contact ident.Address, at time.Time) {
	r.t.Helper()
	if err := r.Update(func(w store.Writer) error { return Continue(w, r.Scope, opener, contact, at) }); err != nil {
		r.t.Fatal(err)
	}
}

func (r record) ends(opener ident.Address, at time.Time) {
	r.t.Helper()
	if err := r.Update(func(w store.Writer) error { return End(w, r.Scope, opener, at) }); err != nil {
		r.t.Fatal(err)
	}
}

func (r record) with(opener ident.Address) (th Thread, ok bool) {
	r.View(func(rd store.Reader) (err error) {
		th, ok, err = With(rd, r.Scope, opener)
		return err
	})
	return th, ok
}

// reaching lists the openers of the exchanges that have a contact.
func (r record) reaching(contact ident.Address) (openers []string) {
	r.View(func(rd store.Reader) error {
		list, err := Reaching(rd, r.Scope, contact)
		for _, th := range list {
			openers = append(openers, th.Opener)
		}
		return err
	})
	slices.Sort(openers)
	return openers
}

func TestAnExchangeIsOpenedContinuedEndedAndOpenedAgain(t *testing.T) {
	r := newRecord(t)
	if _, ok := r.with(thomas); ok {
		t.Fatal("there is an exchange before any message")
	}
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	for i, s := range []struct {
		name  string
		do    func()
		open  bool
		since int // minutes
		last  int
	}{
		{"the first message opens it", func() { r.continues(thomas, thomas, minute(1)) }, true, 1, 1},
		{"the second continues it", func() { r.continues(thomas, thomas, minute(2)) }, true, 1, 2},
		{"a FIN ends it", func() { r.ends(thomas, minute(3)) }, false, 3, 3},
		{"a second FIN changes nothing", func() { r.ends(thomas, minute(4)) }, false, 3, 3},
		{"a new message opens it again", func() { r.continues(thomas, thomas, minute(5)) }, true, 5, 5},
	} {
		s.do()
		got, ok := r.with(thomas)
		want := Thread{thomas.Canonical(), []string{thomas.Canonical()}, s.open, minute(s.since), minute(s.last)}
		if !ok || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("step %d, %s: %v, want %v", i, s.name, got, want)
		}
	}
}

func TestToEndWhatNeverWasWritesNothing(t *testing.T) {
	r := newRecord(t)
	r.ends(thomas, noon)
	if rows := r.Rows(); len(rows) != 0 {
		t.Errorf("there is %v", rows)
	}
}

func TestAnEndIsOfOneExchangeOnly(t *testing.T) {
	r := newRecord(t)
	r.continues(thomas, cardio, noon)
	r.continues(adam, cardio, noon)
	r.ends(thomas, noon)
	if th, _ := r.with(adam); !th.Open {
		t.Error("the exchange of another professional has ended")
	}
	if got := r.reaching(cardio); len(got) != 2 {
		t.Errorf("the contact is reached through %v", got)
	}
}

func TestAContactLeadsToEveryExchangeThatHasIt(t *testing.T) {
	r := newRecord(t)
	r.continues(thomas, cardio, noon)
	r.continues(adam, cardio, noon)
	r.continues(adam, adam, noon)
	for contact, want := range map[ident.Address]string{
		cardio: fmt.Sprint([]string{thomas.Canonical(), adam.Canonical()}),
		adam:   fmt.Sprint([]string{adam.Canonical()}),
		thomas: "[]", // asked for answers elsewhere
	} {
		if got := fmt.Sprint(r.reaching(contact)); got != want {
			t.Errorf("reaching %s gives %s, want %s", contact.Canonical(), got, want)
		}
	}
}

func TestContactsAreBoundedAndTheOldestIsForgotten(t *testing.T) {
	r := newRecord(t)
	contact := func(i int) ident.Address { return addr(fmt.Sprintf("bal%d@hopital.test", i)) }
	for i := range maxContacts + 5 {
		r.continues(thomas, contact(i), noon)
	}
	th, _ := r.with(thomas)
	if len(th.Contacts) != maxContacts || th.Contacts[maxContacts-1] != contact(maxContacts+4).Canonical() {
		t.Errorf("contacts are %v", th.Contacts)
	}
	for i := range maxContacts + 5 {
		if got := len(r.reaching(contact(i))); (got == 1) != (i >= 5) {
			t.Errorf("contact %d leads to %d exchanges", i, got)
		}
	}
	if n := len(r.Rows()); n != maxContacts+1 {
		t.Errorf("%d keys, want %d: forgotten contacts leave some behind", n, maxContacts+1)
	}
	// One that was forgotten can be named again.
	r.continues(thomas, contact(0), noon)
	if len(r.reaching(contact(0))) != 1 {
		t.Error("a forgotten contact cannot come back")
	}
}

func TestNobodyIsNamedOnDisk(t *testing.T) {
	r := newRecord(t)
	r.continues(thomas, cardio, noon)
	for _, p := range r.Rows() {
		for _, word := range []string{"thomas", "cardio", "medecin", "hopital"} {
			if strings.Contains(p.Key, word) || bytes.Contains(p.Value, []byte(word)) {
				t.Errorf("%q shows %q", p.Key, word)
			}
		}
	}
	other := newRecord(t)
	other.Key = r.Key
	other.Part = "part2"
	other.continues(thomas, cardio, noon)
	for _, a := range r.Rows() {
		for _, b := range other.Rows() {
			if a.Key == b.Key {
				t.Errorf("two patients of one professional share the key %s: they can be linked", a.Key)
			}
		}
	}
}

func TestAnExchangeMovedElsewhereDoesNotOpen(t *testing.T) {
	r := newRecord(t)
	r.continues(thomas, thomas, noon)
	err := r.Update(func(w store.Writer) error {
		v, err := w.Get("thr/s/" + mac(r.Scope, thomas))
		if err != nil {
			return err
		}
		w.Put("thr/s/"+mac(r.Scope, adam), v) // as if adam had opened it
		_, _, err = With(w, r.Scope, adam)
		return err
	})
	if !errors.Is(err, fault.Corrupt) {
		t.Errorf("With = %v, want Corrupt", err)
	}
}

func TestEraseLeavesNothing(t *testing.T) {
	r := newRecord(t)
	r.continues(thomas, cardio, noon)
	if err := r.Update(Erase); err != nil {
		t.Fatal(err)
	}
	if rows := r.Rows(); len(rows) != 0 {
		t.Errorf("left are %v", rows)
	}
}
