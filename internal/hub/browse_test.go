package hub

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/outbox"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
	"vaguemestre/vault/keyring"
)

// More people, for the stories of the record.
const (
	martin     = "sylvie.martin@cabinet.test" // nurse
	leroy      = "anne.leroy@pharmacie.test"  // pharmacist
	besson     = "luc.besson@optique.test"    // optician
	petit      = "jeanne.petit@samu.test"     // physician who regulates
	evils      = "eric.thomas@garde.test"     // the other mailbox of Dr Thomas
	samu       = "750000015"                  // her establishment
	biolab     = "resultats@laboratoire.test" // a program
	thomasRPPS = "10101010101"
)

// A ward is a house in which records are read.
type ward struct {
	*house
	record string // alice's
}

func newWard(t testing.TB) *ward {
	t.Helper()
	w := &ward{house: newHouse(t)}
	w.SAMU = []string{samu}
	for _, b := range []directory.BAL{
		{Kind: directory.Personal, Address: martin, Name: "Sylvie MARTIN", Profession: policy.Nurse, RPPS: "30303030303", Organisation: "Cabinet infirmier"},
		{Kind: directory.Personal, Address: leroy, Name: "Anne LEROY", Profession: policy.Pharmacist, RPPS: "40404040404"},
		{Kind: directory.Personal, Address: besson, Name: "Luc BESSON", Profession: policy.Optician, RPPS: "50505050505"},
		{Kind: directory.Personal, Address: petit, Name: "Dr Jeanne PETIT", Profession: policy.Physician, RPPS: "60606060606", Establishment: samu, Organisation: "SAMU"},
		{Kind: directory.Personal, Address: evils, Name: "Dr Éric THOMAS", Profession: policy.Physician, RPPS: thomasRPPS},
		{Kind: directory.Application, Address: biolab, Name: "Laboratoire", Establishment: "750000009"},
	} {
		w.must(w.AddBAL(t.Context(), "operator", b))
	}
	w.describe(thomas, func(b *directory.BAL) { b.RPPS = thomasRPPS })
	for _, a := range []string{martin, leroy, besson, petit, evils, biolab} {
		var err error
		w.password[a], err = w.AddPassword(t.Context(), "operator", addr(a), "poste")
		w.must(err)
	}
	w.record = string(w.login(alice).Part)
	return w
}

func (w *ward) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// describe changes what the directory says of a mailbox.
func (w *ward) describe(address string, fn func(*directory.BAL)) {
	w.t.Helper()
	w.must(w.atMailbox(w.t.Context(), addr(address), func(t *tx) error {
		b, _, err := directory.Load(t, t.Scope)
		if err != nil {
			return err
		}
		fn(&b)
		return directory.Describe(t, t.Scope, b)
	}))
}

// file puts a document into a record, as adam's, and returns its ID.
func (w *ward) file(whose, typeCode string, flags vault.Flags, more ...func(*vault.Entry)) string {
	w.t.Helper()
	part := w.part(whose)
	cert, err := w.certOf(w.t.Context(), part)
	w.must(err)
	session, wraps, err := keyring.NewSession(cert)
	w.must(err)
	o, err := vault.Seal(session, part, []byte("Bonjour, "+typeCode), true)
	w.must(err)
	e := vault.Entry{EntryUUID: vault.NewID(), LogicalID: vault.NewID(), TypeCode: typeCode, Class: classOf(typeCode), Shelf: "CPT_REND",
		MediaType: "text/plain", Title: typeCode, Created: w.now, Filed: w.now, Size: 20, Object: o.Ref,
		Sender: adam, FiledBy: string(w.part(adam)), Author: vault.Author{Name: "Dr Hoda ADAM"}}
	for _, fn := range more {
		fn(&e)
	}
	w.must(w.do(w.t.Context(), part, func(t *tx) error {
		vault.Keep(t, o)
		return vault.Add(t, t.Scope, e, flags, session, wraps)
	}))
	return string(part) + "." + e.EntryUUID
}

func classOf(typeCode string) string {
	for _, d := range policy.DocumentTypes() {
		if d.Code == typeCode {
			return d.Class
		}
	}
	return ""
}

func (w *ward) part(address string) store.Part {
	w.t.Helper()
	part, _, err := w.find(w.t.Context(), addr(address))
	w.must(err)
	return part
}

