package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a container has none

	"vaguemestre/internal/ident"
)

// A value is one place in a Config and what may be put there. set takes what a
// TOML parser gives (string, bool, int64, []any) and says what is allowed where
// that is not it. text is the value as the file writes it.
type value interface {
	set(v any, folder string) error
	reset()       // to the default
	text() string // as TOML
	missing() bool
}

type textValue struct {
	at        *string
	otherwise string
	check     func(string) error
	needed    bool
}

func (t textValue) reset()        { *t.at = t.otherwise }
func (t textValue) text() string  { return quote(*t.at) }
func (t textValue) missing() bool { return t.needed && *t.at == "" }

func (t textValue) set(v any, _ string) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("must be a text in quotes")
	}
	if t.check != nil && s != "" {
		if err := t.check(s); err != nil {
			return err
		}
	}
	*t.at = s
	return nil
}

type boolValue struct{ at *bool }

func (b boolValue) reset()        { *b.at = false }
func (b boolValue) text() string  { return strconv.FormatBool(*b.at) }
func (b boolValue) missing() bool { return false }

func (b boolValue) set(v any, _ string) error {
	on, ok := v.(bool)
	if !ok {
		return errors.New("must be true or false, without quotes")
	}
	*b.at = on
	return nil
}

type intValue struct {
	at                  *int
	otherwise, min, max int
}

func (n intValue) reset()        { *n.at = n.otherwise }
func (n intValue) text() string  { return strconv.Itoa(*n.at) }
func (n intValue) missing() bool { return false }

func (n intValue) set(v any, _ string) error {
	i, ok := v.(int64)
	if !ok || i < int64(n.min) || i > int64(n.max) {
		return fmt.Errorf("must be a whole number from %d to %d", n.min, n.max)
	}
	*n.at = int(i)
	return nil
}

// A sizeValue is a number of bytes, written as such or as "25 MB".
type sizeValue struct {
	at                  *int64
	otherwise, min, max int64
}

func (s sizeValue) reset()        { *s.at = s.otherwise }
func (s sizeValue) text() string  { return quote(formatSize(*s.at)) }
func (s sizeValue) missing() bool { return false }

func (s sizeValue) set(v any, _ string) error {
	n, ok := v.(int64)
	if text, isText := v.(string); isText {
		n, ok = parseSize(text)
	}
	if !ok || n < s.min || n > s.max {
		return fmt.Errorf(`must be a size from %s to %s, such as "25 MB"`, formatSize(s.min), formatSize(s.max))
	}
	*s.at = n
	return nil
}

// units are those of sizes, the largest first. They are powers of 1024.
var units = []struct {
	name string
	size int64
}{{"GB", gb}, {"MB", mb}, {"KB", kb}, {"B", 1}}

func parseSize(s string) (int64, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			return n * u.size, err == nil && n >= 0 && n <= math.MaxInt64/u.size
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func formatSize(n int64) string {
	for _, u := range units {
		if n != 0 && n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return "0"
}

type durationValue struct {
	at                  *time.Duration
	otherwise, min, max time.Duration
}

func (d durationValue) reset()        { *d.at = d.otherwise }
func (d durationValue) text() string  { return quote(formatDuration(*d.at)) }
func (d durationValue) missing() bool { return false }

func (d durationValue) set(v any, _ string) error {
	s, _ := v.(string)
	got, err := time.ParseDuration(s)
	if err != nil || got < d.min || got > d.max {
		return fmt.Errorf(`must be a time from %s to %s, such as "90s" or "5m"`, formatDuration(d.min), formatDuration(d.max))
	}
	*d.at = got
	return nil
}

// formatDuration leaves out the zeros that Duration.String writes.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

type addressesValue struct{ at *[]string }

func (a addressesValue) reset()        { *a.at = nil }
func (a addressesValue) text() string  { return quoteList(*a.at) }
func (a addressesValue) missing() bool { return false }

func (a addressesValue) set(v any, _ string) error {
	list, err := texts(v)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := isAddress(s); err != nil {
			return err
		}
	}
	*a.at = list
	return nil
}

// A pathValue is a path, relative to the folder of the file.
type pathValue struct {
	at        *string
	otherwise string
	check     func(string) error
	needed    bool
}

func (p pathValue) reset()        { *p.at = p.otherwise }
func (p pathValue) text() string  { return quote(*p.at) }
func (p pathValue) missing() bool { return p.needed && *p.at == "" }

func (p pathValue) set(v any, folder string) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("must be a path in quotes")
	}
	s = resolve(s, folder)
	if p.check != nil {
		if err := p.check(s); err != nil {
			return err
		}
	}
	*p.at = s
	return nil
}

type pathsValue struct {
	at     *[]string
	needed bool
}

func (p pathsValue) reset()        { *p.at = nil }
func (p pathsValue) text() string  { return quoteList(*p.at) }
func (p pathsValue) missing() bool { return p.needed && len(*p.at) == 0 }

