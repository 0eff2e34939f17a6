package hub

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
)

// A town is a house with people whom the register names, and their cards.
type town struct {
	*house
	jeanne, karim, lina InsuredPerson // lina is a child on Karim's card
	letters             map[NoticeKind]Outgoing
}

const jeanneMail = "jeanne@courriel.test"

func newTown(t *testing.T) town {
	h := town{house: newHouse(t), letters: map[NoticeKind]Outgoing{}}
	h.jeanne = insured("2602099999021", "HÉRON", "19600229")
	h.karim = insured("1852099999022", "SAULE", "19850401")
	h.lina = insured("2142099999023", "SAULE", "20140510")
	h.jeanne.Mail, h.karim.Mail, h.karim.Phone = jeanneMail, "karim@courriel.test", alicePhone
	h.jeanne.Traits.FirstNames, h.karim.Traits.FirstNames, h.lina.Traits.FirstNames = "Jeanne", "Karim", "Lina"
	h.karim.Cards = []VitaleCard{{patient.WithoutPhoto, "99887766"}}
	h.lina.Cards, h.lina.Mail, h.lina.Holder = nil, "", h.karim.Matricule
	h.register(true, h.jeanne, h.karim, h.lina)
	h.leaves()
	return h
}

func (h town) identity(p InsuredPerson) Identity {
	return Identity{p.Matricule, p.Traits.BirthDate, p.Cards[0].Model, p.Cards[0].Serial}
}

func (h town) address(p InsuredPerson) string { return p.Matricule.Canonical() + "@patient.test" }

// leaves takes what is in the outbox, and remembers the last of each kind.
func (h town) leaves() (list []Outgoing) {
	h.t.Helper()
	list = h.due()
	for _, n := range list {
		h.letters[n.Kind] = n
		h.must(h.NoticeSent(h.t.Context(), n.ID))
	}
	return list
}

// codeIn finds the code in a notice.
func codeIn(n Outgoing) string {
	text := noticeTexts[n.Kind].with(patient.DefaultDelays)
	words := text.FR
	if n.Channel == BySMS {
		words = text.SMS
	}
	before, _, _ := strings.Cut(words, "CODE")
	_, after, _ := strings.Cut(n.Text, before)
	return sentCode.FindString(after)
}

// code returns the code in the last notice of a kind.
func (h town) code(kind NoticeKind) string {
	h.t.Helper()
	h.leaves()
	code := codeIn(h.letters[kind])
	if n, ok := h.letters[kind]; !ok || code == "" {
		h.t.Fatalf("no code of %s has left: %+v", kind, n)
	}
	return code
}

func home() Attempt {
	return Attempt{Protocol: "web", Remote: netip.MustParseAddr("192.0.2.9"), Device: "Firefox, Linux"}
}

// begins asks for a code and shows it.
func (h town) begins(p InsuredPerson, by Channel) Enrolment {
	h.t.Helper()
	h.now = h.now.Add(time.Minute)
	h.must(h.AskCode(h.t.Context(), home(), h.identity(p), by))
	e, err := h.BeginEnrolment(h.t.Context(), home(), h.identity(p), h.code(NoticeActivation))
	h.must(err)
	return e
}

// ends goes through the steps after the decision.
func (h town) ends(e Enrolment, by Channel, login string) Entry {
	h.t.Helper()
	ctx := h.t.Context()
	if slices.Contains(e.Left, patient.Agree) {
		h.must(h.AcceptTerms(ctx, e.Ticket, TermsVersion))
	}
	if slices.Contains(e.Left, patient.Reach) {
		h.must(h.AskContactCode(ctx, e.Ticket, by, ""))
		h.must(h.CheckContact(ctx, e.Ticket, by, h.code(NoticeContactCode)))
	}
	h.must(h.ChooseCredentials(ctx, e.Ticket, login, password))
	h.must(h.AskLastCode(ctx, e.Ticket, by))
	entry, err := h.OpenSpace(ctx, home(), e.Ticket, h.code(NoticeLoginCode))
	h.must(err)
	return entry
}

