package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

func (s safe) get(id string) (d Document, err error) {
	s.view(func(r store.Reader) error {
		d, err = Get(r, s.Scope, s.key, id)
		return nil
	})
	return d, err
}

func (s safe) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// change gives a document other states.
func (s safe) change(id string, f Flags) (d Document) {
	s.t.Helper()
	s.update(func(w store.Writer) (err error) {
		if d, err = Get(w, s.Scope, s.key, id); err == nil {
			d, err = Change(w, s.Scope, d, f, noon)
		}
		return err
	})
	return d
}

func TestADocumentIsFoundByItsID(t *testing.T) {
	s := newSafe(t)
	var entries []Entry
	for _, title := range []string{"un", "deux", "trois"} {
		entries = append(entries, entry(title))
		s.add(entries[len(entries)-1], Masked)
	}
	for i, e := range entries {
		d, err := s.get(e.EntryUUID)
		if err != nil || d.ID != e.EntryUUID || d.Seq != uint64(i+1) || !reflect.DeepEqual(d.Entry, e) || d.Flags != Masked {
			t.Errorf("document %d is %+v, %v", i+1, d, err)
		}
	}
	for _, id := range []string{"", "x", NewID(), entries[0].UniqueID, entries[0].EntryUUID + "x"} {
		if _, err := s.get(id); !errors.Is(err, fault.NotFound) {
			t.Errorf("Get(%q) = %v, want NotFound", id, err)
		}
	}
	// The index leads to another document: it is not taken for the one asked for.
	s.update(func(w store.Writer) error {
		f, _, err := FiledAs(w, s.Scope, entries[0].EntryUUID)
		f.Seq = 2
		return errors.Join(err, fact.Put(w, s.Scope, "doc/i/"+entries[0].EntryUUID, f))
	})
	if _, err := s.get(entries[0].EntryUUID); !errors.Is(err, fault.Corrupt) {
		t.Errorf("an index that leads elsewhere: %v, want Corrupt", err)
	}
}

// fillAll gives every field below v something that is not zero.
func fillAll(v reflect.Value, n *int) {
	switch *n++; v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(noon.Add(time.Duration(*n) * time.Second)))
			return
		}
		for i := range v.NumField() {
			fillAll(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fillAll(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("%026d", *n)) // as long as an ID
	case reflect.Int64:
		v.SetInt(int64(*n))
	default:
		panic(v.Kind())
	}
}

func TestEveryFieldOfAnEntryComesBack(t *testing.T) {
	s := newSafe(t)
	var e Entry
	n := 0
	fillAll(reflect.ValueOf(&e).Elem(), &n)
	s.add(e, 0)
	d, err := s.get(e.EntryUUID)
	if err != nil || !reflect.DeepEqual(d.Entry, e) {
		t.Errorf("it comes back as %+v, %v, want %+v", d.Entry, err, e)
	}
	if bytes, err := s.bytes(); err != nil || bytes != 0 {
		t.Errorf("a document that came by mail counts %d bytes, %v", bytes, err)
	}
	e.EntryUUID, e.MessageID, e.UniqueID = NewID(), "", ""
	s.add(e, 0)
	s.add(e, 0)
	if bytes, err := s.bytes(); err != nil || bytes != 2*e.Size {
		t.Errorf("two that came otherwise count %d bytes, %v, want %d", bytes, err, 2*e.Size)
	}
}

func (s safe) bytes() (n int64, err error) {
	s.view(func(r store.Reader) error {
		n, err = Bytes(r)
		return nil
	})
	return n, err
}

func TestWhatIsToldOfADocumentIsChecked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(w store.Writer, s safe, e Entry) error
		want   error
	}{
		{"nothing", func(store.Writer, safe, Entry) error { return nil }, nil},
		{"a new version", func(w store.Writer, s safe, e Entry) error {
			f, _, err := FiledAs(w, s.Scope, e.EntryUUID)
			f.LogicalID, f.Replaces = NewID(), NewID()
			return errors.Join(err, fact.Put(w, s.Scope, "doc/i/"+e.EntryUUID, f))
		}, nil},
		{"another author", func(w store.Writer, s safe, e Entry) error {
			f, _, err := FiledAs(w, s.Scope, e.EntryUUID)
			f.FiledBy = "another"
			return errors.Join(err, fact.Put(w, s.Scope, "doc/i/"+e.EntryUUID, f))
		}, fault.Corrupt},
		{"nothing told", func(w store.Writer, s safe, e Entry) error { w.Delete("doc/i/" + e.EntryUUID); return nil }, fault.Corrupt},
		{"no uniqueId", func(w store.Writer, s safe, e Entry) error { w.Delete(uniqueKey(s.Scope, e.UniqueID)); return nil }, fault.Corrupt},
	} {
		s, e := newSafe(t), entry("un")
		s.add(e, 0)
		s.update(func(w store.Writer) error { return c.change(w, s, e) })
		s.view(func(r store.Reader) error {
			for d, err := range Documents(r, s.Scope, s.key, 1) {
				s.must(err)
				if err := Check(r, s.Scope, d); !errors.Is(err, c.want) {
					t.Errorf("%s: Check = %v, want %v", c.name, err, c.want)
				}
			}
			return nil
		})
	}
}

