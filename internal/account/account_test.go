package account

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newAccount(t *testing.T) record {
	r := newRecord(t)
	if err := r.Update(func(w store.Writer) error { return Create(w, r.Scope) }); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r record) add(device string) (secret string, err error) {
	err = r.Update(func(w store.Writer) error {
		secret, err = AddPassword(w, r.Scope, device, noon)
		return err
	})
	return secret, err
}

func (r record) mustAdd(device string) string {
	r.t.Helper()
	secret, err := r.add(device)
	if err != nil {
		r.t.Fatal(err)
	}
	return secret
}

func (r record) load() (s Secrets) {
	r.View(func(rd store.Reader) (err error) {
		s, err = Load(rd, r.Scope)
		return err
	})
	return s
}

func (r record) passwords() (list []Password) {
	r.View(func(rd store.Reader) (err error) {
		list, err = Passwords(rd, r.Scope)
		return err
	})
	return list
}

func TestEachPasswordOpensAndNamesItsDevice(t *testing.T) {
	r := newAccount(t)
	secrets := map[string]string{}
	for _, device := range []string{"poste", "téléphone", "  tablette "} {
		secrets[strings.TrimSpace(device)] = r.mustAdd(device)
	}
	s := r.load()
	for device, secret := range secrets {
		if !regexp.MustCompile(`^[a-z2-7]{7}-[a-z2-7]{7}-[a-z2-7]{6}-[a-z2-7]{6}$`).MatchString(secret) {
			t.Errorf("a password is %q", secret)
		}
		id, ok := s.Match(secret)
		if !ok {
			t.Fatalf("the password of %s does not match", device)
		}
		r.View(func(rd store.Reader) error {
			if got, err := Device(rd, r.Scope, id); got != device || err != nil {
				t.Errorf("Device = %q, %v, want %q", got, err, device)
			}
			return nil
		})
	}
	for _, wrong := range []string{"", "x", secrets["poste"] + "a", strings.ToUpper(secrets["poste"]), secrets["poste"][1:]} {
		if id, ok := s.Match(wrong); ok || id != "" {
			t.Errorf("%q matches", wrong)
		}
	}
}

func TestNothingKeptOfAPasswordLetsAnybodyIn(t *testing.T) {
	r := newAccount(t)
	secret := r.mustAdd("Téléphone de Zéphyrine")
	s := r.load()
	for _, p := range r.Rows() {
		for _, word := range []string{secret, strings.ReplaceAll(secret, "-", ""), "phyrine", string(s.Salt), string(s.Keys[0].StoredKey)} {
			if bytes.Contains(p.Value, []byte(word)) || strings.Contains(p.Key, word) {
				t.Errorf("%s shows a password, a key or a name", p.Key)
			}
		}
	}
	if _, ok := s.Match(string(s.Keys[0].StoredKey)); ok {
		t.Error("the stored key logs in")
	}
}

// TestMatchLooksAtEveryKey holds the promise of the same time by its form: a
// match does not end the search, so the last of two equal keys is the one named.
func TestMatchLooksAtEveryKey(t *testing.T) {
	r := newAccount(t)
	secret := r.mustAdd("poste")
	s := r.load()
	again := s.Keys[0]
	again.ID = "last"
	s.Keys = append([]SecretKey{{"first", again.StoredKey, nil}}, SecretKey{"other", make([]byte, 32), nil}, again)
	if id, ok := s.Match(secret); id != "last" || !ok {
		t.Errorf("Match = %q, %t: it stopped at the first that matched", id, ok)
	}
	s.Keys = []SecretKey{{"", again.StoredKey, nil}}
	if id, ok := s.Match(secret); ok {
		t.Errorf("a key without a name matches as %q", id)
	}
	if _, ok := (Secrets{Salt: s.Salt}).Match(secret); ok {
		t.Error("an account without passwords is matched")
	}
}

func TestSecretsOfALoginThatDoesNotExistAreStableAndLikeReal(t *testing.T) {
	k := keyring.NewIndexKey()
	a, b := Fake(k, "x@medecin.test"), Fake(k, "x@medecin.test")
	if !reflect.DeepEqual(a, b) {
		t.Error("they differ from one time to the next")
	}
	if other := Fake(k, "y@medecin.test"); bytes.Equal(other.Salt, a.Salt) {
		t.Error("two logins have one salt")
	}
	if other := Fake(keyring.NewIndexKey(), "x@medecin.test"); bytes.Equal(other.Salt, a.Salt) {
		t.Error("two hubs give one salt: it can be computed outside")
	}
	r := newAccount(t)
	r.mustAdd("poste")
	real := r.load()
	if len(a.Salt) != len(real.Salt) || a.Iterations != real.Iterations || len(a.Keys) != len(real.Keys) ||
		len(a.Keys[0].StoredKey) != len(real.Keys[0].StoredKey) || len(a.Keys[0].ServerKey) != len(real.Keys[0].ServerKey) {
		t.Errorf("they do not look like real ones: %v, %v", a, real)
	}
	for _, try := range []string{"", "x@medecin.test", string(a.Salt), string(a.Keys[0].StoredKey)} {
		if id, ok := a.Match(try); ok {
			t.Errorf("%q matches as %q", try, id)
		}
	}
}

