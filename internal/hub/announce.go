package hub

import (
	"cmp"
	"context"
	"errors"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// tellAfter is how long a document waits for its announcement before the
// patient is told that one does.
const tellAfter = 14 * 24 * time.Hour

// DueAnnouncements sees to the documents that are hidden from their patients
// until somebody announces them. After two weeks the patient is told that one
// waits, and no more; after the month of the law it shows by itself. It returns
// how many were told of and how many show. To show one needs the hub key; a
// sealed hub tells only. A record that fails keeps none of the others.
func (h *Hub) DueAnnouncements(ctx context.Context) (told, shown int, err error) {
	parts, err := h.hinted(ctx, vault.Hints)
	if err != nil {
		return 0, 0, err
	}
	var errs []error
	for _, part := range parts {
		n, m, err := h.announceIn(ctx, part)
		told, shown, errs = told+n, shown+m, append(errs, err)
	}
	return told, shown, errors.Join(errs...)
}

func (h *Hub) announceIn(ctx context.Context, part store.Part) (told, shown int, err error) {
	var list []vault.Announcement
	var doubts []vault.Doubt
	var sp patient.Space
	err = h.view(ctx, part, func(r store.Reader) error {
		s := h.scope(part)
		var errs [3]error
		sp, _, errs[0] = patient.Load(r, s)
		list, errs[1] = vault.Announcements(r, s)
		doubts, errs[2] = vault.Doubts(r, s)
		return errors.Join(errs[:]...)
	})
	if err != nil {
		return 0, 0, err
	}
	if len(list) == 0 && len(doubts) == 0 {
		return 0, 0, h.takeBackHint(ctx, vault.Hints, part)
	}
	if sp.State != policy.Active { // nobody looks
		return 0, 0, nil
	}
	now := h.Now()
	var errs []error
	for _, w := range list {
		switch {
		case !now.Before(showsAt(w)) && !h.Sealed():
			ok, err := h.showAtLast(ctx, part, w.ID)
			if ok {
				shown++
			}
			errs = append(errs, err)
		case w.Told.IsZero() && !now.Before(w.Filed.Add(tellAfter)):
			err := h.tellWaiting(ctx, part, w)
			if err == nil {
				told++
			}
			errs = append(errs, err)
		}
	}
	return told, shown, errors.Join(errs...)
}

// showsAt is when a document that nobody announces shows by itself: on the day
// that was chosen, and no later than the law has it.
func showsAt(w vault.Announcement) time.Time {
	last := announcedAt(w.Filed)
	if !w.On.IsZero() && w.On.Before(last) {
		return w.On
	}
	return last
}

// errShowOn refuses a day that is not between now and the month of the law.
var errShowOn = Refusal{Rule: "announcement/not-then", Kind: fault.Invalid,
	FR: "Le document se montre de lui-même entre aujourd'hui et un mois après son dépôt.",
	EN: "The document shows by itself between today and a month after it was filed."}

// schedule sets the day on which a document that is hidden shows by itself.
func (m *amendment) schedule(t *tx, on time.Time) error {
	id := m.document.ID
	w, ok, err := vault.FindAnnouncement(t, t.Scope, id)
	switch {
	case err != nil:
		return err
	case !ok, !on.IsZero() && (!on.After(t.now) || on.After(announcedAt(w.Filed))):
		return &errShowOn
	}
	w.On = on
	t.note(decided(m.actor.entry(policy.HideDocument, id+": shows on "+showsAt(w).UTC().Format(time.DateOnly)), m.allowed))
	return vault.ShowOn(t, t.Scope, w, on)
}

// A Wait is when the patient comes to know of a document that is hidden from
// them, if nobody announces it before.
type Wait struct {
	Told  time.Time // when they are, or were, told that one waits; zero: it shows before
	Shows time.Time // by itself
	Last  time.Time // no later day may be chosen
}

// wait returns that of a document; nil if it does not wait.
func (h *Hub) wait(r store.Reader, part store.Part, id string) (*Wait, error) {
	w, ok, err := vault.FindAnnouncement(r, h.scope(part), id)
	if err != nil || !ok {
		return nil, err
	}
	v := &Wait{Told: cmp.Or(w.Told, w.Filed.Add(tellAfter)), Shows: showsAt(w), Last: announcedAt(w.Filed)}
	if w.Told.IsZero() && !v.Told.Before(v.Shows) {
		v.Told = time.Time{}
	}
	return v, nil
}

// tellWaiting tells a patient that a document waits.
func (h *Hub) tellWaiting(ctx context.Context, part store.Part, w vault.Announcement) error {
	return h.commit(ctx, part, func(t *tx) error {
		list, err := vault.Announcements(t, t.Scope)
		if err != nil {
			return err
		}
		for _, now := range list {
			if now.ID != w.ID || !now.Told.IsZero() {
				continue
			}
			t.note(byHub("tell-announcement", w.ID))
			if err := vault.Told(t, t.Scope, now, t.now); err != nil {
				return err
			}
			return h.notice(t, Notice{Kind: NoticeAnnouncement})
		}
		return nil // announced meanwhile
	})
}

// showAtLast makes a document visible that nobody has announced.
func (h *Hub) showAtLast(ctx context.Context, part store.Part, id string) (shown bool, err error) {
	key, err := h.linger(ctx, part)
	if err != nil {
		return false, err
	}
	err = h.do(ctx, part, func(t *tx) error {
		shown = false
		d, err := h.document(t, part, key, id)
		if errors.Is(err, fault.Corrupt) { // verify finds it
			return nil
		}
		if err != nil || !d.Flags.Has(vault.HiddenFromPatient) {
			return err
		}
		keep, err := h.onceAnnounced(t, part, key, d)
		if err != nil {
			return err
		}
		t.note(byHub("announce-by-time", id))
		_, err = vault.Change(t, t.Scope, d, d.Flags&^vault.HiddenFromPatient|keep, t.now)
		shown = err == nil
		return err
	})
	return shown && err == nil, err
}
