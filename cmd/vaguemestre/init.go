package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vaguemestre/internal/blob/blobdir"
	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/vault/keyring"
)

// A founding says what kind of hub to make.
type founding struct {
	data          string // folder, empty or absent
	secrets       string // folder of the keys; empty: data/secrets
	domain        string
	patientDomain string
	testMode      bool
	operator      string // of the first operator
	postgres      string // what the configuration will say; empty: SQLite in data
	redis         string // likewise; empty: one process
	portBase      int    // ports are this + 465, 587, 993, 143
	host          string // to listen on
}

// The files of a hub.
const (
	hubKeyFile   = "hub.key"
	indexKeyFile = "index.key"
	rightsFile   = "rights.cert"
	escrowFile   = "escrow.cert"
	storeFile    = "hub.db"
	blobFolder   = "blobs"
	caFile       = "tls/ca.pem"
	chainFile    = "tls/server.pem"
	tlsKeyFile   = "tls/server.key"
	markFile     = "installation" // in the folder of the blobs
)

var erasureFiles = []string{"erasure.1", "erasure.2"}

// found makes a hub where there is none, and returns its configuration. The
// configuration file comes last: where it is, everything is.
func found(ctx context.Context, f founding) (*config.Config, error) {
	if f.secrets == "" {
		f.secrets = filepath.Join(f.data, "secrets")
	}
	for _, p := range []*string{&f.data, &f.secrets} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return nil, fmt.Errorf("init: %v: %w", err, fault.Unavailable)
		}
		*p = abs
	}
	if err := makeEmpty(f.data); err != nil {
		return nil, err
	}
	c := f.config()
	// A mistake in what was asked for is told before anything is made.
	text := c.Commented(f.data)
	if _, err := config.Parse(text, f.data); err != nil {
		return nil, err
	}
	if err := f.makeSecrets(c); err != nil {
		return nil, err
	}
	if err := makeEscrow(filepath.Join(f.data, "escrow"), c.Keys.Escrow); err != nil {
		return nil, err
	}
	if err := makeCertificate(c); err != nil {
		return nil, err
	}
	if _, err := addOperator(c.Operators, f.operator); err != nil {
		return nil, err
	}
	if err := makeStore(ctx, c); err != nil {
		return nil, err
	}
	if err := writeNew(filepath.Join(f.data, config.FileName), text, 0o600); err != nil {
		return nil, err
	}
	return config.Load(filepath.Join(f.data, config.FileName))
}

func (f founding) config() *config.Config {
	c := config.Default()
	at := func(name string) string { return filepath.Join(f.data, filepath.FromSlash(name)) }
	port := func(n int) []string { return []string{net.JoinHostPort(f.host, strconv.Itoa(f.portBase+n))} }
	c.Installation = strings.ToLower(rand.Text())
	c.Domain, c.PatientDomain, c.TestMode = f.domain, f.patientDomain, f.testMode
	c.Listen.SMTPS, c.Listen.Submission = port(465), port(587)
	c.Listen.IMAPS, c.Listen.IMAP = port(993), port(143)
	c.Listen.HTTPS = port(443)
	c.Listen.Admin, c.Operators, c.Checkpoints = at(c.Listen.Admin), at(c.Operators), at(c.Checkpoints)
	c.TLS = config.TLS{Certificate: at(chainFile), Key: at(tlsKeyFile)}
	c.Keys = config.Keys{
		Hub: filepath.Join(f.secrets, hubKeyFile), Rights: filepath.Join(f.secrets, rightsFile), Index: filepath.Join(f.secrets, indexKeyFile), Escrow: at(escrowFile),
	}
	for _, name := range erasureFiles {
		c.Keys.Erasure = append(c.Keys.Erasure, filepath.Join(f.secrets, name))
	}
	c.Store = config.Store{SQLite: at(storeFile)}
	if f.postgres != "" {
		c.Store = config.Store{Postgres: config.NewSecret(f.postgres)}
	}
	c.Redis = config.NewSecret(f.redis)
	c.Blobs = at(blobFolder)
	return c
}

// makeEmpty makes a folder, or takes one that is empty.
func makeEmpty(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("init: %v: %w", err, fault.Unavailable)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("init: %v: %w", err, fault.Unavailable)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" { // of a disk of its own
			return advise(fmt.Errorf("%s is not empty: %w", folder, fault.Exists),
				"Nothing is ever overwritten. Choose another folder, or, if a hub is there already, start it with `vaguemestre serve --data %s`.", folder)
		}
	}
	return nil
}

// makeSecrets makes the keys of the hub.
func (f founding) makeSecrets(c *config.Config) error {
	if err := os.MkdirAll(f.secrets, 0o700); err != nil {
		return fmt.Errorf("init: %v: %w", err, fault.Unavailable)
	}
	for _, path := range append([]string{c.Keys.Hub, c.Keys.Index}, c.Keys.Erasure...) {
		if _, err := os.Lstat(path); err == nil {
			return advise(fmt.Errorf("%s: %w", path, fault.Exists), "A key is never overwritten. Choose another folder with --secrets.")
		}
	}
	if err := keyring.NewRing().Save(c.Keys.Hub); err != nil {
		return err
	}
	if err := keyring.NewIndexKey().Save(c.Keys.Index); err != nil {
		return err
	}
	_, err := keyring.NewErasureSecrets(c.Keys.Erasure...)
	return err
}

