package web

import (
	"bufio"
	"context"
	"errors"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/takeout"
)

// Taking everything away: one zip, written while it is read, for the holder of a
// space or whoever represents them, with a proof of who they are.

const (
	exportPath   = "/exporter"
	progressPath = exportPath + "/avancement"
	exportTime   = 12 * time.Hour // at most, for somebody far from the network
)

var exporting = []route{
	{path: exportPath, signed: true, get: (*call).exportPage, post: (*call).export},
	{path: progressPath, signed: true, get: (*call).exportProgress},
	{path: peoplePath + "/{record}" + exportPath, signed: true, get: (*call).exportPage, post: (*call).export},
	{path: peoplePath + "/{record}" + progressPath, signed: true, get: (*call).exportProgress},
}

// exporter opens a space to be taken away.
type exporter interface {
	Luggage(ctx context.Context, a hub.Actor, recordID string) (hub.Luggage, error)
	TakingOut(ctx context.Context, a hub.Actor, recordID string) (hub.Luggage, error)
	TakeOut(ctx context.Context, a hub.Actor, recordID string) (*hub.Takeout, error)
}

// exportView is what the page shows: how much there is, and how the last export
// ended or goes on.
type exportView struct {
	hub.Luggage
	Size     string
	Done, Of string
}

// Part is how much of an export that goes on has been sent, of a hundred.
func (v exportView) Part() int {
	if v.Last.Of == 0 {
		return 0
	}
	return int(min(100*v.Last.Done/v.Last.Of, 99)) // the trail comes last
}

func (c *call) exportView(l hub.Luggage) exportView {
	return exportView{l, c.size(l.Size), c.size(min(l.Last.Done, l.Last.Of)), c.size(l.Last.Of)}
}

// Cut reports whether the last export was not whole.
func (v exportView) Cut() bool { return !v.Going && !v.Last.Began.IsZero() && !v.Last.Whole }

func (c *call) exportPage() error {
	if !c.proved() {
		return c.mustProve(c.at(exportPath))
	}
	l, err := c.s.hub.Luggage(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return err
	}
	return c.page("export/export", "export.title", c.exportView(l))
}

// exportProgress is that page without what takes long to count: where a script
// looks now and then.
func (c *call) exportProgress() error {
	l, err := c.s.hub.TakingOut(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return err
	}
	return c.page("export/progress", "export.progress.title", c.exportView(l))
}

// export sends everything. It ends when nobody takes it any more: what is written
// then fails.
func (c *call) export() error {
	if err := c.takeTurn(allTurns); err != nil {
		return err
	}
	c.holds(0) // the door bounds how many there are
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx()), exportTime)
	defer cancel()
	t, err := c.s.hub.TakeOut(ctx, c.who.Actor, c.record())
	if err != nil {
		return c.after(err, c.at(exportPath), "")
	}
	c.fileHead(c.words("export.file", c.now().In(c.s.cfg.Zone).Format(time.DateOnly))+".zip", "application/zip", false)
	out := c.begin()
	buffered := bufio.NewWriterSize(out, 64<<10)
	_, err = takeout.Write(ctx, buffered, t, takeout.Options{Base: c.s.cfg.Base + "/fhir", Now: c.now(), Zone: c.s.cfg.Zone})
	if err == nil {
		err = buffered.Flush()
	}
	return c.finish(out, errors.Join(err, t.End(context.WithoutCancel(ctx), err == nil)))
}
