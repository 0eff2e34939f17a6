package hub

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// A prey is what is Alice's, and named in the acts that intruders try on it.
type prey struct {
	*ward
	ctx               context.Context
	document, waiting string // of which one is not announced
	message           MessageID
	folder            string
}

// An intrusion is an act on what is Alice's. What comes back is what it shows.
type intrusion func(p *prey, a Actor) (any, error)

// intrusions are the acts of the door that name a record, a document or a message,
// each as an intruder would try it.
var intrusions = map[string]intrusion{
	"AddDocuments": nil, // who may file in a record is another question: see TestWhatIsRefusedIsNotAdded
	"Deposit":      nil,

	"Documents":    func(p *prey, a Actor) (any, error) { return p.Documents(p.ctx, a, p.record) },
	"Document":     func(p *prey, a Actor) (any, error) { return p.Document(p.ctx, a, p.document) },
	"DocumentPage": func(p *prey, a Actor) (any, error) { return p.DocumentPage(p.ctx, a, p.document) },
	"OpenDocument": func(p *prey, a Actor) (any, error) {
		v, c, err := p.OpenDocument(p.ctx, a, p.document)
		return whole(v, c), err
	},
	"OpenRendition": func(p *prey, a Actor) (any, error) {
		v, c, err := p.OpenRendition(p.ctx, a, p.document)
		return whole(v, c), err
	},
	"OpenDocuments": func(p *prey, a Actor) (any, error) {
		var shown strings.Builder
		list, err := p.OpenDocuments(p.ctx, a, p.record, []string{p.document})
		if err != nil {
			return "", err
		}
		for o, err := range list {
			if err != nil {
				return shown.String(), err
			}
			shown.WriteString(whole(o.DocumentView, o.File))
		}
		return shown.String(), nil
	},
	"Cabinet":         func(p *prey, a Actor) (any, error) { return p.Cabinet(p.ctx, a, p.record) },
	"SearchDocuments": func(p *prey, a Actor) (any, error) { return p.SearchDocuments(p.ctx, a, p.record, "secret") },
	"Withdrawn":       func(p *prey, a Actor) (any, error) { return p.Withdrawn(p.ctx, a, p.record) },
	"KeptDocument": func(p *prey, a Actor) (any, error) {
		return p.KeptDocument(p.ctx, a, p.record, func(DocumentView) bool { return true })
	},
	"ChangeDocument": func(p *prey, a Actor) (any, error) {
		soon := p.now.AddDate(0, 0, 2)
		for _, c := range []DocumentChange{{}, {Masked: yes()}, {HiddenFromPatient: no()}, {HiddenFromRepresentatives: yes()}, {Archived: yes()}, {Deleted: yes()}, {ShowOn: &soon}} {
			for _, id := range []string{p.document, p.waiting} {
				if v, err := p.ChangeDocument(p.ctx, a, id, c); !denied(err) {
					return v, err
				}
			}
		}
		return nil, fault.NotFound
	},
	"NameFolder":   func(p *prey, a Actor) (any, error) { return p.NameFolder(p.ctx, a, p.record, p.folder, "À moi") },
	"RemoveFolder": func(p *prey, a Actor) (any, error) { return nil, p.RemoveFolder(p.ctx, a, p.record, p.folder) },
	"PutInFolder":  func(p *prey, a Actor) (any, error) { return nil, p.PutInFolder(p.ctx, a, p.folder, p.document) },
	"PinDocument":  func(p *prey, a Actor) (any, error) { return nil, p.PinDocument(p.ctx, a, p.document, true) },

	"Choices":    func(p *prey, a Actor) (any, error) { return p.Choices(p.ctx, a, p.record) },
	"SetChoices": func(p *prey, a Actor) (any, error) { return nil, p.SetChoices(p.ctx, a, p.record, patient.Choices{}) },
	"Relations":  func(p *prey, a Actor) (any, error) { return p.Relations(p.ctx, a, p.record) },
	"WhoCanSee":  func(p *prey, a Actor) (any, error) { return p.WhoCanSee(p.ctx, a, p.document) },
	"SeeAs":      func(p *prey, a Actor) (any, error) { return p.SeeAs(p.ctx, a, p.record, adam) },
	"BlockProfessional": func(p *prey, a Actor) (any, error) {
		return nil, p.BlockProfessional(p.ctx, a, p.record, addr(adam))
	},
	"UnblockProfessional": func(p *prey, a Actor) (any, error) {
		return nil, p.UnblockProfessional(p.ctx, a, p.record, addr(thomas))
	},
	"GiveConsent": func(p *prey, a Actor) (any, error) {
		return nil, p.GiveConsent(p.ctx, a, p.record, a.Address, time.Time{})
	},
	"WithdrawConsent": func(p *prey, a Actor) (any, error) { return nil, p.WithdrawConsent(p.ctx, a, p.record, addr(adam)) },
	"OpposeCareTeam":  func(p *prey, a Actor) (any, error) { return nil, p.OpposeCareTeam(p.ctx, a, p.record, addr(adam)) },
	"AdmitCareTeam":   func(p *prey, a Actor) (any, error) { return nil, p.AdmitCareTeam(p.ctx, a, p.record, a.Address) },
	"NameRole": func(p *prey, a Actor) (any, error) {
		return nil, p.NameRole(p.ctx, a, p.record, a.Address, patient.TreatingPhysician)
	},
	"GrantAdministrator": func(p *prey, a Actor) (any, error) { return nil, p.GrantAdministrator(p.ctx, a, p.record, a.Address) },
	"WithdrawAdministrator": func(p *prey, a Actor) (any, error) {
		return nil, p.WithdrawAdministrator(p.ctx, a, p.record, addr(adam))
	},
	"RemoveProfessional": func(p *prey, a Actor) (any, error) { return nil, p.RemoveProfessional(p.ctx, a, p.record, addr(adam)) },
	"Declare": func(p *prey, a Actor) (any, error) {
		if a.Address == addr(besson) || a.Address == addr(petit) { // who may: the patient is told
			return nil, fault.NotFound
		}
		return nil, p.Declare(p.ctx, a, p.record, InCareTeam)
	},
	"BreakGlass": func(p *prey, a Actor) (any, error) {
		if a.Address == addr(besson) || a.Address == addr(petit) {
			return nil, fault.NotFound
		}
		return p.BreakGlass(p.ctx, a, p.record, policy.BrokenGlass, because)
	},
	"BreakGlassFor": func(p *prey, a Actor) (any, error) {
		if a.Address == addr(besson) || a.Address == addr(petit) {
			return nil, fault.NotFound
		}
		id, until, err := p.BreakGlassFor(p.ctx, a, p.matricule(alice), policy.BrokenGlass, because)
		return id + until.String(), err
	},
	"EndGlass": func(p *prey, a Actor) (any, error) { return nil, p.EndGlass(p.ctx, a, p.record) },

	"History": func(p *prey, a Actor) (any, error) { return p.History(p.ctx, a, p.record, HistoryQuery{}) },
	"ExportHistory": func(p *prey, a Actor) (any, error) {
		var b bytes.Buffer
		err := p.ExportHistory(p.ctx, a, p.record, HistoryQuery{}, audit.CSV, &b)
		return b.String(), err
	},
	"Persons": func(p *prey, a Actor) (any, error) { return p.Persons(p.ctx, a, p.record) },
	"Invite": func(p *prey, a Actor) (any, error) {
		return nil, p.Invite(p.ctx, a, p.record, a.Address, Invitation{Kind: patient.Carer, Scope: patient.Scope{ReadDocuments: true}, Until: p.now.AddDate(1, 0, 0)})
	},
	"AnswerInvitation": func(p *prey, a Actor) (any, error) { return nil, p.AnswerInvitation(p.ctx, a, p.record, true) },
	"EndPerson":        func(p *prey, a Actor) (any, error) { return nil, p.EndPerson(p.ctx, a, p.record, "nobody") },
	"Visit":            func(p *prey, a Actor) (any, error) { return p.Visit(p.ctx, a, p.record) },
	"Luggage":          func(p *prey, a Actor) (any, error) { return p.Luggage(p.ctx, a, p.record) },
	"TakingOut":        func(p *prey, a Actor) (any, error) { return p.TakingOut(p.ctx, a, p.record) },
	"TakeOut":          func(p *prey, a Actor) (any, error) { return p.TakeOut(p.ctx, a, p.record) },
	"CloseSpace":       func(p *prey, a Actor) (any, error) { return p.CloseSpace(p.ctx, a, p.record, true) },
	"ReopenSpace":      func(p *prey, a Actor) (any, error) { return nil, p.ReopenSpace(p.ctx, a, p.record) },
	"AskErasure":       func(p *prey, a Actor) (any, error) { return nil, p.AskErasure(p.ctx, a, p.record) },
	"WithdrawErasure":  func(p *prey, a Actor) (any, error) { return nil, p.WithdrawErasure(p.ctx, a, p.record) },
	"Shared":           func(p *prey, a Actor) (any, error) { return p.Shared(p.ctx, a, p.record) },

	// What an ID of hers names in one's own mailbox is nothing.
	"Thread":      func(p *prey, a Actor) (any, error) { return p.Thread(p.ctx, a, p.message) },
	"WholeThread": func(p *prey, a Actor) (any, error) { return p.WholeThread(p.ctx, a, p.message) },
	"TakeCharge":  func(p *prey, a Actor) (any, error) { return nil, p.TakeCharge(p.ctx, a, p.message, true) },
	"MessageFile": func(p *prey, a Actor) (any, error) { return p.MessageFile(p.ctx, a, p.message, "2") },
	"MessageHTML": func(p *prey, a Actor) (any, error) { return p.MessageHTML(p.ctx, a, p.message) },
	"MessageText": func(p *prey, a Actor) (any, error) { return p.MessageText(p.ctx, a, p.message) },
	"RawMessages": func(p *prey, a Actor) (any, error) {
		var shown strings.Builder
		return &shown, p.RawMessages(p.ctx, a, p.message, true, func(m RawMessage) error {
			_, err := m.WriteTo(&shown)
			return err
		})
	},
	"Draft": func(p *prey, a Actor) (any, error) { return p.Draft(p.ctx, a, p.message) },
	"Answer": func(p *prey, a Actor) (any, error) {
		d, q, err := p.Answer(p.ctx, a, p.message, true)
		return fmt.Sprint(d, q), err
	},
	"SendDraft":        func(p *prey, a Actor) (any, error) { return p.SendDraft(p.ctx, a, p.message) },
	"TakeBack":         func(p *prey, a Actor) (any, error) { return nil, cmp.Or(p.TakeBack(p.ctx, a, p.message), noDeed) },
	"Passage":          func(p *prey, a Actor) (any, error) { return p.Passage(p.ctx, a, p.message) },
	"DiscardDraft":     func(p *prey, a Actor) (any, error) { return nil, cmp.Or(p.DiscardDraft(p.ctx, a, p.message), noDeed) },
	"SendReadReceipt":  func(p *prey, a Actor) (any, error) { return nil, p.SendReadReceipt(p.ctx, a, p.message) },
	"WaiveReadReceipt": func(p *prey, a Actor) (any, error) { return nil, p.WaiveReadReceipt(p.ctx, a, p.message) },
	"SaveDraft": func(p *prey, a Actor) (any, error) {
		return p.SaveDraft(p.ctx, a, Draft{ID: NewDraftID(), To: to(adam)}, DraftChange{Documents: []string{p.document}})
	},

	// That there is a record is told to caregivers, and whose it is only to those to
	// whom it is open.
	"FindPatient": func(p *prey, a Actor) (any, error) {
		v, err := p.FindPatient(p.ctx, a, p.matricule(alice))
		return v, cmp.Or(err, noDeed)
	},
	"PatientByID": func(p *prey, a Actor) (any, error) {
		v, err := p.PatientByID(p.ctx, a, p.record)
		return v, cmp.Or(err, noDeed)
	},
	"Footing": func(p *prey, a Actor) (any, error) {
		v, err := p.Footing(p.ctx, a, p.record)
		return v, cmp.Or(err, noDeed)
	},

	// Of oneself, whatever the text is.
	"AddOwnPassword": nil, "RevokeOwnPassword": nil, "ChangePassword": nil, "ConfirmTOTP": nil, "SetPhrase": nil, "BeginContact": nil,
	"ConfirmContact": nil, "RemovePasskey": nil, "AddPasskey": nil, "ProvePasskey": nil, "BeginProof": nil, "ProveWith": nil, "Prove": nil,
	"SendProofCode": nil, "EndWebSession": nil, "NewFolder": nil, "RenameFolder": nil,
}

