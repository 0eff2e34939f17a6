package outbox

import (
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

// An Export is how far somebody has come with taking away all that a space holds:
// the last time, or now. The zero value is that nobody ever did.
type Export struct {
	Began, Told time.Time
	Done, Of    int64     // bytes of documents and messages
	Ended       time.Time `json:",omitzero"`
	Whole       bool      `json:",omitempty"` // at the end
}

// Silence is how long nothing is told of an export that goes on: one that is
// silent for longer has been cut, and nobody was left to say so.
const Silence = 2 * time.Minute

// Going reports whether an export goes on.
func (e Export) Going(now time.Time) bool {
	return !e.Began.IsZero() && e.Ended.IsZero() && now.Sub(e.Told) < Silence
}

// LoadExport reads how far the last one has come.
func LoadExport(r store.Reader, s fact.Scope) (Export, error) {
	e, _, err := fact.Get[Export](r, s, "out/whole")
	return e, err
}

// SaveExport writes how far one has come.
func SaveExport(w store.Writer, s fact.Scope, e Export) error {
	return fact.Put(w, s, "out/whole", e)
}
