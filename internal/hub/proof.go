package hub

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault/keyring"
)

// A Proof is what somebody keeps who has objected to a space or closed it.
type Proof struct {
	Reference string
	Event     patient.Event // patient.Oppose or patient.Close
	At        time.Time
	Text      string // for the person, French then English, signed; "" where only the reference is known
}

const (
	proofLabel     = "hub/space-proof"
	proofSignature = "Signature : "
	maxProof       = 8 << 10
)

// proofTexts are what a proof says. NAME, MATRICULE, AT and REF stand for whose,
// when and which.
var proofTexts = map[patient.Event]struct{ FR, EN string }{
	patient.Oppose: {
		"PREUVE D'OPPOSITION\nRéférence : REF\nLe AT (temps universel), l'opposition à l'ouverture de l'espace santé de NAME, matricule INS MATRICULE, a été enregistrée.\nL'espace reste fermé à tous. Son titulaire peut changer d'avis à tout moment.",
		"PROOF OF OBJECTION\nReference: REF\nOn AT (universal time), the objection to the opening of the health space of NAME, INS number MATRICULE, was recorded.\nThe space stays closed to everybody. Its holder may change their mind at any time."},
	patient.Close: {
		"PREUVE DE FERMETURE\nRéférence : REF\nLe AT (temps universel), l'espace santé de NAME, matricule INS MATRICULE, a été fermé à la demande de son titulaire ou de qui le représente.\nPersonne ne peut plus le consulter. Son titulaire peut le rouvrir tant qu'il n'est pas effacé.",
		"PROOF OF CLOSING\nReference: REF\nOn AT (universal time), the health space of NAME, INS number MATRICULE, was closed as asked by its holder or by who represents them.\nNobody can open it any more. Its holder may open it again as long as it is not erased."},
}

// prove writes the proof of what put a space into its state, and keeps its
// reference. Asked again it is the same, byte for byte.
func (h *Hub) prove(ctx context.Context, sp patient.Space) (Proof, error) {
	p := Proof{Reference: sp.Proof, At: sp.Since, Event: patient.Close}
	switch {
	case sp.Proof == "":
		return Proof{}, fmt.Errorf("hub: proof: %w", fault.NotFound)
	case sp.State == policy.Opposed:
		p.Event = patient.Oppose
	case sp.State != policy.Closed:
		return Proof{}, fmt.Errorf("hub: proof: %w", fault.NotFound)
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return p, err
	}
	with := strings.NewReplacer("REF", p.Reference, "NAME", sp.Traits.Name(), "MATRICULE", sp.Matricule, "AT", p.At.UTC().Format("2006-01-02 15:04:05"))
	text := with.Replace(proofTexts[p.Event].FR) + "\n\n" + with.Replace(proofTexts[p.Event].EN) + "\n\n"
	p.Text = text + proofSignature + base64.StdEncoding.EncodeToString(signer.Sign(proofLabel, []byte(text))) + "\n"
	index := patient.ProofPart(h.Index, p.Reference)
	return p, h.commit(ctx, index, func(t *tx) error {
		return patient.KeepProof(t, t.Scope, patient.Proof{Event: p.Event, At: p.At})
	})
}

// Proof tells what is kept under the reference of a proof: what and when, not
// whose. One that is not known is fault.NotFound.
func (h *Hub) Proof(ctx context.Context, ref string) (p Proof, err error) {
	index := patient.ProofPart(h.Index, ref)
	err = h.view(ctx, index, func(r store.Reader) error {
		kept, ok, err := patient.FindProof(r, h.scope(index))
		if err == nil && !ok {
			err = fmt.Errorf("hub: proof: %w", fault.NotFound)
		}
		p = Proof{Reference: strings.ToLower(strings.TrimSpace(ref)), Event: kept.Event, At: kept.At}
		return err
	})
	return p, err
}

// VerifyProof verifies a proof that somebody shows, by its signature alone, and
// returns what is kept under its reference. One that was changed is
// fault.Corrupt, what is no proof fault.Invalid. The ends of its lines and the
// blanks before them do not count.
func (h *Hub) VerifyProof(ctx context.Context, text string) (Proof, error) {
	if len(text) > maxProof {
		return Proof{}, fmt.Errorf("hub: proof: %w", fault.TooLarge)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	last := len(lines) - 1
	sig, ok := strings.CutPrefix(lines[last], proofSignature)
	raw, err := base64.StdEncoding.DecodeString(sig)
	ref := ""
	for _, line := range lines[:last] {
		if s, found := strings.CutPrefix(line, "Référence : "); found && ref == "" {
			ref = s
		}
	}
	if !ok || err != nil || ref == "" {
		return Proof{}, fmt.Errorf("hub: proof: %w", fault.Invalid)
	}
	signer, err := h.auditSigner(ctx)
	if err != nil {
		return Proof{}, err
	}
	signed := strings.Join(lines[:last], "\n") + "\n"
	if !keyring.VerifyAudit(signer.Public(), proofLabel, []byte(signed), raw) {
		return Proof{}, fmt.Errorf("hub: proof: %w", fault.Corrupt)
	}
	p, err := h.Proof(ctx, ref)
	p.Text = text
	return p, err
}

// ProofOf returns the proof of the objection or the closing of a space, for an
// operator whom its holder asks for it again.
func (h *Hub) ProofOf(ctx context.Context, operator string, a ident.Address) (Proof, error) {
	part, err := h.mailboxAt(ctx, a)
	if err != nil {
		return Proof{}, err
	}
	sp, err := h.spaceOf(ctx, part)
	if err != nil {
		return Proof{}, err
	}
	p, err := h.prove(ctx, sp)
	if err != nil {
		return Proof{}, err
	}
	return p, h.note(ctx, part, byOperator(operator, "give-proof", p.Reference))
}
