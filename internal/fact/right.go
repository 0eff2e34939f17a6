package fact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A right is a fact that decides who may see what: whether a space is open, who
// is blocked, which document is masked, whose certificate it is. The rights of a
// partition are covered by one signed head, kept at "right/head": whoever has
// the index key and the store can write facts, and no right.
//
// Reading one is fault.Corrupt, so that nothing is granted, if the head does not
// verify, does not name the key, or names another value; if the head names the
// key and there is none; and if there is one and no head. Reading without a
// verifier and writing without a signer are fault.Sealed.

// GetRight reads the right at key. ok is false if there is none.
func GetRight[T any](r store.Reader, s Scope, key string) (v T, ok bool, err error) {
	b, err := rightAt(r, s, key)
	if err != nil || b == nil {
		return v, false, err
	}
	v, err = open[T](s, store.Pair{Key: key, Value: b})
	return v, err == nil, err
}

// AllRights yields the rights whose keys begin with prefix, in key order. All
// are verified before the first is yielded: one that was removed gives the
// error, and not the others.
func AllRights[T any](r store.Reader, s Scope, prefix string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		pairs, err := rightsUnder(r, s, prefix)
		if err != nil {
			var none T
			yield(none, err)
			return
		}
		for _, p := range pairs {
			v, err := open[T](s, p)
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// PutRight writes the right at key, and signs.
func PutRight[T any](w store.Writer, s Scope, key string, v T) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("fact: put right: %w", err)
	}
	return PutPublicRight(w, s, key, s.Key.Seal([]byte{version}, b, s.context(key)))
}

// DeleteRight removes the right at key, if there is one, and signs.
func DeleteRight(w store.Writer, s Scope, key string) error {
	h, err := s.head(w)
	if err != nil {
		return err
	}
	if _, covered := h.find(key); !covered {
		b, err := w.Get(key)
		if err == nil && b != nil {
			err = errRight("one that nobody signed")
		}
		return err
	}
	if err := s.sign(w, h.without(key)); err != nil {
		return err
	}
	w.Delete(key)
	return nil
}

// PutPublicRight writes a right that is no secret, as it is, and signs: a
// certificate.
func PutPublicRight(w store.Writer, s Scope, key string, value []byte) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("fact: put right: a key of %d characters: %w", len(key), fault.Invalid)
	}
	h, err := s.head(w)
	if err != nil {
		return err
	}
	if err := s.sign(w, h.with(key, value)); err != nil {
		return err
	}
	w.Put(key, value)
	return nil
}

// GetPublicRight reads what PutPublicRight wrote, nil if there is none.
func GetPublicRight(r store.Reader, s Scope, key string) ([]byte, error) { return rightAt(r, s, key) }

// PublicRights reads the public rights whose keys begin with prefix, in key
// order. All are verified: where one was removed there are none, and an error.
func PublicRights(r store.Reader, s Scope, prefix string) ([]store.Pair, error) {
	return rightsUnder(r, s, prefix)
}

