package account

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

func newTestPepper(t testing.TB) *Pepper {
	t.Helper()
	p, err := NewPepper()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestALoginIsNeitherAMailAddressNorANumberOfAPerson(t *testing.T) {
	for in, want := range map[string]string{
		"heron.gris": "heron.gris", "Heron_Gris-7": "heron_gris-7", "abcde": "abcde",
		"abcd": "", strings.Repeat("a", 41): "", "7heron": "", ".heron": "", "héron": "", "heron gris": "",
		"heron@exemple.test": "", "260209999900176": "", "a260209999900176": "", "n2602099999001": "",
		"fr7630006000011234567890189": "", "be68539007547034": "", "gb82west12345698765432": "", "gb82-west-1234-5698-7654-32": "",
		"nl91abna0417164301": "", "gb82west-heron": "gb82west-heron", "mt84malt0110000012345mtlcast001s": "",
	} {
		got, err := ParseLogin(in)
		if got.Canonical() != want || (err == nil) != (want != "") {
			t.Errorf("ParseLogin(%q) = %q, %v, want %q", in, got.Canonical(), err, want)
		}
		if err != nil && (!errors.Is(err, fault.Invalid) || strings.Contains(err.Error(), in)) {
			t.Errorf("ParseLogin(%q): %v", in, err)
		}
	}
	l, _ := ParseLogin("heron.gris")
	if s := fmt.Sprintf("%v %s", l, l); strings.Contains(s, "heron") {
		t.Errorf("a login is logged as %q", s)
	}
}

func FuzzParseLogin(f *testing.F) {
	for _, s := range []string{"heron.gris", "gb82west12345698765432", "", "a1234567890"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLogin(s)
		if err != nil {
			return
		}
		if again, err := ParseLogin(l.Canonical()); err != nil || again != l {
			t.Errorf("%q does not round-trip: %v", s, err)
		}
		if strings.ContainsAny(l.Canonical(), "@ ") || len(onlyDigits(l.Canonical())) >= 10 {
			t.Errorf("%q is a login", s)
		}
	})
}

func TestALoginLeadsToOnePerson(t *testing.T) {
	r := newRecord(t)
	a, _ := ParseLogin("heron.gris")
	b, _ := ParseLogin("Heron.Gris")
	c, _ := ParseLogin("heron.vert")
	if a.Part(r.Key) != b.Part(r.Key) || a.Part(r.Key) == c.Part(r.Key) || a.Part(r.Key) == a.Part(keyring.NewIndexKey()) {
		t.Error("capitals count, or the partition tells the login")
	}
	s := fact.Scope{Key: r.Key, Part: a.Part(r.Key)}
	update := func(fn func(store.Writer) error) error { return r.Memory.Update(t.Context(), s.Part, fn) }
	claim := func(part store.Part) error {
		return update(func(w store.Writer) error { return ClaimLogin(w, s, part, false, nine) })
	}
	if err := errors.Join(claim("part1"), claim("part1")); err != nil {
		t.Fatal(err)
	}
	if err := claim("part2"); !errors.Is(err, fault.Exists) {
		t.Errorf("another claims it: %v", err)
	}
	vacant := func(at time.Time) error {
		return update(func(w store.Writer) error { return ClaimLogin(w, s, "part2", true, at) })
	}
	if err := vacant(nine.Add(time.Minute)); !errors.Is(err, fault.Exists) {
		t.Errorf("a claim of a minute ago gives way: %v", err)
	}
	if err := vacant(nine.Add(time.Hour)); err != nil {
		t.Errorf("an old claim that nothing came of: %v", err)
	}
	if err := update(func(w store.Writer) error { return ClaimLogin(w, s, "part1", true, nine.Add(2*time.Hour)) }); err != nil {
		t.Fatal(err)
	}
	if err := update(func(w store.Writer) error { return FreeLogin(w, s, "part2") }); err != nil {
		t.Fatal(err)
	}
	if err := claim("part2"); !errors.Is(err, fault.Exists) {
		t.Errorf("another frees it: %v", err)
	}
	if err := update(func(w store.Writer) error { return FreeLogin(w, s, "part1") }); err != nil {
		t.Fatal(err)
	}
	if err := claim("part2"); err != nil {
		t.Errorf("it is not free: %v", err)
	}
}

