package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/message"
)

// A portal is the demo's hub in this process, told to its end, with people who
// come in to its pages. Walks through the pages begin here.
type portal struct {
	*server
	base, ca string
	people   []person             // with their passwords and tokens
	entries  map[string]hub.Entry // sessions in the pages, by address
	post     client
	programs *http.Client // what speaks to the API
	outbox   string       // where what would be mailed is left
}

// openPortal runs it, until the test ends.
func openPortal(t testing.TB) *portal {
	t.Helper()
	ctx := t.Context()
	d := &demo{folder: t.TempDir(), portBase: freeBase(t), out: io.Discard, progress: progress{t.Output(), time.Now()}}
	c, err := d.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c.Janitor.Notices = 20 * time.Millisecond
	c.Limits.RefusedPerHour, c.Limits.RefusedPerDay = 10_000, 10_000 // a walk is a single stranger's
	cast := population(0, 0)
	o, err := d.withProvider(options{log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))}, cast)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(c, o)
	if err != nil {
		t.Fatal(err)
	}
	s.hub.Limits.Undo = 5 * time.Second
	p := &portal{server: s, entries: map[string]hub.Entry{}, base: s.webBase(), ca: filepath.Join(d.folder, caName), outbox: filepath.Join(d.folder, outboxFolder)}
	p.openBackstage()
	serveUntilEnd(t, s)
	if err := p.play(ctx, d, cast); err != nil {
		t.Fatal(err)
	}
	p.programs = trustingClient(t, p.ca)
	if p.post, err = d.trusting(s.address("listen.smtps"), s.address("listen.imaps")); err != nil {
		t.Fatal(err)
	}
	if err := p.bring(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// play is that of the demo, but that people have come in before the story is
// told, and stay.
func (p *portal) play(ctx context.Context, d *demo, cast []person) error {
	if err := errors.Join(enrol(ctx, p.hub, cast), insure(ctx, p.hub), share(ctx, p.hub), giveTokens(ctx, p.hub, cast), writeAccounts(d.folder, cast)); err != nil {
		return err
	}
	p.people = cast
	for _, one := range append(waiting(), newcomer, neighbour) {
		if _, err := p.hub.ApplyInsured(ctx, demoOperator, one.line()); err != nil {
			return err
		}
	}
	for _, one := range append(slices.Clone(register), newcomer, neighbour) {
		if one.login == "" {
			continue
		}
		var err error
		if p.entries[one.who.address], err = d.comeIn(ctx, p.hub, one, netip.IPv6Loopback()); err != nil {
			return fmt.Errorf("portal: %s: %w", one.login, err)
		}
	}
	return d.tell(ctx, p.server, cast)
}

// account is one of the people with their password and token.
func (p *portal) account(who person) (person, error) {
	for _, one := range p.people {
		if one.address == who.address {
			return one, nil
		}
	}
	return person{}, fmt.Errorf("portal: %s: %w", who.name, fault.NotFound)
}

// openBackstage serves what the scripts in the browser need done behind it: what
// comes by post, and what others do.
//
//	letter   prints the letter that announces the space of who, and tells its code
//	report   the physician of the demo sends who a report
//	look     and reads the documents of who
//	night    what a hub does by itself as time passes
func (p *portal) openBackstage() {
	for what, do := range map[string]func(context.Context, person) (string, error){
		"letter": p.printLetter, "report": p.sendReport, "look": p.readRecord,
		"night": func(ctx context.Context, _ person) (string, error) { return backstageNight(ctx, p.server, nil) },
	} {
		p.web.HandleFunc("/backstage/"+what, func(w http.ResponseWriter, r *http.Request) {
			var who person
			for _, one := range append(waiting(), register...) {
				if one.who.address == r.FormValue("who") {
					who = one.who
				}
			}
			text, err := do(r.Context(), who)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			fmt.Fprint(w, text)
		})
	}
}

func (p *portal) printLetter(ctx context.Context, who person) (string, error) {
	a, err := ident.ParseAddress(who.address)
	if err != nil {
		return "", err
	}
	l, err := p.hub.PrintLetter(ctx, demoOperator, a)
	return l.Code, err
}

// sendReport sends a report by SMTP, as a practice does.
func (p *portal) sendReport(ctx context.Context, to person) (string, error) {
	now := clock()
	report := sheet{letterhead: "Dr Éric THOMAS, médecin généraliste – " + tilleuls.name, title: "Compte rendu de consultation", lines: []string{
		"Le " + frenchDate(now), "", "Tension 12/8. Rien à signaler.", "", "Dr Éric THOMAS",
	}}
	l := p.draft(to, "Votre compte rendu", "Bonjour,\n\nVoici le compte rendu de ce matin. Le traitement vous convient-il ?\n\nDr Éric Thomas\n")
	l.files = []message.Attachment{pdfFile(now, "CR_Consultation", to, 4401, report)}
	return "", p.mail(ctx, to, l, "")
}

// physician is the one of the demo, signed in to the pages.
func (p *portal) physician(ctx context.Context) (hub.Actor, error) {
	n, err := ident.ParseRPPS(thomas.bal.RPPS)
	if err != nil {
		return hub.Actor{}, err
	}
	e, err := p.hub.OpenProfessionalWeb(ctx, n, time.Now(), hub.Attempt{Protocol: "web", Device: "Firefox, Linux"})
	return e.Actor, err
}

// readRecord opens the documents of a patient, as a physician of their care team.
func (p *portal) readRecord(ctx context.Context, of person) (string, error) {
	a, err := p.physician(ctx)
	if err != nil {
		return "", err
	}
	v, err := p.hub.FindPatient(ctx, a, of.matricule)
	if err != nil {
		return "", err
	}
	if err := p.hub.Declare(ctx, a, v.ID, hub.InCareTeam); err != nil {
		return "", err
	}
	docs, err := p.hub.Documents(ctx, a, v.ID)
	for _, d := range docs {
		_, err1 := p.hub.Document(ctx, a, d.ID)
		err = errors.Join(err, err1)
	}
	return "", err
}

// waiting are patients who are told by post that their spaces will open: one for
// each way of going through the pages.
func waiting() (list []insuredPerson) {
	for i, name := range []string{"TACTILE", "CLAVIER", "SOBRE"} {
		list = append(list, insuredPerson{who: fresh(50+i, name), card: fmt.Sprint(10203040550 + i)})
	}
	return list
}

// newcomer has just come in, and nothing has happened yet in her space.
var newcomer = insuredPerson{who: fresh(59, "NOUVELLE"), card: "10203040559", mail: "neuf@example.org", login: "nouvelle"}

// neighbour is another one, whom nobody here has to do with.
var neighbour = insuredPerson{who: fresh(58, "VOISINE"), card: "10203040558", mail: "huit@example.org", login: "voisine"}

func fresh(number int, name string) person {
	return born(invented(fmt.Sprintf("26020999999%02d", number), name, "ALIX", ""), "19600512")
}

// asJSON is v for a script.
func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
