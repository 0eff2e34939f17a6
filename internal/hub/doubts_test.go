package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
	"vaguemestre/vault"
)

// doubtfulMail is a mail whose document names alice and another birth name.
func doubtfulMail(id string) []byte {
	return attach(thomas, alice, id+"@test", "", "cr.xml", qualified(id, matriculeOf(alice), "AUTRE", "Radiographie mystérieuse"))
}

func TestADoubtfulDocumentIsTheOperatorsToResolve(t *testing.T) {
	w := newWard(t)
	w.must(w.deliver(thomas, doubtfulMail("1.2.250.1.999.1"), alice))
	w.must(w.deliver(thomas, doubtfulMail("1.2.250.1.999.2"), alice))
	told := w.read(thomas, "INBOX")
	if len(told) != 2 || !strings.Contains(told[0], "904") || !strings.Contains(told[0], "nom de naissance") {
		t.Fatalf("the author was told %q", told)
	}
	list, err := w.Doubts(t.Context(), "operator")
	w.must(err)
	if len(list) != 2 || list[0].Matricule.Canonical() != matriculeOf(alice) || list[0].Sender != thomas ||
		!slices.Equal(list[0].Reasons, []document.Reason{document.ReasonBirthName}) {
		t.Fatalf("the doubts are %+v", list)
	}
	if s := fmt.Sprintf("%+v", list); strings.Contains(s, "mystérieuse") || strings.Contains(s, "18748") {
		t.Errorf("the operator sees %s", s)
	}
	if got := w.read(alice, "Documents/Imagerie"); len(got) != 2 || !strings.Contains(got[0], "Identit=C3=A9 =C3=A0 v=C3=A9rifier") {
		t.Errorf("the shelf shows %.800q", got)
	}

	w.must(w.ResolveDoubt(t.Context(), "operator", list[0].ID, true))
	w.must(w.ResolveDoubt(t.Context(), "operator", list[1].ID, false))
	got := w.read(alice, "Documents/Imagerie")
	if len(got) != 1 || strings.Contains(got[0], "v=C3=A9rifier") {
		t.Errorf("after that the shelf shows %.800q", got)
	}
	if told := w.read(thomas, "INBOX"); len(told) != 3 || !strings.Contains(told[2], "retir") {
		t.Errorf("the author was told %q", told)
	}
	if list, err := w.Doubts(t.Context(), "operator"); err != nil || len(list) != 0 {
		t.Errorf("the doubts are %+v, %v", list, err)
	}
	var flags []vault.Flags
	for _, d := range w.documents(alice) {
		flags = append(flags, d.Flags)
	}
	slices.Sort(flags)
	if !slices.Equal(flags, []vault.Flags{0, vault.ToVerify | vault.Deleted}) {
		t.Errorf("the documents are %b", flags)
	}
	for _, again := range []struct {
		id      string
		confirm bool
	}{{list[0].ID, true}, {list[0].ID, false}, {list[1].ID, true}, {w.record + ".nothing", true}} {
		if err := w.ResolveDoubt(t.Context(), "operator", again.id, again.confirm); !errors.Is(err, fault.NotFound) {
			t.Errorf("resolved again: %v", err)
		}
	}
	for _, act := range []string{"operator confirm-identity", "operator withdraw-doubtful"} {
		if !strings.Contains(fmt.Sprint(w.trail(alice)), act) {
			t.Errorf("her trail lacks %q", act)
		}
	}
	w.verifies()
}

func TestAnINSThatIsNotQualifiedIsDoubtful(t *testing.T) {
	w := newWard(t)
	text := qualified("1.2.250.1.999.3", matriculeOf(alice), "ESSAI", "Radiographie")
	for qualified, want := range map[string]vault.Flags{"O": 0, "N": vault.ToVerify} {
		w := &ward{house: w.copyOf(t)}
		w.must(w.deliver(thomas, attach(thomas, alice, qualified+"@test", "X-MSS-INS: "+qualified+"\r\n", "cr.xml", text), alice))
		if f := w.documents(alice)[0].Flags; f != want {
			t.Errorf("X-MSS-INS: %s gives the states %b, want %b", qualified, f, want)
		}
		if told := w.read(thomas, "INBOX"); len(told) != int(min(want, 1)) || want != 0 && !strings.Contains(told[0], "905") {
			t.Errorf("X-MSS-INS: %s: the author was told %q", qualified, told)
		}
	}
}

func TestNobodyIsToldOfDoubtsWhoWantsNoNotice(t *testing.T) {
	w := newWard(t)
	d := Delivery{Actor: w.login(thomas), From: addr(thomas), Mail: doubtfulMail("1.2"), Protocol: "ESMTPSA", Hello: "lps.test",
		To: []Recipient{{Address: addr(alice), Notify: NotifyNever}}}
	_, err := w.Deliver(t.Context(), d)
	w.must(err)
	if n := len(w.read(thomas, "INBOX")); n != 0 {
		t.Errorf("%d notices", n)
	}
}

func TestResolvingADoubtInterrupted(t *testing.T) {
	var id string
	interrupt(t, act{
		prepare: func(h *house) {
			if err := h.deliver(thomas, doubtfulMail("1.2.250.1.999.1"), alice); err != nil {
				t.Fatal(err)
			}
			list, err := h.Doubts(t.Context(), "operator")
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			id = list[0].ID
		},
		do: func(h *house, _ map[string]Actor) error {
			return h.ResolveDoubt(t.Context(), "operator", id, false)
		},
		done: func(h *house) error {
			if list := h.documents(alice); list[0].Flags != vault.ToVerify|vault.Deleted {
				return fmt.Errorf("it has the states %b", list[0].Flags)
			}
			if n := strings.Count(fmt.Sprint(h.trail(alice)), "withdraw-doubtful"); n != 1 {
				return fmt.Errorf("%d entries in the trail", n)
			}
			if n := len(h.read(thomas, "INBOX")); n < 2 || n > 3 { // one of the doubt; then one for each try that came that far
				return fmt.Errorf("%d notices", n)
			}
			return nil
		},
	})
}
