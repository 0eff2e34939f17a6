package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/listen"
)

// testMatricule is the matricule of somebody who is not.
func testMatricule(t *testing.T) string {
	t.Helper()
	m, err := ident.MakeMatricule("1602099999001")
	if err != nil {
		t.Fatal(err)
	}
	return m.Canonical()
}

func newTestCertificate(t *testing.T) *listen.Certificate {
	t.Helper()
	p, err := newPKI(clock(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(p.chain, p.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := listen.NewCertificate(pair)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newDatabase makes a schema of its own for the test, and returns a connection
// string that leads there.
func newDatabase(t *testing.T, dsn string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		return "", err
	}
	schema := "hub_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(t.Context(), `create schema `+schema); err != nil {
		conn.Close(t.Context())
		return "", err
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if _, err := conn.Exec(ctx, `drop schema `+schema+` cascade`); err != nil {
			t.Error(err)
		}
		conn.Close(ctx)
	})
	return dsn + " search_path=" + schema, nil
}

// TestEveryVerbSaysWhatItDoes walks all commands: each has a sentence, takes
// --help, and no two say the same.
func TestEveryVerbSaysWhatItDoes(t *testing.T) {
	seen := map[string]string{}
	root := rootCommand()
	commands := root.Commands()
	for len(commands) > 0 {
		c := commands[0]
		commands = append(commands[1:], c.Commands()...)
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || c.Short[0] >= 'A' && c.Short[0] <= 'Z' && !strings.HasPrefix(c.Short, "IMAP") {
			t.Errorf("%s: %q is no short sentence in lower case without a stop", c.CommandPath(), c.Short)
		}
		parent := c.Parent().Name()
		if other, ok := seen[parent+c.Short]; ok {
			t.Errorf("%s and %s say the same: %q", c.CommandPath(), other, c.Short)
		}
		seen[parent+c.Short] = c.CommandPath()
	}
	for _, want := range []string{"vaguemestre demo", "vaguemestre init", "vaguemestre serve", "vaguemestre patient import", "vaguemestre audit verify"} {
		found := false
		for _, path := range seen {
			found = found || path == want
		}
		if !found {
			t.Errorf("there is no %s", want)
		}
	}
}

func TestOneIsNotMany(t *testing.T) {
	for n, want := range map[int]string{0: "0 entries, 0 bad lines", 1: "1 entry, 1 bad line", 2: "2 entries, 2 bad lines"} {
		if got := counted(n, "entry") + ", " + counted(n, "bad line"); got != want {
			t.Errorf("%d are %q, want %q", n, got, want)
		}
	}
}