func TestJeanneOpensHerSpaceWithHerCard(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	e := h.begins(h.jeanne, ByMail)
	if n := h.letters[NoticeActivation]; n.Address != jeanneMail || n.Channel != ByMail {
		t.Errorf("the code went to %s", n.Address)
	}
	if e.Name != "Jeanne HÉRON" || e.State != policy.Enrolled || e.Login != "" || e.Mail != "j•••@c•••.test" || len(e.Dependants) != 0 || !slices.Equal(e.Left, patient.Steps()) {
		t.Fatalf("she sees %+v", e)
	}
	// Every step waits for the one before.
	for name, err := range map[string]error{
		"terms":       h.AcceptTerms(ctx, e.Ticket, TermsVersion),
		"contact":     h.AskContactCode(ctx, e.Ticket, ByMail, ""),
		"credentials": h.ChooseCredentials(ctx, e.Ticket, heron, password),
		"last code":   h.AskLastCode(ctx, e.Ticket, ByMail),
	} {
		if ruleOf(err) != "enrolment/out-of-turn" {
			t.Errorf("%s first: %v", name, err)
		}
	}
	_, err := h.Decide(ctx, e.Ticket, Choice{Open: true})
	h.must(err)
	if err := h.AcceptTerms(ctx, e.Ticket, "of another year"); ruleOf(err) != "enrolment/terms-changed" {
		t.Errorf("other terms: %v", err)
	}
	h.must(h.AcceptTerms(ctx, e.Ticket, TermsVersion))
	h.must(h.AskContactCode(ctx, e.Ticket, BySMS, "06 39 98 00 07"))
	if n := h.code(NoticeContactCode); h.letters[NoticeContactCode].Address != "+33639980007" {
		t.Errorf("%s went to %s", n, h.letters[NoticeContactCode].Address)
	}
	if err := h.CheckContact(ctx, e.Ticket, BySMS, "000000"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong code: %v", err)
	}
	h.must(h.CheckContact(ctx, e.Ticket, BySMS, h.code(NoticeContactCode)))
	var weak *WeakPassword
	if err := h.ChooseCredentials(ctx, e.Ticket, "heron.gris", "Jeanne-1960!"); !errors.As(err, &weak) {
		t.Errorf("a weak password: %v", err)
	}
	if err := h.ChooseCredentials(ctx, e.Ticket, "jeanne@courriel.test", password); ruleOf(err) != "login/form" {
		t.Errorf("a mail address as login: %v", err)
	}
	h.must(h.ChooseCredentials(ctx, e.Ticket, heron, password))
	h.must(h.AskLastCode(ctx, e.Ticket, BySMS))
	if got := h.state(h.address(h.jeanne)); got != policy.Enrolled {
		t.Errorf("before the last code it is %s", patient.StateName(got))
	}
	if _, err := h.SignIn(ctx, browserAt(heron), password, ""); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("the password holds before the last code: %v", err)
	}
	if _, err := h.OpenSpace(ctx, home(), e.Ticket, "000000"); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a wrong last code: %v", err)
	}
	entry, err := h.OpenSpace(ctx, home(), e.Ticket, h.code(NoticeLoginCode))
	h.must(err)
	if a, _, err := h.OpenWeb(ctx, entry.Token); err != nil || a.Address.Canonical() != h.address(h.jeanne) {
		t.Errorf("she is not logged in: %v", err)
	}
	if got := h.state(h.address(h.jeanne)); got != policy.Active {
		t.Errorf("it is %s", patient.StateName(got))
	}
	if _, err := h.OpenSpace(ctx, home(), e.Ticket, "000000"); ruleOf(err) != "enrolment/timed-out" {
		t.Errorf("the ticket lives on: %v", err)
	}
	if s, err := h.SignIn(ctx, browserAt(heron), password, ""); err != nil || len(s.Offers) != 1 {
		t.Errorf("she logs in: %+v, %v", s, err)
	}
	for _, act := range []string{"decide-opening", "accept-terms", "choose-credentials", "activate", "login"} {
		h.did(h.address(h.jeanne), h.address(h.jeanne)+" "+act)
	}
	h.verifies()
}

