// Package arrows holds the test of the plan of the house: imports point down
// the rings, engines are for cmd alone, and a library is imported by the one
// package that answers for it.
package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "vaguemestre/"

// rings lists the packages from the ground up. A package imports lower rings
// only, never its own. A package missing here fails the test: placing it is a
// decision.
var rings = [][]string{
	{"internal/fault"},
	{"internal/ident", "internal/store", "internal/cda/xmltree"},
	{"policy", "internal/message", "internal/cda", "internal/xdm", "internal/blob", "internal/bus",
		"internal/fhir", "internal/smart", "internal/thread", "internal/filename", "internal/limit", "internal/listen", "internal/config", "internal/metrics"},
	{"vault/keyring", "internal/dsn", "internal/document",
		"internal/store/memstore", "internal/store/sqlstore", "internal/store/storetest",
		"internal/blob/memblob", "internal/blob/blobdir", "internal/blob/blobtest",
		"internal/bus/membus", "internal/bus/redisbus", "internal/bus/bustest"},
	{"internal/fact", "internal/hint"},                         // how records keep what a filing role reads back, and say where something waits
	{"internal/fact/facttest", "internal/account/passkeytest"}, // and how their tests do
	{"vault", "internal/account", "internal/audit", "internal/conversation", "internal/directory", "internal/filing",
		"internal/habilitation", "internal/mailbox", "internal/outbox", "internal/owner", "internal/patient", "internal/software"},
	{"internal/hub"},
	{"internal/pdsm"},    // what the door shows, as FHIR
	{"internal/takeout"}, // and all of it, in a zip
	{"internal/saslauth", "internal/oauth/fakepsc"}, // how the mail edges log people in; where a demo's professionals do
	{"smtpd", "imapd", "internal/adminapi", "internal/janitor", "internal/fhirapi", "internal/oauth", "internal/courier", "internal/web"},
	{"cmd/vaguemestre"},
}

// engines are imported by cmd, and by tests.
var engines = []string{
	"internal/store/memstore", "internal/store/sqlstore", "internal/blob/memblob", "internal/blob/blobdir",
	"internal/bus/membus", "internal/bus/redisbus",
}

// answerable names the packages that may import a library.
var answerable = map[string][]string{
	"github.com/emersion/go-imap":     {"imapd"},
	"github.com/emersion/go-smtp":     {"smtpd", "relay", "internal/courier"},
	"github.com/emersion/go-message":  {"internal/message", "internal/dsn"},
	"github.com/ProtonMail/go-crypto": {"vault/keyring"},
	"github.com/redis/go-redis":       {"internal/bus/redisbus"},
	"modernc.org/sqlite":              {"internal/store/sqlstore"},
	"github.com/jackc/pgx":            {"internal/store/sqlstore"},
	"github.com/xdg-go/scram":         {"internal/saslauth"},
	"github.com/spf13/cobra":          {"cmd/vaguemestre"},
	"github.com/pelletier/go-toml":    {"internal/config"},
	"github.com/klauspost/compress":   {"vault", "internal/mailbox"},
	"github.com/go-jose/go-jose":      {"internal/oauth", "internal/oauth/fakepsc"},
	"github.com/coreos/go-oidc":       {"internal/oauth"},
	"golang.org/x/oauth2":             {"internal/oauth"},
	"github.com/go-webauthn/webauthn": {"internal/account"},
	"github.com/pquerna/otp":          {"internal/account"},
	"github.com/boombuler/barcode":    {"internal/web"},
	"github.com/miekg/pkcs11":         {"vault/keyring"},
}

// edges speak protocols; they reach records through the door only.
var edges = []string{"smtpd", "imapd", "internal/adminapi", "internal/janitor", "internal/saslauth", "internal/fhirapi", "internal/oauth", "internal/courier", "internal/web"}

// A file is one Go file of the product, read as far as its imports.
type file struct {
	name, dir string
	syntax    *ast.File
	imports   []string
}

func sources(t *testing.T) []file {
	var list []file
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "testdata/") {
			return err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), "../../"+name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		f := file{name: name, dir: path.Dir(name), syntax: syntax}
		for _, spec := range syntax.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imp)
		}
		list = append(list, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestArrowsPointDown(t *testing.T) {
	ring := map[string]int{}
	for i, r := range rings {
		for _, p := range r {
			ring[p] = i
		}
	}
	for _, f := range sources(t) {
		at, ok := ring[f.dir]
		if !ok {
			t.Errorf("%s is in no ring", f.dir)
		}
		for _, imp := range f.imports {
			to, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			if ring[to] >= at {
				t.Errorf("%s imports %s, which is not below it", f.name, to)
			}
			if slices.Contains(engines, to) && !strings.HasPrefix(f.dir, "cmd/") && !strings.HasSuffix(f.dir, "test") {
				t.Errorf("%s imports the engine %s; only cmd may", f.name, to)
			}
			if to == "internal/store" && slices.Contains(edges, f.dir) {
				t.Errorf("%s imports store; an edge reaches records through the door", f.name)
			}
		}
	}
}

func TestOneLibraryOneOwner(t *testing.T) {
	for _, f := range sources(t) {
		for _, imp := range f.imports {
			for library, owners := range answerable {
				if (imp == library || strings.HasPrefix(imp, library+"/")) && !slices.Contains(owners, f.dir) {
					t.Errorf("%s imports %s; only %v may", f.name, library, owners)
				}
			}
			if f.dir == "policy" && strings.Contains(imp, ".") || f.dir == "policy" && strings.HasPrefix(imp, module) {
				t.Errorf("%s imports %s; policy imports the standard library only", f.name, imp)
			}
		}
	}
}

var declared = regexp.MustCompile(`(?:keys begin\s+with|and) "([a-z]+/)"`)

// TestNoTwoRecordsShareAPrefix reads the prefixes that records declare in
// their package comments.
func TestNoTwoRecordsShareAPrefix(t *testing.T) {
	owner := map[string]string{}
	for _, f := range sources(t) {
		if f.syntax.Doc == nil {
			continue
		}
		for _, m := range declared.FindAllStringSubmatch(f.syntax.Doc.Text(), -1) {
			if o := owner[m[1]]; o != "" && o != f.dir {
				t.Errorf("%s and %s both own %q", o, f.dir, m[1])
			}
			owner[m[1]] = f.dir
		}
	}
	if len(owner) < 8 {
		t.Errorf("only %d prefixes are declared: %v", len(owner), owner)
	}
}
