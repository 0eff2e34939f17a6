package web

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
)

// Proches: those for whom one acts, and those who act for one. What they do in
// the space of another is in its trail under their own name.

const (
	carersPath = "/aidants"
	invitePath = carersPath + "/inviter"
	childPath  = peoplePath + "/enfants"
)

var people = []route{
	{path: peoplePath, signed: true, get: (*call).peoplePage},
	{path: peoplePath + "/reponse", signed: true, post: (*call).answerInvitation},
	{path: peoplePath + "/fin", signed: true, post: (*call).stopHelping},
	{path: childPath, signed: true, get: (*call).childrenPage, post: (*call).decideForChild},
	{path: peoplePath + "/{record}", signed: true, get: (*call).visitPage},

	{path: carersPath, signed: true, get: (*call).carersPage},
	{path: carersPath + "/fin", signed: true, post: (*call).endCarer},
	{path: invitePath, signed: true, get: (*call).invitePage, post: (*call).invite},
	{path: peoplePath + "/{record}" + carersPath, signed: true, get: (*call).carersPage},
	{path: peoplePath + "/{record}" + carersPath + "/fin", signed: true, post: (*call).endCarer},
	{path: peoplePath + "/{record}" + invitePath, signed: true, get: (*call).invitePage, post: (*call).invite},

	{path: peoplePath + "/{record}" + activityPath, signed: true, get: (*call).activityPage},
	{path: peoplePath + "/{record}" + activityPath + "/csv", signed: true, get: (*call).activityFile},
	{path: peoplePath + "/{record}" + accessPath, signed: true, get: (*call).accessPage, post: (*call).changeAccess},
	{path: peoplePath + "/{record}" + accessPath + "/choix", signed: true, post: (*call).setChoices},
}

// helper is what people do for others, and let others do.
type helper interface {
	Visit(ctx context.Context, a hub.Actor, recordID string) (hub.Visit, error)
	Helped(ctx context.Context, a hub.Actor) ([]hub.HelpedPerson, error)
	Dependants(ctx context.Context, a hub.Actor) ([]hub.Dependant, error)
	DecideFor(ctx context.Context, a hub.Actor, c hub.Choice) (hub.Proof, error)
	Persons(ctx context.Context, a hub.Actor, recordID string) ([]patient.Person, error)
	Invite(ctx context.Context, a hub.Actor, recordID string, invited ident.Address, n hub.Invitation) error
	AnswerInvitation(ctx context.Context, a hub.Actor, recordID string, accept bool) error
	EndPerson(ctx context.Context, a hub.Actor, recordID, personID string) error
}

// peopleView is what the page shows of those for whom one acts.
type peopleView struct {
	Helped, Asked []link // in force; invitations that wait
	Children      bool   // there are minors on the Vitale card
}

// A link is what lets somebody act for somebody.
type link struct {
	patient.Person
	ID     string // of the record of the one who is meant
	Whom   string
	Ends   time.Time
	Answer time.Time // until when an invitation waits
	Ours   bool      // to end
	Token  string    // stands for them where an address may not name them
}

// Scopes are the keys of what a carer may do.
func (n link) Scopes() []string { return scopesOf(n.Scope) }

// Last is the last day of a carer; that of a representative is not in it.
func (n link) Last() time.Time {
	if n.Carer() && !n.Ends.IsZero() {
		return n.Ends.Add(-time.Nanosecond)
	}
	return n.Ends
}

// Carer reports whether somebody is a carer, who may do only some things.
func (n link) Carer() bool { return n.Kind == patient.Carer }

// scopes are what a carer may be entrusted with, by the name of its box.
var scopes = []struct {
	name string
	of   func(*patient.Scope) *bool
}{
	{"documents", func(s *patient.Scope) *bool { return &s.ReadDocuments }},
	{"trail", func(s *patient.Scope) *bool { return &s.Trail }},
}

func scopesOf(s patient.Scope) (keys []string) {
	for _, one := range scopes {
		if *one.of(&s) {
			keys = append(keys, "people.scope."+one.name)
		}
	}
	return keys
}

