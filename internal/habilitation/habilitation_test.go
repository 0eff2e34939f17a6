package habilitation

import (
	"bytes"
	"testing"
	"time"

	"vaguemestre/internal/fact/facttest"
	"vaguemestre/internal/store"
)

func TestTheLastOneAppliedIsInForceAndTheOthersAreKept(t *testing.T) {
	r := facttest.New(t)
	r.View(func(rd store.Reader) error {
		if _, ok, err := InForce(rd, r.Scope); ok || err != nil {
			t.Errorf("before any: %t, %v", ok, err)
		}
		return nil
	})
	for n, text := range []string{"one", "two", "three"} {
		err := r.Update(func(w store.Writer) error {
			m, err := Apply(w, r.Scope, Matrix{Text: []byte(text), Applied: time.Unix(int64(n), 0), By: "ada"})
			if m.Number != n+1 {
				t.Errorf("%s is number %d", text, m.Number)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.View(func(rd store.Reader) error {
		m, ok, err := InForce(rd, r.Scope)
		if !ok || err != nil || m.Number != 3 || string(m.Text) != "three" {
			t.Errorf("in force: %+v, %t, %v", m, ok, err)
		}
		all, err := All(rd, r.Scope)
		if err != nil || len(all) != 3 || !bytes.Equal(all[0].Text, []byte("one")) {
			t.Errorf("all: %+v, %v", all, err)
		}
		return nil
	})
}
