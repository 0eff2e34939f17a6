package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

// A court is a hub with two trails of six entries, an hour apart, and a journal
// with a checkpoint after each pair of hours.
type court struct {
	t             testing.TB
	owner, escrow person
	stranger      person
	k             *keyring.AuditKey
	index         *keyring.IndexKey
	memory        *memstore.Store
	path          string
}

func hour(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

func newCourt(t *testing.T) *court {
	c := &court{t: t, k: keyring.NewAuditKey(), index: keyring.NewIndexKey(), memory: memstore.New(),
		path: filepath.Join(t.TempDir(), "journal")}
	c.owner, c.escrow, c.stranger = newPeople(t)
	j, err := OpenJournal(c.path, c.k.Public())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		heads := map[store.Part]Mark{}
		for _, part := range []store.Part{"p1", "p2"} {
			key, err := NewKey(c.owner.cert, c.escrow.cert)
			if err != nil {
				t.Fatal(err)
			}
			e := filing
			e.Time, e.Object = hour(4*i), fmt.Sprintf("%s-%d", part, i)
			if part == "p2" {
				e.RPPS, e.Actor = "20002222222", "hoda.adam@hopital.test"
			}
			c.update(part, func(w store.Writer) error { return Append(w, c.scope(part), key, e, e) })
			heads[part] = c.head(part)
		}
		if _, err := j.Append(c.k, hour(4*i+1), heads, 1); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *court) scope(part store.Part) fact.Scope { return fact.Scope{Key: c.index, Part: part} }

func (c *court) update(part store.Part, fn func(store.Writer) error) {
	c.t.Helper()
	if err := c.memory.Update(c.t.Context(), part, fn); err != nil {
		c.t.Fatal(err)
	}
}

func (c *court) head(part store.Part) (m Mark) {
	err := c.memory.View(c.t.Context(), part, func(r store.Reader) (err error) {
		m, err = Head(r, c.scope(part))
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// seal exports both trails.
func (c *court) seal(from, to time.Time) []byte {
	c.t.Helper()
	told, err := ReadJournal(c.path, c.k.Public())
	if err != nil {
		c.t.Fatal(err)
	}
	periods, err := Periods(c.path, c.k.Public(), from, to)
	if err != nil {
		c.t.Fatal(err)
	}
	var out bytes.Buffer
	s, err := NewSealer(&out, c.k, SealedHeader{Made: noon, By: "marie", From: from, To: to})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, part := range []store.Part{"p1", "empty", "p2"} {
		err := c.memory.View(c.t.Context(), part, func(r store.Reader) error {
			t, err := SealTrail(r, c.scope(part), told, periods[part])
			if err != nil {
				return err
			}
			return s.Add(t)
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		c.t.Fatal(err)
	}
	return out.Bytes()
}

// read opens an export and returns the objects of its lines.
func (c *court) read(file []byte, how Reading) (objects []string, rep SealedReport, err error) {
	rep, err = ReadSealed(bytes.NewReader(file), how, func(l Line) error {
		objects = append(objects, l.Object)
		return nil
	})
	return objects, rep, err
}

func TestTheEscrowOpensASealedExport(t *testing.T) {
	c := newCourt(t)
	file := c.seal(time.Time{}, time.Time{})
	got, rep, err := c.read(file, Reading{Escrow: c.escrow.key, Public: c.k.Public()})
	if err != nil || len(got) != 24 || rep.Trails != 2 || rep.Proven != 2 || rep.Unchecked != 0 || rep.Entries != 24 || rep.Written != 24 {
		t.Fatalf("%d lines, %+v, %v", len(got), rep, err)
	}
	if _, _, err := c.read(file, Reading{Escrow: c.stranger.key}); !errors.Is(err, fault.Corrupt) {
		t.Errorf("a stranger: %v", err)
	}
	if got, rep, err := c.read(file, Reading{}); err != nil || len(got) != 0 || rep.Proven != 2 {
		t.Errorf("verified only: %v, %+v, %v", got, rep, err)
	}
	if _, _, err := c.read(file, Reading{Public: keyring.NewAuditKey().Public()}); !errors.Is(err, fault.Corrupt) {
		t.Errorf("held against another hub's key: %v", err)
	}
	for _, word := range []string{"THOMAS", "adam", "send-mail", "p1-"} {
		if bytes.Contains(file, []byte(word)) {
			t.Errorf("the file shows %q", word)
		}
	}
}

func TestASealedExportIsFiltered(t *testing.T) {
	c := newCourt(t)
	file := c.seal(time.Time{}, time.Time{})
	for name, f := range map[string]struct {
		Filter
		want string
	}{
		"one professional by RPPS": {Filter{Professionals: []string{"20002222222"}, From: hour(20)}, "[p2-5 p2-5]"},
		"by address in capitals":   {Filter{Professionals: []string{"HODA.ADAM@hopital.test", "x"}, To: hour(1)}, "[p2-0 p2-0]"},
		"a period":                 {Filter{From: hour(4), To: hour(8)}, "[p1-1 p1-1 p2-1 p2-1]"},
		"emergencies":              {Filter{Emergency: true}, "[]"},
		"nobody":                   {Filter{Professionals: []string{""}}, "[]"},
	} {
		if got, _, err := c.read(file, Reading{Escrow: c.escrow.key, Filter: f.Filter}); fmt.Sprint(got) != f.want || err != nil {
			t.Errorf("%s: %v, %v, want %s", name, got, err, f.want)
		}
	}
}

func TestASealedExportHidesWhatIsOutsideOfThePeriod(t *testing.T) {
	c := newCourt(t)
	all := c.seal(time.Time{}, time.Time{})
	some := c.seal(hour(12), hour(16))
	if len(some) > len(all)/2 {
		t.Errorf("%d bytes for a sixth of %d", len(some), len(all))
	}
	got, rep, err := c.read(some, Reading{Escrow: c.escrow.key, Public: c.k.Public()})
	if err != nil || rep.Proven != 2 || rep.Entries >= 12 {
		t.Fatalf("%+v, %v", rep, err)
	}
	for _, want := range []string{"p1-3", "p2-3"} {
		if !strings.Contains(fmt.Sprint(got), want) {
			t.Errorf("%s is not in %v", want, got)
		}
	}
	for _, hidden := range []string{"p1-0", "p1-1", "p2-5"} {
		if strings.Contains(fmt.Sprint(got), hidden) {
			t.Errorf("%s is in %v", hidden, got)
		}
	}
}

func TestASealedExportThatWasChangedIsCorrupt(t *testing.T) {
	c := newCourt(t)
	file := c.seal(hour(12), hour(16))
	lines := bytes.SplitAfter(file, []byte("\n"))
	lines = lines[:len(lines)-1]
	broken := map[string][]byte{"nothing": nil, "more after its end": append(bytes.Clone(file), "{}\n"...)}
	for i := range lines {
		broken[fmt.Sprintf("without line %d", i)] = bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
		broken[fmt.Sprintf("cut after line %d", i)] = bytes.Join(lines[:i], nil)
		if i > 0 {
			swapped := append([][]byte{}, lines...)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			broken[fmt.Sprintf("lines %d and %d swapped", i-1, i)] = bytes.Join(swapped, nil)
		}
	}
	for i := range 300 {
		b := bytes.Clone(file)
		at := i * (len(file) - 1) / 300
		b[at] ^= 1
		broken[fmt.Sprintf("byte %d changed", at)] = b
	}
	for name, text := range broken {
		if _, _, err := c.read(text, Reading{Public: c.k.Public()}); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v, want Corrupt", name, err)
		}
	}
}

// TestASealedExportSaysWhereATrailWasCut exports a trail that lost its past.
func TestASealedExportSaysWhereATrailWasCut(t *testing.T) {
	c := newCourt(t)
	c.update("p1", func(w store.Writer) error {
		if done, err := Expire(w, c.scope("p1"), c.k, noon); err != nil || !done {
			return fmt.Errorf("expire: %v, %v", done, err)
		}
		key, err := NewKey(c.escrow.cert)
		if err != nil {
			return err
		}
		return Append(w, c.scope("p1"), key, Entry{Time: hour(30), Act: "why", Object: "after"})
	})
	got, rep, err := c.read(c.seal(time.Time{}, time.Time{}), Reading{Escrow: c.escrow.key, Public: c.k.Public()})
	if err != nil || len(got) != 13 || got[0] != "after" || rep.Proven != 2 {
		t.Errorf("%v, %+v, %v", got, rep, err)
	}
}

func FuzzReadSealed(f *testing.F) {
	f.Add([]byte(`{"header":{"format":"vaguemestre sealed trail 1","made":"2026-11-21T12:00:00Z","by":"x","public":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}` + "\n" +
		`{"trail":{"part":"p","head":{"Count":1,"Hash":"AA=="}}}` + "\n" + `{"key":{"id":"abcdefghij","value":"AQ=="}}` + "\n" +
		`{"entry":{"number":1,"first":true,"value":"AWFiY2RlZmdoaWo="}}` + "\n" + `{"hidden":["AA=="]}` + "\n" + `{"end":{"trails":1,"entries":1,"sum":"AA=="}}` + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		// Nobody has signed it.
		if rep, err := ReadSealed(bytes.NewReader(file), Reading{Public: ed25519.PublicKey(make([]byte, 32))}, func(Line) error { return nil }); err == nil {
			t.Errorf("it is taken for whole: %+v", rep)
		}
	})
}

// TestASealedExportNeedsAllWhoHoldTheEscrow gives the three files of the escrow
// to three people.
func TestASealedExportNeedsAllWhoHoldTheEscrow(t *testing.T) {
	c := newCourt(t)
	made := t.TempDir()
	cert, err := keyring.MakeEscrow(made)
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(made)
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v, want three files", files, err)
	}
	var people []string
	for _, f := range files {
		person := t.TempDir()
		if err := os.Rename(filepath.Join(made, f.Name()), filepath.Join(person, f.Name())); err != nil {
			t.Fatal(err)
		}
		people = append(people, person)
	}
	key, err := NewKey(cert)
	if err != nil {
		t.Fatal(err)
	}
	c.update("p3", func(w store.Writer) error { return Append(w, c.scope("p3"), key, filing) })
	var file bytes.Buffer
	s, err := NewSealer(&file, c.k, SealedHeader{Made: noon, By: "marie"})
	if err != nil {
		t.Fatal(err)
	}
	err = c.memory.View(t.Context(), "p3", func(r store.Reader) error {
		one, err := SealTrail(r, c.scope("p3"), History{}, Period{})
		return errors.Join(err, s.Add(one))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	for i := range people {
		if _, err := keyring.OpenEscrow(people[i], people[(i+1)%3]); !errors.Is(err, fault.NotFound) {
			t.Errorf("two of three open it: %v", err)
		}
	}
	escrow, err := keyring.OpenEscrow(people...)
	if err != nil {
		t.Fatal(err)
	}
	got, rep, err := c.read(file.Bytes(), Reading{Escrow: escrow})
	if err != nil || len(got) != 1 || got[0] != filing.Object || rep.Unchecked != 1 || rep.Proven != 0 {
		t.Errorf("all three read %v, %+v, %v", got, rep, err)
	}
}