// makeEscrow makes the key of the audit escrow in a folder that is to leave the
// machine. Only the certificate stays.
func makeEscrow(folder, certificate string) error {
	cert, err := keyring.MakeEscrow(folder)
	if err != nil {
		return err
	}
	return writeNew(certificate, cert.Marshal(), 0o644)
}

// makeCertificate makes a certificate to begin with.
func makeCertificate(c *config.Config) error {
	hosts := []string{c.Domain, "localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		hosts = append(hosts, name)
	}
	p, err := newPKI(clock(), hosts...)
	if err != nil {
		return err
	}
	folder := filepath.Dir(c.TLS.Certificate)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("init: %v: %w", err, fault.Unavailable)
	}
	return errors.Join(
		writeNew(filepath.Join(folder, filepath.Base(caFile)), p.ca, 0o644),
		writeNew(c.TLS.Certificate, p.chain, 0o644),
		writeNew(c.TLS.Key, p.key, 0o600))
}

// makeStore makes the store and the folder of the blobs, and marks both.
func makeStore(ctx context.Context, c *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	st, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	before := c.Keys
	before.Rights = "" // it is made here
	k, err := loadKeys(before, false)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	rights, err := hub.MakeRights(ctx, st, k.index, k.ring)
	if err == nil {
		err = markStore(ctx, st, c.Installation, k)
	}
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	if err := writeNew(c.Keys.Rights, rights.Marshal(), 0o644); err != nil {
		return err
	}
	return makeBlobs(c)
}

func makeBlobs(c *config.Config) error {
	b, err := blobdir.Open(c.Blobs)
	if err != nil {
		return err
	}
	return errors.Join(b.Close(), writeNew(filepath.Join(c.Blobs, markFile), []byte(c.Installation+"\n"), 0o600))
}

func initCommand() *cobra.Command {
	f := founding{}
	var ifAbsent bool
	cmd := &cobra.Command{
		Use:   "init --data DIR",
		Short: "make a new hub: folder, configuration, keys, first operator",
		Long: "Makes the data folder of a new hub, with a commented configuration file, the keys, a certificate to begin\n" +
			"with and a first operator. It overwrites nothing.",
		Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file := filepath.Join(f.data, config.FileName)
			if _, err := os.Stat(file); ifAbsent && err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "there is a hub already: %s\n", file)
				return nil
			}
			c, err := found(cmd.Context(), f)
			if err != nil {
				return err
			}
			f.farewell(cmd.OutOrStdout(), c)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.data, "data", "", "the data folder, absent or empty")
	flags.StringVar(&f.secrets, "secrets", "", "folder for the hub key, index key and erasure secrets; better not on the disk of the data (default DIR/secrets)")
	flags.StringVar(&f.domain, "domain", "hub.vaguemestre.test", "name of the hub")
	flags.StringVar(&f.patientDomain, "patient-domain", "patient.vaguemestre.test", "domain of the patients' addresses")
	flags.BoolVar(&f.testMode, "test-mode", false, "accept invented matricules")
	flags.StringVar(&f.operator, "operator", "admin", "name of the first operator, for the trail")
	flags.StringVar(&f.postgres, "postgres", "", `keep the records in PostgreSQL: a connection string, "file:PATH" or "env:NAME"`)
	flags.StringVar(&f.redis, "redis", "", `wake other hub processes over Redis: a URL, "file:PATH" or "env:NAME"`)
	flags.StringVar(&f.host, "host", "127.0.0.1", "IP address to listen on; 0.0.0.0 or :: for all")
	flags.BoolVar(&ifAbsent, "if-absent", false, "do nothing where a hub is already: for containers")
	flags.IntVar(&f.portBase, "port-base", 10000, "ports are this + 465, 587, 993, 143, 443; 0 gives the standard ports")
	needs(cmd, "data")
	return cmd
}

// farewell says what was made and what to do next.
func (f founding) farewell(w io.Writer, c *config.Config) {
	data := filepath.Dir(c.Path)
	fmt.Fprintf(w, `A hub is ready to start in %s

  configuration   %s
  keys            %s
  CA certificate  %s   (for mail clients; replace it by a real one in [tls])
  operator        %s, token in %s

Before real people use it:
  1. Copy %s to a safe place, away from the data and its backups.
     Whoever has it and the data reads everything; without it nobody ever reads anything.
  2. Move %s away: split it between two people, keep it offline. It reads every trail.
  3. Put a real certificate into [tls].

Start it:   vaguemestre serve --data %s
Then:       vaguemestre status --data %s
`,
		data, c.Path, filepath.Dir(c.Keys.Hub), filepath.Join(data, filepath.FromSlash(caFile)),
		f.operator, filepath.Join(c.Operators, f.operator+tokenSuffix),
		filepath.Dir(c.Keys.Hub), filepath.Join(data, "escrow"), data, data)
}
