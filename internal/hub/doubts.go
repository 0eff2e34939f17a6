package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/document"
	"vaguemestre/internal/dsn"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/vault"
)

// A Doubt is a document that was filed although its identity is doubtful, as
// the operator's staff may know of it (cellule d'identitovigilance): whose
// record it is in, why, and whom to ask. What it is and what it says is not
// theirs to see.
type Doubt struct {
	ID        string // of the document
	Matricule ident.Matricule
	Reasons   []document.Reason
	Sender    string // canonical address
	Filed     time.Time
}

// Doubts lists the documents whose identity is to be verified, oldest first. It
// needs no hub key. That the operator looked is in the trail of the hub.
func (h *Hub) Doubts(ctx context.Context, operator string) (list []Doubt, err error) {
	if err := h.note(ctx, hubPart, byOperator(operator, "list-doubts", "")); err != nil {
		return nil, err
	}
	parts, err := h.hinted(ctx, vault.Hints)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		err := h.view(ctx, part, func(r store.Reader) error {
			sp, _, err := patient.Load(r, h.scope(part))
			if err != nil {
				return err
			}
			doubts, err := vault.Doubts(r, h.scope(part))
			for _, d := range doubts {
				list = append(list, doubtOf(part, sp, d))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b Doubt) int {
		if n := a.Filed.Compare(b.Filed); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}

func doubtOf(part store.Part, sp patient.Space, d vault.Doubt) Doubt {
	m, _ := ident.ParseMatricule(sp.Matricule)
	v := Doubt{ID: string(part) + "." + d.ID, Matricule: m, Sender: d.Sender, Filed: d.Filed}
	for _, r := range d.Reasons {
		v.Reasons = append(v.Reasons, document.Reason(r))
	}
	return v
}

// ResolveDoubt ends a doubt: the document is the patient's after all, or it is
// withdrawn, and its sender told. It needs the hub key. fault.NotFound: there
// is no such doubt. A withdrawal whose notice failed may be asked for again.
func (h *Hub) ResolveDoubt(ctx context.Context, operator, id string, confirm bool) error {
	part, own := documentPart(id)
	key, err := h.linger(ctx, part)
	if err != nil {
		return err
	}
	var d vault.Document
	err = h.do(ctx, part, func(t *tx) error {
		if d, err = h.document(t, part, key, own); err != nil {
			return err
		}
		withdrawn := d.Flags.Has(vault.Deleted)
		switch {
		case !d.Flags.Has(vault.ToVerify), withdrawn && confirm:
			return fmt.Errorf("hub: doubt: %w", fault.NotFound)
		case withdrawn: // and its sender perhaps not told
			return nil
		case confirm:
			t.note(byOperator(operator, "confirm-identity", own))
			d, err = vault.Change(t, t.Scope, d, d.Flags&^vault.ToVerify, t.now)
		default:
			t.note(byOperator(operator, "withdraw-doubtful", own))
			d, err = vault.Change(t, t.Scope, d, d.Flags|vault.Deleted, t.now)
		}
		return err
	})
	if err != nil || confirm {
		return err
	}
	return h.tellWithdrawn(ctx, part, d)
}

// tellWithdrawn tells the sender of a mail that a document of it was withdrawn.
func (h *Hub) tellWithdrawn(ctx context.Context, part store.Part, d vault.Document) error {
	sender, err := ident.ParseAddress(d.Entry.Sender)
	if err != nil {
		return fmt.Errorf("hub: doubt: sender: %w", fault.Corrupt)
	}
	to, known, err := h.find(ctx, sender)
	if err != nil || !known { // a partner's, or gone
		return err
	}
	sp, err := h.spaceOf(ctx, part)
	if err != nil {
		return err
	}
	var reasons []document.Reason
	for _, r := range d.Entry.Doubts {
		reasons = append(reasons, document.Reason(r))
	}
	line := dsn.Recipient{Address: sp.Matricule + "@" + h.PatientDomain, Action: dsn.Failed, Status: "5.6.0"}
	doubtful(&line, reasons)
	line.RemarkFR = "Un document de ce message a été retiré du dossier. " + line.RemarkFR
	line.RemarkEN = "A document of this message was withdrawn from the record. " + line.RemarkEN
	return h.report(ctx, to, dsn.Delivery{
		To: d.Entry.Sender, Arrival: d.Entry.Filed, Recipients: []dsn.Recipient{line},
		Original: mentioned(d.Entry.MessageID),
	}, func(*tx) (bool, error) { return true, nil })
}

// doubts lists why the identity in the documents of a mail is doubtful.
func (p *parcel) doubts() (list []document.Reason) {
	for _, f := range p.found {
		for _, d := range f.doubts {
			if r := document.Reason(d); !slices.Contains(list, r) {
				list = append(list, r)
			}
		}
	}
	return list
}

// doubtful says of a mail that was delivered that the identity in its documents
// is to be verified, and why.
func doubtful(line *dsn.Recipient, reasons []document.Reason) {
	var fr, en []string
	code := document.CodeOther
	for _, r := range reasons {
		fr, en = append(fr, r.French()), append(en, r.English())
		code = min(code, r.Code())
	}
	line.RemarkFR = fmt.Sprintf("Identité à vérifier (erreur %d) : %s.", code, strings.Join(fr, " ; "))
	line.RemarkEN = fmt.Sprintf("Identity to be verified (error %d): %s.", code, strings.Join(en, "; "))
	if line.Action == dsn.Delivered {
		line.Diagnostic = fmt.Sprintf("250 2.0.0 Filed as doubtful (error %d)", code)
	}
}
