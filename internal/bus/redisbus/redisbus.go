// Package redisbus wakes watchers in every process that shares a Redis, by
// plain publish and subscribe: one subscription per process, fanned out inside.
//
// All hints go through one channel; a message is "<process> <part>", where the
// process is a random name by which it knows its own. Redis sees no more, and
// keeps nothing. Watchers in the process that publishes are woken without it.
// While Redis is away hints to other processes are dropped; when the
// subscription is back every watcher is woken, because it may have missed one.
package redisbus

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"vaguemestre/internal/bus"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

const (
	channel    = "vaguemestre.hints"
	timeout    = 2 * time.Second  // for anything asked of Redis
	checkEvery = 15 * time.Second // a connection that says nothing is asked
	maxWaiting = 10_000           // partitions with a hint that Redis has not taken
)

// A Bus is a bus.Bus over Redis.
type Bus struct {
	fan    bus.Fan
	client *redis.Client
	sub    *redis.PubSub
	self   string
	log    *slog.Logger

	mu      sync.Mutex
	waiting map[store.Part]bool // published, not yet sent
	closed  bool

	more    chan struct{} // capacity 1: something is waiting, or closed
	running sync.WaitGroup
}

var _ bus.Bus = (*Bus)(nil)

// The client would write to standard error by itself, and its logger is one
// for the whole program; what matters is in the log that Open is given.
func init() { redis.SetLogger(silence{}) }

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// Open connects to the Redis that url names (redis://, rediss:// or unix://).
// A url that is not understood is fault.Invalid. A Redis that is away is not
// an error: it is logged, and the bus connects when it is back.
func Open(ctx context.Context, url string, log *slog.Logger) (*Bus, error) {
	opt, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redisbus: open: the url is not understood: %w", fault.Invalid)
	}
	opt.DialTimeout, opt.ReadTimeout, opt.WriteTimeout = timeout, timeout, timeout
	opt.PoolSize, opt.MaxRetries, opt.DialerRetries, opt.DisableIdentity = 2, -1, 1, true
	// Else the client asks servers for a feature that few have.
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

	client := redis.NewClient(opt)
	b := &Bus{
		client: client, sub: client.Subscribe(ctx, channel),
		self: rand.Text(), log: log,
		waiting: map[store.Part]bool{}, more: make(chan struct{}, 1),
	}
	subscribed := make(chan struct{})
	b.running.Go(func() { b.receive(subscribed) })
	b.running.Go(b.send)
	select {
	case <-subscribed:
	case <-ctx.Done():
		b.Close()
		return nil, ctx.Err()
	case <-time.After(timeout):
		log.Warn("bus away", "engine", "redis")
	}
	return b, nil
}

// receive wakes watchers as messages come, until the subscription is closed.
// The client subscribes anew when it has lost the connection.
func (b *Bus) receive(subscribed chan struct{}) {
	times := 0
	for msg := range b.sub.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(checkEvery), redis.WithChannelSize(1000)) {
		switch msg := msg.(type) {
		case *redis.Subscription:
			if times++; times == 1 {
				close(subscribed)
				continue
			}
			b.log.Info("bus back", "engine", "redis")
			b.fan.WakeAll()
		case *redis.Message:
			from, part, _ := strings.Cut(msg.Payload, " ")
			if from != b.self {
				b.fan.Wake(store.Part(part))
			}
		}
	}
}

// send passes on what is waiting, all of it in one round trip.
func (b *Bus) send() {
	away := false
	for range b.more {
		b.mu.Lock()
		parts, closed := b.waiting, b.closed
		b.waiting = map[store.Part]bool{}
		b.mu.Unlock()
		err := b.pass(parts)
		if err != nil && !away {
			b.log.Warn("bus away", "engine", "redis", "err", err)
		}
		away = err != nil
		if closed {
			return
		}
	}
}

func (b *Bus) pass(parts map[store.Part]bool) error {
	if len(parts) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for part := range parts {
			p.Publish(ctx, channel, b.self+" "+string(part))
		}
		return nil
	})
	return err
}

// Publish implements bus.Bus. It does not wait for Redis either; hints of one
// partition that wait to be sent are one.
func (b *Bus) Publish(_ context.Context, part store.Part) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("redisbus: closed: %w", fault.Unavailable)
	}
	b.fan.Wake(part)
	if len(b.waiting) >= maxWaiting && !b.waiting[part] {
		return fmt.Errorf("redisbus: publish: %w", fault.Unavailable)
	}
	b.waiting[part] = true
	b.ring()
	return nil
}

// ring makes send look.
func (b *Bus) ring() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// Watch implements bus.Bus.
func (b *Bus) Watch(part store.Part) (<-chan struct{}, func()) {
	return b.fan.Watch(part)
}

// Close implements bus.Bus. What is waiting is still sent, if Redis answers.
func (b *Bus) Close() error {
	b.mu.Lock()
	was := b.closed
	b.closed = true
	b.ring()
	b.mu.Unlock()
	if was {
		return nil
	}
	b.sub.Close()
	b.running.Wait()
	b.client.Close()
	return nil
}
