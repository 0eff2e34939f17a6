// Package conversation is the record of who opened an exchange with a patient,
// and whether the patient may answer. It lives in the patient's partition only.
//
// An exchange belongs to the professional whose mail opened it. Its contacts
// are the addresses the patient may write to: the sender's, or the Reply-To's
// in its stead.
//
// Its keys begin with "thr/":
//
//	thr/s/<mac of opener>                  one exchange, a fact
//	thr/c/<mac of contact>/<mac of opener> that the exchange has this contact
package conversation

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
)

// maxContacts bounds the addresses of one exchange; the oldest is forgotten.
const maxContacts = 20

// A Thread is one exchange between a professional and the patient.
type Thread struct {
	Opener   string   // canonical address of the professional
	Contacts []string // canonical addresses the patient may write to
	Open     bool
	Since    time.Time // when it was opened, ended or opened again
	Last     time.Time // of the last message
}

func mac(s fact.Scope, a ident.Address) string {
	m := s.Key.MAC("conversation", string(s.Part), a.Canonical())
	return hex.EncodeToString(m[:16])
}

// With returns the exchange that a professional opened. ok is false if there
// never was one.
func With(r store.Reader, s fact.Scope, opener ident.Address) (t Thread, ok bool, err error) {
	return fact.Get[Thread](r, s, "thr/s/"+mac(s, opener))
}

// Reaching returns the exchanges that have an address among their contacts.
func Reaching(r store.Reader, s fact.Scope, contact ident.Address) ([]Thread, error) {
	var list []Thread
	prefix := "thr/c/" + mac(s, contact) + "/"
	from, to := store.Prefix(prefix)
	for p, err := range r.Scan(from, to) {
		if err != nil {
			return nil, err
		}
		t, ok, err := fact.Get[Thread](r, s, "thr/s/"+strings.TrimPrefix(p.Key, prefix))
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, t)
		}
	}
	return list, nil
}

// All returns every exchange of the patient.
func All(r store.Reader, s fact.Scope) ([]Thread, error) {
	return fact.Collect(fact.All[Thread](r, s, "thr/s/"))
}

// Continue opens the exchange of a professional, continues it, or opens it
// again after an end. contact is the address the patient may answer to.
func Continue(w store.Writer, s fact.Scope, opener, contact ident.Address, now time.Time) error {
	t, ok, err := With(w, s, opener)
	if err != nil {
		return err
	}
	if !ok || !t.Open {
		t.Opener, t.Open, t.Since = opener.Canonical(), true, now
	}
	t.Last = now
	if c := contact.Canonical(); !slices.Contains(t.Contacts, c) {
		t.Contacts = append(t.Contacts, c)
		w.Put("thr/c/"+mac(s, contact)+"/"+mac(s, opener), []byte{1})
		if len(t.Contacts) > maxContacts {
			forgotten, err := ident.ParseAddress(t.Contacts[0])
			if err != nil {
				return err
			}
			w.Delete("thr/c/" + mac(s, forgotten) + "/" + mac(s, opener))
			t.Contacts = slices.Clone(t.Contacts[1:])
		}
	}
	return fact.Put(w, s, "thr/s/"+mac(s, opener), t)
}

// End ends the exchange of a professional: the patient can answer none of its
// messages until a new one comes. An exchange that never was is left so.
func End(w store.Writer, s fact.Scope, opener ident.Address, now time.Time) error {
	t, ok, err := With(w, s, opener)
	if err != nil || !ok || !t.Open {
		return err
	}
	t.Open, t.Since, t.Last = false, now, now
	return fact.Put(w, s, "thr/s/"+mac(s, opener), t)
}

// Erase removes every exchange.
func Erase(w store.Writer) error { return fact.Erase(w, "thr/") }
