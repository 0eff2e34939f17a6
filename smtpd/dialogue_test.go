package smtpd

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/policy"
)

const mailFrom = "\nC: MAIL FROM:<" + martin + ">\nS: 250\n"

func TestAMailIsFiled(t *testing.T) {
	h := &fakeHub{}
	dialogue(t, h, mailFrom+`
		C: RCPT TO:<dr.durand@ch-a.test>
		S: 250 2.0.0
		C: DATA
		S: 354
		C: Subject: Bonjour
		C:
		C: ..one dot
		C: .
		S: 250 2.0.0 Filed r-1
		C: QUIT
		S: 221 2.0.0
		S:
	`)
	h.want(t, "Subject: Bonjour\r\n\r\n.one dot\r\n")
}

func TestDeliveryHoldsTheEnvelope(t *testing.T) {
	h := &fakeHub{}
	dialogue(t, h, `
		C: MAIL FROM:<Dr.Martin@CH-A.test> RET=FULL ENVID=QQ+2B1 BODY=8BITMIME SIZE=20
		S: 250
		C: RCPT TO:<a@ch-a.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old+2Ba@ch-a.test
		S: 250
		C: RCPT TO:<b@ch-a.test> NOTIFY=NEVER
		S: 250
		C: RCPT TO:<A@ch-a.test>
		S: 250
		C: RCPT TO:<c@ch-a.test>
		S: 250
		C: DATA
		S: 354
		C: A: b
		C: .
		S: 250
	`)
	address := func(s string) ident.Address {
		a, err := ident.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	want := []hub.Delivery{{
		Actor: h.actor(), From: address(martin), EnvelopeID: "QQ+1", ReturnFull: true, Mail: []byte("A: b\r\n"),
		To: []hub.Recipient{
			{Address: address("a@ch-a.test"), Notify: hub.NotifySuccess | hub.NotifyDelay, Original: "rfc822;old+a@ch-a.test"},
			{Address: address("b@ch-a.test"), Notify: hub.NotifyNever},
			{Address: address("c@ch-a.test")},
		},
		Protocol: "ESMTPSA", Hello: "lps.test", Remote: netip.MustParseAddr("127.0.0.1"),
	}}
	if d := cmp.Diff(want, h.mails(), cmpopts.EquateComparable(ident.Address{}, netip.Addr{})); d != "" {
		t.Error(d)
	}
}

func TestExtensionsOffered(t *testing.T) {
	w := serve(t, &fakeHub{}, Implicit)
	w.dialTLS().play(`
		S: 220 hub.test ESMTP
		C: EHLO lps.test
		S: 250
		+: PIPELINING
		+: 8BITMIME
		+: ENHANCEDSTATUSCODES
		+: CHUNKING
		+: SMTPUTF8
		+: DSN
		+: SIZE 52428800
		+: LIMITS RCPTMAX=100
		+: AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN
		-: STARTTLS
		-: BINARYMIME
	`)
}

func TestNothingButSTARTTLSInClear(t *testing.T) {
	h := &fakeHub{}
	w := serve(t, h, STARTTLS)
	c := w.dial()
	c.play(`
		S: 220 hub.test ESMTP
		C: EHLO lps.test
		S: 250
		+: STARTTLS
		-: AUTH
		C: AUTH PLAIN ` + plain(martin, password) + `
		S: 530 5.7.0
		C: MAIL FROM:<` + martin + `>
		S: 530 5.7.0
		C: NOOP
		S: 250
		C: STARTTLS now
		S: 501
		C: STARTTLS
		S: 220
	`)
	c.startTLS(w)
	c.play(`
		C: MAIL FROM:<` + martin + `>
		S: 502
		C: EHLO lps.test
		S: 250
		-: STARTTLS
		+: AUTH SCRAM-SHA-256-PLUS
		C: STARTTLS
		S: 502
		C: AUTH PLAIN ` + plain(martin, password) + `
		S: 235` + mailFrom + `
		C: RCPT TO:<a@ch-a.test>
		S: 250
		C: DATA
		S: 354
		C: A: b
		C: .
		S: 250 2.0.0 Filed
	`)
	h.want(t, "A: b\r\n")
}

func TestCommandsPipelinedAfterSTARTTLSAreDiscarded(t *testing.T) {
	w := serve(t, &fakeHub{}, STARTTLS)
	c := w.dial()
	c.play(`
		S: 220
		C: EHLO lps.test
		S: 250
		R: "STARTTLS\r\nEHLO injected.test\r\nRSET\r\n"
		S: 220
	`)
	c.startTLS(w)
	c.play(`
		C: NOOP
		S: 250
		C: MAIL FROM:<` + martin + `>
		S: 502
		C: EHLO lps.test
		S: 250
	`) // a reply to an injected command would stand before one of these
}

func TestAHandshakeThatFailsEndsTheConnection(t *testing.T) {
	w := serve(t, &fakeHub{}, STARTTLS)
	c := w.dial()
	c.play("S: 220\nC: EHLO lps.test\nS: 250\nC: STARTTLS\nS: 220\nC: NOOP")
	if rest, _ := io.ReadAll(c.in); strings.Contains(string(rest), "250") {
		t.Errorf("still answered: %q", rest)
	}
}

func TestNoMailBeforeLogin(t *testing.T) {
	w := serve(t, &fakeHub{}, Implicit)
	w.dialTLS().play(`
		S: 220
		C: MAIL FROM:<` + martin + `>
		S: 502 5.5.1
		C: EHLO lps.test
		S: 250
		C: MAIL FROM:<` + martin + `>
		S: 530 5.7.0
		C: RCPT TO:<a@ch-a.test>
		S: 502 5.5.1
		C: DATA
		S: 502 5.5.1
		R: "BDAT 6 LAST\r\nQUIT\r\n"
		S: 502 5.5.1
		C: AUTH PLAIN ` + plain(martin, "wrong") + `
		S: 535 5.7.8 Identifiant ou mot de passe refuse. / Authentication failed.
		C: AUTH PLAIN ` + plain("nobody@ch-a.test", password) + `
		S: 535 5.7.8 Identifiant ou mot de passe refuse. / Authentication failed.
		C: AUTH PLAIN AAAA
		S: 535 5.7.8 Identifiant ou mot de passe refuse. / Authentication failed.
		C: AUTH GSSAPI
		S: 504 5.5.4
		C: AUTH PLAIN
		S: 334
		C: *
		S: 501
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: ZHIubWFydGluQGNoLWEudGVzdA==
		S: 334 UGFzc3dvcmQ6
		C: YWJjZC1lZmdoLWlqa2wtbW5vcA==
		S: 235
		C: AUTH LOGIN
		S: 503
		C: MAIL FROM:<` + martin + `>
		S: 250
	`)
}

func TestFailedLoginsOfAConnectionAreLimited(t *testing.T) {
	w := serve(t, &fakeHub{}, Implicit, limits(Limits{LoginFailures: 2}))
	w.dialTLS().play(`
		S: 220
		C: EHLO lps.test
		S: 250
		C: AUTH PLAIN ` + plain(martin, "wrong") + `
		S: 535
		C: AUTH PLAIN ` + plain(martin, "wrong") + `
		S: 421 4.7.0
		S:
	`)
	if n := w.counter("smtp_logins_total", "not_authenticated"); n != 2 {
		t.Errorf("smtp_logins_total = %v, want 2", n)
	}
}

func TestLoginRepliesByKind(t *testing.T) {
	for kind, want := range map[fault.Kind]string{
		fault.Throttled: "421 4.7.0", fault.Unavailable: "454 4.7.0", fault.Sealed: "454 4.7.0", fault.Internal: "454 4.7.0",
	} {
		t.Run(string(kind), func(t *testing.T) {
			w := serve(t, &fakeHub{login: fmt.Errorf("hub: login secret-detail: %w", kind)}, Implicit)
			w.dialTLS().play("S: 220\nC: EHLO lps.test\nS: 250\nC: AUTH PLAIN " + plain(martin, password) + "\nS: " + want + "\n-: secret-detail")
		})
	}
}

func TestLongInitialResponse(t *testing.T) {
	w := serve(t, &fakeHub{}, Implicit)
	long := strings.Repeat("x", 9000) // 12000 as base64
	w.dialTLS().play("S: 220\nC: EHLO lps.test\nS: 250\nC: AUTH PLAIN " + plain(martin, long) + "\nS: 535\nC: NOOP\nS: 250")
}

func TestSenders(t *testing.T) {
	dialogue(t, &fakeHub{}, `
		C: MAIL FROM:<other@ch-a.test>
		S: 550 5.7.1 Cette adresse n'est pas la votre / This address is not yours
		C: MAIL FROM:<other@ch-a.test> SMTPUTF8
		S: 550 5.7.1 Cette adresse n'est pas la vôtre / This address is not yours
		C: MAIL FROM:<>
		S: 250
		C: RSET
		S: 250
		C: MAIL FROM:<"dr.martin@ch-a.test"@evil.test>
		S: 553 5.1.7
		C: MAIL FROM:<dr.martin@ch-a.test@evil.test>
		S: 553 5.1.7
		C: MAIL FROM:<dr.mârtin@ch-a.test>
		S: 553 5.6.7
		C: MAIL FROM:<`+martin+`> SIZE=52428801
		S: 552 5.3.4
		C: MAIL FROM:<`+martin+`> SIZE=52428800
		S: 250
		C: MAIL FROM:<`+martin+`>
		S: 503 5.5.1
		C: RSET
		S: 250
		C: MAIL FROM:<`+martin+`>
		S: 250
	`)
}

func TestRecipientsAreJudgedOneByOne(t *testing.T) {
	h := &fakeHub{}
	w := dialogue(t, h, mailFrom+`
		C: RCPT TO:<unknown@ch-a.test>
		S: 550 5.1.1 Pas de destinataire a cette adresse. / No such recipient here.
		-: secret-detail
		C: RCPT TO:<discreet@patient.test>
		S: 550 5.1.1 Pas de destinataire a cette adresse. / No such recipient here.
		C: RCPT TO:<wrongkey@patient.test>
		S: 553 5.1.3
		C: RCPT TO:<"a@b"@ch-a.test>
		S: 553 5.1.3
		C: RCPT TO:<a@[127.0.0.1]>
		S: 553 5.1.3
		C: RCPT TO:<a@hôpital.test>
		S: 553 5.6.7
		C: RCPT TO:<closed@ch-a.test>
		S: 550 5.7.1 L'echange est cloture / The exchange has ended
		C: RCPT TO:<full@ch-a.test>
		S: 452 4.2.2
		C: RCPT TO:<tired@ch-a.test>
		S: 450 4.7.1
		C: RCPT TO:<away@ch-a.test>
		S: 451 4.3.0
		C: RCPT TO:<broken@ch-a.test>
		S: 451 4.3.0
		-: secret-detail
		C: DATA
		S: 502 5.5.1
		C: RCPT TO:<a@ch-a.test>
		S: 250
		C: DATA
		S: 354
		C: A: b
		C: .
		S: 250
	`)
	if to := h.mails()[0].To; len(to) != 1 || to[0].Address.Local() != "a" {
		t.Errorf("filed for %v", to)
	}
	if n := w.counter("smtp_recipients_total", "not_found"); n != 2 {
		t.Errorf("smtp_recipients_total{not_found} = %v, want 2", n)
	}
}

func TestAPatientWritesToAllOrToNone(t *testing.T) {
	h := &fakeHub{role: policy.Patient}
	dialogue(t, h, mailFrom+`
		C: RCPT TO:<a@ch-a.test>
		S: 250
		C: RCPT TO:<closed@ch-a.test>
		S: 550 5.7.1 L'echange est cloture / The exchange has ended
		C: RCPT TO:<b@ch-a.test>
		S: 550 5.7.1 L'echange est cloture
		C: DATA
		S: 354
		C: Subject: x
		C: .
		S: 550 5.7.1 L'echange est cloture
		`+mailFrom+`
		C: RCPT TO:<a@ch-a.test>
		S: 250`)
	h.want(t)
}

func TestSMTPUTF8(t *testing.T) {
	h := &fakeHub{}
	dialogue(t, h, `
		C: MAIL FROM:<`+martin+`> SMTPUTF8
		S: 250
		C: RCPT TO:<a@hôpital.test>
		S: 250
		C: RCPT TO:<josé@hôpital.test>
		S: 553 5.1.3
		C: RCPT TO:<closed@hôpital.test>
		S: 550 5.7.1 L’échange est clôturé / The exchange has ended
		C: DATA
		S: 354
		C: Subject: Compte rendu opératoire
		C: .
		S: 250
	`)
	d := h.mails()[0]
	if d.Protocol != "UTF8SMTPSA" || d.To[0].Address.Domain() != "xn--hpital-ixa.test" {
		t.Errorf("filed as %s to %s", d.Protocol, d.To[0].Address.Domain())
	}
}

func TestPipelining(t *testing.T) {
	h := &fakeHub{}
	dialogue(t, h, `
		R: "MAIL FROM:<`+martin+`>\r\nRCPT TO:<unknown@ch-a.test>\r\nRCPT TO:<a@ch-a.test>\r\nDATA\r\n"
		S: 250
		S: 550
		S: 250
		S: 354
		R: "A: b\r\n.\r\nMAIL FROM:<`+martin+`>\r\nRCPT TO:<a@ch-a.test>\r\nBDAT 6\r\nC: d\r\nBDAT 0 LAST\r\nQUIT\r\n"
		S: 250 2.0.0 Filed r-1
		S: 250
		S: 250
		S: 250
		S: 250 2.0.0 Filed r-2
		S: 221
		S:
	`)
	h.want(t, "A: b\r\n", "C: d\r\n")
}

func TestChunking(t *testing.T) {
	h := &fakeHub{}
	long := "X: " + strings.Repeat("y", 100_000) + "\r\n"
	rcpt := mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\n"
	dialogue(t, h, rcpt+fmt.Sprintf("R: %q\nS: 250\nR: %q\nS: 250 2.0.0 Filed\n", fmt.Sprintf("BDAT %d\r\n%s", len(long), long), "BDAT 5 LAST\r\n.\r\n\r\n")+
		rcpt+`
		R: "BDAT 4\r\nA: b"
		S: 250
		R: "BDAT 1\r\n\r"
		S: 250
		R: "BDAT 1 LAST\r\n\n"
		S: 250 2.0.0 Filed r-2
	`+rcpt+`
		C: BDAT x LAST
		S: 501
		R: "BDAT 6\r\nA: b\r\n"
		S: 250
		C: MAIL FROM:<`+martin+`>
		S: 502
		C: DATA
		S: 502
		C: RSET
		S: 250
		R: "BDAT 6 LAST\r\nQUIT\r\n"
		S: 502
		C: NOOP
		S: 250
	`)
	h.want(t, long+".\r\n\r\n", "A: b\r\n")
}

func TestAMailOfTheLimitIsAcceptedAndNoByteMore(t *testing.T) {
	const limit = 100_000
	mail := "X: " + strings.Repeat("y", limit-5) + "\r\n"
	h := &fakeHub{}
	rcpt := mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\n"
	toPatient := mailFrom + "C: RCPT TO:<" + patient + ">\nS: 250\n"
	data := func(mail, reply string) string {
		return fmt.Sprintf("C: DATA\nS: 354\nR: %q\nS: %s\n", mail+".\r\n", reply)
	}
	bdat := func(mail, reply string) string {
		return fmt.Sprintf("R: %q\nS: %s\n", fmt.Sprintf("BDAT %d LAST\r\n%s", len(mail), mail), reply)
	}
	dialogue(t, h, rcpt+data(mail, "250")+rcpt+bdat(mail, "250")+
		rcpt+data("Y"+mail, "552 5.3.4")+rcpt+bdat("Y"+mail, "552 5.3.4")+
		toPatient+data(mail[:limit/2-2]+"\r\n", "250")+toPatient+bdat(mail[:limit/2-2]+"\r\n", "250")+
		toPatient+data(mail[:limit/2-1]+"\r\n", "552 5.3.4")+toPatient+bdat(mail[:limit/2-1]+"\r\n", "552 5.3.4")+`
		C: MAIL FROM:<`+martin+`> SIZE=50001
		S: 250
		C: RCPT TO:<`+patient+`>
		S: 552 5.3.4
		C: RCPT TO:<a@ch-a.test>
		S: 250
	`, limits(Limits{Mail: limit, PatientMail: limit / 2}))
	if n := len(h.mails()); n != 4 {
		t.Errorf("%d mails filed, want 4", n)
	}
}

func TestAClientThatDoesNotStopIsCut(t *testing.T) {
	h := &fakeHub{}
	rcpt := mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\n"
	flood := strings.Repeat(strings.Repeat("x", 998)+"\r\n", 30)
	dialogue(t, h, rcpt+fmt.Sprintf("C: DATA\nS: 354\nR: %q\nS: 552 5.3.4\nS: 421\nS:", flood), limits(Limits{Mail: 10_000}))
	dialogue(t, h, rcpt+"C: BDAT 4000000000\nS: 552 5.3.4\nS: 421\nS:", limits(Limits{Mail: 10_000}))
	h.want(t)
}

func TestRecipientsAreLimited(t *testing.T) {
	dialogue(t, &fakeHub{}, mailFrom+`
		C: RCPT TO:<a@ch-a.test>
		S: 250
		C: RCPT TO:<b@ch-a.test>
		S: 250
		C: RCPT TO:<c@ch-a.test>
		S: 452 4.5.3
	`, limits(Limits{Recipients: 2}))
}

func TestErrorsAreLimited(t *testing.T) {
	dialogue(t, &fakeHub{}, `
		C: HALLO
		S: 500 5.5.1
		C: GET / HTTP/1.1
		S: 500 5.5.1
		C: RCPT TO:<a@ch-a.test>
		S: 502
		C: X
		S: 500 5.5.1
		S: 421 4.7.0 Too many errors
		S:
	`, limits(Limits{Errors: 3}))
}

func TestALineTooLongEndsTheConnection(t *testing.T) {
	dialogue(t, &fakeHub{}, "C: NOOP "+strings.Repeat("x", 20_000)+"\nS: 500 5.5.6\nS: 421\nS:")
}

func TestDeliverRefusals(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&hub.Refusal{Rule: "document/wrong-patient", FR: "Ce document concerne une autre personne", EN: "Wrong patient", Kind: fault.Denied},
			"550 5.7.1 Ce document concerne une autre personne / Wrong patient"},
		{fmt.Errorf("secret-detail: %w", fault.Invalid), "550 5.6.0"},
		{fmt.Errorf("secret-detail: %w", fault.Unavailable), "451 4.3.0"},
		{fmt.Errorf("secret-detail: %w", fault.Quota), "452 4.2.2"},
		{fmt.Errorf("secret-detail"), "451 4.3.0"},
	} {
		t.Run(c.want, func(t *testing.T) {
			h := &fakeHub{deliver: func(hub.Delivery) error { return c.err }}
			rcpt := mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\n"
			dialogue(t, h, rcpt+"C: DATA\nS: 354\nC: A: b\nC: .\nS: "+c.want+"\n-: secret-detail\n"+
				rcpt+"R: \"BDAT 6 LAST\\r\\nA: b\\r\\n\"\nS: "+c.want+"\n-: secret-detail\nC: NOOP\nS: 250")
		})
	}
}

