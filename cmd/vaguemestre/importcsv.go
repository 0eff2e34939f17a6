package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/fault"
)

// A table is a kind of CSV file: what its columns are and what one line asks
// for. What is there already stays as it is, so that a file may be imported
// again, whole, after its bad lines are corrected.
type table struct {
	columns  columns
	requests func(line map[string]string) ([]request, error)
}

// columns are those of a CSV file.
type columns []column

type column struct {
	name   string
	needed bool
	doc    string
}

// A request asks a verb. One that finds its work done already is no failure:
// the thing exists, or the space is in the state that the request leads to.
type request struct {
	verb  string
	in    any
	state string // that the request leads to; "" where it makes a thing
}

var patientTable = table{
	columns: columns{
		{"matricule", true, "INS matricule, fifteen characters"},
		{"birth_name", true, "birth name"},
		{"first_names", true, "first names, separated by spaces"},
		{"birth_date", false, "YYYYMMDD, 00 where unknown"},
		{"sex", false, "M or F"},
		{"birth_place", false, "INSEE code"},
		{"minor", false, "yes or no"},
		{"state", false, "enrolled (as when empty), active or opposed"},
	},
	requests: func(line map[string]string) ([]request, error) {
		minor, err := yesNo(line["minor"])
		if err != nil {
			return nil, fmt.Errorf("minor: %w", err)
		}
		p := adminapi.Patient{
			Matricule: line["matricule"], BirthName: line["birth_name"], FirstNames: line["first_names"],
			BirthDate: line["birth_date"], Sex: line["sex"], BirthPlace: line["birth_place"], Minor: minor,
		}
		list := []request{{verb: "patient/add", in: p}}
		name := adminapi.Name{Address: p.Matricule}
		switch line["state"] {
		case "", "enrolled":
		case "active":
			list = append(list, request{"patient/activate", name, "active"})
		case "opposed":
			list = append(list, request{"patient/oppose", name, "opposed"})
		default:
			return nil, fmt.Errorf("state: must be enrolled, active or opposed: %w", fault.Invalid)
		}
		return list, nil
	},
}

var professionalTable = table{
	columns: columns{
		{"address", true, "of the mailbox"},
		{"name", true, "as it is displayed"},
		{"kind", false, "PER (as when empty), ORG, CAB or APP"},
		{"profession", false, "code of JDV_J01, such as G15_10; needed for PER"},
		{"rpps", false, "RPPS number"},
		{"establishment", false, "FINESS number"},
		{"organisation", false, "name of the establishment"},
		{"unlisted", false, "yes (liste rouge) or no"},
	},
	requests: func(line map[string]string) ([]request, error) {
		unlisted, err := yesNo(line["unlisted"])
		if err != nil {
			return nil, fmt.Errorf("unlisted: %w", err)
		}
		b := adminapi.BAL{
			Kind: line["kind"], Address: line["address"], Name: line["name"], RPPS: line["rpps"],
			Profession: line["profession"], Establishment: line["establishment"],
			Organisation: line["organisation"], Unlisted: unlisted,
		}
		if b.Kind == "" {
			b.Kind = "PER"
		}
		return []request{{verb: "mailbox/add", in: b}}, nil
	},
}

func yesNo(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "yes", "oui", "1", "true":
		return true, nil
	case "", "no", "non", "0", "false":
		return false, nil
	}
	return false, fmt.Errorf("must be yes or no: %w", fault.Invalid)
}

func importCommand(a *asker, t table) *cobra.Command {
	return &cobra.Command{
		Long: "Imports a CSV file. A bad line is told with its number and reason, and the others are imported. What is there\n" +
			"already stays as it is: import the file again when it is corrected.\n\n" + t.columns.help(),
		Use: "import FILE.csv", Short: "make many, from a CSV file", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			f, err := os.Open(argv[0])
			if err != nil {
				return fmt.Errorf("import: %v: %w", err, fault.NotFound)
			}
			defer f.Close()
			return a.importCSV(cmd, t, argv[0], f)
		},
	}
}

// help says which columns there are.
func (cs columns) help() string {
	var doc strings.Builder
	doc.WriteString("The file is in UTF-8, separated by commas or semicolons. Its first line names the columns, in any order:\n\n")
	for _, c := range cs {
		needed := ""
		if c.needed {
			needed = " (needed)"
		}
		fmt.Fprintf(&doc, "  %-14s %s%s\n", c.name, c.doc, needed)
	}
	return doc.String()
}

// An imported is what became of a file.
type imported struct {
	Made    int       `json:"made"`
	Already int       `json:"already"`
	Bad     []badLine `json:"bad"`
}

type badLine struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

