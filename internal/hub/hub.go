// Package hub is the door: the only way to a record. Edges ask it for acts; for
// each act it gathers the facts, asks policy, does the deed if the answer is
// yes, and writes the trail, in one transaction on the partition concerned.
//
// The records meet here and nowhere else. What is not here: parsing (message,
// document), sealing (vault, keyring), the layout of keys (the records), replies
// to clients (the edges).
//
// A file is one act, or what several share; types.go and record.go have the
// types that edges see. In the order in which one may read them:
//
//	hub find facts docfacts         a transaction, where it is, what is decided in it,
//	trail rights                      and what it leaves behind
//	login professional signin       who comes in: by application password, by a
//	passkey factors password          provider of identities, through the web and with
//	websession token programs oidc    what, through a program
//	recipient deliver parcel seal   a mail: who may write, how it is filed, the answers
//	answer report post                of patients, what the sender is told
//	mailbox listing content change  a mailbox as its owner sees it, with the documents
//	folders shelves shelfview         on shelves beside the mails
//	messageid desk threadindex        a mailbox as its pages show it: by threads, with
//	threads card message told tidy      who writes, what is attached, what became of
//	message_parts readreceipt shared  what was sent; where several share it, who sees to
//	charge                              what
//	compose compose_mail            a mail that is written in the portal: its draft, kept
//	compose_answer compose_people     as any program's; answers; whom it may go to; how it
//	compose_send compose_depart       is sent, may be taken back, and leaves
//	documents submit examine        documents into a record: out of a mail or by
//	integration versions amend        themselves, checked, replaced, changed, announced,
//	announce doubts deposit           and those of doubtful identity
//	cabinet arrange docsearch       how people look through a record: folders, pins, one
//	download                          search over all, many documents at a time
//	lookup footing browse viewers   a record: found, how one stands before it, opened,
//	relation choices glass history    who sees it and why, who may, emergencies, the
//	news visit takeout luggage        history of accesses; what is new; the space of
//	                                  somebody else; all of it taken away
//	enrol register letters          a space: made, announced, opened or objected to,
//	enrolment provisional activate    closed, erased; the minors on a card, and those who
//	life proof dependants persons     act for its owner
//	notice notice_texts tell hints  what leaves for people's own mail and phone
//	why matrix status export erase  what operators ask for
//	legal rotate rotate_owner         of trails, and of keys
//	keys pepper codes recent        keys at hand; what codes and tickets are made of
//	journal verify sweep            trails proved, remains swept
//
// A hub without the hub key is sealed: it takes mail in, and every act that
// would open something is fault.Sealed.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/blob"
	"vaguemestre/internal/bus"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/limit"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// Config is what a Hub is made of. Every field without a default is needed.
type Config struct {
	Store store.Store
	Blobs blob.Store
	Bus   bus.Bus

	Index   *keyring.IndexKey
	Ring    *keyring.Ring           // nil: the hub is sealed
	Erasure *keyring.ErasureSecrets // nil with Ring
	Rights  keyring.RightsVerifier  // of a sealed hub; if zero, what the store says
	Escrow  *keyring.Cert           // reads every trail; its private half is offline
	Wrapped []RingWrapped           // what the program keeps wrapped under Ring itself
	Journal string                  // file of the checkpoints; "" for none

	Domain        string   // of the hub itself, for receipts and notices
	PatientDomain string   // of the patients' addresses
	WebDomain     string   // of the pages for people, which passkeys are bound to; "": no passkeys
	WebOrigins    []string // of these pages, where they are not https:// and the domain alone
	Product       string   // its reference, which mails written here bear (X-MSS-NIL); default: DefaultProduct
	TestMode      bool     // accepts invented and test matricules
	Limits        Limits
	Delays        patient.Delays // default: patient.DefaultDelays
	PasswordCost  account.Cost   // default: account.DefaultCost

	SAMU []string // establishments that regulate emergencies, whose physicians may ask for Centre15

	BlockSparesMail bool // whom a patient has blocked may write all the same; reading stays barred

	Now  func() time.Time // default: time.Now
	Zone *time.Location   // in which people are told times; default: UTC
	Log  *slog.Logger     // default: discards
}