// sees returns the types of the documents that somebody sees of alice's record,
// or the error.
func (w *ward) sees(who string) string {
	w.t.Helper()
	list, err := w.Documents(w.t.Context(), w.login(who), w.record)
	if err != nil {
		return fmt.Sprint(fault.Of(err))
	}
	var types []string
	for _, d := range list {
		types = append(types, d.Entry.TypeCode)
	}
	return strings.Join(types, " ")
}

// trailOf returns the last entries of alice's trail that are not of her own.
func (w *ward) trailOf(address string) (list []audit.Entry) {
	w.t.Helper()
	for e, err := range w.Trail(w.t.Context(), Actor{Address: addr(address), Part: w.part(address), Role: policy.Patient}) {
		w.must(err)
		list = append(list, e)
	}
	return list
}

func (w *ward) last(address string) audit.Entry {
	list := w.trailOf(address)
	return list[len(list)-1]
}

const (
	consultation  = "11488-4"
	biology       = "11502-2"
	ophthalmology = "78513-9"
	psychiatry    = "68599-0"
	prescription  = "57833-6"
	reimbursement = "REMB"
	wishes        = "EXPPAT_3"
)

func (w *ward) fill() {
	for _, code := range []string{consultation, biology, ophthalmology, psychiatry, prescription, wishes} {
		w.file(alice, code, 0)
	}
}

func TestEachProfessionSeesWhatTheMatrixSays(t *testing.T) {
	w := newWard(t)
	w.fill()
	for who, want := range map[string]string{
		thomas: "11488-4 11502-2 78513-9 68599-0 57833-6 EXPPAT_3",
		martin: "11488-4 11502-2 78513-9 57833-6",
		leroy:  "11488-4 11502-2 78513-9 57833-6",
		besson: "78513-9 57833-6",
	} {
		if got := w.sees(who); got != "not found" {
			t.Errorf("before anything is declared, %s sees %q", who, got)
		}
		w.must(w.Declare(t.Context(), w.login(who), w.record, InCareTeam))
		if got := w.sees(who); got != want {
			t.Errorf("%s sees %q, want %q", who, got, want)
		}
	}
	if got := w.sees(petit); got != "not found" {
		t.Errorf("dr petit sees %q, though she declared nothing", got)
	}
	if got := w.sees(alice); got != "11488-4 11502-2 78513-9 68599-0 57833-6 EXPPAT_3" {
		t.Errorf("alice sees %q", got)
	}
	w.verifies()
}

func TestTheAuthorSeesWhatTheyFiledWhateverElseIsShut(t *testing.T) {
	w := newWard(t)
	id := w.file(alice, consultation, vault.Masked)
	other := w.file(alice, biology, 0, func(e *vault.Entry) { e.Sender, e.FiledBy = thomas, string(w.part(thomas)) })
	if got := w.sees(adam); got != consultation {
		t.Errorf("the author lists %q of a record they may not see", got)
	}
	if e := w.last(alice); e.Act != "list-documents" || e.Actor != adam || e.Refused || e.Rule != "document/author-reads" || e.Object != "" {
		t.Errorf("the trail says %+v", e)
	}
	list, err := w.Documents(t.Context(), w.login(adam), w.record)
	if w.must(err); list[0].Patient.Traits != (patient.Traits{}) || list[0].Patient.Access.Allow {
		t.Errorf("and learns %+v", list[0].Patient)
	}
	v, c, err := w.OpenDocument(t.Context(), w.login(adam), id)
	if err != nil || v.Access.Rule != "document/author-reads" || c.Size() == 0 {
		t.Errorf("the author gets %+v, %v", v.Access, err)
	}
	if v.Patient.Traits != (patient.Traits{}) {
		t.Error("and learns who the patient is")
	}
	if _, _, err := w.OpenDocument(t.Context(), w.login(adam), other); fault.Of(err) != fault.NotFound {
		t.Errorf("what another filed gives %v", err)
	}
}

func TestWhoFiledNothingIsRefusedAListAsEver(t *testing.T) {
	w := newWard(t)
	w.file(alice, consultation, 0)
	refused := func(who, rule string) {
		t.Helper()
		_, err := w.Documents(t.Context(), w.login(who), w.record)
		var r *Refusal
		if !errors.As(err, &r) || r.Kind != fault.NotFound || r.FR+r.EN != "" {
			t.Errorf("%s is told %v", who, err)
		}
		if e := w.last(alice); e.Act != "list-documents" || !e.Refused || e.Rule != rule || e.Object != "" {
			t.Errorf("of %s the trail says %+v", who, e)
		}
	}
	refused(thomas, "access/no-consent")
	refused(besson, "access/no-consent")
	w.must(w.BlockProfessional(t.Context(), w.login(alice), w.record, addr(adam)))
	refused(adam, "block/by-patient")
}

