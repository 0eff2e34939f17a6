package mailbox

import (
	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
)

// Rebuild counts every folder anew and drops the texts kept for searching,
// which the next search makes again. It reports whether a counter was wrong. It
// needs no key.
func Rebuild(w store.Writer) (wrong bool, err error) {
	states, err := readStates(w)
	if err != nil {
		return false, err
	}
	for _, st := range states {
		was := *st
		if err := recount(w, st); err != nil {
			return false, err
		}
		st.texts = was.texts // what is dropped was not wrong
		wrong = wrong || *st != was
		for _, kind := range []string{textsKind, longKind} {
			if err := fact.Erase(w, folderPrefix(kind, st.id)); err != nil {
				return false, err
			}
		}
		if st.texts = 0; *st != was {
			st.alter()
			st.write(w)
		}
	}
	return wrong, nil
}

// recount sets the counters of a state from the rows they count.
func recount(r store.Reader, st *state) error {
	st.messages, st.unseen, st.size, st.apart, st.fresh = 0, 0, 0, 0, 0
	ms, err := rows(r, st.id, nil)
	if err != nil {
		return err
	}
	for _, m := range ms {
		st.count(m, 1)
	}
	if n := len(ms); n > 0 {
		st.next = max(st.next, ms[n-1].uid+1)
	}
	return scan(r, apartKind, st.id, 0, 0, func(_ UID, p store.Pair) error {
		st.apart++
		if isFresh(p.Value) {
			st.fresh++
		}
		return nil
	})
}
