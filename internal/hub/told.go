package hub

import (
	"context"
	"slices"
	"time"

	"vaguemestre/internal/dsn"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// Told is what became of a message that was sent, for one of those it went to.
type Told struct {
	State TellState
	Who   Correspondent
	At    time.Time
	Why   string // what the other system says, of one that failed; may be empty
	ID    MessageID
}

// A TellState is how far a message has come.
type TellState string

// The states.
const (
	WasDelivered  TellState = "delivered"
	WasRelayed    TellState = "relayed"
	IsDelayed     TellState = "delayed"
	HasFailed     TellState = "failed"
	WasRead       TellState = "read"
	WasIntegrated TellState = "integrated"
	WasRefused    TellState = "refused" // by a system that could not integrate a document
	WasDeleted    TellState = "deleted"
	WasForwarded  TellState = "forwarded"
)

// maxTold bounds the notices that are read for one page: anybody who has a mail may
// send as many about it as they like.
const maxTold = 200

// tell puts the notices of a thread under the messages they speak of; of very many,
// the newest.
func (d *desk) tell(ctx context.Context, x *threadIndex, messages []Message, of, notices []*listed) error {
	for _, n := range notices[max(0, len(notices)-maxTold):] {
		i := slices.IndexFunc(of, func(l *listed) bool { return l.name != "" && l.kind == aMessage && slices.Contains(n.refs, l.name) })
		if i < 0 || len(messages[i].Told) >= maxTold {
			continue
		}
		told, err := d.told(ctx, x, n)
		if err != nil {
			return err
		}
		messages[i].Told = append(messages[i].Told, told...)
	}
	return nil
}

// told reads one notice.
func (d *desk) told(ctx context.Context, x *threadIndex, n *listed) ([]Told, error) {
	p, err := d.take(ctx, n)
	if err != nil {
		return nil, err
	}
	var list []Told
	p.mail.Root.Walk(func(q *message.Part) bool {
		var content []byte
		if q.Type == "message" && q.IsLeaf() {
			content, err = q.Decoded(p.mail.Raw, maxNotice)
		}
		if err != nil {
			return false
		}
		switch q.Subtype {
		case "delivery-status":
			for _, r := range dsn.ReadDelivery(content) {
				list = append(list, Told{State: ofAction[r.Action], Who: Correspondent{Address: r.Address}, Why: r.Diagnostic})
			}
		case "disposition-notification":
			if r, ok := dsn.ReadDisposition(content); ok {
				list = append(list, Told{State: ofDisposition[r.Type], Who: Correspondent{Address: r.FinalRecipient}})
				if r.Failure != nil {
					list[len(list)-1].State, list[len(list)-1].Why = WasRefused, r.Failure.Code+" "+r.Failure.Label
				}
			}
		}
		return q.Message == nil
	})
	if len(list) == 0 { // it says so in other words: they are in the message itself
		list = []Told{{State: HasFailed, Who: Correspondent{Address: n.from.Spec()}}}
		if n.kind == aReceipt {
			list[0].State = WasDelivered
		}
	}
	for i := range list {
		list[i].At, list[i].ID = n.received, n.id
		if list[i].Who, err = d.h.correspondent(ctx, x.known(addressIn(list[i].Who.Address))); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// maxNotice bounds the part of a notice that programs read.
const maxNotice = 64 << 10

func addressIn(s string) message.Address {
	a, err := ident.ParseAddress(s)
	if err != nil {
		return message.Address{Mailbox: s}
	}
	return message.Address{Mailbox: a.Local(), Host: a.Domain()}
}

var ofAction = map[dsn.Action]TellState{
	dsn.Delivered: WasDelivered, dsn.Relayed: WasRelayed, dsn.Delayed: IsDelayed, dsn.Failed: HasFailed,
}

var ofDisposition = map[dsn.DispositionType]TellState{
	dsn.Displayed: WasRead, dsn.Processed: WasIntegrated, dsn.Deleted: WasDeleted, dsn.Dispatched: WasForwarded,
}

// decision is what policy says, without effect, of a message from the owner to an
// address.
func (d *desk) decision(ctx context.Context, to message.Address) (policy.Decision, error) {
	never := policy.Decision{Rule: policy.DefaultDeny}
	a, err := ident.ParseAddress(to.Spec())
	if err != nil {
		return never, nil
	}
	whom, err := d.h.locate(ctx, a)
	if err != nil {
		return never, nil
	}
	if err := d.h.view(ctx, whom.Part, func(r store.Reader) error { return d.h.load(r, &whom) }); err != nil {
		return never, err
	}
	decided, _, err := d.h.mayWrite(ctx, d.actor, whom)
	if err == nil && decided.Allow && !whom.Known {
		decided = never
	}
	return decided, err
}
