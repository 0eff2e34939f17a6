package smtpd

import (
	"context"
	"fmt"
	"io"

	"vaguemestre/internal/fault"
)

// A room reads a mail into memory that is set aside for it among all mails in
// flight, in steps that double as it grows: what a client declares and does
// not send takes nothing from the others. Where there is none left within
// Limits.InFlightWait, reading ends with fault.Unavailable.
type room struct {
	s    *Server
	ctx  context.Context
	r    io.Reader
	got  int64
	held int64
	max  int64
}

// firstRoom is enough for most mails without documents.
const firstRoom = 64 << 10

// Read implements io.Reader.
func (m *room) Read(p []byte) (int, error) {
	if m.got >= m.held {
		if err := m.grow(); err != nil {
			return 0, err
		}
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.held-m.got)])
	m.got += int64(n)
	return n, err
}

func (m *room) grow() error {
	step := max(firstRoom, m.held)
	if m.held < m.max {
		step = min(step, m.max-m.held)
	} else {
		step = firstRoom // one byte more is too large already
	}
	ctx, cancel := context.WithTimeout(m.ctx, m.s.cfg.Limits.InFlightWait)
	defer cancel()
	if err := m.s.inFlight.Acquire(ctx, step); err != nil {
		return fmt.Errorf("smtpd: no room for a mail in flight: %w", fault.Unavailable)
	}
	m.held += step
	m.s.metrics.inFlight.Add(float64(step))
	return nil
}

// release gives everything back.
func (m *room) release() {
	m.s.inFlight.Release(m.held)
	m.s.metrics.inFlight.Sub(float64(m.held))
	m.held = 0
}