// noDeed is what an act does that does nothing to anybody.
var noDeed error = fault.NotFound

// whole is what is said of a document, and its content.
func whole(v DocumentView, c Content) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%+v ", v)
	if c != nil {
		_ = c.ReadRange(&b, 0, c.Size()) // what was read counts
	}
	return b.String()
}

func denied(err error) bool {
	k := fault.Of(err)
	return k == fault.NotFound || k == fault.Denied || k == fault.Invalid || k == fault.Unauthenticated
}

// secret is in all that is Alice's.
const secret = "mot-secret"

func newPrey(t *testing.T) *prey {
	p := &prey{ward: newWard(t), ctx: t.Context()}
	p.Limits.RefusedPerHour, p.Limits.RefusedPerDay = 100_000, 100_000
	titled := func(e *vault.Entry) { e.Title, e.Comments = secret, secret }
	p.document = p.file(alice, consultation, 0, titled)
	p.waiting = p.file(alice, biology, vault.HiddenFromPatient, titled)
	p.must(p.send(adam, secret, "", alice))
	p.message = p.newestID(alice, mailbox.Inbox)
	p.decides(func(a Actor) (err error) {
		p.folder, err = p.NameFolder(p.ctx, a, p.record, "", secret)
		return err
	})
	p.decides(func(a Actor) error { return p.GiveConsent(p.ctx, a, p.record, addr(adam), time.Time{}) })
	p.decides(func(a Actor) error { return p.BlockProfessional(p.ctx, a, p.record, addr(thomas)) })
	return p
}

