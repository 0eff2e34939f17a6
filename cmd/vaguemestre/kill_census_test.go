package main

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"vaguemestre/internal/message"
)

// A census reads everything back by IMAP and holds it against what the clients
// know for certain.
type census struct {
	ledger *ledger
	clerks []*clerk
	kept   map[string]map[string]kept // what the clerks know, by address and Message-ID

	uids map[spot]string // what a UID has named, for ever
	read map[spot]bool   // bodies that were right in an earlier census

	lost, twice, damaged int
	messages, documents  int // of the last census
	told                 int
}

// A spot is the place of one message, for ever.
type spot struct {
	address, folder string
	validity        uint32
	uid             imap.UID
}

func newCensus(l *ledger, clerks ...*clerk) *census {
	return &census{ledger: l, clerks: clerks, kept: map[string]map[string]kept{}, uids: map[spot]string{}, read: map[spot]bool{}}
}

// mostTold bounds how many findings are printed.
const mostTold = 40

func (c *census) wrong(t *testing.T, format string, args ...any) {
	t.Helper()
	if c.told++; c.told <= mostTold {
		t.Errorf(format, args...)
	} else {
		t.Fail()
	}
}

// take reads every mailbox. Nobody else must be at work. With all, bodies that
// an earlier census has read are read again, and every document.
func (c *census) take(t *testing.T, v *victim, all bool) {
	t.Helper()
	if all {
		clear(c.read)
	}
	c.messages, c.documents = 0, 0
	for _, k := range c.clerks {
		c.kept[k.who.address] = k.knows()
	}
	for _, address := range slices.Sorted(maps.Keys(v.people)) {
		who := v.people[address]
		in, err := openMailbox(t.Context(), v.at, who)
		if err != nil {
			t.Fatalf("census: %v\n%s", err, v.lastWords())
		}
		c.takeMailbox(t, in, who)
		if all && who.role == rolePatient {
			c.takeShelves(t, in, who)
		}
		in.Close()
	}
	if c.told > mostTold {
		t.Errorf("… and %d findings more", c.told-mostTold)
	}
}

// A sighting is one message that a census found.
type sighting struct {
	folder  string
	flagged bool
}

// arrivals is how long answers may take to their mailboxes after a start.
const arrivals = 20 * time.Second

func (c *census) takeMailbox(t *testing.T, in *imapclient.Client, who person) {
	t.Helper()
	var there map[string][]sighting
	for until := time.Now().Add(arrivals); ; time.Sleep(100 * time.Millisecond) {
		there = map[string][]sighting{}
		for _, f := range folders {
			c.takeFolder(t, in, who, f, there)
		}
		if !c.answersMissing(who, there) || time.Now().After(until) {
			break
		}
	}
	for id, copies := range there {
		c.messages += len(copies)
		if len(copies) > 1 {
			c.twice++
			c.wrong(t, "%s has %s %d times: %v", who.address, c.name(id), len(copies), copies)
		}
	}
	c.hold(t, who, there)
}

// answersMissing reports whether an acknowledged answer may still be on its
// way: its 250 says that it will arrive, not that it has.
func (c *census) answersMissing(who person, there map[string][]sighting) bool {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	for id, p := range c.ledger.mails {
		if p.from.role == rolePatient && p.acknowledged && concerns(p, who) && len(there[id]) == 0 && !c.isKept(who, id) {
			return true
		}
	}
	return false
}

func concerns(p *posted, who person) bool {
	return slices.ContainsFunc(p.to, func(to person) bool { return to.address == who.address })
}

func (c *census) isKept(who person, id string) bool {
	_, ok := c.kept[who.address][id]
	return ok
}

func (c *census) name(id string) string {
	if p := c.ledger.mails[id]; p != nil {
		return fmt.Sprintf("%s (%s, acknowledged %v, tries %d)", id, p.shape, p.acknowledged, p.tries)
	}
	return id
}

// hold compares what is in a mailbox with what must and may be there.
func (c *census) hold(t *testing.T, who person, there map[string][]sighting) {
	t.Helper()
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	for id := range there {
		if p := c.ledger.mails[id]; (p == nil || !concerns(p, who)) && !c.isKept(who, id) {
			c.wrong(t, "%s has %s, which nobody sent there", who.address, c.name(id))
		}
	}
	for id, p := range c.ledger.mails {
		if concerns(p, who) && p.acknowledged && len(there[id]) == 0 && !c.isKept(who, id) {
			c.lost++
			c.wrong(t, "%s lacks %s", who.address, c.name(id))
		}
	}
	for id, m := range c.kept[who.address] {
		at := sighting{folder: nowhere}
		if len(there[id]) > 0 {
			at = there[id][0]
		}
		switch {
		case !m.places[at.folder]:
			c.lost++
			c.wrong(t, "%s: %s is in %q, not in one of %v", who.address, c.name(id), at.folder, m.places)
		case at.folder != nowhere && !m.flagged[at.flagged]:
			c.lost++
			c.wrong(t, "%s: flag of %s is %v, not one of %v", who.address, c.name(id), at.flagged, m.flagged)
		}
	}
}

