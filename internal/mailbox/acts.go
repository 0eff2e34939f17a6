package mailbox

import (
	"fmt"
	"slices"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// SetFlags changes the flags of those of the messages that are in the folder.
// The Change holds the messages whose flags are different now; if there are
// none, nothing is written. fault.Invalid: a keyword or flag that cannot be.
// fault.TooLarge: too many keywords.
func (b *Book) SetFlags(w store.Writer, folder FolderID, uids []UID, op FlagOp, f Flags) (Change, error) {
	if f.System >= Draft<<1 {
		return Change{}, fmt.Errorf("mailbox: flags: %w", fault.Invalid)
	}
	st, err := readState(w, folder)
	if err != nil {
		return Change{}, err
	}
	t := b.words(w)
	keywords, err := t.numbers(f.Keywords, op != RemoveFlags)
	if err != nil {
		return Change{}, err
	}
	ms, err := rows(w, folder, notNil(uids))
	if err != nil {
		return Change{}, err
	}
	var changed []row
	for _, m := range ms {
		was := m
		differs, err := m.combine(op, f.System, keywords)
		if err != nil {
			return Change{}, err
		}
		if differs {
			st.count(was, -1)
			st.count(m, 1)
			changed = append(changed, m)
		}
	}
	c := Change{From: st.cursor(), To: st.cursor()}
	if len(changed) == 0 {
		return c, nil
	}
	t.save(w)
	st.alter()
	st.write(w)
	for _, m := range changed {
		m.write(w, folder)
	}
	c.To = st.cursor()
	c.Messages, err = t.messages(changed)
	return c, err
}

// notNil keeps an empty list of UIDs from being read as all of them.
func notNil(uids []UID) []UID {
	if uids == nil {
		return []UID{}
	}
	return uids
}

// A Transfer is what Copy and Move did.
type Transfer struct {
	UIDs []UID    // in the destination, one for each UID asked for; 0 where there was no message
	Came Change   // of the destination
	Gone Change   // of the source; of Move only
	Held []string // references that one more message holds; of Copy only
}

// Copy copies messages to another folder of the mailbox, or the same one, with
// their flags and dates. fault.NotFound: no such folder. fault.Denied: the
// destination is a shelf. It needs no public-key work for what is folded.
func (b *Book) Copy(w store.Writer, from FolderID, uids []UID, to FolderID) (Transfer, error) {
	src, dst, err := ends(w, from, to)
	if err != nil {
		return Transfer{}, err
	}
	ms, err := rows(w, from, notNil(uids))
	if err != nil {
		return Transfer{}, err
	}
	return b.copy(w, src, dst, uids, ms, true)
}

// Move moves messages to another folder of the mailbox, with their flags and
// dates; what they hold stays held. fault.Denied: one of the two is a shelf.
func (b *Book) Move(w store.Writer, from FolderID, uids []UID, to FolderID) (Transfer, error) {
	src, dst, err := ends(w, from, to)
	if err != nil {
		return Transfer{}, err
	}
	if src.shelf {
		return Transfer{}, fmt.Errorf("mailbox: move: %w", fault.Denied)
	}
	ms, err := rows(w, from, notNil(uids))
	if err != nil {
		return Transfer{}, err
	}
	t, err := b.copy(w, src, dst, uids, ms, false)
	if err != nil {
		return Transfer{}, err
	}
	t.Gone, err = b.remove(w, src, ms)
	return t, err
}

// ends reads the states of both folders, one and the same if they are.
func ends(r store.Reader, from, to FolderID) (src, dst *state, err error) {
	if src, err = readState(r, from); err != nil {
		return nil, nil, err
	}
	if dst = src; from != to {
		if dst, err = readState(r, to); err != nil {
			return nil, nil, err
		}
	}
	if dst.shelf {
		return nil, nil, fmt.Errorf("mailbox: copy: %w", fault.Denied)
	}
	return src, dst, nil
}

// copy appends the messages ms of src to dst, each under the mailbox key.
func (b *Book) copy(w store.Writer, src, dst *state, uids []UID, ms []row, hold bool) (Transfer, error) {
	before := dst.cursor()
	var came []row
	var recs []record
	var held []string
	to := make(map[UID]UID, len(ms))
	err := b.records(w, src, ms, func(m row, rec *record) error {
		uid, err := dst.take()
		if err != nil {
			return err
		}
		if hold {
			refs, err := rec.refs()
			if err != nil {
				return err
			}
			held = append(held, refs...)
		}
		to[m.uid] = uid
		m.uid = uid
		came, recs = append(came, m), append(recs, *rec)
		return nil
	})
	if err != nil {
		return Transfer{}, err
	}
	for i, m := range came {
		m.write(w, dst.id)
		dst.count(m, 1)
		if err := b.putApart(w, dst, m.uid, &recs[i]); err != nil {
			return Transfer{}, err
		}
	}
	if len(came) > 0 {
		dst.revision++
		dst.write(w)
	}
	t := Transfer{Held: held, UIDs: make([]UID, len(uids)), Came: Change{From: before, To: dst.cursor()}}
	for i, u := range uids {
		t.UIDs[i] = to[u]
	}
	t.Came.Messages, err = b.words(w).messages(came)
	return t, err
}

// putApart writes the row of a message that came from within the mailbox.
func (b *Book) putApart(w store.Writer, st *state, u UID, rec *record) error {
	key := uidKey(apartKind, st.id, u)
	value, large := b.sealApart(key, rec)
	w.Put(key, value)
	st.apart++
	if !large {
		st.fresh++
	}
	return follow(w, rec.mark, markPlace{st.id, u})
}

// sealApart returns the row of a record under the mailbox key, and whether it
// is one that stays apart.
func (b *Book) sealApart(key string, rec *record) (value []byte, large bool) {
	value = []byte{version, asCopied}
	if large = rec.isLarge(); large {
		value[1] = asLarge
	}
	return b.session.SealValue(value, rec.append(nil), place(b.part, key)), large
}

// Expunge removes messages for good, and returns the references they held; nil
// asks for all that are \Deleted. fault.Denied: the folder is a shelf.
func (b *Book) Expunge(w store.Writer, folder FolderID, uids []UID) (Change, []string, error) {
	st, err := readState(w, folder)
	if err != nil {
		return Change{}, nil, err
	}
	if st.shelf {
		return Change{}, nil, fmt.Errorf("mailbox: expunge: %w", fault.Denied)
	}
	ms, err := rows(w, folder, uids)
	if err != nil {
		return Change{}, nil, err
	}
	if uids == nil {
		ms = slices.DeleteFunc(ms, func(m row) bool { return m.system&Deleted == 0 })
	}
	return b.expunge(w, st, ms)
}

// Withdraw removes documents from a shelf, as Expunge does messages from other
// folders: it is for the vault, not for the owner.
func (b *Book) Withdraw(w store.Writer, shelf FolderID, uids []UID) (Change, []string, error) {
	st, err := readState(w, shelf)
	if err != nil {
		return Change{}, nil, err
	}
	ms, err := rows(w, shelf, notNil(uids))
	if err != nil {
		return Change{}, nil, err
	}
	return b.expunge(w, st, ms)
}

func (b *Book) expunge(w store.Writer, st *state, ms []row) (Change, []string, error) {
	var freed []string
	err := b.records(w, st, ms, func(_ row, rec *record) error {
		refs, err := rec.refs()
		freed = append(freed, refs...)
		return err
	})
	if err != nil {
		return Change{}, nil, err
	}
	c, err := b.remove(w, st, ms)
	return c, freed, err
}

// remove takes messages out of a folder: their rows, and what the blocks have
// of them.
func (b *Book) remove(w store.Writer, st *state, ms []row) (Change, error) {
	if len(ms) == 0 {
		return Change{From: st.cursor(), To: st.cursor()}, nil
	}
	from := st.alter()
	var gone []UID
	for _, m := range ms {
		gone = append(gone, m.uid)
		st.count(m, -1)
		w.Delete(uidKey(flagsKind, st.id, m.uid))
	}
	if err := removeApart(w, st, gone); err != nil {
		return Change{}, err
	}
	if err := b.rewrite(w, st.id, blockKind, gone, blockSpan, dropRecords); err != nil {
		return Change{}, err
	}
	if st.texts > 0 {
		if err := b.rewrite(w, st.id, textsKind, gone, textSpan, dropTexts(w, st)); err != nil {
			return Change{}, err
		}
	}
	st.reshape()
	st.write(w)
	return Change{From: from, To: st.cursor(), Gone: gone}, nil
}

// removeApart deletes the rows that messages have for themselves.
func removeApart(w store.Writer, st *state, gone []UID) error {
	for _, u := range gone {
		if st.apart == 0 {
			break
		}
		key := uidKey(apartKind, st.id, u)
		value, err := w.Get(key)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		st.apart--
		if isFresh(value) {
			st.fresh--
		}
		w.Delete(key)
	}
	return nil
}

// rewrite takes messages out of the blocks of one kind. drop returns the
// plaintext of a block without those UIDs, nil if nothing is left.
func (b *Book) rewrite(w store.Writer, id FolderID, kind string, gone []UID, span UID,
	drop func(first UID, plain []byte, gone []UID) ([]byte, error)) error {
	for len(gone) > 0 {
		first, n := gone[0]&^(span-1), 1
		for n < len(gone) && gone[n]&^(span-1) == first {
			n++
		}
		key := uidKey(kind, id, first)
		plain, err := b.open(w, key)
		if err != nil {
			return err
		}
		if plain != nil {
			rest, err := drop(first, plain, gone[:n])
			if err != nil {
				return err
			}
			if rest == nil {
				w.Delete(key)
			} else {
				b.seal(w, key, rest)
			}
		}
		gone = gone[n:]
	}
	return nil
}

func dropRecords(first UID, plain []byte, gone []UID) ([]byte, error) {
	recs, err := parseBlock(first, plain)
	if err != nil {
		return nil, err
	}
	recs = slices.DeleteFunc(recs, func(r record) bool {
		_, found := slices.BinarySearch(gone, r.uid)
		return found
	})
	if len(recs) == 0 {
		return nil, nil
	}
	return appendBlock(make([]byte, 0, len(plain)), first, recs), nil
}