// Limits bound what people may do.
type Limits struct {
	Mail        int64 // bytes of a mail
	PatientMail int64 // bytes of a mail with a patient among its recipients
	Quota       int64 // bytes of a mailbox

	RefusedPerHour, RefusedPerDay int // recipients, before a sender is slowed down…
	RefusedShare                  int // …if they are this percentage of all or more

	LoginFailures int // per account and per address, in a quarter of an hour

	RecordsPerHour int           // of different patients that one professional opens; 0: any number
	Glass          time.Duration // of an emergency access
	GlassPerDay    int           // that one professional breaks; 0: any number
	Declared       time.Duration // of a consent that a professional declares: one consultation
	CareTeam       time.Duration // of a membership that a professional declares

	Undo time.Duration // in which a mail that was sent in the portal may be taken back; 0: UndoTime

	ListingCache int64 // bytes of opened listings kept in memory, of mailboxes and of vaults each
}

// DefaultLimits are those of a hub whose configuration names none.
var DefaultLimits = Limits{
	Mail:           50 << 20,
	PatientMail:    25 << 20,
	Quota:          4 << 30,
	RefusedPerHour: 20,
	RefusedPerDay:  100,
	RefusedShare:   20,
	LoginFailures:  20,
	RecordsPerHour: 200,
	Glass:          2 * time.Hour,
	GlassPerDay:    20,
	Declared:       24 * time.Hour,
	CareTeam:       365 * 24 * time.Hour,
	ListingCache:   32 << 20,
}

// A Hub is the door. Its methods may be called from many goroutines.
type Hub struct {
	Config
	certs  *bounded[store.Part, *keyring.Cert]
	keys   *bounded[store.Part, openKey]
	turns  *bounded[store.Part, keyTurn]
	trails *bounded[store.Part, *trailKey]
	places *bounded[ident.Address, store.Part] // of recipients that were allowed
	hints  *bounded[store.Part, time.Time]     // when this process hinted that something leaves there
	books  *books
	desks  *desks
	cards  *bounded[ident.Address, card] // of whom people write with
	cache  *mailbox.Cache
	docs   *vault.Cache
	recent *recent
	matrix atomic.Pointer[MatrixInForce] // nil: the shipped one
	done   *bounded[string, struct{}]    // what a session does once; see once

	departures *departures // mails about to leave

	rcptHour, rcptDay, refusedHour, refusedDay *limit.Window
	loginFailures                              *limit.Window
	recordsHour, glassDay                      *limit.Window

	takeouts atomic.Int32 // exports of everything that go on now

	journal *journal
	rights  rights

	rotating sync.Mutex   // held while keys are rotated
	wrapping sync.RWMutex // read-held from wrapping something under the hub key until it is committed
	human    *human       // what web logins take
}

// hubPart is the partition of what concerns the hub as a whole.
const hubPart store.Part = "hub"

// DefaultProduct is the reference of a program that has none at the directory of
// products (convergence.esante.gouv.fr).
const DefaultProduct = "VAGUEMESTRE"

