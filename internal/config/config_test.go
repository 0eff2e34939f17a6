package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vaguemestre/internal/fault"
)

// whole is a file that has all that is needed; tests add to it.
const whole = `installation = "abcdefghijklmnopqrstuvwxyz"
domain = "hub.test"
patient_domain = "patient.test"
tls = { certificate = "tls/c.pem", key = "/etc/tls/k.pem" }
blobs.dir = "blobs"
store.sqlite = "hub.db"

[keys]
hub = "hub.key"
index = "index.key"
erasure = ["e1", "e2"]
escrow = "escrow.cert"

[listen]
smtps = ["127.0.0.1:10465", "[::1]:0"]
`

func TestLoadReadsPathsFromTheFolderOfTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	if want := filepath.Join(dir, "tls/c.pem"); c.TLS.Certificate != want || c.TLS.Key != "/etc/tls/k.pem" {
		t.Errorf("TLS = %v, want %s and /etc/tls/k.pem", c.TLS, want)
	}
	if want := filepath.Join(dir, "admin.sock"); c.Listen.Admin != want {
		t.Errorf("admin socket = %s, want %s", c.Listen.Admin, want)
	}
	if c.Limits.Mail != 50<<20 || c.Limits.Anonymous != time.Minute || c.Log.Level != "info" {
		t.Errorf("defaults are not those of the table: %+v", c.Limits)
	}
	if _, err := Load(filepath.Join(dir, "absent.toml")); !errors.Is(err, fault.NotFound) {
		t.Errorf("Load of an absent file = %v, want not found", err)
	}
}

func TestWhatIsWrongIsToldWithLineAndWhatIsAllowed(t *testing.T) {
	last := strings.Count(whole, "\n")
	for _, tt := range []struct{ name, add, want string }{
		{"a misspelt key", "imapss = []", fmt.Sprintf(":%d: listen.imapss: there is no such key; did you mean listen.imaps?", last+1)},
		{"a key in the wrong table", "quota = 5", "listen.quota: there is no such key; did you mean limits.quota?"},
		{"a table that does not exist", "[limit]\nquota = 5", "limit.quota: there is no such key; did you mean limits.quota?"},
		{"nothing like it", "[x]\nfoo = 1", "x.foo: there is no such key"},
		{"a size that is none", "[limits]\nmail = \"huge\"", fmt.Sprintf(":%d: limits.mail: must be a size from 64 KB to 500 MB", last+2)},
		{"a size that overflows", "[limits]\nquota = \"99999999999999 GB\"", "limits.quota: must be a size"},
		{"a number out of bounds", "[limits]\nrecipients = 0", "limits.recipients: must be a whole number from 1 to 10000"},
		{"a text for a number", "[limits]\nrecipients = \"7\"", "limits.recipients: must be a whole number"},
		{"a time without unit", "[limits]\nact = \"5\"", "limits.act: must be a time from 1s to 1h"},
		{"a number for a time", "[limits]\nact = 5", "limits.act: must be a time"},
		{"an address without port", "imaps = [\"127.0.0.1\"]", "listen.imaps: must be addresses with a port"},
		{"a host name to listen on", "imaps = [\"example.test:1\"]", "listen.imaps: must have an IP address"},
		{"metrics for the world", "metrics = \"0.0.0.0:9090\"", "listen.metrics: must be an address on loopback"},
		{"a socket path that is too long", "admin = \"/" + strings.Repeat("x", 120) + "\"", "listen.admin: must be a path of at most 107 bytes"},
		{"a level that does not exist", "[log]\nlevel = \"loud\"", "log.level: must be one of debug, info, warn, error"},
		{"an address with a path", "[web]\nbase = \"https://dmp.test/fhir\"", "web.base: must be https:// and a host"},
		{"an establishment that has no such number", "[professionals]\nsamu = [\"75000001\"]", "professionals.samu: must be FINESS numbers"},
		{"a program without a name", "[professionals]\nprograms = [\"abc\"]", "professionals.programs: must be texts like"},
		{"notices to a host without port", "[notices]\nsmarthost = \"relay.test\"", "notices.smarthost: must be a host with its port"},
		{"notices from a name", "[notices]\nfrom = \"Hub\"", "notices.from: must be a mail address"},
		{"texts in clear over the network", "[notices]\nsms = \"http://sms.test/send\"", "notices.sms: must be a URL that begins with https://"},
		{"codes for everybody to read", "[notices]\nfolder = \"outbox\"", "notices.folder: is for test mode"},
		{"a mail for patients larger than any", "[limits]\nmail = \"1 MB\"", "limits.patient_mail: must not be more than limits.mail"},
		{"a syntax error", "imaps = [", fmt.Sprintf(":%d: column", last+1)},
		{"a key given twice", "smtps = []", fmt.Sprintf(":%d: column", last+1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(whole+tt.add+"\n"), "/data")
			if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, want invalid, with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats a secret: %v", err)
			}
		})
	}
}

func TestTwoStoresAreOneTooMany(t *testing.T) {
	text := strings.Replace(whole, "store.sqlite", "store.postgres = \"postgres://u:hunter2@h/d\"\nstore.sqlite", 1)
	_, err := Parse([]byte(text), "/data")
	if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), ":6: store.postgres: there is store.sqlite as well") {
		t.Errorf("Parse = %v, want invalid, at line 6", err)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error repeats a secret: %v", err)
	}
}