// state is all that anybody could change of what is Alice's.
func (p *prey) state() string {
	p.t.Helper()
	a := p.login(alice)
	var b strings.Builder
	for _, ask := range []func() (any, error){
		func() (any, error) { return p.Relations(p.ctx, a, p.record) },
		func() (any, error) { return p.Choices(p.ctx, a, p.record) },
		func() (any, error) { return p.Persons(p.ctx, a, p.record) },
		func() (any, error) { c, err := p.Cabinet(p.ctx, a, p.record); return c.Folders, err },
	} {
		v, err := ask()
		p.must(err)
		fmt.Fprintf(&b, "%+v\n", v)
	}
	fmt.Fprintln(&b, p.state2(p.document), p.state2(p.waiting), p.read(alice, "INBOX"))
	return b.String()
}

func (p *prey) state2(id string) string {
	d := p.ward.state(id)
	return fmt.Sprint(d.Flags, d.Entry.EntryUUID)
}

// intruders are those whom nothing of Alice's concerns.
func (p *prey) intruders() map[string]Actor {
	as := func(role policy.Role) Actor {
		a := p.login(alone)
		a.Role, a.Session, a.Web = role, "", false
		return a
	}
	shared := p.login(cardio)
	member := p.login(petit)
	shared.Member = &member
	return map[string]Actor{
		"another patient": p.login(bruno), "a blocked physician": p.login(thomas), "an optician": p.login(besson),
		"a physician who does not treat her": p.login(petit), "whoever shares a mailbox": shared,
		"a secretariat": p.login(cardio), "a program": p.login(biolab), "nobody": {Address: addr(stranger), Part: nowhere},
		"an insurer": as(policy.Insurer), "an employer": as(policy.Employer), "the State": as(policy.State),
		"the operator's staff": as(policy.Administrator), "a partner": as(policy.Partner),
	}
}

