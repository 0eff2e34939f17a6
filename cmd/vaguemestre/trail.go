package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/vault/keyring"
)

// exportTrailCommand writes trails as they are kept: sealed.
func exportTrailCommand(a *asker) *cobra.Command {
	var in adminapi.TrailRequest
	var from, to, out string
	cmd := &cobra.Command{
		Use: "export --out FILE --reference TEXT", Short: "write trails for a legal request, sealed: only the escrow opens them", Args: args(0),
		Long: "Writes the trail of one mailbox, or of all, for a time, into a file that says nothing to whoever writes it. Those who\n" +
			"hold the parts of the audit escrow open it, away from the hub, with `audit open`. The trail notes the request.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if in.From, err = readDay(from); err == nil {
				in.To, err = readDay(to)
			}
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("audit export: %v: %w", err, fault.Exists)
			}
			n, err := c.ExportTrail(cmd.Context(), in, f)
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				os.Remove(out)
				return fmt.Errorf("audit export: %w", err)
			}
			return a.show(cmd.OutOrStdout(), n, func(w io.Writer) {
				fmt.Fprintf(w, "%s, %s in %s, signed by\n%s\n", counted(n.Trails, "trail"), counted(n.Entries, "entry"), out, n.Public)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Address, "of", "", "address or matricule; without, every trail of the hub")
	f.StringVar(&from, "from", "", "first day, 2026-01-31")
	f.StringVar(&to, "to", "", "the day after the last")
	f.StringVar(&out, "out", "", "file to write; it must not be there yet")
	f.StringVar(&in.Reference, "reference", "", "of the legal request, for the trail")
	needs(cmd, "out", "reference")
	return cmd
}

// openTrailCommand opens what exportTrailCommand wrote. It asks no hub: the
// escrow is kept away from it.
func openTrailCommand() *cobra.Command {
	var folders []string
	var filter audit.Filter
	var from, to, format, public, out string
	cmd := &cobra.Command{
		Use: "open FILE --escrow DIR --out FILE", Short: "verify and open exported trails with the audit escrow, away from the hub", Args: args(1),
		Long: "Needs all three files of the escrow, each from whoever holds it: name their folders with --escrow, once for each. Where\n" +
			"the key that signs is known (`audit key` tells it), name it with --signed-by. A file that fails its check gives nothing.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			how := audit.Reading{Filter: filter}
			var err error
			if how.From, err = readDay(from); err == nil {
				how.To, err = readDay(to)
			}
			if err != nil {
				return err
			}
			if public != "" {
				if how.Public, err = hex.DecodeString(public); err != nil || len(how.Public) != ed25519.PublicKeySize {
					return fmt.Errorf("audit open: --signed-by is not a public key in hexadecimal: %w", errUsage)
				}
			}
			if how.Escrow, err = keyring.OpenEscrow(folders...); err != nil {
				return err
			}
			r, err := openTrail(argv[0], out, how, audit.Format(format))
			if err != nil {
				return fmt.Errorf("audit open: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d lines of %d entries in %d trails; %d of these are covered by a signed checkpoint\nsigned by %x\n",
				r.Written, r.Entries, r.Trails, r.Proven, []byte(r.Header.Public))
			return err
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&folders, "escrow", nil, "folder with a part of the escrow; may be given several times")
	f.StringArrayVar(&filter.Professionals, "professional", nil, "RPPS or address of who is asked about; may be given several times")
	f.BoolVar(&filter.Emergency, "emergency", false, "emergency accesses only")
	f.StringVar(&from, "from", "", "first day, 2026-01-31")
	f.StringVar(&to, "to", "", "the day after the last")
	f.StringVar(&format, "format", string(audit.CSV), "csv or ndjson")
	f.StringVar(&public, "signed-by", "", "key that must have signed it, in hexadecimal")
	f.StringVar(&out, "out", "", "file to write the lines into")
	needs(cmd, "escrow", "out")
	return cmd
}

// openTrail writes the lines of an export into a new file, once it has been found
// right to its end.
func openTrail(name, out string, how audit.Reading, format audit.Format) (r audit.SealedReport, err error) {
	in, err := os.Open(name)
	if err != nil {
		return r, fmt.Errorf("%v: %w", err, fault.NotFound)
	}
	defer in.Close()
	err = replaceFile(out, func(w io.Writer) error {
		write, end, err := audit.NewLineWriter(w, format)
		if err != nil {
			return fmt.Errorf("--format is csv or ndjson: %w", errUsage)
		}
		r, err = audit.ReadSealed(in, how, write)
		return errors.Join(err, end())
	})
	return r, err
}

func trailKeyCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "the public key that signs checkpoints and exports, to be known from elsewhere", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "trail/key", adminapi.Nothing{}, func(w io.Writer, k adminapi.PublicKey) { fmt.Fprintln(w, k.Public) })
		},
	}
}

// readDay reads a day; none is the zero time.
func readDay(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fmt.Errorf("%q is not a day such as 2026-01-31: %w", s, errUsage)
	}
	return t, nil
}
