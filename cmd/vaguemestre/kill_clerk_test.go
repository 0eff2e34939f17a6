package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// A kept message is what a clerk knows of one message of its mailbox. An act
// that was not acknowledged leaves two possibilities; the clerk does not touch
// such a message again.
type kept struct {
	sum     digest          // of an appended message; zero for a delivered one
	places  map[string]bool // folders it may be in; "" is none
	flagged map[bool]bool
	uid     imap.UID // in its folder, as long as that is certain; 0 if not
}

// nowhere is the folder of what was expunged.
const nowhere = ""

// A clerk tidies one mailbox by IMAP while mails come in: it appends, moves,
// flags and expunges, and is the only one to do so there.
type clerk struct {
	who     person
	gate    *gate
	ledger  *ledger
	stopped <-chan struct{}

	mu   sync.Mutex
	kept map[string]*kept // by Message-ID
	acts int              // acknowledged
	seen imap.UID         // the newest message of INBOX that it has looked at
	next int
}

func newClerk(who person, g *gate, l *ledger, stopped <-chan struct{}) *clerk {
	return &clerk{who: who, gate: g, ledger: l, stopped: stopped, kept: map[string]*kept{}}
}

// run works until it is stopped or ctx ends.
func (k *clerk) run(ctx context.Context) {
	for {
		at, err := k.gate.wait(ctx)
		if err != nil {
			return
		}
		if k.session(ctx, at) {
			return
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	}
}

// folders are where a clerk keeps things.
var folders = []string{"INBOX", "Archive", "Drafts"}

// session works on one connection until that breaks, or until the clerk is
// stopped.
func (k *clerk) session(ctx context.Context, at client) (done bool) {
	c, err := openMailbox(ctx, at, k.who)
	if err != nil {
		k.judge("LOGIN", err)
		return false
	}
	defer c.Close()
	acts := map[string]func(*imapclient.Client) error{
		"look": k.look, "append": k.append, "move": k.move, "flag": k.flag, "expunge": k.expunge, "look at the vault": k.shelves,
	}
	names := slices.Collect(maps.Keys(acts))
	next := []string{"look", "move", "move"} // what the kill left in doubt, before its sender comes again
	for {
		select {
		case <-k.stopped:
			return true
		default:
		}
		if len(next) == 0 {
			next = append(next, names[rand.IntN(len(names))])
		}
		if err := acts[next[0]](c); err != nil {
			k.judge(next[0], err)
			return false
		}
		next = next[1:]
	}
}

// openMailbox logs in by IMAP. The connection ends with ctx.
func openMailbox(ctx context.Context, at client, who person) (*imapclient.Client, error) {
	conn, _, err := at.dial(ctx, at.imap)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(5 * time.Minute))
	c := imapclient.New(conn, nil)
	if err := c.Login(who.address, who.password).Wait(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// judge complains where the hub said no.
func (k *clerk) judge(what string, err error) {
	var no *imap.Error
	switch {
	case !errors.As(err, &no) || no.Type == imap.StatusResponseTypeBye:
	case no.Code == imap.ResponseCodeUnavailable:
		k.ledger.postpone()
	default:
		k.ledger.complain("%s was refused: %v", what, no)
	}
}

// look reads the listing of what is new in INBOX, which folds it.
func (k *clerk) look(c *imapclient.Client) error {
	in, err := c.Select("INBOX", nil).Wait()
	if err != nil || in.UIDNext <= k.seen+1 {
		return err
	}
	var all imap.UIDSet
	all.AddRange(k.seen+1, in.UIDNext-1)
	list, err := c.Fetch(all, &imap.FetchOptions{UID: true, Envelope: true}).Collect()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range list {
		k.seen = max(k.seen, m.UID)
		if k.kept[m.Envelope.MessageID] == nil {
			k.kept[m.Envelope.MessageID] = &kept{uid: m.UID, places: one("INBOX"), flagged: one(false)}
		}
	}
	return nil
}

func one[K comparable](k K) map[K]bool { return map[K]bool{k: true} }

// shelves looks at what a patient's vault shows, which puts new documents there.
func (k *clerk) shelves(c *imapclient.Client) error {
	if k.who.role != rolePatient {
		return nil
	}
	_, err := c.List("", "Documents/*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true, UIDNext: true}}).Collect()
	return err
}

// append files a message of the clerk's own.
func (k *clerk) append(c *imapclient.Client) error {
	k.next++
	id := fmt.Sprintf("draft-%d@%s", k.next, k.who.domain())
	mail := fmt.Appendf(nil, "From: <%s>\r\nMessage-ID: <%s>\r\nSubject: brouillon\r\n\r\n%s\r\n", k.who.address, id, words(rand.IntN(100<<10)))
	m := &kept{sum: sha256.Sum256(mail), places: map[string]bool{"Drafts": true, nowhere: true}, flagged: one(false)}
	k.mu.Lock()
	k.kept[id] = m
	k.mu.Unlock()
	cmd := c.Append("Drafts", int64(len(mail)), nil)
	_, werr := cmd.Write(mail)
	if err := errors.Join(werr, cmd.Close()); err != nil {
		return err
	}
	done, err := cmd.Wait()
	if err != nil {
		return err
	}
	k.settle(func() { m.places, m.uid = one("Drafts"), done.UID })
	return nil
}

// settle notes what an acknowledged act has made certain.
func (k *clerk) settle(fn func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn()
	k.acts++
}

// pick chooses a message that the clerk is certain of and that passes, and
// selects its folder.
func (k *clerk) pick(c *imapclient.Client, passes func(id string) bool) (m *kept, folder string, uid imap.UID, err error) {
	k.mu.Lock()
	for id, candidate := range k.kept {
		if candidate.uid != 0 && len(candidate.flagged) == 1 && passes(id) {
			m, uid = candidate, candidate.uid
			folder = slices.Collect(maps.Keys(m.places))[0]
			break
		}
	}
	k.mu.Unlock()
	if m != nil {
		_, err = c.Select(folder, nil).Wait()
	}
	return m, folder, uid, err
}

func anything(string) bool { return true }

// isDelivered reports whether a message came by SMTP from a sender who does not
// know yet that it did.
func (k *clerk) isDelivered(id string) bool {
	return k.kept[id].sum == digest{} && !k.ledger.isAcknowledged(id)
}

// move moves a message to another folder, delivered ones too: their senders may
// be about to send them again.
func (k *clerk) move(c *imapclient.Client) error {
	m, from, uid, err := k.pick(c, k.isDelivered)
	if m == nil && err == nil {
		m, from, uid, err = k.pick(c, anything)
	}
	if m == nil || err != nil {
		return err
	}
	to := folders[rand.IntN(len(folders))]
	if to == from || to == "INBOX" { // there, the clerk would take it for a new one
		return nil
	}
	k.doubt(func() { m.places[to], m.uid = true, 0 })
	moved, err := c.Move(imap.UIDSetNum(uid), to).Wait()
	if err != nil {
		return err
	}
	there, _ := moved.DestUIDs.(imap.UIDSet)
	uids, ok := there.Nums()
	if !ok || len(uids) != 1 {
		k.ledger.complain("MOVE of one message gave UIDs %v", moved.DestUIDs)
		return nil
	}
	k.settle(func() { m.places, m.uid = one(to), uids[0] })
	return nil
}

// knows returns what the clerk is certain of, and what it doubts.
func (k *clerk) knows() map[string]kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := map[string]kept{}
	for id, m := range k.kept {
		all[id] = kept{sum: m.sum, places: maps.Clone(m.places), flagged: maps.Clone(m.flagged)}
	}
	return all
}

// clone returns a clerk that knows the same and does nothing.
func (k *clerk) clone() *clerk {
	same := &clerk{who: k.who, kept: map[string]*kept{}}
	for id, m := range k.knows() {
		same.kept[id] = &m
	}
	return same
}

// doubt notes what an act that begins makes uncertain.
func (k *clerk) doubt(fn func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn()
}

// flag sets or takes away a flag.
func (k *clerk) flag(c *imapclient.Client) error {
	m, _, uid, err := k.pick(c, anything)
	if m == nil || err != nil {
		return err
	}
	want, op := true, imap.StoreFlagsAdd
	if m.flagged[true] {
		want, op = false, imap.StoreFlagsDel
	}
	k.doubt(func() { m.flagged[want] = true })
	if err := c.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: op, Flags: []imap.Flag{imap.FlagFlagged}, Silent: true}, nil).Close(); err != nil {
		return err
	}
	k.settle(func() { m.flagged = one(want) })
	return nil
}

// expunge removes a message for good: one of its own, or one whose sender will
// not send it again, which would be filed again by right.
func (k *clerk) expunge(c *imapclient.Client) error {
	m, _, uid, err := k.pick(c, func(id string) bool {
		return rand.IntN(4) == 0 && (k.kept[id].sum != digest{} || k.ledger.isAcknowledged(id))
	})
	if m == nil || err != nil {
		return err
	}
	k.doubt(func() { m.places[nowhere], m.uid = true, 0 })
	if err := c.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}, Silent: true}, nil).Close(); err != nil {
		return err
	}
	if err := c.UIDExpunge(imap.UIDSetNum(uid)).Close(); err != nil {
		return err
	}
	k.settle(func() { m.places = one(nowhere) })
	return nil
}
