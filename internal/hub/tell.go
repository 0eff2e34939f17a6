package hub

import (
	"time"

	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
)

// topics are what a patient may choose to be told, and the notice of each.
var topics = map[patient.Topic]NoticeKind{
	patient.OfEmergency: NoticeEmergency, patient.OfFirstAccess: NoticeFirstAccess,
	patient.OfDocument: NoticeDocument, patient.OfMessage: NoticeMessage,
}

// tellAgain is how long a patient who was told of a mail or a document is left in
// peace: ten results in a minute are one piece of news.
const tellAgain = time.Hour

// tellPatient lets the patient know of something outside of their space, if
// they want to know of such things.
func (h *Hub) tellPatient(t *tx, topic patient.Topic) error {
	c, err := patient.LoadChoices(t, t.Scope)
	if err != nil || !c.Wants(topic) {
		return err
	}
	if topic == patient.OfMessage || topic == patient.OfDocument {
		reachable, err := patient.HasContact(t)
		if err != nil || !reachable {
			return err
		}
		lately, err := outbox.ToldLately(t, t.Scope, string(topic), t.now, tellAgain)
		if err != nil || lately {
			return err
		}
	}
	return h.notice(t, Notice{Kind: topics[topic]})
}
