package account

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

type codes struct {
	record
	p *Pepper
}

func newCodes(t *testing.T) codes { return codes{newRecord(t), newTestPepper(t)} }

func (c codes) issue(u Purpose, at time.Time) (text string, err error) {
	err = c.Update(func(w store.Writer) error {
		text, err = IssueCode(w, c.p, c.Part, u, 0, at)
		return err
	})
	return text, err
}

func (c codes) try(u Purpose, text string, at time.Time) (got CodeResult) {
	c.t.Helper()
	c.must(func(w store.Writer) (err error) {
		got, err = CheckCode(w, c.p, c.Part, u, text, at)
		return err
	})
	return got
}

// TestTheLifeOfACode plays any sequence of codes asked for and tried at any time
// against what is promised: one use, its time, five tries, thirty seconds.
func TestTheLifeOfACode(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCodes(t)
		now := nine
		var text string
		var made time.Time
		var used bool
		tries := 0
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 5, 29, 30, 31, 300, 599, 600}).Draw(rt, "wait")) * time.Second)
			switch rapid.SampledFrom([]string{"issue", "right", "wrong"}).Draw(rt, "step") {
			case "issue":
				got, err := c.issue(LoginCode, now)
				if soon := text != "" && now.Sub(made) < CodeGap; soon != errors.Is(err, ErrTooSoon) {
					rt.Fatalf("after %v: %v", now.Sub(made), err)
				}
				if err == nil {
					text, made, used, tries = got, now, false, 0
				}
			case "wrong":
				if got := c.try(LoginCode, "no-code", now); got != CodeWrong {
					rt.Fatalf("a wrong code is %s", got)
				}
				tries++
			case "right":
				want := CodeRight
				switch {
				case text == "":
					want = CodeWrong
				case used:
					want = CodeUsed
				case now.Sub(made) >= LoginCode.Life():
					want = CodeExpired
				case tries >= CodeTries:
					want = CodeExhausted
				}
				given := text
				if given == "" {
					given = "000000"
				}
				if got := c.try(LoginCode, given, now); got != want {
					rt.Fatalf("the right code is %s, want %s", got, want)
				}
				used = used || want == CodeRight
			}
		}
	})
}

func TestACodeIsForOnePurposeAndOnePerson(t *testing.T) {
	c := newCodes(t)
	text, err := c.issue(LoginCode, nine)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.issue(MailCode, nine); err != nil {
		t.Fatal(err)
	}
	if got := c.try(MailCode, text, nine); got == CodeRight {
		t.Error("it is one for another purpose")
	}
	other := codes{record: record{c.Record, t}, p: c.p}
	other.Part = "part2"
	if _, err := other.issue(LoginCode, nine); err != nil {
		t.Fatal(err)
	}
	if got := other.try(LoginCode, text, nine); got == CodeRight {
		t.Error("it is one for another person")
	}
	if got := c.try(LoginCode, " "+text+"\n", nine); got != CodeRight {
		t.Errorf("with blanks around it is %s", got)
	}
	if _, err := c.issue("another", nine); !errors.Is(err, fault.Invalid) {
		t.Errorf("a purpose nobody knows: %v", err)
	}
}

func TestCodesLookAsTheyShould(t *testing.T) {
	c := newCodes(t)
	seen := map[string]bool{}
	for i := range 200 {
		at := nine.Add(time.Duration(i) * time.Minute)
		code, err := c.issue(LoginCode, at)
		if err != nil || len(code) != 6 || strings.Trim(code, "0123456789") != "" {
			t.Fatalf("a login code is %q, %v", code, err)
		}
		code, err = c.issue(ActivationCode, at)
		if err != nil || len(code) != 8 || strings.ContainsAny(code, "0Oo1Ili") || seen[code] {
			t.Fatalf("a provisional code is %q, %v", code, err)
		}
		seen[code] = true
		for _, row := range c.Rows() {
			if bytes.Contains(row.Value, []byte(code)) {
				t.Fatalf("%s shows the code", row.Key)
			}
		}
	}
}

