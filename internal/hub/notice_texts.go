package hub

import (
	"fmt"
	"strings"
	"time"

	"vaguemestre/internal/patient"
)

// A noticeText is what a kind of notice says. CODE stands for the code, OPENING,
// RETENTION and INVITATION for delays. No text holds health data, a name or a
// link, and each mail ends alike.
type noticeText struct {
	SubjectFR, SubjectEN string
	FR, EN               string
	SMS                  string // French, in the alphabet of text messages (GSM 03.38)
}

// noticeTexts is every text that leaves the hub for a person.
var noticeTexts = map[NoticeKind]noticeText{
	NoticeSpaceMade: {"Votre espace santé va s'ouvrir", "Your health space is about to open",
		"Un espace santé a été créé pour vous. Il s'ouvrira de lui-même dans OPENING, sauf si vous vous y opposez. Pour l'activer tout de suite, ou pour vous y opposer, utilisez le code provisoire : CODE\nVous pourrez changer d'avis à tout moment.",
		"A health space was made for you. It opens by itself in OPENING, unless you object. To activate it now, or to object, use this provisional code: CODE\nYou may change your mind at any time.",
		"votre espace santé s'ouvrira dans OPENING, sauf opposition. Code provisoire : CODE"},
	NoticeActivation: {"Votre code provisoire", "Your provisional code",
		"Votre code provisoire est : CODE\nIl distingue les majuscules des minuscules et ne sert qu'une fois. Si vous ne l'avez pas demandé, ne faites rien.",
		"Your provisional code is: CODE\nCapital and small letters differ, and it works once. If you did not ask for it, do nothing.",
		"votre code provisoire est CODE (majuscules et minuscules comptent). Ne le donnez à personne."},
	NoticeLoginCode: {"Votre code de connexion", "Your login code",
		"Votre code de connexion est : CODE\nIl est valable dix minutes et ne sert qu'une fois. Si vous n'êtes pas en train de vous connecter, changez votre mot de passe.",
		"Your login code is: CODE\nIt is valid for ten minutes and works once. If you are not logging in, change your password.",
		"votre code de connexion est CODE, valable 10 minutes. Ne le donnez à personne."},
	NoticeContactCode: {"Vérification de vos coordonnées", "Check of your contact details",
		"Pour confirmer que cette adresse est la vôtre, saisissez ce code dans votre espace santé : CODE\nSi vous ne l'avez pas demandé, ne faites rien.",
		"To confirm that this address is yours, enter this code in your health space: CODE\nIf you did not ask for it, do nothing.",
		"code de vérification de votre numéro : CODE. Ne le donnez à personne."},
	NoticeMessage: {"Vous avez un nouveau message", "You have a new message",
		"Un message vous attend dans la messagerie de votre espace santé.",
		"A message waits for you in your health space.",
		"un nouveau message vous attend."},
	NoticeDocument: {"Un document a été ajouté à votre espace", "A document was added to your space",
		"Un document a été ajouté à votre espace santé.",
		"A document was added to your health space.",
		"un document a été ajouté."},
	NoticeAnnouncement: {"Un document vous attend", "A document waits for you",
		"Un document de votre espace santé doit d'abord vous être présenté par un professionnel. Prenez contact avec l'équipe qui vous suit. À défaut, il deviendra visible de lui-même un mois après son dépôt.",
		"A document of your health space is to be presented to you by a professional first. Please contact those who care for you. Failing that, it becomes visible by itself one month after it was added.",
		"un professionnel doit vous présenter un document : contactez l'équipe qui vous suit."},
	NoticeFirstAccess: {"Premier accès d'un professionnel à votre espace", "First access of a professional to your space",
		"Un professionnel a consulté votre espace santé pour la première fois. La liste des accès, dans votre espace, dit lequel. Vous pouvez l'y bloquer.",
		"A professional has opened your health space for the first time. The list of accesses, in your space, says who. You may block them there.",
		"un professionnel a consulté votre espace pour la première fois. Voyez la liste des accès."},
	NoticeEmergency: {"Accès en urgence à votre espace", "Emergency access to your space",
		"Votre espace santé a été consulté en urgence. La liste des accès, dans votre espace, dit par qui, quand et pourquoi.",
		"Your health space was opened in an emergency. The list of accesses, in your space, says by whom, when and why.",
		"votre espace a été consulté en urgence. Voyez la liste des accès."},
	NoticeOpened: {"Votre espace santé est ouvert", "Your health space is open",
		"Votre espace santé est ouvert. Vous pouvez le fermer à tout moment.",
		"Your health space is open. You may close it at any time.",
		"votre espace est ouvert. Vous pouvez le fermer à tout moment."},
	NoticeOpposed: {"Votre opposition est enregistrée", "Your objection is recorded",
		"Votre opposition à l'ouverture de votre espace santé est enregistrée. Vous pourrez l'ouvrir plus tard si vous le souhaitez.",
		"Your objection to the opening of your health space is recorded. You may open it later if you wish.",
		"votre opposition est enregistrée. Vous pourrez ouvrir votre espace plus tard."},
	NoticeClosed: {"Votre espace santé est fermé", "Your health space is closed",
		"Votre espace santé est fermé : plus personne ne peut le consulter. Il est archivé RETENTION, sauf si vous en demandez la suppression. Vous pouvez le rouvrir.",
		"Your health space is closed: nobody can open it any more. It is archived for RETENTION, unless you ask for its deletion. You may reopen it.",
		"votre espace est fermé. Vous pouvez le rouvrir."},
	NoticeReopened: {"Votre espace santé est de nouveau ouvert", "Your health space is open again",
		"Votre espace santé est de nouveau ouvert, avec ce qu'il contenait.",
		"Your health space is open again, with what it held.",
		"votre espace est de nouveau ouvert."},
	NoticeErased: {"Votre espace santé a été supprimé", "Your health space was deleted",
		"Votre espace santé et tout ce qu'il contenait ont été supprimés, comme vous l'avez demandé. Rien ne peut être récupéré.",
		"Your health space and all it held were deleted, as you asked. Nothing can be recovered.",
		"votre espace et son contenu ont été supprimés."},
	NoticeDelegation: {"Une invitation vous attend", "An invitation waits for you",
		"Une personne vous invite à l'aider dans son espace santé, ou à y représenter un mineur. L'invitation vous attend dans votre propre espace santé, où vous pouvez l'accepter ou la refuser pendant INVITATION.",
		"Somebody invites you to help them in their health space, or to represent a minor there. The invitation waits in your own health space, where you may accept or decline it within INVITATION.",
		"une personne vous invite à l'aider. L'invitation vous attend dans votre espace."},
	NoticeOfAge: {"Vous êtes majeur", "You are of age",
		"Vous avez dix-huit ans : vos représentants légaux n'ont plus accès à votre espace santé. Vous seul en décidez désormais. Si vous n'avez pas encore d'identifiant, demandez un code provisoire avec votre carte Vitale.",
		"You are eighteen: your legal representatives have no access to your health space any more. From now on you alone decide about it. If you have no login yet, ask for a provisional code with your Vitale card.",
		"vous avez 18 ans : vos représentants n'ont plus accès à votre espace. Vous seul en décidez."},
	NoticePassword: {"Votre mot de passe a été changé", "Your password was changed",
		"Le mot de passe de votre espace santé a été changé, et les autres appareils ont été déconnectés. Si ce n'est pas vous, appelez l'assistance sans attendre.",
		"The password of your health space was changed, and other devices were logged out. If it was not you, call support at once.",
		"votre mot de passe a été changé. Si ce n'est pas vous, appelez l'assistance."},
	NoticeDevice: {"Connexion depuis un nouvel appareil", "Login from a new device",
		"Une connexion à votre espace santé a eu lieu depuis un appareil ou un navigateur qui n'avait pas encore servi. Si ce n'est pas vous, changez votre mot de passe et déconnectez cet appareil.",
		"Your health space was opened from a device or browser not used before. If it was not you, change your password and log that device out.",
		"connexion depuis un nouvel appareil. Si ce n'est pas vous, changez votre mot de passe."},
}

