package message

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
)

// checkSplit splits m, joins it again, whole and in ranges, through the binary
// form of the layout.
func checkSplit(t interface {
	Helper()
	Fatalf(string, ...any)
}, m *Mail, seed uint64) {
	t.Helper()
	made, skeleton, cuts := Split(m, all)
	form, _ := made.AppendBinary(nil)
	l, err := ParseLayout(form)
	if err != nil {
		t.Fatalf("ParseLayout: %v", err)
	}
	if l.Size() != int64(len(m.Raw)) || l.Size() != made.Size() || l.Parts() != len(cuts) {
		t.Fatalf("layout has size %d and %d parts, want %d and %d", l.Size(), l.Parts(), len(m.Raw), len(cuts))
	}
	var whole bytes.Buffer
	if err := l.Join(&whole, skeleton, opener(cuts)); err != nil || !bytes.Equal(whole.Bytes(), m.Raw) {
		t.Fatalf("Join: %v; the mail is not the same", err)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		off, n := random.Int64N(l.Size()+2), random.Int64N(l.Size()+2)
		want := m.Raw[min(off, l.Size()):min(off+n, l.Size())]
		var got bytes.Buffer
		if err := l.WriteRange(&got, off, n, skeleton, opener(cuts)); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("WriteRange(%d, %d): %v; not the same bytes", off, n, err)
		}
	}
}

func TestJoinGivesBackWhatSplitTook(t *testing.T) {
	cut := 0
	rapid.Check(t, func(t *rapid.T) {
		m, err := Parse(uglyMail().Draw(t, "mail"), Default)
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		checkSplit(t, m, 1)
		_, _, cuts := Split(m, all)
		cut += len(cuts)
	})
	if cut == 0 {
		t.Error("no generated mail had a part to cut out: the property was not tried")
	}
}

func FuzzSplitJoin(f *testing.F) {
	f.Add(report(500), uint64(1))
	f.Add([]byte("A: b\nContent-Transfer-Encoding: base64\n\nQUJD\nQQ==\n"), uint64(2))
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		if m, err := Parse(raw, Default); err == nil {
			checkSplit(t, m, seed)
		}
	})
}

func TestWhatIsCutOut(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       string // the content, "" if it stays in the skeleton
	}{
		{"one line", "QUJDRA==", "ABCD"},
		{"one line and its line break", "QUJDRA==\r\n", "ABCD"},
		{"lines of eight", "QUJDREVG\r\nR0hJSktM\r\nTU5P", "ABCDEFGHIJKLMNO"},
		{"the last line is full", "QUJDREVG\r\nR0hJSktM\r\n", "ABCDEFGHIJKL"},
		{"blank lines around", "\r\n\r\nQUJDREVG\r\nR0hJ\r\n\r\n", "ABCDEFGHI"},
		{"lines end with LF", "QUJDREVG\nR0hJ\n", "ABCDEFGHI"},
		{"nothing", "", ""},
		{"padding is missing", "QUJDRA", ""},
		{"bits behind the padding", "QUJDRB==", ""},
		{"a space within", "QUJD REVG", ""},
		{"a space at the end", "QUJD ", ""},
		{"a tab before a line", "QUJD\r\n\tREVG", ""},
		{"a longer second line", "QUJD\r\nREVGR0hJ", ""},
		{"a short line in the middle", "QUJDREVG\r\nQUJD\r\nQUJDREVG", ""},
		{"padding in the middle", "QUI=\r\nREVG", ""},
		{"two kinds of line break", "QUJDREVG\r\nQUJDREVG\nQUJDREVG", ""},
		{"a blank line in the middle", "QUJD\r\n\r\nREVG", ""},
		{"lines that are no multiple of four", "QUJDRE\r\nVG", ""},
		{"the alphabet of URLs", "__-_", ""},
		{"a bare CR in the last line", "QUJDREVG\r\nQU\rJD", ""},
		{"no base64 at all", "Bonjour!", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse([]byte("From: a@b.test\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"+tt.body), Default)
			if err != nil {
				t.Fatal(err)
			}
			checkSplit(t, m, 3)
			_, _, cuts := Split(m, all)
			got := ""
			if len(cuts) == 1 {
				got = string(cuts[0].Decoded)
			}
			if got != tt.want {
				t.Errorf("Split(%q) cut out %q, want %q", tt.body, got, tt.want)
			}
		})
	}
}

func TestARangeOpensOnlyThePartsItTouches(t *testing.T) {
	raw := []byte(strings.ReplaceAll("From: a@b.test\nContent-Type: multipart/mixed; boundary=x\n\n"+
		"--x\nContent-Transfer-Encoding: base64\n\nQUJDREVG\n--x\nContent-Transfer-Encoding: base64\n\nR0hJSktM\n--x--\n", "\n", "\r\n"))
	m, err := Parse(raw, Default)
	if err != nil {
		t.Fatal(err)
	}
	l, skeleton, cuts := Split(m, all)
	if len(cuts) != 2 || bytes.Contains(skeleton, []byte("QUJD")) {
		t.Fatalf("%d parts cut out of %q", len(cuts), skeleton)
	}
	second := int64(cuts[1].Part.BodyStart)
	opened := map[int]int64{}
	var got bytes.Buffer
	err = l.WriteRange(&got, second+4, 4, skeleton, func(i int, from int64) (io.ReadCloser, error) {
		opened[i] = from
		return opener(cuts)(i, from)
	})
	if err != nil || got.String() != "SktM" || len(opened) != 1 || opened[1] != 0 {
		t.Errorf("WriteRange = %q, %v, opened %v, want SktM from part 1 alone", got.String(), err, opened)
	}
	got.Reset()
	if err := l.WriteRange(&got, 1, 1<<62, skeleton, opener(cuts)); err != nil || !bytes.Equal(got.Bytes(), raw[1:]) {
		t.Errorf("a range far beyond the end: %v", err)
	}
}

func TestAWrongPartIsCorrupt(t *testing.T) {
	m, err := Parse(report(100_000), Default)
	if err != nil {
		t.Fatal(err)
	}
	l, skeleton, cuts := Split(m, all)
	broken := errors.New("broken seal")
	content := cuts[0].Decoded
	for _, tt := range []struct {
		name     string
		skeleton []byte
		part     io.Reader
		want     error
	}{
		{"too short", skeleton, bytes.NewReader(content[:len(content)-1]), fault.Corrupt},
		{"too long", skeleton, bytes.NewReader(append(content[:len(content):len(content)], 0)), fault.Corrupt},
		{"a seal that breaks at the very end", skeleton, io.MultiReader(bytes.NewReader(content), failing{broken}), broken},
		{"another skeleton", skeleton[1:], bytes.NewReader(content), fault.Corrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := l.Join(io.Discard, tt.skeleton, func(int, int64) (io.ReadCloser, error) { return io.NopCloser(tt.part), nil })
			if !errors.Is(err, tt.want) {
				t.Errorf("Join = %v, want %v", err, tt.want)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzParseLayout(f *testing.F) {
	m, _ := Parse(report(500), Default)
	l, _, _ := Split(m, all)
	form, _ := l.AppendBinary(nil)
	f.Add(form)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLayout(b)
		if err != nil {
			if !errors.Is(err, fault.Corrupt) {
				t.Fatalf("error %v is not fault.Corrupt", err)
			}
			return
		}
		if again, _ := l.AppendBinary(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x re-encodes to %x", b, again)
		}
	})
}
