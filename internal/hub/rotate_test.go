package hub

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// keepRing saves the ring of a house to a file, and returns its path.
func (h *house) keepRing() string {
	h.t.Helper()
	path := filepath.Join(h.t.TempDir(), "hub.key")
	if err := h.Ring.Save(path); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// restarted is the hub after its process began anew, with the ring of a file.
func (h *house) restarted(ring string) *Hub {
	h.t.Helper()
	return h.process(func(c *Config) {
		var err error
		if c.Ring, err = keyring.LoadRing(ring); err != nil {
			h.t.Fatal(err)
		}
	})
}

// opensEverything lets a fresh process open everything there is.
func opensEverything(t *testing.T, p *Hub) {
	t.Helper()
	if rep, err := p.Verify(t.Context()); err != nil || len(rep.Findings) > 0 {
		t.Errorf("verify: %v, %+v", err, rep.Findings)
	}
	if _, err := p.auditSigner(t.Context()); err != nil {
		t.Errorf("the key of the checkpoints: %v", err)
	}
	if _, err := p.pepper(t.Context()); err != nil {
		t.Errorf("the pepper: %v", err)
	}
}

// TestNothingStaysUnderTheOldHubKey uses everything that wraps something under
// the hub key, whose version is one that shows, and looks for it in the whole
// store after a rotation. What is missing in ringWrapped is found here.
func TestNothingStaysUnderTheOldHubKey(t *testing.T) {
	h := newHouse(t)
	path := h.keepRing()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const marked = 0x12345678
	text = fmt.Appendf(text, "%d %s\n", marked, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32)))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if h.Hub = h.restarted(path); h.Ring.Version() != marked || !h.Ring.Changing() {
		t.Fatal("the ring is not in the midst of a change")
	}
	if err := h.RotateHubKey(t.Context(), "operator", nil); err != nil {
		t.Fatal(err)
	}
	h.Hub = h.restarted(path)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	if err := errors.Join(h.send(thomas, "x", "", alice, adam), h.Checkpoint(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := h.pepper(t.Context()); err != nil {
		t.Fatal(err)
	}
	identity, err := h.IdentitySigner(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wrapped := func(version uint32) (where []string) {
		pattern := []byte{1, byte(version >> 24), byte(version >> 16), byte(version >> 8), byte(version)}
		for part, err := range h.memory.Parts(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range h.rows(part) {
				if bytes.Contains(p.Value, pattern) {
					where = append(where, p.Key)
				}
			}
		}
		slices.Sort(where)
		return where
	}
	before := fmt.Sprint(wrapped(marked))
	for _, key := range []string{"aud/signer", "right/signer", "acc/pepper", "sw/signer", "key/locked"} {
		if !strings.Contains(before, key) {
			t.Errorf("%s is not under the hub key: this test proves nothing of it", key)
		}
	}
	var told []int
	if err := h.RotateHubKey(t.Context(), "operator", func(n int) { told = append(told, n) }); err != nil {
		t.Fatal(err)
	}
	if len(told) != 9 || told[8] != 9 { // the people of the house
		t.Errorf("the progress told is %d", told)
	}
	if left := wrapped(marked); len(left) > 0 {
		t.Errorf("under the old key are %q", left)
	}
	if got := fmt.Sprint(wrapped(marked + 1)); got != before {
		t.Errorf("under the new key are %s, want %s", got, before)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), fmt.Sprint(marked)+" ") {
		t.Errorf("the old key is in the file: %v", err)
	}
	again := h.restarted(path)
	opensEverything(t, again)
	if k, err := again.IdentitySigner(t.Context()); err != nil || !k.Equal(identity) {
		t.Errorf("the signer of identities is another: %v", err)
	}
	h.verifies() // the process that was there all the time
}

func TestTheHubKeyIsRotatedOrNotButNeverHalf(t *testing.T) {
	var ring string
	interrupt(t, act{
		prepare: func(h *house) {
			if err := h.send(thomas, "Bonjour", "", alice); err != nil {
				t.Fatal(err)
			}
			if _, err := h.pepper(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := h.auditSigner(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		arrange: func(h *house) { ring = h.keepRing() },
		do: func(h *house, _ map[string]Actor) error {
			h.Hub = h.restarted(ring) // the process was killed
			return h.RotateHubKey(t.Context(), "operator", nil)
		},
		done: func(h *house) error {
			p := h.restarted(ring)
			if p.Ring.Changing() || p.Ring.Version() < 2 {
				return fmt.Errorf("version %d, changing %t", p.Ring.Version(), p.Ring.Changing())
			}
			opensEverything(t, p)
			return nil
		},
	})
}

func TestAForgottenValueKeepsTheOldHubKey(t *testing.T) {
	h := newHouse(t)
	path := h.keepRing()
	h.forge("elsewhere", func(w store.Writer) error {
		w.Put("x/y", append([]byte{1, 2, 3}, h.Ring.Wrap([]byte("key"), "x")...))
		return nil
	})
	if err := h.RotateHubKey(t.Context(), "operator", nil); err == nil || !strings.Contains(err.Error(), "x/y") {
		t.Errorf("RotateHubKey = %v", err)
	}
	if p := h.restarted(path); !p.Ring.Changing() {
		t.Error("the old key is gone")
	}
	h.Wrapped = []RingWrapped{{"elsewhere", func(w store.Writer, r *keyring.Ring) error {
		b, err := w.Get("x/y")
		if err != nil || !r.Outdated(b) {
			return err
		}
		again, err := r.Renew(b[3:], "x")
		w.Put("x/y", append([]byte{1, 2, 3}, again...))
		return err
	}}}
	if err := h.RotateHubKey(t.Context(), "operator", nil); err != nil {
		t.Fatal(err)
	}
	p := h.restarted(path)
	if got, err := p.Ring.Unwrap(h.value("elsewhere", "x/y")[3:], "x"); string(got) != "key" || p.Ring.Version() != 2 {
		t.Errorf("version %d opens %q, %v", p.Ring.Version(), got, err)
	}
}

func TestASealedHubRotatesNothing(t *testing.T) {
	h := newHouse(t)
	p := h.process(sealed)
	if err := p.RotateHubKey(t.Context(), "operator", nil); !errors.Is(err, fault.Sealed) {
		t.Errorf("RotateHubKey = %v, want Sealed", err)
	}
	if err := h.RotateHubKey(t.Context(), "operator", nil); !errors.Is(err, fault.Invalid) || h.Ring.Changing() {
		t.Errorf("with a ring that was never saved: %v, want Invalid", err)
	}
}

// meanwhile files, reads and enrols in a hub while something is done to it, and
// returns how often each came to its end.
func (h *house) meanwhile(do func() error) (filed, read, enrolled int) {
	h.t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var errs [3]error
	loop := func(i int, count *int, fn func(n int) error) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if errs[i] = fn(*count); errs[i] != nil {
					return
				}
				*count++
			}
		})
	}
	sender, reader := h.login(thomas), h.login(alice)
	loop(0, &filed, func(n int) error {
		return h.deliverAs(sender, mail(thomas, []string{alice}, fmt.Sprint("mail ", n), "", "Bonjour."), alice)
	})
	idle := h.session(alice) // holds what was read before
	loop(1, &read, func(int) error {
		m, err := h.OpenMailbox(h.t.Context(), reader)
		if err != nil {
			return err
		}
		defer m.Close()
		for _, s := range []*Mailbox{m, idle.Mailbox} {
			for _, uid := range (session{s, h}).uids(mailbox.Inbox) {
				if _, err := s.Content(h.t.Context(), mailbox.Inbox, uid); err != nil {
					return err
				}
			}
		}
		return nil
	})
	loop(2, &enrolled, func(n int) error {
		m, err := ident.MakeMatricule(fmt.Sprintf("1602099999%03d", 100+n))
		if err != nil {
			return err
		}
		a, err := h.Enrol(h.t.Context(), "operator", Person{Matricule: m, Traits: patient.Traits{BirthName: "ESSAI"}})
		if err != nil {
			return err
		}
		_, err = h.Life(h.t.Context(), "operator", a, patient.Activate)
		return err
	})
	err := do()
	close(stop)
	wg.Wait()
	if err := errors.Join(append(errs[:], err)...); err != nil {
		h.t.Fatal(err)
	}
	return filed, read, enrolled
}

func TestMailAndReadingGoOnWhileTheHubKeyIsRotated(t *testing.T) {
	h := newHouse(t)
	path := h.keepRing()
	if err := h.send(thomas, "Avant", "", alice); err != nil {
		t.Fatal(err)
	}
	filed, read, enrolled := h.meanwhile(func() (err error) {
		for range 5 {
			err = errors.Join(err, h.RotateHubKey(t.Context(), "operator", nil))
		}
		return err
	})
	t.Logf("meanwhile %d mails were filed, %d mailboxes read, %d people enrolled", filed, read, enrolled)
	p := h.restarted(path)
	if p.Ring.Version() != 6 || p.Ring.Changing() {
		t.Errorf("version %d, changing %t", p.Ring.Version(), p.Ring.Changing())
	}
	opensEverything(t, p)
	notes := 0
	err := h.view(t.Context(), hubPart, func(r store.Reader) error {
		for e, err := range audit.Entries(r, hubPart, h.escrow, 0) {
			if err != nil {
				return err
			}
			if e.Act == audit.ActRotateHubKey && e.Actor == "operator" {
				notes++
			}
		}
		return nil
	})
	if err != nil || notes != 10 {
		t.Errorf("the trail tells of it %d times, %v, want 10", notes, err)
	}
}