// Every mail ends with what teaches its reader to know ours.
const (
	footFR = "Ce message ne contient aucun lien ni pièce jointe : pour vous connecter, ouvrez vous-même votre espace santé, comme d'habitude. Nous ne vous demanderons jamais votre mot de passe ni un code, par message ou par téléphone."
	footEN = "This message holds no link and no attachment: to log in, open your health space yourself, as you usually do. We will never ask for your password or a code, by message or by phone."

	smsHead = "Espace santé : "
)

// write returns the notice as it leaves, with the phrase that its reader has
// chosen to know it by, and the delays that hold in this hub.
func (k NoticeKind) write(by Channel, code, phrase string, d patient.Delays) (subject, text string) {
	t := noticeTexts[k].with(d)
	with := func(s string) string { return strings.ReplaceAll(s, "CODE", code) }
	if by == BySMS {
		if phrase != "" {
			phrase = " (" + phrase + ")"
		}
		return "", smsHead + with(t.SMS) + phrase
	}
	var b strings.Builder
	if phrase != "" {
		b.WriteString("Votre phrase / your phrase : " + phrase + "\n\n")
	}
	b.WriteString(with(t.FR) + "\n\n" + footFR + "\n\n----\n\n" + with(t.EN) + "\n\n" + footEN + "\n")
	return t.SubjectFR + " / " + t.SubjectEN, b.String()
}

// with returns the texts with the delays in them.
func (t noticeText) with(d patient.Delays) noticeText {
	openingFR, openingEN := inWords(d.Opening)
	keptFR, keptEN := inWords(d.Retention)
	invitedFR, invitedEN := inWords(patient.InvitationLife)
	fr := strings.NewReplacer("OPENING", openingFR, "RETENTION", keptFR, "INVITATION", invitedFR)
	en := strings.NewReplacer("OPENING", openingEN, "RETENTION", keptEN, "INVITATION", invitedEN)
	t.FR, t.EN, t.SMS = fr.Replace(t.FR), en.Replace(t.EN), fr.Replace(t.SMS)
	return t
}

// inWords says how long something lasts, as people count: in years, whole
// weeks, days or hours.
func inWords(d time.Duration) (fr, en string) {
	const day = 24 * time.Hour
	count := func(unit time.Duration, fr, en string) (string, string) {
		n := max(1, int((d+unit/2)/unit))
		if n == 1 {
			return "1 " + fr, "1 " + en
		}
		return fmt.Sprintf("%d %ss", n, fr), fmt.Sprintf("%d %ss", n, en)
	}
	switch {
	case d >= 730*day:
		return count(365*day+day/4, "an", "year")
	case d >= 7*day && d%(7*day) == 0:
		return count(7*day, "semaine", "week")
	case d >= day:
		return count(day, "jour", "day")
	}
	return count(time.Hour, "heure", "hour")
}
