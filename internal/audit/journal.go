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

// A Checkpoint is how far the trails of a hub had come at some time: signed,
// numbered and linked to the one before it. It is kept outside the store, so
// that a trail whose end was cut, or that was put back to an older state, shows;
// and so do rights.
type Checkpoint struct {
	Witness
	Heads map[store.Part]Mark `json:",omitempty"` // of the trails that have grown since the one before
}

// A Witness is a checkpoint without the heads of the trails: a few hundred bytes
// that stand for all of them, to be kept by somebody else.
type Witness struct {
	Number    uint64
	Time      time.Time
	Previous  []byte // hash of the line before
	Root      []byte // of the Merkle tree over the heads of all trails
	Trails    int    // that there are
	Grown     []byte // hash of the heads of this checkpoint
	Secrets   uint64 // generation of the erasure secrets
	Signature []byte `json:",omitempty"` // Ed25519, of all the above
}

const (
	checkpointLabel = "audit/checkpoint"
	maxLine         = 64 << 20
)

func (w Witness) statement() ([]byte, error) {
	w.Signature = nil
	return json.Marshal(w)
}

// Verify reports whether the hub with that public key signed the checkpoint.
func (w Witness) Verify(public ed25519.PublicKey) bool {
	text, err := w.statement()
	return err == nil && keyring.VerifyAudit(public, checkpointLabel, text, w.Signature)
}

func hashHeads(heads map[store.Part]Mark) ([]byte, error) {
	if len(heads) == 0 {
		heads = nil // as it is read back
	}
	text, err := json.Marshal(heads) // in the order of the names
	sum := sha256.Sum256(text)
	return sum[:], err
}

// A Journal is the file of checkpoints, one JSON line each. It only grows.
type Journal struct {
	mu     sync.Mutex
	path   string
	hash   digest // of the last line
	last   Witness
	end    int64 // of the last whole line
	forest *forest
}

// OpenJournal opens the journal at path, or begins one. What is there is
// verified first: a journal that was changed is fault.Corrupt. A last line that
// a crash left unfinished is cut off.
func OpenJournal(path string, public ed25519.PublicKey) (*Journal, error) {
	j := &Journal{path: path, forest: newForest()}
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
		c, err := j.follow(line, public)
		if err != nil {
			return err
		}
		fn(c)
	}
}

// follow takes a line that must be the next one.
func (j *Journal) follow(line []byte, public ed25519.PublicKey) (c Checkpoint, err error) {
	if err := json.Unmarshal(line, &c); err != nil || c.Number != j.last.Number+1 || !bytes.Equal(c.Previous, j.hash[:]) {
		return c, fmt.Errorf("audit: journal: line %d does not follow: %w", j.last.Number+1, fault.Corrupt)
	}
	if grown, err := hashHeads(c.Heads); err != nil || !bytes.Equal(grown, c.Grown) || !c.Verify(public) {
		return c, fmt.Errorf("audit: journal: line %d is not signed by this hub: %w", c.Number, fault.Corrupt)
	}
	for part, m := range c.Heads {
		j.forest.set(part, m)
	}
	if root := j.forest.root(); !bytes.Equal(root[:], c.Root) || c.Trails != j.forest.trails {
		return c, fmt.Errorf("audit: journal: line %d is not about all trails: %w", c.Number, fault.Corrupt)
	}
	j.hash, j.last, j.end = sha256.Sum256(line), c.Witness, j.end+int64(len(line))
	return c, nil
}

// Last returns the last checkpoint; its number is 0 if there is none.
func (j *Journal) Last() Witness {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Knows reports whether the last checkpoint that saw a trail saw it at that mark.
func (j *Journal) Knows(part store.Part, m Mark) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.forest.has(part, m)
}

// Beyond reports whether a checkpoint saw a trail further than that mark: the
// trail was put back to an older state.
func (j *Journal) Beyond(part store.Part, m Mark) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.forest.beyond(part, m)
}

