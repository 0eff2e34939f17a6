// Command vaguemestre is the hub and everything around it: `demo` shows it,
// `init` makes one, `serve` runs it, and the administrator's verbs ask the one
// that runs.
//
// This package wires: it is the only importer of the engines. What is here
// besides: the files of an installation, its start and stop, and the words that
// an administrator reads. What an error says ends with what to do next.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"vaguemestre/internal/fault"
)

func main() { os.Exit(run(os.Args[1:])) }

// Exit codes. 2 is for what a caller did wrong, so that scripts can tell.
const (
	exitFailed = 1
	exitUsage  = 2
	exitFound  = 3 // a verification found something wrong
)

// errFound is the error of a verification that found something; what, is
// printed already.
var errFound = errors.New("verification found something wrong")

// run is the program. A first SIGINT or SIGTERM ends ctx, a second one ends
// the process.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return exitFound
	}
	printError(os.Stderr, err)
	if errors.Is(err, errUsage) || errors.Is(err, fault.Invalid) {
		return exitUsage
	}
	return exitFailed
}

// errUsage is the kind of a command line that is not understood.
var errUsage = errors.New("see --help")

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "vaguemestre",
		Short: "a secure-messaging hub for health professionals and patients",
		Long: "Vaguemestre takes a professional's mail in and files it, sealed, in the patient's mailbox and vault. It keeps the\n" +
			"shared record (DMP): who may read what, by which rule, and a trail that the patient reads. Patients and professionals\n" +
			"use mail programs (SMTP, IMAP); care programs use the FHIR R4 API over HTTPS.\n\n" +
			"Try it:   vaguemestre demo\n" +
			"Run one:  vaguemestre init --data DIR, then vaguemestre serve --data DIR",
		Args: noSuchVerb, RunE: help, SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%s: %v: %w", verbName(cmd), err, errUsage)
	})
	root.AddCommand(demoCommand(), initCommand(), serveCommand(), restoreCommand(), versionCommand(), operatorCommand())
	root.AddCommand(verbCommands()...)
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Args: args(0),
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), "vaguemestre", version()) },
	}
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" {
		v = "(devel)"
	}
	return v + " " + info.GoVersion
}
