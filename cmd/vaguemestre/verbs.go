package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/fault"
)

// An asker is what every verb that asks the running hub needs: which hub, who
// asks, and how to show the answer.
type asker struct {
	data, file      string
	operator, token string
	json            bool
}

// flags adds the asker's flags to a command and those below it.
func (a *asker) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&a.data, "data", os.Getenv("VAGUEMESTRE_DATA"), "the data folder of the hub (or $VAGUEMESTRE_DATA)")
	f.StringVar(&a.file, "config", "", "its configuration file, where that is elsewhere")
	f.StringVar(&a.operator, "operator", os.Getenv("VAGUEMESTRE_OPERATOR"), "who asks, for the trail (or $VAGUEMESTRE_OPERATOR)")
	f.StringVar(&a.token, "token", "", "file of the operator's token, where it is not with the hub")
	f.BoolVar(&a.json, "json", false, "answer in JSON, for programs")
}

// client finds the hub and who asks.
func (a *asker) client() (*adminapi.Client, error) {
	c, err := loadConfig(a.data, a.file)
	if err != nil {
		return nil, err
	}
	var token string
	if a.token != "" {
		token, err = readToken(a.token)
	} else {
		token, err = findToken(c.Operators, a.operator)
	}
	if err != nil {
		return nil, err
	}
	return adminapi.NewClient(c.Listen.Admin, token), nil
}

// ask asks a verb and shows its answer: as JSON, or by show.
func ask[Out any](cmd *cobra.Command, a *asker, verb string, in any, show func(io.Writer, Out)) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	out, err := do[Out](cmd.Context(), c, verb, in)
	if err != nil {
		return fmt.Errorf("%s: %w", verbName(cmd), err)
	}
	return a.show(cmd.OutOrStdout(), out, func(w io.Writer) { show(w, out) })
}

func do[Out any](ctx context.Context, c *adminapi.Client, verb string, in any) (out Out, err error) {
	err = c.Do(ctx, verb, in, &out)
	switch {
	case errors.Is(err, adminapi.ErrNotRunning):
		return out, advise(err, "Start it with `vaguemestre serve --data DIR`, or name the right folder with --data.")
	case errors.Is(err, fault.Denied):
		return out, advise(err, "The verbs are for the user who runs the hub, and for root.")
	}
	return out, err
}

func (a *asker) show(w io.Writer, out any, text func(io.Writer)) error {
	if !a.json {
		text(w)
		return nil
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

// verbCommands are the verbs that ask the running hub.
func verbCommands() []*cobra.Command {
	a := &asker{}
	list := []*cobra.Command{
		patientCommand(a), professionalCommand(a), mailboxCommand(a), passwordCommand(a), matrixCommand(a), identityCommand(a), programCommand(a), keysCommand(a),
		whyCommand(a), statusCommand(a), auditCommand(a), verifyCommand(a), backupCommand(a), exportCommand(a), sweepCommand(a),
	}
	for _, c := range list {
		a.flags(c)
	}
	return list
}

// verbName names a command for an error: "patient add".
func verbName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// group is a noun that has verbs below it.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noSuchVerb, RunE: help}
	c.AddCommand(verbs...)
	return c
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// noSuchVerb refuses what a noun is followed by and is none of its verbs.
func noSuchVerb(cmd *cobra.Command, got []string) error {
	if len(got) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	meant := ""
	if like := cmd.SuggestionsFor(got[0]); len(like) > 0 {
		meant = "; did you mean " + strings.Join(like, " or ") + "?"
	}
	return fmt.Errorf("%s: there is no verb %q%s: %w", cmd.CommandPath(), got[0], meant, errUsage)
}

// needs makes flags of a command needed, and shows its usage where one is missing.
func needs(cmd *cobra.Command, flags ...string) {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range flags {
			if !cmd.Flags().Changed(name) {
				return fmt.Errorf("usage: %s: %w", cmd.UseLine(), errUsage)
			}
		}
		return nil
	}
}

// args checks the number of arguments, and says what they are where it is wrong.
func args(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		if len(got) != n {
			return fmt.Errorf("usage: %s: %w", cmd.UseLine(), errUsage)
		}
		return nil
	}
}
