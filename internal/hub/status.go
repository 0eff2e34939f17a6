package hub

import (
	"context"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

// Status is what an operator sees of the hub: figures, no names.
type Status struct {
	Sealed     bool
	Mailboxes  map[directory.BALKind]int
	Spaces     map[string]int // by state
	Messages   int
	Bytes      int64
	Waiting    int // partitions with answers to carry
	TrailTotal uint64
}

// Status counts what is in the hub. It reads every partition.
func (h *Hub) Status(ctx context.Context) (Status, error) {
	st := Status{Sealed: h.Sealed(), Mailboxes: map[directory.BALKind]int{}, Spaces: map[string]int{}}
	err := h.eachOwner(ctx, func(part store.Part, r store.Reader) error {
		s := h.scope(part)
		b, _, err := directory.Load(r, s)
		if err != nil {
			return err
		}
		st.Mailboxes[b.Kind]++
		sp, ok, err := patient.Load(r, s)
		if err != nil {
			return err
		}
		if ok {
			st.Spaces[patient.StateName(sp.State)]++
		}
		bytes, n, err := mailbox.Usage(r)
		if err != nil {
			return err
		}
		st.Bytes += bytes
		st.Messages += int(n)
		lines, err := outbox.Lines(r, s)
		if err != nil {
			return err
		}
		if len(lines) > 0 {
			st.Waiting++
		}
		head, err := audit.Head(r, s)
		st.TrailTotal += head.Count
		return err
	})
	return st, err
}
