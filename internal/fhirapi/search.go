package fhirapi

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"vaguemestre/internal/fhir"
)

// A criterion is one search parameter of a type of resource: what of an item it
// looks at. T is what the hub gives, not what is written: nothing is encoded
// that is not found.
type criterion[T any] struct {
	name string
	kind string // "token", "date", "string", "reference" or "uri"
	url  string // canonical address of the SearchParameter

	tokens  func(T) []token      // kinds token, reference and uri
	span    func(T) (span, bool) // kind date
	texts   func(T) []string     // kind string
	sortKey func(T) string       // where the parameter may be sorted by
}

// maxCriteria and maxValues bound a search: its parameters, and the values of
// one and, beyond one each, of all.
const (
	maxCriteria = 50
	maxValues   = 200
)

// A query is a search that was understood: tests that an item must all pass,
// and the order and number in which to give what is found.
type query[T any] struct {
	tests  []func(T) bool
	order  []order[T]
	id     func(T) string
	count  int  // of a page
	only   bool // count, and give nothing
	after  *position
	params url.Values // understood, as they were given
}

type order[T any] struct {
	key  func(T) string
	down bool
}

// A searcher reads the parameters of a search.
type searcher[T any] struct {
	criteria  []criterion[T]
	id        func(T) string
	strict    bool     // a parameter that is not known is an error
	known     []string // parameters that somebody else has read
	page      int      // greatest number of entries
	byDefault string   // _sort
}

