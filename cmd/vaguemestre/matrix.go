package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/policy"
)

func matrixCommand(a *asker) *cobra.Command {
	check := &cobra.Command{
		Use: "check FILE.csv", Short: "say what is wrong with a matrix; it asks no hub", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			text, err := readMatrix(argv[0])
			if err != nil {
				return err
			}
			if _, err := policy.ParseMatrix([]byte(text)); err != nil {
				fmt.Fprintln(cmd.OutOrStdout(), err)
				return errFound
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is a matrix\n", argv[0])
			return nil
		},
	}
	diff := &cobra.Command{
		Use: "diff FILE.csv", Short: "say what a matrix would change of the one in force", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			text, err := readMatrix(argv[0])
			if err != nil {
				return err
			}
			return ask(cmd, a, "matrix/diff", adminapi.MatrixText{Text: text}, func(w io.Writer, changes []adminapi.MatrixChange) {
				showChanges(w, changes)
				if len(changes) > 0 {
					fmt.Fprintf(w, "nothing was changed: `matrix apply %s` puts it in force\n", argv[0])
				}
			})
		},
	}
	apply := &cobra.Command{
		Use: "apply FILE.csv", Short: "put a matrix in force: it decides from now on", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			text, err := readMatrix(argv[0])
			if err != nil {
				return err
			}
			return ask(cmd, a, "matrix/apply", adminapi.MatrixText{Text: text}, func(w io.Writer, changes []adminapi.MatrixChange) {
				showChanges(w, changes)
				fmt.Fprintln(w, "in force; the matrices before it are kept")
			})
		},
	}
	var csv bool
	show := &cobra.Command{
		Use: "show [--csv]", Short: "the matrix in force, as a page for a physician to review, or as the file to edit", Args: args(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(cmd, a, "matrix/show", adminapi.Nothing{}, func(w io.Writer, m adminapi.Matrix) {
				if csv {
					fmt.Fprint(w, m.Text)
					return
				}
				if m.Number > 0 {
					fmt.Fprintf(w, "number %d, applied %s by %s\n\n", m.Number, m.Applied.Format(time.DateTime), m.By)
				}
				fmt.Fprint(w, m.Page)
			})
		},
	}
	show.Flags().BoolVar(&csv, "csv", false, "the file that `matrix apply` takes")
	return group("matrix", "which profession may read which type of document (matrice d'habilitation)", check, diff, apply, show)
}

// maxMatrix is more than any such file needs, in bytes.
const maxMatrix = 1 << 20

func readMatrix(name string) (string, error) {
	b, err := readFile(maxMatrix, name)
	return string(b), err
}

func showChanges(w io.Writer, changes []adminapi.MatrixChange) {
	word := map[bool]string{true: "reads", false: "does not read"}
	for _, c := range changes {
		fmt.Fprintf(w, "%s (%s)  %s: %s → %s  [%s]\n", c.Profession, c.Name, c.Type, word[c.Was], word[c.Becomes], c.Source)
	}
	fmt.Fprintf(w, "%s\n", counted(len(changes), "change"))
}