// New returns a Hub. It starts nothing.
func New(c Config) (*Hub, error) {
	if c.Store == nil || c.Blobs == nil || c.Bus == nil || c.Index == nil || c.Escrow == nil || c.Domain == "" || c.PatientDomain == "" {
		return nil, fmt.Errorf("hub: configuration is incomplete: %w", fault.Invalid)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Product == "" {
		c.Product = DefaultProduct
	}
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits
	}
	if c.Delays == (patient.Delays{}) {
		c.Delays = patient.DefaultDelays
	}
	if c.PasswordCost == (account.Cost{}) {
		c.PasswordCost = account.DefaultCost
	}
	const senders, accounts = 100_000, 200_000
	human, err := newHuman(c)
	if err != nil {
		return nil, err
	}
	h := &Hub{
		Config: c,
		certs:  newBounded[store.Part, *keyring.Cert](maxCerts),
		keys:   newBounded[store.Part, openKey](maxKeys),
		turns:  newBounded[store.Part, keyTurn](maxTurns),
		trails: newBounded[store.Part, *trailKey](maxTrailKeys),
		places: newBounded[ident.Address, store.Part](maxPlaces),
		hints:  newBounded[store.Part, time.Time](maxHints),
		books:  newBooks(),
		desks:  newDesks(),
		cards:  newBounded[ident.Address, card](maxCards),
		cache:  mailbox.NewCache(c.Limits.ListingCache),
		docs:   vault.NewCache(c.Limits.ListingCache),

		journal: newJournal(),
		human:   human,
		done:    newBounded[string, struct{}](maxDone),

		departures: newDepartures(),

		rcptHour:      limit.NewWindow(time.Hour, senders),
		rcptDay:       limit.NewWindow(24*time.Hour, senders),
		refusedHour:   limit.NewWindow(time.Hour, senders),
		refusedDay:    limit.NewWindow(24*time.Hour, senders),
		loginFailures: limit.NewWindow(15*time.Minute, accounts),
		recordsHour:   limit.NewWindow(time.Hour, accounts),
		glassDay:      limit.NewWindow(24*time.Hour, accounts),
	}
	h.keys.gone = h.docs.Forget
	h.recent = newRecent(h.keys.forget)
	return h, nil
}

// Sealed reports whether the hub key is absent.
func (h *Hub) Sealed() bool { return h.Ring == nil }

// isPatient reports whether an address is one of a patient, existing or not.
func (h *Hub) isPatient(a ident.Address) bool { return a.Domain() == h.PatientDomain }

// A tx is one act in progress on one partition: its writes, and what the trail
// will say of it.
type tx struct {
	store.Writer
	fact.Scope
	now    time.Time
	trail  []audit.Entry
	leaves bool // it wrote something that must leave the partition
}

// note adds an entry to the trail of the act.
func (t *tx) note(e audit.Entry) {
	e.Time = t.now
	t.trail = append(t.trail, e)
}

// do performs one act on a partition: fn gathers facts, decides and writes, and
// notes what it did; everything is applied with its trail, or nothing is. Those
// who watch the partition are woken. fn may run again.
func (h *Hub) do(ctx context.Context, part store.Part, fn func(*tx) error) error {
	if err := h.commit(ctx, part, fn); err != nil {
		return err
	}
	if err := h.Bus.Publish(ctx, part); err != nil {
		h.Log.Warn("hint not published", "err", err)
	}
	return nil
}

// commit does as do, and wakes nobody: for what changes nothing that anybody
// sees. The acts of this package have no other way to
// store.Update.
func (h *Hub) commit(ctx context.Context, part store.Part, fn func(*tx) error) error {
	if err := h.readRights(ctx); err != nil {
		return err
	}
	if err := h.sayAlive(ctx, part); err != nil {
		return err
	}
	grown := false
	err := h.Store.Update(ctx, part, func(plain store.Writer) error {
		w := fact.OnceWriter(plain)
		t := &tx{Writer: w, Scope: h.scope(part), now: h.Now().UTC()}
		if err := fn(t); err != nil {
			return err
		}
		if t.leaves && !h.leaving(part, t.now) {
			return errHintFirst
		}
		grown = len(t.trail) > 0 || w.RightsChanged()
		if len(t.trail) == 0 {
			return nil
		}
		if err := onBehalf(t); err != nil {
			return err
		}
		key, err := h.trailKey(w, part, t.now)
		if err != nil {
			return err
		}
		return audit.Append(w, t.Scope, key.Key, t.trail...)
	})
	if errors.Is(err, errHintFirst) {
		if err := h.hint(ctx, outbox.Hints, part); err != nil {
			return err
		}
		h.hints.put(part, h.Now().UTC())
		return h.commit(ctx, part, fn)
	}
	if err == nil && grown {
		h.journal.grew(part)
	}
	return err
}

// view reads a partition.
func (h *Hub) view(ctx context.Context, part store.Part, fn func(store.Reader) error) error {
	if err := h.readRights(ctx); err != nil {
		return err
	}
	return h.Store.View(ctx, part, func(r store.Reader) error { return fn(fact.Once(r)) })
}
