package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/store"
)

// Who of those who share a mailbox sees to a thread, so that nobody answers twice
// and nothing is left to the others. It is a keyword on its messages, which mail
// programs see too, with a member's opaque ID.

const chargeFlag = "$charge."

// A Charge is who sees to a thread in a shared mailbox.
type Charge struct {
	Name string // of a member; "": nobody does
	Own  bool   // the person who asks does
}

// TakeCharge has the person who acts in a shared mailbox see to a thread, in place
// of whoever did; if not on, nobody sees to it any more. In a mailbox of one's own
// it is fault.NotFound.
func (h *Hub) TakeCharge(ctx context.Context, a Actor, id MessageID, on bool) error {
	if a.Member == nil {
		return fmt.Errorf("hub: charge: the mailbox is one's own: %w", fault.NotFound)
	}
	return h.atDesk(ctx, a, func(d *desk) error {
		x, err := d.threads(ctx)
		if err != nil {
			return err
		}
		_, t, err := x.find(id)
		if err != nil {
			return err
		}
		own := ""
		if on {
			own = chargeFlag + directory.Member{RPPS: a.Member.RPPS}.ID(h.scope(a.Part))
		}
		return d.charge(ctx, t, own)
	})
}

// charge leaves one keyword of those who see to a thread on its messages; none
// if it is "".
func (d *desk) charge(ctx context.Context, t *threadOf, keyword string) error {
	var others []string
	for _, l := range t.messages {
		for _, k := range l.flags.Keywords {
			if k = strings.ToLower(k); strings.HasPrefix(k, chargeFlag) && k != keyword && !slices.Contains(others, k) {
				others = append(others, k)
			}
		}
	}
	places := placesOf(t.messages, func(p place, _ *listed) bool { return p.folder != mailbox.Drafts })
	return d.h.do(ctx, d.actor.Part, func(tx *tx) error {
		tx.note(d.act(audit.ActCharge, string(t.id())))
		for folder, uids := range places {
			if len(others) > 0 {
				if _, err := d.book.SetFlags(tx.Writer, folder, uids, mailbox.RemoveFlags, mailbox.Flags{Keywords: others}); err != nil {
					return err
				}
			}
			if keyword != "" {
				if _, err := d.book.SetFlags(tx.Writer, folder, uids, mailbox.AddFlags, mailbox.Flags{Keywords: []string{keyword}}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// charges returns who may see to the threads of a shared mailbox, by keyword; in
// another there is nobody.
func (d *desk) charges(ctx context.Context) (by map[string]Charge, err error) {
	if d.actor.Member == nil {
		return nil, nil
	}
	by = map[string]Charge{}
	err = d.view(ctx, func(r store.Reader) error {
		s := d.h.scope(d.actor.Part)
		list, err := directory.Members(r, s)
		for _, m := range list {
			by[chargeFlag+m.ID(s)] = Charge{m.Name, m.RPPS == d.actor.Member.RPPS}
		}
		return err
	})
	return by, err
}

// charge is who sees to the thread, of those who do.
func (t *threadOf) charge(by map[string]Charge) (c Charge) {
	if len(by) == 0 {
		return c
	}
	for _, l := range t.messages {
		for _, k := range l.flags.Keywords {
			if one, ok := by[strings.ToLower(k)]; ok {
				c = one
			}
		}
	}
	return c
}