func (c *call) peoplePage() error {
	list, err := c.s.hub.Helped(c.ctx(), c.who.Actor)
	if err != nil {
		return err
	}
	children, err := c.s.hub.Dependants(c.ctx(), c.who.Actor)
	if err != nil {
		return err
	}
	v := peopleView{Children: len(children) > 0}
	for _, p := range list {
		onCard := slices.ContainsFunc(children, func(d hub.Dependant) bool { return d.Record == p.Record })
		n := link{Person: p.Link, ID: p.Record, Whom: p.Name, Ends: p.Ends, Answer: p.Link.Since.Add(patient.InvitationLife), Ours: !onCard}
		if p.Link.State == patient.Invited {
			v.Asked = append(v.Asked, n)
		} else {
			v.Helped = append(v.Helped, n)
		}
	}
	return c.page("people/people", "people.title", v)
}

func (c *call) answerInvitation() error {
	accept := c.form.value("answer") == "accept"
	err := c.s.hub.AnswerInvitation(c.ctx(), c.who.Actor, c.form.value("record"), accept)
	switch {
	case errors.Is(err, fault.NotFound): // taken back, or too late
		return c.to(peoplePath, "news.invitation-over")
	case errors.Is(err, fault.Quota):
		return c.to(peoplePath, "news.helps-enough")
	case err != nil:
		return err
	case accept:
		return c.to(peoplePath, "news.invitation-accepted")
	}
	return c.to(peoplePath, "news.invitation-declined")
}

// stopHelping ends what lets whoever asks act for another.
func (c *call) stopHelping() error {
	err := c.s.hub.EndPerson(c.ctx(), c.who.Actor, c.form.value("record"), string(c.who.Part))
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	return c.to(peoplePath, "news.helps-no-more")
}

// childView is a minor on one's Vitale card.
type childView struct{ hub.Dependant }

// Open reports whether the space is, Closed whether it was.
func (d childView) Open() bool { return d.State == policy.Active }

// Closed reports whether the space was open once.
func (d childView) Closed() bool { return d.State == policy.Closed || d.State == policy.Archived }

// Opposed reports whether somebody objected to the space.
func (d childView) Opposed() bool { return d.State == policy.Opposed }

func (c *call) children() (list []childView, err error) {
	all, err := c.s.hub.Dependants(c.ctx(), c.who.Actor)
	for _, d := range all {
		if d.State != policy.Erased {
			list = append(list, childView{d})
		}
	}
	return list, err
}

func (c *call) childrenPage() error {
	if !c.proved() {
		return c.mustProve(childPath)
	}
	list, err := c.children()
	if err != nil {
		return err
	}
	return c.page("people/children", "people.children.title", list)
}

// decideForChild opens the space of a minor, or objects to it.
func (c *call) decideForChild() error {
	what := c.form.value("decision")
	if !c.form.ticked("certify") {
		c.wrong("certify", "wrong.certify")
		list, err := c.children()
		if err != nil {
			return err
		}
		return c.again("people/children", "people.children.title", list)
	}
	choice := hub.Choice{Record: c.form.value("record"), Open: what == "open", Erase: what == "object" && c.form.ticked("erase"), Certified: true}
	if what != "open" && what != "object" {
		return fault.Invalid
	}
	proof, err := c.s.hub.DecideFor(c.ctx(), c.who.Actor, choice)
	switch {
	case err != nil || choice.Open:
		return c.after(err, childPath, "news.child-open")
	case proof.Reference == "":
		return c.to(childPath, "news.child-object")
	}
	return c.showProofs([]hub.Proof{proof})
}

// visitPage is the home of somebody for whom one acts.
func (c *call) visitPage() error {
	return c.page("people/visit", "people.visit.title", visitView{c.visited, scopesOf(c.visited.Link.Scope), c.majority(), link{Person: c.visited.Link, Ends: c.visited.Link.Until}.Last(), c.now()})
}

// visitView is what it shows.
type visitView struct {
	*hub.Visit
	Scopes   []string
	Majority time.Time // of a minor
	Last     time.Time // day of what is entrusted to a carer
	now      time.Time
}

// Open reports whether the space is.
func (v visitView) Open() bool { return v.State == policy.Active }

// Soon reports whether the owner comes of age within half a year.
func (v visitView) Soon() bool {
	return !v.Majority.IsZero() && !v.now.Before(v.Majority.AddDate(0, -6, 0))
}

func (c *call) majority() time.Time {
	if c.visited.Link.Kind != patient.Representative {
		return time.Time{}
	}
	at, _ := patient.Space{Traits: c.visited.Traits}.Majority()
	return at
}

// carersView is what the page shows of those who act in a space.
type carersView struct {
	Now, Before []link
	Full        bool // there are as many carers as there may be
	Child       bool
}

