package hub

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/filing"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// furnish puts into a patient's space something of all that is sealed to its
// owner.
func (h *house) furnish(address string) {
	h.t.Helper()
	part := h.part(address)
	for i := range 3 {
		if err := h.deliver(thomas, attach(thomas, address, fmt.Sprint(i, "@test"), "", "note.pdf", paper(1000+i)), address); err != nil {
			h.t.Fatal(err)
		}
	}
	h.read(address, "INBOX")
	if err := h.deliver(thomas, large(thomas, address, "large@test"), address); err != nil { // not folded yet, blobs
		h.t.Fatal(err)
	}
	cert, err := h.certOf(h.t.Context(), part)
	if err == nil {
		err = h.commit(h.t.Context(), part, func(t *tx) error {
			return patient.SetContact(t, t.Scope, cert, patient.Contact{Mail: "alix@courriel.test", MailChecked: h.now})
		})
	}
	if err == nil {
		_, err = h.NameFolder(h.t.Context(), h.login(address), string(part), "", "Mon genou")
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// opensAllOf lets a fresh process open all that is sealed to an owner, and
// returns how many keys the owner has.
func opensAllOf(h *house, address string) (keys int, err error) {
	p := h.process(func(*Config) {})
	part := h.part(address)
	if rep, err := p.Verify(h.t.Context()); err != nil || len(rep.Findings) > 0 || rep.Documents == 0 || rep.Messages == 0 {
		return 0, fmt.Errorf("verify: %w, %+v", err, rep)
	}
	key, err := p.unlock(h.t.Context(), part)
	if err != nil {
		return 0, err
	}
	err = p.view(h.t.Context(), part, func(r store.Reader) error {
		head, err := audit.Head(r, p.scope(part))
		if err != nil {
			return err
		}
		n := uint64(0)
		for _, err := range audit.Entries(r, part, key, 0) {
			if err != nil {
				return err
			}
			n++
		}
		if n != head.Count {
			return fmt.Errorf("%d entries of %d", n, head.Count)
		}
		if c, ok, err := patient.LoadContact(r, p.scope(part), key); !ok || c.Mail == "" {
			return fmt.Errorf("contact: %w", err)
		}
		if c, err := filing.Load(r, part, key); err != nil || len(c.Folders) != 1 {
			return fmt.Errorf("cabinet: %w", err)
		}
		return nil
	})
	return len(key.locked), err
}

// blobSums tells the blobs of a house apart.
func (h *house) blobSums() map[string]bool {
	h.t.Helper()
	sums := map[string]bool{}
	for info, err := range h.blobs.All(h.t.Context()) {
		if err != nil {
			h.t.Fatal(err)
		}
		sums[fmt.Sprint(info)] = true
	}
	return sums
}

func TestAnOwnerGetsAnotherKeyAndTouchesNoBlob(t *testing.T) {
	h := newHouse(t)
	h.furnish(alice)
	part := h.part(alice)
	was, blobs := bytes.Clone(h.value(part, "key/locked")), h.blobSums()
	cert, err := h.certOf(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	_, late, err := keyring.NewSession(cert) // of a filer who is slow
	if err != nil {
		t.Fatal(err)
	}

	k, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice))
	if err != nil || k.Rewrapped == 0 || !k.Ends.Equal(h.now.Add(turnGrace)) {
		t.Fatalf("RotateOwnerKey = %+v, %v", k, err)
	}
	if n, err := opensAllOf(h, alice); n != 2 || err != nil {
		t.Errorf("with both keys: %d, %v", n, err)
	}
	if now, err := h.certOf(t.Context(), part); err != nil || now.Fingerprint() == cert.Fingerprint() {
		t.Errorf("the certificate is the same: %v", err)
	}
	if !maps.Equal(blobs, h.blobSums()) {
		t.Error("blobs were touched")
	}
	key, err := h.unlock(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.Open(late); err != nil {
		t.Errorf("what was sealed before and comes now: %v", err)
	}
	if again, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice)); err != nil || again.Rewrapped != 0 || again.Ends != k.Ends {
		t.Errorf("a second time: %+v, %v", again, err)
	}

	// A mail comes, sealed to the old key, and the hub sweeps: after the time of
	// grace all is under the new key and the old one gone.
	if err := h.deliver(thomas, mail(thomas, []string{alice}, "Meanwhile", "", "x"), alice); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(turnGrace - time.Minute)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := opensAllOf(h, alice); n != 2 || err != nil {
		t.Errorf("within the time of grace: %d keys, %v", n, err)
	}
	h.now = h.now.Add(2 * time.Minute)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := opensAllOf(h, alice); n != 1 || err != nil {
		t.Errorf("after it: %d keys, %v", n, err)
	}
	for _, p := range h.rows(part) {
		if bytes.Contains(p.Value, was) {
			t.Errorf("%s holds the old key", p.Key)
		}
	}
	key, err = h.unlock(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.Open(late); !errors.Is(err, fault.Corrupt) {
		t.Errorf("the old key opens: %v", err)
	}
	h.verifies()
}

func TestAnOwnersKeyIsRotatedOrNotButNeverHalf(t *testing.T) {
	interrupt(t, act{
		prepare: func(h *house) { h.furnish(alice) },
		arrange: func(h *house) { h.now = h.now.Add(-time.Hour) },
		do: func(h *house, _ map[string]Actor) error {
			_, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice))
			return err
		},
		done: func(h *house) error {
			if n, err := opensAllOf(h, alice); n != 2 || err != nil {
				return fmt.Errorf("%d keys: %w", n, err)
			}
			h.now = h.now.Add(turnGrace + time.Hour)
			if k, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice)); err != nil || !k.Ends.IsZero() {
				return fmt.Errorf("the end: %+v, %w", k, err)
			}
			n, err := opensAllOf(h, alice)
			if n != 1 {
				err = errors.Join(err, fmt.Errorf("%d keys", n))
			}
			return err
		},
	})
}