func TestAllThatIsWrongIsToldAtOnceInTheOrderOfLines(t *testing.T) {
	_, err := Parse([]byte("domain = 5\npatient_domain = \"UPPER.test\"\n[log]\nformat = 1\n"), "/data")
	var bad *Invalid
	if !errors.As(err, &bad) {
		t.Fatalf("Parse = %v", err)
	}
	var lines []int
	for _, p := range bad.Problems {
		if p.Line > 0 {
			lines = append(lines, p.Line)
		}
	}
	if diff := cmp.Diff([]int{1, 2, 4}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	for _, want := range []string{"installation: is missing", "keys.hub: is missing", "store.sqlite: is missing", "every port is off"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse does not say %q", want)
		}
	}
}

func TestTheCommentedFileIsReadBackAsItWas(t *testing.T) {
	c, err := Parse([]byte(whole+"[limits]\nquota = \"3 MB\"\nact = \"90s\"\n[bus]\nredis = \"file:/run/redis\"\n"), "/data")
	if err != nil {
		t.Fatal(err)
	}
	text := c.Commented("/data")
	again, err := Parse(text, "/data")
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	if diff := cmp.Diff(c, again, cmp.AllowUnexported(Secret{})); diff != "" {
		t.Errorf("the file does not say what it was made of (-want +got):\n%s", diff)
	}
	moved, err := Parse(text, "/elsewhere")
	if err != nil || moved.Blobs != "/elsewhere/blobs" || moved.TLS.Key != "/etc/tls/k.pem" {
		t.Errorf("what is below the folder does not move with it: %v, %v", moved, err)
	}
}

func TestEveryKeyIsDocumentedAndHasAPlaceOfItsOwn(t *testing.T) {
	c := Default()
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k.name] || len(k.doc) < 15 || !strings.HasSuffix(k.doc, ".") && !strings.HasSuffix(k.doc, "…") {
			t.Errorf("%s: comes twice, or its text is no sentence: %q", k.name, k.doc)
		}
		seen[k.name] = true
		before := k.value(c).text()
		if err := k.value(c).set(example(k.value(c)), "/data"); err != nil {
			t.Errorf("%s refuses an example: %v", k.name, err)
			continue
		}
		for _, other := range keys {
			if o := other.value(c); !seen[other.name] && o.text() != other.value(Default()).text() {
				t.Errorf("%s and %s have one place", k.name, other.name)
			}
		}
		if k.value(c).text() == before {
			t.Errorf("%s: an example changes nothing", k.name)
		}
	}
}

// example is what a value takes and is not the default.
func example(v value) any {
	switch v := v.(type) {
	case boolValue:
		return true
	case intValue:
		return int64(v.min + 1)
	case sizeValue:
		return v.min + 1
	case durationValue:
		return (v.min + time.Second).String()
	case addressesValue:
		return []any{"127.0.0.1:1"}
	case wordsValue:
		if v.check == nil || v.check("a=b") == nil {
			return []any{"a=b"}
		}
		return []any{"750000001"}
	case pathsValue:
		return []any{"x"}
	case textValue:
		for _, s := range []string{"warn", "text", "other.test", "UTC", "127.0.0.1:1", "a@b.test", "https://a.test", strings.Repeat("a", 26)} {
			if v.check == nil || v.check(s) == nil {
				return s
			}
		}
	}
	return "other"
}

func TestASecretIsReadFromWhereItIsAndNeverPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAGUEMESTRE_TEST_SECRET", "from the environment")
	for _, tt := range []struct{ source, want string }{
		{"hunter2", "hunter2"},
		{"file:" + path, "from a file"},
		{"env:VAGUEMESTRE_TEST_SECRET", "from the environment"},
		{"file:" + path + ".absent", ""},
		{"env:VAGUEMESTRE_TEST_ABSENT", ""},
	} {
		s := NewSecret(tt.source)
		got, err := s.Reveal()
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("Reveal of %s = %q, %v", tt.source, got, err)
		}
	}
	var b strings.Builder
	c := Config{Redis: NewSecret("hunter2"), Store: Store{Postgres: NewSecret("hunter2")}}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "c", c, "s", c.Redis)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "c", c, "s", c.Redis)
	fmt.Fprintf(&b, "%v %+v %#v %s %q", c, c, c, c.Redis, c.Redis)
	if strings.Contains(b.String(), "hunter2") {
		t.Errorf("a secret is printed: %s", b.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(whole)
	f.Add("[limits]\nmail = \"1 MB\"\n\"listen.smtps\" = 5")
	f.Add("[[keys]]\nhub = {a = {b = [1, {c = 2}]}}")
	f.Add(string(Default().Commented("/data")))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text), "/data")
		if err != nil {
			return
		}
		again, err := Parse(c.Commented("/data"), "/data")
		if err != nil {
			t.Fatalf("a file that is right is written wrong: %v", err)
		}
		if diff := cmp.Diff(c, again, cmp.AllowUnexported(Secret{})); diff != "" {
			t.Errorf("it does not come back (-want +got):\n%s", diff)
		}
	})
}