func TestAPanicEndsItsConnectionOnly(t *testing.T) {
	h := &fakeHub{deliver: func(hub.Delivery) error { panic("as asked by the test") }}
	w := serve(t, h, Implicit)
	rcpt := mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\n"
	w.loggedIn().play(mailFrom + "C: RCPT TO:<panic@ch-a.test>\nS: 421\nS:")
	w.loggedIn().play(rcpt + "C: DATA\nS: 354\nC: A: b\nC: .\nS: 421\nS:")
	w.loggedIn().play(rcpt + "R: \"BDAT 6 LAST\\r\\nA: b\\r\\n\"\nS: 421\nS:")
	w.loggedIn().play("C: NOOP\nS: 250")
	w.stop() // the count may come after the reply
	if n := w.counter("smtp_panics_total", ""); n != 3 {
		t.Errorf("smtp_panics_total = %v, want 3", n)
	}
	if n := w.counter("smtp_in_flight_bytes", ""); n != 0 {
		t.Errorf("smtp_in_flight_bytes = %v, want 0", n)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	w := serve(t, &fakeHub{}, STARTTLS, limits(Limits{PerAddress: 1}))
	w.dial().play("S: 220")
	w.dial().play("S: 421 4.7.0 hub.test Too many connections\nS:")
}

func TestMailsInFlightAreLimited(t *testing.T) {
	const size = 200_000
	w := serve(t, &fakeHub{}, Implicit, limits(Limits{Mail: size, InFlight: size + firstRoom, InFlightWait: 200 * time.Millisecond}))
	rcpt := mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\nC: DATA\nS: 354\n"
	mail := "X: " + strings.Repeat("y", size-5) + "\r\n"
	first, second := w.loggedIn(), w.loggedIn()
	first.play(rcpt + fmt.Sprintf("R: %q\n", mail))
	for w.counter("smtp_in_flight_bytes", "") < size {
		time.Sleep(time.Millisecond)
	}
	second.play(rcpt + fmt.Sprintf("R: %q\nS: 451 4.3.0\n", mail+".\r\n"))
	first.play("C: .\nS: 250 2.0.0 Filed")
	second.play(rcpt + fmt.Sprintf("R: %q\nS: 250 2.0.0 Filed\n", mail+".\r\n"))
}

func TestSlowAndSilentClientsAreCut(t *testing.T) {
	l := Limits{Anonymous: 500 * time.Millisecond}
	l.Patience.Idle, l.Patience.Grace, l.Patience.MaxAge, l.Patience.MinRate = 700*time.Millisecond, 500*time.Millisecond, time.Minute, 1<<20
	for name, c := range map[string]struct {
		login   bool
		script  string
		trickle bool
	}{
		"silent before login":    {false, "S: 220\nS: 421\nS:", false},
		"silent after login":     {true, "C: NOOP\nS: 250\nS: 421\nS:", false},
		"a command byte by byte": {true, "", true},
		"a body byte by byte":    {true, mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\nC: DATA\nS: 354", true},
		"a body that stops":      {true, mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\nC: DATA\nS: 354\nC: A: b\nS: 421\nS:", false},
		"a chunk that stops":     {true, mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\nR: \"BDAT 10 LAST\\r\\nA: b\"\nS: 421 4.4.2\nS:", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := &fakeHub{}
			w := serve(t, h, Implicit, limits(l))
			begin := time.Now()
			var cl *client
			if c.login {
				cl = w.loggedIn()
			} else {
				cl = w.dialTLS()
			}
			cl.play(c.script)
			for c.trickle {
				if _, err := cl.conn.Write([]byte("x")); err != nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("cut after %v", took)
			}
			h.want(t)
		})
	}
}

func TestAMailCutShortIsNotFiled(t *testing.T) {
	h := &fakeHub{}
	w := serve(t, h, Implicit)
	for _, part := range []string{"C: DATA\nS: 354\nC: A: b", "C: DATA\nS: 354\nC: A: b\nR: \".\"", "R: \"BDAT 100 LAST\\r\\nA: b\\r\\n\"", "R: \"BDAT 6\\r\\nA: b\\r\\n\"\nS: 250"} {
		c := w.loggedIn()
		c.play(mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\n" + part)
		c.conn.Close() // in good order: with close_notify
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	h.want(t)
}

func TestStopping(t *testing.T) {
	release := make(chan struct{})
	h := &fakeHub{deliver: func(hub.Delivery) error { <-release; return nil }}
	w := serve(t, h, Implicit)
	idle, busy := w.loggedIn(), w.loggedIn()
	busy.play(mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\nC: DATA\nS: 354\nR: \"A: b\\r\\n.\\r\\n\"")
	for w.counter("smtp_in_flight_bytes", "") == 0 {
		time.Sleep(time.Millisecond)
	}
	ended := make(chan error)
	go func() { ended <- w.stop() }()
	idle.play("S: 421 4.3.2 hub.test\nS:")
	close(release)
	busy.play("S: 250 2.0.0 Filed\nS: 421 4.3.2\nS:")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	h.want(t, "A: b\r\n")
}

func TestStoppingDoesNotWaitForEver(t *testing.T) {
	h := &fakeHub{}
	w := serve(t, h, Implicit, limits(Limits{Drain: 100 * time.Millisecond}))
	c := w.loggedIn()
	c.play(mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\nC: DATA\nS: 354\nC: A: b")
	begin := time.Now()
	if err := w.stop(); err != nil || time.Since(begin) > 3*time.Second {
		t.Errorf("stopped after %v with %v", time.Since(begin), err)
	}
	h.want(t)
}
