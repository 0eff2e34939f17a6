package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// The files that mail programs look for by themselves. They say the same to
// everybody, but for the address that a program has asked about.

const (
	maxAsked     = 8 << 10
	outlookIn    = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	outlookOut   = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
	profileStart = xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n"
)

// programs serves them. No cookie is set, and no form is taken.
func (s *Server) programs() {
	if s.cfg.Mail.IMAP == "" || s.cfg.Mail.SMTP == "" {
		return
	}
	for _, path := range []string{"/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml"} {
		s.mux.HandleFunc("GET "+path, s.autoconfig)
	}
	for _, path := range []string{"/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"} {
		s.mux.HandleFunc("POST "+path, s.autodiscover)
	}
}

func (s *Server) writeXML(w http.ResponseWriter, v any) {
	b, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		s.cfg.Log.Error("web: xml", "err", err)
		http.Error(w, "error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = io.WriteString(w, xml.Header+string(b)+"\n")
	s.cfg.Observe("web", http.StatusOK)
}

// autoconfigServer is one server of Mozilla's autoconfiguration, version 1.1.
type autoconfigServer struct {
	Type     string `xml:"type,attr"`
	Host     string `xml:"hostname"`
	Port     string `xml:"port"`
	Socket   string `xml:"socketType"`
	Auth     string `xml:"authentication"`
	Username string `xml:"username"`
}

type autoconfig struct {
	XMLName  xml.Name `xml:"clientConfig"`
	Version  string   `xml:"version,attr"`
	Provider struct {
		ID       string           `xml:"id,attr"`
		Domains  []string         `xml:"domain"`
		Name     string           `xml:"displayName"`
		Short    string           `xml:"displayShortName"`
		Incoming autoconfigServer `xml:"incomingServer"`
		Outgoing autoconfigServer `xml:"outgoingServer"`
		Help     struct {
			URL string `xml:"url,attr"`
		} `xml:"documentation"`
	} `xml:"emailProvider"`
}

// autoconfig answers Thunderbird and those who ask as it does.
func (s *Server) autoconfig(w http.ResponseWriter, _ *http.Request) {
	in, out := server(s.cfg.Mail.IMAP), server(s.cfg.Mail.SMTP)
	v := autoconfig{Version: "1.1"}
	p := &v.Provider
	p.ID, p.Domains, p.Name, p.Short = in.Host, s.cfg.Mail.Domains, word(french, "setup.provider"), word(french, "name")
	p.Incoming = autoconfigServer{"imap", in.Host, in.Port, "SSL", "password-cleartext", "%EMAILADDRESS%"}
	p.Outgoing = autoconfigServer{"smtp", out.Host, out.Port, "SSL", "password-cleartext", "%EMAILADDRESS%"}
	p.Help.URL = s.cfg.Base + setupPath
	s.writeXML(w, v)
}

// outlookServer is one server of Outlook's autodiscovery (POX, MS-OXDSCLI).
type outlookServer struct {
	Type   string
	Server string
	Port   string
	Login  string `xml:"LoginName"`
	SSL    string
	SPA    string
	Auth   string `xml:"AuthRequired"`
}

type outlookAnswer struct {
	XMLName  xml.Name `xml:"Autodiscover"`
	NS       string   `xml:"xmlns,attr"`
	Response struct {
		NS      string `xml:"xmlns,attr"`
		Account struct {
			AccountType string
			Action      string
			Protocol    []outlookServer
		}
	}
}

// autodiscover answers Outlook: it sends the address it is about.
func (s *Server) autodiscover(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Request struct {
			Address string `xml:"EMailAddress"`
		}
	}
	err := xml.NewDecoder(http.MaxBytesReader(w, r.Body, maxAsked)).Decode(&asked)
	address := canonical(asked.Request.Address)
	if err != nil || address == "" {
		s.cfg.Observe("web", http.StatusBadRequest)
		http.Error(w, "not a request for an address", http.StatusBadRequest)
		return
	}
	v := outlookAnswer{NS: outlookIn}
	v.Response.NS = outlookOut
	v.Response.Account.AccountType, v.Response.Account.Action = "email", "settings"
	in, out := server(s.cfg.Mail.IMAP), server(s.cfg.Mail.SMTP)
	v.Response.Account.Protocol = []outlookServer{
		{"IMAP", in.Host, in.Port, address, "on", "off", "on"},
		{"SMTP", out.Host, out.Port, address, "on", "off", "on"},
	}
	s.writeXML(w, v)
}

// A plist is what Apple's property lists are made of: keys and values by turns.
type plist []any

// appleProfile makes a profile with one mail account. What it does not say, the
// address and the password, the program asks for.
func appleProfile(cfg Config, who setupFor, name, description string) []byte {
	in, out := server(cfg.Mail.IMAP), server(cfg.Mail.SMTP)
	port := func(s string) int {
		n, _ := strconv.Atoi(s) // it was a port when it was configured
		return n
	}
	account := plist{
		"PayloadType", "com.apple.mail.managed", "PayloadVersion", 1,
		"PayloadIdentifier", in.Host + ".mail", "PayloadUUID", uuid(cfg.Base, who.Address, "mail"), "PayloadDisplayName", name,
		"EmailAccountDescription", name, "EmailAccountType", "EmailTypeIMAP",
		"IncomingMailServerAuthentication", "EmailAuthPassword", "IncomingMailServerHostName", in.Host,
		"IncomingMailServerPortNumber", port(in.Port), "IncomingMailServerUseSSL", true,
		"OutgoingMailServerAuthentication", "EmailAuthPassword", "OutgoingMailServerHostName", out.Host,
		"OutgoingMailServerPortNumber", port(out.Port), "OutgoingMailServerUseSSL", true,
		"OutgoingPasswordSameAsIncomingPassword", true, "PreventMove", true, "SMIMEEnabled", false,
	}
	if who.Address != "" {
		account = append(account, "EmailAccountName", who.Name, "EmailAddress", who.Address,
			"IncomingMailServerUsername", who.Address, "OutgoingMailServerUsername", who.Address)
	}
	var b bytes.Buffer
	b.WriteString(profileStart + `<plist version="1.0">` + "\n")
	plist{
		"PayloadType", "Configuration", "PayloadVersion", 1, "PayloadIdentifier", in.Host,
		"PayloadUUID", uuid(cfg.Base, who.Address, "profile"), "PayloadDisplayName", name,
		"PayloadDescription", description, "PayloadContent", []plist{account},
	}.write(&b)
	b.WriteString("</plist>\n")
	return b.Bytes()
}

func (p plist) write(b *bytes.Buffer) {
	b.WriteString("<dict>\n")
	for i := 0; i+1 < len(p); i += 2 {
		fmt.Fprintf(b, "<key>%v</key>", p[i])
		switch v := p[i+1].(type) {
		case string:
			b.WriteString("<string>")
			_ = xml.EscapeText(b, []byte(v)) // to memory
			b.WriteString("</string>\n")
		case int:
			fmt.Fprintf(b, "<integer>%d</integer>\n", v)
		case bool:
			fmt.Fprintf(b, "<%t/>\n", v)
		case []plist:
			b.WriteString("<array>\n")
			for _, one := range v {
				one.write(b)
			}
			b.WriteString("</array>\n")
		}
	}
	b.WriteString("</dict>\n")
}

// uuid names the same thing the same way each time, so that a profile replaces
// the one before (RFC 9562 §5.8).
func uuid(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = io.WriteString(h, p+"\x00") // never fails
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	x := hex.EncodeToString(b)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
