package smtpd

import (
	"fmt"
	"runtime"
	"strings"
)

// errorLog hears what go-smtp logs: panics it has recovered, and connections
// that ended badly, which the guards below have said better.
type errorLog struct{ s *Server }

// Printf implements smtp.Logger.
func (l errorLog) Printf(format string, v ...any) {
	if !strings.HasPrefix(format, "panic") || len(v) < 3 {
		return
	}
	l.s.metrics.panics.Inc()
	what := fmt.Sprintf("%T", v[1]) // the value itself could be content
	if e, ok := v[1].(runtime.Error); ok {
		what = e.Error()
	}
	l.s.cfg.Log.Error("smtp panic", "proto", "smtp", "remote", fmt.Sprint(v[0]), "panic", what, "stack", fmt.Sprintf("%s", v[2]))
}

// Println implements smtp.Logger.
func (l errorLog) Println(...any) {}
