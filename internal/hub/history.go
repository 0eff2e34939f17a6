package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A HistoryQuery says which lines of a history are asked for. Zero asks for all.
type HistoryQuery struct {
	From, To  time.Time   // From included, To not
	Kind      audit.Kind  // of the actor
	Group     audit.Group // of the act
	Emergency bool        // emergencies only
	By, NotBy string      // the address of who acted, or of who is left out; "" for anybody, nobody
	Document  string      // the ID of one, within its record; one that is hidden from the reader has no lines

	Limit  int    // lines of a page; 50 if it is 0, at most 200
	Before string // HistoryPage.Next of the page before
}

// A HistoryPage is some lines of a history, newest first.
type HistoryPage struct {
	Lines []audit.Line
	Next  string // for HistoryQuery.Before; "" after the last page
}

const (
	historyPage    = 50
	maxHistoryPage = 200
	maxHistoryRead = 5000 // entries opened for one page: a rare kind takes several pages
)

func (q HistoryQuery) matches(e audit.Entry) bool {
	return !e.Time.Before(q.From) && (q.To.IsZero() || e.Time.Before(q.To)) &&
		(q.Kind == "" || e.Kind() == q.Kind) && (q.Group == "" || e.Group() == q.Group) && (!q.Emergency || e.Emergency) &&
		(q.By == "" || e.Actor == q.By) && (q.NotBy == "" || e.Actor != q.NotBy) && (q.Document == "" || e.Object == q.Document)
}

// tells reports whether a line of an entry that matches may be shown: it does not
// say which document it is about to who may not know, nor does that it is there.
func (q HistoryQuery) tells(l audit.Line) bool { return q.Document == "" || l.Object == q.Document }

// History shows the trail of a record to its owner, or to whoever acts for the
// owner and may see it: who did what, when and why it was allowed. Of a document
// that is hidden from them it does not say which it is. "" is the actor's own
// record. Looking at it goes into the trail, once a session, before
// anything is read. A page may have fewer lines than asked for, and none, while
// there are more.
func (h *Hub) History(ctx context.Context, a Actor, recordID string, q HistoryQuery) (page HistoryPage, err error) {
	var before uint64
	if q.Before != "" {
		if before, err = strconv.ParseUint(q.Before, 10, 63); err != nil || before == 0 {
			return page, fmt.Errorf("hub: history: not a cursor: %w", fault.Invalid)
		}
	}
	if q.Limit = min(q.Limit, maxHistoryPage); q.Limit <= 0 {
		q.Limit = historyPage
	}
	o, err := h.openTrail(ctx, a, recordID, audit.ActReadTrail)
	if err != nil {
		return page, err
	}
	err = h.view(ctx, o.part, func(r store.Reader) error {
		page = HistoryPage{}
		read := 0
		for n, err := range o.backwards(r, before) {
			if err != nil {
				return err
			}
			if n.Time.Before(q.From) { // nor is anything older asked for
				return nil
			}
			if len(page.Lines) == q.Limit || read == maxHistoryRead {
				page.Next = strconv.FormatUint(n.Number+1, 10)
				return nil
			}
			if read++; !q.matches(n.Entry) {
				continue
			}
			if l := o.line(r, n); q.tells(l) {
				page.Lines = append(page.Lines, l)
			}
		}
		return nil
	})
	return page, err
}

const documentID = 26 // characters

// exportBatch is how many lines are read in one transaction.
const exportBatch = 500

// ExportHistory writes what History shows, page after page, in one file. The
// export goes into the trail before anything is written. Limit and Before of
// the query do not count.
func (h *Hub) ExportHistory(ctx context.Context, a Actor, recordID string, q HistoryQuery, f audit.Format, w io.Writer) error {
	o, err := h.openTrail(ctx, a, recordID, audit.ActExportTrail)
	if err != nil {
		return err
	}
	write, end, err := audit.NewLineWriter(w, f)
	if err != nil {
		return err
	}
	for before := uint64(0); before != 1; {
		lines, next, err := o.some(ctx, before, q)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := write(l); err != nil {
				return err
			}
		}
		before = next
	}
	return end()
}

// some reads lines before a number, in one transaction, and says before which
// number to go on; 1 after the last. Zero begins with the newest. They leave the
// house.
func (o *openedTrail) some(ctx context.Context, before uint64, q HistoryQuery) (lines []audit.Line, next uint64, err error) {
	err = o.h.view(ctx, o.part, func(r store.Reader) error {
		lines, next = nil, 1
		read := 0
		for n, err := range o.backwards(r, before) {
			if err != nil {
				return err
			}
			if read == exportBatch {
				next = n.Number + 1
				return nil
			}
			if read++; !q.matches(n.Entry) {
				continue
			}
			if l := o.line(r, n); q.tells(l) {
				lines = append(lines, o.unnumbered(l))
			}
		}
		return nil
	})
	return lines, next, err
}

// openTrail decides whether an actor may see the trail of a record, and writes
// that down; only then is the owner's key at hand.
func (h *Hub) openTrail(ctx context.Context, a Actor, recordID, act string) (*openedTrail, error) {
	part := a.Part
	if recordID != "" {
		part = recordPart(recordID)
	}
	f, d, err := h.stand(ctx, a, part, policy.ReadTrail)
	if err != nil {
		return nil, err
	}
	if !d.Allow {
		return nil, h.refused(ctx, part, a.did(act, ""), a, d)
	}
	key, err := h.linger(ctx, part)
	if err != nil {
		return nil, err
	}
	note := func() error { return h.note(ctx, part, decided(a.did(act, ""), d)) }
	if act == audit.ActReadTrail {
		err = h.once(a, part, act, note)
	} else {
		err = note()
	}
	return &openedTrail{h, part, a, key, f, map[string]named{}}, err
}

