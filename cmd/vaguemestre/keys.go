package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/vault/keyring"
)

func keysCommand(a *asker) *cobra.Command {
	rotate := &cobra.Command{
		Use: "rotate", Short: "change the hub key, while mail and reading go on", Args: args(0),
		Long: "Makes a new hub key and puts it around every owner's key, while mail and reading go on. Interrupted, it is asked for\n" +
			"again and comes to its end. Backups from before open with the key from before only: keep that one with them.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "keys/rotate", adminapi.Nothing{}, func(w io.Writer, r adminapi.Rotated) {
				fmt.Fprintf(w, "the hub key is changed; it is around the keys of %s. Copy it to its safe place again.\n", counted(r.Owners, "owner"))
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
	adopt := &cobra.Command{
		Use: "adopt --yes", Short: "sign, once, the rights of data that is older than signatures", Args: args(0),
		Long: "Signs who may see what, as it stands in the store, for a hub whose data was made before rights were signed. Do it on\n" +
			"data that you trust: whatever somebody slipped in becomes right.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if yes, _ := cmd.Flags().GetBool("yes"); !yes {
				return advise(errUnadopted, "This makes right whatever the store says now. If you mean it, add --yes.")
			}
			return ask(cmd, a, "keys/adopt", adminapi.Nothing{}, func(w io.Writer, n adminapi.Adopted) {
				fmt.Fprintf(w, "the rights of %s are signed\n", counted(n.Partitions, "partition"))
			})
		},
	}
	adopt.Flags().Bool("yes", false, "really")
	return group("keys", "the hub key and those of owners", rotate, owner, tokenCommand(a), adopt)
}

var errUnadopted = errors.New("nothing was signed")

// tokenCommand moves the hub key onto a token. It asks no hub: the file it writes
// is read at the next start.
func tokenCommand(a *asker) *cobra.Command {
	var uri string
	cmd := &cobra.Command{
		Use: "token --uri URI", Short: "let a PKCS #11 token seal the file of the hub key", Args: args(0),
		Long: "Rewrites the file that keys.hub names, so that nothing but the token opens it: a smart card, an HSM. The URI (RFC 7512)\n" +
			"has token or serial, object or id, module-path and pin-source, a file. Start the hub again, then `keys rotate`: the\n" +
			"old key was on disk. It needs a program built with CGO_ENABLED=1.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(a.data, a.file)
			if err != nil {
				return err
			}
			ring, err := keyring.LoadRing(c.Keys.Hub)
			if err != nil {
				return adviseKey(err, "hub key", "keys.hub says where it should be.")
			}
			if _, err := keyring.MakePKCS11(c.Keys.Hub, uri, ring); err != nil {
				return fmt.Errorf("keys token: %w", err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is sealed by the token. Start the hub again, then run `vaguemestre keys rotate`.\n", c.Keys.Hub)
			return err
		},
	}
	cmd.Flags().StringVar(&uri, "uri", "", "of the token's key: pkcs11:token=…;object=…?module-path=…&pin-source=…")
	needs(cmd, "uri")
	return cmd
}
