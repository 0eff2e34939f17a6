package keyring

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// disks returns so many paths in directories of their own.
func disks(t *testing.T, n int) []string {
	t.Helper()
	paths := make([]string, n)
	for i := range paths {
		paths[i] = filepath.Join(t.TempDir(), "erasure.secrets")
	}
	return paths
}

func newSecrets(t *testing.T, paths []string) *ErasureSecrets {
	t.Helper()
	e, err := NewErasureSecrets(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func openSecrets(t *testing.T, paths []string) *ErasureSecrets {
	t.Helper()
	e, err := OpenErasureSecrets(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func add(t *testing.T, e *ErasureSecrets, owners ...store.Part) []ErasureSecret {
	t.Helper()
	es, err := e.Add(owners...)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAnErasedOwnerStaysErased keeps a copy of everything but the secrets, as a
// backup does, and looks for a way back.
func TestAnErasedOwnerStaysErased(t *testing.T) {
	paths := disks(t, 2)
	e := newSecrets(t, paths)
	r := NewRing()
	es := add(t, e, "a", "b")
	cert, locked, err := r.NewOwner("a", es[0])
	if err != nil {
		t.Fatal(err)
	}
	_, wraps, _ := NewSession(cert)
	stale := read(t, paths[1])

	if err := e.Destroy("a"); err != nil {
		t.Fatal(err)
	}
	check := func(when string, e *ErasureSecrets) {
		t.Helper()
		found, err := e.Find("a")
		if !errors.Is(err, fault.NotFound) || !found.IsZero() {
			t.Fatalf("%s: Find of an erased owner: %v", when, err)
		}
		if _, err := r.Unlock("a", locked, found); !errors.Is(err, fault.Corrupt) {
			t.Fatalf("%s: Unlock of an erased owner: %v", when, err)
		}
		other, err := e.Find("b")
		if err != nil {
			t.Fatalf("%s: the other owner: %v", when, err)
		}
		if _, err := r.Unlock("a", locked, other); !errors.Is(err, fault.Corrupt) {
			t.Fatalf("%s: Unlock with the secret of another: %v", when, err)
		}
	}
	check("at once", e)
	check("after a restart", openSecrets(t, paths))
	for _, p := range paths {
		if bytes.Contains(read(t, p), es[0].key[:]) {
			t.Errorf("a replica still has the secret")
		}
		if entries, _ := os.ReadDir(filepath.Dir(p)); len(entries) != 1 {
			t.Errorf("%d files beside a replica", len(entries)-1)
		}
	}
	write(t, paths[1], stale)
	check("with one replica put back", openSecrets(t, paths))
	if bytes.Contains(read(t, paths[1]), es[0].key[:]) {
		t.Error("the old replica is not healed")
	}
	write(t, paths[0], stale)
	check("with the other put back, in another order", openSecrets(t, []string{paths[1], paths[0]}))

	// Had the secret been kept, all of the rest would have opened.
	k, err := r.Unlock("a", locked, es[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(wraps); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsSurviveARestartAsTheyWere(t *testing.T) {
	paths := disks(t, 3)
	newSecrets(t, paths)
	model := make(map[store.Part][keySize]byte)
	e := openSecrets(t, paths)
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.Custom(func(t *rapid.T) store.Part { return store.Part(rapid.StringMatching(`[a-d]{1,3}`).Draw(t, "part")) })
		owners := rapid.SliceOfN(part, 0, 4).Draw(t, "owners")
		if rapid.Bool().Draw(t, "add") {
			es, err := e.Add(owners...)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range owners {
				if old, ok := model[o]; ok && old != *es[i].key {
					t.Fatalf("the secret of %s changed", o)
				}
				model[o] = *es[i].key
			}
		} else {
			if err := e.Destroy(owners...); err != nil {
				t.Fatal(err)
			}
			for _, o := range owners {
				delete(model, o)
			}
		}
		generation := e.Generation()
		var err error
		if e, err = OpenErasureSecrets(paths...); err != nil {
			t.Fatal(err)
		}
		got := make(map[store.Part][keySize]byte)
		for o, es := range e.set.secrets {
			got[o] = *es.key
		}
		if !maps.Equal(got, model) || e.Generation() != generation {
			t.Fatalf("%d secrets of generation %d, want %d of %d", len(got), e.Generation(), len(model), generation)
		}
	})
}

func TestAnAbsentReplicaIsMadeAgain(t *testing.T) {
	paths := disks(t, 3)
	e := newSecrets(t, paths)
	es := add(t, e, "a")
	for _, gone := range []int{0, 1, 2} {
		if err := os.Remove(paths[gone]); err != nil {
			t.Fatal(err)
		}
		if got, err := openSecrets(t, paths).Find("a"); err != nil || *got.key != *es[0].key {
			t.Errorf("without replica %d: %v", gone, err)
		}
		if !bytes.Equal(read(t, paths[gone]), read(t, paths[(gone+1)%3])) {
			t.Errorf("replica %d is not made again", gone)
		}
	}
}

func TestWhatCannotBeJudgedIsRefused(t *testing.T) {
	paths := disks(t, 2)
	e := newSecrets(t, paths)
	add(t, e, "a")
	good := read(t, paths[0])

	refuse := func(what, words string, kind fault.Kind) {
		t.Helper()
		for _, order := range [][]string{paths, {paths[1], paths[0]}} {
			before := read(t, paths[0])
			_, err := OpenErasureSecrets(order...)
			if !errors.Is(err, kind) || !strings.Contains(fmt.Sprint(err), words) {
				t.Errorf("%s: %v, want %q and %q", what, err, words, kind)
			}
			if !bytes.Equal(read(t, paths[0]), before) {
				t.Errorf("%s: a refused start changed a file", what)
			}
		}
		write(t, paths[1], good)
	}
	for at := 0; at < len(good); at += 3 {
		b := bytes.Clone(good)
		b[at] ^= 1
		write(t, paths[1], b)
		refuse(fmt.Sprintf("byte %d changed", at), "is damaged", fault.Corrupt)
	}
	for _, cut := range []int{0, 1, secretHeader, len(good) - 1} {
		write(t, paths[1], good[:cut])
		refuse(fmt.Sprintf("cut to %d", cut), "is damaged", fault.Corrupt)
	}
	other := disks(t, 1)
	add(t, newSecrets(t, other), "a", "b")
	write(t, paths[1], read(t, other[0]))
	refuse("files of two installations", "another installation", fault.Corrupt)

	fork := e.set
	fork.secrets = map[store.Part]ErasureSecret{"a": newErasureSecret()}
	write(t, paths[1], fork.marshal())
	refuse("two files of one generation", "differs from another replica", fault.Corrupt)

	if err := os.Chmod(paths[1], 0o644); err != nil {
		t.Fatal(err)
	}
	refuse("a file that others may read", "want a file of mode 0600", fault.Invalid)
}

func TestSecretsAreNeverStartedEmptyOrOver(t *testing.T) {
	paths := disks(t, 2)
	if _, err := OpenErasureSecrets(paths...); !errors.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
	if _, err := OpenErasureSecrets(); !errors.Is(err, fault.NotFound) {
		t.Errorf("no path: %v", err)
	}
	if _, err := NewErasureSecrets(); !errors.Is(err, fault.Invalid) {
		t.Errorf("no path: %v", err)
	}
	newSecrets(t, paths[1:])
	if _, err := NewErasureSecrets(paths...); !errors.Is(err, fault.Exists) {
		t.Errorf("a file is there: %v", err)
	}
	if _, err := os.Stat(paths[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused set left a file: %v", err)
	}
}

func TestAChangeIsDoneWhenEveryReplicaHasIt(t *testing.T) {
	paths := disks(t, 3)
	e := newSecrets(t, paths)
	add(t, e, "a", "b")
	away := filepath.Dir(paths[1])
	if err := os.Rename(away, away+".away"); err != nil {
		t.Fatal(err)
	}
	if err := e.Destroy("a"); !errors.Is(err, fault.Unavailable) {
		t.Fatalf("Destroy with a replica away: %v", err)
	}
	if _, err := e.Find("a"); !errors.Is(err, fault.NotFound) {
		t.Errorf("Find after a Destroy that did not reach all: %v", err)
	}
	if _, err := e.Add("c"); !errors.Is(err, fault.Unavailable) {
		t.Fatalf("Add with a replica away: %v", err)
	}
	if err := e.Destroy("a"); !errors.Is(err, fault.Unavailable) {
		t.Fatalf("Destroy again, with the replica still away: %v", err)
	}
	if err := os.Rename(away+".away", away); err != nil {
		t.Fatal(err)
	}
	if err := e.Destroy("a"); err != nil {
		t.Fatalf("Destroy again, with the replica back: %v", err)
	}
	for _, p := range paths {
		if !bytes.Equal(read(t, p), read(t, paths[0])) {
			t.Error("replicas differ")
		}
	}
	if _, err := openSecrets(t, paths).Find("c"); err != nil {
		t.Errorf("what was added meanwhile: %v", err)
	}
}

func TestAnotherWriterIsNoticed(t *testing.T) {
	paths := disks(t, 2)
	e := newSecrets(t, paths)
	other := openSecrets(t, paths)
	add(t, other, "a")
	if err := other.Destroy("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Add("b"); !errors.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("Add over another's generation: %v", err)
	}
}

func TestIdentifiersOfSecretsAreBounded(t *testing.T) {
	e := newSecrets(t, disks(t, 1))
	longest := store.Part(strings.Repeat("x", maxOwner))
	add(t, e, longest)
	for _, o := range []store.Part{"", longest + "x"} {
		if _, err := e.Add("y", o); !errors.Is(err, fault.Invalid) {
			t.Errorf("an identifier of %d bytes: %v", len(o), err)
		}
	}
	if _, err := e.Find("y"); !errors.Is(err, fault.NotFound) {
		t.Errorf("a refused Add added something: %v", err)
	}
}

func FuzzSecretSet(f *testing.F) {
	set := secretSet{generation: 3, secrets: map[store.Part]ErasureSecret{"a": newErasureSecret(), "b": newErasureSecret()}}
	whole := set.marshal()
	f.Add(whole[:len(whole)-sha256.Size])
	f.Add([]byte(secretTitle))
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b) // no fuzzer finds it
		b = append(b, sum[:]...)
		set, err := parseSecretSet(b)
		if err == nil && !bytes.Equal(set.marshal(), b) {
			t.Error("two files of one set")
		}
	})
}

func BenchmarkErasureSecrets(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("Add/%d", n), func(b *testing.B) {
			e, err := NewErasureSecrets(filepath.Join(b.TempDir(), "a"), filepath.Join(b.TempDir(), "b"))
			if err != nil {
				b.Fatal(err)
			}
			owners := make([]store.Part, n)
			for i := range owners {
				owners[i] = store.Part(fmt.Sprintf("%026d", i))
			}
			if _, err := e.Add(owners...); err != nil {
				b.Fatal(err)
			}
			i := n
			for b.Loop() {
				i++
				if _, err := e.Add(store.Part(fmt.Sprintf("%026d", i))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