// An openedTrail is the trail of a record, opened to an actor: decided, and in
// the trail itself.
type openedTrail struct {
	h      *Hub
	part   store.Part
	actor  Actor
	key    *ownerKey
	stands standing
	named  map[string]named // documents, by ID
}

// A named is a document that lines of a trail name.
type named struct {
	title  string // if the reader may see it
	hidden bool   // from the reader, by who decides on that
}

// notAvailable is told in the place of a rule that would give away that a
// document is hidden.
var notAvailable = policy.Explanation{FR: "Ce document n'est pas disponible.", EN: "This document is not available."}

func (o *openedTrail) backwards(r store.Reader, before uint64) func(func(audit.Numbered, error) bool) {
	return func(yield func(audit.Numbered, error) bool) {
		head, err := audit.Head(r, o.h.scope(o.part))
		if err != nil {
			yield(audit.Numbered{}, err)
			return
		}
		audit.Backwards(r, o.part, o.key, before, head.Count)(yield)
	}
}

// line makes the line of an entry as the actor may see it. One of a document
// that is hidden from them does not say of which, until it is shown to them.
func (o *openedTrail) line(r store.Reader, n audit.Numbered) audit.Line {
	e := shown(n.Entry)
	e.Time = e.Time.In(o.h.Zone)
	if e.Group() != audit.MedicalDocument || e.Object == "" {
		return explained(audit.LineOf(n.Number, e))
	}
	d := o.document(r, e.Object)
	if !d.hidden {
		l := explained(audit.LineOf(n.Number, e))
		l.Title = d.title
		return l
	}
	e.Object = ""
	if !hides(e.Rule) {
		return audit.LineOf(n.Number, e)
	}
	e.Rule = ""
	l := audit.LineOf(n.Number, e)
	l.FR, l.EN = l.FR+" "+notAvailable.FR, l.EN+" "+notAvailable.EN
	return l
}

// unnumbered leaves out the address of another patient, which is their matricule:
// a file goes further than a page.
func (o *openedTrail) unnumbered(l audit.Line) audit.Line {
	if l.Role == policy.Patient.String() && l.Actor != o.actor.Address.Canonical() {
		l.Actor = ""
	}
	return l
}

// explained completes a refusal by a rule of the door's own, of which policy knows
// no words.
func explained(l audit.Line) audit.Line {
	if why, ok := whyRefused[l.Rule]; ok && l.Refused {
		l.FR, l.EN = l.FR+" "+why.FR, l.EN+" "+why.EN
	}
	return l
}

// whyRefused tells a patient, without the numbers that programs go by, why a
// document was not taken.
var whyRefused = map[string]policy.Explanation{
	notTheNewest.Rule:     {FR: "Le document avait été remplacé entre-temps.", EN: "The document had been replaced meanwhile."},
	noIdentity.Rule:       {FR: "Le document ne disait pas de quel patient il est.", EN: "The document did not say which patient it is of."},
	wrongPatient.Rule:     {FR: "Le document concerne une autre personne.", EN: "The document is about somebody else."},
	otherTraits.Rule:      {FR: "L'identité portée par le document n'est pas exactement la vôtre.", EN: "The identity in the document is not exactly yours."},
	incompleteTraits.Rule: {FR: "L'identité portée par le document est incomplète ou n'a pas été vérifiée.", EN: "The identity in the document is incomplete, or was not checked."},
	otherIdentity.Rule:    {FR: "Le document ne désigne pas une seule personne.", EN: "The document does not name one person."},
	unreadable.Rule:       {FR: "Le document n'a pas pu être lu.", EN: "The document could not be read."},
	otherBytes.Rule:       {FR: "Un autre document porte déjà le même identifiant.", EN: "Another document has the same identifier already."},
	notAsDescribed.Rule:   {FR: "Le document ne correspond pas à sa description.", EN: "The document is not what was said of it."},
	hiddenDocument.Rule:   {FR: "Ce message ne pouvait pas être envoyé avec ce document.", EN: "This message could not be sent with this document."},
	maskedDocument.Rule:   {FR: "Le document est masqué aux professionnels.", EN: "The document is masked from professionals."},
	notADeposit.Rule:      {FR: "Le fichier n'est pas d'un genre ou d'une taille que l'espace accepte.", EN: "The file is not of a kind or size that the space takes."},
}

// hides reports whether a rule refuses a document because it is hidden.
func hides(rule string) bool { return strings.HasPrefix(rule, "document/hidden-from-") }

// shown leaves of the refused attempt of somebody else only who it was, when,
// what they wanted and the rule: what they brought or gave as a reason is theirs.
func shown(e audit.Entry) audit.Entry {
	if e.Refused && e.Kind() != audit.Patient {
		e.Object, e.Reason, e.Means, e.Session = "", "", "", ""
	}
	return e
}

// document returns what the actor may know of the document that an object
// begins with.
func (o *openedTrail) document(r store.Reader, object string) named {
	id := object[:min(len(object), documentID)]
	if known, ok := o.named[id]; ok {
		return known
	}
	var known named
	d, err := o.h.document(r, o.part, o.key, id)
	switch {
	case err == nil:
		access := o.stands.mayRead(d, o.actor)
		known.hidden = !access.Allow && hides(access.Rule)
		if access.Allow {
			known.title = d.Entry.Title
		}
	case !errors.Is(err, fault.NotFound):
		o.h.Log.Warn("title of a document in a trail", "err", err)
	}
	o.named[id] = known
	return known
}
