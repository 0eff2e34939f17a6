package dsn

import (
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/message"
)

// A sentence is said in French and in English.
type sentence struct{ fr, en string }

// outcomes say what became of a mail: the subject of a notice, and what stands
// before the list of the recipients.
var outcomes = map[Action]struct{ subject, lead sentence }{
	Failed: {
		sentence{"Message non distribué", "Undelivered message"},
		sentence{"n'a pas pu être remis à :", "could not be delivered to:"},
	},
	Delayed: {
		sentence{"Message en attente", "Delayed message"},
		sentence{"n'a pas encore pu être remis à :", "could not be delivered yet to:"},
	},
	Delivered: {
		sentence{"Message distribué", "Delivered message"},
		sentence{"a été remis à :", "was delivered to:"},
	},
	Relayed: {
		sentence{"Message transmis", "Relayed message"},
		sentence{"a été transmis à un autre opérateur, qui n'enverra pas d'avis, pour :",
			"was handed to another operator, which will send no notice, for:"},
	},
}

// order is that in which a notice tells: bad news first.
var order = []Action{Failed, Delayed, Delivered, Relayed}

// reasons explain the status codes of RFC 3463, class aside; the first that the
// code begins with counts.
var reasons = []struct {
	code string
	why  sentence
}{
	{"1.1", sentence{"Aucune messagerie ne reçoit de courrier à cette adresse. Vérifiez l'adresse.",
		"No mailbox takes mail at this address. Please check the address."}},
	{"1.2", sentence{"Le domaine de cette adresse n'existe pas ou ne reçoit pas de courrier. Vérifiez ce qui suit le signe @.",
		"The domain of this address does not exist or takes no mail. Please check what follows the @ sign."}},
	{"1", sentence{"Cette adresse n'est pas valide. Vérifiez l'adresse.", "This address is not valid. Please check the address."}},
	{"2.2", sentence{"La messagerie du destinataire est pleine.", "The mailbox of the recipient is full."}},
	{"2.3", sentence{"Le message est trop volumineux pour la messagerie du destinataire.",
		"The message is too large for the mailbox of the recipient."}},
	{"2", sentence{"La messagerie du destinataire n'accepte pas de courrier pour le moment.",
		"The mailbox of the recipient takes no mail at the moment."}},
	{"3.4", sentence{"Le message est trop volumineux. Réduisez les pièces jointes, ou envoyez-les en plusieurs fois.",
		"The message is too large. Please reduce the attachments, or send them in several messages."}},
	{"4.7", sentence{"Le serveur du destinataire n'a pas pu être joint à temps ; nous n'essayons plus.",
		"The server of the recipient could not be reached in time; we no longer try."}},
	{"4", sentence{"Le serveur du destinataire n'a pas pu être joint.", "The server of the recipient could not be reached."}},
	{"6", sentence{"Le contenu du message n'a pas pu être lu par le destinataire.", "The content of the message could not be read by the recipient."}},
	{"7", sentence{"Une règle ne permet pas ce message à ce destinataire.", "A rule does not allow this message to this recipient."}},
	{"", sentence{"Une erreur technique est survenue chez le destinataire.", "A technical error occurred on the side of the recipient."}},
}

func reasonOf(status string) sentence {
	_, code, _ := strings.Cut(status, ".")
	for _, r := range reasons {
		if code == r.code || r.code == "" || strings.HasPrefix(code, r.code+".") {
			return r.why
		}
	}
	return sentence{}
}

// subjectOf names what became of the mail, in both languages; if that differs
// from one recipient to the other, the worst.
func subjectOf(rs []Recipient) string {
	for _, a := range order {
		for _, r := range rs {
			if r.Action == a {
				s := outcomes[a].subject
				return s.fr + " / " + s.en
			}
		}
	}
	return ""
}

// ActionOf reads the worst that a notice of ours tells from its subject; ok is
// false for the subject of anything else.
func ActionOf(subject string) (a Action, ok bool) {
	for _, a := range order {
		if s := outcomes[a].subject; subject == s.fr+" / "+s.en {
			return a, true
		}
	}
	return "", false
}

const separator = "\n----------------------------------------\n\n"

// text is the part for people: French, a line, English.
func (d Delivery) text(head message.Header) string {
	var fr, en strings.Builder
	subject := head.Get("Subject")
	fr.WriteString("Bonjour,\n")
	en.WriteString("Hello,\n")
	for _, a := range order {
		o := outcomes[a]
		said := false
		for _, r := range d.Recipients {
			if r.Action != a {
				continue
			}
			if !said {
				said = true
				fmt.Fprintf(&fr, "\nVotre message%s%s %s\n", about(" « ", subject, " »"), at(" du 02/01/2006 à 15:04", d.Arrival), o.lead.fr)
				fmt.Fprintf(&en, "\nYour message%s%s %s\n", about(` "`, subject, `"`), at(" of 2006-01-02, 15:04,", d.Arrival), o.lead.en)
			}
			r.explain(&fr, &en)
		}
	}
	fr.WriteString("\nCet avis a été envoyé automatiquement ; il est inutile d'y répondre.\n")
	en.WriteString("\nThis notice was sent automatically; there is no need to answer it.\n")
	return fr.String() + separator + en.String()
}

// explain writes the lines about one recipient.
func (r Recipient) explain(fr, en *strings.Builder) {
	fmt.Fprintf(fr, "\n  %s\n", oneLine(r.Address))
	fmt.Fprintf(en, "\n  %s\n", oneLine(r.Address))
	switch r.Action {
	case Failed, Delayed:
		why := reasonOf(r.Status)
		fmt.Fprintf(fr, "  %s (code %s)\n", why.fr, r.Status)
		fmt.Fprintf(en, "  %s (code %s)\n", why.en, r.Status)
	}
	if r.RemarkFR != "" {
		fmt.Fprintf(fr, "  %s\n", oneLine(r.RemarkFR))
		fmt.Fprintf(en, "  %s\n", oneLine(r.RemarkEN))
	}
	if r.Action == Delayed {
		fmt.Fprintf(fr, "  Nous essayons de nouveau%s ; vous n'avez rien à faire.\n", at(" jusqu'au 02/01/2006 à 15:04", r.RetryUntil))
		fmt.Fprintf(en, "  We try again%s; there is nothing for you to do.\n", at(" until 2006-01-02, 15:04", r.RetryUntil))
	}
}

// at formats t, or gives "" for no time.
func at(layout string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(layout)
}

// about puts s between two marks, or gives "" for nothing.
func about(before, s, after string) string {
	const most = 200
	if s == "" {
		return ""
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return before + s + after
}