func TestADocumentOpensByteForByteAfterItsTrail(t *testing.T) {
	w := newWard(t)
	id := w.file(alice, consultation, 0)
	a := w.login(thomas)
	w.must(w.Declare(t.Context(), a, w.record, HasConsent))
	v, c, err := w.OpenDocument(t.Context(), a, id)
	w.must(err)
	var b bytes.Buffer
	w.must(c.ReadRange(&b, 0, c.Size()))
	if b.String() != "Bonjour, "+consultation || v.ID != id || v.Entry.TypeCode != consultation || v.Access.Rule != "access/consent" {
		t.Errorf("it is %q, %+v", b.String(), v)
	}
	if err := c.ReadRange(&b, 1, c.Size()); !errors.Is(err, fault.Invalid) {
		t.Errorf("a range beyond its end gives %v", err)
	}
	e := w.last(alice)
	if e.Act != "read-document" || e.Actor != thomas || e.Rule != "access/consent" || e.Refused || w.record+"."+e.Object != id {
		t.Errorf("the trail says %+v", e)
	}
	if _, _, err := w.OpenRendition(t.Context(), a, id); !errors.Is(err, fault.NotFound) {
		t.Errorf("a rendition that is not there gives %v", err)
	}
}

func TestEveryReadingIsInTheTrailTheOwnersOnceASession(t *testing.T) {
	w := newWard(t)
	id := w.file(alice, consultation, 0)
	w.must(w.Declare(t.Context(), w.login(thomas), w.record, InCareTeam))
	count := func(who, act string) (n int) {
		for _, e := range w.trailOf(alice) {
			if e.Actor == who && e.Act == act && !e.Refused {
				n++
			}
		}
		return n
	}
	for who, want := range map[string]int{thomas: 3, alice: 1} {
		a := w.login(who)
		for range 3 {
			_, err := w.Documents(t.Context(), a, w.record)
			w.must(err)
			_, _, err = w.OpenDocument(t.Context(), a, id)
			w.must(err)
		}
		if n := count(who, "list-documents"); n != want {
			t.Errorf("%s listed it %d times, by the trail", who, n)
		}
		if n := count(who, "read-document"); n != want {
			t.Errorf("%s read it %d times, by the trail", who, n)
		}
	}
}

func TestWhatIsRefusedIsInTheTrailAndLooksLikeNothing(t *testing.T) {
	w := newWard(t)
	shown := w.file(alice, consultation, 0)
	masked := w.file(alice, biology, vault.Masked)
	w.must(w.Declare(t.Context(), w.login(thomas), w.record, InCareTeam))
	a, stranger := w.login(thomas), w.login(martin)
	for _, c := range []struct {
		name string
		a    Actor
		id   string
		rule string // in alice's trail
	}{
		{"what was masked", a, masked, "document/masked"},
		{"without consent", stranger, shown, "access/no-consent"},
		{"by another patient", w.login(bruno), shown, "document/not-yours"},
	} {
		_, _, err := w.OpenDocument(t.Context(), c.a, c.id)
		var r *Refusal
		if fault.Of(err) != fault.NotFound || errors.As(err, &r) && (r.FR != "" || r.EN != "") {
			t.Errorf("%s: %v, want NotFound without a word", c.name, err)
		}
		if e := w.last(alice); e.Rule != c.rule || !e.Refused || e.Actor != c.a.Address.Canonical() {
			t.Errorf("%s: the trail says %+v", c.name, e)
		}
	}
	for name, id := range map[string]string{
		"no such document": w.record + "." + vault.NewID(), "no such record": vault.NewID() + "." + vault.NewID(),
		"no ID": "", "half an ID": w.record, "the hub's own": "hub.x", "a long one": strings.Repeat("a", 1000),
	} {
		if _, err := w.Document(t.Context(), a, id); fault.Of(err) != fault.NotFound {
			t.Errorf("%s gives %v", name, err)
		}
	}
	w.verifies()
}

func TestADocumentWaitsForItsAnnouncementAMonthAtMost(t *testing.T) {
	w := newWard(t)
	w.file(alice, psychiatry, vault.HiddenFromPatient)
	w.must(w.Declare(t.Context(), w.login(thomas), w.record, InCareTeam))
	if got := w.sees(alice) + "|" + w.sees(thomas); got != "|"+psychiatry {
		t.Errorf("at first they see %q", got)
	}
	w.now = w.now.AddDate(0, 1, 0).Add(-time.Second)
	if got := w.sees(alice); got != "" {
		t.Errorf("before the month is over she sees %q", got)
	}
	w.now = w.now.Add(time.Second)
	if got := w.sees(alice); got != psychiatry {
		t.Errorf("after a month she sees %q", got)
	}
}

