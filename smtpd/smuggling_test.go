package smtpd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"vaguemestre/internal/message"
)

// smuggled stands in the middle of a mail, for a server that takes what comes
// before it for the end of that mail, and what follows for commands.
var smuggled = []string{
	"\n.\n", "\n.\r\n", "\r.\r\n", "\r.\r", "\r.\n", "\n.\r", "\n\n.\r\n", "\r\n\x00.\r\n", "\r\n.\x00\r\n",
	"\r\n.\n", "\r\n.\r", "\r\r\n.\n", "\n\r\n.\n", "\x00",
}

func TestSmuggling(t *testing.T) {
	for _, trick := range smuggled {
		t.Run(fmt.Sprintf("%q", trick), func(t *testing.T) {
			h := &fakeHub{}
			mail := "A: b\r\n\r\ntext" + trick + "MAIL FROM:<" + martin + ">\r\nRCPT TO:<smuggled@ch-a.test>\r\nDATA\r\nB: c\r\n"
			rcpt := mailFrom + "C: RCPT TO:<a@ch-a.test>\nS: 250\n"
			dialogue(t, h, rcpt+fmt.Sprintf("C: DATA\nS: 354\nR: %q\nS: 550 5.5.2\nC: RSET\nS: 250 2.0.0 Session reset\n", mail+".\r\n")+
				rcpt+fmt.Sprintf("R: %q\nS: 550 5.5.2\nC: RSET\nS: 250 2.0.0 Session reset\n", fmt.Sprintf("BDAT %d LAST\r\n%s", len(mail), mail)))
			h.want(t)
		})
	}
}

// The end that go-smtp's own reader does not see (libraries: a real end after
// a bare CR): the client is answered, not left waiting.
func TestARealEndAfterABareCR(t *testing.T) {
	h := &fakeHub{}
	dialogue(t, h, mailFrom+`
		C: RCPT TO:<a@ch-a.test>
		S: 250
		C: DATA
		S: 354
		R: "A: b\r\r\n.\r\n"
		S: 550 5.5.2
		C: NOOP
		S: 250
	`)
	h.want(t)
}

func TestCommandLinesAreStrict(t *testing.T) {
	for _, line := range []string{"NOOP\n", "NO\rOP\r\n", "NOOP x\rRSET\r\n", "NOOP \x00\r\n", "NOOP\v\r\n", "NOOP \x7f\r\n", "NOOP\r\r\n",
		"MAIL FROM:<" + martin + ">\nRCPT TO:<a@ch-a.test>\n"} {
		t.Run(fmt.Sprintf("%q", line), func(t *testing.T) {
			dialogue(t, &fakeHub{}, fmt.Sprintf("R: %q\nS: 550 5.5.2\nS: 421\nS:", line+"RSET\r\n"))
		})
	}
}

// slowBody is RFC 5321 §4.5.2 at its word, a byte at a time.
func slowBody(in []byte) (mail, rest []byte, ok bool) {
	for line := true; ; {
		switch {
		case line && bytes.HasPrefix(in, []byte(".\r\n")):
			return mail, in[3:], true
		case line && len(in) > 0 && in[0] == '.':
			in = in[1:]
		}
		if len(in) == 0 {
			return mail, nil, false
		}
		mail, in = append(mail, in[0]), in[1:]
		line = bytes.HasSuffix(mail, crlf)
	}
}

func FuzzBody(f *testing.F) {
	for _, trick := range append(smuggled, "..", ".", "\r\n..\r\n", "\r\n.a\r\n.", "\r") {
		f.Add([]byte("A: b\r\n"+trick+"x\r\n.\r\nQUIT\r\n"), uint8(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		want, wantRest, wantOK := slowBody(in)
		for _, source := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)), iotest.HalfReader(bytes.NewReader(in))} {
			buffered := bufio.NewReaderSize(source, 16)
			b := &body{in: buffered}
			var got []byte
			var err error
			for p := make([]byte, 1+int(size)); err == nil; {
				var n int
				n, err = b.Read(p)
				got = append(got, p[:n]...)
			}
			if ok := err == io.EOF; ok != wantOK {
				t.Fatalf("body of %q ends with %v, want an end: %v", in, err, wantOK)
			}
			rest, _ := io.ReadAll(buffered)
			if wantOK && (!bytes.Equal(got, want) || !bytes.Equal(rest, wantRest)) {
				t.Fatalf("body of %q = %q, then %q\nwant %q, then %q", in, got, rest, want, wantRest)
			}
			if !wantOK && !bytes.HasPrefix(want, got) {
				t.Fatalf("body of %q = %q, want a beginning of %q", in, got, want)
			}
		}
	})
}

func BenchmarkBody(b *testing.B) {
	mail := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 4000)
	in := []byte(mail + ".\r\n")
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		buffered := bufio.NewReaderSize(bytes.NewReader(in), 4<<10)
		if got, err := message.ReadStrict(&body{in: buffered}, int64(len(mail)), 1<<30); err != nil || len(got) != len(mail) {
			b.Fatal(err)
		}
	}
}
