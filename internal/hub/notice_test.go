package hub

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

const (
	aliceMail  = "alice@courriel.test"
	alicePhone = "+33639980001"
)

// reach gives a patient a contact that was checked.
func (h *house) reach(who string, c patient.Contact) store.Part {
	h.t.Helper()
	part, _, err := h.find(h.t.Context(), addr(who))
	if err != nil {
		h.t.Fatal(err)
	}
	cert, err := h.certOf(h.t.Context(), part)
	if err != nil {
		h.t.Fatal(err)
	}
	err = h.commit(h.t.Context(), part, func(t *tx) error { return patient.SetContact(t, t.Scope, cert, c) })
	if err != nil {
		h.t.Fatal(err)
	}
	return part
}

func (h *house) checked() patient.Contact {
	return patient.Contact{Mail: aliceMail, MailChecked: h.now, Phone: alicePhone, PhoneChecked: h.now, Phrase: "le héron gris"}
}

func (h *house) tell(part store.Part, list ...Notice) {
	h.t.Helper()
	if _, err := h.pepper(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	for _, n := range list {
		if err := h.commit(h.t.Context(), part, func(t *tx) error { return h.notice(t, n) }); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) due() []Outgoing {
	h.t.Helper()
	list, err := h.DueNotices(h.t.Context(), 100)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func TestANoticeGoesToTheContactThatWasChecked(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		name    string
		contact patient.Contact
		by      Channel
		want    string
	}{
		{"mail first", h.checked(), "", "mail " + aliceMail},
		{"the phone if asked", h.checked(), BySMS, "sms " + alicePhone},
		{"the phone if there is no mail", patient.Contact{Phone: alicePhone, PhoneChecked: h.now}, "", "sms " + alicePhone},
		{"a mail address nobody checked gets nothing", patient.Contact{Mail: aliceMail}, "", ""},
		{"nor a phone", patient.Contact{Phone: alicePhone, Mail: aliceMail, MailChecked: h.now}, BySMS, ""},
	} {
		part := h.reach(alice, c.contact)
		h.tell(part, Notice{Kind: NoticePassword, Channel: c.by})
		got := ""
		for _, n := range h.due() {
			got += string(n.Channel) + " " + n.Address
			if err := h.NoticeSent(t.Context(), n.ID); err != nil {
				t.Fatal(err)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if left := h.waiting(part); len(left) != 0 {
			t.Errorf("%s: left are %+v", c.name, left)
		}
	}
	h.verifies()
}

func (h *house) waiting(part store.Part) (list []outbox.Notice) {
	err := h.view(h.t.Context(), part, func(r store.Reader) (err error) {
		list, err = outbox.Notices(r, h.scope(part))
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func TestANoticeIsTriedAgainAndNotForEver(t *testing.T) {
	h := newHouse(t)
	part := h.reach(alice, h.checked())
	h.tell(part, Notice{Kind: NoticeMessage})
	away := errors.New("provider is away")
	tries, start := 0, h.now
	for h.now.Sub(start) < noticeLife+time.Hour {
		for _, n := range h.due() {
			tries++
			if again := h.due(); len(again) != 0 {
				t.Fatal("a notice is handed out twice at once")
			}
			if err := h.NoticeFailed(t.Context(), n.ID, away); err != nil {
				t.Fatal(err)
			}
		}
		h.now = h.now.Add(time.Minute)
	}
	if tries < 10 || tries > 20 {
		t.Errorf("it was tried %d times in two days", tries)
	}
	if left := h.waiting(part); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
	h.tell(part, Notice{Kind: NoticeMessage})
	for _, n := range h.due() {
		if err := h.NoticeFailed(t.Context(), n.ID, fmt.Errorf("no such mailbox: %w", fault.NotFound)); err != nil {
			t.Fatal(err)
		}
	}
	h.now = h.now.Add(time.Hour)
	if n := len(h.due()); n != 0 {
		t.Error("what is refused for ever is tried again")
	}
}

func TestACourierThatDiedKeepsNoNotice(t *testing.T) {
	h := newHouse(t)
	h.tell(h.reach(alice, h.checked()), Notice{Kind: NoticeMessage})
	first := h.due()
	h.now = h.now.Add(noticeLease)
	if again := h.due(); len(first) != 1 || len(again) != 1 || again[0].ID != first[0].ID {
		t.Errorf("handed out are %+v, then %+v", first, again)
	}
}

func TestNoticesOfAKindLeaveOnceAndCodesReplaceEachOther(t *testing.T) {
	h := newHouse(t)
	part := h.reach(alice, h.checked())
	h.tell(part, Notice{Kind: NoticeDocument}, Notice{Kind: NoticeDocument}, Notice{Kind: NoticeMessage},
		Notice{Kind: NoticeLoginCode, Channel: BySMS, Code: "111111"}, Notice{Kind: NoticeLoginCode, Channel: BySMS, Code: "222222"})
	var kinds []string
	for _, n := range h.due() {
		kinds = append(kinds, string(n.Kind))
		if strings.Contains(n.Text, "111111") || n.Kind == NoticeLoginCode && !strings.Contains(n.Text, "222222") {
			t.Errorf("%s says %q", n.Kind, n.Text)
		}
	}
	if len(kinds) != 3 {
		t.Errorf("there leave %v", kinds)
	}
}

func TestACodeTooLateDoesNotLeave(t *testing.T) {
	h := newHouse(t)
	h.tell(h.reach(alice, h.checked()), Notice{Kind: NoticeLoginCode, Code: "123456", Expires: h.now.Add(10 * time.Minute)})
	h.now = h.now.Add(10 * time.Minute)
	if list := h.due(); len(list) != 0 {
		t.Errorf("there leave %+v", list)
	}
}

// TestTheStoreDoesNotShowWhereANoticeGoesNorItsCode opens what the index key
// opens, which a role without the hub key has.
func TestTheStoreDoesNotShowWhereANoticeGoesNorItsCode(t *testing.T) {
	h := newHouse(t)
	part := h.reach(alice, h.checked())
	h.tell(part, Notice{Kind: NoticeActivation, Channel: ByMail, To: "zephyrine@courriel.test", Code: "Zq7Kd9wX"})
	list := h.waiting(part)
	if len(list) != 1 {
		t.Fatalf("there are %d", len(list))
	}
	if seen := fmt.Sprintf("%s %s %+v", list[0].To, list[0].Code, list[0]); strings.Contains(seen, "zephyrine") || strings.Contains(seen, "Zq7Kd9wX") {
		t.Errorf("a role without the hub key sees %q", seen)
	}
	out := h.due()
	if len(out) != 1 || out[0].Address != "zephyrine@courriel.test" || !strings.Contains(out[0].Text, "Zq7Kd9wX") {
		t.Errorf("there leaves %+v", out)
	}
	ring := h.Ring
	h.Ring = nil
	if _, err := h.DueNotices(t.Context(), 1); !errors.Is(err, fault.Sealed) {
		t.Errorf("a sealed hub hands out notices: %v", err)
	}
	h.Ring = ring
}

func TestASealedHubTellsOfWhatNeedsNoCode(t *testing.T) {
	h := newHouse(t)
	part := h.reach(alice, h.checked())
	ring := h.Ring
	h.Ring = nil
	err := h.commit(t.Context(), part, func(t *tx) error { return h.notice(t, Notice{Kind: NoticeMessage}) })
	if err != nil {
		t.Fatal(err)
	}
	err = h.commit(t.Context(), part, func(t *tx) error { return h.notice(t, Notice{Kind: NoticeLoginCode, Code: "123456"}) })
	if !errors.Is(err, fault.Sealed) {
		t.Errorf("a code without the hub key: %v", err)
	}
	h.Ring = ring
	if list := h.due(); len(list) != 1 || list[0].Kind != NoticeMessage {
		t.Errorf("there leave %+v", list)
	}
}

func TestAHintStaysAsLongAsANoticeWaits(t *testing.T) {
	h := newHouse(t)
	part := h.reach(alice, h.checked())
	h.tell(part, Notice{Kind: NoticeMessage, Expires: h.now.Add(24 * time.Hour)})
	h.now = h.now.Add(3 * time.Hour)
	if err := h.CarryAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := h.due()
	if len(list) != 1 {
		t.Fatalf("there leave %+v", list)
	}
	if err := h.NoticeSent(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := h.CarryAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if parts, err := h.hinted(t.Context(), outbox.Hints); err != nil || len(parts) != 0 {
		t.Errorf("hinted are %v, %v", parts, err)
	}
	h.tell(part, Notice{Kind: NoticeMessage}) // this process hinted long ago
	if list := h.due(); len(list) != 1 {
		t.Errorf("a notice after the hint was taken back: %+v", list)
	}
}

// TestEveryKindHasItsTexts: no link, nothing that is not ours to tell, the same
// end each time, and text messages in their own alphabet.
func TestEveryKindHasItsTexts(t *testing.T) {
	gsm := "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	for kind, text := range noticeTexts {
		_, mail := kind.write(ByMail, "Zq7Kd9wX", "le héron gris", patient.DefaultDelays)
		subject, _ := kind.write(ByMail, "", "", patient.DefaultDelays)
		_, sms := kind.write(BySMS, "Zq7Kd9wX", "", patient.DefaultDelays)
		coded := strings.Contains(text.FR, "CODE")
		switch {
		case text.FR == "" || text.EN == "" || text.SMS == "" || text.SubjectFR == "" || text.SubjectEN == "":
			t.Errorf("%s has no text", kind)
		case strings.Contains(text.EN, "CODE") != coded || strings.Contains(text.SMS, "CODE") != coded:
			t.Errorf("%s tells its code in one place and not in another", kind)
		case strings.Contains(mail+sms+subject, "://") || strings.Contains(mail+sms+subject, "www."):
			t.Errorf("%s holds a link", kind)
		case !strings.HasSuffix(mail, footEN+"\n") || !strings.Contains(mail, footFR) || !strings.HasPrefix(mail, "Votre phrase / your phrase : le héron gris\n"):
			t.Errorf("%s does not look like the others: %q", kind, mail)
		case coded && (!strings.Contains(mail, "Zq7Kd9wX") || !strings.Contains(sms, "Zq7Kd9wX") || strings.Contains(mail, "CODE")):
			t.Errorf("%s does not tell its code", kind)
		case regexp.MustCompile(`OPENING|RETENTION|INVITATION`).MatchString(mail + sms + subject):
			t.Errorf("%s does not tell a delay", kind)
		case strings.Contains(subject, "CODE"):
			t.Errorf("%s has a code in its subject, which a locked screen shows", kind)
		case len([]rune(sms)) > 160 || strings.Trim(sms, gsm) != "":
			t.Errorf("%s is no text message of one part: %d %q", kind, len([]rune(sms)), strings.Trim(sms, gsm))
		}
	}
}

func TestANoticeTellsTheDelayThatHoldsHere(t *testing.T) {
	d := patient.DefaultDelays
	d.Opening = 20 * 24 * time.Hour
	for _, c := range []struct {
		kind   NoticeKind
		delays patient.Delays
		fr, en string
	}{
		{NoticeSpaceMade, patient.DefaultDelays, "de lui-même dans 6 semaines,", "by itself in 6 weeks,"},
		{NoticeSpaceMade, d, "de lui-même dans 20 jours,", "by itself in 20 days,"},
		{NoticeClosed, d, "archivé 10 ans,", "for 10 years,"},
		{NoticeDelegation, d, "pendant 2 semaines.", "within 2 weeks."},
	} {
		if _, text := c.kind.write(ByMail, "", "", c.delays); !strings.Contains(text, c.fr) || !strings.Contains(text, c.en) {
			t.Errorf("%s says %q", c.kind, text)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "1 heure, 1 hour", 90 * time.Minute: "2 heures, 2 hours", 24 * time.Hour: "1 jour, 1 day",
		7 * 24 * time.Hour: "1 semaine, 1 week", 30 * 24 * time.Hour: "30 jours, 30 days", 3653 * 24 * time.Hour: "10 ans, 10 years",
	} {
		if fr, en := inWords(d); fr+", "+en != want {
			t.Errorf("%s is %s, %s", d, fr, en)
		}
	}
}

func TestAPatientIsToldOfMailOnceAnHour(t *testing.T) {
	h := newHouse(t)
	h.reach(alice, h.checked())
	for n := range 3 {
		if err := h.send(thomas, fmt.Sprintf("Résultat %d", n), "", alice); err != nil {
			t.Fatal(err)
		}
	}
	told := h.due()
	if len(told) != 1 || told[0].Kind != NoticeMessage || strings.Contains(told[0].Text, "Résultat") {
		t.Fatalf("told: %+v", told)
	}
	if err := h.NoticeSent(t.Context(), told[0].ID); err != nil {
		t.Fatal(err)
	}
	h.now = h.now.Add(59 * time.Minute)
	if err := h.send(thomas, "Encore", "", alice); err != nil {
		t.Fatal(err)
	}
	if told := h.due(); len(told) != 0 {
		t.Errorf("within the hour: %+v", told)
	}
	h.now = h.now.Add(time.Minute)
	if err := h.send(thomas, "Plus tard", "", alice); err != nil {
		t.Fatal(err)
	}
	if told := h.due(); len(told) != 1 {
		t.Errorf("after an hour: %+v", told)
	}
	if err := h.send(thomas, "À un confrère", "", adam); err != nil {
		t.Fatal(err)
	}
	h.verifies()
}

func TestWhatTheLawOwesGoesToWhatTheRegisterSays(t *testing.T) {
	for _, c := range []struct {
		name    string
		contact patient.Contact
		want    string
	}{
		{"to its mail address", patient.Contact{Mail: aliceMail, Phone: alicePhone}, "mail " + aliceMail},
		{"to its phone if it has no other", patient.Contact{Phone: alicePhone}, "sms " + alicePhone},
		{"but only until the owner has checked one", patient.Contact{Mail: aliceMail, Phone: alicePhone, PhoneChecked: time.Unix(1, 0)}, "sms " + alicePhone},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.tell(h.reach(alice, c.contact), Notice{Kind: NoticeEmergency})
			got := ""
			for _, o := range h.due() {
				got += string(o.Channel) + " " + o.Address
			}
			if got != c.want {
				t.Errorf("goes to %q, want %q", got, c.want)
			}
		})
	}
}
