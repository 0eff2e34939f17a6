package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// An IndexKey is the key of the filing role: it turns addresses, matricules and
// pairs of them into lookup names, and seals the few facts that filing must read
// back. It is random, not derived from the hub key: rotation leaves it alone,
// and changing it means to index anew. Whoever has it and the data can test a
// guess of who is there, and opens no content. It may be used from many
// goroutines.
type IndexKey struct {
	redacted
	key   []byte
	mac   []byte
	facts *box
}

const (
	indexTitle   = "vaguemestre index key 1"
	indexComment = "The key of the filing role. Changing it means to index anew."
)

// NewIndexKey makes a fresh key. Save it before it is used.
func NewIndexKey() *IndexKey { return newIndexKey(newKey()) }

func newIndexKey(key []byte) *IndexKey {
	return &IndexKey{key: key, mac: subkey(key, "index mac"), facts: newBox(key, "index fact")}
}

// LoadIndexKey reads the file that Save wrote, with the errors of LoadRing.
func LoadIndexKey(path string) (*IndexKey, error) {
	key, err := loadKey(path, indexTitle)
	if err != nil {
		return nil, fmt.Errorf("keyring: load index key: %w", err)
	}
	return newIndexKey(key), nil
}

// Save replaces the file at path, durably.
func (k *IndexKey) Save(path string) error {
	if err := writeKeyFile(path, indexTitle, indexComment, []string{encodeKey(k.key)}); err != nil {
		return fmt.Errorf("keyring: save index key: %w", err)
	}
	return nil
}

// MAC returns the HMAC-SHA-256 of a list of fields. The label says what it is
// for; two different labels or lists never meet, wherever their text is cut.
func (k *IndexKey) MAC(label string, fields ...string) [32]byte {
	return mac(k.mac, label, fields)
}

func mac(key []byte, label string, fields []string) (sum [32]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(frame(label, fields...))
	h.Sum(sum[:0])
	return sum
}

// Seal appends to dst a fact that only a holder of the index key reads, bound to
// a context that Open needs again.
func (k *IndexKey) Seal(dst, plaintext []byte, context string) []byte {
	return k.facts.seal(dst, plaintext, context)
}

// Open appends to dst the plaintext of what Seal gave. A change of any bit,
// another context or another key is fault.Corrupt.
func (k *IndexKey) Open(dst, sealed []byte, context string) ([]byte, error) {
	out, err := k.facts.open(dst, sealed, context)
	if err != nil {
		return nil, fmt.Errorf("keyring: open fact: %w", err)
	}
	return out, nil
}
