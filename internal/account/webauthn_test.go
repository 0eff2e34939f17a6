package account

import (
	"errors"
	"testing"
	"time"

	"vaguemestre/internal/account/passkeytest"
	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

const webDomain = "espace.test"

// desk is the relying party of a test, with one person's partition.
type desk struct {
	codes
	y *Passkeys
}

func newDesk(t *testing.T) desk {
	y, err := NewPasskeys(webDomain, "Espace santé")
	if err != nil {
		t.Fatal(err)
	}
	return desk{newCodes(t), y}
}

func (d desk) begin(part store.Part, at time.Time) (options []byte, ceremony string) {
	d.t.Helper()
	d.View(func(r store.Reader) (err error) {
		s := d.Scope
		s.Part = part
		options, ceremony, err = d.y.BeginLogin(r, d.p, s, at)
		return err
	})
	return options, ceremony
}

func (d desk) finish(ceremony string, answer []byte, at time.Time) (k Passkey, err error) {
	err = d.Update(func(w store.Writer) error {
		k, err = d.y.FinishLogin(w, d.p, d.Scope, ceremony, answer, at)
		return err
	})
	return k, err
}

func (d desk) register(k *passkeytest.Key, at time.Time) (made Passkey, err error) {
	d.t.Helper()
	var options []byte
	var ceremony string
	d.View(func(r store.Reader) (err error) {
		options, ceremony, err = d.y.BeginRegistration(r, d.p, d.Scope, "heron.gris", at)
		return err
	})
	err = d.Update(func(w store.Writer) error {
		made, err = d.y.FinishRegistration(w, d.p, d.Scope, ceremony, "ma clé", k.Makes(options), at)
		return err
	})
	return made, err
}

func TestAPasskeyLogsItsHolderIn(t *testing.T) {
	d, k := newDesk(t), passkeytest.New(t, webDomain)
	made, err := d.register(k, nine)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range []store.Part{"", d.Part} { // any passkey; that person's
		at := nine.Add(time.Duration(i+1) * time.Minute)
		options, ceremony := d.begin(part, at)
		k.Count++
		answer := k.Answers(options)
		if whose, err := d.y.Whose(d.p, ceremony, answer, at); whose != d.Part || err != nil {
			t.Errorf("Whose = %q, %v", whose, err)
		}
		used, err := d.finish(ceremony, answer, at)
		if err != nil || used.ID != made.ID || used.Name != "ma clé" || !used.Used.Equal(at) {
			t.Errorf("FinishLogin = %+v, %v", used, err)
		}
		if _, err := d.finish(ceremony, answer, at); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("the same answer again: %v", err)
		}
	}
	d.must(func(w store.Writer) error { return RemovePasskey(w, d.Scope, made.ID) })
	options, ceremony := d.begin("", nine)
	k.Count++
	if _, err := d.finish(ceremony, k.Answers(options), nine); !errors.Is(err, fault.Unauthenticated) {
		t.Errorf("a passkey that was removed: %v", err)
	}
	if err := d.Update(func(w store.Writer) error { return RemovePasskey(w, d.Scope, made.ID) }); !errors.Is(err, fault.NotFound) {
		t.Errorf("removing it twice: %v", err)
	}
}

func TestAnAnswerThatIsNotRightLogsNobodyIn(t *testing.T) {
	d, k := newDesk(t), passkeytest.New(t, webDomain)
	k.Count = 5
	if _, err := d.register(k, nine); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*passkeytest.Key){
		"the holder was not verified":   func(k *passkeytest.Key) { k.Flags = passkeytest.UserPresent },
		"nobody was present":            func(k *passkeytest.Key) { k.Flags = passkeytest.UserVerified },
		"a page of another site":        func(k *passkeytest.Key) { k.Origin = "https://espace.test.example" },
		"a page without TLS":            func(k *passkeytest.Key) { k.Origin = "http://espace.test" },
		"another relying party":         func(k *passkeytest.Key) { k.Domain = "example.test" },
		"the counter stands":            func(k *passkeytest.Key) { k.Count = 5 },
		"the counter went back":         func(k *passkeytest.Key) { k.Count = 4 },
		"signed by another key":         func(k *passkeytest.Key) { k.Another = true },
		"another passkey":               func(k *passkeytest.Key) { k.ID = randomBytes(32) },
		"another's handle":              func(k *passkeytest.Key) { k.Handle = []byte("part2") },
		"no handle":                     func(k *passkeytest.Key) { k.Handle = nil },
		"a handle that is no partition": func(k *passkeytest.Key) { k.Handle = []byte("../hub") },
	} {
		bad := *k
		bad.Count++
		change(&bad)
		options, ceremony := d.begin("", nine)
		if _, err := d.finish(ceremony, bad.Answers(options), nine); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	k.Count++
	options, ceremony := d.begin("", nine)
	answer := k.Answers(options)
	_, other := d.begin("", nine)
	for name, try := range map[string]struct {
		ceremony string
		at       time.Time
	}{
		"another challenge": {other, nine}, "too late": {ceremony, nine.Add(ceremonyLife)}, "before its time": {ceremony, nine.Add(-time.Second)},
		"no ceremony": {"", nine}, "a forged one": {"AAAA", nine},
	} {
		if _, err := d.finish(try.ceremony, answer, try.at); !errors.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.finish(ceremony, answer, nine); err != nil {
		t.Errorf("and after all that the right answer: %v", err)
	}
}

func TestAPasskeyIsRegisteredOnceByWhomItIsFor(t *testing.T) {
	d, k := newDesk(t), passkeytest.New(t, webDomain)
	weak := passkeytest.New(t, webDomain)
	weak.Flags = passkeytest.UserPresent
	if _, err := d.register(weak, nine); !errors.Is(err, fault.Invalid) {
		t.Errorf("one that does not verify its holder: %v", err)
	}
	elsewhere := passkeytest.New(t, webDomain)
	elsewhere.Origin = "https://example.test"
	if _, err := d.register(elsewhere, nine); !errors.Is(err, fault.Invalid) {
		t.Errorf("one made on another site: %v", err)
	}
	if _, err := d.register(k, nine); err != nil {
		t.Fatal(err)
	}
	if _, err := d.register(k, nine); err == nil {
		t.Error("the same one twice")
	}
	for range MaxPasskeys - 1 {
		if _, err := d.register(passkeytest.New(t, webDomain), nine); err != nil {
			t.Fatal(err)
		}
	}
	d.View(func(r store.Reader) error {
		if _, _, err := d.y.BeginRegistration(r, d.p, d.Scope, "heron.gris", nine); !errors.Is(err, fault.Quota) {
			t.Errorf("one too many: %v", err)
		}
		list, err := ListPasskeys(r, d.p, d.Scope)
		if len(list) != MaxPasskeys {
			t.Errorf("there are %d", len(list))
		}
		return err
	})
}

func FuzzPasskeyAnswer(f *testing.F) {
	y, err := NewPasskeys(webDomain, "Espace santé")
	if err != nil {
		f.Fatal(err)
	}
	p := newTestPepper(f)
	_, ceremony, err := y.BeginLogin(nil, p, fact.Scope{}, nine)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AAAA","signature":"AA","userHandle":"cGFydDE"}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := y.Whose(p, ceremony, answer, nine); err != nil && fault.Of(err) == fault.Internal {
			t.Errorf("%q: %v", answer, err)
		}
	})
}