// addOld writes a document as version 1 did.
func (s safe) addOld(e Entry, f Flags) {
	s.t.Helper()
	session, wraps, err := keyring.NewSession(s.cert)
	s.must(err)
	s.update(func(w store.Writer) error {
		if err := Add(w, s.Scope, e, f, session, wraps); err != nil {
			return err
		}
		seq, err := Next(w)
		if err != nil {
			return err
		}
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		v, err := w.Get(entryKey(seq - 1))
		if err != nil {
			return err
		}
		head := append([]byte{1}, v[1:2+idLength+2+len(wraps)]...) // the length takes two bytes
		w.Put(entryKey(seq-1), session.SealValue(head, text, string(s.Part)+"/doc/"+e.EntryUUID))
		w.Delete("doc/i/" + e.EntryUUID)
		return nil
	})
}

func TestDocumentsOfVersion1StillOpen(t *testing.T) {
	s := newSafe(t)
	old, other := entry("un"), entry("deux")
	s.addOld(old, ToVerify)
	s.add(other, 0)
	d, err := s.get(old.EntryUUID)
	if err != nil || !reflect.DeepEqual(d.Entry, old) || d.Flags != ToVerify || d.Seq != 1 {
		t.Errorf("it is %+v, %v", d, err)
	}
	if list, err := s.documents(1); err != nil || len(list) != 2 {
		t.Errorf("the list is %v, %v", list, err)
	}
	if d := s.change(old.EntryUUID, Archived); d.Flags != Archived || d.Entry.EntryUUID == old.EntryUUID {
		t.Errorf("changed, it is %+v", d)
	}
	if d, err := s.get(old.EntryUUID); err != nil || d.Flags != Archived {
		t.Errorf("and then %+v, %v", d, err)
	}
}

func TestReplacingKeepsTheVersionsOfADocumentTogether(t *testing.T) {
	s := newSafe(t)
	a, b, c, other := entry("a"), entry("b"), entry("c"), entry("other")
	// a is replaced by b, and b by c.
	for _, e := range []Entry{a, b, c, other} {
		s.add(e, 0)
	}
	replace := func(old, by string) (err error) {
		s.must(s.memory.Update(t.Context(), s.Part, func(w store.Writer) error {
			f, _, fail := FiledAs(w, s.Scope, old)
			if fail != nil {
				return fail
			}
			err = Replace(w, s.Scope, f, by, noon)
			return nil
		}))
		return err
	}
	s.must(replace(a.EntryUUID, b.EntryUUID))
	s.must(replace(b.EntryUUID, c.EntryUUID))
	if err := replace(a.EntryUUID, c.EntryUUID); !errors.Is(err, fault.Conflict) {
		t.Errorf("replaced twice: %v, want Conflict", err)
	}
	if err := replace(other.EntryUUID, b.EntryUUID); !errors.Is(err, fault.Conflict) {
		t.Errorf("two replaced by one: %v, want Conflict", err)
	}
	if err := replace(other.EntryUUID, NewID()); !errors.Is(err, fault.NotFound) {
		t.Errorf("replaced by nothing: %v, want NotFound", err)
	}
	list, err := s.documents(1)
	s.must(err)
	for i, want := range []struct {
		flags   Flags
		by      string
		logical string
	}{
		{Superseded, b.EntryUUID, a.LogicalID},
		{Superseded, c.EntryUUID, a.LogicalID},
		{0, "", a.LogicalID},
		{0, "", other.LogicalID},
	} {
		one, err := s.get(list[i].ID)
		s.must(err)
		for _, d := range []Document{list[i], one} {
			if d.Flags != want.flags || d.ReplacedBy != want.by || d.Entry.LogicalID != want.logical {
				t.Errorf("document %d is %b, replaced by %q, logically %q", i, d.Flags, d.ReplacedBy, d.Entry.LogicalID)
			}
		}
	}
	// A change of states keeps Superseded, and none sets it.
	if d := s.change(a.EntryUUID, Masked); d.Flags != Masked|Superseded {
		t.Errorf("an old version masked is %b", d.Flags)
	}
	if d := s.change(other.EntryUUID, Superseded|Masked); d.Flags != Masked {
		t.Errorf("said to be superseded it is %b", d.Flags)
	}
	s.view(func(r store.Reader) error {
		same, err := Unchanged(r, s.Scope, list[3])
		if err != nil || same {
			t.Errorf("a document that was masked meanwhile is unchanged: %t, %v", same, err)
		}
		return nil
	})
}

