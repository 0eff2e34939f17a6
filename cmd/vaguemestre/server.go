package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"vaguemestre/imapd"
	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/config"
	"vaguemestre/internal/courier"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/janitor"
	"vaguemestre/internal/listen"
	"vaguemestre/internal/oauth"
	"vaguemestre/smtpd"
	"vaguemestre/vault/keyring"
)

// clock is where the program takes its time from. Stories move it.
var clock = time.Now

// backstage adds to a server what only stories ask of it: nothing but a test sets
// it.
var backstage func(*server)

// A server is a whole hub in this process: engines, door, edges, ports.
// `serve`, the demo and the tests are all made of one.
type server struct {
	cfg     *config.Config
	log     *slog.Logger
	engines *engines
	hub     *hub.Hub
	cert    *listen.Certificate
	metrics *prometheus.Registry
	smtp    *smtpd.Server
	imap    *imapd.Server
	admin   *adminapi.Server
	web     *http.ServeMux // of the HTTPS port
	notices *courier.Courier
	janitor *janitor.Janitor
	ports   []*port // open, in the order of the configuration
	started time.Time
}

// options are what a configuration file does not say.
type options struct {
	sealed bool         // run without the hub key
	log    *slog.Logger // nil: as the configuration says, to standard error

	// Of the demo: what stands in for Pro Santé Connect at an address, and what
	// else is served there.
	provider func(base string) *oauth.Provider
	pages    map[string]func(base string) http.Handler
}

// newServer opens everything that cfg names: keys, engines, ports. It serves
// nothing yet; connections wait until Run. A server that is not run is closed.
func newServer(cfg *config.Config, o options) (*server, error) {
	s := &server{cfg: cfg, log: o.log, metrics: prometheus.NewRegistry(), started: clock()}
	if s.log == nil {
		s.log = newLog(cfg.Log, os.Stderr)
	}
	if err := s.open(o); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// open opens what the configuration names, in the order in which a start
// should fail: keys, certificate, engines, ports. Some of it may be open when
// it fails.
func (s *server) open(o options) error {
	cfg := s.cfg
	k, err := loadKeys(cfg.Keys, o.sealed)
	if err != nil {
		return err
	}
	if s.cert, err = listen.LoadCertificate(cfg.TLS.Certificate, cfg.TLS.Key); err != nil {
		return advise(err, "tls.certificate and tls.key in %s must name a PEM certificate chain and its key.", cfg.Path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	if s.engines, err = openEngines(ctx, cfg, k, s.log); err != nil {
		return err
	}
	zone, err := time.LoadLocation(cfg.TimeZone)
	if err != nil {
		return advise(err, "time_zone in %s is the name of a time zone, such as \"Europe/Paris\".", cfg.Path)
	}
	people, origins := webPeople(cfg.Web)
	if s.hub, err = hub.New(hub.Config{
		Store: s.engines.store, Blobs: s.engines.blobs, Bus: s.engines.bus,
		Index: k.index, Ring: k.ring, Rights: k.rights, Erasure: k.erasure, Escrow: k.escrow, Journal: cfg.Checkpoints, Wrapped: []hub.RingWrapped{{Part: markPart, Renew: renewMark}},
		Domain: cfg.Domain, PatientDomain: cfg.PatientDomain, TestMode: cfg.TestMode, Product: cfg.Product,
		WebDomain: people, WebOrigins: origins, SAMU: cfg.Professionals.SAMU, BlockSparesMail: cfg.Professionals.BlockSparesMail,
		Limits: hubLimits(cfg.Limits), Delays: delays(cfg.Life), Now: clock, Zone: zone, Log: s.log,
	}); err != nil {
		return err
	}
	if err := s.hub.LoadMatrix(ctx); err != nil {
		return advise(err, "The habilitation matrix that an operator applied cannot be used. Run this with the version of the program that applied it, or restore a backup.")
	}
	if err := s.hub.CheckSecrets(ctx); err != nil {
		return advise(err, "Put back the newest copy of the files that keys.erasure in %s names; `docs/ops/keys.md` says where to look.", cfg.Path)
	}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.smtp = smtpd.New(s.hub, smtpd.Config{
		Domain: cfg.Domain, PatientDomain: cfg.PatientDomain, TLS: s.cert.Config(),
		Limits: smtpLimits(cfg.Limits), Log: s.log, Metrics: s.metrics,
	})
	s.imap = imapd.New(imapd.Door(s.hub), s.imapConfig())
	s.admin = adminapi.New(desk{s.hub, s}, adminapi.Config{Operators: operatorFile(cfg), Log: s.log})
	if s.notices, err = s.newCourier(); err != nil {
		return err
	}
	s.janitor = s.newJanitor()
	s.web = http.NewServeMux()
	if err := s.openPorts(); err != nil {
		return err
	}
	if err := s.openWeb(o); err != nil {
		return err
	}
	if backstage != nil {
		backstage(s)
	}
	return nil
}

// newJanitor gives the janitor what time does in a hub.
func (s *server) newJanitor() *janitor.Janitor {
	every := s.cfg.Janitor
	return janitor.New([]janitor.Task{
		{Name: "outbox", Every: every.Outbox, AtOnce: true, Do: s.hub.CarryAll},
		{Name: "departures", Every: time.Second, AtOnce: true, Do: s.hub.DueDepartures},
		{Name: "notices", Every: every.Notices, AtOnce: true, Do: unlessSealed(s.hub, s.notices.Round)},
		{Name: "checkpoint", Every: every.Checkpoint, Do: s.hub.Checkpoint},
		{Name: "matrix", Every: every.Outbox, Do: s.hub.LoadMatrix},
		{Name: "life", Every: every.Life, Do: s.hub.LiveOn},
		{Name: "announcements", Every: every.Life, Do: unlessSealed(s.hub, s.announce)},
		{Name: "trails", Every: every.Sweep, Do: s.hub.ExpireTrails},
		{Name: "sweep", Every: every.Sweep, Do: s.hub.Sweep},
	}, janitor.Config{Log: s.log, Metrics: s.metrics})
}

// announce tells patients of documents that wait for somebody to announce them,
// and shows those that have waited long enough.
func (s *server) announce(ctx context.Context) error {
	told, shown, err := s.hub.DueAnnouncements(ctx)
	if told+shown > 0 {
		s.log.Info("documents that waited to be announced", "told", told, "shown", shown)
	}
	return err
}

// unlessSealed leaves to another process what this one cannot do.
func unlessSealed(h *hub.Hub, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if h.Sealed() {
			return nil
		}
		return do(ctx)
	}
}

// startTime bounds what starting waits for: a database, a bus.
const startTime = 20 * time.Second

// gcPercent is half of Go's default: what lives long here is sessions that do
// nothing, and their memory counts more than the collector's time.
const gcPercent = 50

// Run serves until ctx ends or a port fails, and calls ready once, when every
// port has answered. It returns when everything has stopped and is closed: nil
// after the end of ctx.
func (s *server) Run(ctx context.Context, ready func()) error {
	defer s.close()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range s.ports {
		g.Go(func() error {
			if err := p.serve(ctx, p.listener); err != nil {
				return fmt.Errorf("%s: %w", p.key, err)
			}
			return nil
		})
	}
	g.Go(func() error { return s.janitor.Run(ctx) })
	g.Go(func() error {
		if err := s.probe(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // stopped while it started
			}
			return err
		}
		s.log.Info("ready", "sealed", s.hub.Sealed(), "ports", s.addresses(), "took", clock().Sub(s.started).Round(time.Millisecond).String())
		ready()
		return nil
	})
	err := g.Wait()
	s.lastCheckpoint(ctx)
	if err != nil {
		s.log.Error("stopped", "err", err)
		return err
	}
	s.log.Info("stopped")
	return nil
}

// lastCheckpoint notes what happened since the janitor's last round.
func (s *server) lastCheckpoint(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTime)
	defer cancel()
	if err := s.hub.Checkpoint(ctx); err != nil {
		s.log.Error("checkpoint not written", "err", err)
	}
}

