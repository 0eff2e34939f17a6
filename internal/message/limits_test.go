package message

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vaguemestre/internal/fault"
)

// nested returns a mail of n multiparts in each other, each of its own boundary.
func nested(n int) []byte {
	var b strings.Builder
	b.WriteString("From: a@b.test\r\n")
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	b.WriteString("\r\nx\r\n")
	return []byte(b.String())
}

// messages returns a mail of n messages in each other.
func messages(n int) []byte {
	return []byte(strings.Repeat("A: b\r\nContent-Type: message/rfc822\r\n\r\n", n) + "A: b\r\n\r\nx")
}

// siblings returns a mail of n parts beside each other.
func siblings(n int) []byte {
	return []byte("From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", n) + "--b--\r\n")
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"as many parts as are allowed", siblings(499), nil},
		{"one part more", siblings(500), fault.TooLarge},
		{"as deep as is allowed", nested(32), nil},
		{"one level deeper", nested(33), fault.TooLarge},
		{"a thousand nested multiparts", nested(1000), fault.TooLarge},
		{"messages as deep as is allowed", messages(32), nil},
		{"ten thousand nested messages", messages(10_000), fault.TooLarge},
		{"as many header lines as are allowed", []byte(strings.Repeat("A: b\r\n", 999) + "\r\n"), nil},
		{"more header lines", []byte(strings.Repeat("A: b\r\n", 1001) + "\r\n"), fault.TooLarge},
		{"a long header line", []byte("A: " + strings.Repeat("b", 256<<10) + "\r\n\r\n"), fault.TooLarge},
		{"a header folded without end", []byte("A: b\r\n" + strings.Repeat(" c\r\n", 100_000)), fault.TooLarge},
		{"a header of a part without end", []byte("A: b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + strings.Repeat("C: d\r\n", 2000)), fault.TooLarge},
		{"no header", []byte("\r\nBonjour\r\n"), fault.Invalid},
		{"text alone", []byte("Bonjour, voici un texte.\r\n"), fault.Invalid},
		{"nothing", nil, fault.Invalid},
		{"a NUL byte", []byte("From: a@b.test\r\n\r\n\x00"), fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse(tt.raw, Default)
			if !errors.Is(err, tt.want) || (m == nil) != (tt.want != nil) {
				t.Errorf("Parse = %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := Parse(make([]byte, 11), Limits{Size: 10}); !errors.Is(err, fault.TooLarge) {
		t.Errorf("above the size: %v, want fault.TooLarge", err)
	}
}

// TestABombCostsNoMoreThanItsSize counts allocations, which do not depend on
// the machine: a mail ten times as large may cost a little more than ten times
// as much, and what is refused hardly anything.
func TestABombCostsNoMoreThanItsSize(t *testing.T) {
	wide := Limits{Parts: 1 << 20, Depth: 1 << 20, HeaderLines: 1 << 20, HeaderBytes: 1 << 28}
	allocs := func(raw []byte, lim Limits) float64 {
		return testing.AllocsPerRun(3, func() {
			if m, err := Parse(raw, lim); err == nil {
				m.Envelope()
			}
		})
	}
	for _, tt := range []struct {
		name string
		make func(n int) []byte
	}{
		{"parts", siblings},
		{"header lines without a colon", func(n int) []byte { return []byte("A: b\r\n" + strings.Repeat("no\r\n", n) + "A: b\r\n\r\n") }},
		{"parameters", func(n int) []byte {
			return []byte("Content-Type: text/plain" + strings.Repeat("; a*1=b; a=\"c;\"", n) + "\r\n\r\n")
		}},
		{"addresses", func(n int) []byte { return []byte("From: " + strings.Repeat("a@b.test,", n) + "\r\n\r\n") }},
		{"quotes that are not closed", func(n int) []byte { return []byte("From: " + strings.Repeat(`"\"`, n) + "\r\n\r\n") }},
		{"encoded words that are none", func(n int) []byte { return []byte("Subject: " + strings.Repeat("=?a?b?", n) + "\r\n\r\n") }},
		{"identifiers", func(n int) []byte { return []byte("In-Reply-To: " + strings.Repeat("<a>", n) + "\r\n\r\n") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			few, many := allocs(tt.make(300), wide), allocs(tt.make(3000), wide)
			if many > 12*few+200 {
				t.Errorf("300 cost %v allocations, 3000 cost %v", few, many)
			}
		})
	}
	for name, raw := range map[string][]byte{"multiparts": nested(10_000), "messages": messages(10_000)} {
		if n := allocs(raw, Default); n > 600 {
			t.Errorf("ten thousand nested %s cost %v allocations before they were refused", name, n)
		}
	}
}

func TestDecodedIsBounded(t *testing.T) {
	for _, enc := range []string{"7bit", "base64", "quoted-printable"} {
		for _, body := range []string{strings.Repeat("QUJD", 100_000), strings.Repeat("QUJD\r\n", 100_000), strings.Repeat("QUJD !", 100_000)} {
			m, err := Parse([]byte("A: b\r\nContent-Transfer-Encoding: "+enc+"\r\n\r\n"+body), Default)
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.Root.Decoded(m.Raw, 1000)
			if len(got) != 1000 || !errors.Is(err, fault.TooLarge) {
				t.Errorf("%s: %d bytes, %v, want 1000 and fault.TooLarge", enc, len(got), err)
			}
			whole, err := m.Root.Decoded(m.Raw, 1<<20)
			if err != nil || string(whole[:1000]) != string(got) {
				t.Errorf("%s: the first thousand bytes are not those of the whole, %v", enc, err)
			}
			if got, err := m.Root.Decoded(m.Raw, int64(len(whole))); err != nil || len(got) != len(whole) {
				t.Errorf("%s: a limit of exactly its size: %d bytes, %v", enc, len(got), err)
			}
		}
	}
}