func (c *call) carers() (v carersView, err error) {
	list, err := c.s.hub.Persons(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return v, err
	}
	carers := 0
	for _, p := range list {
		n := link{Person: p, Token: c.token(p.Address), ID: string(p.Part), Whom: p.Name, Ends: p.Until, Answer: p.Since.Add(patient.InvitationLife)}
		n.Ours = p.Kind == patient.Carer || p.By == c.who.Address.Canonical() && string(p.Part) != string(c.who.Part)
		if n.Whom == "" {
			n.Whom = p.Address
		}
		switch {
		case !p.Live(c.now()):
			v.Before = append(v.Before, n)
		default:
			v.Now = append(v.Now, n)
			if n.Carer() {
				carers++
			}
		}
	}
	byTime := func(a, b link) int { return b.Since.Compare(a.Since) }
	slices.SortFunc(v.Now, byTime)
	slices.SortFunc(v.Before, byTime)
	v.Full, v.Child = carers >= patient.MaxCarers, c.visited != nil
	return v, nil
}

func (c *call) carersPage() error {
	v, err := c.carers()
	if err != nil {
		return err
	}
	return c.page("people/carers", "people.carers.title", v)
}

func (c *call) endCarer() error {
	err := c.s.hub.EndPerson(c.ctx(), c.who.Actor, c.record(), c.form.value("person"))
	if err != nil && !errors.Is(err, fault.NotFound) {
		return c.after(err, c.at(carersPath), "")
	}
	return c.to(c.at(carersPath), "news.carer-ended")
}

// inviteView is what the form of an invitation shows.
type inviteView struct {
	Scopes          []string
	First, Proposed string // the first day that an end may be, and the one proposed
	Child           bool   // a second representative may be asked, too
}

func (c *call) inviting() inviteView {
	v := inviteView{First: c.now().AddDate(0, 0, 1).In(c.s.cfg.Zone).Format(time.DateOnly), Proposed: c.now().AddDate(0, 6, 0).In(c.s.cfg.Zone).Format(time.DateOnly), Child: c.visited != nil}
	for _, s := range scopes {
		v.Scopes = append(v.Scopes, s.name)
	}
	return v
}

func (c *call) invitePage() error {
	if c.visited != nil && !c.visited.May.Persons { // the door says so
		_, err := c.carers()
		return cmp.Or(err, nothingHere(c))
	}
	if !c.proved() {
		return c.mustProve(c.at(invitePath))
	}
	return c.page("people/invite", "people.invite.title", c.inviting())
}

// invitation reads the form.
func (c *call) invitation() (to ident.Address, n hub.Invitation) {
	c.need("person")
	to, err := ident.ParseAddress(strings.ToLower(c.form.value("person")))
	if err != nil && c.form.value("person") != "" {
		c.wrong("person", "wrong.person")
	}
	n.Kind = patient.Carer
	if c.visited != nil && c.form.value("kind") == string(patient.Representative) {
		n.Kind = patient.Representative
		return to, n
	}
	for _, s := range scopes {
		*s.of(&n.Scope) = c.form.ticked("scope-" + s.name)
	}
	if (n.Scope == patient.Scope{}) {
		c.wrong("scopes", "wrong.scopes")
	}
	last, err := time.ParseInLocation(time.DateOnly, c.form.value("until"), c.s.cfg.Zone)
	n.Until = last.AddDate(0, 0, 1) // the day included
	if err != nil || !c.now().Before(n.Until) {
		c.wrong("until", "wrong.until")
	}
	return to, n
}

func (c *call) invite() error {
	to, n := c.invitation()
	var err error
	if len(c.form.errs) == 0 {
		err = c.s.hub.Invite(c.ctx(), c.who.Actor, c.record(), to, n)
		switch fault.Of(err) {
		case fault.NotFound:
			c.wrong("person", "wrong.nobody")
		case fault.Invalid:
			c.wrong("person", "wrong.oneself")
		case fault.Exists:
			c.wrong("person", "wrong.linked")
		case fault.Quota:
			c.wrong("person", "wrong.carers")
		case fault.Throttled:
			c.wrong("person", "wrong.throttled")
		}
	}
	if len(c.form.errs) > 0 {
		return c.again("people/invite", "people.invite.title", c.inviting())
	}
	if refusedBy(err, "session/prove-again") {
		return c.mustProve(c.at(invitePath))
	}
	return c.after(err, c.at(carersPath), "news.invited")
}