func TestStatesCannotBeForgedOrTakenAway(t *testing.T) {
	s := newSafe(t)
	e := entry("un")
	s.add(e, 0)
	s.change(e.EntryUUID, Masked)
	key := "doc/s/" + e.EntryUUID
	masked := s.value(key)
	check := func(what string) {
		t.Helper()
		if d, err := s.get(e.EntryUUID); !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %b, %v, want Corrupt", what, d.Flags, err)
		}
		if list, err := s.documents(1); !errors.Is(err, fault.Corrupt) || len(list) != 0 {
			t.Errorf("%s: the list is %v, %v, want Corrupt", what, list, err)
		}
	}
	s.update(func(w store.Writer) error {
		return fact.Put(w, s.Scope, key, State{e.EntryUUID, NewID(), 0, noon})
	})
	check("unmasked by one who does not sign")
	s.update(func(w store.Writer) error { w.Delete(key); return nil })
	check("the state taken away")
	s.update(func(w store.Writer) error { w.Put(key, masked); return nil })
	if d, err := s.get(e.EntryUUID); err != nil || d.Flags != Masked {
		t.Errorf("put back, it is %b, %v", d.Flags, err)
	}
}

func TestWhatWaitsIsKnownUntilItDoesNot(t *testing.T) {
	s := newSafe(t)
	hidden, doubtful := entry("un"), entry("deux")
	s.add(hidden, HiddenFromPatient)
	s.add(doubtful, ToVerify)
	waiting := func() string {
		var out string
		s.view(func(r store.Reader) error {
			a, err := Announcements(r, s.Scope)
			s.must(err)
			d, err := Doubts(r, s.Scope)
			s.must(err)
			for _, w := range a {
				out += fmt.Sprintf("announcement of %t, told %t; ", w.ID == hidden.EntryUUID && w.Filed.Equal(noon), !w.Told.IsZero())
			}
			for _, w := range d {
				out += fmt.Sprintf("doubt of %t: %v", w.ID == doubtful.EntryUUID && w.Sender == doubtful.Sender, w.Reasons)
			}
			return nil
		})
		return out
	}
	if got, want := waiting(), "announcement of true, told false; doubt of true: [name]"; got != want {
		t.Errorf("%q waits, want %q", got, want)
	}
	s.update(func(w store.Writer) error {
		a, err := Announcements(w, s.Scope)
		s.must(err)
		return Told(w, s.Scope, a[0], noon)
	})
	s.change(hidden.EntryUUID, HiddenFromPatient|Archived) // which does not forget that the patient was told
	s.change(doubtful.EntryUUID, ToVerify|Deleted)
	if got, want := waiting(), "announcement of true, told true; "; got != want {
		t.Errorf("%q waits, want %q", got, want)
	}
	s.change(hidden.EntryUUID, 0)
	if got := waiting(); got != "" {
		t.Errorf("%q waits still", got)
	}
}

// TestTheCacheShowsWhatTheStoreDoes plays acts on a record, and compares what
// the cache gives with what is read anew.
func TestTheCacheShowsWhatTheStoreDoes(t *testing.T) {
	s := newSafe(t)
	rapid.Check(t, func(rt *rapid.T) {
		s.update(Erase)
		s.update(fact.EraseRights)
		c := NewCache(rapid.SampledFrom([]int64{0, 20_000, 1 << 20}).Draw(rt, "bytes"))
		var ids []string
		for range rapid.IntRange(1, 12).Draw(rt, "acts") {
			switch act := rapid.IntRange(0, 4).Draw(rt, "act"); {
			case act <= 1 || len(ids) == 0:
				e := entry(fmt.Sprint(len(ids)))
				s.add(e, Flags(rapid.IntRange(0, 127).Draw(rt, "flags"))&^Superseded)
				ids = append(ids, e.EntryUUID)
			case act == 2:
				s.change(rapid.SampledFrom(ids).Draw(rt, "changed"), Flags(rapid.IntRange(0, 127).Draw(rt, "flags")))
			case act == 3:
				old, by := rapid.SampledFrom(ids).Draw(rt, "old"), rapid.SampledFrom(ids).Draw(rt, "new")
				s.update(func(w store.Writer) error {
					f, _, err := FiledAs(w, s.Scope, old)
					if err == nil && old != by {
						if err = Replace(w, s.Scope, f, by, noon); errors.Is(err, fault.Conflict) {
							return nil
						}
					}
					return err
				})
			case act == 4:
				c.Forget(s.Part)
			}
			want, err := s.documents(1)
			s.must(err)
			s.view(func(r store.Reader) error {
				got, damaged, err := c.Documents(r, s.Scope, s.key)
				s.must(err)
				if len(damaged) > 0 || !same(got, want) {
					rt.Errorf("the cache gives %d documents, %v, want %d", len(got), damaged, len(want))
				}
				for _, w := range want {
					d, err := c.Get(r, s.Scope, s.key, w.ID)
					s.must(err)
					if !same([]Document{d}, []Document{w}) {
						rt.Errorf("the cache gives %+v, want %+v", d, w)
					}
				}
				return nil
			})
		}
	})
}

