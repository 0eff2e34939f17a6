package imapd

import (
	"bytes"
	"sync"
)

// outSize is how much of an answer is gathered before it is sent: one full
// TLS record.
const outSize = 16 << 10

var outBuffers = sync.Pool{New: func() any { b := make([]byte, 0, outSize); return &b }}

// Write implements net.Conn for the library, which writes one answer at a
// time, whole if it is short.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.probe != nil:
		return w.probe.Write(p)
	case w.werr != nil:
		return 0, w.werr
	case w.mute:
		w.mute = false
	case isPrompt(p):
		w.prompted = true
		if !w.suppress {
			w.hold(p)
		}
		w.suppress = false
	default:
		w.hold(w.amend(p))
	}
	if w.reading {
		w.flush()
	}
	return len(p), w.werr
}

// Raw sends an answer of our own, past the library.
func (w *wire) Raw(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.werr == nil {
		w.hold(p)
	}
	if w.reading {
		w.flush()
	}
	return w.werr
}

// Probe returns what the library writes while fn runs, none of which is sent.
func (w *wire) Probe(fn func()) []byte {
	var b bytes.Buffer
	w.mu.Lock()
	w.probe = &b
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.probe = nil
		w.mu.Unlock()
	}()
	fn()
	return b.Bytes()
}

// Bye ends the connection with a BYE: after the command in hand, or at once
// if there is none.
func (w *wire) Bye(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.farewell != "" {
		return
	}
	if w.farewell = text; w.reading {
		w.hangUp()
	}
}

// Close implements net.Conn. What is held back, such as the answer to LOGOUT,
// is sent first.
func (w *wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
	w.discard()
	w.leaving.Do(w.left)
	return w.Conn.Close()
}

// amend corrects what the library cannot be told: it knows neither ID nor
// that its literals are taken in every form, and says that a syntax error it
// did not foresee is its own mistake.
func (w *wire) amend(p []byte) []byte {
	ours := len(w.tag) > 0 && len(p) > len(w.tag)+1 && string(p[:len(w.tag)]) == w.tag && p[len(w.tag)] == ' '
	if ours && bytes.Equal(p[len(w.tag):], serverBug) {
		p = []byte(w.tag + " BAD Syntax error\r\n")
	}
	if ours || bytes.HasPrefix(p, []byte("* OK [")) || bytes.HasPrefix(p, []byte("* CAPABILITY ")) {
		if at := bytes.Index(p[:min(len(p), 2*maxTag+len(capability))], capability); at >= 0 {
			p = bytes.Replace(p, capability, append(capability[:len(capability):len(capability)], "ID "...), 1)
			p = bytes.Replace(p, []byte(" LITERAL- "), []byte(" LITERAL+ "), 1)
		}
	}
	if ours {
		w.tag = "" // answered
	}
	return p
}

// hold appends p to what will be sent. w.mu is held here and below.
func (w *wire) hold(p []byte) {
	for len(p) > 0 && w.werr == nil {
		if w.out == nil {
			w.out = (*outBuffers.Get().(*[]byte))[:0]
		}
		n := min(len(p), cap(w.out)-len(w.out))
		w.out = append(w.out, p[:n]...)
		if p = p[n:]; len(w.out) == cap(w.out) {
			w.flush()
		}
	}
}

func (w *wire) flush() {
	if len(w.out) > 0 && w.werr == nil {
		_, w.werr = w.Conn.Write(w.out)
	}
	w.discard()
}

func (w *wire) discard() {
	if w.out != nil {
		clear(w.out) // it may hold a mail
		w.out = w.out[:0]
		b := w.out
		outBuffers.Put(&b)
		w.out = nil
	}
}

func (w *wire) hangUp() {
	w.hold([]byte("* BYE " + w.farewell + "\r\n"))
	w.flush()
	if w.werr == nil {
		w.werr = errHangUp
	}
	w.Conn.Close()
}

// isPrompt reports whether p is a continuation request (RFC 9051 §7.6): one
// line, written in one piece.
func isPrompt(p []byte) bool {
	return bytes.HasPrefix(p, []byte("+ ")) && bytes.Index(p, crlf) == len(p)-2
}

// abort ends the connection in the middle of an answer.
func (w *wire) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.discard()
	if w.werr == nil {
		w.werr = errHangUp
	}
	w.Conn.Close()
}
