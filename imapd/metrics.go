package imapd

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"vaguemestre/internal/listen"
)

type metrics struct {
	sessions prometheus.Gauge
	logins   *prometheus.CounterVec
	commands *prometheus.CounterVec
	dropped  prometheus.Counter
	panics   prometheus.Counter
	rejected *prometheus.CounterVec
}

// commandNames is the closed set of the label "command".
var commandNames = strings.Fields(`append authenticate capability check close copy create delete enable examine
	expunge fetch id idle list login logout lsub move namespace noop rename search select starttls status store
	subscribe uid unselect unsubscribe other`)

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "imap_sessions", Help: "IMAP sessions that have logged in."}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imap_logins_total", Help: "IMAP logins, by result: ok, refused, or failed for a reason of ours."}, []string{"result"}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imap_commands_total", Help: "IMAP commands received."}, []string{"command"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "imap_dropped_total", Help: "IMAP sessions dropped because they fell too far behind, or their mailbox was deleted."}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "imap_panics_total", Help: "Panics while serving IMAP, each of which ended one connection."}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imap_rejected_total", Help: "Connections to an IMAP port that were refused, by reason."}, []string{"reason"}),
	}
	for _, c := range commandNames {
		m.commands.WithLabelValues(c)
	}
	for _, l := range []string{"ok", "refused", "failed"} {
		m.logins.WithLabelValues(l)
	}
	for _, l := range listen.Reasons {
		m.rejected.WithLabelValues(l)
	}
	if r != nil {
		r.MustRegister(m.sessions, m.logins, m.commands, m.dropped, m.panics, m.rejected)
	}
	return m
}

var isCommandName = func() map[string]bool {
	set := map[string]bool{}
	for _, c := range commandNames {
		set[c] = true
	}
	return set
}()

func (m *metrics) command(name string) {
	if name = strings.ToLower(name); !isCommandName[name] {
		name = "other"
	}
	m.commands.WithLabelValues(name).Inc()
}
