package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/fault"
)

func whyCommand(a *asker) *cobra.Command {
	var document string
	cmd := &cobra.Command{
		Use: "why FROM TO [--document ID|TYPE]", Short: "explain whether a mail may go from one address to another, or a document be read", Args: args(2),
		Long: "Says what would become of a mail now, by which rule, and why. With --document: whether the professional FROM may\n" +
			"read a document of the patient TO: one, by its ID, or whichever of a type, by its code (11502-2). Nothing of the\n" +
			"document is told. The question is noted in the trails concerned.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			if cmd.Flags().Changed("document") {
				in := adminapi.DocumentRoute{Professional: argv[0], Patient: argv[1], Document: document}
				return ask(cmd, a, "hub/why-document", in, showExplanation)
			}
			return ask(cmd, a, "hub/why", adminapi.Route{From: argv[0], To: argv[1]}, showExplanation)
		},
	}
	cmd.Flags().StringVar(&document, "document", "", "ID of a document of TO, or code of a type")
	return cmd
}

func showExplanation(w io.Writer, e adminapi.Explanation) {
	verdict := "refused"
	if e.Allow {
		verdict = "allowed"
	}
	fmt.Fprintf(w, "%s by %s\n%s\n%s\n", verdict, e.Rule, e.FR, e.EN)
}

func statusCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "figures of the running hub", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "hub/status", adminapi.Nothing{}, showStatus)
		},
	}
}

func showStatus(w io.Writer, s adminapi.Status) {
	state := "open"
	if s.Sealed {
		state = "sealed: it takes mail in and opens nothing"
	}
	fmt.Fprintf(w, "state        %s\n", state)
	if s.TestMode {
		fmt.Fprintf(w, "test mode    on: not for real people\n")
	}
	fmt.Fprintf(w, "version      %s\n", s.Version)
	fmt.Fprintf(w, "started      %s\n", s.Started.Format("2006-01-02 15:04:05 MST"))
	fmt.Fprintf(w, "certificate  until %s\n", s.Certificate.Format("2006-01-02"))
	for _, key := range slices.Sorted(maps.Keys(s.Ports)) {
		fmt.Fprintf(w, "port         %s %s\n", strings.TrimPrefix(key, "listen."), strings.Join(s.Ports[key], " "))
	}
	fmt.Fprintf(w, "mailboxes    %s\n", counts(s.Mailboxes))
	fmt.Fprintf(w, "spaces       %s\n", counts(s.Spaces))
	fmt.Fprintf(w, "messages     %d, %s\n", s.Messages, counted(s.Bytes, "byte"))
	fmt.Fprintf(w, "waiting      %s with answers to carry\n", counted(s.Waiting, "partition"))
	fmt.Fprintf(w, "trail        %s\n", counted(s.Trail, "entry"))
}

// counts writes figures by name: "3 active, 1 closed".
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%d %s", m[k], k))
	}
	return strings.Join(list, ", ")
}

func auditCommand(a *asker) *cobra.Command {
	verify := &cobra.Command{
		Use: "verify", Short: "walk every chain: find any change, removal or reordering", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return report(cmd, a, "hub/audit") },
	}
	return group("audit", "the trail", verify, exportTrailCommand(a), openTrailCommand(), trailKeyCommand(a))
}

func verifyCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "open every message, document and chain", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return report(cmd, a, "hub/verify") },
	}
}

// report asks for a verification; one that found something fails.
func report(cmd *cobra.Command, a *asker, verb string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := do[adminapi.Report](cmd.Context(), c, verb, adminapi.Nothing{})
	if err != nil {
		return fmt.Errorf("%s: %w", verbName(cmd), err)
	}
	if err := a.show(cmd.OutOrStdout(), r, func(w io.Writer) { showReport(w, r) }); err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		return errFound
	}
	return nil
}

func showReport(w io.Writer, r adminapi.Report) {
	fmt.Fprintf(w, "partitions  %d\nentries     %d\n", r.Partitions, r.Entries)
	if r.Messages+r.Documents+r.Objects > 0 {
		fmt.Fprintf(w, "messages    %d\ndocuments   %d\nobjects     %d\n", r.Messages, r.Documents, r.Objects)
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "WRONG       %s: %s\n", f.Partition, f.What)
	}
	if len(r.Findings) == 0 {
		fmt.Fprintln(w, "all is well")
	}
}

func backupCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "backup DIR", Short: "copy store and blobs into a new folder, while the hub serves", Args: args(1),
		Long: "Copies store and blobs, as they are at one instant, into a new folder that the hub makes. Everything in it is\n" +
			"sealed. The keys are not in it: keep those elsewhere (docs/ops/keys.md).",
		RunE: func(cmd *cobra.Command, argv []string) error {
			folder, err := filepath.Abs(argv[0])
			if err != nil {
				return fmt.Errorf("backup: %v: %w", err, fault.Unavailable)
			}
			return ask(cmd, a, "hub/backup", adminapi.Folder{Folder: folder}, func(w io.Writer, b adminapi.Backup) {
				fmt.Fprintf(w, "backup in %s: %s, %s. The keys are not in it.\n", b.Folder, counted(b.Blobs, "blob"), counted(b.Bytes, "byte"))
			})
		},
	}
}

func sweepCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "sweep", Short: "remove what a crash left behind, now rather than tonight", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "hub/sweep", adminapi.Nothing{}, func(w io.Writer, _ adminapi.Nothing) { fmt.Fprintln(w, "swept") })
		},
	}
}

func exportCommand(a *asker) *cobra.Command {
	var key, out string
	cmd := &cobra.Command{
		Use:   "export ADDRESS|MATRICULE --to-key KEY.asc --out DIR",
		Short: "re-wrap a patient's documents for an OpenPGP key that the patient holds",
		Long: "Writes every document of a patient's vault as an OpenPGP message for the patient's own key, one file each. The\n" +
			"trail of the space notes who exported, and the fingerprint of the key.",
		Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.export(cmd, adminapi.Export{Address: argv[0]}, key, out)
		},
	}
	cmd.Flags().StringVar(&key, "to-key", "", "file of the public key")
	cmd.Flags().StringVar(&out, "out", "", "folder to write into; it is made if it is absent")
	needs(cmd, "to-key", "out")
	return cmd
}

// An exported is what export did.
type exported struct {
	Folder string `json:"folder"`
	Files  int    `json:"files"`
}

func (a *asker) export(cmd *cobra.Command, in adminapi.Export, key, out string) error {
	text, err := os.ReadFile(key)
	if err != nil {
		return fmt.Errorf("export: %v: %w", err, fault.NotFound)
	}
	in.Key = string(text)
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := os.MkdirAll(out, 0o700); err != nil {
		return fmt.Errorf("export: %v: %w", err, fault.Unavailable)
	}
	files, err := c.Export(cmd.Context(), in, func(name string, r io.Reader) error { return keepFile(out, name, r) })
	if err != nil {
		return fmt.Errorf("export: after %s: %w", counted(files, "file"), err)
	}
	return a.show(cmd.OutOrStdout(), exported{out, files}, func(w io.Writer) {
		fmt.Fprintf(w, "%s in %s, readable with the private half of %s\n", counted(files, "document"), out, key)
	})
}

// keepFile writes one exported file, whose name the server gave.
func keepFile(folder, name string, r io.Reader) error {
	if !filepath.IsLocal(name) || filepath.Base(name) != name {
		return fmt.Errorf("export: a file name that leads elsewhere: %w", fault.Invalid)
	}
	f, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return advise(fmt.Errorf("export: %v: %w", err, fault.Exists), "Nothing is overwritten: choose an empty folder.")
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

func operatorCommand() *cobra.Command {
	var data, file string
	add := &cobra.Command{
		Use: "add NAME", Short: "make an operator and their token file", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			c, err := loadConfig(data, file)
			if err != nil {
				return err
			}
			path, err := addOperator(c.Operators, argv[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "operator %s, token in %s\n", argv[0], path)
			return nil
		},
	}
	remove := &cobra.Command{
		Use: "remove NAME", Short: "end an operator, at once", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			c, err := loadConfig(data, file)
			if err != nil {
				return err
			}
			if err := removeOperator(c.Operators, argv[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "operator %s has ended\n", argv[0])
			return nil
		},
	}
	cmd := group("operator", "who may use these verbs", add, remove)
	cmd.PersistentFlags().StringVar(&data, "data", os.Getenv("VAGUEMESTRE_DATA"), "the data folder of the hub (or $VAGUEMESTRE_DATA)")
	cmd.PersistentFlags().StringVar(&file, "config", "", "its configuration file, where that is elsewhere")
	return cmd
}
