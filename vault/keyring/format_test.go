package keyring

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/format-1.json anew: only before its first release")

// A specimen is one of everything the keyring writes. What format 1 wrote must
// be read for ever.
type specimen struct {
	Ring, Index, Secrets        []byte // files
	Cert, Locked, Wraps         []byte
	Body, Value, Wrapped, Audit []byte
	Fact, MAC, Signature        []byte
}

const specimenFile = "testdata/format-1.json"

func newSpecimen(t *testing.T) (s specimen) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ring, index, audit := NewRing(), NewIndexKey(), NewAuditKey()
	ring.Add()
	save(t, ring, file("ring"))
	if err := index.Save(file("index")); err != nil {
		t.Fatal(err)
	}
	es := add(t, newSecrets(t, []string{file("secrets")}), "a", "b")
	cert, locked, err := ring.NewOwner("a", es[0])
	if err != nil {
		t.Fatal(err)
	}
	session, wraps, err := NewSession(cert)
	if err != nil {
		t.Fatal(err)
	}
	mac := index.MAC("address", "a", "b")
	return specimen{
		Ring: read(t, file("ring")), Index: read(t, file("index")), Secrets: read(t, file("secrets")),
		Cert: cert.Marshal(), Locked: locked, Wraps: wraps,
		Body: sealBlob(t, session, []byte("a body"), "doc/1"), Value: session.SealValue(nil, []byte("a value"), "mb/m/1"),
		Wrapped: ring.Wrap([]byte("a pepper"), "pepper"), Audit: ring.WrapAuditKey(audit),
		Fact: index.Seal(nil, []byte("a fact"), "fact"), MAC: mac[:], Signature: audit.Sign("checkpoint", []byte("root")),
	}
}

func TestWhatFormat1WroteIsRead(t *testing.T) {
	if *update {
		b, err := json.MarshalIndent(newSpecimen(t), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		write(t, specimenFile, append(b, '\n'))
	}
	var s specimen
	if err := json.Unmarshal(read(t, specimenFile), &s); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		write(t, path, content)
		return path
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	same := func(what string, got []byte, err error) {
		t.Helper()
		if err != nil || string(got) != what {
			t.Errorf("%q: got %q, %v", what, got, err)
		}
	}
	ring, err := LoadRing(file("ring", s.Ring))
	must("ring", err)
	index, err := LoadIndexKey(file("index", s.Index))
	must("index key", err)
	secrets, err := OpenErasureSecrets(file("secrets", s.Secrets))
	must("erasure secrets", err)
	es, err := secrets.Find("a")
	must("erasure secret", err)
	key, err := ring.Unlock("a", s.Locked, es)
	must("owner key", err)
	session, err := key.Open(s.Wraps)
	must("wraps", err)
	audit, err := ring.UnwrapAuditKey(s.Audit)
	must("audit key", err)
	cert, err := ParseCert(s.Cert)
	must("certificate", err)
	_, wraps, err := NewSession(cert)
	must("session", err)
	_, err = key.Open(wraps)
	must("wraps for the certificate", err)

	got, err := session.OpenBlob(nil, s.Body, "doc/1")
	same("a body", got, err)
	got, err = session.OpenValue(nil, s.Value, "mb/m/1")
	same("a value", got, err)
	got, err = ring.Unwrap(s.Wrapped, "pepper")
	same("a pepper", got, err)
	got, err = index.Open(nil, s.Fact, "fact")
	same("a fact", got, err)
	if index.MAC("address", "a", "b") != [32]byte(s.MAC) {
		t.Error("MAC differs")
	}
	if !VerifyAudit(audit.Public(), "checkpoint", []byte("root"), s.Signature) {
		t.Error("signature differs")
	}
}
