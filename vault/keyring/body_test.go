package keyring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
)

// text returns n bytes that repeat nowhere.
func text(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func newSession(t testing.TB) *Session {
	t.Helper()
	s, err := SessionFromKey(newKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealBlob(t testing.TB, s *Session, plain []byte, name string) []byte {
	t.Helper()
	b, err := s.SealBlob(nil, plain, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sizes are around every border: of chunks, pieces and packet lengths.
var sizes = []int{0, 1, 2, 15, 16, 17, 100, 191, 192, 193, 255, 256, 511, 512, 513, 4095, 4096, 8191, 8383, 8384,
	32767, 32768, 32769, 65000, 65535, 65536, 65537, 131072, 200000, 1 << 20}

func TestABodyComesBackAsItWas(t *testing.T) {
	s := newSession(t)
	for _, n := range sizes {
		plain := text(n)
		sealed := sealBlob(t, s, plain, "doc/1")
		got, err := s.OpenBlob([]byte("before"), sealed, "doc/1")
		if err != nil || !bytes.Equal(got, append([]byte("before"), plain...)) {
			t.Errorf("OpenBlob of %d bytes = %d bytes, %v", n, len(got), err)
		}
		for _, hint := range []int64{-1, 0, int64(n), 1 << 40} {
			var w bytes.Buffer
			sealer, err := s.Sealer(&w, "doc/1", hint)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(sealer, iotest.HalfReader(bytes.NewReader(plain))); err != nil {
				t.Fatal(err)
			}
			if err := sealer.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := s.Unsealer(iotest.DataErrReader(&w), "doc/1")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("Unsealer of %d bytes with hint %d = %d bytes, %v", n, hint, len(got), err)
			}
		}
		if over := len(sealed) - n; over > bodyOverhead+n/1000 {
			t.Errorf("a body of %d bytes is %d bytes longer than its plaintext", n, over)
		}
	}
}

func TestAnyBodyRoundTrips(t *testing.T) {
	s := newSession(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := text(rapid.IntRange(0, 200_000).Draw(t, "size"))
		name := string(rapid.SliceOfN(rapid.Byte(), 0, maxName).Draw(t, "name"))
		var w bytes.Buffer
		sealer, err := s.Sealer(&w, name, rapid.Int64Range(-1, 300_000).Draw(t, "hint"))
		if err != nil {
			t.Fatal(err)
		}
		for rest := plain; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "write")
			if _, err := sealer.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := sealer.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.OpenBlob(nil, w.Bytes(), name); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes came back as %d, %v", len(plain), len(got), err)
		}
	})
}

// mustBeCorrupt fails unless both ways of opening say fault.Corrupt.
func mustBeCorrupt(t *testing.T, s *Session, sealed []byte, name, what string) {
	t.Helper()
	if got, err := s.OpenBlob(nil, sealed, name); !errors.Is(err, fault.Corrupt) || got != nil {
		t.Errorf("%s: OpenBlob = %d bytes, %v, want corrupt", what, len(got), err)
	}
	r, err := s.Unsealer(bytes.NewReader(sealed), name)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		if _, again := r.Read(make([]byte, 1)); err != nil && again != err {
			t.Errorf("%s: the error of an unsealer does not last: %v, then %v", what, err, again)
		}
	}
	if !errors.Is(err, fault.Corrupt) {
		t.Errorf("%s: Unsealer = %v, want corrupt", what, err)
	}
}

func TestABodyOpensOnlyWithItsSessionAndName(t *testing.T) {
	s := newSession(t)
	sealed := sealBlob(t, s, text(5000), "doc/1")
	mustBeCorrupt(t, newSession(t), sealed, "doc/1", "another session")
	for _, name := range []string{"", "doc/2", "doc/1 ", "doc/", "DOC/1"} {
		mustBeCorrupt(t, s, sealed, name, fmt.Sprintf("name %q", name))
	}
	mustBeCorrupt(t, s, sealBlob(t, s, nil, ""), "x", "an empty body under another name")
}