// read understands the parameters of a search, but for those that choose the
// record.
func (s *searcher[T]) read(params url.Values) (*query[T], error) {
	q := &query[T]{id: s.id, count: min(50, s.page), params: url.Values{}}
	n, values := 0, 0
	for _, name := range sortedNames(params) {
		for _, value := range params[name] {
			values += 1 + strings.Count(value, ",")
			if n++; n > maxCriteria || values > maxCriteria+maxValues || len(value) > 8<<10 {
				return nil, invalid("La recherche est trop longue.", "The search is too long.")
			}
			if err := s.one(q, name, value); err != nil {
				return nil, err
			}
		}
	}
	if len(q.order) == 0 {
		if err := s.sort(q, s.byDefault); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (s *searcher[T]) one(q *query[T], name, value string) error {
	bare, modifier, _ := strings.Cut(name, ":")
	switch {
	case name == "_count":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return invalid("_count n'est pas un nombre.", "_count is no number.")
		}
		q.count, q.only = min(n, s.page), n == 0
		return nil
	case name == "_summary" && value == "count":
		q.only = true
		return nil
	case name == "_sort":
		q.params.Add(name, value)
		return s.sort(q, value)
	case slices.Contains(s.known, name), value == "":
		return nil
	case slices.Contains([]string{"_format", "_pretty", "_total", "_summary", "_elements", "_cursor"}, name):
		return nil
	}
	i := slices.IndexFunc(s.criteria, func(c criterion[T]) bool { return c.name == bare })
	if i < 0 {
		return s.unknown("Le paramètre "+strconv.Quote(clip(bare))+" n'est pas connu.", "Parameter "+strconv.Quote(clip(bare))+" is not known.")
	}
	test, err := s.criteria[i].test(modifier, value)
	if err != nil {
		return err
	}
	q.tests = append(q.tests, test)
	q.params.Add(name, value)
	return nil
}

// unknown is the error of what is not understood, where the client wants to
// know of it (Prefer: handling=strict); otherwise it is passed over.
func (s *searcher[T]) unknown(fr, en string) error {
	if !s.strict {
		return nil
	}
	return invalid(fr, en)
}

func (s *searcher[T]) sort(q *query[T], value string) error {
	for name := range strings.SplitSeq(value, ",") {
		name, down := strings.CutPrefix(name, "-")
		i := slices.IndexFunc(s.criteria, func(c criterion[T]) bool { return c.name == name && c.sortKey != nil })
		if i < 0 || len(q.order) > 4 {
			if err := s.unknown("On ne peut pas trier par "+strconv.Quote(clip(name))+".", "It cannot be sorted by "+strconv.Quote(clip(name))+"."); err != nil {
				return err
			}
			continue
		}
		q.order = append(q.order, order[T]{s.criteria[i].sortKey, down})
	}
	return nil
}

// clip keeps what a client sent from filling an answer.
func clip(s string) string { return s[:min(len(s), 40)] }

// test makes one test of the values of a parameter, any of which may hold.
func (c *criterion[T]) test(modifier, value string) (func(T) bool, error) {
	if modifier == "missing" {
		want := value == "true"
		return func(item T) bool { return c.missing(item) == want }, nil
	}
	values := splitValues(value)
	if len(values) > maxValues {
		return nil, invalid("La recherche énumère trop de valeurs.", "The search names too many values.")
	}
	var tests []func(T) bool
	for _, v := range values {
		test, err := c.testOne(modifier, v)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	any := func(item T) bool {
		return slices.ContainsFunc(tests, func(test func(T) bool) bool { return test(item) })
	}
	if modifier == "not" {
		return func(item T) bool { return !any(item) }, nil
	}
	return any, nil
}

func (c *criterion[T]) testOne(modifier, value string) (func(T) bool, error) {
	bad := invalid("Le modificateur "+strconv.Quote(clip(modifier))+" n'est pas disponible ici.", "Modifier "+strconv.Quote(clip(modifier))+" is not available there.")
	switch c.kind {
	case "date":
		test, err := parseDate(value)
		if err == nil && modifier != "" {
			err = bad
		}
		return func(item T) bool { sp, ok := c.span(item); return ok && test(sp) }, err
	case "string":
		by, ok := stringTests[modifier]
		if !ok {
			return nil, bad
		}
		test := by(unescape(value))
		return func(item T) bool { return slices.ContainsFunc(c.texts(item), test) }, nil
	}
	if c.kind == "reference" && modifier != "identifier" {
		if modifier != "" && !fhirType(modifier) {
			return nil, bad
		}
		id := referredID(unescape(value))
		return func(item T) bool {
			return slices.ContainsFunc(c.tokens(item), func(t token) bool { return t.system == "" && t.code == id })
		}, nil
	}
	if !slices.Contains([]string{"", "not", "identifier"}, modifier) {
		return nil, bad
	}
	want := parseToken(value)
	return func(item T) bool { return slices.ContainsFunc(c.tokens(item), want.matches) }, nil
}

func (c *criterion[T]) missing(item T) bool {
	switch {
	case c.span != nil:
		_, ok := c.span(item)
		return !ok
	case c.texts != nil:
		return len(c.texts(item)) == 0
	}
	return len(c.tokens(item)) == 0
}

// run gives the items that pass, in order, how many they are in all, and
// whether some follow.
func (q *query[T]) run(items []T) (page []T, total int, more bool) {
	found := make([]ranked, 0, len(items))
	for i, item := range items {
		if !slices.ContainsFunc(q.tests, func(test func(T) bool) bool { return !test(item) }) {
			found = append(found, ranked{q.position(item), i})
		}
	}
	slices.SortFunc(found, func(a, b ranked) int { return q.compare(a.position, b.position) })
	total = len(found)
	if q.after != nil {
		i, _ := slices.BinarySearchFunc(found, *q.after, func(k ranked, p position) int {
			if q.compare(k.position, p) <= 0 {
				return -1
			}
			return 1
		})
		found = found[i:]
	}
	n := min(q.count, len(found))
	if q.only {
		n = 0
	}
	for _, k := range found[:n] {
		page = append(page, items[k.index])
	}
	return page, total, n < len(found) && n > 0
}

// A ranked is one of the items, with where it stands.
type ranked struct {
	position
	index int
}

// A position is where an item stands in the order of a search, be it there
// still or not.
type position struct {
	Keys []string
	ID   string
}

func (q *query[T]) position(item T) position {
	p := position{ID: q.id(item)}
	for _, o := range q.order {
		p.Keys = append(p.Keys, o.key(item))
	}
	return p
}

func (q *query[T]) compare(a, b position) int {
	for i, o := range q.order {
		if i >= len(a.Keys) || i >= len(b.Keys) {
			break
		}
		if c := cmp.Compare(a.Keys[i], b.Keys[i]); c != 0 {
			if o.down {
				return -c
			}
			return c
		}
	}
	return cmp.Compare(a.ID, b.ID)
}

func sortedNames(v url.Values) []string {
	names := make([]string, 0, len(v))
	for n := range v {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// splitValues splits at the commas that are not escaped (FHIR R4, search
// §3.1.1.4.20). The parts keep their escapes.
func splitValues(s string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ',':
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func fhirType(s string) bool { return slices.Contains(fhir.Resources(), s) }

// referredID returns the id in "Type/id", in an absolute address, or by itself.
func referredID(s string) string {
	if i := strings.Index(s, "/_history/"); i >= 0 {
		s = s[:i]
	}
	return s[strings.LastIndexByte(s, '/')+1:]
}
