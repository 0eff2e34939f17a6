package fhirapi

import (
	"cmp"
	"crypto/sha256"
	"sync"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
)

// whereabouts remembers in whose record an actor was shown a document, by its
// identifier for the outside: the guides change a document by that
// identifier alone, and an identifier does not say whose it is. Only hashes are
// kept, in this process, of the last documents shown; where it has forgotten,
// the client is asked to name the patient.
type whereabouts struct {
	mu        sync.Mutex
	now, then map[[16]byte]string
}

// maxWhereabouts is how many documents each half remembers.
const maxWhereabouts = 50_000

func whereaboutsKey(a hub.Actor, uniqueID string) [16]byte {
	h := sha256.Sum256([]byte(a.Address.Canonical() + "\x00" + uniqueID))
	return [16]byte(h[:16])
}

// saw notes that an actor was shown a document.
func (w *whereabouts) saw(a hub.Actor, d hub.DocumentView) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil || len(w.now) >= maxWhereabouts {
		w.now, w.then = map[[16]byte]string{}, w.now
	}
	w.now[whereaboutsKey(a, pdsm.MasterID(&d.Entry))] = d.Patient.ID
}

// of returns the record in which an actor was shown a document, or "".
func (w *whereabouts) of(a hub.Actor, uniqueID string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := whereaboutsKey(a, uniqueID)
	return cmp.Or(w.now[key], w.then[key])
}