func TestMailAndReadingGoOnWhileAnOwnersKeyIsRotated(t *testing.T) {
	h := newHouse(t)
	h.furnish(alice)
	filed, read, _ := h.meanwhile(func() error {
		for range 4 {
			for range 2 { // begin, end
				if _, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice)); err != nil {
					return err
				}
				time.Sleep(50 * time.Millisecond) // the time of grace: longer than a filing takes
				endTurn(h, alice)
			}
		}
		return nil
	})
	t.Logf("meanwhile %d mails were filed and %d mailboxes read", filed, read)
	if _, err := opensAllOf(h, alice); err != nil {
		t.Error(err)
	}
}

// endTurn makes a turn one that began long ago: the clock of the house is not to
// be moved while others look at it.
func endTurn(h *house, address string) {
	part := h.part(address)
	err := h.commit(h.t.Context(), part, func(t *tx) error {
		b, err := t.Get("key/turned")
		if err != nil || b == nil {
			return err
		}
		return turnedLongAgo(t)
	})
	if err != nil {
		h.t.Error(err)
	}
}

func TestWhoIsErasedWithTwoKeysIsErased(t *testing.T) {
	h := newHouse(t)
	h.furnish(alice)
	part := h.part(alice)
	if _, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	locked := [][]byte{h.value(part, "key/locked"), h.value(part, "key/old")}
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.openLocked(part, locked); !errors.Is(err, fault.NotFound) {
		t.Errorf("an old copy of both keys: %v, want NotFound", err)
	}
	for _, p := range h.rows(part) {
		if bytes.HasPrefix([]byte(p.Key), []byte("key/")) {
			t.Errorf("%s is left", p.Key)
		}
	}
}

func TestAnOwnersOldKeyFollowsTheHubKey(t *testing.T) {
	h := newHouse(t)
	h.furnish(alice)
	path := h.keepRing()
	if _, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	if err := h.RotateHubKey(t.Context(), "operator", nil); err != nil {
		t.Fatal(err)
	}
	h.Hub = h.restarted(path)
	if n, err := opensAllOf(h, alice); n != 2 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
}

func TestASealedHubRotatesNoOwnersKey(t *testing.T) {
	h := newHouse(t)
	if _, err := h.process(sealed).RotateOwnerKey(t.Context(), "operator", addr(alice)); !errors.Is(err, fault.Sealed) {
		t.Errorf("%v, want Sealed", err)
	}
	if _, err := h.RotateOwnerKey(t.Context(), "operator", addr(stranger)); !errors.Is(err, fault.NotFound) {
		t.Errorf("nobody: %v, want NotFound", err)
	}
}

func turnedLongAgo(t *tx) error {
	return fact.Put(t, t.Scope, "key/turned", t.now.Add(-2*turnGrace))
}
