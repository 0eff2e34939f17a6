// Package courier is the edge through which notices leave the hub: by a mail
// relay that takes them (a smarthost), by a gateway for text messages, or, where
// nobody real is to be told, into a folder.
//
// It decides nothing: what is said to whom, through which channel and until
// when, comes from the hub. A notice that was not taken is handed back with its
// cause, and comes again later. One that was taken just before a crash may be
// sent twice, never none.
package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A Hub is what the courier asks of the hub.
type Hub interface {
	// DueNotices hands out notices that are due, and keeps them from others
	// for a while.
	DueNotices(ctx context.Context, max int) ([]hub.Outgoing, error)

	// NoticeSent says that a notice was taken.
	NoticeSent(ctx context.Context, id string) error

	// NoticeFailed says that it was not. A cause that is fault.Invalid is for
	// ever.
	NoticeFailed(ctx context.Context, id string, cause error) error
}

// A Carrier takes a notice to its channel. Its error is fault.Invalid where the
// address takes nothing, now or later, and any other kind where it may yet.
type Carrier interface {
	Carry(ctx context.Context, o hub.Outgoing) error
}

// Config is what a Courier is made of.
type Config struct {
	Carriers map[hub.Channel]Carrier // a channel without one keeps its notices until they are too late
	Log      *slog.Logger            // default: discards
	Metrics  prometheus.Registerer   // default: counts are kept, but nobody sees them
}

// A Courier carries the notices of one hub.
type Courier struct {
	hub     Hub
	cfg     Config
	carried *prometheus.CounterVec // channel, result
}

// New returns a Courier. It starts nothing.
func New(h Hub, cfg Config) *Courier {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Courier{h, cfg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "notices_total", Help: "Notices to people, by channel and result.",
	}, []string{"channel", "result"})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(c.carried)
	}
	return c
}

const (
	atOnce  = 4   // notices on their way at a time
	atATime = 100 // notices asked for at a time
)

// Round carries what is due. Its error says that the hub could not be asked; a
// notice that is not taken is none.
func (c *Courier) Round(ctx context.Context) error {
	due, err := c.hub.DueNotices(ctx, atATime)
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, o := range due {
		g.Go(func() error { return c.carry(ctx, o) })
	}
	return errors.Join(err, g.Wait())
}

func (c *Courier) carry(ctx context.Context, o hub.Outgoing) error {
	cause := c.hand(ctx, o)
	if ctx.Err() != nil {
		return ctx.Err() // it comes again
	}
	if cause == nil {
		c.carried.WithLabelValues(string(o.Channel), "sent").Inc()
		return c.hub.NoticeSent(ctx, o.ID)
	}
	c.carried.WithLabelValues(string(o.Channel), "failed").Inc()
	c.cfg.Log.Warn("notice not taken", "channel", o.Channel, "kind", o.Kind, "err", cause)
	return c.hub.NoticeFailed(ctx, o.ID, cause)
}

func (c *Courier) hand(ctx context.Context, o hub.Outgoing) error {
	carrier := c.cfg.Carriers[o.Channel]
	if carrier == nil {
		return fmt.Errorf("courier: nobody carries notices by %s: %w", o.Channel, fault.Unavailable)
	}
	return carrier.Carry(ctx, o)
}
