package keyring

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// An ErasureSecret is what must exist for one owner to exist: without it, no
// copy of the ring, the store or a backup opens anything of theirs. The zero
// value is none.
type ErasureSecret struct {
	redacted
	key *[keySize]byte // a pointer, so that no print of a struct around it shows it
}

// IsZero reports whether there is no secret.
func (es ErasureSecret) IsZero() bool { return es.key == nil }

func (es ErasureSecret) box() *box { return newBox(es.key[:], "erasure") }

func newErasureSecret() ErasureSecret { return ErasureSecret{key: (*[keySize]byte)(newKey())} }

// ErasureSecrets keeps the erasure secret of every owner in one small file, or
// in several equal ones on different disks. The files lie outside the store and
// outside its backups: to restore is to put back old data beside the current
// secrets. Each change writes a new generation whole, and nothing of an older
// one is kept; a change is done when every replica has it on disk. One process
// at a time may have them open. It may be used from many goroutines.
type ErasureSecrets struct {
	redacted
	change sync.Mutex // held while a generation is written

	mu       sync.RWMutex // guards what follows
	set      secretSet
	replicas []replica
}

// A replica is one file, the generation it is known to hold, and the last one
// that was written to it, perhaps without success.
type replica struct {
	path             string
	generation, sent uint64
}

// A secretSet is one generation, as a file holds it.
type secretSet struct {
	id         [16]byte // of the installation, so that files of two never mix
	generation uint64
	secrets    map[store.Part]ErasureSecret
}

// NewErasureSecrets makes an empty set at those paths, one replica each. It is
// fault.Exists if a file is there already, since to write over it would erase
// every owner.
func NewErasureSecrets(paths ...string) (*ErasureSecrets, error) {
	if len(paths) == 0 {
		return nil, fmt.Errorf("keyring: new erasure secrets: no path: %w", fault.Invalid)
	}
	e := &ErasureSecrets{set: secretSet{generation: 1, secrets: make(map[store.Part]ErasureSecret)}}
	_, _ = rand.Read(e.set.id[:]) // never fails: it ends the program
	for _, p := range paths {
		if _, err := os.Lstat(p); err == nil {
			return nil, fmt.Errorf("keyring: new erasure secrets: %s: %w", p, fault.Exists)
		}
		e.replicas = append(e.replicas, replica{path: p})
	}
	if err := e.flush(); err != nil {
		return nil, fmt.Errorf("keyring: new erasure secrets: %w", err)
	}
	return e, nil
}

// OpenErasureSecrets opens the replicas at those paths. The newest generation
// wins; replicas that are older or absent are made equal to it before
// OpenErasureSecrets returns, so that an erased owner cannot come back through
// an old copy. It refuses (fault.Corrupt) what it cannot judge: a damaged file,
// files of two installations, two different files of one generation. No file at
// all is fault.NotFound. What it cannot see is that every replica is old:
// compare Generation with the one in the last signed checkpoint.
func OpenErasureSecrets(paths ...string) (*ErasureSecrets, error) {
	e := new(ErasureSecrets)
	var newest []byte
	for _, p := range paths {
		b, err := readPrivateFile(p, maxSecretFile)
		if errors.Is(err, fault.NotFound) {
			e.replicas = append(e.replicas, replica{path: p})
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("keyring: open erasure secrets: %w", err)
		}
		set, err := parseSecretSet(b)
		if err != nil {
			return nil, fmt.Errorf("keyring: open erasure secrets: %s is damaged; "+
				"if another replica is whole, move this one away: %w", p, err)
		}
		e.replicas = append(e.replicas, replica{p, set.generation, set.generation})
		switch {
		case newest == nil || (set.id == e.set.id && set.generation > e.set.generation):
			newest, e.set = b, set
		case set.id != e.set.id:
			return nil, fmt.Errorf("keyring: open erasure secrets: %s belongs to another installation: %w", p, fault.Corrupt)
		case set.generation == e.set.generation && !bytes.Equal(newest, b):
			return nil, fmt.Errorf("keyring: open erasure secrets: %s differs from another replica of generation %d: %w",
				p, set.generation, fault.Corrupt)
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("keyring: open erasure secrets: %q: %w", paths, fault.NotFound)
	}
	if err := e.flush(); err != nil {
		return nil, fmt.Errorf("keyring: open erasure secrets: heal: %w", err)
	}
	return e, nil
}

// Add makes a secret for each owner who has none, in one generation however many
// they are, and returns the secrets in order. They are on every replica when it
// returns nil. On an error add them again: an owner keeps the secret they have.
func (e *ErasureSecrets) Add(owners ...store.Part) ([]ErasureSecret, error) {
	for _, o := range owners {
		if o == "" || len(o) > maxOwner {
			return nil, fmt.Errorf("keyring: add erasure secrets: identifier of %d bytes: %w", len(o), fault.Invalid)
		}
	}
	out := make([]ErasureSecret, len(owners))
	e.mu.Lock()
	before := len(e.set.secrets)
	for i, o := range owners {
		if e.set.secrets[o].IsZero() {
			e.set.secrets[o] = newErasureSecret()
		}
		out[i] = e.set.secrets[o]
	}
	if len(e.set.secrets) != before {
		e.set.generation++
	}
	e.mu.Unlock()
	// Whoever waits here is written with the generation of the one who writes
	// next: many at once cost a few files, not one each.
	e.change.Lock()
	defer e.change.Unlock()
	if err := e.flush(); err != nil {
		return nil, fmt.Errorf("keyring: add erasure secrets: %w", err)
	}
	return out, nil
}

// Find returns the secret of an owner. One who is erased, like one who never
// was, is fault.NotFound.
func (e *ErasureSecrets) Find(owner store.Part) (ErasureSecret, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	es := e.set.secrets[owner]
	if es.IsZero() {
		return ErasureSecret{}, fmt.Errorf("keyring: find erasure secret: %w", fault.NotFound)
	}
	return es, nil
}

// Destroy erases owners: when it returns nil no replica has their secrets. One
// who has none is no error. On an error destroy them again: Find no longer
// knows them, but a replica may.
func (e *ErasureSecrets) Destroy(owners ...store.Part) error {
	e.change.Lock()
	defer e.change.Unlock()
	e.mu.Lock()
	before := len(e.set.secrets)
	for _, o := range owners {
		// The array is left to the collector, not cleared: an Unlock that
		// began before may still read it.
		delete(e.set.secrets, o)
	}
	if len(e.set.secrets) != before {
		e.set.generation++
	}
	e.mu.Unlock()
	if err := e.flush(); err != nil {
		return fmt.Errorf("keyring: destroy erasure secrets: %w", err)
	}
	return nil
}

// Generation returns the number of the current generation, which only rises.
// It belongs into signed checkpoints.
func (e *ErasureSecrets) Generation() uint64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.set.generation
}