func TestACodeThatIsWrongLateUsedOrAskedTooOften(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	id := h.identity(h.jeanne)
	try := func(code string) error {
		_, err := h.BeginEnrolment(ctx, home(), id, code)
		return err
	}
	h.must(h.AskCode(ctx, home(), id, ByMail))
	if err := h.AskCode(ctx, home(), id, ByMail); !errors.Is(err, fault.Throttled) || ruleOf(err) != "code/too-soon" {
		t.Errorf("two in a row: %v", err)
	}
	code := h.code(NoticeActivation)
	swapped := strings.Map(func(c rune) rune {
		if l := strings.ToLower(string(c)); l != string(c) {
			return []rune(l)[0]
		}
		return []rune(strings.ToUpper(string(c)))[0]
	}, code)
	if err := try(swapped); !errors.Is(err, fault.Unauthenticated) || ruleOf(err) == "code/expired" {
		t.Errorf("in the other case: %v", err)
	}
	h.must(try(code))
	if err := try(code); ruleOf(err) != "code/already-used" {
		t.Errorf("twice: %v", err)
	}
	h.now = h.now.Add(25 * time.Hour)
	h.must(h.AskCode(ctx, home(), id, ByMail))
	code = h.code(NoticeActivation)
	h.now = h.now.Add(25 * time.Hour)
	if err := try(code); ruleOf(err) != "code/expired" {
		t.Errorf("a day late: %v", err)
	}
	h.now = h.now.Add(25 * time.Hour)
	throttled := false
	for range 10 {
		h.now = h.now.Add(time.Minute)
		throttled = throttled || errors.Is(h.AskCode(ctx, home(), id, ByMail), fault.Throttled)
	}
	if !throttled {
		t.Error("codes may be asked for without end")
	}
	h.verifies()
}

