package main

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/netip"

	"vaguemestre/internal/courier"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

// newCourier makes the courier that the configuration asks for.
func (s *server) newCourier() (*courier.Courier, error) {
	n := s.cfg.Notices
	carriers := map[hub.Channel]courier.Carrier{}
	if n.Smarthost != "" {
		from, err := ident.ParseAddress(cmp.Or(n.From, "noreply@"+s.cfg.Domain))
		if err != nil {
			return nil, advise(err, "notices.from in %s must be a mail address.", s.cfg.Path)
		}
		c := &courier.Smarthost{Address: n.Smarthost, Plain: onLoopback(n.Smarthost), TLS: &tls.Config{}, User: n.User, From: from, Name: "Vaguemestre", Now: clock}
		if !n.Password.IsZero() {
			if c.Password, err = n.Password.Reveal(); err != nil {
				return nil, advise(err, "notices.password in %s says where the password is.", s.cfg.Path)
			}
		}
		carriers[hub.ByMail] = c
	}
	if n.SMS != "" {
		c := &courier.Gateway{URL: n.SMS}
		if !n.SMSToken.IsZero() {
			var err error
			if c.Token, err = n.SMSToken.Reveal(); err != nil {
				return nil, advise(err, "notices.sms_token in %s says where the token is.", s.cfg.Path)
			}
		}
		carriers[hub.BySMS] = c
	}
	if n.Folder != "" {
		c := &courier.Folder{Path: n.Folder, Now: clock}
		carriers = map[hub.Channel]courier.Carrier{hub.ByMail: c, hub.BySMS: c}
	}
	return courier.New(s.hub, courier.Config{Carriers: carriers, Log: s.log, Metrics: s.metrics}), nil
}

func onLoopback(hostPort string) bool {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
