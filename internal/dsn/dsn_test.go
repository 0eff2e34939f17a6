package dsn

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/message"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var paris = time.FixedZone("CET", 3600)

// noRandom gives the same bytes every time.
func noRandom() io.Reader { return rand.NewChaCha8([32]byte{1}) }

const original = "Received: from dpi.ch-a.test by hub.test; Thu, 15 Jan 2026 10:15:00 +0100\r\n" +
	"From: =?utf-8?Q?Dr_H=C3=A9l=C3=A8ne_MARTIN?= <helene.martin@ch-a.test>\r\n" +
	"To: 160209999900102@patient.test\r\n" +
	"Subject: =?utf-8?Q?Compte_rendu_d'=C3=A9chographie?=\r\n" +
	"Message-ID: <20260115.1@ch-a.test>\r\n" +
	"\r\n" +
	"Bonjour, voici votre compte rendu.\r\n"

func delivery(rs ...Recipient) Delivery {
	return Delivery{
		ReportingMTA: "hub.test",
		From:         message.Address{Name: "Vaguemestre", Mailbox: "postmaster", Host: "hub.test"},
		To:           "helene.martin@ch-a.test",
		Date:         time.Date(2026, 1, 15, 10, 16, 0, 0, paris),
		MessageID:    "dsn.1@hub.test",
		Arrival:      time.Date(2026, 1, 15, 10, 15, 0, 0, paris),
		Recipients:   rs,
		Original:     []byte(original),
	}
}

func disposition() Disposition {
	return Disposition{
		ReportingUA:    "hub.test; Vaguemestre",
		From:           message.Address{Name: "Cabinet du Dr Éric THOMAS", Mailbox: "eric.thomas", Host: "medecin.test"},
		To:             "helene.martin@ch-a.test",
		Date:           time.Date(2026, 1, 15, 11, 0, 0, 0, paris),
		MessageID:      "mdn.1@hub.test",
		FinalRecipient: "eric.thomas@medecin.test",
		Type:           Displayed,
		Original:       []byte(original),
	}
}

func TestNotices(t *testing.T) {
	failed := Recipient{Address: "160209999900102@patient.test", Action: Failed, Status: "5.1.1"}
	orcpt := failed
	orcpt.OriginalType, orcpt.Original = "rfc822", "Patient.Invente@patient.test"
	full := delivery(orcpt)
	full.Full, full.EnvelopeID = true, "ENV-0042"
	eightBit := delivery(failed)
	eightBit.Full, eightBit.Original = true, []byte("Subject: Résultats\r\n\r\nC'est très bien.\r\n")
	integrated := disposition()
	integrated.Type, integrated.Automatic = Processed, true
	refused := integrated
	refused.Failure = &Failure{"902", "Patient inconnu"}
	refused.Attachments = []message.Attachment{{Name: "IHE_XDM.zip", Type: "application/zip", Content: []byte("PK\x05\x06" + strings.Repeat("\x00", 18))}}
	for name, notice := range map[string]interface {
		Compose(io.Reader) ([]byte, error)
	}{
		"failed":                           delivery(failed),
		"failed-full-with-orcpt-and-envid": full,
		"failed-full-of-an-8bit-mail":      eightBit,
		"failed-at-a-partner": delivery(Recipient{
			Address: "cécile@hopital.test", Action: Failed, Status: "5.2.2", RemoteMTA: "mx.hopital.test",
			Diagnostic: "552 5.2.2 Boîte pleine\r\nX-Injected: yes", LastAttempt: time.Date(2026, 1, 15, 10, 15, 30, 0, paris),
		}),
		"delayed": delivery(Recipient{
			Address: "accueil@hopital.test", Action: Delayed, Status: "4.4.1", LastAttempt: time.Date(2026, 1, 15, 14, 15, 0, 0, paris),
			RetryUntil: time.Date(2026, 1, 17, 10, 15, 0, 0, paris),
		}),
		"delivered": delivery(Recipient{Address: "160209999900102@patient.test", Action: Delivered, Status: "2.1.5"}),
		"relayed":   delivery(Recipient{Address: "accueil@hopital.test", Action: Relayed, Status: "2.1.9"}),
		"mixed": delivery(
			Recipient{Address: "160209999900102@patient.test", Action: Delivered, Status: "2.1.5"},
			failed, Recipient{Address: "b@hopital.test", Action: Failed, Status: "5.3.4"}),
		"mdn-displayed":          disposition(),
		"mdn-integrated":         integrated,
		"mdn-not-integrated-902": refused,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := notice.Compose(noRandom())
			if err != nil {
				t.Fatal(err)
			}
			again, err := notice.Compose(noRandom())
			if err != nil || !bytes.Equal(got, again) {
				t.Errorf("the same notice twice is not the same mail (%v)", err)
			}
			if !message.SevenBit(got) {
				t.Error("the mail is not 7-bit with CRLF")
			}
			checkNotice(t, got)
			golden(t, filepath.Join("testdata", name+".eml"), got)
		})
	}
}

