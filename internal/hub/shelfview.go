package hub

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"vaguemestre/internal/document"
	"vaguemestre/internal/filename"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// viewOf makes the mail that shows a document.
func (m *Mailbox) viewOf(ctx context.Context, d vault.Document) (*sealedMail, error) {
	e := d.Entry
	files := []message.Attachment{{Name: fileName(e), Type: e.MediaType}}
	refs := []vault.Ref{e.Object}
	if e.Rendition != "" {
		files = append(files, message.Attachment{Name: e.RenditionName, Type: "application/pdf"})
		refs = append(refs, e.Rendition)
	}
	err := m.view(ctx, func(r store.Reader) (err error) {
		for i := range files {
			if files[i].Content, err = m.stuff(ctx, r, d, refs[i], files[i].Type); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("hub: document: %w", err)
	}
	raw, err := message.Compose(message.Draft{
		From:        []message.Address{authorOf(e)},
		Date:        e.About(),
		MessageID:   m.shownAs(d.ID),
		Subject:     e.Title,
		Text:        textOf(d, files[0]),
		Attachments: files,
	}, rand.Reader)
	if err != nil {
		return nil, err
	}
	lim := message.Default
	lim.Size = max(lim.Size, int64(len(raw))) // a file unpacked from a zip may be larger than any mail
	mail, err := message.Parse(raw, lim)
	if err != nil {
		return nil, err
	}
	layout, skeleton, cuts := message.Split(mail, func(p *message.Part) bool { return p.Disposition == "attachment" })
	if len(cuts) != len(files) {
		return nil, fmt.Errorf("hub: a document's view has %d files, not %d", len(cuts), len(files))
	}
	cert, err := m.h.certOf(ctx, m.actor.Part)
	if err != nil {
		return nil, err
	}
	v, err := newSealedMail(m.actor.Part, cert)
	if err != nil {
		return nil, err
	}
	v.held = refs
	parts := make([]mailbox.PartRef, len(refs))
	for i, ref := range refs {
		parts[i] = mailbox.PartRef{Ref: string(ref), Key: d.Session.Key()}
	}
	return v, v.finish(mail, layout, skeleton, parts, e.Filed)
}

// shownAs returns the Message-ID of the mail that shows a document.
func (m *Mailbox) shownAs(id string) string { return id + "@" + m.h.Domain }

// stuff returns what the view is composed with in a file's place: the file, if
// there is text in it to be shown, else as many bytes. Only their number
// matters for the rest, since the skeleton holds none of them.
func (m *Mailbox) stuff(ctx context.Context, r store.Reader, d vault.Document, ref vault.Ref, mediaType string) ([]byte, error) {
	switch {
	case ref == d.Entry.Rendition:
		return make([]byte, d.Entry.RenditionSize), nil
	case mediaType == "application/pdf" || strings.HasPrefix(mediaType, "image/"):
		return make([]byte, d.Entry.Size), nil
	}
	return m.h.read(ctx, r, m.actor.Part, d.Session, ref)
}

func authorOf(e vault.Entry) message.Address {
	name := e.Author.Name
	if e.Author.Organisation != "" && e.Author.Organisation != name {
		name = strings.TrimSpace(name + " (" + e.Author.Organisation + ")")
	}
	local, host, _ := strings.Cut(e.Sender, "@")
	return message.Address{Name: name, Mailbox: local, Host: host}
}

// fileName gives a document that has no file name one by its type.
func fileName(e vault.Entry) string {
	if e.FileName != "" {
		return e.FileName
	}
	return "document" + filename.Extension(e.MediaType)
}

// textOf writes the body of the mail that shows a document: what it is, what
// is doubtful of it, and its text if it has one.
func textOf(d vault.Document, file message.Attachment) string {
	var b strings.Builder
	if d.Flags&vault.ToVerify != 0 {
		b.WriteString("Identité à vérifier : les informations d'identité de ce document ne concordent pas entièrement avec les vôtres.\n" +
			"Identity to be verified: the identity in this document does not fully agree with yours.\n")
		for _, r := range d.Entry.Doubts {
			fmt.Fprintf(&b, "- %s / %s\n", document.Reason(r).French(), document.Reason(r).English())
		}
		b.WriteString("\n")
	}
	found, err := document.Find(document.Input{Attachments: []document.Attachment{
		{FileName: file.Name, MediaType: file.Type, Data: file.Content},
	}}, document.Limits{})
	if err == nil && len(found.Documents) == 1 && found.Documents[0].Text != "" {
		b.WriteString(found.Documents[0].Text)
		return b.String()
	}
	fmt.Fprintf(&b, "Le document est en pièce jointe : %s\nThe document is attached: %s\n", file.Name, file.Name)
	return b.String()
}
