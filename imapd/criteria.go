package imapd

import (
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"vaguemestre/internal/mailbox"
	mail "vaguemestre/internal/message"
)

// A truth is an answer that may not be known yet.
type truth uint8

const (
	unknown truth = iota
	yes
	noMatch
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return noMatch
}

// A source is where the answer to a leaf comes from, cheapest first.
type source int

const (
	fromFolder source = iota // flags, dates, sizes, numbers
	fromEntry                // the envelope
	fromBody                 // the text
	fromText                 // the text and the header
	fromHeader               // the header as it came
)

// A leaf is one search key. One of its functions is set, by its source.
type leaf struct {
	source source
	fact   func(target) bool
	entry  func(*mailbox.Entry) bool
	text   func(string) bool
	header func(mail.Header) bool
}

// A node combines leaves: one leaf, or all of, any of, or none of its nodes.
type node struct {
	op    op
	leaf  int
	nodes []node
}

type op uint8

const (
	allOf op = iota
	anyOf
	noneOf
	isLeaf
)

// eval answers from what is known; unknown means that it depends.
func (n node) eval(known []truth) truth {
	switch n.op {
	case isLeaf:
		return known[n.leaf]
	case allOf:
		return n.every(known, yes, noMatch)
	case anyOf:
		return n.every(known, noMatch, yes)
	default: // noneOf
		switch n.every(known, noMatch, yes) {
		case yes:
			return noMatch
		case noMatch:
			return yes
		}
		return unknown
	}
}

// every returns same if every node is same, other if one is other.
func (n node) every(known []truth, same, other truth) truth {
	result := same
	for _, c := range n.nodes {
		switch c.eval(known) {
		case other:
			return other
		case unknown:
			result = unknown
		}
	}
	return result
}

// Limits of a criterion, so that it costs no more than its mailbox.
const (
	maxLeaves = 200
	maxDepth  = 100
)

// A compiler makes the tree of a criterion.
type compiler struct {
	s     *search
	v     *view
	saved []mailbox.UID
}

func (p *compiler) and(c *imap.SearchCriteria, depth int) (node, error) {
	n := node{op: allOf}
	if depth > maxDepth {
		return n, errComplex
	}
	add := func(l leaf) {
		n.nodes = append(n.nodes, node{op: isLeaf, leaf: len(p.s.leaves)})
		p.s.leaves = append(p.s.leaves, &l)
	}
	p.facts(c, add)
	for _, h := range c.Header {
		add(headerLeaf(h.Key, mail.Fold(h.Value)))
	}
	sentDates(c, add)
	for _, b := range c.Body {
		add(leaf{source: fromBody, text: contains(b)})
	}
	for _, t := range c.Text {
		add(leaf{source: fromText, text: contains(t)})
	}
	for i := range c.Not {
		inner, err := p.and(&c.Not[i], depth+1)
		if err != nil {
			return n, err
		}
		n.nodes = append(n.nodes, node{op: noneOf, nodes: []node{inner}})
	}
	for i := range c.Or {
		either := node{op: anyOf}
		for j := range c.Or[i] {
			inner, err := p.and(&c.Or[i][j], depth+1)
			if err != nil {
				return n, err
			}
			either.nodes = append(either.nodes, inner)
		}
		n.nodes = append(n.nodes, either)
	}
	if len(p.s.leaves) > maxLeaves {
		return n, errComplex
	}
	return n, nil
}

// facts adds what the folder itself can answer.
func (p *compiler) facts(c *imap.SearchCriteria, add func(leaf)) {
	fact := func(f func(target) bool) { add(leaf{source: fromFolder, fact: f}) }
	for _, set := range c.SeqNum {
		in := p.members(set)
		fact(func(t target) bool { return in[t.uid] })
	}
	for _, set := range c.UID {
		in := p.members(set)
		fact(func(t target) bool { return in[t.uid] })
	}
	for _, name := range c.Flag {
		fact(func(t target) bool { return hasFlag(t.flags, name) })
	}
	for _, name := range c.NotFlag {
		fact(func(t target) bool { return !hasFlag(t.flags, name) })
	}
	if c.Larger > 0 {
		fact(func(t target) bool { return int64(t.size) > c.Larger })
	}
	if c.Smaller > 0 {
		fact(func(t target) bool { return int64(t.size) < c.Smaller })
	}
	if !c.Since.IsZero() {
		fact(func(t target) bool { return !day(t.date()).Before(day(c.Since)) })
	}
	if !c.Before.IsZero() {
		fact(func(t target) bool { return day(t.date()).Before(day(c.Before)) })
	}
}

func (p *compiler) members(set imap.NumSet) map[mailbox.UID]bool {
	in := map[mailbox.UID]bool{}
	for _, t := range p.v.targets(set, p.saved) {
		in[t.uid] = true
	}
	return in
}

func sentDates(c *imap.SearchCriteria, add func(leaf)) {
	date := func(f func(time.Time) bool) {
		add(leaf{source: fromEntry, entry: func(e *mailbox.Entry) bool {
			d := e.Envelope.Date
			if d.IsZero() {
				d = e.Received
			}
			return f(day(d))
		}})
	}
	if !c.SentSince.IsZero() {
		date(func(d time.Time) bool { return !d.Before(day(c.SentSince)) })
	}
	if !c.SentBefore.IsZero() {
		date(func(d time.Time) bool { return d.Before(day(c.SentBefore)) })
	}
}

// day is the date of t where it was written, without time and zone
// (RFC 9051 §6.4.4).
func day(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func contains(s string) func(string) bool {
	folded := mail.Fold(s)
	return func(text string) bool { return strings.Contains(text, folded) }
}

// headerLeaf looks for folded text in a field, or for the field if the text is
// empty: in the envelope where that has it, else in the header as it came.
func headerLeaf(field, folded string) leaf {
	value := envelopeField(strings.ToLower(field))
	if value == nil || folded == "" {
		return leaf{source: fromHeader, header: func(h mail.Header) bool {
			for _, v := range h.All(field) {
				if strings.Contains(mail.Fold(v), folded) {
					return true
				}
			}
			return false
		}}
	}
	return leaf{source: fromEntry, entry: func(e *mailbox.Entry) bool {
		return strings.Contains(mail.Fold(value(&e.Envelope)), folded)
	}}
}

// envelopeField returns how to read a field from an envelope; nil if it is not
// in there as written. Sender and Reply-To are not: an envelope has From in
// their place.
func envelopeField(name string) func(*mail.Envelope) string {
	switch name {
	case "subject":
		return func(e *mail.Envelope) string { return e.Subject }
	case "date":
		return func(e *mail.Envelope) string { return e.DateText }
	case "message-id":
		return func(e *mail.Envelope) string { return "<" + e.MessageID + ">" }
	case "from":
		return func(e *mail.Envelope) string { return addressText(e.From) }
	case "to":
		return func(e *mail.Envelope) string { return addressText(e.To) }
	case "cc":
		return func(e *mail.Envelope) string { return addressText(e.Cc) }
	case "bcc":
		return func(e *mail.Envelope) string { return addressText(e.Bcc) }
	}
	return nil
}

func addressText(list []mail.Address) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.Name)
		b.WriteString(" <")
		b.WriteString(a.Mailbox)
		if a.Host != "" {
			b.WriteString("@")
			b.WriteString(a.Host)
		}
		b.WriteString(">, ")
	}
	return b.String()
}
