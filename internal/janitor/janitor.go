// Package janitor is the edge of time: it asks the hub, again and again, for
// what is due. Answers that could not be carried are carried, and notices leave;
// spaces live on as the law says, and documents show that waited for somebody;
// how far the trails have come is noted, and those past their time end; what
// mails and crashes left behind is swept.
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

// A Task is something that is to be done again and again.
type Task struct {
	Name   string // in the log and the metrics
	Every  time.Duration
	AtOnce bool                        // and when the hub starts: something may wait since a crash
	Do     func(context.Context) error // may be repeated, and interrupted
}

// Config is what a Janitor is made of beside its tasks.
type Config struct {
	Log     *slog.Logger          // default: discards
	Metrics prometheus.Registerer // default: counts are kept, but nobody sees them
}

// A Janitor looks after one hub.
type Janitor struct {
	tasks  []Task
	cfg    Config
	rounds *prometheus.CounterVec // task, result
}

// New returns a Janitor. It starts nothing.
func New(tasks []Task, cfg Config) *Janitor {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	j := &Janitor{tasks, cfg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "janitor_rounds_total", Help: "Rounds of housekeeping, by task and result.",
	}, []string{"task", "result"})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(j.rounds)
	}
	return j
}

// Run works until ctx ends, and returns nil when what was under way has
// stopped.
func (j *Janitor) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, t := range j.tasks {
		g.Go(func() error {
			if t.AtOnce {
				j.round(ctx, t)
			}
			return j.every(ctx, t)
		})
	}
	return g.Wait()
}

// every does a round each time a period has passed, give or take a tenth, so
// that hubs that start together do not work together.
func (j *Janitor) every(ctx context.Context, t Task) error {
	for {
		wait := t.Every - t.Every/20 + rand.N(t.Every/10+1)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
			j.round(ctx, t)
		}
	}
}

// round does one round. What fails will be tried again.
func (j *Janitor) round(ctx context.Context, t Task) {
	began := time.Now()
	err := t.Do(ctx)
	switch {
	case ctx.Err() != nil: // stopped in the middle
	case err != nil:
		j.rounds.WithLabelValues(t.Name, "failed").Inc()
		j.cfg.Log.Warn("janitor round failed", "task", t.Name, "err", err)
	default:
		j.rounds.WithLabelValues(t.Name, "ok").Inc()
		j.cfg.Log.Debug("janitor round", "task", t.Name, "took", time.Since(began).String())
	}
}
