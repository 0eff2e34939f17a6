package audit

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/policy"
)

// A Line is an entry as it is handed out to people and to their programs: what
// is stored, its kind and group, and its sentences.
type Line struct {
	Trail        string    `json:"trail,omitempty"` // opaque name of the space, where there are several
	Number       uint64    `json:"number"`          // in that trail, from 1
	Time         time.Time `json:"time"`
	Kind         Kind      `json:"kind"`
	Group        Group     `json:"group"`
	Actor        string    `json:"actor,omitempty"`
	ActorName    string    `json:"actorName,omitempty"`
	Role         string    `json:"role,omitempty"`
	RPPS         string    `json:"rpps,omitempty"`
	Profession   string    `json:"profession,omitempty"`
	Organisation string    `json:"organisation,omitempty"`
	OnBehalf     string    `json:"onBehalf,omitempty"`
	Means        string    `json:"means,omitempty"`
	Session      string    `json:"session,omitempty"`
	Act          string    `json:"act"`
	Object       string    `json:"object,omitempty"`
	Title        string    `json:"title,omitempty"` // of the document, where the reader may see it
	Rule         string    `json:"rule,omitempty"`
	Reason       string    `json:"reason,omitempty"`
	Refused      bool      `json:"refused"`
	Emergency    bool      `json:"emergency"`
	FR           string    `json:"fr"`
	EN           string    `json:"en"`
}

// LineOf makes the line of an entry. Its sentences say why it was allowed or
// refused too, in the words of policy.
func LineOf(n uint64, e Entry) Line {
	l := Line{
		Number: n, Time: e.Time, Kind: e.Kind(), Group: e.Group(), Actor: e.Actor, ActorName: e.ActorName, Role: e.Role,
		RPPS: e.RPPS, Profession: string(e.Profession), Organisation: e.Organisation, OnBehalf: e.OnBehalf,
		Means: e.Means, Session: e.Session, Act: e.Act, Object: e.Object, Rule: e.Rule, Reason: e.Reason,
		Refused: e.Refused, Emergency: e.Emergency,
	}
	l.FR, l.EN = Sentence(e)
	why := policy.Explain(e.Rule)
	if e.Rule == policy.DefaultDeny || why != policy.Explain(policy.DefaultDeny) { // a rule of the door has none
		l.FR, l.EN = l.FR+" "+why.FR, l.EN+" "+why.EN
	}
	return l
}

// A Format is how lines are written for programs.
type Format string

// The formats.
const (
	NDJSON Format = "ndjson" // one JSON object a line
	CSV    Format = "csv"    // RFC 4180 in UTF-8, with a line of names; opens in a spreadsheet
)

// NewLineWriter returns what writes lines in a format, and what ends it. A
// format that is none of them is fault.Invalid.
func NewLineWriter(w io.Writer, f Format) (write func(Line) error, end func() error, err error) {
	switch f {
	case NDJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return func(l Line) error { return enc.Encode(l) }, func() error { return nil }, nil
	case CSV:
		out := csv.NewWriter(w)
		out.UseCRLF = true
		if err := out.Write(columns); err != nil {
			return nil, nil, fmt.Errorf("audit: csv: %w", err)
		}
		return func(l Line) error { return out.Write(l.cells()) },
			func() error { out.Flush(); return out.Error() }, nil
	}
	return nil, nil, fmt.Errorf("audit: format %.20q: %w", f, fault.Invalid)
}

var columns = []string{"trail", "number", "time", "kind", "group", "actor", "actorName", "role", "rpps", "profession",
	"organisation", "onBehalf", "means", "session", "act", "object", "title", "rule", "reason", "refused", "emergency", "fr", "en"}

func (l Line) cells() []string {
	cells := []string{l.Trail, fmt.Sprint(l.Number), l.Time.Format(time.RFC3339Nano), string(l.Kind), string(l.Group),
		l.Actor, l.ActorName, l.Role, l.RPPS, l.Profession, l.Organisation, l.OnBehalf, l.Means, l.Session,
		l.Act, l.Object, l.Title, l.Rule, l.Reason, fmt.Sprint(l.Refused), fmt.Sprint(l.Emergency), l.FR, l.EN}
	for i, c := range cells {
		cells[i] = inert(c)
	}
	return cells
}

// inert keeps a spreadsheet from taking text for a formula: a reason or a name
// may come from anybody.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
