package fhirapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"

	"vaguemestre/internal/fhir"
	"vaguemestre/internal/pdsm"
)

// A cursor is where a page ends, and of which search. It is sealed, so that the
// address of the next page says nothing of what was searched for.
type cursor struct {
	Kind   string
	Actor  string // whose search it is: a cursor is of use to nobody else
	Record string
	Params url.Values
	Count  int
	After  position
}

// cursors seals them. A cursor is of use as long as the key lasts.
type cursors struct{ aead cipher.AEAD }

func newCursors(key []byte) (cursors, error) {
	if len(key) == 0 {
		key = make([]byte, 32)
		rand.Read(key) // never fails, see crypto/rand
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return cursors{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return cursors{aead}, err
}

func (k cursors) seal(c cursor) (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(k.aead.Seal(nil, nil, text, nil)), nil
}

func (k cursors) open(s string) (c cursor, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		sealed, err = k.aead.Open(nil, nil, sealed, nil)
	}
	if err == nil {
		err = json.Unmarshal(sealed, &c)
	}
	if err != nil {
		return c, invalid("Cette page n'est plus disponible : recommencez la recherche.", "This page is no longer available: search again.")
	}
	return c, nil
}

// A listing is how one type of resource is searched.
type listing[T any] struct {
	criteria  []criterion[T]
	byDefault string                                    // _sort
	id        func(T) string                            // of an item
	items     func(c *call, record string) ([]T, error) // of a record, or of everything one may see
	write     func(c *call, item T) any                 // as a resource
	known     []string                                  // parameters that choose the record
	record    func(c *call) (record string, err error)  // chosen by the parameters
}

// search answers a search: filter, then count, then page.
func (l *listing[T]) search(c *call) (answer, error) {
	params, record, after, err := l.where(c)
	if err != nil {
		return answer{}, err
	}
	s := searcher[T]{l.criteria, l.id, c.prefers("handling=strict"), l.known, c.cfg.Limits.Page, l.byDefault}
	q, err := s.read(params)
	if err != nil {
		return answer{}, err
	}
	q.after = after
	var items []T
	if record != nowhere {
		if items, err = l.items(c, record); err != nil {
			return answer{}, err
		}
	}
	page, total, more := q.run(items)
	b := fhir.Bundle{Kind: "Bundle", Type: "searchset", Total: &total, Timestamp: pdsm.Stamp(c.cfg.Now()), Meta: &fhir.Meta{LastUpdated: pdsm.Stamp(c.cfg.Now())}}
	b.Link = append(b.Link, fhir.BundleLink{Relation: "self", URL: c.self(q.params, record, params.Get("_count"))})
	if more {
		next, err := c.cursors.seal(cursor{c.kind, c.actor.Address.Canonical(), record, q.params, q.count, q.position(page[len(page)-1])})
		if err != nil {
			return answer{}, err
		}
		b.Link = append(b.Link, fhir.BundleLink{Relation: "next", URL: c.cfg.Base + "/" + c.kind + "?_cursor=" + next})
	}
	for _, item := range page {
		b.Entry = append(b.Entry, fhir.BundleEntry{
			FullURL: c.url(c.kind, l.id(item)), Resource: l.write(c, item), Search: &fhir.BundleSearch{Mode: "match"}})
	}
	return answer{resource: b}, nil
}

// nowhere is the record of a search for somebody who has none, or none that may
// be seen: it finds nothing.
const nowhere = "-"

// where reads which record is searched, with which parameters, from where on.
func (l *listing[T]) where(c *call) (params url.Values, record string, after *position, err error) {
	if sealed := c.query.Get("_cursor"); sealed != "" {
		cur, err := c.cursors.open(sealed)
		if err == nil && (cur.Kind != c.kind || cur.Actor != c.actor.Address.Canonical()) {
			err = notFound()
		}
		if err != nil {
			return nil, "", nil, err
		}
		cur.Params.Set("_count", itoa(cur.Count))
		return cur.Params, cur.Record, &cur.After, nil
	}
	record, err = l.record(c)
	return c.query, record, nil, err
}

// self is the address of a search as it was understood. Who it is about is
// named by the record, never by a matricule.
func (c *call) self(params url.Values, record, count string) string {
	v := url.Values{}
	for name, values := range params {
		v[name] = values
	}
	if record != "" && record != nowhere && c.kind != "Patient" {
		v.Set("patient", "Patient/"+record)
	}
	if count != "" {
		v.Set("_count", count)
	}
	u := c.cfg.Base + "/" + c.kind
	if len(v) > 0 {
		u += "?" + v.Encode()
	}
	return u
}
