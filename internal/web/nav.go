package web

import (
	"context"
	"strings"

	"vaguemestre/internal/hub"
	"vaguemestre/policy"
)

// The navigation: the places that exist, for whoever has signed in.

// counter counts what the navigation tells.
type counter interface {
	Unread(ctx context.Context, a hub.Actor) (int, error)
}

// A place is an item of the navigation. It is shown where its path has a route;
// it is the present one on every page below that, and below the paths beside it.
type place struct {
	path, name string   // its words are "nav.NAME", and its picture "icon" of NAME
	beside     []string // other paths that belong to it
	who        func(hub.Actor) bool
	count      func(*call) (int, error) // of what waits there; nil where nothing does
	wide       bool                     // not in the bar of a phone: it is in the head of the page there
}

var places = []place{
	{path: homePath, name: "home", who: everybody},
	{path: patientsPath, name: "patients", beside: []string{urgentPath}, who: professional},
	{path: documentsPath, name: "documents", who: ofPatients},
	{path: mailboxPath, name: "mail", who: everybody, count: (*call).unread},
	{path: peoplePath, name: "people", who: ofPatients},
	{path: activityPath, name: "activity", beside: []string{accessPath, carersPath, exportPath}, who: ofPatients},
	{path: securityPath, name: "security", beside: []string{closingPath, proofPath}, who: everybody, wide: true},
}

func everybody(hub.Actor) bool      { return true }
func ofPatients(a hub.Actor) bool   { return a.Role == policy.Patient }
func professional(a hub.Actor) bool { return a.Role == policy.Professional }

// unread counts the messages that wait. That it fails is no reason to show no page.
func (c *call) unread() (int, error) { return c.s.hub.Unread(c.ctx(), c.mailbox()) }

// A navItem is a place on a page.
type navItem struct {
	Path, Name string
	Here       bool // this page is there
	Count      int
	Wide       bool
}

// nav lists the places for whoever asks.
func (c *call) nav() (list []navItem) {
	if c.who == nil {
		return nil
	}
	for _, p := range places {
		if !c.s.paths[p.path] || !p.who(c.who.Actor) {
			continue
		}
		item := navItem{Path: p.path, Name: p.name, Wide: p.wide, Here: p.holds(c.r.URL.Path)}
		if p.count != nil {
			n, err := p.count(c)
			if err != nil {
				c.s.cfg.Log.Warn("web: navigation", "err", err)
			}
			item.Count = n
		}
		list = append(list, item)
	}
	return list
}

// holds reports whether a path is in a place.
func (p place) holds(path string) bool {
	for _, root := range append([]string{p.path}, p.beside...) {
		if path == root || root != homePath && strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

// A subject is whose record a page is about, when it is not one's own: the pages
// say so at their head.
type subject struct {
	Of    string // the words before the name, a key of the catalogue; "": "Dossier de"
	Name  string // of the person
	Line  string // what there is to say of them; may be empty
	Leave string // address that leads out
	Out   string // the words of that, a key of the catalogue; "": "Quitter ce dossier"
	Path  string // of the first page of that record; may be empty
	Mark  string // what whoever reads is to that person, where it matters; may be empty
}

// about says on the page that is shown next whose record it is about.
func (c *call) about(s subject) { c.subject = &s }
