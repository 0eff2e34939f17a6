package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
)

func keysCommand(a *asker) *cobra.Command {
	rotate := &cobra.Command{
		Use: "rotate", Short: "change the hub key, while mail and reading go on", Args: args(0),
		Long: "Makes a new hub key and puts it around every owner's key, while mail and reading go on. Interrupted, it is asked for\n" +
			"again and comes to its end. Backups from before open with the key from before only: keep that one with them.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "keys/rotate", adminapi.Nothing{}, func(w io.Writer, r adminapi.Rotated) {
				fmt.Fprintf(w, "the hub key is changed; it is around the keys of %d owners. Copy it to its safe place again.\n", r.Owners)
			})
		},
	}
	owner := &cobra.Command{
		Use: "rotate-owner ADDRESS|MATRICULE", Short: "give one owner a new key, while mail and reading go on", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "keys/rotate-owner", adminapi.Name{Address: argv[0]}, func(w io.Writer, _ adminapi.Nothing) {
				fmt.Fprintf(w, "%s has a new key\n", argv[0])
			})
		},
	}
	return group("keys", "the hub key and those of owners", rotate, owner)
}