// flush writes the current generation to every replica that lacks it. It tries
// all of them, whatever fails.
func (e *ErasureSecrets) flush() error {
	e.mu.RLock()
	generation := e.set.generation
	var content []byte
	if slices.ContainsFunc(e.replicas, func(r replica) bool { return r.generation != generation }) {
		content = e.set.marshal()
	}
	e.mu.RUnlock()
	defer clear(content)
	var errs []error
	for i := range e.replicas { // only flush changes them, one at a time
		r := &e.replicas[i]
		if r.generation == generation {
			continue
		}
		if err := r.replace(content, generation); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// replace writes a generation over the one the replica is known to hold. Any
// other generation there means that another process writes too.
func (r *replica) replace(content []byte, generation uint64) error {
	switch now, err := readGeneration(r.path); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("%v: %w", err, fault.Unavailable)
	case now != r.generation && now != r.sent:
		return fmt.Errorf("%s was changed by another process: %w", r.path, fault.Unavailable)
	}
	r.sent = generation
	if err := replaceFile(r.path, content); err != nil {
		return err
	}
	r.generation = generation
	return nil
}

// A file of secrets is, numbers big-endian:
//
//	title line
//	16 bytes  installation      8 bytes  generation      4 bytes  count
//	count times, by rising owner: 1 byte length, owner, 32 bytes secret
//	32 bytes  SHA-256 of all before
const (
	secretTitle   = "vaguemestre erasure secrets 1\n"
	secretHeader  = len(secretTitle) + 16 + 8 + 4
	maxOwner      = 64      // as store.Part says
	maxSecretFile = 8 << 30 // some eighty million owners
)

func (s *secretSet) marshal() []byte {
	b := make([]byte, 0, secretHeader+len(s.secrets)*(1+maxOwner+keySize)+sha256.Size)
	b = append(append(b, secretTitle...), s.id[:]...)
	b = binary.BigEndian.AppendUint64(b, s.generation)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.secrets)))
	for _, o := range slices.Sorted(maps.Keys(s.secrets)) {
		b = append(append(b, byte(len(o))), o...)
		b = append(b, s.secrets[o].key[:]...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func parseSecretSet(b []byte) (s secretSet, err error) {
	body := len(b) - sha256.Size
	if body < secretHeader || string(b[:len(secretTitle)]) != secretTitle {
		return s, fault.Corrupt
	}
	if sum := sha256.Sum256(b[:body]); !bytes.Equal(sum[:], b[body:]) {
		return s, fault.Corrupt
	}
	b = b[len(secretTitle):body]
	copy(s.id[:], b)
	s.generation = binary.BigEndian.Uint64(b[16:])
	count := int(binary.BigEndian.Uint32(b[24:]))
	b = b[28:]
	s.secrets = make(map[store.Part]ErasureSecret, min(count, len(b)/(1+keySize)))
	last := store.Part("")
	for range count {
		if len(b) == 0 || len(b) < 1+int(b[0])+keySize {
			return s, fault.Corrupt
		}
		n := 1 + int(b[0])
		owner, key := store.Part(b[1:n]), [keySize]byte(b[n:])
		if cmp.Compare(owner, last) <= 0 {
			return s, fault.Corrupt
		}
		s.secrets[owner], last = ErasureSecret{key: &key}, owner
		b = b[n+keySize:]
	}
	if len(b) != 0 || s.generation == 0 {
		return s, fault.Corrupt
	}
	return s, nil
}

// readGeneration reads the generation in a file's header.
func readGeneration(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var b [secretHeader]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b[len(secretTitle)+16:]), nil
}
