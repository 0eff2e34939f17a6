package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// A mute store commits nothing while it is told so, or commits and does not
// answer: in both cases nobody knows that the trail is there.
type mute struct {
	store.Store
	at string // "begins", "ends" or "answers"; "" is never
}

func (m *mute) Update(ctx context.Context, part store.Part, fn func(store.Writer) error) error {
	err := fmt.Errorf("mute: %w", fault.Unavailable)
	switch m.at {
	case "begins":
		return err
	case "ends":
		return m.Store.Update(ctx, part, func(w store.Writer) error { return errors.Join(fn(w), err) })
	case "answers":
		return errors.Join(m.Store.Update(ctx, part, fn), err)
	}
	return m.Store.Update(ctx, part, fn)
}

// A release is an act that lets something out: it returns what came out.
type release struct {
	name string
	as   string
	do   func(w *ward, a Actor, s session) (string, error)
}

func releases(document string, to *keyring.Recipient) []release {
	ctx := context.Background()
	show := func(v any, err error) (string, error) {
		if err != nil {
			return "", err
		}
		return fmt.Sprint(v), nil
	}
	mail := func(s session, what string) (string, error) {
		var b strings.Builder
		uids := s.uids(mailbox.Inbox)
		switch what {
		case "entries":
			for e, err := range s.Entries(ctx, mailbox.Inbox, uids) {
				if err != nil {
					return b.String(), err
				}
				fmt.Fprint(&b, e.Envelope)
			}
		case "texts":
			for x, err := range s.Texts(ctx, mailbox.Inbox, uids, true) {
				if err != nil {
					return b.String(), err
				}
				fmt.Fprint(&b, x)
			}
		}
		return b.String(), nil
	}
	return []release{
		{"a mailbox is listed", alice, func(_ *ward, _ Actor, s session) (string, error) { return mail(s, "entries") }},
		{"a mailbox is searched", alice, func(_ *ward, _ Actor, s session) (string, error) { return mail(s, "texts") }},
		{"a mail is read", alice, func(w *ward, _ Actor, s session) (string, error) {
			s2, err := w.OpenMailbox(ctx, s.actor)
			if err != nil {
				return "", err
			}
			defer s2.Close()
			c, err := s2.Content(ctx, mailbox.Inbox, s.uids(mailbox.Inbox)[0])
			if err != nil {
				return "", err
			}
			var b strings.Builder
			err = c.ReadRange(&b, 0, c.Size())
			return b.String(), err
		}},
		{"a patient is looked up", thomas, func(w *ward, a Actor, _ session) (string, error) {
			m, err := ident.ParseMatricule(addr(alice).Local())
			if err != nil {
				return "", err
			}
			v, err := w.FindPatient(ctx, a, m)
			return show(v.Traits, err)
		}},
		{"a record is listed by a professional", thomas, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.Documents(ctx, a, w.record))
		}},
		{"a record is listed by its owner", alice, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.Documents(ctx, a, w.record))
		}},
		{"a document is described", thomas, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.Document(ctx, a, document))
		}},
		{"a document is read", thomas, func(w *ward, a Actor, _ session) (string, error) {
			_, c, err := w.OpenDocument(ctx, a, document)
			if err != nil {
				return "", err
			}
			var b strings.Builder
			err = c.ReadRange(&b, 0, c.Size())
			return b.String(), err
		}},
		{"a document is read by its owner", alice, func(w *ward, a Actor, _ session) (string, error) {
			_, c, err := w.OpenDocument(ctx, a, document)
			return show(c, err)
		}},
		{"who can see is asked", alice, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.WhoCanSee(ctx, a, document))
		}},
		{"a record is seen as another", alice, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.SeeAs(ctx, a, w.record, thomas))
		}},
		{"choices are read", alice, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.Choices(ctx, a, w.record))
		}},
		{"relations are read", alice, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.Relations(ctx, a, w.record))
		}},
		{"a history is read", alice, func(w *ward, a Actor, _ session) (string, error) {
			return show(w.History(ctx, a, w.record, HistoryQuery{}))
		}},
		{"a history is exported", alice, func(w *ward, a Actor, _ session) (string, error) {
			var b bytes.Buffer
			err := w.ExportHistory(ctx, a, "", HistoryQuery{}, audit.CSV, &b)
			return b.String(), err
		}},
		{"a sealed history is exported", "", func(w *ward, _ Actor, _ session) (string, error) {
			var b bytes.Buffer
			_, err := w.ExportSealed(ctx, "marie", LegalRequest{Of: addr(alice)}, &b)
			return b.String(), err
		}},
		{"all sealed histories are exported", "", func(w *ward, _ Actor, _ session) (string, error) {
			var b bytes.Buffer
			_, err := w.ExportSealed(ctx, "marie", LegalRequest{}, &b)
			return b.String(), err
		}},
		{"documents are exported", "", func(w *ward, _ Actor, _ session) (string, error) {
			var b bytes.Buffer
			_, err := w.Export(ctx, "marie", addr(alice), to, func(string) (io.WriteCloser, error) { return open{&b}, nil })
			return b.String(), err
		}},
		{"an operator asks why", "", func(w *ward, _ Actor, _ session) (string, error) {
			return show(w.Why(ctx, "marie", addr(thomas), addr(alice)))
		}},
		{"an operator asks why about a document", "", func(w *ward, _ Actor, _ session) (string, error) {
			return show(w.WhyDocument(ctx, "marie", addr(thomas), addr(alice), document))
		}},
	}
}

// TestNoTrailNoContent lets every act that lets something out fail to commit
// its trail, in three ways: then nothing comes out.
func TestNoTrailNoContent(t *testing.T) {
	w := newWard(t)
	document := w.file(alice, consultation, 0)
	w.must(w.send(thomas, "Bonjour", "", alice))
	w.must(w.Declare(t.Context(), w.login(thomas), w.record, InCareTeam))
	m := &mute{Store: w.memory}
	w.Hub.Store = m
	for _, c := range releases(document, outsider(t, w.now)) {
		t.Run(c.name, func(t *testing.T) {
			for _, at := range []string{"begins", "ends", "answers"} {
				var a Actor
				if c.as != "" {
					a = w.login(c.as)
				}
				s := session{h: w.house}
				if a.Role == policy.Patient {
					s = w.session(c.as)
				}
				m.at = at
				out, err := c.do(w, a, s)
				m.at = ""
				if err == nil || out != "" {
					t.Errorf("commit %s: %d bytes came out, with %v", at, len(out), err)
				}
			}
			a := Actor{}
			if c.as != "" {
				a = w.login(c.as)
			}
			s := session{h: w.house}
			if a.Role == policy.Patient {
				s = w.session(c.as)
			}
			if out, err := c.do(w, a, s); err != nil || out == "" {
				t.Errorf("with a trail, %q comes out, %v", out, err)
			}
		})
	}
	w.verifies()
}

// open is a buffer that needs no closing.
type open struct{ *bytes.Buffer }

func (open) Close() error { return nil }

// outsider is a key that the hub does not hold.
func outsider(t *testing.T, now time.Time) *keyring.Recipient {
	t.Helper()
	e, err := openpgp.NewEntity("", "", "somebody@outside.test", &packet.Config{Time: func() time.Time { return now.Add(-time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	to, err := keyring.ParseRecipient(b.Bytes(), now)
	if err != nil {
		t.Fatal(err)
	}
	return to
}
