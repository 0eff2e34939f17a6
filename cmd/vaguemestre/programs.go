package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/fault"
)

func programCommand(a *asker) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "the programs that may ask for access", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "program/list", adminapi.Nothing{}, func(w io.Writer, list []adminapi.Program) {
				for _, p := range list {
					proof := "none: it runs in the hands of people"
					switch {
					case p.Certificate != "":
						proof = "certificate"
					case len(p.Keys) > 0:
						proof = "keys"
					}
					fmt.Fprintf(w, "%s  %q  proof: %s  scopes: %s  %s\n", p.ID, p.Name, proof, p.Scopes, p.Mailbox)
				}
			})
		},
	}
	remove := &cobra.Command{
		Use: "remove ID", Short: "forget a program, and end all that people let it do", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "program/remove", adminapi.ProgramID{ID: argv[0]}, func(w io.Writer, e adminapi.Ended) {
				fmt.Fprintf(w, "%s removed; ended: %s\n", argv[0], counted(e.Authorizations, "authorization"))
			})
		},
	}
	return group("program", "programs that may ask for access to the API (OAuth 2.0 clients)", addProgramCommand(a), list, remove, accessCommand(a), endAccessCommand(a))
}

func addProgramCommand(a *asker) *cobra.Command {
	var p adminapi.Program
	var keys, certificate string
	cmd := &cobra.Command{
		Use: "add ID --name NAME --scopes SCOPES", Short: "let a program ask for access", Args: args(1),
		Long: "A program of people names where answers go (--redirect). A system that acts by itself names the mailbox it acts for\n" +
			"(--mailbox) and proves who it is by a key (--keys, a JWK set) or by its TLS certificate (--certificate, PEM).",
		RunE: func(cmd *cobra.Command, argv []string) error {
			p.ID = argv[0]
			if keys != "" {
				b, err := readFile(maxSmall, keys)
				if err != nil {
					return err
				}
				p.Keys = json.RawMessage(b)
			}
			if certificate != "" {
				b, err := readFile(maxSmall, certificate)
				if err != nil {
					return err
				}
				block, _ := pem.Decode(b)
				if block == nil || block.Type != "CERTIFICATE" {
					return fmt.Errorf("%s holds no PEM certificate: %w", certificate, fault.Invalid)
				}
				sum := sha256.Sum256(block.Bytes)
				p.Certificate = hex.EncodeToString(sum[:])
			}
			return ask(cmd, a, "program/add", p, func(w io.Writer, out adminapi.ProgramID) {
				fmt.Fprintf(w, "%s may ask for access\n", out.ID)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.Name, "name", "", "as people see it")
	f.StringVar(&p.Scopes, "scopes", "", "what it may ask for at most, such as \"user/DocumentReference.rs offline_access\"")
	f.StringArrayVar(&p.Redirects, "redirect", nil, "where answers may go; may be given several times")
	f.StringVar(&p.Mailbox, "mailbox", "", "the mailbox (BAL APP) that a system acts for")
	f.StringVar(&keys, "keys", "", "file of its public keys, a JWK set")
	f.StringVar(&certificate, "certificate", "", "file of its TLS certificate, PEM")
	f.BoolVar(&p.Trusted, "trusted", false, "the operator answers for it: people are not asked")
	needs(cmd, "name", "scopes")
	return cmd
}

func accessCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "access ADDRESS|MATRICULE", Short: "what programs may do for the owner of a mailbox", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "program/access", adminapi.Name{Address: argv[0]}, func(w io.Writer, list []adminapi.Authorization) {
				for _, n := range list {
					fmt.Fprintf(w, "%s  %q  since %s, until %s  %s\n", n.ID, n.Program, n.Begun.Format("2006-01-02"), n.Ends.Format("2006-01-02"), n.Scopes)
				}
				fmt.Fprintf(w, "%s\n", counted(len(list), "program"))
			})
		},
	}
}

func endAccessCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "end ADDRESS|MATRICULE ID", Short: "end what a program may do for the owner of a mailbox, at once", Args: args(2),
		RunE: func(cmd *cobra.Command, argv []string) error {
			in := adminapi.AuthorizationID{Address: argv[0], ID: argv[1]}
			return ask(cmd, a, "program/end", in, func(w io.Writer, _ adminapi.Nothing) { fmt.Fprintf(w, "%s has ended\n", argv[1]) })
		},
	}
}