func TestASpaceThatIsNotOpenShowsNothing(t *testing.T) {
	w := newWard(t)
	a := w.login(thomas)
	for _, who := range []string{celia, denis, emma} {
		record := string(w.part(who))
		_, list := w.Documents(t.Context(), a, record)
		declared := w.Declare(t.Context(), a, record, HasConsent)
		_, glass := w.BreakGlass(t.Context(), a, record, policy.BrokenGlass, "Patient inconscient aux urgences")
		for act, err := range map[string]error{"list": list, "declare": declared, "glass": glass} {
			if fault.Of(err) != fault.NotFound {
				t.Errorf("%s gives %v", act, err)
			}
		}
	}
}

func TestReadingNeedsTheHubKeyAndTheTrail(t *testing.T) {
	w := newWard(t)
	id := w.file(alice, consultation, 0)
	a := w.login(thomas)
	w.must(w.Declare(t.Context(), a, w.record, InCareTeam))
	ring := w.Ring
	w.Ring = nil
	w.keys.forget(w.part(alice))
	if _, err := w.Documents(t.Context(), a, w.record); !errors.Is(err, fault.Sealed) {
		t.Errorf("a sealed hub lists: %v", err)
	}
	if _, _, err := w.OpenDocument(t.Context(), a, id); !errors.Is(err, fault.Sealed) {
		t.Errorf("a sealed hub opens: %v", err)
	}
	w.Ring = ring
	_, err := w.Documents(t.Context(), a, w.record)
	w.must(err)
}

func TestNoKeyStaysAtHandThatNobodyUses(t *testing.T) {
	w := newWard(t)
	w.must(w.Declare(t.Context(), w.login(thomas), w.record, InCareTeam))
	held := func() bool {
		_, ok := w.keys.get(w.part(alice))
		return ok
	}
	w.sees(thomas)
	if !held() {
		t.Error("the key is gone at once: each document costs its own unlocking")
	}
	w.now = w.now.Add(lingering)
	w.must(w.Sweep(t.Context()))
	if held() {
		t.Error("the key is held though nobody used it for long")
	}
}

func TestWhoOpensTheRecordsOfTooManyIsStopped(t *testing.T) {
	w := newWard(t)
	w.Limits.RecordsPerHour = 0
	var records []string
	for i := range 3 {
		m, err := ident.MakeMatricule(fmt.Sprintf("2602099999%03d", 900+i))
		w.must(err)
		address, err := w.Enrol(t.Context(), "operator", Person{Matricule: m})
		w.must(err)
		_, err = w.Life(t.Context(), "operator", address, patient.Activate)
		w.must(err)
		records = append(records, string(w.part(address.Canonical())))
	}
	a := w.login(thomas)
	for _, r := range records {
		w.must(w.Declare(t.Context(), a, r, InCareTeam))
	}
	w.Limits.RecordsPerHour = 2
	for i, r := range records {
		for range 3 {
			_, err := w.Documents(t.Context(), a, r)
			if i < 2 {
				w.must(err)
			} else if ruleOf(err) != tooManyRecords.Rule || fault.Of(err) != fault.Throttled {
				t.Errorf("the third record gives %v", err)
			}
		}
	}
	if _, err := w.Documents(t.Context(), a, records[0]); err != nil {
		t.Errorf("one that was open already gives %v", err)
	}
	if err := w.Declare(t.Context(), a, records[2], HasConsent); ruleOf(err) != tooManyRecords.Rule {
		t.Errorf("declaring for the third gives %v", err)
	}
	w.now = w.now.Add(2 * time.Hour)
	if _, err := w.Documents(t.Context(), a, records[2]); err != nil {
		t.Errorf("two hours later: %v", err)
	}
}

func TestTheHistoryOfCareIsShownOrNot(t *testing.T) {
	w := newWard(t)
	w.file(alice, reimbursement, 0)
	w.must(w.Declare(t.Context(), w.login(leroy), w.record, InCareTeam))
	for _, hide := range []bool{false, true, false} {
		w.must(w.SetChoices(t.Context(), w.login(alice), w.record, patient.Choices{HideHistory: hide}))
		if got := w.sees(leroy); (got == "") != hide {
			t.Errorf("hidden %t: the pharmacist sees %q", hide, got)
		}
		if got := w.sees(alice); got != reimbursement {
			t.Errorf("alice sees %q", got)
		}
	}
}

