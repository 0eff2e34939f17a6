package web

import (
	"cmp"
	"context"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/hub"
	"vaguemestre/policy"
)

// Activité: who did what in a space, in sentences.

// teller tells people what happened in a space.
type teller interface {
	History(ctx context.Context, a hub.Actor, recordID string, q hub.HistoryQuery) (hub.HistoryPage, error)
	ExportHistory(ctx context.Context, a hub.Actor, recordID string, q hub.HistoryQuery, f audit.Format, w io.Writer) error
}

// What one may ask for: the kinds of those who act, and of what they did.
var (
	historyKinds  = []audit.Kind{audit.Professional, audit.Facility, audit.Patient, audit.Support, audit.System, audit.Enrolment}
	historyGroups = []audit.Group{audit.MedicalDocument, audit.General}
)

// activityView is what the page shows.
type activityView struct {
	Days          []activityDay
	From, To      string
	Kind, Group   string
	Emergency     bool
	NotMe         bool
	By            string // a token of one whose acts alone are shown
	Document      string // the ID of one that alone is shown
	People        []actorView
	Kinds, Groups []string
	File          string // address of all of it
	Next          string // address of the next page; "" after the last
	Filtered      bool
	First         bool
}

// An activityDay is what was done on one day.
type activityDay struct {
	Day   time.Time
	Lines []activityLine
}

// An activityLine is one thing that was done.
type activityLine struct {
	Time               time.Time
	Text, Title        string
	Refused, Emergency bool
}

// An actorView is somebody whose acts can be looked at alone.
type actorView struct {
	Token, Name string
	Chosen      bool
}

// asked reads what is asked for. What is none of it asks for all.
func (c *call) asked() (q hub.HistoryQuery, v activityView) {
	values := c.r.URL.Query()
	if at, err := time.ParseInLocation(time.DateOnly, values.Get("de"), c.s.cfg.Zone); err == nil {
		q.From, v.From = at, values.Get("de")
	}
	if at, err := time.ParseInLocation(time.DateOnly, values.Get("a"), c.s.cfg.Zone); err == nil {
		q.To, v.To = at.AddDate(0, 0, 1), values.Get("a")
	}
	for _, k := range historyKinds {
		v.Kinds = append(v.Kinds, string(k))
		if values.Get("qui") == string(k) {
			q.Kind, v.Kind = k, string(k)
		}
	}
	for _, g := range historyGroups {
		v.Groups = append(v.Groups, string(g))
		if values.Get("quoi") == string(g) {
			q.Group, v.Group = g, string(g)
		}
	}
	if q.By = c.tokenOf(values.Get("par")); q.By != "" {
		v.By = values.Get("par")
	}
	v.Document = opaqueID(values.Get("document"))
	q.Document = v.Document
	v.Emergency, v.NotMe = values.Get("urgence") == "yes", values.Get("sans-moi") == "yes"
	if q.Emergency = v.Emergency; v.NotMe {
		q.NotBy = c.who.Address.Canonical()
	}
	if n, err := strconv.ParseUint(values.Get("avant"), 10, 63); err == nil && n > 0 {
		q.Before = strconv.FormatUint(n, 10)
	}
	v.First, v.Filtered = q.Before == "", v.From+v.To+v.Kind+v.Group+v.By+v.Document != "" || v.Emergency || v.NotMe
	return q, v
}

// query says in an address what is shown.
func (v activityView) query(before string) string {
	values := url.Values{}
	for name, value := range map[string]string{"avant": before, "de": v.From, "a": v.To, "qui": v.Kind, "quoi": v.Group, "par": v.By, "document": v.Document} {
		if value != "" {
			values.Set(name, value)
		}
	}
	for name, on := range map[string]bool{"urgence": v.Emergency, "sans-moi": v.NotMe} {
		if on {
			values.Set(name, "yes")
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

func (c *call) activityPage() error {
	q, v := c.asked()
	page, err := c.s.hub.History(c.ctx(), c.who.Actor, c.record(), q)
	if err != nil {
		return err
	}
	for _, l := range page.Lines {
		l.Time = l.Time.In(c.s.cfg.Zone)
		v.add(l, c.saying(l))
	}
	v.People = c.actors(q.By, page.Lines)
	v.File = c.at(activityPath+"/csv") + v.query("")
	if page.Next != "" {
		v.Next = c.at(activityPath) + v.query(page.Next)
	}
	return c.page("activity", "activity.title", v)
}

// add puts a line under its day.
func (v *activityView) add(l audit.Line, text string) {
	n := len(v.Days)
	if n == 0 || v.Days[n-1].Day.YearDay() != l.Time.YearDay() || v.Days[n-1].Day.Year() != l.Time.Year() {
		v.Days = append(v.Days, activityDay{Day: l.Time})
		n++
	}
	day := &v.Days[n-1]
	day.Lines = append(day.Lines, activityLine{l.Time, text, l.Title, l.Refused, l.Emergency})
}

// saying is the sentence of a line without its time, which stands beside it. To
// who did it, it is told as one speaks to them.
func (c *call) saying(l audit.Line) string {
	if l.Actor == c.who.Address.Canonical() {
		return c.either(l.Yours())
	}
	text := c.either(l.FR, l.EN)
	_, said, ok := strings.Cut(text, ": ")
	if !ok {
		return text
	}
	return capital(said)
}

// actors lists those who did what a page shows, and the one who was chosen.
func (c *call) actors(chosen string, lines []audit.Line) (list []actorView) {
	seen := map[string]bool{c.who.Address.Canonical(): true, "": true, audit.SystemActor: true}
	add := func(address, name string) {
		if !seen[address] {
			seen[address] = true
			list = append(list, actorView{c.token(address), name, address == chosen})
		}
	}
	for _, l := range lines {
		if l.Role != policy.Administrator.String() {
			add(l.Actor, cmp.Or(l.ActorName, l.Actor))
		}
	}
	if chosen != "" && !seen[chosen] {
		add(chosen, c.words("activity.that-person"))
	}
	return list
}

// activityFile is all of it, for a spreadsheet.
func (c *call) activityFile() error {
	q, _ := c.asked()
	c.fileHead("activite.csv", "text/csv; charset=utf-8", false)
	out := c.begin()
	return c.finish(out, c.s.hub.ExportHistory(c.ctx(), c.who.Actor, c.record(), q, audit.CSV, out))
}
