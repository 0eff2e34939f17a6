package hub

import "vaguemestre/internal/patient"

// topics are what a patient may choose to be told, and the notice of each.
var topics = map[patient.Topic]NoticeKind{
	patient.OfEmergency: NoticeEmergency, patient.OfFirstAccess: NoticeFirstAccess,
	patient.OfDocument: NoticeDocument, patient.OfMessage: NoticeMessage,
}

// tellPatient lets the patient know of something outside of their space, if
// they want to know of such things.
func (h *Hub) tellPatient(t *tx, topic patient.Topic) error {
	c, err := patient.LoadChoices(t, t.Scope)
	if err != nil || !c.Wants(topic) {
		return err
	}
	return h.notice(t, Notice{Kind: topics[topic]})
}