// reload reads the certificate again.
func (s *server) reload() {
	if err := s.cert.Reload(); err != nil {
		s.log.Error("certificate not reloaded, the old one stays", "err", err)
		return
	}
	s.log.Info("certificate reloaded", "expires", s.cert.Leaf().NotAfter)
}

// close releases what is open. It may be called more than once.
func (s *server) close() {
	for _, p := range s.ports {
		p.listener.Close()
	}
	s.ports = nil
	if s.imap != nil {
		s.imap.Close()
		s.imap = nil
	}
	if s.engines != nil {
		if err := s.engines.close(); err != nil {
			s.log.Error("engines not closed well", "err", err)
		}
		s.engines = nil
	}
}

// A keys is what a process holds of the keys.
type keys struct {
	ring    *keyring.Ring
	erasure *keyring.ErasureSecrets
	index   *keyring.IndexKey
	escrow  *keyring.Cert
	rights  keyring.RightsVerifier
}

// loadKeys reads the keys; the hub key and the erasure secrets only in a
// process that opens things.
func loadKeys(c config.Keys, sealed bool) (k keys, err error) {
	if k.index, err = keyring.LoadIndexKey(c.Index); err != nil {
		return k, adviseKey(err, "index key", "Without it no mailbox is found. Put it back from your safe copy, or correct keys.index.")
	}
	b, err := os.ReadFile(c.Escrow)
	if err == nil {
		k.escrow, err = keyring.ParseCert(b)
	}
	if err != nil {
		return k, advise(fmt.Errorf("certificate of the audit escrow: %w", err),
			"keys.escrow must name the file that init wrote. It is no secret: copy it back from a backup of the folder.")
	}
	if c.Rights != "" {
		b, err := os.ReadFile(c.Rights)
		if err == nil {
			k.rights, err = keyring.ParseRightsVerifier(b)
		}
		if err != nil {
			return k, advise(fmt.Errorf("certificate of the rights: %w", err),
				"keys.rights must name the file that init wrote. It is no secret: copy it back from a backup of the folder of the keys.")
		}
	}
	if sealed {
		return k, nil
	}
	if k.ring, err = keyring.LoadRing(c.Hub); err != nil {
		return k, adviseKey(err, "hub key",
			"Put it back from your safe copy, or correct keys.hub. Until then `serve --sealed` takes mail in and opens nothing.")
	}
	if k.erasure, err = keyring.OpenErasureSecrets(c.Erasure...); err != nil {
		return k, adviseKey(err, "erasure secrets",
			"Put back the newest copy you have, never an old one: it would bring back the erased. `serve --sealed` runs without.")
	}
	return k, nil
}

// adviseKey words the error of a key file.
func adviseKey(err error, what, missing string) error {
	if errors.Is(err, fault.NotFound) {
		return advise(fmt.Errorf("the %s is missing: %w", what, err), "%s", missing)
	}
	return advise(fmt.Errorf("the %s cannot be used: %w", what, err), "The file must belong to the user who runs the hub and have mode 0600.")
}
