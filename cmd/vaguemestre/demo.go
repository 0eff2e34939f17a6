package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
)

// A demo is a hub of this process with invented people and a month of mail,
// which it sends through its own ports. Parts of it:
//
//	demo_people.go    who is there
//	demo_accounts.go  how they get their mailboxes and passwords
//	demo_story.go     the mails; demo_cda.go and demo_pdf.go what they carry
//	demo_send.go      how the mails are sent, and flags set
//	demo_welcome.go   what a newcomer reads
type demo struct {
	folder        string // of the data; empty: a new one, removed at the end
	portBase      int
	patients      int // beyond the cast
	professionals int

	passing bool // the folder is removed at the end
	out     io.Writer
	progress
}

func demoCommand() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "show a hub: invented people, a month of mail, ports on this machine",
		Long: "Makes a hub on this machine with invented people, sends a small story of real mails through its own SMTP port,\n" +
			"and tells who is who and what to try. Everything is removed at the end, unless --data names a folder to keep;\n" +
			"started again on the same folder, the demo continues.",
		Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.out, d.progress = cmd.OutOrStdout(), progress{cmd.ErrOrStderr(), time.Now()}
			return d.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&d.folder, "data", "", "keep the data in this folder, or continue with what is there")
	f.IntVar(&d.portBase, "port-base", 10000, "ports are this + 465 and 587 (SMTP), 993 and 143 (IMAP), 443 (HTTPS)")
	f.IntVar(&d.patients, "patients", 0, "so many more patients, always the same ones")
	f.IntVar(&d.professionals, "professionals", 0, "so many more professionals")
	return cmd
}

// A progress tells a person what is being done, beside the output proper.
type progress struct {
	to    io.Writer
	since time.Time
}

func (p progress) say(fr, en string) {
	fmt.Fprintf(p.to, "%5.1f s  %s / %s\n", time.Since(p.since).Seconds(), fr, en)
}

// run makes the hub, or opens the one that is there, and serves until ctx ends.
func (d *demo) run(ctx context.Context) (err error) {
	if err := d.check(ctx); err != nil {
		return err
	}
	if d.folder == "" {
		if d.folder, err = os.MkdirTemp("", "vaguemestre-demo-"); err != nil {
			return fmt.Errorf("demo: %v: %w", err, fault.Unavailable)
		}
		d.passing = true
		defer func() { err = errors.Join(err, os.RemoveAll(d.folder)) }()
	}
	if d.folder, err = filepath.Abs(d.folder); err != nil {
		return fmt.Errorf("demo: %v: %w", err, fault.Unavailable)
	}
	c, err := d.open(ctx)
	if err != nil {
		return err
	}
	people := population(d.patients, d.professionals)
	o, err := d.withProvider(options{log: slog.New(slog.NewTextHandler(d.to, &slog.HandlerOptions{Level: slog.LevelWarn}))}, people)
	if err != nil {
		return err
	}
	s, err := newServer(c, o)
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // the server stops when the demo has tidied up
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(running, func() { close(ready) }) })
	g.Go(func() error {
		defer stop()
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
		people, err := d.play(ctx, s, people)
		if err == nil {
			<-ctx.Done()
		}
		if ctx.Err() != nil {
			err = nil // stopped meanwhile: started again, it continues
		}
		return errors.Join(err, endTokens(running, s.hub, people))
	})
	err = g.Wait()
	d.say("arrêté", "stopped")
	return err
}

// check refuses what cannot be done before anything is made.
func (d *demo) check(ctx context.Context) error {
	if min(d.patients, d.professionals) < 0 || max(d.patients, d.professionals) > mostMore {
		return fmt.Errorf("demo: --patients and --professionals go from 0 to %d: %w", mostMore, errUsage)
	}
	if d.portBase < 0 || d.portBase > mostPortBase {
		return fmt.Errorf("demo: --port-base goes from 0 to %d: %w", mostPortBase, errUsage)
	}
	taken := takenPort(ctx, d.portBase)
	if taken == 0 {
		return nil
	}
	err := fmt.Errorf("le port %d est pris / port %d is taken: %w", taken, taken, fault.Unavailable)
	for other := d.portBase%10000 + 10000; other <= mostPortBase; other += 1000 {
		if takenPort(ctx, other) == 0 {
			return advise(err, "Essayez / try: vaguemestre demo --port-base %d", other)
		}
	}
	return err
}