// checkNotice reads a notice as the mail it is.
func checkNotice(t *testing.T, raw []byte) {
	t.Helper()
	m, err := message.Parse(raw, message.Default)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Defects) != 0 {
		t.Errorf("the mail has defects: %v", m.Defects)
	}
	if m.Root.MediaType() != "multipart/report" || len(m.Root.Children) < 3 {
		t.Fatalf("the mail is %s with %d parts, want a report of three", m.Root.MediaType(), len(m.Root.Children))
	}
	if got := m.Header("Auto-Submitted"); got != "auto-replied" {
		t.Errorf("Auto-Submitted is %q", got)
	}
	if kind := m.Root.Params.Get("report-type"); "message/"+kind != m.Root.Children[1].MediaType() {
		t.Errorf("report-type %q but the second part is %s", kind, m.Root.Children[1].MediaType())
	}
	if text, err := m.Root.Children[0].Text(raw, 1<<20); err != nil ||
		!strings.Contains(text, "Bonjour") || strings.Index(text, "Hello") < strings.Index(text, "Bonjour") {
		t.Errorf("the text is not French, then English: %v\n%s", err, text)
	}
	if m.Count("X-Injected") != 0 || message.ParseHeader(raw[m.Root.Children[1].BodyStart:]).Count("X-Injected") != 0 {
		t.Error("a value added a field")
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

func TestNoNoticeIsMade(t *testing.T) {
	ok := Recipient{Address: "a@b.test", Action: Failed, Status: "5.1.1"}
	with := func(change func(*Delivery)) Delivery {
		d := delivery(ok)
		change(&d)
		return d
	}
	for _, tt := range []struct {
		name string
		d    Delivery
	}{
		{"for a null sender", with(func(d *Delivery) { d.To = "" })},
		{"for a null sender in brackets", with(func(d *Delivery) { d.To = "<>" })},
		{"for nobody", with(func(d *Delivery) { d.Recipients = nil })},
		{"to what is no address", with(func(d *Delivery) { d.To = "nobody" })},
		{"to an address that carries a second one", with(func(d *Delivery) { d.To = "a@b.test>, <c@d.test" })},
		{"from nobody", with(func(d *Delivery) { d.From = message.Address{} })},
		{"with a status that is none", with(func(d *Delivery) { d.Recipients[0].Status = "550" })},
		{"with a status that says the contrary", with(func(d *Delivery) { d.Recipients[0].Status = "2.0.0" })},
		{"with an action that is none", with(func(d *Delivery) { d.Recipients[0].Action = "lost" })},
		{"about an addressee without address", with(func(d *Delivery) { d.Recipients[0].Address = " " })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if mail, err := tt.d.Compose(noRandom()); !errors.Is(err, fault.Invalid) || mail != nil {
				t.Errorf("Compose = %d bytes, %v, want fault.Invalid", len(mail), err)
			}
		})
	}
	d := disposition()
	d.To = ""
	if _, err := d.Compose(noRandom()); !errors.Is(err, fault.Invalid) {
		t.Errorf("a disposition for a null sender: %v, want fault.Invalid", err)
	}
	d = disposition()
	d.Type = "read"
	if _, err := d.Compose(noRandom()); !errors.Is(err, fault.Invalid) {
		t.Errorf("a disposition that is none: %v, want fault.Invalid", err)
	}
}

func TestWhoMayBeNotified(t *testing.T) {
	for _, tt := range []struct {
		name, header, reversePath string
		want                      bool
	}{
		{"the sender who asks", "Disposition-Notification-To: Dr A <a@b.test>\r\n", "a@b.test", true},
		{"in another case", "Disposition-Notification-To: A@B.test\r\n", "a@b.test", true},
		{"nobody asked", "Subject: x\r\n", "a@b.test", false},
		{"another than the sender", "Disposition-Notification-To: c@d.test\r\n", "a@b.test", false},
		{"the sender and another", "Disposition-Notification-To: a@b.test, c@d.test\r\n", "a@b.test", false},
		{"asked twice", "Disposition-Notification-To: a@b.test\r\nDisposition-Notification-To: a@b.test\r\n", "a@b.test", false},
		{"a null sender", "Disposition-Notification-To: a@b.test\r\n", "", false},
		{"a machine", "Disposition-Notification-To: a@b.test\r\nAuto-Submitted: auto-replied\r\n", "a@b.test", false},
		{"a person, explicitly", "Disposition-Notification-To: a@b.test\r\nAuto-Submitted: no\r\n", "a@b.test", true},
		{"a report", "Disposition-Notification-To: a@b.test\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--", "a@b.test", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := message.Parse([]byte(tt.header+"\r\nx\r\n"), message.Default)
			if err != nil {
				t.Fatal(err)
			}
			if to, ok := RequestedBy(m, tt.reversePath); ok != tt.want || ok && !strings.EqualFold(to, tt.reversePath) {
				t.Errorf("RequestedBy = %q, %v, want %v", to, ok, tt.want)
			}
		})
	}
}

func TestEveryStatusHasAReason(t *testing.T) {
	for _, status := range []string{"5.1.1", "5.1.10", "5.1.2", "5.1.3", "5.2.0", "5.2.2", "4.4.7", "5.7.1", "5.9.9", "5.0.0", ""} {
		if r := reasonOf(status); r.fr == "" || r.en == "" {
			t.Errorf("reasonOf(%q) = %q", status, r)
		}
	}
	if reasonOf("5.1.10") == reasonOf("5.1.1") {
		t.Error("5.1.10 is read as 5.1.1")
	}
}

func FuzzDelivery(f *testing.F) {
	f.Add("a@b.test", "c@d.test", "é@f.test", "550 no", "env", []byte(original), true)
	f.Fuzz(func(t *testing.T, to, address, orcpt, diagnostic, envid string, mail []byte, full bool) {
		d := delivery(Recipient{Address: address, Original: orcpt, Action: Failed, Status: "5.0.0", Diagnostic: diagnostic})
		d.To, d.EnvelopeID, d.Original, d.Full = to, envid, mail, full
		got, err := d.Compose(noRandom())
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("Compose: %v", err)
			}
			return
		}
		if !message.SevenBit(got) {
			t.Fatalf("not 7-bit: %q", got)
		}
		m, err := message.Parse(got, message.Default)
		if err != nil || m.Count("From") != 1 || m.Count("To") != 1 || len(m.Root.Children) < 2 {
			t.Fatalf("the notice is not what it should be: %v\n%s", err, got)
		}
	})
}