// Append writes a checkpoint, durably, and returns its number. heads are those
// of the trails that have grown. After an error the journal must be opened anew.
func (j *Journal) Append(k *keyring.AuditKey, now time.Time, heads map[store.Part]Mark, secrets uint64) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for part, m := range heads {
		j.forest.set(part, m)
	}
	root := j.forest.root()
	grown, err := hashHeads(heads)
	if err != nil {
		return 0, fmt.Errorf("audit: journal: %w", err)
	}
	w := Witness{
		Number: j.last.Number + 1, Time: now, Previous: bytes.Clone(j.hash[:]),
		Root: root[:], Trails: j.forest.trails, Grown: grown, Secrets: secrets,
	}
	text, err := w.statement()
	if err != nil {
		return 0, fmt.Errorf("audit: journal: %w", err)
	}
	w.Signature = k.Sign(checkpointLabel, text)
	line, err := json.Marshal(Checkpoint{w, heads})
	if err != nil {
		return 0, fmt.Errorf("audit: journal: %w", err)
	}
	line = append(line, '\n')
	if err := j.write(line); err != nil {
		return 0, err
	}
	j.hash, j.last, j.end = sha256.Sum256(line), w, j.end+int64(len(line))
	return w.Number, nil
}

func (j *Journal) write(line []byte) error {
	f, err := os.OpenFile(j.path, os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("audit: journal: %w", err)
	}
	// At its place, and without what a failure left there: that may be longer.
	if err = f.Truncate(j.end); err == nil {
		_, err = f.WriteAt(line, j.end)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("audit: journal: %w", err)
	}
	return nil
}

// History is what a journal tells.
type History struct {
	Marks   map[store.Part][]Mark // what every checkpoint saw of a trail, in order
	Last    Witness
	Secrets uint64 // the newest generation of erasure secrets that any saw

	forest *forest
}

// Proof returns the mark at which a trail was last seen, and the proof that the
// last checkpoint covers it. ok is false for a trail that was never seen.
func (h History) Proof(part store.Part) (seen Mark, p Proof, ok bool) {
	marks := h.Marks[part]
	if len(marks) == 0 {
		return seen, p, false
	}
	return marks[len(marks)-1], h.forest.proof(part), true
}

// ReadJournal verifies the journal at path and returns what it tells.
func ReadJournal(path string, public ed25519.PublicKey) (h History, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, fmt.Errorf("audit: journal: %w", err)
	}
	defer f.Close()
	h.Marks = map[store.Part][]Mark{}
	j := &Journal{forest: newForest()}
	err = j.walk(f, public, func(c Checkpoint) {
		h.Secrets = max(h.Secrets, c.Secrets)
		for part, m := range c.Heads {
			h.Marks[part] = append(h.Marks[part], m)
		}
	})
	h.Last, h.forest = j.last, j.forest
	return h, err
}

// A Period is which entries of a trail a period of time can concern.
type Period struct {
	After uint64 // up to this number they are older
	UpTo  uint64 // after this number they are newer; 0: none is known to be
}

// slack is how far the clocks of entries and checkpoints may be apart.
const slack = time.Hour

// Periods verifies the journal at path and returns what it tells of a period of
// time: entries have none in clear, but checkpoints do. A zero to is for ever.
func Periods(path string, public ed25519.PublicKey, from, to time.Time) (map[store.Part]Period, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audit: journal: %w", err)
	}
	defer f.Close()
	periods := map[store.Part]Period{}
	j := &Journal{forest: newForest()}
	return periods, j.walk(f, public, func(c Checkpoint) {
		before, after := c.Time.Before(from.Add(-slack)), !to.IsZero() && !c.Time.Before(to.Add(slack))
		if !before && !after {
			return
		}
		for part, m := range c.Heads {
			p := periods[part]
			switch {
			case before:
				p.After = m.Count
			case p.UpTo == 0:
				p.UpTo = m.Count
			}
			periods[part] = p
		}
	})
}
