package patient

import (
	"encoding/hex"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A Proof is what is kept, apart from the space, of an objection or a closing, so
// that its reference alone can be verified: what and when, and nothing of whose.
//
//	pat/proof   in the partition of a reference: the proof, a right
type Proof struct {
	Event Event
	At    time.Time
}

// ProofPart names the partition of a reference, as people may type it.
func ProofPart(k *keyring.IndexKey, ref string) store.Part {
	mac := k.MAC("patient/proof", strings.ToLower(strings.TrimSpace(ref)))
	return store.Part("x" + hex.EncodeToString(mac[:16]))
}

// KeepProof keeps a proof in the partition of its reference.
func KeepProof(w store.Writer, s fact.Scope, p Proof) error {
	return fact.PutRight(w, s, "pat/proof", p)
}

// FindProof reads it. ok is false if there is none of that reference.
func FindProof(r store.Reader, s fact.Scope) (p Proof, ok bool, err error) {
	return fact.GetRight[Proof](r, s, "pat/proof")
}
