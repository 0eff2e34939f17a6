package hub

import (
	"errors"
	"fmt"
	"testing"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// numbered is a professional who is found by number.
func numbered(t testing.TB) (ident.RPPS, directory.BAL) {
	t.Helper()
	n, err := ident.MakeRPPS("8101234567")
	if err != nil {
		t.Fatal(err)
	}
	return n, directory.BAL{Kind: directory.Personal, Address: camille, Name: "Dr Camille DUPRÉ", RPPS: n.String(), Profession: policy.Physician}
}

func TestInterruptedMailboxOfAProfessional(t *testing.T) {
	n, b := numbered(t)
	interrupt(t, act{
		do:    func(h *house, _ map[string]Actor) error { return h.AddBAL(h.t.Context(), "operator", b) },
		again: fault.Exists,
		done: func(h *house) error {
			index := directory.ProfessionalPart(h.Index, n)
			var parts []store.Part
			err := h.view(h.t.Context(), index, func(r store.Reader) (err error) {
				parts, err = directory.Mailboxes(r, h.scope(index))
				return err
			})
			if err != nil || len(parts) != 1 {
				return fmt.Errorf("the number leads to %d mailboxes, %w", len(parts), err)
			}
			_, err = h.LoginProfessional(h.t.Context(), n, logged, "")
			return err
		},
	})
}

func TestInterruptedAuthorization(t *testing.T) {
	n, b := numbered(t)
	var last Tokens
	interrupt(t, act{
		prepare: func(h *house) {
			if err := errors.Join(h.AddBAL(h.t.Context(), "operator", b), h.AddClient(h.t.Context(), "operator", lps)); err != nil {
				h.t.Fatal(err)
			}
		},
		do: func(h *house, _ map[string]Actor) error {
			ctx := h.t.Context()
			a, err := h.LoginProfessional(ctx, n, logged, lps.Name)
			if err != nil {
				return err
			}
			code, err := h.Authorize(ctx, a.Address, lps, "offline_access user/*.rs", challenge())
			if err != nil {
				return err
			}
			first, err := h.RedeemCode(ctx, code, Bearer{Client: lps.ID}, redirect, verifier)
			if err != nil {
				return err
			}
			last, err = h.Renew(ctx, first.Refresh, Bearer{Client: lps.ID}, "")
			return err
		},
		done: func(h *house) error {
			_, _, err := h.CheckToken(h.t.Context(), last.Access, "", here)
			return err
		},
	})
}

func TestInterruptedRemovalOfAProgram(t *testing.T) {
	n, b := numbered(t)
	var out Tokens
	interrupt(t, act{
		prepare: func(h *house) {
			if err := errors.Join(h.AddBAL(h.t.Context(), "operator", b), h.AddClient(h.t.Context(), "operator", lps)); err != nil {
				h.t.Fatal(err)
			}
			var err error
			if out, err = h.redeem(h.code(h.actor(n), "user/*.rs")); err != nil {
				h.t.Fatal(err)
			}
		},
		do: func(h *house, _ map[string]Actor) error {
			_, err := h.RemoveClient(h.t.Context(), "operator", lps.ID)
			return err
		},
		again: fault.NotFound,
		done: func(h *house) error {
			if _, _, err := h.CheckToken(h.t.Context(), out.Access, "", here); !errors.Is(err, fault.Unauthenticated) {
				return fmt.Errorf("its token gives %w", err)
			}
			return nil
		},
	})
}
