package imapd

import (
	"bytes"
	"context"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	mail "vaguemestre/internal/message"
)

// A search asks its criterion in rounds, each of a source that costs more than
// the one before, and only about messages that are still in doubt: what the
// folder knows, the entries, the texts, the headers as they came.
type search struct {
	se     *session
	tree   node
	leaves []*leaf
	found  []candidate
}

// A candidate is a message with what is known of it.
type candidate struct {
	target
	known []truth // per leaf
}

// Search implements imapserver.Session (RFC 9051 §6.4.4, RFC 4731, RFC 5182).
func (se *session) Search(kind imapserver.NumKind, c *imap.SearchCriteria, o *imap.SearchOptions) (*imap.SearchData, error) {
	ctx, cancel := se.command()
	defer cancel()
	s := &search{se: se}
	p := compiler{s: s, v: se.view, saved: se.saved}
	var err error
	if s.tree, err = p.and(c, 0); err != nil {
		return nil, err
	}
	if err := s.run(ctx); err != nil {
		if o.ReturnSave {
			se.saved = nil // RFC 5182 §2.1: a search that fails saves nothing
		}
		return nil, se.reply(err)
	}
	return s.result(kind, o), nil
}

// run decides on every message the client knows.
func (s *search) run(ctx context.Context) error {
	all := s.se.view.targets(imap.SeqSet{{Start: 1, Stop: 0}}, nil)
	facts := make([]truth, len(s.leaves)*len(all))
	s.found = make([]candidate, len(all))
	for i, t := range all {
		s.found[i] = candidate{t, facts[i*len(s.leaves) : (i+1)*len(s.leaves)]}
	}
	rounds := []func(context.Context, []*candidate) error{s.askFolder, s.askEntries, s.askBodies, s.askTexts, s.askHeaders}
	for source, ask := range rounds {
		if !slices.ContainsFunc(s.leaves, func(l *leaf) bool { return int(l.source) == source }) {
			continue
		}
		open := s.open()
		if len(open) == 0 {
			break
		}
		if err := ask(ctx, open); err != nil {
			return err
		}
	}
	return nil
}

// open returns the candidates in doubt.
func (s *search) open() []*candidate {
	var open []*candidate
	for i := range s.found {
		if s.tree.eval(s.found[i].known) == unknown {
			open = append(open, &s.found[i])
		}
	}
	return open
}

func (s *search) askFolder(_ context.Context, open []*candidate) error {
	for _, c := range open {
		for i, l := range s.leaves {
			if l.source == fromFolder {
				c.known[i] = truthOf(l.fact(c.target))
			}
		}
	}
	return nil
}

func (s *search) askEntries(ctx context.Context, open []*candidate) error {
	i := 0
	for e, err := range s.se.box.Entries(ctx, s.se.folder.ID, uidsOfCandidates(open)) {
		if err != nil {
			return err
		}
		if i = seek(open, i, e.UID); i == len(open) || open[i].uid != e.UID {
			continue
		}
		for j, l := range s.leaves {
			if l.source == fromEntry {
				open[i].known[j] = truthOf(l.entry(e))
			}
		}
	}
	return nil
}

func (s *search) askBodies(ctx context.Context, open []*candidate) error {
	return s.ask(ctx, open, fromBody, false)
}

func (s *search) askTexts(ctx context.Context, open []*candidate) error {
	return s.ask(ctx, open, fromText, true)
}

func (s *search) ask(ctx context.Context, open []*candidate, from source, header bool) error {
	i := 0
	for t, err := range s.se.box.Texts(ctx, s.se.folder.ID, uidsOfCandidates(open), header) {
		if err != nil {
			return err
		}
		if i = seek(open, i, t.UID); i == len(open) || open[i].uid != t.UID {
			continue
		}
		for j, l := range s.leaves {
			if l.source == from {
				open[i].known[j] = truthOf(l.text(t.Text))
			}
		}
	}
	return nil
}

// askHeaders reads the headers of messages, for fields no entry has.
func (s *search) askHeaders(ctx context.Context, open []*candidate) error {
	i := 0
	for e, err := range s.se.box.Entries(ctx, s.se.folder.ID, uidsOfCandidates(open)) {
		if err != nil {
			return err
		}
		if i = seek(open, i, e.UID); i == len(open) || open[i].uid != e.UID {
			continue
		}
		h, err := s.header(ctx, e)
		if fault.Of(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		for j, l := range s.leaves {
			if l.source == fromHeader {
				open[i].known[j] = truthOf(l.header(h))
			}
		}
	}
	return nil
}

func (s *search) header(ctx context.Context, e *mailbox.Entry) (mail.Header, error) {
	off, n, _ := e.Structure.Section(nil, mail.SectionHeader)
	c, err := s.se.box.Content(ctx, s.se.folder.ID, e.UID)
	if err != nil {
		return mail.Header{}, err
	}
	var b bytes.Buffer
	err = c.ReadRange(&b, off, min(n, maxHeader, c.Size()))
	return mail.ParseHeader(b.Bytes()), err
}

// seek returns the first index from i whose UID is not below uid.
func seek(cs []*candidate, i int, uid mailbox.UID) int {
	for i < len(cs) && cs[i].uid < uid {
		i++
	}
	return i
}

func uidsOfCandidates(cs []*candidate) []mailbox.UID {
	uids := make([]mailbox.UID, len(cs))
	for i, c := range cs {
		uids[i] = c.uid
	}
	return uids
}

// result gives the answer its form. A message still in doubt has left, and
// does not match.
func (s *search) result(kind imapserver.NumKind, o *imap.SearchOptions) *imap.SearchData {
	var seqs imap.SeqSet
	var uids imap.UIDSet
	var matches []mailbox.UID
	data := &imap.SearchData{}
	for _, c := range s.found {
		if s.tree.eval(c.known) != yes {
			continue
		}
		n := c.seq
		if kind == imapserver.NumKindUID {
			n = uint32(c.uid)
			uids.AddNum(imap.UID(n))
		} else {
			seqs.AddNum(n)
		}
		if data.Count++; data.Count == 1 {
			data.Min = n
		}
		data.Max = n
		matches = append(matches, c.uid)
	}
	data.All = seqs
	if kind == imapserver.NumKindUID {
		data.All = uids
	}
	if o.ReturnSave {
		s.se.saved = saved(matches, o)
	}
	return data
}

// saved is what "$" stands for afterwards: with MIN or MAX and nothing more,
// those only (RFC 5182 §2.4).
func saved(matches []mailbox.UID, o *imap.SearchOptions) []mailbox.UID {
	if o.ReturnAll || o.ReturnCount || len(matches) == 0 {
		return matches
	}
	var some []mailbox.UID
	if o.ReturnMin {
		some = append(some, matches[0])
	}
	if o.ReturnMax {
		some = append(some, matches[len(matches)-1])
	}
	return slices.Compact(some)
}