// TestNothingOfSomebodyElsesIsReached tries every act on what is Alice's as
// everybody whom it does not concern: it fails, it shows nothing, it changes
// nothing.
func TestNothingOfSomebodyElsesIsReached(t *testing.T) {
	p := newPrey(t)
	before := p.state()
	people := p.intruders()
	for _, who := range slices.Sorted(maps.Keys(people)) {
		for _, name := range slices.Sorted(maps.Keys(intrusions)) {
			try := intrusions[name]
			if try == nil {
				continue
			}
			shown, err := try(p, people[who])
			if !denied(err) {
				t.Errorf("%s by %s gives %v", name, who, err)
			}
			if text := fmt.Sprintf("%+v", shown); strings.Contains(text, secret) || strings.Contains(text, "ESSAI") || strings.Contains(text, "Bonjour") {
				t.Errorf("%s shows %s %.300s", name, who, text)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "ESSAI")) {
				t.Errorf("%s tells %s %v", name, who, err)
			}
		}
	}
	if after := p.state(); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
	for _, who := range []string{thomas, besson, petit} {
		if !slices.ContainsFunc(p.trailOf(alice), func(e audit.Entry) bool { return e.Actor == who && e.Refused }) {
			t.Errorf("what was refused to %s is not in her trail", who)
		}
	}
	p.verifies()
}

