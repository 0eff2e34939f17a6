package hub

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/bus/membus"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/policy"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

func (h *house) part(address string) store.Part {
	h.t.Helper()
	part, known, err := h.find(h.t.Context(), addr(address))
	if err != nil || !known {
		h.t.Fatalf("find %s: %t, %v", address, known, err)
	}
	return part
}

// forge changes a partition behind the hub's back, as whoever writes to the
// store does.
func (h *house) forge(part store.Part, fn func(store.Writer) error) {
	h.t.Helper()
	if err := h.memory.Update(h.t.Context(), part, fn); err != nil {
		h.t.Fatal(err)
	}
}

// value reads a value of the store; a key that ends with "/" is a prefix.
func (h *house) value(part store.Part, key string) (b []byte) {
	h.t.Helper()
	for _, p := range h.rows(part) {
		if p.Key == key || strings.HasSuffix(key, "/") && strings.HasPrefix(p.Key, key) {
			b = p.Value
		}
	}
	return b
}

// clerk is a scope of the index key alone: it writes facts, and no right.
func (h *house) clerk(part store.Part) fact.Scope { return fact.Scope{Key: h.Index, Part: part} }

// TestWhatIsForgedGrantsNothing plays somebody who writes to the store and has
// the index key: the SMTP front door, taken over.
func TestWhatIsForgedGrantsNothing(t *testing.T) {
	base := newHouse(t)
	if err := base.Block(t.Context(), "operator", addr(bruno), addr(thomas), true); err != nil {
		t.Fatal(err)
	}
	mayWrite := func(to string) func(*house) error {
		return func(h *house) error { return h.CheckRecipient(t.Context(), h.login(thomas), addr(to)) }
	}
	mayFile := func(to string) func(*house) error { return func(h *house) error { return h.send(thomas, "x", "", to) } }
	mayLogIn := func(who string) func(*house) error {
		return func(h *house) error {
			s, err := h.Secrets(t.Context(), attempt(who))
			if err != nil {
				return err
			}
			id, ok := s.Match("aaaaaaa-aaaaaaa-aaaaaa-aaaaaa")
			if !ok {
				return fault.Unauthenticated
			}
			_, err = h.LoginProved(t.Context(), attempt(who), id)
			return err
		}
	}
	for _, c := range []struct {
		name  string
		space string
		forge func(h *house, part store.Part)
		grant func(*house) error // nil would be: granted
	}{
		{"a block that was removed", bruno, func(h *house, part store.Part) {
			h.forge(part, func(w store.Writer) error { return fact.Erase(w, "pat/rel/") })
		}, mayWrite(bruno)},
		{"a block that was removed, and the head", bruno, func(h *house, part store.Part) {
			h.forge(part, func(w store.Writer) error { return errors.Join(fact.Erase(w, "pat/rel/"), fact.EraseRights(w)) })
		}, mayWrite(bruno)},
		{"a space that was opened", celia, func(h *house, part store.Part) {
			m := addr(celia).Local()
			h.forge(part, func(w store.Writer) error {
				return fact.Put(w, h.clerk(part), "pat/space", patient.Space{Matricule: m, State: policy.Active})
			})
		}, mayWrite(celia)},
		{"the space of another", celia, func(h *house, part store.Part) {
			theirs := h.value(h.part(alice), "pat/space")
			h.forge(part, func(w store.Writer) error { w.Put("pat/space", theirs); return nil })
		}, mayWrite(celia)},
		{"all rights of another", celia, func(h *house, part store.Part) {
			rows := h.rows(h.part(alice))
			h.forge(part, func(w store.Writer) error {
				for _, p := range rows {
					w.Put(p.Key, p.Value)
				}
				return nil
			})
		}, mayWrite(celia)},
		{"another's space at the address", celia, func(h *house, _ store.Part) {
			index, other := directory.IndexPart(h.Index, addr(celia)), h.part(alice)
			h.forge(index, func(w store.Writer) error { return fact.Put(w, h.clerk(index), "dir/at", other) })
		}, mayWrite(celia)},
		{"another's certificate", alice, func(h *house, part store.Part) {
			theirs := h.value(h.part(bruno), "key/cert")
			h.forge(part, func(w store.Writer) error { w.Put("key/cert", theirs); return nil })
		}, mayFile(alice)},
		{"the old certificate, with the head of then", alice, func(h *house, part store.Part) {
			head := h.value(part, "right/head")
			h.lives(alice, patient.Close, patient.Reopen)
			h.forge(part, func(w store.Writer) error { w.Put("right/head", head); return nil })
		}, mayFile(alice)},
		{"a password", alice, func(h *house, part store.Part) {
			theirs := fact.Scope{Key: h.Index, Part: part, Rights: fact.NewRights(keyring.NewRightsKey())}
			h.forge(part, func(w store.Writer) error {
				salt := h.value(part, "acc/salt")
				w.Put("acc/salt", salt)
				return fact.Put(w, theirs, "acc/p/forged", map[string]any{"ID": "forged", "Device": "x"})
			})
		}, mayLogIn(alice)},
		{"a mailbox of another kind", thomas, func(h *house, part store.Part) {
			h.forge(part, func(w store.Writer) error {
				return fact.Put(w, h.clerk(part), "dir/bal", directory.BAL{Kind: directory.Personal, Address: thomas, Establishment: "750000009"})
			})
		}, func(h *house) error {
			return h.CheckRecipient(t.Context(), h.login(adam), addr(thomas))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := base.copyOf(t)
			part := h.part(c.space)
			c.forge(h, part)
			if err := c.grant(h); err == nil {
				t.Error("it was granted")
			} else if k := fault.Of(err); k != fault.Corrupt {
				t.Errorf("%v, want Corrupt", err)
			}
			rep, err := h.VerifyTrails(t.Context())
			if err != nil || len(rep.Findings) == 0 {
				t.Errorf("verify: %v, %+v, want a finding", err, rep.Findings)
			}
		})
	}
}

