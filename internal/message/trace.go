package message

import "hash"

// HashWithoutTrace writes m to h without the fields that carriers add
// (RFC 5321 §4.4: Received and Return-Path; Delivered-To), so that a mail sent
// twice by the same client has the same hash whichever way it came.
func HashWithoutTrace(h hash.Hash, m *Mail) {
	head, from := m.header, 0
	for i, f := range head.fields {
		if !head.is(f, "Received") && !head.is(f, "Return-Path") && !head.is(f, "Delivered-To") {
			continue
		}
		h.Write(m.Raw[from:f.start])
		// Up to the next field, the line break and what is no field included.
		if from = len(head.raw); i+1 < len(head.fields) {
			from = head.fields[i+1].start
		} else if end := lineEnd(m.Raw, f.end); end < from {
			from = end
		}
	}
	h.Write(m.Raw[from:])
}
