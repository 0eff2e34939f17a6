package account

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

func (r record) authorize(a Authorization, now time.Time) (id string) {
	r.t.Helper()
	err := r.Update(func(w store.Writer) (err error) {
		id, err = Authorize(w, r.Scope, a, now)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r record) authorization(id string, now time.Time) (a Authorization, err error) {
	r.View(func(rd store.Reader) error {
		a, err = LoadAuthorization(rd, r.Scope, id, now)
		return nil
	})
	return a, err
}

func TestAnAuthorizationHasAnEnd(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r := newRecord(t)
	id := r.authorize(Authorization{Client: "lps", Scopes: "user/*.rs", Ends: now.Add(time.Minute)}, now)
	if a, err := r.authorization(id, now.Add(59*time.Second)); err != nil || a.Client != "lps" || a.ID != id {
		t.Errorf("before its end: %+v, %v", a, err)
	}
	if _, err := r.authorization(id, now.Add(time.Minute)); !errors.Is(err, fault.NotFound) {
		t.Errorf("at its end: %v", err)
	}
	other := r.authorize(Authorization{Ends: now.Add(time.Hour)}, now.Add(time.Minute))
	if rows := r.Rows(); len(rows) != 1 {
		t.Errorf("one that has ended is kept: %d", len(rows))
	}
	for i, want := range []error{nil, fault.NotFound} {
		if err := r.Update(func(w store.Writer) error { return EndAuthorization(w, r.Scope, other) }); !errors.Is(err, want) {
			t.Errorf("ended, time %d: %v", i+1, err)
		}
	}
}

func TestAuthorizationsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	r := newRecord(t)
	var first string
	for i := range MaxAuthorizations + 1 {
		id := r.authorize(Authorization{Client: fmt.Sprint(i), Ends: now.Add(time.Hour + time.Duration(i))}, now)
		if i == 0 {
			first = id
		}
	}
	if rows := r.Rows(); len(rows) != MaxAuthorizations {
		t.Errorf("%d are kept", len(rows))
	}
	if _, err := r.authorization(first, now); !errors.Is(err, fault.NotFound) {
		t.Errorf("the one that ends first is kept: %v", err)
	}
}

func TestADigestIsOfOneSecret(t *testing.T) {
	d := Digest([]byte("secret"))
	if !Is(d, []byte("secret")) || Is(d, []byte("secreu")) || Is(nil, nil) || Is(nil, []byte("secret")) || Is(d, nil) {
		t.Error("Is does not tell secrets apart")
	}
}
