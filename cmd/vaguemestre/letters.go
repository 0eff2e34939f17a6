package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
)

func lettersCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "letters", Short: "the letters to print: who is reached by post only, each with a code; they are told once", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "patient/letters", adminapi.Nothing{}, func(w io.Writer, list []adminapi.Letter) {
				for _, l := range list {
					showLetter(w, l)
				}
				fmt.Fprintf(w, "%s to post now: the time of the law runs\n", counted(len(list), "letter"))
			})
		},
	}
}

func letterCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "letter ADDRESS|MATRICULE", Short: "print a letter anew, with another code", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "patient/letter", adminapi.Name{Address: argv[0]}, showLetter)
		},
	}
}

func showLetter(w io.Writer, l adminapi.Letter) {
	to := ""
	if l.Minor {
		to = "  (to the legal representatives)"
	}
	fmt.Fprintf(w, "%s  %s  code %s, until %s%s\n", l.Matricule, l.Name, l.Code, l.Until.Format("2006-01-02"), to)
}

func proofCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "proof ADDRESS|MATRICULE", Short: "the proof that somebody objected to their space, or closed it", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "patient/proof", adminapi.Name{Address: argv[0]}, func(w io.Writer, p adminapi.Proof) { fmt.Fprintln(w, p.Text) })
		},
	}
}

func checkProofCommand(a *asker) *cobra.Command {
	var in adminapi.ProofText
	cmd := &cobra.Command{
		Use: "check-proof [FILE] [--reference REF]", Short: "verify a proof that somebody shows, or look one up", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			if (len(argv) == 1) == (in.Reference != "") {
				return fmt.Errorf("usage: %s: %w", cmd.UseLine(), errUsage)
			}
			if len(argv) == 1 {
				b, err := readFile(maxSmall, argv[0])
				if err != nil {
					return err
				}
				in.Text = string(b)
			}
			return ask(cmd, a, "proof/check", in, func(w io.Writer, p adminapi.Proof) {
				fmt.Fprintf(w, "%s  %s  %s: right\n", p.Reference, p.What, p.At.Format("2006-01-02 15:04:05"))
			})
		},
	}
	cmd.Flags().StringVar(&in.Reference, "reference", "", "of a proof whose text is not at hand")
	return cmd
}
