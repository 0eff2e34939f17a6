package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
)

// openBackstage serves, beside what a hub serves, what a story needs of the hub
// that runs in another process. No program but the one of the tests has it.
//
//	token   an access token for whoever has the address who
//	record  the ID of the record of a patient
//	night   what a hub does by itself as time passes, now
//	act     an act of a person that no program asks for: those of the portal
func openBackstage(s *server) {
	for what, do := range map[string]func(context.Context, *server, *http.Request) (string, error){
		"token": backstageToken, "record": backstageRecord, "night": backstageNight, "act": backstageAct,
	} {
		s.web.HandleFunc("/backstage/"+what, func(w http.ResponseWriter, r *http.Request) {
			text, err := do(r.Context(), s, r)
			var refusal *hub.Refusal
			switch {
			case errors.As(err, &refusal):
				http.Error(w, refusal.Rule+" "+refusal.FR, http.StatusForbidden)
			case err != nil:
				http.Error(w, err.Error(), http.StatusBadRequest)
			default:
				fmt.Fprint(w, text)
			}
		})
	}
}

func backstageToken(ctx context.Context, s *server, r *http.Request) (string, error) {
	a, err := ident.ParseAddress(r.FormValue("who"))
	if err != nil {
		return "", err
	}
	return s.hub.DemoToken(ctx, a, "story", clock().Add(time.Hour))
}

// backstageRecord asks the patient's own session: nothing of it is noted in the
// record.
func backstageRecord(ctx context.Context, s *server, r *http.Request) (string, error) {
	token, err := backstageToken(ctx, s, r)
	if err != nil {
		return "", err
	}
	a, _, err := s.hub.CheckToken(ctx, token, "", netip.IPv6Loopback())
	return string(a.Part), err
}

func backstageNight(ctx context.Context, s *server, _ *http.Request) (string, error) {
	for _, do := range []func(context.Context) error{
		s.hub.CarryAll, s.hub.LiveOn, s.announce, s.hub.ExpireTrails, s.hub.Sweep, s.hub.Checkpoint,
	} {
		if err := do(ctx); err != nil {
			return "", err
		}
	}
	return "", s.notices.Round(ctx)
}

// backstageAct does what the portal does for a person who is logged in.
func backstageAct(ctx context.Context, s *server, r *http.Request) (string, error) {
	a, _, err := s.hub.CheckToken(ctx, r.FormValue("token"), "", netip.IPv6Loopback())
	if err != nil {
		return "", err
	}
	h, record := s.hub, r.FormValue("record")
	var at ident.Address
	if arg := r.FormValue("address"); arg != "" {
		if at, err = ident.ParseAddress(arg); err != nil {
			return "", err
		}
	}
	switch r.FormValue("act") {
	case "name":
		err = h.NameRole(ctx, a, record, at, patient.Role(r.FormValue("arg")))
	case "grant":
		err = h.GrantAdministrator(ctx, a, record, at)
	case "take-back":
		err = h.WithdrawAdministrator(ctx, a, record, at)
	case "distrust":
		err = h.OpposeCareTeam(ctx, a, record, at)
	case "invite":
		err = h.Invite(ctx, a, record, at, hub.Invitation{Kind: patient.PersonKind(r.FormValue("arg"))})
	case "accept":
		err = h.AnswerInvitation(ctx, a, record, true)
	case "represent":
		_, err = h.DecideFor(ctx, a, hub.Choice{Record: record, Open: true, Certified: true})
	case "end-glass":
		err = h.EndGlass(ctx, a, record)
	case "close":
		_, err = h.CloseSpace(ctx, a, record, false)
	default:
		err = fmt.Errorf("backstage: %q: %w", r.FormValue("act"), fault.Invalid)
	}
	return "", err
}
