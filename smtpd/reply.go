package smtpd

import (
	"errors"
	"strings"
	"unicode"

	"github.com/emersion/go-smtp"
	"golang.org/x/text/unicode/norm"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A place is where in the dialogue an error is answered.
type place int

const (
	atLogin place = iota
	atMail        // MAIL FROM
	atRecipient
	atRead // the bytes of the mail
	atDeliver
)

// String names the place in the log.
func (p place) String() string {
	return [...]string{"login", "sender", "recipient", "read", "deliver"}[p]
}

// A reply is what a client reads.
type reply = smtp.SMTPError

func r(code int, class, subject, detail int, text string) *reply {
	return &reply{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
}

// replies has the reply for every kind of failure; the text of an error is for
// the log, never for the client. Mail programs show these sentences to people:
// French first, in ASCII. Codes are those of RFC 5321 §4.2.3 and RFC 3463; a
// kind that a place answers in its own way is in special.
var replies = map[fault.Kind]*reply{
	fault.Invalid:         r(550, 5, 6, 0, "Ce message est illisible. / This is not a mail that can be read."),
	fault.NotFound:        r(550, 5, 1, 1, "Pas de destinataire a cette adresse. / No such recipient here."),
	fault.Exists:          notNow,
	fault.Conflict:        notNow,
	fault.Denied:          r(550, 5, 7, 1, "Ce n'est pas permis. / Not permitted."),
	fault.Unauthenticated: r(535, 5, 7, 8, "Identifiant ou mot de passe refuse. / Authentication failed."),
	fault.TooLarge:        r(552, 5, 3, 4, "Message trop lourd. / Mail too large."),
	fault.Quota:           r(452, 4, 2, 2, "Boite pleine, reessayez plus tard. / Mailbox full, try again later."),
	fault.Throttled:       r(450, 4, 7, 1, "Trop de demandes, reessayez plus tard. / Too many requests, try again later."),
	fault.Unavailable:     notNow,
	fault.Sealed:          notNow,
	fault.Corrupt:         notNow,
	fault.Internal:        notNow,
}

var (
	notNow     = r(451, 4, 3, 0, "Impossible pour l'instant, reessayez plus tard. / Cannot be done now, try again later.")
	loginLater = r(454, 4, 7, 0, "Connexion impossible pour l'instant, reessayez plus tard. / Authentication cannot be done now, try again later.")
)

var special = map[place]map[fault.Kind]*reply{
	atLogin: {
		fault.Throttled:   r(421, 4, 7, 0, "Trop de connexions refusees, reessayez plus tard. / Too many failed logins, try again later."),
		fault.Unavailable: loginLater, fault.Sealed: loginLater, fault.Corrupt: loginLater,
		fault.Internal: loginLater, fault.Exists: loginLater,
	},
	atMail:      {fault.Invalid: r(553, 5, 1, 7, "Cette adresse d'expediteur n'en est pas une. / Not a sender address.")},
	atRecipient: {fault.Invalid: r(553, 5, 1, 3, "Cette adresse n'en est pas une : verifiez-la. / Not a recipient address: check it.")},
	atRead: {
		fault.Invalid:  r(550, 5, 5, 2, "Bare CR, bare LF or NUL in the mail"),
		fault.Internal: r(421, 4, 4, 2, "Connection failed within the mail"),
	},
}

// Replies that no kind of failure leads to.
var (
	needAuth     = r(530, 5, 7, 0, "Authentication required")
	nestedMail   = r(503, 5, 5, 1, "MAIL within a mail")
	noMail       = r(503, 5, 5, 1, "MAIL and RCPT come first")
	noMechanism  = r(504, 5, 5, 4, "Unrecognized authentication mechanism")
	needUTF8     = r(553, 5, 6, 7, "Address is not ASCII, and SMTPUTF8 was not asked for")
	tooManyLogin = r(421, 4, 7, 0, "Too many failed logins, closing connection")
)

// replyTo words an error for the client. If policy refused with a sentence, the
// client reads that, French first, in ASCII unless utf8 is negotiated.
func replyTo(err error, at place, utf8 bool) *reply {
	kind := fault.Of(err)
	out := special[at][kind]
	if out == nil {
		out = replies[kind]
	}
	if out == nil { // a kind that is not in the list
		out = replies[fault.Internal]
	}
	var refusal *hub.Refusal
	if errors.As(err, &refusal) && refusal.FR != "" && refusal.EN != "" {
		said := *out
		said.Message = sentence(refusal.FR+" / "+refusal.EN, utf8)
		return &said
	}
	return out
}

// maxSentence keeps a reply line below the 512 bytes of RFC 5321 §4.5.3.1.5.
const maxSentence = 480

// sentence makes one line of reply text.
func sentence(s string, utf8 bool) string {
	if !utf8 {
		s = toASCII(s)
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > maxSentence {
		runes := []rune(s[:maxSentence+1])
		s = string(runes[:len(runes)-1])
	}
	return s
}

var ligatures = strings.NewReplacer("œ", "oe", "Œ", "Oe", "æ", "ae", "Æ", "Ae", "’", "'", "‘", "'", "“", `"`, "”", `"`,
	"« ", `"`, " »", `"`, "«", `"`, "»", `"`, "–", "-", "—", "-", "…", "...", "\u00a0", " ", "\u202f", " ")

// toASCII takes accents away, as French is written where it must be ASCII.
func toASCII(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < unicode.MaxASCII:
			return r
		case unicode.Is(unicode.Mn, r):
			return -1
		}
		return '?'
	}, norm.NFD.String(ligatures.Replace(s)))
}
