package web

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/hub"
)

// Activité: who did what in one's space, in sentences.

// teller tells people what happened in their space.
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
	Lines         []activityLine
	From, To      string
	Kind, Group   string
	Emergency     bool
	Kinds, Groups []string
	Next          string // address of the next page; "" after the last
	Filtered      bool
	First         bool
}

type activityLine struct {
	Text, Title        string
	Refused, Emergency bool
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
	q.Emergency = values.Get("urgence") == "yes"
	v.Emergency = q.Emergency
	if n, err := strconv.ParseUint(values.Get("avant"), 10, 63); err == nil && n > 0 {
		q.Before = strconv.FormatUint(n, 10)
	}
	v.First, v.Filtered = q.Before == "", v.From+v.To+v.Kind+v.Group != "" || v.Emergency
	return q, v
}

// address is that of a page of what is shown.
func (v activityView) address(before string) string {
	values := url.Values{"avant": {before}}
	for name, value := range map[string]string{"de": v.From, "a": v.To, "qui": v.Kind, "quoi": v.Group} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if v.Emergency {
		values.Set("urgence", "yes")
	}
	return activityPath + "?" + values.Encode()
}

func (c *call) activityPage() error {
	q, v := c.asked()
	page, err := c.s.hub.History(c.ctx(), c.who.Actor, c.record(), q)
	if err != nil {
		return err
	}
	for _, l := range page.Lines {
		v.Lines = append(v.Lines, activityLine{c.either(l.FR, l.EN), l.Title, l.Refused, l.Emergency})
	}
	if page.Next != "" {
		v.Next = v.address(page.Next)
	}
	return c.page("activity", "activity.title", v)
}

// activityFile is all of it, for a spreadsheet.
func (c *call) activityFile() error {
	h := c.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="activite.csv"`)
	started := &begun{ResponseWriter: c.w}
	err := c.s.hub.ExportHistory(c.ctx(), c.who.Actor, c.record(), hub.HistoryQuery{}, audit.CSV, started)
	if err != nil && started.yes {
		panic(http.ErrAbortHandler) // so that half a file does not look like a whole one
	}
	if err != nil {
		h.Del("Content-Disposition")
	}
	return err
}

// begun remembers whether anything was written.
type begun struct {
	http.ResponseWriter
	yes bool
}

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}
