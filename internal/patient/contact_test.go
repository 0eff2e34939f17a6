package patient

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// newOwner makes the keys of the owner of a partition.
func newOwner(t *testing.T, part store.Part) (*keyring.Cert, *keyring.Key) {
	t.Helper()
	secrets, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := secrets.Add(part)
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring.NewRing()
	cert, locked, err := ring.NewOwner(part, list[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ring.Unlock(part, locked, list[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func TestAContactIsReadByItsOwnerAlone(t *testing.T) {
	r := newRecord(t)
	cert, key := newOwner(t, r.Part)
	_, stranger := newOwner(t, r.Part)
	want := Contact{Mail: "zephyrine@courriel.test", MailChecked: noon, Phone: "+33639980001", Phrase: "le héron gris"}
	if err := r.Update(func(w store.Writer) error { return SetContact(w, r.Scope, cert, want) }); err != nil {
		t.Fatal(err)
	}
	elsewhere := r.Scope
	elsewhere.Part = "part2"
	r.View(func(rd store.Reader) error {
		if got, ok, err := LoadContact(rd, r.Scope, key); got != want || !ok || err != nil {
			t.Errorf("LoadContact = %+v, %t, %v", got, ok, err)
		}
		if _, ok, err := LoadContact(rd, r.Scope, stranger); ok || err == nil {
			t.Errorf("another's key opens it: %v", err)
		}
		if _, ok, err := LoadContact(rd, elsewhere, key); ok || !errors.Is(err, fault.Corrupt) {
			t.Errorf("in another partition it opens: %v", err)
		}
		return nil
	})
	for _, p := range r.Rows() {
		for _, word := range []string{"zephyrine", "6399", "héron"} {
			if bytes.Contains(p.Value, []byte(word)) {
				t.Errorf("%s shows %q", p.Key, word)
			}
		}
	}
	if !want.HasMail() || want.HasPhone() {
		t.Error("codes go to what was checked, and nowhere else")
	}
	for _, damaged := range [][]byte{{}, {2}, {1}, {1, 200, 1}, {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, {1, 0}} {
		if err := r.Update(func(w store.Writer) error { return fact.PutPublicRight(w, r.Scope, contactKey, damaged) }); err != nil {
			t.Fatal(err)
		}
		r.View(func(rd store.Reader) error {
			if _, ok, err := LoadContact(rd, r.Scope, key); ok || err == nil {
				t.Errorf("%v opens", damaged)
			}
			return nil
		})
	}
	if err := r.Update(Erase); err != nil || len(r.Rows()) != 0 {
		t.Errorf("after Erase: %v, %v", err, r.Rows())
	}
}

func TestPhoneNumbersAreReadAsPeopleWriteThem(t *testing.T) {
	for in, want := range map[string]string{
		"06 39 98 00 01": "+33639980001", "06.39.98.00.01": "+33639980001", "+33 6 39 98 00 01": "+33639980001",
		"+33 (0)6 39 98 00 01": "+33639980001", "0033639980001": "+33639980001", "01 99 00 00 01": "+33199000001",
		"+32 470 00 00 01": "+32470000001",
		"":                 "", "639980001": "", "06 39 98 00": "", "06 39 98 00 01 2": "", "+33 06 39 98 00 01": "", "+0639980001": "",
		"06 39 98 00 0a": "", "+": "", "+1234567890123456": "", strings.Repeat("0", 41): "",
	} {
		got, err := ParsePhone(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParsePhone(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	if !MobilePhone("+33639980001") || MobilePhone("+33199000001") || !MobilePhone("+32470000001") {
		t.Error("a French number that begins with 6 or 7 takes text messages, and others do not")
	}
}

func TestWhatIsShownOfAContactNamesNobody(t *testing.T) {
	for in, want := range map[string]string{"alice@exemple.test": "a•••@e•••.test", "a@b": "a•••@b•••", "": "", "@x": "", "x@": ""} {
		if got := MaskMail(in); got != want {
			t.Errorf("MaskMail(%q) = %q, want %q", in, got, want)
		}
	}
	if got := MaskPhone("+33639980001"); got != "•• •• •• •• 01" {
		t.Errorf("MaskPhone = %q", got)
	}
}

func TestAPhraseIsOneLineWithoutALink(t *testing.T) {
	for in, ok := range map[string]bool{
		"le héron gris": true, "": true, " deux  mots ": true, strings.Repeat("é", 41): false, "voir https://exemple.test": false,
		"a\u202eb": false, "\xff": false,
	} {
		got, err := ParsePhrase(in)
		if (err == nil) != ok {
			t.Errorf("ParsePhrase(%q) = %q, %v", in, got, err)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	f.Add("06 39 98 00 01")
	f.Add("+32470000001")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParsePhone(s)
		if err != nil {
			return
		}
		if again, err := ParsePhone(got); err != nil || again != got {
			t.Errorf("%q gives %q, which gives %q, %v", s, got, again, err)
		}
	})
}

func FuzzSplitContact(f *testing.F) {
	f.Add([]byte{1, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if wraps, sealed, ok := splitContact(b); ok && len(wraps)+len(sealed) >= len(b) {
			t.Errorf("%v gives more than there is", b)
		}
	})
}