func TestABodyCutAnywhereDoesNotOpen(t *testing.T) {
	s := newSession(t)
	for _, n := range []int{0, 1, 300, 5000, 70_000, 140_000} {
		sealed := sealBlob(t, s, text(n), "doc/1")
		step := 1 + len(sealed)/400
		for cut := 0; cut < len(sealed); cut += step {
			mustBeCorrupt(t, s, sealed[:cut], "doc/1", fmt.Sprintf("%d bytes cut to %d", n, cut))
		}
		for cut := max(0, len(sealed)-40); cut < len(sealed); cut++ {
			mustBeCorrupt(t, s, sealed[:cut], "doc/1", fmt.Sprintf("%d bytes cut to %d", n, cut))
		}
	}
}

func TestABodyWithAFlippedBitDoesNotOpen(t *testing.T) {
	s := newSession(t)
	for _, n := range []int{0, 20, 300, 70_000} {
		sealed := sealBlob(t, s, text(n), "doc/1")
		for at := 0; at < len(sealed); at += 1 + len(sealed)/1500 {
			for bit := range 8 {
				sealed[at] ^= 1 << bit
				mustBeCorrupt(t, s, sealed, "doc/1", fmt.Sprintf("%d bytes, bit %d of byte %d", n, bit, at))
				sealed[at] ^= 1 << bit
			}
		}
	}
}

func TestNothingMayFollowABody(t *testing.T) {
	s := newSession(t)
	sealed := sealBlob(t, s, text(5000), "doc/1")
	for _, tail := range [][]byte{{0}, {0xCB}, sealed, {0xD5, 1, 0}} {
		mustBeCorrupt(t, s, append(bytes.Clone(sealed), tail...), "doc/1", fmt.Sprintf("tail of %d bytes", len(tail)))
	}
}

// unpartial reads a packet's contents out of its partial lengths, RFC 9580
// §4.2.1.4, independently of the library.
func unpartial(t *testing.T, b []byte) (tag byte, body, rest []byte) {
	t.Helper()
	tag, b = b[0]&0x3f, b[1:]
	for {
		var n int
		last := true
		switch l := b[0]; {
		case l < 192:
			n, b = int(l), b[1:]
		case l < 224:
			n, b = int(l-192)<<8+int(b[1])+192, b[2:]
		case l < 255:
			n, b, last = 1<<(l&31), b[1:], false
		default:
			n, b = int(binary.BigEndian.Uint32(b[1:])), b[5:]
		}
		body = append(body, b[:n]...)
		if b = b[n:]; last {
			return tag, body, b
		}
	}
}

// seipd writes a SEIPD packet of definite length.
func seipd(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{tagSEIPD, 255}, uint32(len(body))), body...)
}

func TestChunksCannotBeMovedDoubledOrDropped(t *testing.T) {
	const head, chunk = 4 + 32, maxChunk + 16
	s := newSession(t)
	tag, body, rest := unpartial(t, sealBlob(t, s, text(5*maxChunk), "doc/1"))
	if tag != 18 || len(rest) != 0 || !bytes.Equal(body[:4], []byte{2, 9, 3, 10}) {
		t.Fatalf("tag %d, header %v, %d bytes after", tag, body[:4], len(rest))
	}
	if got, err := s.OpenBlob(nil, seipd(body), "doc/1"); err != nil || len(got) != 5*maxChunk {
		t.Fatalf("the same body in one length: %d bytes, %v", len(got), err)
	}
	at := func(i int) []byte { return body[head+i*chunk : head+(i+1)*chunk] }
	tail := body[head+5*chunk:]
	join := func(parts ...[]byte) []byte {
		return seipd(append(bytes.Clone(body[:head]), bytes.Join(parts, nil)...))
	}
	_, other, _ := unpartial(t, sealBlob(t, s, text(5*maxChunk), "doc/1"))
	for what, sealed := range map[string][]byte{
		"swapped":            join(at(0), at(2), at(1), at(3), at(4), tail),
		"doubled":            join(at(0), at(1), at(1), at(2), at(3), at(4), tail),
		"dropped":            join(at(0), at(1), at(3), at(4), tail),
		"last ones dropped":  join(at(0), at(1), tail),
		"first dropped":      join(at(1), at(2), at(3), at(4), tail),
		"no tail":            join(at(0), at(1), at(2), at(3), at(4)),
		"from another body":  join(at(0), at(1), other[head+2*chunk:head+3*chunk], at(3), at(4), tail),
		"tail of another":    join(at(0), at(1), at(2), at(3), at(4), other[head+5*chunk:]),
		"another chunk size": seipd(append([]byte{2, 9, 3, 9}, body[4:]...)),
	} {
		mustBeCorrupt(t, s, sealed, "doc/1", what)
	}
}