// same compares documents, and their sessions by their keys.
func same(a, b []Document) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if string(x.Session.Key()) != string(y.Session.Key()) {
			return false
		}
		x.Session, y.Session = nil, nil
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

func TestADamagedDocumentHidesNoOther(t *testing.T) {
	s := newSafe(t)
	for _, title := range []string{"un", "deux", "trois"} {
		s.add(entry(title), 0)
	}
	v := s.value(entryKey(2))
	v[len(v)-1] ^= 1
	s.update(func(w store.Writer) error { w.Put(entryKey(2), v); return nil })
	c := NewCache(1 << 20)
	for range 2 {
		s.view(func(r store.Reader) error {
			docs, damaged, err := c.Documents(r, s.Scope, s.key)
			if err != nil || len(docs) != 2 || len(damaged) != 1 || damaged[0] != 2 {
				t.Errorf("%d documents, damaged %v, %v", len(docs), damaged, err)
			}
			return nil
		})
	}
	s.add(entry("quatre"), 0)
	s.view(func(r store.Reader) error {
		docs, damaged, err := c.Documents(r, s.Scope, s.key)
		if err != nil || len(docs) != 3 || len(damaged) != 1 {
			t.Errorf("%d documents, damaged %v, %v", len(docs), damaged, err)
		}
		return nil
	})
}

func TestTheCacheKeepsItsBound(t *testing.T) {
	s := newSafe(t)
	s.add(entry("un"), 0)
	c := NewCache(10_000)
	for i := range 10 {
		o := opened{part: store.Part(fmt.Sprint(i)), next: 2, size: 3000}
		c.put(o)
		if c.used > 10_000 || len(c.parts) != c.order.Len() {
			t.Fatalf("%d bytes are used, %d spaces, %d in order", c.used, len(c.parts), c.order.Len())
		}
	}
	if c.get("9").next != 2 || c.get("8").next != 2 || c.get("0").next != 1 {
		t.Error("what was used last is not what stays")
	}
	for i := range 10 {
		c.Forget(store.Part(fmt.Sprint(i)))
	}
	if c.used != 0 || len(c.parts) != 0 {
		t.Errorf("forgotten, %d bytes are used", c.used)
	}
}

// many is a safe with 500 documents.
func many(b *testing.B) safe {
	s := newSafe(b)
	for i := range 500 {
		e := entry(fmt.Sprint(i))
		e.Author = Author{Name: "Dr Hoda ADAM", ID: "810101010101", Organisation: "CH d'essai", OrganisationID: "1750000001"}
		e.SHA1, e.SHA256 = fmt.Sprintf("%040x", i), fmt.Sprintf("%064x", i)
		s.add(e, 0)
		if i%10 == 0 {
			s.change(e.EntryUUID, Masked)
		}
	}
	return s
}

func BenchmarkDocuments(b *testing.B) {
	s := many(b)
	list := func(c *Cache) {
		s.view(func(r store.Reader) error {
			docs, _, err := c.Documents(r, s.Scope, s.key)
			if err != nil || len(docs) != 500 {
				b.Fatal(len(docs), err)
			}
			return nil
		})
	}
	b.Run("500 cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			list(NewCache(32 << 20))
		}
	})
	b.Run("500 warm", func(b *testing.B) {
		c := NewCache(32 << 20)
		list(c)
		b.ReportAllocs()
		for b.Loop() {
			list(c)
		}
		b.ReportMetric(float64(c.used)/500, "bytes/document")
	})
}

func BenchmarkGet(b *testing.B) {
	s := many(b)
	list, err := s.documents(1)
	s.must(err)
	c := NewCache(32 << 20)
	get := func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.view(func(r store.Reader) error {
				_, err := c.Get(r, s.Scope, s.key, list[i%500].ID)
				s.must(err)
				return nil
			})
		}
	}
	b.Run("cold", get)
	s.view(func(r store.Reader) error {
		_, _, err := c.Documents(r, s.Scope, s.key)
		return err
	})
	b.Run("warm", get)
}
