package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"vaguemestre/internal/adminapi"
)

func patientCommand(a *asker) *cobra.Command {
	var p adminapi.Patient
	add := &cobra.Command{
		Use: "add MATRICULE", Short: "enrol a patient; the space is not open yet", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			p.Matricule = argv[0]
			return ask(cmd, a, "patient/add", p, func(w io.Writer, n adminapi.Name) {
				fmt.Fprintf(w, "%s enrolled\n", n.Address)
			})
		},
	}
	f := add.Flags()
	f.StringVar(&p.BirthName, "birth-name", "", "birth name")
	f.StringVar(&p.FirstNames, "first-names", "", "first names")
	f.StringVar(&p.BirthDate, "birth-date", "", "YYYYMMDD, 00 where unknown")
	f.StringVar(&p.Sex, "sex", "", "M or F")
	f.StringVar(&p.BirthPlace, "birth-place", "", "INSEE code of the place of birth")
	f.BoolVar(&p.Minor, "minor", false, "representatives read for this person")
	return group("patient", "patients and their spaces",
		add, showCommand(a), importCommand(a, patientTable), registerCommand(a),
		lifeCommand(a, "notice", "note that the person was told, by letter, that a space will open"),
		lifeCommand(a, "activate", "open a space: it receives and shows from now on"),
		lifeCommand(a, "oppose", "note that the person objects to a space"),
		lifeCommand(a, "close", "close a space at the person's wish"),
		lifeCommand(a, "reopen", "open a closed space again"),
		lifeCommand(a, "ask-erasure", "note that the person wants what a closed space holds to be gone"),
		lettersCommand(a), letterCommand(a), proofCommand(a), checkProofCommand(a),
		blockCommand(a, "block", "bar a professional from a space"),
		blockCommand(a, "unblock", "let a professional in again"),
		eraseCommand(a))
}

// lifeCommand makes an event of the life of a space happen.
func lifeCommand(a *asker, event, short string) *cobra.Command {
	return &cobra.Command{
		Use: event + " ADDRESS|MATRICULE", Short: short, Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "patient/"+event, adminapi.Name{Address: argv[0]}, func(w io.Writer, s *adminapi.Space) {
				fmt.Fprintf(w, "%s is %s\n", argv[0], s.State)
			})
		},
	}
}

func blockCommand(a *asker, verb, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ADDRESS|MATRICULE PROFESSIONAL", Short: short, Args: args(2),
		RunE: func(cmd *cobra.Command, argv []string) error {
			in := adminapi.Block{Address: argv[0], Professional: argv[1]}
			return ask(cmd, a, "patient/"+verb, in, func(w io.Writer, _ adminapi.Nothing) {
				fmt.Fprintf(w, "%s: %sed %s\n", argv[0], verb, argv[1])
			})
		},
	}
}

var errUnconfirmed = errors.New("nothing was erased")

func eraseCommand(a *asker) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "erase ADDRESS|MATRICULE --yes", Short: "make everything of a person unreadable, for ever", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			if !yes {
				return advise(errUnconfirmed, "This cannot be undone, not even from a backup. If you mean it, add --yes.")
			}
			return ask(cmd, a, "patient/erase", adminapi.Name{Address: argv[0]}, func(w io.Writer, _ adminapi.Nothing) {
				fmt.Fprintf(w, "%s is erased; every replica of the erasure secrets has confirmed\n", argv[0])
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "really")
	return cmd
}

func professionalCommand(a *asker) *cobra.Command {
	return group("professional", "mailboxes of health professionals",
		addCommand(a, "PER", "make the mailbox of a professional"), showCommand(a), importCommand(a, professionalTable))
}

func mailboxCommand(a *asker) *cobra.Command {
	return group("mailbox", "mailboxes of organisations, practices and software",
		addCommand(a, "ORG", "make a mailbox"), showCommand(a), importCommand(a, professionalTable), limitsCommand(a), membersCommand(a))
}

func limitsCommand(a *asker) *cobra.Command {
	var in adminapi.Allowance
	cmd := &cobra.Command{
		Use: "limits ADDRESS [--refused-per-hour N] [--refused-per-day N]", Short: "raise how many refused recipients a sender may name before it is slowed down", Args: args(1),
		Long: "A laboratory writes to thousands of patients, some of whom never opened their space: raise its limits. They hold\n" +
			"from its next login on; a limit that is 0 or not named is the hub's own again.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			if !cmd.Flags().Changed("refused-per-hour") && !cmd.Flags().Changed("refused-per-day") {
				return fmt.Errorf("usage: %s: %w", cmd.UseLine(), errUsage) // to look at them changes nothing
			}
			in.Address = argv[0]
			return ask(cmd, a, "mailbox/limits", in, func(w io.Writer, _ adminapi.Nothing) {
				fmt.Fprintf(w, "%s: %s refused recipients in an hour, %s in a day\n", argv[0], orHubs(in.PerHour), orHubs(in.PerDay))
			})
		},
	}
	cmd.Flags().IntVar(&in.PerHour, "refused-per-hour", 0, "refused recipients in an hour")
	cmd.Flags().IntVar(&in.PerDay, "refused-per-day", 0, "refused recipients in a day")
	return cmd
}

