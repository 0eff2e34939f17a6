package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Checkpoint is how far trails had come at some time: signed, numbered and
// linked to the one before it. It is kept outside the store, so that a trail
// whose end was cut, or that was put back to an older state, shows; and so do rights.
type Checkpoint struct {
	Number    uint64
	Time      time.Time
	Previous  []byte              // hash of the line before
	Heads     map[store.Part]Mark // of the trails that have grown since
	Secrets   uint64              // generation of the erasure secrets
	Signature []byte              `json:",omitempty"` // Ed25519, of all the above
}

const (
	checkpointLabel = "audit/checkpoint"
	maxLine         = 64 << 20
)

// A Journal is the file of checkpoints, one JSON line each. It only grows.
type Journal struct {
	mu   sync.Mutex
	path string
	last [sha256.Size]byte // of the last line
	next uint64
	end  int64 // of the last whole line
}

// OpenJournal opens the journal at path, or begins one. What is there is
// verified first: a journal that was changed is fault.Corrupt. A last line that
// a crash left unfinished is cut off.
func OpenJournal(path string, public ed25519.PublicKey) (*Journal, error) {
	j := &Journal{path: path, next: 1}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: journal: %w", err)
	}
	defer f.Close()
	if err := j.walk(f, public, func(Checkpoint) {}); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(j.end), f.Sync()); err != nil {
		return nil, fmt.Errorf("audit: journal: %w", err)
	}
	return j, nil
}

// walk verifies the lines of a journal, one after the other.
func (j *Journal) walk(f io.Reader, public ed25519.PublicKey, fn func(Checkpoint)) error {
	in := bufio.NewReader(f)
	for {
		part, err := in.ReadSlice('\n')
		line := bytes.Clone(part)
		for errors.Is(err, bufio.ErrBufferFull) && len(line) < maxLine {
			part, err = in.ReadSlice('\n')
			line = append(line, part...)
		}
		if errors.Is(err, io.EOF) {
			return nil // the rest is not a line
		}
		if err != nil {
			return fmt.Errorf("audit: journal: %w", err)
		}
		var c Checkpoint
		if err := json.Unmarshal(line, &c); err != nil || c.Number != j.next || !bytes.Equal(c.Previous, j.last[:]) {
			return fmt.Errorf("audit: journal: line %d does not follow: %w", j.next, fault.Corrupt)
		}
		signature := c.Signature
		c.Signature = nil
		text, err := json.Marshal(c)
		if err != nil || !keyring.VerifyAudit(public, checkpointLabel, text, signature) {
			return fmt.Errorf("audit: journal: line %d is not signed by this hub: %w", j.next, fault.Corrupt)
		}
		fn(c)
		j.last = sha256.Sum256(line)
		j.next++
		j.end += int64(len(line))
	}
}

// Append writes a checkpoint, durably, and returns its number.
func (j *Journal) Append(k *keyring.AuditKey, now time.Time, heads map[store.Part]Mark, secrets uint64) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := Checkpoint{Number: j.next, Time: now, Previous: j.last[:], Heads: heads, Secrets: secrets}
	text, err := json.Marshal(c)
	if err != nil {
		return 0, fmt.Errorf("audit: journal: %w", err)
	}
	c.Signature = k.Sign(checkpointLabel, text)
	line, err := json.Marshal(c)
	if err != nil {
		return 0, fmt.Errorf("audit: journal: %w", err)
	}
	line = append(line, '\n')
	f, err := os.OpenFile(j.path, os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("audit: journal: %w", err)
	}
	// At its place, and without what a failure left there: that may be longer.
	if err = f.Truncate(j.end); err == nil {
		_, err = f.WriteAt(line, j.end)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("audit: journal: %w", err)
	}
	j.last, j.end = sha256.Sum256(line), j.end+int64(len(line))
	j.next++
	return c.Number, nil
}

// Marks verifies the journal and returns, for each trail, what every
// checkpoint saw of it, in order; the number of the last checkpoint; and the
// newest generation of erasure secrets that any saw.
func Marks(path string, public ed25519.PublicKey) (marks map[store.Part][]Mark, last, secrets uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("audit: journal: %w", err)
	}
	defer f.Close()
	marks = map[store.Part][]Mark{}
	j := &Journal{next: 1}
	err = j.walk(f, public, func(c Checkpoint) {
		secrets = max(secrets, c.Secrets)
		for part, m := range c.Heads {
			marks[part] = append(marks[part], m)
		}
	})
	return marks, j.next - 1, secrets, err
}