// The ports of a demo, above its base.
const (
	smtpsPort      = 465
	submissionPort = 587
	imapsPort      = 993
	imapPort       = 143
	httpsPort      = 443

	mostPortBase = 65535 - imapsPort
)

// takenPort returns the first port above a base that cannot be listened on, 0
// if all can.
func takenPort(ctx context.Context, base int) int {
	for _, p := range []int{smtpsPort, submissionPort, imapsPort, imapPort, httpsPort} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(base+p))
		if err != nil {
			return base + p
		}
		l.Close()
	}
	return 0
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// outboxFolder is where the demo keeps the notices that would leave it.
const outboxFolder = "outbox"

// caName is the certificate that clients of the demo have to trust.
const caName = "ca.pem"

// open makes the hub of the folder, or finds the one of an earlier demo.
func (d *demo) open(ctx context.Context) (*config.Config, error) {
	c, err := config.Load(filepath.Join(d.folder, config.FileName))
	switch {
	case errors.Is(err, fault.NotFound):
		c, err = found(ctx, founding{
			data: d.folder, domain: demoDomain, patientDomain: demoPatientDomain, testMode: true,
			operator: demoOperator, host: "127.0.0.1", portBase: d.portBase,
		})
	case err == nil && (c.Domain != demoDomain || !c.TestMode):
		err = advise(fmt.Errorf("%s holds a hub that is no demo: %w", d.folder, fault.Denied),
			"`vaguemestre serve --data %s` runs it. The demo wants a folder of its own.", d.folder)
	}
	if err != nil {
		return nil, err
	}
	at := func(port int) []string { return []string{loopback(d.portBase + port)} }
	c.Listen.SMTPS, c.Listen.Submission = at(smtpsPort), at(submissionPort)
	c.Listen.IMAPS, c.Listen.IMAP = at(imapsPort), at(imapPort)
	c.Listen.HTTPS = at(httpsPort)
	c.Web.Support = "ceci est une démonstration, personne ne répond / this is a demo, nobody answers"
	c.Web.Base = strings.TrimSuffix(fmt.Sprintf("https://localhost:%d", d.portBase+httpsPort), ":443") // passkeys are bound to it
	c.Janitor.Notices = 100 * time.Millisecond
	c.Notices.Folder = filepath.Join(d.folder, outboxFolder)
	c.Limits.ConnectionsPerAddress = c.Limits.Connections // all come from loopback
	ca, err := os.ReadFile(filepath.Join(d.folder, filepath.FromSlash(caFile)))
	if err == nil {
		err = os.WriteFile(filepath.Join(d.folder, caName), ca, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("demo: %v: %w", err, fault.Unavailable)
	}
	return c, nil
}

// play fills the hub, sends the story and says who is who, as far as that has
// not been done by an earlier demo. It returns everybody who is there.
func (d *demo) play(ctx context.Context, s *server, people []person) ([]person, error) {
	known, err := readAccounts(d.folder)
	if err != nil {
		return people, err
	}
	people, missing := reconcile(people, known)
	if missing > 0 {
		d.say(fmt.Sprintf("création de %d boîtes", missing), fmt.Sprintf("making %d mailboxes", missing))
		if err := enrol(ctx, s.hub, people); err != nil {
			return people, err
		}
	}
	if err := errors.Join(insure(ctx, s.hub), share(ctx, s.hub)); err != nil {
		return people, err
	}
	if err := giveTokens(ctx, s.hub, people); err != nil {
		return people, err
	}
	if err := writeAccounts(d.folder, people); err != nil {
		return people, err
	}
	if err := d.tell(ctx, s, people); err != nil {
		return people, err
	}
	_, err = io.WriteString(d.out, d.welcome(people)+"ready\n")
	return people, err
}

// A chapter is how far the story is told: storyFile, as JSON. The mails are
// dated back from Now.
type chapter struct {
	Now  time.Time
	Sent int  // mails, from the first on
	Told bool // and what their readers did
}

const storyFile = "story.json"

func (d *demo) readChapter() (c chapter, err error) {
	b, err := os.ReadFile(filepath.Join(d.folder, storyFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return chapter{Now: clock().Truncate(time.Second)}, nil
	case err != nil:
		return c, fmt.Errorf("demo: %v: %w", err, fault.Unavailable)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("demo: %s: %v: %w", storyFile, err, fault.Corrupt)
	}
	return c, nil
}

func (d *demo) writeChapter(c chapter) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(d.folder, storyFile), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// tell sends what is left of the story, and then does what its readers did. A
// mail that an interruption left in doubt is sent again with the same bytes:
// filing twice is filing once.
func (d *demo) tell(ctx context.Context, s *server, people []person) error {
	at, err := d.readChapter()
	if err != nil || at.Told {
		return err
	}
	if err := d.writeChapter(at); err != nil {
		return err
	}
	if err := d.settle(ctx, s.hub, people); err != nil {
		return err
	}
	letters, err := demoStory(at.Now)
	if err != nil {
		return err
	}
	d.say(fmt.Sprintf("envoi de %d messages par SMTP", len(letters)-at.Sent), fmt.Sprintf("sending %d mails by SMTP", len(letters)-at.Sent))
	c, err := d.trusting(s.address("listen.smtps"), s.address("listen.imaps"))
	if err != nil {
		return err
	}
	passwords := map[string]string{}
	for _, p := range people {
		passwords[p.address] = p.password
	}
	for _, l := range letters[min(at.Sent, len(letters)):] {
		if err := post(ctx, c, l, passwords); err != nil {
			return fmt.Errorf("demo: mail %s of the story: %w", l.id, err)
		}
		at.Sent++
		if err := d.writeChapter(at); err != nil {
			return err
		}
	}
	for reader, flags := range readings(letters) {
		if err := c.flag(ctx, reader, passwords[reader], flags); err != nil {
			return fmt.Errorf("demo: flags of the story: %w", err)
		}
	}
	if err := chosen(ctx, s.hub, people); err != nil {
		return fmt.Errorf("demo: choices of the patients: %w", err)
	}
	at.Told = true
	return d.writeChapter(at)
}

// post sends one letter, and keeps it as a mail program does.
func post(ctx context.Context, c client, l *letter, passwords map[string]string) error {
	mail, err := l.compose()
	if err != nil {
		return err
	}
	var to []string
	for _, p := range slices.Concat(l.to, l.cc) {
		to = append(to, p.address)
	}
	password := passwords[l.from.address]
	if err := c.send(ctx, l.from.address, password, to, mail); err != nil || l.from.role == roleApplication {
		return err
	}
	return c.keep(ctx, l.from.address, password, "<"+l.messageID()+">", mail)
}

// readings are the flags that readers have set, by their address and the
// Message-ID.
func readings(letters []*letter) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, l := range letters {
		for _, r := range l.since {
			if all[r.reader.address] == nil {
				all[r.reader.address] = map[string]string{}
			}
			all[r.reader.address]["<"+l.messageID()+">"] = r.flags
		}
	}
	return all
}

// trusting returns a client that trusts the demo's CA and nobody else.
func (d *demo) trusting(smtps, imaps string) (client, error) {
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(filepath.Join(d.folder, caName))
	if err != nil || !pool.AppendCertsFromPEM(ca) {
		return client{}, fmt.Errorf("demo: %s cannot be used: %w", caName, fault.Invalid)
	}
	return client{&tls.Config{RootCAs: pool, ServerName: "localhost"}, smtps, imaps}, nil
}