// AdoptRights signs what is kept under the prefixes that only rights have, in a
// partition of before there were any signatures. It returns how many rights there
// are; a partition that has a head is left as it is.
func AdoptRights(w store.Writer, s Scope, prefixes []string) (n int, err error) {
	h, err := s.head(w)
	if err != nil || h != nil {
		return 0, err
	}
	for _, prefix := range prefixes {
		for p, err := range w.Scan(store.Prefix(prefix)) {
			if err != nil {
				return n, err
			}
			next := h.with(p.Key, p.Value)
			next.counter = 1
			h = next
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, s.sign(w, h)
}

// Adopted reports whether the data of a hub has no rights from before there were
// signatures, or none any more.
func Adopted(r store.Reader) (bool, error) {
	b, err := r.Get(adoptedKey)
	return b != nil, err
}

// SetAdopted says so.
func SetAdopted(w store.Writer) { w.Put(adoptedKey, []byte{version}) }

// EraseRights removes the head. The rights themselves are erased by the records
// that wrote them.
func EraseRights(w store.Writer) error {
	w.Delete(headKey)
	return nil
}

// rightAt returns the stored value of the right at key, nil if there is none.
func rightAt(r store.Reader, s Scope, key string) ([]byte, error) {
	h, err := s.head(r)
	if err != nil {
		return nil, err
	}
	b, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	return b, h.check(key, b)
}

// rightsUnder returns the stored rights whose keys begin with prefix.
func rightsUnder(r store.Reader, s Scope, prefix string) (pairs []store.Pair, err error) {
	h, err := s.head(r)
	if err != nil {
		return nil, err
	}
	covered := h.under(prefix)
	for p, err := range r.Scan(store.Prefix(prefix)) {
		if err != nil {
			return nil, err
		}
		if len(covered) == 0 || covered[0].key != p.Key {
			return nil, errRight("one that nobody signed, or one that is gone")
		}
		if covered[0].sum != sumOf(p.Value) {
			return nil, errRight("not the value that was signed")
		}
		covered = covered[1:]
		pairs = append(pairs, p)
	}
	if len(covered) > 0 {
		return nil, errRight("one is gone")
	}
	return pairs, nil
}

// A RightsMark is how far the rights of a partition had come at some time: what
// a checkpoint keeps of them, so that an old state put back whole shows.
type RightsMark struct {
	Counter uint64 // of changes
	Sum     []byte // of the head
}

// MarkRights returns how far the rights have come; the zero mark where there
// never was one.
func MarkRights(r store.Reader, s Scope) (RightsMark, error) {
	h, err := s.head(r)
	if err != nil || h == nil {
		return RightsMark{}, err
	}
	sum := sumOf(h.signed)
	return RightsMark{h.counter, sum[:]}, nil
}

// VerifyRights checks every right that the head names, that nothing else is kept
// under the prefixes that only rights have, and that the rights have not gone
// back behind any of the marks, which are of earlier times and in their order.
// It returns how many rights there are; what is wrong is fault.Corrupt.
func VerifyRights(r store.Reader, s Scope, prefixes []string, since ...RightsMark) (n int, err error) {
	h, err := s.head(r)
	if err != nil {
		return 0, err
	}
	for _, e := range h.list() {
		b, err := r.Get(e.key)
		if err == nil {
			err = h.check(e.key, b)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	for _, p := range prefixes {
		if _, err := rightsUnder(r, s, p); err != nil {
			return n, err
		}
	}
	now, err := MarkRights(r, s)
	if err != nil {
		return n, err
	}
	before := RightsMark{}
	for _, m := range append(since, now) {
		if m.Counter < before.Counter || m.Counter == before.Counter && !bytes.Equal(m.Sum, before.Sum) {
			return n, errRight(fmt.Sprintf("they were put back: change %d was followed by %d", before.Counter, m.Counter))
		}
		before = m
	}
	return n, nil
}

func errRight(what string) error { return fmt.Errorf("fact: rights: %s: %w", what, fault.Corrupt) }

// rightsLabel binds a signature to its partition.
func rightsLabel(part store.Part) string { return "fact/rights/" + string(part) }

// head reads and verifies the head; nil if there is none, which a check of
// every value that is there then refuses.
func (s Scope) head(r store.Reader) (*head, error) {
	raw, err := r.Get(headKey)
	if err != nil || raw == nil {
		return nil, err
	}
	if s.Rights == nil || s.Rights.verify.IsZero() {
		return nil, fmt.Errorf("fact: rights: no key to verify them with: %w", fault.Sealed)
	}
	if h := s.Rights.heads.get(s.Part, raw); h != nil {
		return h, nil
	}
	if len(raw) == 0 || raw[0] != version {
		return nil, errRight("head of an unknown version")
	}
	text, err := s.Key.Open(nil, raw[1:], s.context(headKey))
	if err != nil {
		return nil, errRight("head does not open")
	}
	h, ok := parseHead(text)
	if !ok || !s.Rights.verify.Verify(rightsLabel(s.Part), h.signed, h.signature) {
		return nil, errRight("head is not signed by this hub")
	}
	s.Rights.heads.put(s.Part, raw, h)
	return h, nil
}

// sign writes a head.
func (s Scope) sign(w store.Writer, h *head) error {
	if s.Rights == nil || s.Rights.sign == nil {
		return fmt.Errorf("fact: rights: %w", fault.Sealed)
	}
	h.signed = h.marshal()
	h.signature = s.Rights.sign.Sign(rightsLabel(s.Part), h.signed)
	raw := s.Key.Seal([]byte{version}, append(h.signed[:len(h.signed):len(h.signed)], h.signature...), s.context(headKey))
	if len(raw) > store.MaxValue {
		return fmt.Errorf("fact: rights: %d of them: %w", len(h.entries), fault.Quota)
	}
	s.Rights.heads.put(s.Part, raw, h)
	w.Put(headKey, raw)
	return nil
}

// Rights is what one process judges rights with: the key that verifies, the one
// that signs unless the hub is sealed, and the heads it has verified. It may be
// used from many goroutines.
type Rights struct {
	verify keyring.RightsVerifier
	sign   *keyring.RightsKey
	heads  *headCache
}

// NewRights returns the Rights of an unsealed process.
func NewRights(k *keyring.RightsKey) *Rights {
	return &Rights{k.Verifier(), k, newHeadCache()}
}

// VerifyingRights returns the Rights of a process that decides and does not
// sign.
func VerifyingRights(v keyring.RightsVerifier) *Rights {
	return &Rights{verify: v, heads: newHeadCache()}
}

// Verifying returns the same Rights without the signer.
func (r *Rights) Verifying() *Rights { return &Rights{verify: r.verify, heads: r.heads} }

const (
	signerKey   = "right/signer"
	verifierKey = "right/public"
	adoptedKey  = "right/adopted"
)

// Signer returns the key that signs rights, wrapped under the hub key; nil if
// there is none yet. It is in the hub's partition.
func Signer(r store.Reader) ([]byte, error) { return r.Get(signerKey) }

// KeepSigner writes the key that signs rights, wrapped, and the half that
// verifies them.
func KeepSigner(w store.Writer, s Scope, wrapped []byte, v keyring.RightsVerifier) error {
	w.Put(signerKey, wrapped)
	return Put(w, s, verifierKey, v.Marshal())
}

// RewrapSigner replaces the key that signs by the same one, wrapped anew.
func RewrapSigner(w store.Writer, wrapped []byte) { w.Put(signerKey, wrapped) }

// Verifier returns the half that KeepSigner wrote; the zero one if there is
// none. Whoever has the index key can write another: take it from a file
// where there is one.
func Verifier(r store.Reader, s Scope) (v keyring.RightsVerifier, err error) {
	text, ok, err := Get[[]byte](r, s, verifierKey)
	if err != nil || !ok {
		return v, err
	}
	if v, err = keyring.ParseRightsVerifier(text); err != nil {
		err = errRight("the key that verifies them is none")
	}
	return v, err
}