func (a *asker) importCSV(cmd *cobra.Command, t table, name string, f io.Reader) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	result := imported{Bad: []badLine{}}
	err = t.columns.read(f, func(line int, values map[string]string, err error) error {
		var reqs []request
		if err == nil {
			reqs, err = t.requests(values)
		}
		if err == nil {
			var made bool
			if made, err = importLine(cmd, c, reqs); err == nil && made {
				result.Made++
			} else if err == nil {
				result.Already++
			}
		}
		if errors.Is(err, fault.Unavailable) || errors.Is(err, fault.Sealed) || errors.Is(err, fault.Unauthenticated) {
			return fmt.Errorf("line %d: %w", line, err) // the next lines would fare no better
		}
		if err != nil {
			result.Bad = append(result.Bad, badLine{line, err.Error()})
		}
		return nil
	})
	if err != nil {
		return advise(fmt.Errorf("import: %s: %w", name, err), "%d made so far, %d there already. Import the file again: nothing is made twice.", result.Made, result.Already)
	}
	if err := a.show(cmd.OutOrStdout(), result, func(w io.Writer) { showImported(w, name, result) }); err != nil {
		return err
	}
	if len(result.Bad) > 0 {
		return errFound
	}
	return nil
}

func showImported(w io.Writer, name string, r imported) {
	for _, b := range r.Bad {
		fmt.Fprintf(w, "%s:%d: %s\n", name, b.Line, b.Reason)
	}
	fmt.Fprintf(w, "%d made, %d there already, %s\n", r.Made, r.Already, counted(len(r.Bad), "bad line"))
}

// importLine asks for one line's requests in order, and tells whether it made
// anything.
func importLine(cmd *cobra.Command, c *adminapi.Client, reqs []request) (made bool, err error) {
	for i, r := range reqs {
		_, err := do[any](cmd.Context(), c, r.verb, r.in)
		switch {
		case err == nil:
			made = made || i == 0
		case r.state == "" && errors.Is(err, fault.Exists):
		case r.state != "" && errors.Is(err, fault.Invalid):
			if err := inState(cmd, c, r); err != nil {
				return made, err
			}
		default:
			return made, err
		}
	}
	return made, nil
}

// inState tells whether a space that could not be led to a state is in it: an
// objection that was not noted must not look as if it were.
func inState(cmd *cobra.Command, c *adminapi.Client, r request) error {
	d, err := do[adminapi.Description](cmd.Context(), c, "mailbox/show", r.in)
	switch {
	case err != nil:
		return err
	case d.Space == nil || d.Space.State != r.state:
		return fmt.Errorf("state: the space cannot become %s from what it is: see patient show, and patient close or reopen: %w", r.state, fault.Invalid)
	}
	return nil
}

// read hands each line's values to fn by column, with its number in the file. A
// line that cannot be read is handed over with its error.
func (cs columns) read(f io.Reader, fn func(line int, values map[string]string, err error) error) error {
	r, err := newCSV(f)
	if err != nil {
		return err
	}
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("has no first line that names the columns: %w", fault.Invalid)
	}
	if err := cs.check(head); err != nil {
		return err
	}
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return nil
		}
		line := 0
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			line = wrong.StartLine
		} else if err == nil {
			line, _ = r.FieldPos(0)
		}
		values, err := cs.line(head, fields, err)
		if err := fn(line, values, err); err != nil {
			return err
		}
	}
}

// check refuses a first line with a column that is unknown, double or missing.
func (cs columns) check(head []string) error {
	seen := map[string]bool{}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		head[i] = name
		known := slices.ContainsFunc(cs, func(c column) bool { return c.name == name })
		if !known || seen[name] {
			return fmt.Errorf("column %d, %q: there is no such column, or it comes twice; see --help: %w", i+1, name, fault.Invalid)
		}
		seen[name] = true
	}
	for _, c := range cs {
		if c.needed && !seen[c.name] {
			return fmt.Errorf("the column %s is missing; it has: %s: %w", c.name, strings.Join(slices.Sorted(maps.Keys(seen)), ", "), fault.Invalid)
		}
	}
	return nil
}

func (cs columns) line(head, fields []string, err error) (map[string]string, error) {
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("%v: %w", wrong.Err, fault.Invalid)
	case err != nil:
		return nil, fmt.Errorf("%v: %w", err, fault.Unavailable)
	case len(fields) != len(head):
		return nil, fmt.Errorf("has %d fields, the first line %d: %w", len(fields), len(head), fault.Invalid)
	}
	line := map[string]string{}
	for i, name := range head {
		line[name] = strings.TrimSpace(fields[i])
	}
	for _, c := range cs {
		if c.needed && line[c.name] == "" {
			return nil, fmt.Errorf("%s is empty: %w", c.name, fault.Invalid)
		}
	}
	return line, nil
}

// maxImport bounds a file: some hundred thousand lines.
const maxImport = 64 << 20

// newCSV reads what spreadsheets write: a byte order mark, and semicolons
// where the comma is the decimal sign.
func newCSV(f io.Reader) (*csv.Reader, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxImport+1))
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	if len(b) > maxImport {
		return nil, fmt.Errorf("is larger than 64 MB: %w", fault.TooLarge)
	}
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("is not in UTF-8; in the spreadsheet, save it as \"CSV UTF-8\": %w", fault.Invalid)
	}
	text := strings.TrimPrefix(string(b), "\ufeff")
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	r.ReuseRecord = false
	if first, _, _ := strings.Cut(text, "\n"); strings.Count(first, ";") > strings.Count(first, ",") {
		r.Comma = ';'
	}
	return r, nil
}
