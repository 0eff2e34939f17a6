package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"vaguemestre/internal/account"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/conversation"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/owner"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// noteOperator writes what an operator did into the trail of a partition.
func (h *Hub) noteOperator(ctx context.Context, part store.Part, operator, act, object string) error {
	return h.commit(ctx, part, func(t *tx) error {
		t.note(audit.Entry{Actor: operator, Role: "administrator", Act: act, Object: object})
		return nil
	})
}

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

// eachOwner calls fn for every partition that has an owner.
func (h *Hub) eachOwner(ctx context.Context, fn func(store.Part, store.Reader) error) error {
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return err
		}
		err := h.view(ctx, part, func(r store.Reader) error {
			if _, err := owner.Cert(r); err != nil {
				if errors.Is(err, fault.NotFound) {
					return nil
				}
				return err
			}
			return fn(part, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A Finding is something that verification found wrong.
type Finding struct {
	Part string
	What string
}

// A Report is what a verification went through.
type Report struct {
	Partitions, Entries, Messages, Documents, Objects int
	Findings                                          []Finding
}

// VerifyTrails walks every chain there is, and holds it against every
// checkpoint of the journal.
func (h *Hub) VerifyTrails(ctx context.Context) (Report, error) {
	var rep Report
	marks, err := h.marks(ctx)
	if err != nil {
		if fault.Of(err) != fault.Corrupt {
			return rep, err
		}
		rep.Findings = append(rep.Findings, Finding{"journal", err.Error()})
	}
	seen := map[store.Part]bool{}
	for part, err := range h.Store.Parts(ctx) {
		if err != nil {
			return rep, err
		}
		rep.Partitions++
		seen[part] = true
		n, err := h.VerifyTrail(ctx, part, marks[part]...)
		rep.Entries += int(n)
		if err != nil {
			if fault.Of(err) != fault.Corrupt {
				return rep, err
			}
			rep.Findings = append(rep.Findings, Finding{string(part), err.Error()})
		}
	}
	for part := range marks {
		if !seen[part] {
			rep.Findings = append(rep.Findings, Finding{string(part), "audit: the whole partition is missing"})
		}
	}
	return rep, nil
}

// Verify opens everything: every chain, every message and every document with
// every object they are made of. It needs the hub key.
func (h *Hub) Verify(ctx context.Context) (Report, error) {
	rep, err := h.VerifyTrails(ctx)
	if err != nil {
		return rep, err
	}
	var owners []store.Part
	err = h.eachOwner(ctx, func(part store.Part, _ store.Reader) error {
		owners = append(owners, part)
		return nil
	})
	if err != nil {
		return rep, err
	}
	for _, part := range owners {
		err := h.verifyOwner(ctx, part, &rep)
		switch {
		case err == nil:
		case fault.Of(err) == fault.Corrupt, fault.Of(err) == fault.NotFound:
			rep.Findings = append(rep.Findings, Finding{string(part), err.Error()})
		default:
			return rep, err
		}
	}
	return rep, nil
}

func (h *Hub) verifyOwner(ctx context.Context, part store.Part, rep *Report) error {
	b, err := h.take(ctx, part)
	if err != nil {
		return err
	}
	defer h.give(part, b)
	find := func(what string, err error) {
		rep.Findings = append(rep.Findings, Finding{string(part), fmt.Sprintf("%s: %v", what, err)})
	}
	return h.view(ctx, part, func(r store.Reader) error {
		folders, err := b.Folders(r)
		if err != nil {
			return err
		}
		for _, f := range folders {
			if f.NoSelect {
				continue
			}
			for named, err := range b.IDs(r, f.ID) {
				if err != nil {
					return err
				}
				rep.Messages++
				if err := h.verifyMessage(ctx, r, part, b, f.ID, named.UID, rep); err != nil {
					find(fmt.Sprintf("message %d of folder %d", named.UID, f.ID), err)
				}
			}
		}
		for d, err := range vault.Documents(r, part, b.key, 1) {
			if err != nil {
				return err
			}
			rep.Documents++
			for _, ref := range []vault.Ref{d.Entry.Object, d.Entry.Rendition} {
				if ref == "" {
					continue
				}
				rep.Objects++
				if _, err := h.read(ctx, r, part, d.Session, ref); err != nil {
					find(fmt.Sprintf("document %d", d.Seq), err)
				}
			}
		}
		return nil
	})
}

// verifyMessage joins a message and holds it against the size a listing gives.
func (h *Hub) verifyMessage(ctx context.Context, r store.Reader, part store.Part, b *book, f mailbox.FolderID, uid mailbox.UID, rep *Report) error {
	item, session, _, err := b.Item(r, f, uid)
	if err != nil {
		return err
	}
	rep.Objects += len(item.Refs())
	skeleton, err := h.read(ctx, r, part, session, vault.Ref(item.Skeleton))
	if err != nil {
		return err
	}
	n := &counter{}
	err = item.Layout.Join(n, skeleton, func(i int, from int64) (io.ReadCloser, error) {
		content, err := h.readPart(ctx, r, part, session, item.Parts[i])
		if err != nil {
			return nil, err
		}
		return partFrom(content, from), nil
	})
	if err == nil && n.n != item.Layout.Size() {
		err = fmt.Errorf("hub: %d bytes, not %d: %w", n.n, item.Layout.Size(), fault.Corrupt)
	}
	return err
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// Export writes every document of a patient's vault for a key that the patient
// holds, in the form that key's programs read. sink is asked for where to write
// each file; what it is given names nobody.
func (h *Hub) Export(ctx context.Context, operator string, a ident.Address, to *keyring.Recipient, sink func(name string) (io.WriteCloser, error)) (n int, err error) {
	part, known, err := h.find(ctx, a)
	if err != nil || !known {
		return 0, errors.Join(err, fmt.Errorf("hub: export: %w", fault.NotFound))
	}
	key, err := h.unlock(ctx, part)
	if err != nil {
		return 0, err
	}
	if err := h.noteOperator(ctx, part, operator, "export", to.Fingerprint()); err != nil {
		return 0, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		for d, err := range vault.Documents(r, part, key, 1) {
			if err != nil {
				return err
			}
			if d.Flags&(vault.HiddenFromPatient|vault.Deleted) != 0 {
				continue
			}
			if err := h.exportOne(ctx, r, part, d, to, sink); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

func (h *Hub) exportOne(ctx context.Context, r store.Reader, part store.Part, d vault.Document, to *keyring.Recipient, sink func(string) (io.WriteCloser, error)) error {
	content, err := h.read(ctx, r, part, d.Session, d.Entry.Object)
	if err != nil {
		return err
	}
	w, err := sink(fmt.Sprintf("%04d.pgp", d.Seq))
	if err != nil {
		return err
	}
	return errors.Join(keyring.Export(w, to, fileName(d.Entry), bytes.NewReader(content)), w.Close())
}

// Erase makes everything an owner has unreadable for ever, by destroying one
// secret, and then removes it. The trail alone stays, readable by the escrow.
func (h *Hub) Erase(ctx context.Context, operator string, a ident.Address) error {
	part, known, err := h.find(ctx, a)
	if err != nil || !known {
		return errors.Join(err, fmt.Errorf("hub: erase: %w", fault.NotFound))
	}
	if h.Sealed() {
		return fmt.Errorf("hub: erase: %w", fault.Sealed)
	}
	if err := h.Erasure.Destroy(part); err != nil {
		return fmt.Errorf("hub: erase: %w", err)
	}
	h.keys.forget(part)
	h.certs.forget(part)
	err = h.do(ctx, part, func(t *tx) error {
		t.note(audit.Entry{Actor: operator, Act: "erase"})
		for _, erase := range erasers {
			if err := erase(t.Writer); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := h.deleteBlobs(ctx, part); err != nil {
		return err
	}
	// Last, so that whatever is interrupted before can be asked for again.
	return h.do(ctx, directory.IndexPart(h.Index, a), func(t *tx) error { return directory.Erase(t) })
}

// erasers remove what each record keeps of an owner. The trail is not among
// them: it has its own legal time.
var erasers = []func(store.Writer) error{
	account.Erase, conversation.Erase, directory.Erase, mailbox.Erase, outbox.Erase, owner.Erase, patient.Erase, vault.Erase,
}