func TestARepresentativeReadsUntilMajorityAndACarerWhatTheyWereEntrustedWith(t *testing.T) {
	w := newWard(t)
	ctx := t.Context()
	m, err := ident.MakeMatricule("2102099999008")
	w.must(err)
	child, err := w.Enrol(ctx, "operator", Person{Matricule: m, Traits: patient.Traits{BirthName: "ESSAI", FirstNames: "Lou", BirthDate: "20100415"}, Minor: true})
	w.must(err)
	_, err = w.Life(ctx, "operator", child, patient.Activate)
	w.must(err)
	w.record = string(w.part(child.Canonical()))
	w.file(child.Canonical(), consultation, 0)
	secret := w.file(child.Canonical(), biology, vault.HiddenFromRepresentatives)
	if got := w.sees(bruno); got != "not found" {
		t.Errorf("nobody's representative sees %q", got)
	}
	link := func(fn func(t *tx) error) { w.t.Helper(); w.must(w.atMailbox(ctx, child, fn)) }
	link(func(t *tx) error {
		return patient.Represent(t, t.Scope, patient.Person{Part: w.part(bruno), Address: bruno, Name: "Bruno"}, t.now)
	})
	if got := w.sees(bruno); got != consultation {
		t.Errorf("the father sees %q", got)
	}
	if _, _, err := w.OpenDocument(ctx, w.login(bruno), secret); fault.Of(err) != fault.NotFound || ruleOf(err) != "document/hidden-from-representatives" {
		t.Errorf("and opens the secret: %v", err)
	}
	if e := w.last(child.Canonical()); !e.Refused || e.Actor != bruno {
		t.Errorf("the trail says %+v", e)
	}
	w.must(w.BlockProfessional(ctx, w.login(bruno), w.record, addr(martin)))

	link(func(t *tx) error {
		p := patient.Person{Part: w.part(alice), Address: alice, Kind: patient.Carer, Scope: patient.Scope{Agenda: true}, Until: t.now.AddDate(1, 0, 0)}
		if err := patient.Invite(t, t.Scope, p, t.now); err != nil {
			return err
		}
		_, err := patient.Answer(t, t.Scope, p.Part, "", true, t.now)
		return err
	})
	if got := w.sees(alice); got == consultation {
		t.Errorf("a carer for the agenda sees %q", got)
	}
	w.now = time.Date(2028, 4, 15, 0, 0, 0, 0, time.UTC) // of age
	if got := w.sees(bruno); got == consultation {
		t.Errorf("at majority the father sees %q", got)
	}
	if err := w.BlockProfessional(ctx, w.login(bruno), w.record, addr(leroy)); fault.Of(err) != fault.Denied && fault.Of(err) != fault.NotFound {
		t.Errorf("and decides: %v", err)
	}
}

// told takes the notices that wait to leave for alice.
func (w *ward) told() (kinds []string) {
	w.t.Helper()
	w.must(w.do(w.t.Context(), w.part(alice), func(t *tx) error {
		kinds = nil
		list, err := outbox.Notices(t, t.Scope)
		for _, n := range list {
			kinds = append(kinds, n.Kind)
			outbox.DropNotice(t, n.ID)
		}
		return err
	}))
	return kinds
}

func TestThePatientIsToldOfAFirstAccessOnce(t *testing.T) {
	w := newWard(t)
	w.reach(alice, w.checked())
	w.told()
	for _, c := range []struct {
		who  string
		want []string
	}{
		{thomas, []string{"first-access"}},
		{martin, []string{"first-access"}},
		{evils, nil}, // the same person as thomas
	} {
		w.must(w.Declare(t.Context(), w.login(c.who), w.record, InCareTeam))
		for i := range 2 {
			w.sees(c.who)
			if got := w.told(); i == 0 && !slices.Equal(got, c.want) || i == 1 && got != nil {
				t.Errorf("%s, time %d: she is told %v", c.who, i+1, got)
			}
		}
	}
	w.must(w.SetChoices(t.Context(), w.login(alice), w.record, patient.Choices{Silenced: []patient.Topic{patient.OfFirstAccess}}))
	w.must(w.Declare(t.Context(), w.login(leroy), w.record, InCareTeam))
	w.sees(leroy)
	if got := w.told(); got != nil {
		t.Errorf("though silenced, she is told %v", got)
	}
}
