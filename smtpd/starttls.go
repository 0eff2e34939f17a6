package smtpd

import (
	"io"

	"vaguemestre/internal/listen"
)

// inClear answers a command that comes before TLS (RFC 3207). go-smtp has sent
// the greeting and sees nothing of this; what it reads first is the EHLO that
// the client sends inside TLS, so no knowledge from before can stay (§4.2).
func (w *wire) inClear(verb, args string) error {
	switch verb {
	case "EHLO":
		w.reply("250-" + w.l.server.cfg.Domain + "\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS")
	case "HELO":
		w.reply("250 " + w.l.server.cfg.Domain)
	case "NOOP", "RSET":
		w.reply("250 2.0.0 OK")
	case "QUIT":
		w.reply("221 2.0.0 Bye")
		return io.EOF
	case "STARTTLS":
		if args != "" {
			w.reply("501 5.5.4 STARTTLS takes no parameter")
			return nil
		}
		return w.startTLS()
	default:
		w.reply("530 5.7.0 Must issue a STARTTLS command first")
	}
	return nil
}

// startTLS makes the wire one inside TLS, or ends the connection: a client
// whose handshake failed can do nothing here but leave.
func (w *wire) startTLS() error {
	w.reply("220 2.0.0 Ready to start TLS")
	if err := w.flush(); err != nil {
		return err
	}
	if n := w.in.Buffered(); n > 0 { // not from our client, or from one that cannot wait: commands before TLS do not count
		w.log.Warn("smtp commands after STARTTLS discarded", "bytes", n)
		w.in.Discard(n)
	}
	t, err := listen.Handshake(w.Conn, w.l.server.cfg.TLS, w.l.server.cfg.Limits.Handshake)
	if err != nil {
		w.log.Info("smtp handshake failed", "err", err)
		w.l.server.metrics.rejected.WithLabelValues("handshake").Inc()
		return io.EOF
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Conn, w.clear = t, false
	w.in.Reset(input{w})
	return nil
}