// membersCommand names who shares the mailbox of an organisation or a practice.
func membersCommand(a *asker) *cobra.Command {
	change := func(use, short, verb, done string) *cobra.Command {
		return &cobra.Command{
			Use: use + " MAILBOX PROFESSIONAL", Short: short, Args: args(2),
			RunE: func(cmd *cobra.Command, argv []string) error {
				return ask(cmd, a, verb, adminapi.Membership{Address: argv[0], Member: argv[1]}, func(w io.Writer, _ adminapi.Nothing) {
					fmt.Fprintf(w, "%s "+done+"\n", argv[1], argv[0])
				})
			},
		}
	}
	list := &cobra.Command{
		Use: "list MAILBOX", Short: "list who shares a mailbox", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "mailbox/members", adminapi.Name{Address: argv[0]}, func(w io.Writer, list []adminapi.Member) {
				for _, m := range list {
					fmt.Fprintf(w, "%s\t%s\tsince %s\n", m.Address, m.Name, m.Since.Format(time.DateOnly))
				}
			})
		},
	}
	c := group("member", "who shares a mailbox, each from their own session in the portal",
		change("add", "let a professional share a mailbox of their establishment", "mailbox/admit", "shares %s from now on"),
		change("remove", "end that, at once", "mailbox/dismiss", "shares %s no more"), list)
	c.Long = "The mailbox of an organisation or a practice is nobody's own. Professionals of the same establishment who have an RPPS\n" +
		"number may share it: they open it in the portal, as themselves, and every trail names them."
	return c
}

func orHubs(n int) string {
	if n == 0 {
		return "the usual number"
	}
	return strconv.Itoa(n)
}

// addCommand makes a mailbox, of that kind unless told otherwise.
func addCommand(a *asker, kind, short string) *cobra.Command {
	var b adminapi.BAL
	cmd := &cobra.Command{
		Use: "add ADDRESS", Short: short, Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			b.Address = argv[0]
			return ask(cmd, a, "mailbox/add", b, func(w io.Writer, n adminapi.Name) {
				fmt.Fprintf(w, "%s made\n", n.Address)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.Name, "name", "", "as it is displayed")
	f.StringVar(&b.Establishment, "establishment", "", "FINESS number")
	f.StringVar(&b.Organisation, "organisation", "", "name of the establishment")
	f.BoolVar(&b.Unlisted, "unlisted", false, "liste rouge: not published")
	if kind == "PER" {
		b.Kind = kind
		f.StringVar(&b.RPPS, "rpps", "", "RPPS number")
		f.StringVar(&b.Profession, "profession", "", "code of JDV_J01, such as G15_10 for a physician")
		return cmd
	}
	f.StringVar(&b.Kind, "kind", kind, "ORG for an organisation, CAB for a practice, APP for software")
	return cmd
}

func showCommand(a *asker) *cobra.Command {
	return &cobra.Command{
		Use: "show ADDRESS|MATRICULE", Short: "what an operator may know of a mailbox: no content", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "mailbox/show", adminapi.Name{Address: argv[0]}, showMailbox)
		},
	}
}

func showMailbox(w io.Writer, d adminapi.Description) {
	line := func(name string, value any) {
		if text := fmt.Sprint(value); text != "" {
			fmt.Fprintf(w, "%-14s %s\n", name, text)
		}
	}
	line("address", d.Address)
	line("name", d.Name)
	line("kind", d.Kind)
	if d.Space != nil {
		line("state", fmt.Sprintf("%s since %s", d.Space.State, d.Space.Since.Format("2006-01-02")))
		switch {
		case !d.Space.Opens.IsZero():
			line("told", d.Space.Told.Format("2006-01-02"))
			line("opens", d.Space.Opens.Format("2006-01-02")+" by itself, unless its owner objects")
		case d.Space.State == "enrolled":
			line("told", "not yet: it does not open by itself before they are")
		}
		if d.Space.Minor {
			line("minor", "yes")
		}
	}
	line("profession", d.Profession)
	line("rpps", d.RPPS)
	line("establishment", d.Establishment)
	line("organisation", d.Organisation)
	if d.RefusedPerHour+d.RefusedPerDay > 0 {
		line("limits", fmt.Sprintf("%s refused recipients in an hour, %s in a day", orHubs(d.RefusedPerHour), orHubs(d.RefusedPerDay)))
	}
	line("messages", d.Messages)
	line("bytes", d.Bytes)
	line("devices", d.Devices)
	line("trail", counted(d.Trail, "entry"))
}

func passwordCommand(a *asker) *cobra.Command {
	add := &cobra.Command{
		Use: "add ADDRESS DEVICE", Short: "make an application password for a device; it is shown once", Args: args(2),
		RunE: func(cmd *cobra.Command, argv []string) error {
			in := adminapi.Device{Address: argv[0], Device: argv[1]}
			return ask(cmd, a, "password/add", in, func(w io.Writer, s adminapi.Secret) {
				fmt.Fprintf(w, "login     %s\npassword  %s\n", s.Login, s.Password)
			})
		},
	}
	list := &cobra.Command{
		Use: "list ADDRESS", Short: "list the devices that have a password", Args: args(1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return ask(cmd, a, "password/list", adminapi.Name{Address: argv[0]}, func(w io.Writer, list []adminapi.Password) {
				for _, p := range list {
					fmt.Fprintf(w, "%s  %s  %s\n", p.ID, p.Created.Format("2006-01-02"), p.Device)
				}
			})
		},
	}
	revoke := &cobra.Command{
		Use: "revoke ADDRESS DEVICE", Short: "end the password of a device, given by its name or ID", Args: args(2),
		RunE: func(cmd *cobra.Command, argv []string) error {
			in := adminapi.Device{Address: argv[0], Device: argv[1]}
			return ask(cmd, a, "password/revoke", in, func(w io.Writer, _ adminapi.Nothing) {
				fmt.Fprintf(w, "%s: the password of %q has ended\n", argv[0], argv[1])
			})
		},
	}
	return group("password", "application passwords, one for each device", add, list, revoke)
}
