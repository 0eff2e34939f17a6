// Package janitor is the edge of time: it asks the hub, again and again, for
// what is due. Answers that could not be carried are carried; how far the trails
// have come is noted; what mails and crashes left behind is swept.
//
// It decides nothing and keeps nothing: a janitor that is killed has lost
// nothing, and two at work do no harm.
package janitor

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// A Hub is what the janitor asks of the hub. Each call may be repeated.
type Hub interface {
	// CarryAll takes answers that wait to where they go.
	CarryAll(ctx context.Context) error

	// Checkpoint notes how far the trails have come.
	Checkpoint(ctx context.Context) error

	// Sweep removes what time has made needless.
	Sweep(ctx context.Context) error
}

// Config says how often. All times are needed.
type Config struct {
	Outbox     time.Duration
	Checkpoint time.Duration
	Sweep      time.Duration
	Log        *slog.Logger          // default: discards
	Metrics    prometheus.Registerer // default: counts are kept, but nobody sees them
}

// A Janitor looks after one hub.
type Janitor struct {
	hub    Hub
	cfg    Config
	rounds *prometheus.CounterVec // task, result
}

// New returns a Janitor. It starts nothing.
func New(h Hub, cfg Config) *Janitor {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	j := &Janitor{h, cfg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "janitor_rounds_total", Help: "Rounds of housekeeping, by task and result.",
	}, []string{"task", "result"})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(j.rounds)
	}
	return j
}

// Run works until ctx ends, and returns nil when what was under way has
// stopped. The outbox is looked after at once: answers may wait since a crash.
func (j *Janitor) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error {
		j.round(ctx, "outbox", j.hub.CarryAll)
		return j.every(ctx, j.cfg.Outbox, "outbox", j.hub.CarryAll)
	})
	g.Go(func() error { return j.every(ctx, j.cfg.Checkpoint, "checkpoint", j.hub.Checkpoint) })
	g.Go(func() error { return j.every(ctx, j.cfg.Sweep, "sweep", j.hub.Sweep) })
	return g.Wait()
}

// every does a round each time a period has passed, give or take a tenth, so
// that hubs that start together do not work together.
func (j *Janitor) every(ctx context.Context, period time.Duration, task string, work func(context.Context) error) error {
	for {
		wait := period - period/20 + rand.N(period/10+1)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
			j.round(ctx, task, work)
		}
	}
}

// round does one round. What fails will be tried again.
func (j *Janitor) round(ctx context.Context, task string, work func(context.Context) error) {
	began := time.Now()
	err := work(ctx)
	switch {
	case ctx.Err() != nil: // stopped in the middle
	case err != nil:
		j.rounds.WithLabelValues(task, "failed").Inc()
		j.cfg.Log.Warn("janitor round failed", "task", task, "err", err)
	default:
		j.rounds.WithLabelValues(task, "ok").Inc()
		j.cfg.Log.Debug("janitor round", "task", task, "took", time.Since(began).String())
	}
}