func TestAPasswordKeepsTheRules(t *testing.T) {
	about := Personal{Names: []string{"ZÉPHYRINE-MARTIN", "Bonbonnière Anne-Lise"}, BirthDate: "19600229", Matricule: "260029999900176", Login: "heron.gris"}
	for password, want := range map[string]string{
		"Quai-Vert.48":               "",
		"un Cheval court 7 fois !":   "",
		"é7È-ùµ§ABcd":                "",
		"Qv.48-xZ":                   "short",
		"QUAI-VERT.48":               "no-lower",
		"quai-vert.48":               "no-upper",
		"Quai-Vert.bleu":             "no-digit",
		"QuaiVert48xy":               "no-special",
		"":                           "short no-lower no-upper no-digit no-special common",
		"Quai-zephyrine.48":          "personal",
		"Quai-Z3phyr1ne.48":          "personal",
		"bonBonniere#48":             "personal",
		"Quai-Lise.48":               "personal",
		"Quai.29021960":              "personal",
		"Quai-Vert.1960":             "personal",
		"Quai-29/02/60.v":            "personal",
		"Quai.6002-9999.v":           "personal",
		"Mon-Heron.48":               "personal",
		"Motdepasse1!":               "common",
		"M0td3p@sse1!":               "common",
		"P@ssw0rd2026!":              "common",
		"Azertyuiop1!":               "common",
		"Soleil-2026":                "common",
		"12345-Soleil":               "common",
		"SoleilLune1!":               "common",
		"Abcdefgh1!":                 "common",
		"Poiuytreza1!":               "common",
		"Aaaaaaaa1!":                 "common",
		"Quai\x00Vert.48":            "form",
		"Quai\xffVert.48":            "form",
		"Qv.4" + long(300):           "form",
		"Quai-Vert.48" + "\u200b\n7": "form",
	} {
		var rules []string
		for _, w := range Weaknesses(password, about) {
			rules = append(rules, strings.TrimPrefix(w.Rule, "password/"))
			if w.FR == "" || w.EN == "" {
				t.Errorf("%s says nothing", w.Rule)
			}
		}
		if got := strings.Join(rules, " "); got != want {
			t.Errorf("Weaknesses(%q) = %q, want %q", password, got, want)
		}
	}
}

func long(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte("xKq7-Zw3.J"[i%10])
	}
	return b.String()
}

func FuzzWeaknesses(f *testing.F) {
	f.Add("Motdepasse1!", "ZÉPHYRINE", "19600229", "260029999900176")
	f.Add("\xff", "", "0", "1")
	f.Fuzz(func(t *testing.T, password, name, date, matricule string) {
		if len(password)+len(name)+len(matricule) > 1000 {
			return
		}
		for _, w := range Weaknesses(password, Personal{Names: []string{name}, BirthDate: date, Matricule: matricule}) {
			if password != "" && len(password) > 3 && strings.Contains(w.FR, password) {
				t.Errorf("the rule shows the password")
			}
		}
	})
}

func TestAPasswordMatchesUnderItsPepperAlone(t *testing.T) {
	p, other := newTestPepper(t), newTestPepper(t)
	h, err := p.NewPasswordHash(t.Context(), "Quai-Vert.48é")
	if err != nil {
		t.Fatal(err)
	}
	old := h
	old.V.Cost = Cost{1, 8 << 10, 1}
	if old.V.Hash, err = p.hash(t.Context(), old.V.Cost, old.V.Salt, "Quai-Vert.48é"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		p        *Pepper
		who      Person
		password string
		ok, aged bool
	}{
		{"the password", p, Person{Hash: h}, "Quai-Vert.48é", true, false},
		{"the same, as another keyboard writes it", p, Person{Hash: h}, "Quai-Vert.48e\u0301", true, false},
		{"another", p, Person{Hash: h}, "Quai-Vert.48", false, false},
		{"no password", p, Person{Hash: h}, "", false, false},
		{"one that is far too long", p, Person{Hash: h}, long(1 << 20), false, false},
		{"under another pepper", other, Person{Hash: h}, "Quai-Vert.48é", false, false},
		{"nobody", p, Person{}, "Quai-Vert.48é", false, false},
		{"a hash of older times", p, Person{Hash: old}, "Quai-Vert.48é", true, true},
	} {
		before := c.p.Hashes()
		ok, aged, err := c.p.Matches(t.Context(), c.who, c.password)
		if ok != c.ok || aged != c.aged || err != nil {
			t.Errorf("%s: %t, %t, %v", c.name, ok, aged, err)
		}
		if n := c.p.Hashes() - before; n != 1 {
			t.Errorf("%s costs %d hashes, want 1", c.name, n)
		}
	}
}

func TestHashesWaitForTheirTurn(t *testing.T) {
	p := newTestPepper(t)
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Matches(ctx, Person{}, "x"); !errors.Is(err, fault.Unavailable) {
		t.Errorf("with no slot free: %v", err)
	}
	if p.Hashes() != 0 {
		t.Error("it was hashed without a slot")
	}
}

