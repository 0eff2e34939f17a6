package dsn

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vaguemestre/internal/message"
)

// partOf returns the part of a notice that programs read.
func partOf(t *testing.T, raw []byte, kind string) []byte {
	t.Helper()
	m, err := message.Parse(raw, message.Default)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	m.Root.Walk(func(p *message.Part) bool {
		if p.MediaType() == "message/"+kind {
			if b, err = p.Decoded(raw, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	return b
}

func TestWhatWasWrittenOfADeliveryIsRead(t *testing.T) {
	want := []Recipient{
		{Address: "eric@medecin.test", Action: Delivered, Status: "2.0.0"},
		{Address: "nobody@medecin.test", Action: Failed, Status: "5.1.1", Diagnostic: "550 5.1.1 Nobody"},
	}
	d := Delivery{ReportingMTA: "hub.test", From: message.Address{Mailbox: "postmaster", Host: "hub.test"}, To: "alice@patient.test",
		Date: time.Unix(1e9, 0), MessageID: "a@hub.test", Recipients: want, Original: []byte("Message-ID: <b@x.test>\r\n\r\n")}
	raw, err := d.Compose(bytes.NewReader(make([]byte, 64)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, ReadDelivery(partOf(t, raw, "delivery-status"))); diff != "" {
		t.Error(diff)
	}
	m, err := message.Parse(raw, message.Default)
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := ActionOf(m.Header("Subject")); !ok || a != Failed {
		t.Errorf("the subject tells %q, %v", a, ok)
	}
	if _, ok := ActionOf("Message distribué"); ok {
		t.Error("half a subject tells something")
	}
}

func TestWhatWasWrittenOfADispositionIsRead(t *testing.T) {
	for _, want := range []Disposition{
		{FinalRecipient: "eric@medecin.test", Type: Displayed},
		{FinalRecipient: "labo@medecin.test", Type: Processed, Automatic: true, Failure: &Failure{"902", "Patient inconnu"}},
	} {
		d := want
		d.From, d.To, d.Date, d.MessageID = message.Address{Mailbox: "eric", Host: "medecin.test"}, "alice@patient.test", time.Unix(1e9, 0), "a@hub.test"
		raw, err := d.Compose(bytes.NewReader(make([]byte, 64)))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := ReadDisposition(partOf(t, raw, "disposition-notification"))
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%v\n%s", ok, diff)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: failed\r\nStatus: 5.0.0\r\n"))
	f.Add([]byte("Final-Recipient: rfc822; a@b\r\nDisposition: manual-action/MDN-sent-manually; displayed/Error: 1^x\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range ReadDelivery(b) {
			if r.Address == "" || strings.ContainsAny(r.Address+r.Diagnostic, "\r\n") {
				t.Errorf("%+v", r)
			}
		}
		if d, ok := ReadDisposition(b); ok && (d.FinalRecipient == "" || d.Failure != nil && strings.ContainsAny(d.Failure.Label, "\r\n")) {
			t.Errorf("%+v", d)
		}
	})
}
