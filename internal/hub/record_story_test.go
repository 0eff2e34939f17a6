package hub

import (
	"testing"

	"vaguemestre/internal/fault"
	"vaguemestre/vault"
)

// TestTheStoryOfARecord is told as a nurse would tell it: what comes in by mail
// and by the API is one record, and what is done to a document shows at once to
// whoever lists it.
func TestTheStoryOfARecord(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	yes, no := true, false
	w.must(w.Declare(ctx, w.login(martin), w.record, InCareTeam))
	see := func(name, nurse, patient string) {
		t.Helper()
		if got := w.sees(martin); got != nurse {
			t.Errorf("%s: the nurse sees %q, want %q", name, got, nurse)
		}
		if got := w.sees(alice); got != patient {
			t.Errorf("%s: alice sees %q, want %q", name, got, patient)
		}
	}
	see("at first", "", "")

	report := Submission{Entry: vault.Entry{TypeCode: biology, MediaType: "text/plain", Title: "Biologie", UniqueID: "1.2.250.1.999.1", Created: w.now},
		Content: []byte("Glycémie normale.")}
	views, err := w.AddDocuments(ctx, w.login(biolab), w.record, []Submission{report})
	w.must(err)
	id := views[0].ID
	see("the laboratory filed", biology, biology)

	mask := func(on *bool) {
		t.Helper()
		_, err := w.ChangeDocument(ctx, w.login(alice), id, DocumentChange{Masked: on})
		w.must(err)
	}
	mask(&yes)
	see("alice masked it", "", biology)
	for _, cold := range []bool{false, true} {
		if cold {
			w.keys.forget(w.part(alice))
		}
		if v, err := w.Document(ctx, w.login(alice), id); err != nil || !v.Flags.Has(vault.Masked) {
			t.Errorf("masked, it is %+v, %v (cold: %t)", v.Flags, err, cold)
		}
		if _, err := w.Document(ctx, w.login(martin), id); fault.Of(err) != fault.NotFound {
			t.Errorf("masked, the nurse gets %v (cold: %t)", err, cold)
		}
	}
	mask(&no)
	see("and showed it again", biology, biology)
	if v, err := w.Document(ctx, w.login(martin), id); err != nil || v.Flags.Has(vault.Masked) {
		t.Errorf("shown again, it is %+v, %v", v.Flags, err)
	}

	_, err = w.ChangeDocument(ctx, w.login(biolab), id, DocumentChange{Deleted: &yes})
	w.must(err)
	see("the laboratory withdrew it", "", "")
	_, err = w.ChangeDocument(ctx, w.login(biolab), id, DocumentChange{Deleted: &no})
	w.must(err)
	see("and put it back", biology, biology)

	choices, err := w.Choices(ctx, w.login(alice), w.record)
	w.must(err)
	choices.MaskNewDocuments = true
	w.must(w.SetChoices(ctx, w.login(alice), w.record, choices))
	report.Entry.UniqueID, report.Entry.TypeCode, report.Content = "1.2.250.1.999.2", consultation, []byte("Tout va bien.")
	_, err = w.AddDocuments(ctx, w.login(adam), w.record, []Submission{report})
	w.must(err)
	see("what is new comes masked", biology, biology+" "+consultation)
	w.verifies()
}
