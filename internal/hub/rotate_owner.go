package hub

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// turnGrace is how long an owner's old key is kept after a new one is there:
// what was sealed to the old one before may be on its way as long as a line of
// the outbox is tried.
const turnGrace = maxLineAge + 24*time.Hour

// A KeyRotation is how far the change of an owner's key has come.
type KeyRotation struct {
	Rewrapped int       // session keys that were wrapped for the new key this time
	Ends      time.Time // when the old key goes; zero: it is gone
}

// wrapsOfOwner are where the wraps of an owner are kept: how to read those after
// one, and how to replace one.
var wrapsOfOwner = []struct {
	each func(r store.Reader, after string) iter.Seq2[keyring.Wrapped, error]
	put  func(w store.Writer, read keyring.Wrapped, wraps []byte) error
}{
	{vault.Wraps, vault.Rewrap},
	{audit.Wraps, audit.Rewrap},
	{single(mailbox.Wraps), mailbox.Rewrap},
	{single(filing.Wraps), filing.Rewrap},
}

// single yields the one wraps that a record has, if it has it.
func single(wraps func(store.Reader) (keyring.Wrapped, bool, error)) func(store.Reader, string) iter.Seq2[keyring.Wrapped, error] {
	return func(r store.Reader, after string) iter.Seq2[keyring.Wrapped, error] {
		return func(yield func(keyring.Wrapped, error) bool) {
			if w, ok, err := wraps(r); after == "" && (ok || err != nil) {
				yield(w, err)
			}
		}
	}
}

// RotateOwnerKey gives the owner of a mailbox another key. From then on all is
// sealed to the new one; what was sealed before is wrapped anew, without
// touching what it opens. Readers and filers notice nothing: both keys are there
// until, after Ends, the old one goes. That is done by the sweep, or by asking
// again; so is what was interrupted.
func (h *Hub) RotateOwnerKey(ctx context.Context, operator string, a ident.Address) (k KeyRotation, err error) {
	if h.Sealed() {
		return k, fmt.Errorf("hub: rotate a key: %w", fault.Sealed)
	}
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return k, err
	}
	h.rotating.Lock()
	defer h.rotating.Unlock()
	if err := h.turnKey(ctx, operator, part); err != nil {
		return k, fmt.Errorf("hub: rotate a key: %w", err)
	}
	return h.followTurn(ctx, operator, part)
}

// turnKey makes the new key, unless the turn was begun before.
func (h *Hub) turnKey(ctx context.Context, operator string, part store.Part) error {
	var locked [][]byte
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		locked, err = owner.AllLocked(r)
		return err
	})
	if err != nil || len(locked) > 1 {
		return err
	}
	secret, err := h.Erasure.Find(part)
	if err != nil {
		return err
	}
	wrapped, err := h.wraps(ctx)
	if err != nil {
		return err
	}
	defer wrapped()
	cert, fresh, err := h.Ring.NewOwner(part, secret)
	if err != nil {
		return err
	}
	// Known to this process before anything is sealed to it. If the turn fails,
	// it is a key that opens nothing.
	h.turned(part, fresh, locked[0])
	err = h.commit(ctx, part, func(t *tx) error {
		t.note(byOperator(operator, audit.ActRotateKey, "begin"))
		return owner.Turn(t, t.Scope, cert, fresh, t.now)
	})
	h.trails.forget(part) // whoever made one meanwhile made it for the old key
	return err
}

// followTurn wraps anew what is under the old key of an owner, and drops that
// key once its time is over and nothing is under it.
func (h *Hub) followTurn(ctx context.Context, operator string, part store.Part) (k KeyRotation, err error) {
	for range 8 { // something may come meanwhile
		var since time.Time
		var turning bool
		var locked [][]byte
		err := h.view(ctx, part, func(r store.Reader) (err error) {
			if since, turning, err = owner.Turned(r, h.scope(part)); err != nil || !turning {
				return err
			}
			locked, err = owner.AllLocked(r)
			return err
		})
		if err != nil || !turning {
			return k, err
		}
		w := rewrapping{h: h, part: part, done: map[string]string{}}
		n, err := w.run(ctx, locked)
		k.Rewrapped += n
		if err != nil {
			return k, fmt.Errorf("hub: rotate a key: %w", err)
		}
		if k.Ends = since.Add(turnGrace); h.Now().Before(k.Ends) {
			return k, nil
		}
		err = h.commit(ctx, part, func(t *tx) error {
			if err := w.nothingElse(t); err != nil {
				return err
			}
			t.note(byOperator(operator, audit.ActRotateKey, "end"))
			owner.DropOld(t)
			return nil
		})
		if err == nil {
			h.turned(part, locked[0])
			return KeyRotation{Rewrapped: k.Rewrapped}, nil
		}
		if !errors.Is(err, errCameMeanwhile) {
			return k, err
		}
	}
	return k, nil // the next sweep
}

// errCameMeanwhile says that something was filed since all was wrapped anew.
var errCameMeanwhile = errors.New("hub: something came meanwhile")

// A rewrapping wraps anew all that is sealed to one owner.
type rewrapping struct {
	h      *Hub
	part   store.Part
	newest *keyring.Key // the new key alone
	both   *keyring.Key
	cert   *keyring.Cert
	done   map[string]string // wraps that the new key opens, or neither does, by their place
}

