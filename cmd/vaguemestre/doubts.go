package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
)

func identityCommand(a *asker) *cobra.Command {
	list := &cobra.Command{
		Use: "doubts", Short: "documents whose identity is to be verified: whose record, why, whom to ask", Args: args(0),
		Long: "Lists the documents that were filed although the identity in them does not fully agree with the patient's. What they\n" +
			"are and what they say is not told: ask their sender.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "identity/doubts", adminapi.Nothing{}, showDoubts)
		},
	}
	return group("identity", "doubtful identities (identitovigilance)", list,
		resolveCommand(a, "confirm", "note that a doubtful document is the patient's after all", true),
		resolveCommand(a, "withdraw", "take a doubtful document out of a record; its sender is told", false))
}

func showDoubts(w io.Writer, list []adminapi.Doubt) {
	for _, d := range list {
		var why []string
		for _, r := range d.Reasons {
			why = append(why, r.EN)
		}
		fmt.Fprintf(w, "%s  %s  %s  from %s\n    %s\n", d.ID, d.Filed.Format("2006-01-02"), d.Matricule, d.Sender, strings.Join(why, "; "))
	}
	fmt.Fprintf(w, "%s to verify\n", counted(len(list), "document"))
}

func resolveCommand(a *asker, verb, short string, confirm bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: short, Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			in := adminapi.Resolution{ID: argv[0], Confirm: confirm}
			return ask(cmd, a, "identity/resolve", in, func(w io.Writer, _ adminapi.Nothing) {
				fmt.Fprintf(w, "%s: done\n", argv[0])
			})
		},
	}
}