func TestThePepperIsKeptWrapped(t *testing.T) {
	r, p := newRecord(t), newTestPepper(t)
	ring := keyring.NewRing()
	r.must(func(w store.Writer) error { KeepPepper(w, p.Wrap(ring)); return nil })
	for _, row := range r.Rows() {
		if bytes.Contains(row.Value, p.key) {
			t.Error("the pepper is in the store")
		}
	}
	r.View(func(rd store.Reader) error {
		wrapped, err := WrappedPepper(rd)
		if err != nil {
			return err
		}
		again, err := UnwrapPepper(ring, wrapped)
		if err != nil || !bytes.Equal(again.MAC("x", "y"), p.MAC("x", "y")) {
			t.Errorf("it comes back as another: %v", err)
		}
		if _, err := UnwrapPepper(keyring.NewRing(), wrapped); err == nil {
			t.Error("another hub key opens it")
		}
		return nil
	})
	if bytes.Equal(p.MAC("a", "bc"), p.MAC("ab", "c")) || bytes.Equal(p.MAC("a", "b", "c"), p.MAC("a", "bc")) {
		t.Error("two lists of fields meet")
	}
}

func TestAPersonIsSealedWhereItIs(t *testing.T) {
	r, p := newRecord(t), newTestPepper(t)
	want := Person{Login: "heron.gris", Since: nine, PasswordSet: nine}
	r.must(func(w store.Writer) error { return SetPerson(w, p, r.Scope, want) })
	for _, row := range r.Rows() {
		if bytes.Contains(row.Value, []byte("heron")) {
			t.Errorf("%s shows the login", row.Key)
		}
	}
	elsewhere := r.Scope
	elsewhere.Part = "part2"
	r.View(func(rd store.Reader) error {
		if got, ok, err := LoadPerson(rd, p, r.Scope); got.Login != want.Login || !ok || err != nil {
			t.Errorf("LoadPerson = %+v, %t, %v", got, ok, err)
		}
		for name, open := range map[string]func() error{
			"another partition": func() error { _, _, err := LoadPerson(rd, p, elsewhere); return err },
			"another pepper":    func() error { _, _, err := LoadPerson(rd, newTestPepper(t), r.Scope); return err },
			"as something else": func() error { return p.Open(r.Rows()[0].Value, new(Person), "part1/acc/w/totp") },
		} {
			if err := open(); !errors.Is(err, fault.Corrupt) {
				t.Errorf("%s: %v, want Corrupt", name, err)
			}
		}
		return nil
	})
}

// What lets somebody in and was replaced, or removed, does not come back by
// itself: not for one who can write the store, and has an old copy of it.
func TestWhatLetSomebodyInDoesNotComeBack(t *testing.T) {
	r, p := newRecord(t), newTestPepper(t)
	set := func(who Person) { r.must(func(w store.Writer) error { return SetPerson(w, p, r.Scope, who) }) }
	key := passkeyPrefix + "0123"
	set(Person{Login: "heron.gris", PasswordSet: nine})
	r.must(func(w store.Writer) error {
		_, _, err := BeginTOTP(w, p, r.Scope, "Espace santé", "heron.gris", nine)
		return errors.Join(err, putRight(w, p, r.Scope, key, passkey{Passkey: Passkey{ID: "0123"}}))
	})
	old := r.Rows()
	set(Person{Login: "heron.gris", PasswordSet: nine.Add(time.Hour)})
	r.must(func(w store.Writer) error {
		return errors.Join(RemovePasskey(w, r.Scope, "0123"), fact.DeleteRight(w, r.Scope, totpKey+"/new"))
	})
	reads := map[string]func(store.Writer) error{
		personKey:        func(w store.Writer) error { _, _, err := LoadPerson(w, p, r.Scope); return err },
		key:              func(w store.Writer) error { _, err := ListPasskeys(w, p, r.Scope); return err },
		totpKey + "/new": func(w store.Writer) error { _, err := ConfirmTOTP(w, p, r.Scope, "123456", nine); return err },
	}
	if len(old) != len(reads) {
		t.Fatalf("there are %d rows, want %d", len(old), len(reads))
	}
	for _, row := range old {
		err := r.Update(func(w store.Writer) error {
			w.Put(row.Key, row.Value)
			return reads[row.Key](w)
		})
		if !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s was put back: %v, want Corrupt", row.Key, err)
		}
	}
}

func BenchmarkLogin(b *testing.B) {
	p := newTestPepper(b)
	h, err := p.NewPasswordHash(b.Context(), "Quai-Vert.48")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, _, err := p.Matches(b.Context(), Person{Hash: h}, "Quai-Vert.48"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
