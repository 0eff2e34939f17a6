package keyring

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"vaguemestre/internal/fault"
)

// A body is one OpenPGP packet, SEIPD version 2 under AES-256-GCM (RFC 9580
// §5.13.2), that holds one literal data packet in the clear of compression,
// whose file name field carries the binding. The wraps of its session stand
// apart; put before the body they make a complete OpenPGP message.

const (
	maxName  = 255      // the file name field of a literal packet, RFC 9580 §5.9
	maxChunk = 64 << 10 // of plaintext under one tag; also what a reader buffers
	minChunk = 256
	maxPiece = 8 << 10 // of plaintext handed to the library at once

	tagSEIPD   = 0xD2 // first byte of the packet, RFC 9580 §4.2
	tagLiteral = 0xCB
)

var gcm256 = packet.CipherSuite{Cipher: packet.CipherAES256, Mode: packet.AEADModeGCM}

// chunkFor returns the chunk size for a plaintext: one chunk if it is small, so
// that small bodies cost small buffers. It tells the length of a small body to
// within a factor of two, which its ciphertext tells exactly.
func chunkFor(name string, size int64) uint64 {
	const headers = 64
	n := size + int64(len(name)) + headers
	switch {
	case size < 0 || n >= maxChunk:
		return maxChunk
	case n <= minChunk:
		return minChunk
	}
	return 1 << bits.Len64(uint64(n-1))
}

// Sealer seals a body as it is written, onto w. The name, at most 255 bytes,
// binds the body to its place; it is sealed too, and Unsealer needs it again.
// The size is that of the plaintext if it is known, -1 if not; a wrong one costs
// memory, nothing else. Nothing is whole before Close, which leaves w open.
func (s *Session) Sealer(w io.Writer, name string, size int64) (io.WriteCloser, error) {
	if len(name) > maxName {
		return nil, fmt.Errorf("keyring: seal body: name of %d bytes: %w", len(name), fault.Invalid)
	}
	body, err := packet.SerializeSymmetricallyEncrypted(
		w, gcm256.Cipher, true, gcm256, s.key[:], profile(chunkFor(name, size)))
	if err != nil {
		return nil, fmt.Errorf("keyring: seal body: %w", err)
	}
	literal, err := packet.SerializeLiteral(body, true, name, 0)
	if err != nil {
		return nil, fmt.Errorf("keyring: seal body: %w", err)
	}
	return &sealer{w: literal}, nil
}

// A sealer hands large writes on in pieces, since the library gathers a whole
// write before it encrypts, and refuses a second Close.
type sealer struct {
	w   io.WriteCloser
	err error
}

var errClosed = errors.New("keyring: sealer is closed")

func (s *sealer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && s.err == nil {
		piece := p[:min(len(p), maxPiece)]
		m, err := s.w.Write(piece)
		n, s.err = n+m, err
		p = p[len(piece):]
	}
	return n, s.err
}

func (s *sealer) Close() error {
	if s.err != nil {
		return s.err
	}
	s.err = errClosed
	return s.w.Close()
}

// Unsealer opens a body as it is read from r, and wants nothing after it. What
// it gives came from the sealer in that order, but the body may still be found
// cut short or lengthened: act on the bytes only after io.EOF. Another name,
// another session, a body of another form, or any change is fault.Corrupt; an
// error of r is returned as it is.
func (s *Session) Unsealer(r io.Reader, name string) (io.Reader, error) {
	source := &source{r: r}
	return s.unseal(bufio.NewReader(source), source, name)
}

// scanner is what a body is read from: headers byte by byte.
type scanner interface {
	io.Reader
	io.ByteScanner
}

func (s *Session) unseal(in scanner, source *source, name string) (io.Reader, error) {
	u := &unsealer{source: source, in: in}
	if err := u.begin(s.key[:], name); err != nil {
		return nil, u.fault()
	}
	return u, nil
}

// An unsealer reads the plaintext of one body.
type unsealer struct {
	source *source
	in     scanner
	packet *source       // contents of the SEIPD packet
	chunks io.ReadCloser // and their plaintext
	text   io.Reader     // contents of the literal packet within
	err    error
}

