package imapd

import (
	"context"
	"errors"
	"log/slog"

	"github.com/emersion/go-imap/v2"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// replies says how each kind of failure is told to a client (RFC 5530). Mail
// programs show these sentences to people: French first, in ASCII.
var replies = map[fault.Kind]*imap.Error{
	fault.Invalid:         no(imap.ResponseCodeCannot, "Not valid"),
	fault.NotFound:        no(imap.ResponseCodeNonExistent, "Ce dossier ou ce message n'existe pas. / No such mailbox or message."),
	fault.Exists:          no(imap.ResponseCodeAlreadyExists, "Existe deja. / Exists already."),
	fault.Conflict:        no(imap.ResponseCodeInUse, "Change entre-temps, recommencez. / Changed meanwhile, try again."),
	fault.Denied:          no(imap.ResponseCodeNoPerm, "Ce n'est pas permis. / Not permitted."),
	fault.Unauthenticated: no(imap.ResponseCodeAuthenticationFailed, "Identifiant ou mot de passe refuse. / Authentication failed."),
	fault.TooLarge:        no(imap.ResponseCodeTooBig, "Trop lourd. / Too large."),
	fault.Quota:           no(imap.ResponseCodeOverQuota, "Boite pleine. / No room left."),
	fault.Throttled:       no(imap.ResponseCodeLimit, "Trop de demandes, reessayez plus tard. / Too many requests, try again later."),
	fault.Unavailable:     no(imap.ResponseCodeUnavailable, "Indisponible pour l'instant, reessayez plus tard. / Temporarily unavailable, try again later."),
	fault.Sealed:          no(imap.ResponseCodeUnavailable, "Lecture fermee pour l'instant : le serveur est scelle, reessayez plus tard. / The hub is sealed, try again later."),
	fault.Corrupt:         no(imap.ResponseCodeCorruption, "Ce qui est conserve est abime, prevenez l'administrateur. / Stored data is damaged, please tell the administrator."),
	fault.Internal:        no(imap.ResponseCodeServerBug, "Une erreur de notre part, elle est notee. / An error of ours, it is noted."),
}

// The refusals that this package decides by itself.
var (
	errReadOnly   = no(imap.ResponseCodeNoPerm, "Ce dossier est ouvert en lecture seule. / The mailbox was opened with EXAMINE.")
	errShelf      = no(imap.ResponseCodeCannot, "Les documents du DMP ne se modifient pas par messagerie. / Documents cannot be changed by mail; only \\Seen is kept.")
	errFixed      = no(imap.ResponseCodeCannot, "Ce dossier ne se renomme ni ne se supprime. / This mailbox cannot be renamed or deleted.")
	errName       = no(imap.ResponseCodeCannot, "Ce nom ne convient pas a un dossier. / Not a name for a mailbox.")
	errSpecialUse = no("USEATTR", "Special uses are fixed")
	errChildren   = no(imap.ResponseCodeHasChildren, "There are mailboxes below it")
	errInUse      = no(imap.ResponseCodeInUse, "The mailbox is selected in this session")
	errNoSelect   = no(imap.ResponseCodeNonExistent, "A level of the hierarchy, not a mailbox")
	errTryCreate  = no(imap.ResponseCodeTryCreate, "No such mailbox")
	errUnknownCTE = no(imap.ResponseCodeUnknownCTE, "Unknown transfer encoding")
	errFlags      = no(imap.ResponseCodeLimit, "At most 64 keywords of 64 characters")
	errComplex    = no(imap.ResponseCodeLimit, "Search too complex")
	errSessions   = no(imap.ResponseCodeLimit, "Trop de connexions a la fois. / Too many sessions.")
	errMechanism  = no("", "No such mechanism")
	errBadFlag    = bad("Not a flag that can be set")
	errPartial    = bad("Partial out of range")
)

func no(code imap.ResponseCode, text string) *imap.Error {
	return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
}

func bad(text string) *imap.Error {
	return &imap.Error{Type: imap.StatusResponseTypeBad, Code: imap.ResponseCodeClientBug, Text: text}
}

// reply turns err into what the client is told. The log gets err itself where
// a person should look at it. what names the command.
func reply(ctx context.Context, log *slog.Logger, what string, err error) error {
	if err == nil {
		return nil
	}
	var told *imap.Error
	if errors.As(err, &told) {
		return told
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, errHangUp) {
		return replies[fault.Unavailable] // nobody is there to read it
	}
	kind := fault.Of(err)
	if errors.Is(err, context.DeadlineExceeded) {
		kind = fault.Unavailable
	}
	switch kind {
	case fault.Internal, fault.Corrupt:
		log.ErrorContext(ctx, "imap command failed", "command", what, "err", err)
	case fault.Unavailable, fault.Sealed:
		log.WarnContext(ctx, "imap command failed", "command", what, "err", err)
	}
	var refusal *hub.Refusal
	if errors.As(err, &refusal) && refusal.EN != "" && isPrintable(refusal.EN) {
		return no(replies[kind].Code, refusal.EN)
	}
	return replies[kind]
}

// destination is reply for a command that names a mailbox to put mail in:
// there NotFound means that the client may create it (RFC 9051 §7.1).
func destination(err error) error {
	if errors.Is(err, fault.NotFound) {
		return errTryCreate
	}
	return err
}

func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
