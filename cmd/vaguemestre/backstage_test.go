package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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
//	enrol   a person opens their space with their Vitale card, step by step
//	login   and logs in, with the password and a code
func openBackstage(s *server) {
	for what, do := range map[string]func(context.Context, *server, *http.Request) (string, error){
		"token": backstageToken, "record": backstageRecord, "night": backstageNight, "act": backstageAct,
		"enrol": backstageEnrol, "login": backstageLogin,
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
		n := hub.Invitation{Kind: patient.PersonKind(r.FormValue("arg"))}
		if n.Kind == patient.Carer { // who may read for a month
			n.Scope, n.Until = patient.Scope{ReadDocuments: true}, clock().Add(30*24*time.Hour)
		}
		err = h.Invite(ctx, a, record, at, n)
	case "accept":
		err = h.AnswerInvitation(ctx, a, record, true)
	case "represent": // the children on one's card
		var list []hub.Dependant
		if list, err = h.Dependants(ctx, a); len(list) == 0 {
			err = errors.Join(err, fmt.Errorf("backstage: nobody is on the card: %w", fault.NotFound))
		}
		for _, d := range list {
			_, e := h.DecideFor(ctx, a, hub.Choice{Record: d.Record, Open: true, Certified: true})
			err = errors.Join(err, e)
		}
	case "end-glass":
		err = h.EndGlass(ctx, a, record)
	case "close":
		_, err = h.CloseSpace(ctx, a, record, false)
	default:
		err = fmt.Errorf("backstage: %q: %w", r.FormValue("act"), fault.Invalid)
	}
	return "", err
}

// home is where people of the stories are.
func home() hub.Attempt {
	return hub.Attempt{Protocol: "web", Remote: netip.IPv6Loopback(), Device: "Firefox, Linux"}
}

// backstageEnrol is what the pages of the enrolment will do: each step, with the
// codes that come by mail.
func backstageEnrol(ctx context.Context, s *server, r *http.Request) (string, error) {
	address, err := ident.ParseAddress(r.FormValue("who"))
	if err != nil {
		return "", err
	}
	matricule, _, _ := strings.Cut(address.Canonical(), "@")
	m, err := ident.ParseMatricule(matricule)
	if err != nil {
		return "", err
	}
	h, id := s.hub, hub.Identity{Matricule: m, BirthDate: r.FormValue("born"), CardModel: patient.WithoutPhoto, CardSerial: r.FormValue("card")}
	if err := h.AskCode(ctx, home(), id, hub.ByMail); err != nil {
		return "", err
	}
	code, err := s.lastCode(ctx)
	if err != nil {
		return "", err
	}
	if typed := r.FormValue("code"); typed == "lower" { // as somebody does who thinks that case does not count
		code = strings.ToLower(code)
	}
	e, err := h.BeginEnrolment(ctx, home(), id, code)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%s is %s; to do: %v; on the card: %d\n", e.Name, patient.StateName(e.State), e.Left, len(e.Dependants))
	choices := []hub.Choice{{Open: r.FormValue("decision") == "open"}}
	for _, d := range e.Dependants {
		choices = append(choices, hub.Choice{Record: d.Record, Open: true, Certified: true})
	}
	proofs, err := h.Decide(ctx, e.Ticket, choices...)
	if err != nil || !choices[0].Open {
		for _, p := range proofs {
			said += "proof " + p.Reference + "\n"
		}
		return said, err
	}
	withCode := func(ask func() error, show func(code string) error) error {
		if err := ask(); err != nil {
			return err
		}
		code, err := s.lastCode(ctx)
		if err != nil {
			return err
		}
		return show(code)
	}
	if err := h.AcceptTerms(ctx, e.Ticket, hub.TermsVersion); err != nil {
		return said, err
	}
	if err := withCode(
		func() error { return h.AskContactCode(ctx, e.Ticket, hub.ByMail, "") },
		func(code string) error { return h.CheckContact(ctx, e.Ticket, hub.ByMail, code) },
	); err != nil {
		return said, err
	}
	if err := h.ChooseCredentials(ctx, e.Ticket, r.FormValue("login"), r.FormValue("password")); err != nil {
		return said, err
	}
	return said + "open\n", withCode(
		func() error { return h.AskLastCode(ctx, e.Ticket, hub.ByMail) },
		func(code string) error {
			_, err := h.OpenSpace(ctx, home(), e.Ticket, code)
			return err
		})
}

// backstageLogin is what the page of the login will do.
func backstageLogin(ctx context.Context, s *server, r *http.Request) (string, error) {
	at := home()
	at.Login = r.FormValue("login")
	step, err := s.hub.SignIn(ctx, at, r.FormValue("password"), "")
	if err != nil {
		return "", err
	}
	if step.Entry != nil || len(step.Offers) == 0 {
		return "", fmt.Errorf("backstage: logged in without a code: %w", fault.Internal)
	}
	if r.FormValue("code") == "none" {
		_, err := s.hub.SignInCode(ctx, at, step.Ticket, "00000000", false)
		return "", err
	}
	if err := s.hub.SendLoginCode(ctx, step.Ticket, step.Offers[0].Factor); err != nil {
		return "", err
	}
	code, err := s.lastCode(ctx)
	if err != nil {
		return "", err
	}
	e, err := s.hub.SignInCode(ctx, at, step.Ticket, code, false)
	return e.Actor.Name, err
}

var codeInNotice = regexp.MustCompile(`(?s)code[^:\n]*: ([0-9A-Za-z]{6,})`)

// lastCode lets notices leave, and reads the code in the newest.
func (s *server) lastCode(ctx context.Context) (string, error) {
	if err := s.notices.Round(ctx); err != nil {
		return "", err
	}
	newest, text := time.Time{}, ""
	names, err := filepath.Glob(filepath.Join(s.cfg.Notices.Folder, "*.txt"))
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || !info.ModTime().After(newest) {
			continue
		}
		b, err := os.ReadFile(name)
		if m := codeInNotice.FindSubmatch(b); err == nil && m != nil {
			newest, text = info.ModTime(), string(m[1])
		}
	}
	if err != nil || text == "" {
		return "", fmt.Errorf("backstage: no notice has a code: %w", fault.NotFound)
	}
	return text, nil
}
