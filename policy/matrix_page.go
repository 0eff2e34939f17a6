package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Page returns m as a page in Markdown that a physician can review: French
// first, English beside it; in few words, profession by profession with the
// source of each row, then every type. It depends on m alone.
func (m *Matrix) Page() string {
	p := matrixPage{m: m}
	for _, who := range professions {
		if m.columns[who.code] != nil {
			p.spoken = append(p.spoken, who)
		} else {
			p.silent = append(p.silent, who)
		}
	}
	p.beginning()
	p.overview()
	p.rows()
	p.types()
	p.unspoken()
	return p.b.String()
}

type matrixPage struct {
	m      *Matrix
	b      strings.Builder
	spoken []profession // of whom a row speaks
	silent []profession
}

func (p *matrixPage) printf(format string, a ...any) { fmt.Fprintf(&p.b, format, a...) }

func (p *matrixPage) beginning() {
	p.printf("# Matrice d'habilitation\n\n")
	p.printf("Version %s, en vigueur depuis le %s. *Version %[1]s, in force since %[3]s.*\n\n",
		p.m.version, frenchDay(p.m.since), p.m.since.Format("2 January 2006"))
	p.b.WriteString(`Quelle profession peut lire quel type de document, une fois le dossier ouvert (accord, équipe de soins, médecin traitant,
urgence). Ce que rien n'autorise est refusé ; chacun relit toujours ce qu'il a déposé lui-même.

*Which profession may read which type of document, once the record is open to them (consent, care team, treating physician,
emergency). What nothing allows is refused; everyone always reads what they filed themselves.*

| | Français | English |
|---|---|---|
| ✓ | autorisé | allowed |
| ✗ | refusé par une source | refused by a source |
| · | refusé faute de source : **non trouvé, à revoir** | refused for want of a source: **not found, to be reviewed** |
| V | lu dans le texte officiel | read in the official text |
| S | de seconde main (presse, syndicats, éditeurs) | second-hand (press, unions, vendors) |
| D | déduit par nous | deduced by us |

`)
}

var months = [...]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}

func frenchDay(t time.Time) string {
	return fmt.Sprintf("%d %s %d", t.Day(), months[t.Month()-1], t.Year())
}

// overview counts, for each profession and class, the types that may be read.
func (p *matrixPage) overview() {
	p.printf("## En bref\n\nTypes autorisés sur types existants, par classe. *Types allowed out of types that exist, by class.*\n\n| Profession |")
	for _, c := range classes {
		p.printf(" %s |", c.fr)
	}
	p.printf("\n|---|%s\n", strings.Repeat("--:|", len(classes)))
	for _, who := range p.spoken {
		p.printf("| %s |", who.name)
		for _, c := range classes {
			allowed, all := 0, 0
			for _, d := range documentTypes {
				if d.Class == c.code {
					all++
					if p.m.Allows(who.code, d.Code) {
						allowed++
					}
				}
			}
			p.printf(" %d/%d |", allowed, all)
		}
		p.printf("\n")
	}
	p.printf("\n")
}

// rows gives what the file says of each profession, in words, and what it does
// not speak of; once for all professions of which it says the same.
func (p *matrixPage) rows() {
	p.printf("## Profession par profession\n\nLa ligne la plus précise l'emporte : un type sur une classe, une classe sur le reste.\n*The narrowest line wins: a type over a class, a class over the rest.*\n\n")
	var sections []string
	heads := map[string][]string{}
	for _, who := range p.spoken {
		section := p.section(who.code)
		if heads[section] == nil {
			sections = append(sections, section)
		}
		heads[section] = append(heads[section], fmt.Sprintf("%s (%s)", who.name, who.code))
	}
	for _, section := range sections {
		p.printf("### %s\n\n%s\n", strings.Join(heads[section], ", "), section)
	}
}

func (p *matrixPage) section(who Profession) string {
	var b strings.Builder
	for _, row := range p.m.rows {
		if slices.Contains(row.professions, who) {
			fmt.Fprintf(&b, "- %s %s\n  (%s : %s)\n", sign(row), inWords(row.codes), row.mark, row.source)
		}
	}
	if gaps := p.gaps(who); len(gaps) > 0 {
		fmt.Fprintf(&b, "- · Non trouvé, à revoir *(not found, to be reviewed)* : %s\n", strings.Join(gaps, " ; "))
	}
	return b.String()
}

