package oauth

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"vaguemestre/internal/fault"
)

//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// page shows a page to a person. It runs no script, loads nothing from elsewhere,
// is in no frame, and sends forms to this hub alone, from where the browser may
// be sent on to target.
func (s *Server) page(w http.ResponseWriter, status int, name, target string, data any) error {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("oauth: page: %v: %w", err, fault.Internal)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "+
		strings.TrimSpace("form-action 'self' "+target))
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Language", "fr, en")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

// A notice is a page that tells what went wrong, and what to do.
type notice struct {
	TitleFR, TitleEN string
	FR, EN           []string // paragraphs
}

// saver is what the ANS says of e-CPS on telephones.
var saver = wish{
	"Avec l'application e-CPS sur Android 15 ou plus récent, désactivez l'économiseur de batterie pour le navigateur, puis recommencez.",
	"With the e-CPS application on Android 15 or later, turn the battery saver off for the browser, then start again.",
}

// noticeOf chooses the page of an error, and its status.
func noticeOf(err error) (int, notice) {
	switch {
	case errors.Is(err, errUnknownProgram):
		return http.StatusBadRequest, notice{"Logiciel inconnu", "Unknown program",
			[]string{"Le logiciel qui vous a envoyé ici n'est pas enregistré auprès de cette messagerie, ou son adresse de retour n'est pas celle qui a été enregistrée.",
				"Ne recommencez pas. Prévenez l'éditeur du logiciel ou l'opérateur de la messagerie."},
			[]string{"The program that sent you here is not registered with this mail service, or its return address is not the one that was registered.",
				"Do not try again. Tell the publisher of the program or the operator of the mail service."}}
	case errors.Is(err, errStranger):
		return http.StatusForbidden, notice{"Pas de boîte aux lettres à votre nom", "No mailbox in your name",
			[]string{"Pro Santé Connect vous a reconnu, mais aucune boîte aux lettres personnelle de cette messagerie ne porte votre numéro RPPS, ou la vôtre est suspendue.",
				"Demandez à l'opérateur de la messagerie ou à votre établissement de vous en ouvrir une, ou d'y inscrire votre numéro RPPS."},
			[]string{"Pro Santé Connect knows you, but no personal mailbox of this mail service has your RPPS number, or yours is suspended.",
				"Ask the operator of the mail service or your establishment to open one for you, or to enter your RPPS number."}}
	case errors.Is(err, errStale), errors.Is(err, errLogin):
		return http.StatusBadRequest, notice{"La connexion n'a pas abouti", "The log-in did not come to its end",
			[]string{"La connexion a duré trop longtemps, a été commencée dans un autre navigateur, ou a été refusée par Pro Santé Connect. Recommencez depuis votre logiciel ou la page de connexion.", saver.FR},
			[]string{"The log-in took too long, was begun in another browser, or was refused by Pro Santé Connect. Start again from your program or the sign-in page.", saver.EN}}
	}
	switch fault.Of(err) {
	case fault.Unavailable, fault.Sealed, fault.Throttled:
		return asProblem(err).status, notice{"Connexion impossible pour le moment", "No log-in at the moment",
			[]string{"Pro Santé Connect ou la messagerie ne répond pas. Recommencez dans quelques minutes.", saver.FR},
			[]string{"Pro Santé Connect or the mail service does not answer. Try again in a few minutes.", saver.EN}}
	case fault.Internal, fault.Corrupt:
		return http.StatusInternalServerError, notice{"Erreur de la messagerie", "Error of the mail service",
			[]string{"La messagerie a fait une erreur. Prévenez son opérateur si elle se répète."},
			[]string{"The mail service made an error. Tell its operator if it happens again."}}
	}
	return asProblem(err).status, notice{"Demande mal formée", "Malformed request",
		[]string{"Le logiciel a envoyé une demande que la messagerie ne comprend pas. Prévenez son éditeur."},
		[]string{"The program sent a request that the mail service does not understand. Tell its publisher."}}
}

// errorPage tells a person what went wrong.
func (s *Server) errorPage(w http.ResponseWriter, err error) {
	status, n := noticeOf(err)
	if s.page(w, status, "notice.html", "", n) != nil {
		http.Error(w, "Erreur / Error", status)
	}
}

// style serves the one style sheet.
func style(w http.ResponseWriter, _ *http.Request) error {
	b, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return fmt.Errorf("oauth: style: %v", err)
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(b)
	return nil
}
