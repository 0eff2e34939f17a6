package policy

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a matrix file; faults beyond the limit are counted, not listed.
const (
	maxMatrix = 1 << 20 // bytes
	maxFaults = 50
	maxSource = 300 // bytes
	maxName   = 40  // bytes of a version
)

var matrixColumns = []string{"professions", "read", "codes", "mark", "source"}

// A MatrixFault is one thing to mend in a matrix file.
type MatrixFault struct {
	Line int    // 0: of the file as a whole
	What string // is wrong
	Do   string // to mend it
}

func (f MatrixFault) String() string {
	if f.Line == 0 {
		return f.What + ": " + f.Do
	}
	return fmt.Sprintf("line %d: %s: %s", f.Line, f.What, f.Do)
}

// A MatrixError is all that is wrong with a matrix file.
type MatrixError struct {
	Faults []MatrixFault
	More   int // faults that are not listed
}

// Error lists the faults, one a line.
func (e *MatrixError) Error() string {
	var b strings.Builder
	b.WriteString("policy: matrix:")
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", e.More)
	}
	return b.String()
}

// ParseMatrix reads a matrix file, whose format the shipped one explains in its
// first lines (policy/habilitations.csv). Any error is a *MatrixError with all
// faults. An unknown profession, type or class is a fault, and so are two rows
// that contradict each other: a slip must not open or close anything unseen.
func ParseMatrix(data []byte) (*Matrix, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a spreadsheet puts it there
	p := matrixParser{m: &Matrix{text: string(data)}, said: map[string]*matrixRow{}}
	switch {
	case len(data) > maxMatrix:
		p.fault(0, fmt.Sprintf("more than %d bytes", maxMatrix), "is it the right file?")
	case !utf8.Valid(data):
		p.fault(0, "not UTF-8", "save it as UTF-8")
	default:
		p.header(data)
		p.table(data)
	}
	if len(p.err.Faults) > 0 {
		slices.SortStableFunc(p.err.Faults, func(a, b MatrixFault) int { return a.Line - b.Line })
		return nil, &p.err
	}
	p.m.spread()
	return p.m, nil
}

type matrixParser struct {
	m    *Matrix
	said map[string]*matrixRow // by profession and code
	err  MatrixError
}

func (p *matrixParser) fault(line int, what, do string) {
	if len(p.err.Faults) == maxFaults {
		p.err.More++
		return
	}
	p.err.Faults = append(p.err.Faults, MatrixFault{line, what, do})
}

// header reads "# version:" and "# since:" among the comments.
func (p *matrixParser) header(data []byte) {
	line := 0
	for text := range bytes.Lines(data) {
		line++
		comment, ok := strings.CutPrefix(string(text), "#")
		if !ok {
			continue
		}
		key, value, _ := strings.Cut(comment, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "version":
			if p.m.version != "" || value == "" || len(value) > maxName || strings.ContainsFunc(value, unprintable) {
				p.fault(line, "the version is said twice, empty or too long", fmt.Sprintf("give one name of at most %d bytes", maxName))
			}
			p.m.version = value
		case "since":
			day, err := time.Parse(time.DateOnly, value)
			if err != nil || !p.m.since.IsZero() {
				p.fault(line, "the day since when the rows hold is said twice, or not understood", "write one, as # since: 2026-01-31")
			}
			p.m.since = day
		}
	}
	if p.m.version == "" {
		p.fault(0, "no version", "add a line # version: with a name of your choice")
	}
	if p.m.since.IsZero() {
		p.fault(0, "no day since when the rows hold", "add a line # since: 2026-01-31")
	}
}

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }

func (p *matrixParser) table(data []byte) {
	c := csv.NewReader(bytes.NewReader(data))
	c.Comment = '#'
	c.FieldsPerRecord = -1
	for n := 0; ; n++ {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			if n < 2 {
				p.fault(0, "no row", "everybody would be refused everything; add the rows")
			}
			return
		}
		if err != nil {
			var at *csv.ParseError
			if errors.As(err, &at) {
				p.fault(at.StartLine, "a quote is out of place", "put the whole field between quotes, and double those within; what follows was not read")
			}
			return
		}
		line, _ := c.FieldPos(0)
		switch {
		case n == 0 && !slices.Equal(rec, matrixColumns):
			p.fault(line, "this is not the heading", "write "+strings.Join(matrixColumns, ",")+" above the first row")
			return
		case n == 0:
		case len(rec) != len(matrixColumns):
			p.fault(line, fmt.Sprintf("%d columns", len(rec)), fmt.Sprintf("there are %d: %s; put a field with a comma between quotes", len(matrixColumns), strings.Join(matrixColumns, ",")))
		default:
			p.row(line, rec)
		}
	}
}

func (p *matrixParser) row(line int, rec []string) {
	row := &matrixRow{line: line, read: rec[1] == "yes", mark: rec[3], source: strings.TrimSpace(rec[4])}
	if !row.read && rec[1] != "no" {
		p.fault(line, "read is neither yes nor no", "write one of them")
	}
	if row.mark != "V" && row.mark != "S" && row.mark != "D" {
		p.fault(line, "the mark is none", "write V (official text), S (second-hand) or D (deduced)")
	}
	if row.source == "" || len(row.source) > maxSource || strings.ContainsFunc(row.source, unprintable) {
		p.fault(line, "the source is empty or too long", fmt.Sprintf("say where it comes from, in at most %d bytes", maxSource))
	}
	for f := range strings.FieldsSeq(rec[0]) {
		if _, ok := professionAt[Profession(f)]; !ok {
			p.fault(line, fmt.Sprintf("%.20q is no profession", f), "use a code of JDV_J01, such as G15_10")
			continue
		}
		row.professions = append(row.professions, Profession(f))
	}
	for f := range strings.FieldsSeq(rec[2]) {
		if !isCode(f) {
			p.fault(line, fmt.Sprintf("%.20q is neither a type nor a class", f), "use a code of JDV_J07, a class of two digits, or *")
			continue
		}
		row.codes = append(row.codes, f)
	}
	if strings.TrimSpace(rec[0]) == "" || strings.TrimSpace(rec[2]) == "" {
		p.fault(line, "no profession or no code", "name at least one of each, with spaces between")
	}
	p.add(row)
}

func isCode(s string) bool {
	if _, ok := typeAt[s]; ok || s == everything {
		return true
	}
	return s != "" && slices.ContainsFunc(classes, func(c class) bool { return c.code == s })
}

// add keeps a row unless another one says the contrary, or the same, of one
// profession and one code.
func (p *matrixParser) add(row *matrixRow) {
	for _, who := range row.professions {
		for _, code := range row.codes {
			key := string(who) + " " + code
			if was := p.said[key]; was != nil {
				p.fault(row.line, fmt.Sprintf("%s and %s are spoken of in line %d already", who, code, was.line), "keep one of the two")
				continue
			}
			p.said[key] = row
		}
	}
	p.m.rows = append(p.m.rows, row)
}