// TestOtherFormsOfBodyAreRefused seals, with the library and the right key, what
// another program might: it must not be opened, whatever it holds.
func TestOtherFormsOfBodyAreRefused(t *testing.T) {
	s := newSession(t)
	seal := func(mode packet.AEADMode, chunk uint64, v2 bool, fill func(io.WriteCloser)) []byte {
		var w bytes.Buffer
		suite := packet.CipherSuite{Cipher: packet.CipherAES256, Mode: mode}
		body, err := packet.SerializeSymmetricallyEncrypted(&w, suite.Cipher, v2, suite, s.key[:], profile(chunk))
		if err != nil {
			t.Fatal(err)
		}
		fill(body)
		return w.Bytes()
	}
	literal := func(w io.WriteCloser, binary bool, tail ...byte) {
		l, _ := packet.SerializeLiteral(nopCloser{w}, binary, "doc/1", 0)
		_, _ = l.Write(text(600))
		_ = l.Close()
		_, _ = w.Write(tail)
		_ = w.Close()
	}
	plain := func(w io.WriteCloser) { literal(w, true) }
	if got, err := s.OpenBlob(nil, seal(packet.AEADModeGCM, maxChunk, true, plain), "doc/1"); err != nil || !bytes.Equal(got, text(600)) {
		t.Fatalf("the form of ours, by hand: %d bytes, %v", len(got), err)
	}
	for what, sealed := range map[string][]byte{
		"OCB":                       seal(packet.AEADModeOCB, maxChunk, true, plain),
		"EAX":                       seal(packet.AEADModeEAX, maxChunk, true, plain),
		"chunks of 128 KiB":         seal(packet.AEADModeGCM, 2*maxChunk, true, plain),
		"SEIPD version 1":           seal(packet.AEADModeGCM, maxChunk, false, plain),
		"text":                      seal(packet.AEADModeGCM, maxChunk, true, func(w io.WriteCloser) { literal(w, false) }),
		"a padding packet after it": seal(packet.AEADModeGCM, maxChunk, true, func(w io.WriteCloser) { literal(w, true, 0xD5, 1, 0) }),
		"a byte after it":           seal(packet.AEADModeGCM, maxChunk, true, func(w io.WriteCloser) { literal(w, true, 0) }),
		"nothing":                   seal(packet.AEADModeGCM, maxChunk, true, func(w io.WriteCloser) { _ = w.Close() }),
		"compression": seal(packet.AEADModeGCM, maxChunk, true, func(w io.WriteCloser) {
			c, err := packet.SerializeCompressed(w, packet.CompressionZIP, nil)
			if err != nil {
				t.Fatal(err)
			}
			literal(c, true)
		}),
	} {
		mustBeCorrupt(t, s, sealed, "doc/1", what)
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestASealerRefusesALongNameAndUseAfterClose(t *testing.T) {
	s := newSession(t)
	if _, err := s.SealBlob(nil, nil, strings.Repeat("x", maxName+1)); !errors.Is(err, fault.Invalid) {
		t.Errorf("a name of 256 bytes: %v, want not valid", err)
	}
	var w bytes.Buffer
	sealer, err := s.Sealer(&w, strings.Repeat("x", maxName), -1)
	if err != nil {
		t.Fatal(err)
	}
	if err := sealer.Close(); err != nil {
		t.Fatal(err)
	}
	n := w.Len()
	if err := sealer.Close(); err == nil {
		t.Error("a second Close is no error")
	}
	if _, err := sealer.Write([]byte("x")); err == nil {
		t.Error("Write after Close is no error")
	}
	if w.Len() != n {
		t.Error("bytes were written after Close")
	}
}

func TestAFailingReaderIsNotACorruptBody(t *testing.T) {
	s := newSession(t)
	away := fmt.Errorf("blob: read: %w", fault.Unavailable)
	sealed := sealBlob(t, s, text(200_000), "doc/1")
	for _, n := range []int{0, 1, 10, 60, 5000, 100_000, len(sealed)} {
		r, err := s.Unsealer(io.MultiReader(bytes.NewReader(sealed[:n]), iotest.ErrReader(away)), "doc/1")
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != away {
			t.Errorf("the reader failed after %d bytes: %v", n, err)
		}
	}
}

func TestAFailingWriterIsReported(t *testing.T) {
	s := newSession(t)
	for _, room := range []int{0, 1, 40, 1000, 70_000} {
		sealer, err := s.Sealer(&narrow{room: room}, "doc/1", -1)
		if err == nil {
			_, err = sealer.Write(text(200_000))
			err = errors.Join(err, sealer.Close())
		}
		if !errors.Is(err, fault.Unavailable) {
			t.Errorf("a writer with room for %d bytes: %v", room, err)
		}
	}
}

// A narrow writer has room for so many bytes.
type narrow struct{ room int }

func (n *narrow) Write(p []byte) (int, error) {
	if len(p) > n.room {
		return 0, fault.Unavailable
	}
	n.room -= len(p)
	return len(p), nil
}

// FuzzUnsealer reads b as a body, and as what a hostile writer who has the
// session key sealed as one.
func FuzzUnsealer(f *testing.F) {
	s, _ := SessionFromKey(make([]byte, keySize))
	for _, n := range []int{0, 1, 300, 5000} {
		b, _ := s.SealBlob(nil, text(n), "doc/1")
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Add([]byte{tagSEIPD, 0})
	f.Add([]byte("\xCB\x0Cb\x05doc/1\x00\x00\x00\x00x"))
	f.Add([]byte("\xCB\xFF\xFF\xFF\xFF\xFFb\x05doc/1\x00\x00\x00\x00x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := s.OpenBlob(nil, b, "doc/1"); err != nil && (!errors.Is(err, fault.Corrupt) || got != nil) {
			t.Errorf("OpenBlob = %d bytes, %v", len(got), err)
		}
		var w bytes.Buffer
		body, err := packet.SerializeSymmetricallyEncrypted(&w, gcm256.Cipher, true, gcm256, s.key[:], profile(minChunk))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = body.Write(b)
		_ = body.Close()
		got, err := s.OpenBlob(nil, w.Bytes(), "doc/1")
		if err != nil && (!errors.Is(err, fault.Corrupt) || got != nil) {
			t.Errorf("OpenBlob of hostile contents = %d bytes, %v", len(got), err)
		}
		if err == nil && !bytes.HasPrefix(b, []byte{tagLiteral}) {
			t.Error("contents that are no literal packet are opened")
		}
	})
}

func BenchmarkBody(b *testing.B) {
	s := newSession(b)
	for _, n := range []int{600, 4 << 10, 60 << 10, 1 << 20, 10 << 20} {
		plain := text(n)
		sealed := sealBlob(b, s, plain, "doc/1")
		room := make([]byte, 0, 2*n+1000)
		b.Run(fmt.Sprintf("seal/%dB", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.SealBlob(room, plain, "doc/1"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("open/%dB", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.OpenBlob(room, sealed, "doc/1"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
