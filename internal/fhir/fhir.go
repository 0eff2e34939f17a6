// Package fhir is HL7 FHIR R4 (4.0.1) as far as this hub speaks it: reading
// JSON within limits, checking it against a table of the elements that there
// are, and small types for the resources that the hub writes and reads.
//
// It is pure: no I/O, no profile of any country, no opinion on what a resource
// means. XML is not spoken. The table, elements.txt, is generated from the
// definitions of HL7 (npm/elements.mjs).
//
// It promises that a hostile document costs at most its limits, and that what
// Check accepts has no element that FHIR does not know, none too many or too
// few, no value of a wrong form and no code outside a required value set.
package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"vaguemestre/internal/fault"
)

// MediaType is what FHIR JSON is called on the wire.
const MediaType = "application/fhir+json"

// Version is the release of FHIR that this package knows.
const Version = "4.0.1"

// Limits bound what one resource may cost. A zero field means its default.
type Limits struct {
	Bytes  int // default 8 MiB
	Depth  int // of objects and lists within each other; default 32
	Values int // of all kinds; default 100 000
}

func (l Limits) or() Limits {
	if l.Bytes == 0 {
		l.Bytes = 8 << 20
	}
	if l.Depth == 0 {
		l.Depth = 32
	}
	if l.Values == 0 {
		l.Values = 100_000
	}
	return l
}

// Decode reads one JSON object. Numbers are json.Number, so that no digit is
// lost. Above a limit it is fault.TooLarge; what is no JSON object, or names a
// property twice, is fault.Invalid. Errors carry no content.
func Decode(data []byte, lim Limits) (map[string]any, error) {
	lim = lim.or()
	if len(data) > lim.Bytes {
		return nil, fmt.Errorf("fhir: decode: %d bytes: %w", len(data), fault.TooLarge)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("fhir: decode: not UTF-8: %w", fault.Invalid)
	}
	d := decoder{json.NewDecoder(bytes.NewReader(data)), lim.Depth, lim.Values}
	d.UseNumber()
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	o, ok := v.(map[string]any)
	if _, err := d.Token(); !ok || !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("fhir: decode: not one JSON object: %w", fault.Invalid)
	}
	return o, nil
}

// A decoder builds values from tokens, counting as it goes.
type decoder struct {
	*json.Decoder
	depth, values int // left
}

func (d *decoder) value() (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("fhir: decode: not JSON: %w", fault.Invalid)
	}
	if d.values--; d.values < 0 {
		return nil, fmt.Errorf("fhir: decode: too many values: %w", fault.TooLarge)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if d.depth--; d.depth < 0 {
		return nil, fmt.Errorf("fhir: decode: too deep: %w", fault.TooLarge)
	}
	defer func() { d.depth++ }()
	if open == '[' {
		return d.list()
	}
	return d.object()
}

func (d *decoder) list() (any, error) {
	list := []any{}
	for d.More() {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, d.end()
}

func (d *decoder) object() (any, error) {
	o := map[string]any{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("fhir: decode: not JSON: %w", fault.Invalid)
		}
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("fhir: decode: a property is there twice: %w", fault.Invalid)
		}
		if o[name], err = d.value(); err != nil {
			return nil, err
		}
	}
	return o, d.end()
}

// end reads the delimiter that closes a list or an object.
func (d *decoder) end() error {
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("fhir: decode: not JSON: %w", fault.Invalid)
	}
	return nil
}
