package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// Export writes every document of a patient's vault for a key that the patient
// holds, in the form that key's programs read. sink is asked for where to write
// each file; what it is given names nobody.
func (h *Hub) Export(ctx context.Context, operator string, a ident.Address, to *keyring.Recipient, sink func(name string) (io.WriteCloser, error)) (n int, err error) {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return 0, err
	}
	key, err := h.unlock(ctx, part)
	if err != nil {
		return 0, err
	}
	defer h.keys.forget(part)
	if err := h.note(ctx, part, byOperator(operator, "export", to.Fingerprint())); err != nil {
		return 0, err
	}
	err = h.view(ctx, part, func(r store.Reader) error {
		for d, err := range vault.Documents(r, h.scope(part), key, 1) {
			if err != nil {
				return err
			}
			waits := d.Flags.Has(vault.HiddenFromPatient) && h.Now().Before(announcedAt(d.Entry.Filed))
			if waits || d.Flags.Has(vault.Deleted) {
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