// begin reads up to the first byte of the contents. It looks at each packet's
// first byte itself, so that no other parser of the library is reached.
func (u *unsealer) begin(key []byte, name string) error {
	if b, err := u.in.ReadByte(); err != nil || b != tagSEIPD || u.in.UnreadByte() != nil {
		return fault.Corrupt
	}
	p, err := packet.Read(u.in)
	if err != nil {
		return err
	}
	body, ok := p.(*packet.SymmetricallyEncrypted)
	if !ok || body.Version != 2 || body.Cipher != gcm256.Cipher || body.Mode != gcm256.Mode ||
		64<<body.ChunkSizeByte > maxChunk {
		return fault.Corrupt
	}
	// The library takes a packet that ends before its length for one that ends
	// there: it is noted here, and judged at the end.
	u.packet = &source{r: body.Contents}
	body.Contents = u.packet
	if u.chunks, err = body.Decrypt(gcm256.Cipher, key); err != nil {
		return err
	}
	var tag [1]byte
	if _, err := io.ReadFull(u.chunks, tag[:]); err != nil || tag[0] != tagLiteral {
		return fault.Corrupt
	}
	if p, err = packet.Read(io.MultiReader(bytes.NewReader(tag[:]), u.chunks)); err != nil {
		return err
	}
	literal, ok := p.(*packet.LiteralData)
	if !ok || !literal.IsBinary || literal.FileName != name {
		return fault.Corrupt
	}
	u.text = literal.Body
	return nil
}

func (u *unsealer) Read(p []byte) (int, error) {
	if u.err != nil || len(p) == 0 {
		return 0, u.err
	}
	n, err := u.text.Read(p)
	if err == io.EOF {
		err = u.end()
	}
	if err != nil && err != io.EOF {
		err = u.fault()
	}
	u.err = err
	return n, err
}

// end returns io.EOF if the body is whole and nothing follows it.
func (u *unsealer) end() error {
	var one [1]byte
	if _, err := io.ReadFull(u.chunks, one[:]); err != io.EOF {
		return fault.Corrupt
	}
	if err := u.chunks.Close(); err != nil { // the final tag
		return err
	}
	if _, err := u.in.ReadByte(); err != io.EOF || u.packet.err != nil {
		return fault.Corrupt
	}
	return io.EOF
}

func (u *unsealer) fault() error {
	if u.source.err != nil {
		return u.source.err
	}
	return fmt.Errorf("keyring: open body: %w", fault.Corrupt)
}

// A source remembers why reading ended, since the library does not tell a
// reader that fails from a body that is wrong.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// bodyOverhead is more than a body adds to its name and a small plaintext.
const bodyOverhead = 128

// SealBlob appends to dst the body of a plaintext that is at hand: the form
// Sealer writes.
func (s *Session) SealBlob(dst, plaintext []byte, name string) ([]byte, error) {
	w := bytes.NewBuffer(dst)
	w.Grow(len(plaintext) + len(plaintext)>>10 + len(name) + bodyOverhead)
	sealer, err := s.Sealer(w, name, int64(len(plaintext)))
	if err != nil {
		return nil, err
	}
	if _, err := sealer.Write(plaintext); err != nil {
		return nil, fmt.Errorf("keyring: seal body: %w", err)
	}
	if err := sealer.Close(); err != nil {
		return nil, fmt.Errorf("keyring: seal body: %w", err)
	}
	return w.Bytes(), nil
}

// OpenBlob appends to dst the plaintext of a whole body, or nothing: what it
// returns is authentic to the end. Errors are those of Unsealer.
func (s *Session) OpenBlob(dst, sealed []byte, name string) ([]byte, error) {
	r, err := s.unseal(bytes.NewReader(sealed), new(source), name)
	if err != nil {
		return nil, err
	}
	w := bytes.NewBuffer(dst)
	w.Grow(len(sealed) + bytes.MinRead) // a body is longer than its plaintext
	if _, err := w.ReadFrom(r); err != nil {
		return nil, err
	}
	return w.Bytes(), nil
}