func TestAMaskThatWasRemovedShowsNothing(t *testing.T) {
	h := newHouse(t)
	if err := h.deliver(thomas, attach(thomas, alice, "1@test", "", "note.pdf", paper(1000)), alice); err != nil {
		t.Fatal(err)
	}
	part := h.part(alice)
	key, err := h.unlock(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	documents := func() (n int, err error) {
		err = h.view(t.Context(), part, func(r store.Reader) error {
			for _, err := range vault.Documents(r, h.scope(part), key, 1) {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		})
		return n, err
	}
	err = h.do(t.Context(), part, func(tx *tx) error {
		for d, err := range vault.Documents(tx, tx.Scope, key, 1) {
			if err != nil {
				return err
			}
			_, err = vault.Change(tx, tx.Scope, d, d.Flags|vault.Masked, tx.now)
			return err
		}
		return errors.New("there is no document")
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := documents(); n != 1 || err != nil {
		t.Fatalf("%d documents, %v", n, err)
	}
	h.forge(part, func(w store.Writer) error { return fact.Erase(w, "doc/s/") })
	if n, err := documents(); n != 0 || !errors.Is(err, fault.Corrupt) {
		t.Errorf("without the mask: %d documents, %v, want Corrupt", n, err)
	}
}

// TestRightsPutBackShowInTheJournal puts back an old head with the rights of
// then: nothing prevents that, but it shows.
func TestRightsPutBackShowInTheJournal(t *testing.T) {
	h := newHouse(t)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	part := h.part(alice)
	old := map[string][]byte{}
	for _, p := range h.rows(part) {
		if strings.HasPrefix(p.Key, "pat/") || p.Key == "right/head" {
			old[p.Key] = p.Value
		}
	}
	if err := h.Block(t.Context(), "operator", addr(alice), addr(thomas), true); err != nil {
		t.Fatal(err)
	}
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.verifies()
	h.forge(part, func(w store.Writer) error {
		err := fact.Erase(w, "pat/")
		for k, v := range old {
			w.Put(k, v)
		}
		return err
	})
	shows := func(when string) {
		t.Helper()
		rep, err := h.VerifyTrails(t.Context())
		if err != nil || len(rep.Findings) != 1 || !strings.Contains(rep.Findings[0].What, "put back") {
			t.Errorf("%s: verify: %v, %+v, want one finding", when, err, rep.Findings)
		}
	}
	shows("at once")
	if err := h.Block(t.Context(), "operator", addr(alice), addr(adam), true); err != nil {
		t.Fatal(err)
	}
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows("after one change more")
}

// TestTheRightsOfTheHubAreMissed takes away the matrix of the operator with all
// that says there was one: the program's own would decide again.
func TestTheRightsOfTheHubAreMissed(t *testing.T) {
	h := newHouse(t)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	if _, err := h.ApplyMatrix(t.Context(), "operator", []byte(severe)); err != nil {
		t.Fatal(err)
	}
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.verifies()
	h.forge(hubPart, func(w store.Writer) error {
		w.Delete("right/head")
		return fact.Erase(w, "hab/")
	})
	rep, err := h.VerifyTrails(t.Context())
	if err != nil || len(rep.Findings) == 0 {
		t.Errorf("verify: %v, %+v, want a finding", err, rep.Findings)
	}
}

func TestTheRightsOfTheErasedAreNotMissed(t *testing.T) {
	h := newHouse(t)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	part := h.part(alice)
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	h.verifies()
	for _, p := range h.rows(part) {
		if !strings.HasPrefix(p.Key, "aud/") {
			t.Errorf("%s is left", p.Key)
		}
	}
	// The next checkpoint covers what was noted of the erasure.
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := h.view(t.Context(), part, func(r store.Reader) error {
		m, err := audit.Head(r, h.scope(part))
		if !h.journal.file.Knows(part, m) {
			t.Error("no checkpoint knows of the erasure")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	h.verifies()
}

// process is another process on the same data.
func (h *house) process(change func(*Config)) *Hub {
	h.t.Helper()
	c := h.Config
	c.Bus = membus.New()
	change(&c)
	p, err := New(c)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func sealed(c *Config) { c.Ring, c.Erasure = nil, nil }

func TestASealedProcessVerifiesRightsAndWritesNone(t *testing.T) {
	h := newHouse(t)
	signer, err := MakeRights(t.Context(), h.memory, h.Index, h.Ring)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]keyring.RightsVerifier{"from a file": signer, "from the store": {}} {
		s := h.process(func(c *Config) { sealed(c); c.Rights = v })
		if err := s.CheckRecipient(t.Context(), h.login(thomas), addr(alice)); err != nil {
			t.Errorf("%s: alice is refused: %v", name, err)
		}
		if err := s.CheckRecipient(t.Context(), h.login(thomas), addr(celia)); fault.Of(err) != fault.NotFound {
			t.Errorf("%s: celia, who never opened her space: %v", name, err)
		}
		_, err := s.Life(t.Context(), "operator", addr(celia), patient.Activate)
		if !errors.Is(err, fault.Sealed) {
			t.Errorf("%s: a life goes on: %v, want Sealed", name, err)
		}
		if _, err := s.AddPassword(t.Context(), "operator", addr(alice), "x"); !errors.Is(err, fault.Sealed) {
			t.Errorf("%s: a password is made: %v, want Sealed", name, err)
		}
	}
	stranger := h.process(func(c *Config) { sealed(c); c.Rights = keyring.NewRightsKey().Verifier() })
	if err := stranger.CheckRecipient(t.Context(), h.login(thomas), addr(alice)); !errors.Is(err, fault.Corrupt) {
		t.Errorf("with the file of another hub: %v, want Corrupt", err)
	}
}

func TestTheKeyOfRightsIsMadeOnce(t *testing.T) {
	h := newHouse(t)
	was, err := MakeRights(t.Context(), h.memory, h.Index, h.Ring)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := MakeRights(t.Context(), h.memory, h.Index, h.Ring); err != nil || again != was {
		t.Errorf("a second time: another, %v", err)
	}
	login := func(h *Hub) error {
		_, err := h.Passwords(t.Context(), addr(alice))
		return err
	}
	if err := login(h.process(func(c *Config) { c.Rights = was })); err != nil {
		t.Errorf("with the right file: %v", err)
	}
	if err := login(h.process(func(c *Config) { c.Rights = keyring.NewRightsKey().Verifier() })); !errors.Is(err, fault.Corrupt) {
		t.Errorf("with the file of another hub: %v, want Corrupt", err)
	}
	before := bytes.Clone(h.value(hubPart, "right/signer"))
	h.forge(hubPart, func(w store.Writer) error { w.Delete("right/signer"); return nil })
	if err := login(h.process(func(c *Config) { c.Rights = was })); !errors.Is(err, fault.Corrupt) {
		t.Errorf("the key is gone: %v, want Corrupt", err)
	}
	if h.value(hubPart, "right/signer") != nil {
		t.Error("it was made anew")
	}
	h.forge(hubPart, func(w store.Writer) error { w.Put("right/signer", before); return nil })
	h.verifies()
}

// BenchmarkCheckRecipient asks for one recipient, as RCPT does.
func BenchmarkCheckRecipient(b *testing.B) {
	h := newHouse(b)
	a, to := h.login(thomas), addr(alice)
	b.ReportAllocs()
	for b.Loop() {
		if err := h.CheckRecipient(b.Context(), a, to); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheRightsOfOlderDataAreAdoptedOnce(t *testing.T) {
	h := newHouse(t)
	if err := h.send(thomas, "x", "", alice); err != nil {
		t.Fatal(err)
	}
	sender := h.login(thomas)
	for part, err := range h.memory.Parts(t.Context()) { // as it was before there were signatures
		if err != nil {
			t.Fatal(err)
		}
		h.forge(part, func(w store.Writer) error { return fact.Erase(w, "right/") })
	}
	p := h.process(func(*Config) {})
	if err := p.CheckRecipient(t.Context(), sender, addr(alice)); !errors.Is(err, fault.Corrupt) {
		t.Errorf("before: %v, want Corrupt", err)
	}
	if n, err := p.AdoptRights(t.Context(), "operator"); n != 9 || err != nil {
		t.Errorf("AdoptRights = %d, %v, want 9", n, err)
	}
	if err := p.CheckRecipient(t.Context(), sender, addr(alice)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if rep, err := p.Verify(t.Context()); err != nil || len(rep.Findings) > 0 {
		t.Errorf("verify: %v, %+v", err, rep.Findings)
	}
	h.forge(h.part(alice), func(w store.Writer) error { return fact.EraseRights(w) })
	if _, err := p.AdoptRights(t.Context(), "operator"); !errors.Is(err, fault.Exists) {
		t.Errorf("a second time: %v, want Exists", err)
	}
	fresh := newHouse(t)
	fresh.memory = memstore.New()
	fresh.Hub = fresh.process(func(c *Config) { c.Store = fresh.memory })
	fresh.forge("installation", func(w store.Writer) error { w.Put("ins/mark", []byte{1}); return nil })
	if _, err := MakeRights(t.Context(), fresh.memory, fresh.Index, fresh.Ring); err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.AdoptRights(t.Context(), "operator"); !errors.Is(err, fault.Exists) {
		t.Errorf("in a store that was new: %v, want Exists", err)
	}
	if _, err := h.process(sealed).AdoptRights(t.Context(), "operator"); !errors.Is(err, fault.Sealed) {
		t.Errorf("sealed: %v, want Sealed", err)
	}
}
