package message

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"vaguemestre/internal/fault"
)

// slowlyStrict is the rule of StrictReader byte by byte.
func slowlyStrict(b []byte, limit int) error {
	if len(b) > limit {
		return fault.TooLarge
	}
	for i, c := range b {
		switch {
		case c == 0,
			c == '\r' && (i+1 == len(b) || b[i+1] != '\n'),
			c == '\n' && (i == 0 || b[i-1] != '\r'):
			return fault.Invalid
		}
	}
	return nil
}

func FuzzStrictReader(f *testing.F) {
	for _, s := range []string{"a\r\nb\r\n", "a\nb", "a\rb", "\r", "\r\r\n", "\n\r", "a\x00", "\r\n\n", "a\r\n\r\nb\r"} {
		f.Add([]byte(s), 3, 100)
	}
	f.Fuzz(func(t *testing.T, b []byte, block, limit int) {
		if limit < 0 || limit > 1<<20 {
			return
		}
		want := slowlyStrict(b, limit)
		got, err := ReadStrict(&blockReader{b, max(1, block)}, int64(block), int64(limit))
		if fault.TooLarge == want {
			if err == nil { // which of two faults is seen first depends on the blocks
				t.Fatalf("%q passed a limit of %d", b, limit)
			}
			return
		}
		if (want == nil) != (err == nil) || want != nil && !errors.Is(err, want) {
			t.Fatalf("ReadStrict(%q in blocks of %d) = %v, want %v", b, block, err, want)
		}
		if err == nil && !bytes.Equal(got, b) {
			t.Fatalf("ReadStrict changed %q to %q", b, got)
		}
	})
}

// A blockReader gives at most n bytes at a time.
type blockReader struct {
	b []byte
	n int
}

func (r *blockReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n)], r.b)
	r.b = r.b[n:]
	return n, nil
}

func TestStrictReader(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"a mail", "From: a@b.test\r\n\r\nBonjour\r\n", nil},
		{"no line break at the end", "a\r\nb", nil},
		{"exactly the limit", strings.Repeat("x", 98) + "\r\n", nil},
		{"one byte more", strings.Repeat("x", 99) + "\r\n", fault.TooLarge},
		{"a bare LF", "a\nb\r\n", fault.Invalid},
		{"a bare CR", "a\rb\r\n", fault.Invalid},
		{"CR CR LF", "a\r\r\n", fault.Invalid},
		{"LF CR", "a\n\rb", fault.Invalid},
		{"the smuggler's end of data", "a\r\n.\r\r\nMAIL FROM:<x@y.test>\r\n", fault.Invalid},
		{"as many LF as CR, not together", "a\n b\r\n c\r d", fault.Invalid},
		{"a NUL", "a\x00b\r\n", fault.Invalid},
		{"a CR at the very end", "a\r\nb\r", fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, wrap := range map[string]func(io.Reader) io.Reader{
				"whole": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "half": iotest.HalfReader,
				"with its end": iotest.DataErrReader,
			} {
				got, err := io.ReadAll(NewStrictReader(wrap(strings.NewReader(tt.in)), 100))
				if tt.want == nil && (err != nil || string(got) != tt.in) || !errors.Is(err, tt.want) {
					t.Errorf("%s: read %q, %v, want %v", name, got, err, tt.want)
				}
			}
		})
	}
}

func TestAStrictReaderStaysBroken(t *testing.T) {
	s := NewStrictReader(strings.NewReader("a\rb\r\nwell formed\r\n"), 100)
	buf := make([]byte, 5)
	for range 3 {
		if n, err := s.Read(buf); n != 0 || !errors.Is(err, fault.Invalid) {
			t.Fatalf("Read = %d, %v, want 0 and fault.Invalid", n, err)
		}
	}
}

func TestADeclaredSizeIsNotTrusted(t *testing.T) {
	small := strings.NewReader("a\r\n")
	if allocated := testing.AllocsPerRun(100, func() {
		small.Reset("a\r\n")
		got, err := ReadStrict(small, 1<<40, 50<<20)
		if err != nil || cap(got) > firstRead {
			t.Errorf("a lie of a terabyte took %d bytes, %v", cap(got), err)
		}
	}); allocated > 4 {
		t.Errorf("%v allocations", allocated)
	}
	long := strings.Repeat("0123456789\r\n", 200_000)
	got, err := ReadStrict(strings.NewReader(long), int64(len(long)), 50<<20)
	if err != nil || string(got) != long || cap(got) > len(long)+512+4096*2 {
		t.Errorf("%d bytes declared rightly took %d, %v", len(long), cap(got), err)
	}
}
