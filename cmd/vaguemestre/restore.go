package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"vaguemestre/internal/blob/blobdir"
	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A restoration says what to fill an empty place with: the data of a backup,
// and the secrets as they are now. An old copy of those would bring back whom
// somebody erased since.
type restoration struct {
	from     string
	data     string
	secrets  string
	operator string
	postgres string // what the configuration will say; empty: SQLite in data

	erased int // owners who had been erased since the backup
}

func restoreCommand() *cobra.Command {
	r := restoration{}
	cmd := &cobra.Command{
		Use:   "restore --from BACKUP --data NEW --secrets DIR",
		Short: "fill an empty place from a backup and the current keys",
		Long: "Makes a new data folder from a backup and the keys as they are now, and a configuration for it. It runs without a\n" +
			"hub and overwrites nothing. The hub gets a new certificate and a new operator's token.",
		Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.restore(cmd.Context())
			if err != nil {
				return err
			}
			r.farewell(cmd.OutOrStdout(), c)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.from, "from", "", "the folder that the verb backup made")
	f.StringVar(&r.data, "data", "", "the new data folder, absent or empty")
	f.StringVar(&r.secrets, "secrets", "", "folder of the hub key, the index key and the current erasure secrets; they are used where they are")
	f.StringVar(&r.operator, "operator", "admin", "name of the first operator, for the trail")
	f.StringVar(&r.postgres, "postgres", "", `restore the records into an empty PostgreSQL database: a connection string, "file:PATH" or "env:NAME"`)
	needs(cmd, "from", "data", "secrets")
	return cmd
}

func (r *restoration) restore(ctx context.Context) (*config.Config, error) {
	for _, p := range []*string{&r.from, &r.data, &r.secrets} {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return nil, fmt.Errorf("restore: %v: %w", err, fault.Unavailable)
		}
		*p = abs
	}
	old, err := config.Load(filepath.Join(r.from, config.FileName))
	if err != nil {
		return nil, advise(fmt.Errorf("restore: %s is not a whole backup: %w", r.from, err),
			"A backup that was cut short has no configuration file. Take the one before.")
	}
	c := r.config(old)
	escrowElsewhere := c.Keys
	escrowElsewhere.Escrow = old.Keys.Escrow
	k, err := loadKeys(escrowElsewhere, false) // before anything is written
	if err != nil {
		return nil, fmt.Errorf("restore: with --secrets %s: %w", r.secrets, err)
	}
	if err := makeEmpty(r.data); err != nil {
		return nil, err
	}
	if err := r.fill(ctx, c, old, k); err != nil {
		return nil, advise(fmt.Errorf("restore: %w", err), "Remove %s, and begin again.", r.data)
	}
	return config.Load(filepath.Join(r.data, config.FileName))
}

// config is the configuration of the new place: that of the old one, where it
// does not speak of places.
func (r *restoration) config(old *config.Config) *config.Config {
	c := *old
	f := founding{data: r.data, secrets: r.secrets, postgres: r.postgres}
	fresh := f.config()
	c.Keys, c.Store, c.Blobs, c.TLS = fresh.Keys, fresh.Store, fresh.Blobs, fresh.TLS
	c.Listen.Admin, c.Operators, c.Checkpoints = fresh.Listen.Admin, fresh.Operators, fresh.Checkpoints
	return &c
}

// fill writes everything into the new place, the configuration last.
func (r *restoration) fill(ctx context.Context, c, old *config.Config, k keys) error {
	st, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	err = st.Restore(ctx, old.Store.SQLite)
	if err == nil {
		err = checkMark(ctx, st, c, k)
	}
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	if err := makeBlobs(c); err != nil {
		return err
	}
	if err := restoreBlobs(ctx, c.Blobs, old.Blobs); err != nil {
		return err
	}
	if err := copyFile(c.Checkpoints, old.Checkpoints); err != nil {
		return err
	}
	cert, err := os.ReadFile(old.Keys.Escrow)
	if err != nil {
		return fmt.Errorf("%v: %w", err, fault.NotFound)
	}
	if err := writeNew(c.Keys.Escrow, cert, 0o644); err != nil {
		return err
	}
	if err := r.eraseAgain(ctx, c, k); err != nil {
		return err
	}
	if err := makeCertificate(c); err != nil {
		return err
	}
	if _, err := addOperator(c.Operators, r.operator); err != nil {
		return err
	}
	return writeNew(filepath.Join(r.data, config.FileName), c.Commented(r.data), 0o600)
}

// eraseAgain erases those whom the current secrets no longer know: the backup
// is from before.
func (r *restoration) eraseAgain(ctx context.Context, c *config.Config, k keys) (err error) {
	quiet := slog.New(slog.DiscardHandler)
	e, err := openEngines(ctx, c, k, quiet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	h, err := hub.New(hub.Config{
		Store: e.store, Blobs: e.blobs, Bus: e.bus,
		Index: k.index, Ring: k.ring, Erasure: k.erasure, Rights: k.rights, Escrow: k.escrow, Journal: c.Checkpoints,
		Domain: c.Domain, PatientDomain: c.PatientDomain, TestMode: c.TestMode,
		Limits: hubLimits(c.Limits), Now: clock, Log: quiet,
	})
	if err != nil {
		return err
	}
	if r.erased, err = h.EraseAgain(ctx, "restore by "+r.operator); err != nil || r.erased == 0 {
		return err
	}
	return h.Checkpoint(ctx)
}

func restoreBlobs(ctx context.Context, to, from string) error {
	src, err := blobdir.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := blobdir.Open(to)
	if err != nil {
		return err
	}
	_, _, err = copyBlobs(ctx, dst, src)
	return errors.Join(err, dst.Close())
}

func (r *restoration) farewell(w io.Writer, c *config.Config) {
	fmt.Fprintf(w, `Restored into %s

  configuration   %s   (read it: addresses and ports are those of the old place)
  keys            %s   (used where they are)
  certificate     new; put the real one into [tls]
  operator        %s, token in %s
  erased again    %d, who had been erased since the backup

Start it:   vaguemestre serve --data %s
Then:       vaguemestre verify --data %s
`, r.data, c.Path, r.secrets, r.operator, filepath.Join(c.Operators, r.operator+tokenSuffix), r.erased, r.data, r.data)
}