func sign(row *matrixRow) string {
	switch {
	case row == nil:
		return "·"
	case row.read:
		return "✓"
	}
	return "✗"
}

// inWords names types and classes for people.
func inWords(codes []string) string {
	words := make([]string, 0, len(codes))
	for _, code := range codes {
		words = append(words, codeInWords(code))
	}
	return strings.Join(words, " ; ")
}

func codeInWords(code string) string {
	if i, ok := typeAt[code]; ok {
		return fmt.Sprintf("%s (%s)", documentTypes[i].Name, code)
	}
	for _, c := range classes {
		if c.code == code {
			return fmt.Sprintf("**%s** (classe %s, *%s*)", c.fr, code, c.en)
		}
	}
	return "**tout le reste** (*everything else*)"
}

// gaps are the types that no row decides for a profession, class by class where
// they are many.
func (p *matrixPage) gaps(who Profession) []string {
	const many = 5
	var gaps []string
	for _, c := range classes {
		var open []string
		all := 0
		for _, d := range documentTypes {
			if d.Class != c.code {
				continue
			}
			all++
			if p.m.columns[who].types[d.Code] == nil {
				open = append(open, codeInWords(d.Code))
			}
		}
		name := fmt.Sprintf("**%s** (*%s*)", c.fr, c.en)
		switch {
		case len(open) == all:
			gaps = append(gaps, name)
		case len(open) > many:
			gaps = append(gaps, "le reste de *(the rest of)* "+name)
		default:
			gaps = append(gaps, open...)
		}
	}
	return gaps
}

// types shows every type, class by class, before every profession of whom a row
// speaks.
func (p *matrixPage) types() {
	p.printf("## Type par type\n\n")
	for _, c := range classes {
		p.printf("### %s *(%s)*\n\n| Code | Document |", strings.TrimSpace(c.code+" "+c.fr), c.en)
		for _, who := range p.spoken {
			p.printf(" %s |", who.name)
		}
		p.printf("\n|---|---|%s\n", strings.Repeat(":-:|", len(p.spoken)))
		for _, d := range documentTypes {
			if d.Class == c.code {
				p.line(d.Code, d.Name, func(who Profession) *matrixRow { return p.m.columns[who].types[d.Code] })
			}
		}
		if c.code == "" {
			p.line(everything, "Tout type inconnu de cette liste *(any type not in this list)*",
				func(who Profession) *matrixRow { return p.m.columns[who].rest })
		}
		p.printf("\n")
	}
}

func (p *matrixPage) line(code, name string, decides func(Profession) *matrixRow) {
	p.printf("| %s | %s |", strings.ReplaceAll(code, everything, `\*`), name)
	for _, who := range p.spoken {
		row := decides(who.code)
		p.printf(" %s", sign(row))
		if row != nil {
			p.printf(" %s", row.mark)
		}
		p.printf(" |")
	}
	p.printf("\n")
}

// unspoken lists the professions of whom no row speaks.
func (p *matrixPage) unspoken() {
	p.printf("## Non trouvé, à revoir : professions sans aucune ligne\n\n")
	p.printf("Rien n'a été trouvé pour elles : tout leur est refusé, hors ce qu'elles ont déposé elles-mêmes.\n")
	p.printf("*Nothing was found for them: everything is refused to them, but what they filed themselves.*\n\n")
	for _, group := range []struct{ code, fr, en string }{
		{"health", "Santé", "Health"}, {"training", "En formation", "In training"}, {"social", "Social, médico-social et soutien", "Social, medico-social and support"},
	} {
		var list []string
		for _, who := range p.silent {
			if who.group == group.code {
				list = append(list, fmt.Sprintf("%s (%s)", who.name, who.code))
			}
		}
		if len(list) > 0 {
			p.printf("- **%s** *(%s)* : %s.\n", group.fr, group.en, strings.Join(list, ", "))
		}
	}
	p.printf("- Toute profession qui n'est pas dans cette liste. *Any profession that is not in this list.*\n")
}