func (p pathsValue) set(v any, folder string) error {
	list, err := texts(v)
	if err != nil {
		return err
	}
	for i, s := range list {
		if s == "" {
			return errors.New("must be a list of paths, none of them empty")
		}
		list[i] = resolve(s, folder)
	}
	*p.at = list
	return nil
}

// A wordsValue is a list of words.
type wordsValue struct {
	at        *[]string
	otherwise []string
	check     func(string) error
}

func (w wordsValue) reset()        { *w.at = slices.Clone(w.otherwise) }
func (w wordsValue) text() string  { return quoteList(*w.at) }
func (w wordsValue) missing() bool { return false }

func (w wordsValue) set(v any, _ string) error {
	list, err := texts(v)
	if err != nil {
		return err
	}
	for _, s := range list {
		if w.check != nil {
			if err := w.check(s); err != nil {
				return err
			}
		}
	}
	*w.at = list
	return nil
}

func resolve(path, folder string) string {
	if path == "" || filepath.IsAbs(path) || strings.HasPrefix(path, "credential:") {
		return path
	}
	return filepath.Join(folder, path)
}

// texts gives a list of texts; one text stands for a list of one.
func texts(v any) ([]string, error) {
	var list []string
	switch v := v.(type) {
	case string:
		list = append(list, v)
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, errors.New(`must be a list of texts, such as ["127.0.0.1:10465"]`)
			}
			list = append(list, s)
		}
	default:
		return nil, errors.New(`must be a list of texts, such as ["127.0.0.1:10465"]`)
	}
	return list, nil
}

func isAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || strconv.FormatUint(n, 10) != port {
		return errors.New(`must be addresses with a port, such as "127.0.0.1:10465" or "[::]:465"`)
	}
	if host != "" && host != "localhost" {
		if _, err := netip.ParseAddr(host); err != nil {
			return errors.New(`must have an IP address before the port, or nothing for all of them`)
		}
	}
	return nil
}

func isLoopback(s string) error {
	ap, err := netip.ParseAddrPort(s)
	if err != nil || !ap.Addr().IsLoopback() {
		return errors.New(`must be an address on loopback, such as "127.0.0.1:9090": it is not protected`)
	}
	return nil
}

// isSocketPath checks what sun_path can hold, its end included (unix(7)).
func isSocketPath(s string) error {
	if s == "" || len(s) > 107 {
		return errors.New("must be a path of at most 107 bytes, with the folder: that is all a unix socket can have")
	}
	return nil
}

func isDomain(s string) error {
	if a, err := ident.ParseAddress("postmaster@" + s); err != nil || a.Domain() != s {
		return errors.New(`must be a host name in lower case, such as "hub.example.test"`)
	}
	return nil
}

var reference = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func isReference(s string) error {
	if !reference.MatchString(s) {
		return errors.New(`must be up to 64 letters, digits, points and dashes`)
	}
	return nil
}

func isMailAddress(s string) error {
	if a, err := ident.ParseAddress(s); s != "" && (err != nil || a.Canonical() != s) {
		return errors.New(`must be a mail address in lower case, such as "noreply@example.test"`)
	}
	return nil
}

func isHostPort(s string) error {
	if host, port, err := net.SplitHostPort(s); s != "" && (err != nil || host == "" || port == "") {
		return errors.New(`must be a host with its port, such as "relay.example.test:587"`)
	}
	return nil
}

func isTimeZone(s string) error {
	if _, err := time.LoadLocation(s); err != nil || s == "" {
		return errors.New(`must be the name of a time zone, such as "Europe/Paris"`)
	}
	return nil
}

// isBase accepts the address of a host, without a path.
func isBase(s string) error {
	u, err := url.Parse(s)
	if s == "" || err == nil && u.Scheme == "https" && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil {
		return nil
	}
	return errors.New(`must be https:// and a host, with its port if that is not 443: "https://dmp.example.test"`)
}

func isProgram(s string) error {
	if id, name, ok := strings.Cut(s, "="); !ok || id == "" || name == "" {
		return errors.New(`must be texts like "ID=NAME": how the provider calls a program, and how the trail does`)
	}
	return nil
}

func isFINESS(s string) error {
	if _, err := ident.ParseFINESS(s); err != nil {
		return errors.New(`must be FINESS numbers, of nine characters, such as "750000001"`)
	}
	return nil
}

// isProvider accepts what nobody on the way can read.
func isProvider(s string) error {
	u, err := url.Parse(s)
	if s == "" || err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && u.Hostname() == "127.0.0.1") {
		return nil
	}
	return errors.New(`must be a URL that begins with https://, or http://127.0.0.1`)
}

func isInstallation(s string) error {
	if len(s) != 26 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return errors.New("must be the 26 characters that init wrote")
	}
	return nil
}

func oneOf(words ...string) func(string) error {
	return func(s string) error {
		for _, w := range words {
			if s == w {
				return nil
			}
		}
		return fmt.Errorf("must be one of %s", strings.Join(words, ", "))
	}
}

// quote writes a TOML text (basic string).
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