func TestUnknownAndKnownAreAnsweredAlike(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	wrongDay, wrongCard, unknown, dead, child := h.identity(h.jeanne), h.identity(h.jeanne), h.identity(h.jeanne), h.identity(h.karim), h.identity(h.karim)
	wrongDay.BirthDate, wrongCard.CardSerial = "19600228", "12345678902"
	unknown.Matricule, _ = ident.MakeMatricule("2602099999099")
	child.Matricule, child.BirthDate = h.lina.Matricule, h.lina.Traits.BirthDate // on her father's card
	h.karim.Deceased = true
	h.register(true, h.karim)
	counted := &countingStore{Store: h.Store}
	h.Hub.Store = counted
	cost := map[string]string{}
	for name, id := range map[string]Identity{"known": h.identity(h.jeanne), "another day": wrongDay, "another card": wrongCard,
		"nobody": unknown, "deceased": dead, "a child with the card of the father": child} {
		counted.views.Store(0)
		counted.updates.Store(0)
		err := h.AskCode(ctx, home(), id, ByMail)
		asked := fmt.Sprintf("%v, %d reads, %d writes", err, counted.views.Load(), counted.updates.Load())
		counted.views.Store(0)
		counted.updates.Store(0)
		_, err = h.BeginEnrolment(ctx, home(), id, "wrongone")
		cost[name] = asked + fmt.Sprintf("; %v, %d reads, %d writes", err, counted.views.Load(), counted.updates.Load())
	}
	for name, c := range cost {
		if c != cost["known"] {
			t.Errorf("%s: %s\nknown: %s", name, c, cost["known"])
		}
	}
	list := h.leaves()
	if len(list) != 1 || list[0].Address != jeanneMail {
		t.Errorf("codes left: %+v", list)
	}
	for name, bad := range map[string]Identity{
		"a date that is none":   {h.jeanne.Matricule, "29 février", patient.WithPhoto, "12345678901"},
		"a card that can't be":  {h.jeanne.Matricule, "19600229", patient.WithPhoto, "1"},
		"a model that is none":  {h.jeanne.Matricule, "19600229", "gold", "12345678901"},
		"no channel that sends": h.identity(h.jeanne),
	} {
		if err := h.AskCode(ctx, home(), bad, "pigeon"); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.verifies()
}

func TestAStrangersGuessesDoNotSpoilTheCodeOfTheOwner(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	h.must(h.AskCode(ctx, home(), h.identity(h.jeanne), ByMail))
	code := h.code(NoticeActivation)
	guess := h.identity(h.jeanne)
	guess.CardSerial = "11111111111"
	for range 10 { // who knows the number and the date, and not the card
		_, err := h.BeginEnrolment(ctx, Attempt{Protocol: "web", Remote: netip.MustParseAddr("203.0.113.5")}, guess, code)
		if err == nil {
			t.Fatal("a code works without the card")
		}
	}
	if _, err := h.BeginEnrolment(ctx, home(), h.identity(h.jeanne), code); err != nil {
		t.Errorf("the owner comes after: %v", err)
	}
}

func TestJeanneObjectsAndChangesHerMind(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	e := h.begins(h.jeanne, ByMail)
	proofs, err := h.Decide(ctx, e.Ticket, Choice{})
	if err != nil || len(proofs) != 1 || proofs[0].Event != patient.Oppose || !strings.Contains(proofs[0].Text, "Jeanne HÉRON") {
		t.Fatalf("%+v, %v", proofs, err)
	}
	if p, err := h.VerifyProof(ctx, proofs[0].Text); err != nil || p.Reference != proofs[0].Reference {
		t.Errorf("the proof: %v", err)
	}
	if got := h.state(h.address(h.jeanne)); got != policy.Opposed {
		t.Fatalf("it is %s", patient.StateName(got))
	}
	h.after(100 * days)
	if got := h.state(h.address(h.jeanne)); got != policy.Opposed {
		t.Fatalf("later it is %s", patient.StateName(got))
	}
	e = h.begins(h.jeanne, ByMail)
	if again, err := h.Decide(ctx, e.Ticket, Choice{}); err != nil || again[0] != proofs[0] {
		t.Errorf("the same objection gives another proof: %+v, %v", again, err)
	}
	e = h.begins(h.jeanne, ByMail)
	if e.State != policy.Opposed {
		t.Errorf("she sees it %s", patient.StateName(e.State))
	}
	_, err = h.Decide(ctx, e.Ticket, Choice{Open: true})
	h.must(err)
	h.ends(e, ByMail, heron)
	if got := h.state(h.address(h.jeanne)); got != policy.Active {
		t.Errorf("it is %s", patient.StateName(got))
	}
	h.verifies()
}

func TestKarimOpensHisSpaceAndHisDaughters(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	lina, record := h.address(h.lina), h.record(h.address(h.lina))
	e := h.begins(h.karim, BySMS)
	if len(e.Dependants) != 1 || e.Dependants[0] != (Dependant{Record: record, Name: "Lina SAULE", BirthDate: "20140510", State: policy.Enrolled}) {
		t.Fatalf("he sees %+v", e.Dependants)
	}
	for name, c := range map[string]struct {
		choices []Choice
		rule    string
	}{
		"without certifying":         {[]Choice{{Open: true}, {Record: record, Open: true}}, "enrolment/not-certified"},
		"hers and not his":           {[]Choice{{Record: record, Open: true, Certified: true}}, "enrolment/own-space-first"},
		"somebody who is not on it":  {[]Choice{{Open: true}, {Record: h.record(alice), Open: true, Certified: true}}, "hub: enrolment: dependant: not found"},
		"objecting for such another": {[]Choice{{Record: h.record(alice), Certified: true}}, "hub: enrolment: dependant: not found"},
	} {
		if _, err := h.Decide(ctx, e.Ticket, c.choices...); ruleOf(err) != c.rule {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := h.Decide(ctx, e.Ticket, Choice{Open: true}, Choice{Record: record, Open: true, Certified: true})
	h.must(err)
	if got := h.state(lina); got != policy.Enrolled {
		t.Errorf("before his last code hers is %s", patient.StateName(got))
	}
	karim := h.ends(e, BySMS, "karim.saule").Actor
	if got := h.state(lina); got != policy.Active {
		t.Errorf("hers is %s", patient.StateName(got))
	}
	h.did(lina, h.address(h.karim)+" represent for Lina SAULE")
	h.did(lina, h.address(h.karim)+" activate for Lina SAULE")
	if list, err := h.Helped(ctx, karim); err != nil || len(list) != 1 || list[0].Record != record {
		t.Errorf("he represents %+v, %v", list, err)
	}
	if _, d, _ := h.stand(ctx, karim, store.Part(record), policy.ListDocuments); d.Rule != "document/representative-reads" {
		t.Errorf("he reads by %s", d.Rule)
	}
	proof, err := h.DecideFor(ctx, karim, Choice{Record: record, Certified: true})
	if err != nil || proof.Event != patient.Close || h.state(lina) != policy.Closed {
		t.Errorf("he closes it: %+v, %v", proof, err)
	}
	_, err = h.DecideFor(ctx, karim, Choice{Record: record, Open: true, Certified: true})
	h.must(err)
	h.now = time.Date(2032, 5, 10, 0, 0, 0, 0, time.UTC)
	h.must(h.LiveOn(ctx))
	if list, err := h.Dependants(ctx, karim); err != nil || len(list) != 0 {
		t.Errorf("of age she is still on his card: %+v, %v", list, err)
	}
	if _, d, _ := h.stand(ctx, karim, store.Part(record), policy.ListDocuments); d.Allow {
		t.Errorf("and he reads by %s", d.Rule)
	}
	h.verifies()
}

func TestKarimObjectsForHisDaughterOnly(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	e := h.begins(h.karim, ByMail)
	record := e.Dependants[0].Record
	proofs, err := h.Decide(ctx, e.Ticket, Choice{Open: true}, Choice{Record: record, Certified: true})
	if err != nil || len(proofs) != 1 || !strings.Contains(proofs[0].Text, "Lina SAULE") || h.state(h.address(h.lina)) != policy.Opposed {
		t.Fatalf("%+v, %v", proofs, err)
	}
	h.did(h.address(h.lina), h.address(h.karim)+" oppose for Lina SAULE")
	h.ends(e, ByMail, "karim.saule")
	if h.state(h.address(h.karim)) != policy.Active || h.state(h.address(h.lina)) != policy.Opposed {
		t.Error("his space should be open, and hers not")
	}
	h.verifies()
}

func TestASpaceThatOpenedByItselfGetsItsLoginLater(t *testing.T) {
	h := newTown(t)
	h.after(42 * days)
	if got := h.state(h.address(h.jeanne)); got != policy.Active {
		t.Fatalf("it is %s", patient.StateName(got))
	}
	e := h.begins(h.jeanne, ByMail)
	if !slices.Equal(e.Left, []patient.Step{patient.Agree, patient.Reach, patient.Name, patient.Open}) {
		t.Errorf("she has to do %v", e.Left)
	}
	h.ends(e, ByMail, heron)

	// She forgets her password: the same way, and shorter.
	old := h.ends(h.begins(h.jeanne, ByMail), ByMail, heron).Token
	e = h.begins(h.jeanne, ByMail)
	if e.Login != heron || !slices.Equal(e.Left, []patient.Step{patient.Name, patient.Open}) {
		t.Errorf("she sees %+v", e)
	}
	h.ends(e, ByMail, heron)
	if _, ok := h.letters[NoticePassword]; !ok {
		t.Error("she is not told that her password was changed")
	}
	if _, _, err := h.OpenWeb(t.Context(), old); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("an old session lives on: %v", err)
	}

	// Or she closes it all, and comes back.
	e = h.begins(h.jeanne, ByMail)
	proofs, err := h.Decide(t.Context(), e.Ticket, Choice{Erase: true})
	if err != nil || proofs[0].Event != patient.Close {
		t.Fatalf("%+v, %v", proofs, err)
	}
	h.after(20 * days)
	e = h.begins(h.jeanne, ByMail)
	_, err = h.Decide(t.Context(), e.Ticket, Choice{Open: true})
	h.must(err)
	h.ends(e, ByMail, heron)
	h.after(20 * days)
	if got := h.state(h.address(h.jeanne)); got != policy.Active {
		t.Errorf("it is %s", patient.StateName(got))
	}
	h.verifies()
}

func TestALoginThatIsTaken(t *testing.T) {
	h := newTown(t)
	e := h.begins(h.jeanne, ByMail)
	_, err := h.Decide(t.Context(), e.Ticket, Choice{Open: true})
	h.must(err)
	h.ends(e, ByMail, heron)
	k := h.begins(h.karim, ByMail)
	_, err = h.Decide(t.Context(), k.Ticket, Choice{Open: true})
	h.must(err)
	h.must(h.AcceptTerms(t.Context(), k.Ticket, TermsVersion))
	h.must(h.AskContactCode(t.Context(), k.Ticket, ByMail, ""))
	h.must(h.CheckContact(t.Context(), k.Ticket, ByMail, h.code(NoticeContactCode)))
	if err := h.ChooseCredentials(t.Context(), k.Ticket, strings.ToUpper(heron), password); ruleOf(err) != "login/taken" {
		t.Errorf("gives %v", err)
	}
}

func TestTheLetterServesAsWell(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	poor := insured("2602099999031", "ROSEAU", "19400101")
	poor.Mail = ""
	h.register(true, poor)
	letters, err := h.Letters(ctx, "operator")
	if err != nil || len(letters) != 2 { // hers, and that of Lina, who is announced to her representatives
		t.Fatalf("%+v, %v", letters, err)
	}
	var hers Letter
	for _, l := range letters {
		if l.Matricule == poor.Matricule.Canonical() {
			hers = l
		} else if !l.Minor {
			t.Errorf("a letter to %+v", l)
		}
	}
	if again, err := h.Letters(ctx, "operator"); err != nil || len(again) != 0 {
		t.Errorf("printed twice: %+v, %v", again, err)
	}
	h.after(30 * days)
	if _, err := h.BeginEnrolment(ctx, home(), h.identity(h.jeanne), hers.Code); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("somebody else's letter: %v", err)
	}
	e, err := h.BeginEnrolment(ctx, home(), h.identity(poor), hers.Code)
	if err != nil || e.Mail != "" {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := h.BeginEnrolment(ctx, home(), h.identity(poor), hers.Code); ruleOf(err) != "code/already-used" {
		t.Errorf("twice: %v", err)
	}
	_, err = h.Decide(ctx, e.Ticket, Choice{})
	h.must(err)
	// The code of the announcement by mail is one too.
	if _, err := h.BeginEnrolment(ctx, home(), h.identity(h.jeanne), codeIn(h.letters[NoticeSpaceMade])); err != nil && h.letters[NoticeSpaceMade].Address == jeanneMail {
		t.Errorf("the code of the announcement: %v", err)
	}
	h.after(13 * days)
	if got := h.state(h.address(poor)); got != policy.Opposed {
		t.Errorf("hers is %s", patient.StateName(got))
	}
	h.verifies()
}

func TestTheTicketEndsWithItsHalfHourAndWithTheNext(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	first := h.begins(h.jeanne, ByMail)
	second := h.begins(h.jeanne, ByMail)
	if _, err := h.Decide(ctx, first.Ticket, Choice{Open: true}); ruleOf(err) != "enrolment/timed-out" {
		t.Errorf("the one before: %v", err)
	}
	h.now = h.now.Add(patient.EnrolmentLife)
	for _, ticket := range []string{second.Ticket, "", "no ticket"} {
		if _, err := h.Decide(ctx, ticket, Choice{Open: true}); ruleOf(err) != "enrolment/timed-out" {
			t.Errorf("after half an hour: %v", err)
		}
	}
	h.must(h.LiveOn(ctx))
	part := store.Part(h.record(h.address(h.jeanne)))
	h.must(h.view(ctx, part, func(r store.Reader) error {
		if _, ok, err := patient.LoadEnrolment(r, h.scope(part)); ok || err != nil {
			t.Errorf("it is remembered: %v", err)
		}
		return nil
	}))
}

func TestTheDeceasedDoNotEnrol(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	h.must(h.AskCode(ctx, home(), h.identity(h.jeanne), ByMail))
	code := h.code(NoticeActivation)
	h.jeanne.Deceased = true
	h.register(true, h.jeanne)
	if _, err := h.BeginEnrolment(ctx, home(), h.identity(h.jeanne), code); ruleOf(err) != "enrolment/deceased" {
		t.Errorf("gives %v", err)
	}
}

// TestNothingOfAnEnrolmentLiesOpen looks for what Jeanne has typed in all that
// the store keeps, at every step.
func TestNothingOfAnEnrolmentLiesOpen(t *testing.T) {
	h := newTown(t)
	ctx := t.Context()
	secrets := []string{"HÉRON", jeanneMail, heron, password, h.jeanne.Cards[0].Serial, "12345678901", h.jeanne.Matricule.Canonical(), "19600229"}
	look := func(step string) {
		t.Helper()
		for part, err := range h.memory.Parts(ctx) {
			h.must(err)
			h.must(h.memory.View(ctx, part, func(r store.Reader) error {
				for p, err := range r.Scan("", "") {
					if err != nil {
						return err
					}
					for _, s := range secrets {
						if strings.Contains(string(part)+p.Key+string(p.Value), s) {
							t.Errorf("%s: %q lies open under %s", step, s, p.Key)
						}
					}
				}
				return nil
			}))
		}
	}
	look("imported")
	h.must(h.AskCode(ctx, home(), h.identity(h.jeanne), ByMail))
	code := h.code(NoticeActivation)
	secrets = append(secrets, code)
	look("asked")
	e, err := h.BeginEnrolment(ctx, home(), h.identity(h.jeanne), code)
	h.must(err)
	_, err = h.Decide(ctx, e.Ticket, Choice{Open: true})
	h.must(err)
	h.must(h.AcceptTerms(ctx, e.Ticket, TermsVersion))
	h.must(h.AskContactCode(ctx, e.Ticket, ByMail, ""))
	h.must(h.CheckContact(ctx, e.Ticket, ByMail, h.code(NoticeContactCode)))
	h.must(h.ChooseCredentials(ctx, e.Ticket, heron, password))
	look("chosen")
	h.must(h.AskLastCode(ctx, e.Ticket, ByMail))
	_, err = h.OpenSpace(ctx, home(), e.Ticket, h.code(NoticeLoginCode))
	h.must(err)
	look("open")
	_, err = h.Decide(ctx, h.begins(h.jeanne, ByMail).Ticket, Choice{Erase: true})
	h.must(err)
	look("closed")
}
