package hub

import "vaguemestre/internal/patient"

// A Teller puts something that a patient is to be told on its way, in the
// transaction that made it happen. It says nothing of health, and names nobody.
type Teller func(t *tx, topic patient.Topic) error

// tellPatient lets the patient know of something outside of their space, if they want
// to know of such things.
func (h *Hub) tellPatient(t *tx, topic patient.Topic) error {
	c, err := patient.LoadChoices(t, t.Scope)
	if err != nil || !c.Wants(topic) || h.teller == nil {
		return err
	}
	return h.teller(t, topic)
}
