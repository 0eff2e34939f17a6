package smtpd

import (
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/listen"
)

// metrics are the counts of this edge. Their labels come from closed sets.
type metrics struct {
	connections prometheus.Counter
	rejected    *prometheus.CounterVec // reason
	logins      *prometheus.CounterVec // result
	recipients  *prometheus.CounterVec // result
	mails       *prometheus.CounterVec // result
	bytes       prometheus.Counter
	replies     *prometheus.CounterVec // class
	panics      prometheus.Counter
	inFlight    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &metrics{
		connections: counter("smtp_connections_total", "Connections spoken to."),
		rejected:    vec("smtp_connections_rejected_total", "Connections closed before a word, by reason.", "reason"),
		logins:      vec("smtp_logins_total", "Ends of AUTH, by result.", "result"),
		recipients:  vec("smtp_recipients_total", "RCPT commands answered, by result.", "result"),
		mails:       vec("smtp_mails_total", "Mails answered after their last byte, by result.", "result"),
		bytes:       counter("smtp_mail_bytes_total", "Bytes of the mails filed."),
		replies:     vec("smtp_replies_total", "Replies, by first digit.", "class"),
		panics:      counter("smtp_panics_total", "Panics recovered; each is a bug."),
		inFlight:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "smtp_in_flight_bytes", Help: "Memory set aside for mails being received."}),
	}
	for _, r := range listen.Reasons {
		m.rejected.WithLabelValues(r)
	}
	for _, v := range []*prometheus.CounterVec{m.logins, m.recipients, m.mails} {
		v.WithLabelValues(result(nil))
	}
	if reg != nil {
		reg.MustRegister(m.connections, m.rejected, m.logins, m.recipients, m.mails, m.bytes, m.replies, m.panics, m.inFlight)
	}
	return m
}

// result is the label for an end: "ok", or the kind of its error.
func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errLost):
		return "connection_lost"
	}
	return strings.ReplaceAll(string(fault.Of(err)), " ", "_")
}

func (m *metrics) replied(code string) {
	switch code[0] {
	case '2', '3', '4', '5':
		m.replies.WithLabelValues(code[:1] + "xx").Inc()
	}
}
