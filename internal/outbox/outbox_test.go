package outbox

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func (r record) lines() (list []Line) {
	r.View(func(rd store.Reader) (err error) {
		list, err = Lines(rd, r.Scope)
		return err
	})
	return list
}

func (r record) must(fn func(store.Writer) error) {
	r.t.Helper()
	if err := r.Update(fn); err != nil {
		r.t.Fatal(err)
	}
}

func (r record) add(address string) {
	r.t.Helper()
	r.must(func(w store.Writer) error {
		return Add(w, r.Scope, Line{To: "part2", Address: address, Since: noon, Filing: []byte("Zéphyrine")})
	})
}

func TestALineStaysUntilItIsDone(t *testing.T) {
	r := newRecord(t)
	r.add("a@medecin.test")
	r.add("a@medecin.test") // twice the same is two lines
	r.add("b@medecin.test")
	lines := r.lines()
	if len(lines) != 3 {
		t.Fatalf("there are %d lines, want 3", len(lines))
	}
	for _, l := range lines {
		if l.To != "part2" || !l.Since.Equal(noon) || string(l.Filing) != "Zéphyrine" {
			t.Errorf("a line comes back as %+v", l)
		}
	}
	for _, want := range []bool{true, false} {
		r.must(func(w store.Writer) error {
			was, err := Done(w, lines[1].ID)
			if was != want {
				t.Errorf("Done says it was there: %t, want %t", was, want)
			}
			return err
		})
	}
	if left := r.lines(); len(left) != 2 || left[0].ID != lines[0].ID || left[1].ID != lines[2].ID {
		t.Errorf("left are %v", left)
	}
}

func TestALineIsSealedWhereItIs(t *testing.T) {
	r := newRecord(t)
	r.add("zephyrine@medecin.test")
	for _, p := range r.Rows() {
		for _, word := range []string{"zephyrine", "part2", "Filing", "phyrine"} {
			if bytes.Contains(p.Value, []byte(word)) || strings.Contains(p.Key, word) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
	}
	r.View(func(rd store.Reader) error {
		if _, err := Lines(rd, fact.Scope{Key: r.Key, Part: "part3"}); !errors.Is(err, fault.Corrupt) {
			t.Errorf("in another partition it gives %v, want Corrupt", err)
		}
		return nil
	})
}

func TestEraseLeavesNothing(t *testing.T) {
	r := newRecord(t)
	r.add("a@medecin.test")
	r.must(Erase)
	if rows := r.Rows(); len(rows) != 0 {
		t.Errorf("left are %v", rows)
	}
}
