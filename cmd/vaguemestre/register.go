package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
	"vaguemestre/internal/fault"
)

var registerColumns = columns{
	{"matricule", true, "INS matricule, fifteen characters"},
	{"birth_name", true, "birth name"},
	{"first_names", true, "first names, separated by spaces"},
	{"birth_date", true, "YYYYMMDD, 00 where unknown"},
	{"sex", false, "M or F"},
	{"birth_place", false, "INSEE code"},
	{"card_model", false, "of the Vitale card: photo or plain"},
	{"card_serial", false, "its serial number: the last 11 digits with a photo, 8 to 13 without"},
	{"holder", false, "matricule of the holder of the card, where the person is on somebody else's"},
	{"mail", false, "mail address, as the insurance has it"},
	{"phone", false, "phone number"},
	{"deceased", false, "yes or no"},
}

func registerCommand(a *asker) *cobra.Command {
	var apply bool
	cmd := &cobra.Command{
		Use: "register FILE.csv [--apply]", Short: "compare the register of the insured with the spaces there are, and apply it", Args: args(1),
		Long: "Says what a CSV file of the insured would change: who is new, whose identity, card or contact is another, who can\n" +
			"be told by letter only. With --apply the spaces are made and the changes taken over; who has a mail address or a\n" +
			"phone is told at once that a space will open, and how to object. What patients have said themselves stays.\n\n" + registerColumns.help(),
		RunE: func(cmd *cobra.Command, argv []string) error {
			f, err := os.Open(argv[0])
			if err != nil {
				return fmt.Errorf("register: %v: %w", err, fault.NotFound)
			}
			defer f.Close()
			r := registering{cmd: cmd, apply: apply}
			if r.client, err = a.client(); err != nil {
				return err
			}
			defer r.client.Close()
			if err := r.run(f); err != nil {
				return fmt.Errorf("register: %s: %w", argv[0], err)
			}
			if err := a.show(cmd.OutOrStdout(), r.result(), func(w io.Writer) { r.tell(w, argv[0]) }); err != nil {
				return err
			}
			if r.failed() {
				return errFound
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&apply, "apply", false, "make the spaces, and take the changes over")
	return cmd
}

// A registering is one file on its way to the hub, some hundred lines at a time.
type registering struct {
	cmd    *cobra.Command
	client *adminapi.Client
	apply  bool

	batch   []adminapi.Insured
	again   map[string]adminapi.Insured // lines whose holder was not known yet
	changes []adminapi.RegisterChange
	bad     []badLine
}

// A registered is what became of a file.
type registered struct {
	Applied bool                      `json:"applied"`
	Changes []adminapi.RegisterChange `json:"changes"`
	Bad     []badLine                 `json:"bad"`
}

func (r *registering) result() registered {
	out := registered{r.apply, r.changes, r.bad}
	if out.Changes == nil {
		out.Changes = []adminapi.RegisterChange{}
	}
	if out.Bad == nil {
		out.Bad = []badLine{}
	}
	return out
}

// failed reports whether a line was not taken.
func (r *registering) failed() bool {
	return len(r.bad) > 0 || slices.ContainsFunc(r.changes, func(c adminapi.RegisterChange) bool { return c.Wrong != "" })
}

func (r *registering) run(f io.Reader) error {
	r.again = map[string]adminapi.Insured{}
	err := registerColumns.read(f, func(line int, values map[string]string, err error) error {
		var l adminapi.Insured
		if err == nil {
			l, err = insuredOf(values)
		}
		if err != nil {
			r.bad = append(r.bad, badLine{line, err.Error()})
			return nil
		}
		if r.batch = append(r.batch, l); len(r.batch) == adminapi.MaxLines {
			return r.send()
		}
		return nil
	})
	if err == nil {
		err = r.send()
	}
	if err != nil || !r.apply {
		return err
	}
	for _, l := range r.again { // their holders came later in the file
		r.batch = append(r.batch, l)
		if len(r.batch) == adminapi.MaxLines {
			if err := r.send(); err != nil {
				return err
			}
		}
	}
	return r.send()
}

func insuredOf(v map[string]string) (l adminapi.Insured, err error) {
	l.Patient = adminapi.Patient{
		Matricule: v["matricule"], BirthName: v["birth_name"], FirstNames: v["first_names"],
		BirthDate: v["birth_date"], Sex: v["sex"], BirthPlace: v["birth_place"],
	}
	l.Holder, l.Mail, l.Phone = v["holder"], v["mail"], v["phone"]
	if v["card_serial"] != "" {
		l.Cards = []adminapi.Card{{Model: v["card_model"], Serial: v["card_serial"]}}
	}
	if l.Deceased, err = yesNo(v["deceased"]); err != nil {
		err = fmt.Errorf("deceased: %w", err)
	}
	return l, err
}

// send hands the lines that wait over to the hub.
func (r *registering) send() error {
	if len(r.batch) == 0 {
		return nil
	}
	changes, err := do[[]adminapi.RegisterChange](r.cmd.Context(), r.client, "patient/register", adminapi.Register{Apply: r.apply, Lines: r.batch})
	if err != nil {
		return err
	}
	alone := map[string]bool{}
	for _, c := range changes {
		_, second := r.again[c.Matricule]
		if c.Alone && !second {
			alone[c.Matricule] = true
		}
		if !second || c.Alone {
			r.changes = append(r.changes, c)
		}
	}
	for _, l := range r.batch {
		if alone[l.Matricule] {
			r.again[l.Matricule] = l
		}
	}
	r.batch = r.batch[:0]
	return nil
}

func (r *registering) tell(w io.Writer, name string) {
	for _, b := range r.bad {
		fmt.Fprintf(w, "%s:%d: %s\n", name, b.Line, b.Reason)
	}
	made, changed, letters := 0, 0, 0
	wrong := len(r.bad)
	for _, c := range r.changes {
		var words []string
		switch {
		case c.Wrong != "":
			wrong++
			words = append(words, "not taken: "+c.Wrong)
		case c.New:
			made++
			words = append(words, "new")
		case len(c.Changed) > 0:
			changed++
			words = append(words, "changed: "+strings.Join(c.Changed, ", "))
		}
		if c.New && c.ByPost {
			letters++
			words = append(words, "to be told by letter")
		}
		if c.Alone {
			words = append(words, "the holder of the card is not known")
		}
		fmt.Fprintf(w, "%s  %s\n", c.Matricule, strings.Join(words, "; "))
	}
	fmt.Fprintf(w, "%d new, %d changed, %d to be told by letter, %s\n", made, changed, letters, counted(wrong, "bad line"))
	if !r.apply && made+changed > 0 {
		fmt.Fprintln(w, "nothing was changed: add --apply to take this over")
	}
}