func TestTheSaltStaysFromOnePasswordToTheNext(t *testing.T) {
	r := newAccount(t)
	before := r.load().Salt
	r.mustAdd("poste")
	r.mustAdd("tablette")
	if !bytes.Equal(before, r.load().Salt) || len(before) != 16 {
		t.Error("the salt has changed: a SCRAM client would see it")
	}
}

func TestARevokedPasswordIsGone(t *testing.T) {
	r := newAccount(t)
	kept, byName, byID := r.mustAdd("gardé"), r.mustAdd("perdu"), r.mustAdd("volé")
	id, _ := r.load().Match(byID)
	for _, device := range []string{"perdu", id} {
		if err := r.Update(func(w store.Writer) error { return Revoke(w, r.Scope, device) }); err != nil {
			t.Fatal(err)
		}
		if err := r.Update(func(w store.Writer) error { return Revoke(w, r.Scope, device) }); !errors.Is(err, fault.NotFound) {
			t.Errorf("revoking it twice gives %v, want NotFound", err)
		}
	}
	s := r.load()
	for _, secret := range []string{byName, byID} {
		if _, ok := s.Match(secret); ok {
			t.Error("a revoked password matches")
		}
	}
	if _, ok := s.Match(kept); !ok {
		t.Error("the password of another device is gone as well")
	}
	r.View(func(rd store.Reader) error {
		if _, err := Device(rd, r.Scope, id); !errors.Is(err, fault.NotFound) {
			t.Errorf("Device of a revoked one = %v, want NotFound", err)
		}
		return nil
	})
	if list := r.passwords(); len(list) != 1 || list[0].Device != "gardé" || !list[0].Created.Equal(noon) {
		t.Errorf("Passwords = %v", list)
	}
	r.mustAdd("perdu") // its name is free again
}

func TestDevicesAreNamedAndCounted(t *testing.T) {
	r := newAccount(t)
	r.mustAdd("poste")
	for _, c := range []struct {
		name, device string
		kind         fault.Kind
	}{
		{"no name", "", fault.Invalid},
		{"spaces", " \t ", fault.Invalid},
		{"a name too long", strings.Repeat("a", maxName+1), fault.Invalid},
		{"a line end", "poste\r\nX-Injected: 1", fault.Invalid},
		{"an escape", "poste\x1b[2J", fault.Invalid},
		{"not UTF-8", "poste\xff", fault.Invalid},
		{"a name in use", "poste", fault.Exists},
		{"a name in use, with spaces", " poste ", fault.Exists},
	} {
		if _, err := r.add(c.device); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", c.name, err, c.kind)
		}
	}
	for i := 1; i < MaxPasswords; i++ {
		r.mustAdd(fmt.Sprint("appareil ", i))
	}
	if _, err := r.add("un de trop"); !errors.Is(err, fault.Quota) {
		t.Errorf("one device too many gives %v, want Quota", err)
	}
	if n := len(r.passwords()); n != MaxPasswords {
		t.Errorf("%d devices, want %d", n, MaxPasswords)
	}
}

func TestAPartitionWithoutAccountLetsNobodyIn(t *testing.T) {
	r := newRecord(t)
	if _, err := r.add("poste"); !errors.Is(err, fault.NotFound) {
		t.Errorf("AddPassword = %v, want NotFound", err)
	}
	if s := r.load(); s.Salt != nil || s.Keys != nil {
		t.Errorf("Load = %v, want nothing", s)
	}
	if len(r.Rows()) != 0 {
		t.Error("something was written")
	}
}

func TestAPasswordMovedToAnotherAccountDoesNotOpen(t *testing.T) {
	r := newAccount(t)
	r.mustAdd("poste")
	for _, p := range r.Rows() {
		if !strings.HasPrefix(p.Key, "acc/p/") {
			continue
		}
		other := r
		other.Part = "part2"
		if err := other.Update(func(w store.Writer) error {
			w.Put(p.Key, p.Value)
			return Create(w, other.Scope)
		}); err != nil {
			t.Fatal(err)
		}
		err := r.Memory.View(t.Context(), other.Part, func(rd store.Reader) error {
			_, err := Load(rd, other.Scope)
			return err
		})
		if !errors.Is(err, fault.Corrupt) {
			t.Errorf("Load = %v, want Corrupt", err)
		}
	}
}

func TestEraseLeavesNothing(t *testing.T) {
	r := newAccount(t)
	r.mustAdd("poste")
	if err := r.Update(Erase); err != nil {
		t.Fatal(err)
	}
	if rows := r.Rows(); len(rows) != 0 {
		t.Errorf("left are %v", rows)
	}
}
