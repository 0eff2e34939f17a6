package main

import (
	"io"
	"log/slog"

	"vaguemestre/imapd"
	"vaguemestre/internal/config"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/patient"
	"vaguemestre/smtpd"
)

// hubLimits, smtpLimits and imapConfig hand the limits of a configuration to
// those who keep them.
func hubLimits(l config.Limits) hub.Limits {
	return hub.Limits{
		Mail: l.Mail, PatientMail: l.PatientMail, Quota: l.Quota,
		RefusedPerHour: l.RefusedPerHour, RefusedPerDay: l.RefusedPerDay, RefusedShare: l.RefusedShare,
		LoginFailures: l.LoginFailures, ListingCache: l.ListingCache,
		RecordsPerHour: l.RecordsPerHour, GlassPerDay: l.GlassPerDay, Glass: l.Glass, Declared: l.Declared, CareTeam: l.CareTeam,
	}
}

func delays(l config.Life) patient.Delays {
	d := patient.DefaultDelays
	d.Opening, d.Archiving, d.Erasure = l.Opening, l.Archiving, l.Erasure
	return d
}

func smtpLimits(l config.Limits) smtpd.Limits {
	s := smtpd.DefaultLimits
	s.Mail, s.PatientMail, s.InFlight = l.Mail, l.PatientMail, l.SMTPMemory
	s.Recipients, s.Errors, s.LoginFailures = l.Recipients, l.SMTPErrors, l.LoginFailuresPerConnection
	s.Connections, s.PerAddress = l.Connections, l.ConnectionsPerAddress
	s.Handshake, s.Anonymous, s.Act, s.Drain = l.Handshake, l.Anonymous, l.Act, l.Drain
	s.Patience.Idle = l.SMTPIdle
	return s
}

func (s *server) imapConfig() imapd.Config {
	l := s.cfg.Limits
	return imapd.Config{
		TLS: s.cert.Config(), Log: s.log, Metrics: s.metrics, Now: clock,
		Handshake: l.Handshake, PreLogin: l.Anonymous, Idle: l.IMAPIdle,
		MaxConns: l.Connections, PerAddress: l.ConnectionsPerAddress, PerAccount: l.Sessions,
		MaxFailures: l.LoginFailuresPerConnection, AppendLimit: l.Mail, Budget: l.IMAPMemory,
	}
}

// newLog makes the log that a configuration asks for.
func newLog(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration is checked: this is the empty one
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