// TestAnIntrusionIsWhatItsOwnerDoes: as her, each is done, but what is not hers to
// do, or what there is nothing of.
func TestAnIntrusionIsWhatItsOwnerDoes(t *testing.T) {
	p := newPrey(t)
	others := strings.Fields(`AdmitCareTeam AnswerInvitation BreakGlass BreakGlassFor Declare EndGlass FindPatient Footing GiveConsent
		GrantAdministrator Invite KeptDocument NameRole PatientByID Shared Visit`)
	none := strings.Fields(`AskErasure DiscardDraft Draft EndPerson MessageFile MessageHTML OpenRendition Passage ReopenSpace SendDraft
		SendReadReceipt TakeBack TakeCharge WithdrawErasure`)
	last := []string{"RemoveFolder", "CloseSpace"}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(intrusions)), func(name string) bool {
		return intrusions[name] == nil || slices.Contains(slices.Concat(others, none, last), name)
	})
	for _, name := range append(names, last...) {
		if _, err := intrusions[name](p, p.login(alice)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryActIsTriedByIntruders: one that names a record, a document or a message
// is added to those that are tried, or it is said why not.
func TestEveryActIsTriedByIntruders(t *testing.T) {
	hub := reflect.TypeFor[*Hub]()
	seen := map[string]bool{}
	for i := range hub.NumMethod() {
		m := hub.Method(i)
		in := map[reflect.Type]bool{}
		for j := range m.Type.NumIn() {
			in[m.Type.In(j)] = true
		}
		names := slices.ContainsFunc([]reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[MessageID](), reflect.TypeFor[Draft](), reflect.TypeFor[ident.Matricule]()},
			func(t reflect.Type) bool { return in[t] })
		if !in[reflect.TypeFor[Actor]()] || !names {
			continue
		}
		seen[m.Name] = true
		if _, known := intrusions[m.Name]; !known {
			t.Errorf("nobody tries %s", m.Name)
		}
	}
	for name := range intrusions {
		if !seen[name] {
			t.Errorf("there is no act %s", name)
		}
	}
}
