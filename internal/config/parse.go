package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile bounds the file; the commented one has 10 KB.
const maxFile = 1 << 20

// parse reads a file against the table and finds everything that is wrong with
// it, in the order of lines.
func parse(text []byte, folder string) (*Config, []Problem) {
	if len(text) > maxFile {
		return nil, []Problem{{0, "is larger than 1 MB: this is not a configuration file"}}
	}
	tree := map[string]any{}
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, []Problem{syntaxProblem(err)}
	}
	found := flatten(tree, "")
	lines := linesOf(text)
	c := Default()
	var problems []Problem
	problem := func(name, text string) {
		problems = append(problems, Problem{lines[name], name + ": " + text})
	}
	for _, k := range keys {
		v := k.value(c)
		raw, ok := found[k.name]
		if ok {
			delete(found, k.name)
			if err := v.set(raw, folder); err != nil {
				problem(k.name, err.Error())
				continue
			}
		} else if p, isPath := v.(pathValue); isPath && p.otherwise != "" {
			if err := p.set(p.otherwise, folder); err != nil {
				problem(k.name, err.Error())
			}
		}
		if v.missing() {
			problem(k.name, "is missing: "+k.doc)
		}
	}
	for name := range found {
		problem(name, "there is no such key"+suggestion(name))
	}
	problems = append(problems, crossCheck(c, lines)...)
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return c, problems
}

// crossCheck finds what is wrong between keys.
func crossCheck(c *Config, lines map[string]int) []Problem {
	var problems []Problem
	wrong := func(is bool, name, text string) {
		if is {
			problems = append(problems, Problem{lines[name], name + ": " + text})
		}
	}
	l := c.Listen
	both := c.Store.SQLite != "" && !c.Store.Postgres.IsZero()
	neither := c.Store.SQLite == "" && c.Store.Postgres.IsZero()
	wrong(both, "store.postgres", "there is store.sqlite as well: keep one of them")
	wrong(neither, "store.sqlite", "is missing, and so is store.postgres: one of them says where the records are")
	wrong(c.Domain != "" && c.Domain == c.PatientDomain, "patient_domain", "must not be the domain of the hub itself")
	wrong(c.Notices.Folder != "" && !c.TestMode, "notices.folder", "is for test mode: the codes in it let anybody in")
	wrong(c.Limits.PatientMail > c.Limits.Mail, "limits.patient_mail", "must not be more than limits.mail")
	wrong(len(l.SMTPS)+len(l.Submission)+len(l.IMAPS)+len(l.IMAP)+len(l.HTTPS) == 0, "listen.smtps", "every port is off: a hub that answers nowhere serves nobody")
	return problems
}

func syntaxProblem(err error) Problem {
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return Problem{0, "is not TOML: " + err.Error()}
	}
	line, column := d.Position()
	// The library's words, not its picture of the line: that may hold a secret.
	return Problem{line, fmt.Sprintf("column %d: %s", column, strings.TrimPrefix(d.Error(), "toml: "))}
}

// flatten gives every leaf its dotted name.
func flatten(tree map[string]any, prefix string) map[string]any {
	flat := map[string]any{}
	for k, v := range tree {
		if sub, ok := v.(map[string]any); ok && len(sub) > 0 {
			for name, leaf := range flatten(sub, prefix+k+".") {
				flat[name] = leaf
			}
			continue
		} else if ok && isTable(prefix+k) {
			continue // a table whose keys are all commented out
		}
		flat[prefix+k] = v
	}
	return flat
}

func isTable(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return strings.HasPrefix(k.name, name+".") })
}

// linesOf gives the line of each key and table of a file that is valid TOML.
func linesOf(text []byte) map[string]int {
	lines := map[string]int{}
	var p unstable.Parser
	p.Reset(text)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		line := 0
		for it := e.Key(); it.Next(); {
			n := it.Node()
			parts = append(parts, string(n.Data))
			if line == 0 {
				line = 1 + bytes.Count(text[:n.Raw.Offset], []byte("\n"))
			}
		}
		name := strings.Join(parts, ".")
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = name + "."
		case unstable.KeyValue:
			name = table + name
			inlineLines(lines, name, line, e.Value())
		}
		if lines[name] == 0 {
			lines[name] = line
		}
	}
	return lines
}

// inlineLines gives the keys of an inline table the line it stands on.
func inlineLines(lines map[string]int, prefix string, line int, v *unstable.Node) {
	if v == nil || v.Kind != unstable.InlineTable {
		return
	}
	for it := v.Children(); it.Next(); {
		var parts []string
		for k := it.Node().Key(); k.Next(); {
			parts = append(parts, string(k.Node().Data))
		}
		name := prefix + "." + strings.Join(parts, ".")
		lines[name] = line
		inlineLines(lines, name, line, it.Node().Value())
	}
}

// suggestion proposes the key that somebody meant, if one is near.
func suggestion(name string) string {
	best, distance := "", 1+max(2, len(name)/4)
	for _, k := range keys {
		d := editDistance(name, k.name)
		// The right key in the wrong table, or in none.
		if _, last, ok := strings.Cut(k.name, "."); ok && last == name[strings.LastIndexByte(name, '.')+1:] {
			d = min(d, 1)
		}
		if d < distance {
			best, distance = k.name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// editDistance is the number of letters to add, remove or replace
// (Levenshtein). Long names are not worth comparing.
func editDistance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