// rewrapBatch is how many wraps are made anew in one transaction.
const rewrapBatch = 64

func (w *rewrapping) run(ctx context.Context, locked [][]byte) (n int, err error) {
	if w.newest, err = w.h.openLocked(w.part, locked[:1]); err != nil {
		return 0, err
	}
	if w.both, err = w.h.openLocked(w.part, locked); err != nil {
		return 0, err
	}
	if w.cert, err = w.h.certOf(ctx, w.part); err != nil {
		return 0, err
	}
	if err := w.fold(ctx); err != nil {
		return 0, err
	}
	for i := range wrapsOfOwner {
		for after, more := "", true; more; {
			var m int
			if m, after, more, err = w.batch(ctx, i, after); err != nil {
				return n, err
			}
			n += m
		}
	}
	return n, w.contact(ctx)
}

// fold puts the entries of the mailbox under the mailbox key.
func (w *rewrapping) fold(ctx context.Context) error {
	b, err := w.h.take(ctx, w.part)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.h.give(w.part, b)
	return b.FoldAll(
		func(fn func(store.Reader) error) error { return w.h.view(ctx, w.part, fn) },
		func(fn func(store.Writer) error) error {
			return w.h.commit(ctx, w.part, func(t *tx) error { return fn(t.Writer) })
		})
}

// batch wraps anew some of what a record keeps, from after one place on.
func (w *rewrapping) batch(ctx context.Context, record int, after string) (n int, last string, more bool, err error) {
	var read []keyring.Wrapped
	err = w.h.view(ctx, w.part, func(r store.Reader) error {
		read = nil
		for x, err := range wrapsOfOwner[record].each(r, after) {
			if err != nil {
				return err
			}
			if read = append(read, x); len(read) == rewrapBatch {
				break
			}
		}
		return nil
	})
	if err != nil || len(read) == 0 {
		return 0, after, false, err
	}
	var changed []keyring.Wrapped
	var wraps [][]byte
	for _, x := range read {
		if _, err := w.newest.Open(x.Wraps); err == nil {
			w.done[wrapPlace(record, x.Key)] = string(x.Wraps)
			continue
		}
		s, err := w.both.Open(x.Wraps)
		if err != nil { // damaged, or never the owner's: no key helps
			w.done[wrapPlace(record, x.Key)] = string(x.Wraps)
			continue
		}
		fresh, err := s.Wrap(w.cert)
		s.Wipe()
		if err != nil {
			return 0, after, false, err
		}
		changed, wraps = append(changed, x), append(wraps, fresh)
	}
	last = read[len(read)-1].Key
	if len(changed) > 0 {
		err = w.h.commit(ctx, w.part, func(t *tx) error {
			for i, x := range changed {
				if err := wrapsOfOwner[record].put(t, x, wraps[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return len(changed), last, len(read) == rewrapBatch, err
}

func wrapPlace(record int, key string) string { return fmt.Sprint(record, " ", key) }

// contact seals the owner's contact to the new key.
func (w *rewrapping) contact(ctx context.Context) error {
	return w.h.commit(ctx, w.part, func(t *tx) error {
		if _, ok, err := patient.LoadContact(t, t.Scope, w.newest); ok || err == nil {
			return err
		}
		c, ok, err := patient.LoadContact(t, t.Scope, w.both)
		if err != nil || !ok {
			return nil // damaged: no key helps
		}
		return patient.SetContact(t, t.Scope, w.cert, c)
	})
}

// nothingElse is errCameMeanwhile unless all there is was seen, and is under
// the new key.
func (w *rewrapping) nothingElse(t *tx) error {
	fresh, err := mailbox.Fresh(t)
	if err != nil {
		return err
	}
	if fresh {
		return errCameMeanwhile
	}
	for record, o := range wrapsOfOwner {
		for x, err := range o.each(t, "") {
			if err != nil {
				return err
			}
			if w.done[wrapPlace(record, x.Key)] != string(x.Wraps) {
				return errCameMeanwhile
			}
		}
	}
	return nil
}

// sweepTurn goes on with the change of an owner's key.
func (h *Hub) sweepTurn(ctx context.Context, part store.Part) error {
	if h.Sealed() {
		return nil
	}
	turning := false
	err := h.view(ctx, part, func(r store.Reader) (err error) {
		_, turning, err = owner.Turned(r, h.scope(part))
		return err
	})
	if err != nil || !turning {
		return err
	}
	h.rotating.Lock()
	defer h.rotating.Unlock()
	_, err = h.followTurn(ctx, "hub", part)
	return err
}

// stillOpens is an error if what was sealed to a certificate, some time ago,
// would open no more: the owner has another key, and the old one is gone.
func (h *Hub) stillOpens(r store.Reader, part store.Part, fingerprint string) error {
	cert, err := h.cert(r, part)
	if err != nil || fingerprint == "" || cert.Fingerprint() == fingerprint {
		return err
	}
	if _, turning, err := owner.Turned(r, h.scope(part)); err != nil || turning {
		return err
	}
	return fmt.Errorf("hub: sealed to a key that is gone: %w", fault.Unavailable)
}