func TestTheCaseOfAProvisionalCodeCounts(t *testing.T) {
	c := newCodes(t)
	now, text := nine, ""
	for strings.ToLower(text) == text { // few have no capital
		now = now.Add(time.Minute)
		var err error
		if text, err = c.issue(ActivationCode, now); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.try(ActivationCode, strings.ToLower(text), now); got != CodeWrong {
		t.Errorf("in small letters it is %s", got)
	}
	if got := c.try(ActivationCode, text, now); got != CodeRight {
		t.Errorf("as it was sent it is %s", got)
	}
}

// counting counts what a transaction reads and writes.
type counting struct {
	store.Writer
	did *[]string
}

func (c counting) Get(key string) ([]byte, error) {
	*c.did = append(*c.did, "get "+key)
	return c.Writer.Get(key)
}

func (c counting) Put(key string, value []byte) {
	*c.did = append(*c.did, "put "+key)
	c.Writer.Put(key, value)
}

func (c counting) Delete(key string) {
	*c.did = append(*c.did, "delete "+key)
	c.Writer.Delete(key)
}

// TestNobodysActivationCostsWhatSomebodysDoes: asking for a code and trying one
// read and write the same, whether there is such a person or not, and end alike
// for whoever guesses.
func TestNobodysActivationCostsWhatSomebodysDoes(t *testing.T) {
	k := keyring.NewIndexKey()
	work := func(whose store.Part, guess func(string) string, after time.Duration) (did []string, result CodeResult, got store.Part) {
		r, p := newRecord(t), newTestPepper(t)
		part := ActivationPart(k, "1602099999001", "19600229")
		var text string
		r.must(func(w store.Writer) (err error) {
			text, err = IssueActivation(counting{w, &did}, p, part, whose, time.Hour, nine)
			return err
		})
		r.must(func(w store.Writer) (err error) {
			result, got, err = RedeemActivation(counting{w, &did}, p, part, guess(text), nine.Add(after))
			return err
		})
		return did, result, got
	}
	wrong := func(string) string { return "guessed!" }
	right := func(s string) string { return s }
	known, a, _ := work("part7", wrong, 0)
	unknown, b, _ := work("", wrong, 0)
	if fmt.Sprint(known) != fmt.Sprint(unknown) || a != CodeWrong || b != CodeWrong {
		t.Errorf("%v and %v\n%v\n%v", a, b, known, unknown)
	}
	if _, result, whose := work("part7", right, 0); result != CodeRight || whose != "part7" {
		t.Errorf("the right code gives %s, %q", result, whose)
	}
	if _, result, whose := work("", right, 0); result != CodeWrong || whose != "" {
		t.Errorf("nobody's code gives %s, %q", result, whose)
	}
	if _, result, whose := work("part7", right, time.Hour); result != CodeExpired || whose != "" {
		t.Errorf("too late it gives %s, %q", result, whose)
	}
	if _, result, _ := work("part7", wrong, time.Hour); result != CodeWrong {
		t.Errorf("a guess hears that the code is %s", result)
	}
}

func TestCodesAreSweptWhenNobodyAsksAfterThemAnyMore(t *testing.T) {
	c := newCodes(t)
	if _, err := c.issue(ActivationCode, nine); err != nil {
		t.Fatal(err)
	}
	sweep := func(at time.Time) int {
		c.must(func(w store.Writer) error { return SweepCodes(w, c.p, c.Part, at) })
		return len(c.Rows())
	}
	if n := sweep(nine.Add(6 * 24 * time.Hour)); n != 1 {
		t.Error("it is swept while its holder may still come")
	}
	if n := sweep(nine.Add(9 * 24 * time.Hour)); n != 0 {
		t.Error("it stays for ever")
	}
}