// takeFolder adds what is in a folder, and reads the bodies that no census has
// read yet.
func (c *census) takeFolder(t *testing.T, in *imapclient.Client, who person, folder string, there map[string][]sighting) {
	t.Helper()
	selected, err := in.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if selected.NumMessages == 0 {
		return
	}
	var all, unread imap.UIDSet
	all.AddRange(1, 0)
	list, err := in.Fetch(all, &imap.FetchOptions{UID: true, Flags: true, Envelope: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	if uint32(len(list)) != selected.NumMessages {
		c.wrong(t, "%s: %s lists %d messages of %d", who.address, folder, len(list), selected.NumMessages)
	}
	for _, m := range list {
		id := m.Envelope.MessageID
		there[id] = append(there[id], sighting{folder, slices.Contains(m.Flags, imap.FlagFlagged)})
		at := spot{who.address, folder, selected.UIDValidity, m.UID}
		if old, ok := c.uids[at]; ok && old != id {
			c.wrong(t, "%s: UID %d of %s named %s and names %s now", who.address, m.UID, folder, old, id)
		}
		c.uids[at] = id
		if !c.read[at] {
			unread.AddNum(m.UID)
		}
	}
	c.readBodies(t, in, who, folder, selected.UIDValidity, unread)
}

// readBodies compares messages with what was submitted, byte for byte.
func (c *census) readBodies(t *testing.T, in *imapclient.Client, who person, folder string, validity uint32, uids imap.UIDSet) {
	t.Helper()
	if len(uids) == 0 {
		return
	}
	eachBody(t, in, uids, func(uid imap.UID, body []byte) {
		at := spot{who.address, folder, validity, uid}
		id := c.uids[at]
		want, got := digest{}, digest{}
		c.ledger.mu.Lock()
		if p := c.ledger.mails[id]; p != nil {
			want, got = p.sum, sumOfDelivered(body)
		} else if m, ok := c.kept[who.address][id]; ok {
			want, got = m.sum, sha256.Sum256(body)
		}
		c.ledger.mu.Unlock()
		if got != want {
			c.damaged++
			c.wrong(t, "%s: the %d bytes of %s are not those that were submitted", who.address, len(body), c.name(id))
			return
		}
		c.read[at] = true
	})
}

// eachBody reads whole messages of the folder that is selected, one at a time.
func eachBody(t *testing.T, in *imapclient.Client, uids imap.UIDSet, fn func(imap.UID, []byte)) {
	t.Helper()
	whole := &imap.FetchItemBodySection{Peek: true}
	cmd := in.Fetch(uids, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{whole}})
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		b, err := m.Collect()
		if err != nil {
			t.Fatal(err)
		}
		fn(b.UID, b.FindBodySection(whole))
	}
	if err := cmd.Close(); err != nil {
		t.Fatal(err)
	}
}

// takeShelves reads every document that a patient's vault shows: each that was
// acknowledged once, no other twice.
func (c *census) takeShelves(t *testing.T, in *imapclient.Client, who person) {
	t.Helper()
	list, err := in.List("", "Documents/*", nil).Collect()
	if err != nil {
		t.Fatal(err)
	}
	there := map[digest]int{}
	for _, f := range list {
		selected, err := in.Select(f.Mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		if selected.NumMessages == 0 {
			continue
		}
		var all imap.UIDSet
		all.AddRange(1, 0)
		eachBody(t, in, all, func(uid imap.UID, body []byte) {
			c.documents++
			sum := c.documentIn(body)
			if there[sum]++; sum == (digest{}) {
				c.wrong(t, "%s: document %d of %s is none that was sent", who.address, uid, f.Mailbox)
			}
		})
	}
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	for sum, p := range c.ledger.files {
		switch n := there[sum]; {
		case n > 1:
			c.twice++
			c.wrong(t, "%s has the document of %s %d times", who.address, c.name(p.id), n)
		case n == 0 && p.acknowledged && concerns(p, who):
			c.lost++
			c.wrong(t, "%s lacks the document of %s", who.address, c.name(p.id))
		case n == 1 && !concerns(p, who):
			c.wrong(t, "%s has the document of %s, which went to others", who.address, c.name(p.id))
		}
	}
}

// documentIn returns the digest of the attachment that is a document which was
// sent, zero if none is.
func (c *census) documentIn(body []byte) (sum digest) {
	mail, err := message.Parse(body, message.Default)
	if err != nil {
		return sum
	}
	mail.Root.Walk(func(p *message.Part) bool {
		if p.IsLeaf() && !strings.HasPrefix(p.MediaType(), "multipart/") {
			b, err := p.Decoded(mail.Raw, 64<<20)
			c.ledger.mu.Lock()
			if d := digest(sha256.Sum256(b)); err == nil && c.ledger.files[d] != nil {
				sum = d
			}
			c.ledger.mu.Unlock()
		}
		return true
	})
	return sum
}
