package hub

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// A sealedMail is a mail and its documents, sealed to one owner: what only that
// owner's key opens.
type sealedMail struct {
	part    store.Part
	session *keyring.Session // of the message
	actor   Actor
	rule    string // that let the documents be filed

	filing    mailbox.Filing
	objects   []vault.Object
	small     int // bytes of those that are kept beside the metadata
	documents []sealedDocument
	held      []vault.Ref // objects of others that the mail holds too
}

// A sealedDocument is a document sealed to one owner.
type sealedDocument struct {
	entry   vault.Entry
	flags   vault.Flags
	session *keyring.Session
	wraps   []byte

	object, rendition int         // the cuts of the mail that it shares; -1 for none
	shared            []vault.Ref // objects the mail holds too
	own               []vault.Ref // objects that are the document's alone
}

// newSealedMail begins to seal a mail to an owner.
func newSealedMail(part store.Part, cert *keyring.Cert) (*sealedMail, error) {
	session, wraps, err := keyring.NewSession(cert)
	if err != nil {
		return nil, fmt.Errorf("hub: seal: %w", err)
	}
	return &sealedMail{part: part, session: session, filing: mailbox.Filing{ID: vault.NewID(), Wraps: wraps}}, nil
}

// maxSmall bounds the small objects of one mail, in bytes: together they pass
// through one transaction, and an answer through one value of the store.
const maxSmall = 192 << 10

// add seals an object with the session k.
func (s *sealedMail) add(k *keyring.Session, content []byte, textLike bool) (vault.Ref, error) {
	o, err := vault.Seal(k, s.part, content, textLike)
	if err != nil {
		return "", err
	}
	if o.Ref.Inline() {
		if s.small+len(o.Sealed) > maxSmall {
			o = o.Externalise()
		} else {
			s.small += len(o.Sealed)
		}
	}
	s.objects = append(s.objects, o)
	return o.Ref, nil
}

// finish seals the skeleton and what a listing shows of the mail.
func (s *sealedMail) finish(mail *message.Mail, layout message.Layout, skeleton []byte, parts []mailbox.PartRef, received time.Time) error {
	ref, err := s.add(s.session, skeleton, true)
	if err != nil {
		return err
	}
	s.filing.Received, s.filing.Size = received, int64(len(mail.Raw))
	s.filing.Sealed = mailbox.SealItem(s.session, s.part, s.filing.ID, &mailbox.Item{
		Envelope: mail.Envelope(), Structure: *mail.Structure(), Layout: layout, Skeleton: string(ref), Parts: parts,
	})
	return nil
}

// keep writes the small objects into a transaction.
func (s *sealedMail) keep(w store.Writer) {
	for _, o := range s.objects {
		if o.Ref.Inline() {
			vault.Keep(w, o)
		}
	}
}

// seal seals a mail to an addressee, and its documents if that is a patient.
func (h *Hub) seal(p *parcel, to addressee) (*sealedMail, error) {
	s, err := newSealedMail(to.Part, to.Cert)
	if err != nil {
		return nil, err
	}
	s.actor = p.Actor
	s.filing.Mark = h.mark(p, to.Part)
	keys := make([]*keyring.Session, len(p.cuts)) // of the parts that are documents
	if to.Patient {
		if err := h.sealDocuments(p, to.Cert, s, keys); err != nil {
			return nil, err
		}
	}
	refs := make([]vault.Ref, len(p.cuts))
	parts := make([]mailbox.PartRef, len(p.cuts))
	for i, c := range p.cuts {
		k := keys[i]
		if k != nil {
			parts[i].Key = k.Key()
		} else {
			k = s.session
		}
		if refs[i], err = s.add(k, c.Decoded, isTextLike(c.Part)); err != nil {
			return nil, err
		}
		parts[i].Ref = string(refs[i])
	}
	s.share(refs)
	return s, s.finish(p.mail, p.layout, p.skeleton, parts, p.receipt.Time)
}

// sealOwn seals a mail of the owner's own, which carries no trace and makes no
// document.
func (h *Hub) sealOwn(a Actor, cert *keyring.Cert, raw []byte, received time.Time) (*sealedMail, error) {
	s, err := newSealedMail(a.Part, cert)
	if err != nil {
		return nil, err
	}
	lim := message.Default
	lim.Size = h.Limits.Mail
	mail, err := message.Parse(raw, lim)
	if err != nil {
		return nil, fmt.Errorf("hub: append: %w", err)
	}
	layout, skeleton, cuts := message.Split(mail, worthCutting)
	parts := make([]mailbox.PartRef, len(cuts))
	for i, c := range cuts {
		ref, err := s.add(s.session, c.Decoded, isTextLike(c.Part))
		if err != nil {
			return nil, err
		}
		parts[i].Ref = string(ref)
	}
	return s, s.finish(mail, layout, skeleton, parts, received)
}

// isTextLike reports whether a part's content compresses.
func isTextLike(p *message.Part) bool {
	return p.Type == "text" || strings.HasSuffix(p.Subtype, "xml") || strings.HasSuffix(p.Subtype, "rtf") || p.Subtype == "json"
}

// putBlobs makes the large objects durable. They go side by side: each costs a
// flush.
func (h *Hub) putBlobs(ctx context.Context, part store.Part, objects []vault.Object) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for _, o := range objects {
		if o.Ref.Inline() {
			continue
		}
		g.Go(func() error {
			return h.Blobs.Put(ctx, part, o.Ref.BlobID(), func(w io.Writer) error {
				_, err := w.Write(o.Sealed)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		h.dropBlobs(part, objects)
		return fmt.Errorf("hub: blobs: %w", err)
	}
	return nil
}

// dropBlobs deletes blobs that nothing refers to. One that stays all the same
// is swept later.
func (h *Hub) dropBlobs(part store.Part, objects []vault.Object) {
	for _, o := range objects {
		if !o.Ref.Inline() {
			if err := h.Blobs.Delete(context.Background(), part, o.Ref.BlobID()); err != nil {
				h.Log.Warn("blob not deleted", "err", err)
			}
		}
	}
}

// read returns the content of an object.
func (h *Hub) read(ctx context.Context, r store.Reader, part store.Part, s *keyring.Session, ref vault.Ref) ([]byte, error) {
	if ref.Inline() {
		sealed, err := vault.Kept(r, ref)
		if err != nil {
			return nil, err
		}
		return ref.Open(s, part, sealed)
	}
	return h.readBlob(ctx, part, s, ref)
}

func (h *Hub) readBlob(ctx context.Context, part store.Part, s *keyring.Session, ref vault.Ref) ([]byte, error) {
	f, err := h.Blobs.Open(ctx, part, ref.BlobID())
	switch fault.Of(err) {
	case "":
	case fault.NotFound, fault.Invalid: // what refers to it is not as it was
		return nil, fmt.Errorf("hub: object: %v: %w", err, fault.Corrupt)
	default:
		return nil, fmt.Errorf("hub: object: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("hub: object: %w", err)
	}
	sealed := make([]byte, size)
	if _, err := io.ReadFull(f, sealed); err != nil {
		return nil, fmt.Errorf("hub: object: %w", err)
	}
	return ref.Open(s, part, sealed)
}
