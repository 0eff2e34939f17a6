package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"vaguemestre/internal/fault"
)

// today is a moment when every key made by these tests is valid: other programs
// use the real clock.
func today() time.Time { return time.Now().Add(time.Minute) }

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func export(t *testing.T, key []byte, name string, plain []byte) []byte {
	t.Helper()
	to, err := ParseRecipient(key, today())
	if err != nil {
		t.Fatal(err)
	}
	var w bytes.Buffer
	if err := Export(&w, to, name, bytes.NewReader(plain)); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

// gnupg runs gpg in a home of its own.
type gnupg struct{ home string }

func newGnuPG(t *testing.T) gnupg {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("SKIPPED, exports are not proved readable: gpg is not installed")
	}
	home, err := os.MkdirTemp("", "gpg") // t.TempDir is too long for its sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--homedir", home, "--kill", "all")
		if err := cmd.Run(); err != nil {
			t.Log(err)
		}
		os.RemoveAll(home)
	})
	return gnupg{home}
}

func (g gnupg) run(t *testing.T, in []byte, args ...string) (out []byte, said string) {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--no-tty", "--passphrase", ""}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %v: %v\n%s", args, err, stderr.String())
	}
	return out, stderr.String()
}

func TestGnuPGOpensWhatWeExport(t *testing.T) {
	g := newGnuPG(t)
	for _, algo := range []string{"future-default", "default"} {
		user := "Invented " + algo + " <" + algo + "@patient.test>"
		g.run(t, nil, "--quick-generate-key", user, algo, "default", "1y")
		for _, args := range [][]string{{"--armor", "--export", user}, {"--export", user}} {
			key, _ := g.run(t, nil, args...)
			for _, n := range []int{0, 1, 5000, 3 << 20} {
				plain := text(n)
				sealed := export(t, key, "compte-rendu é.pdf", plain)
				got, said := g.run(t, sealed, "--verbose", "--decrypt")
				if hash(got) != hash(plain) {
					t.Errorf("%s: gpg gives %d bytes of %d back", algo, len(got), n)
				}
				for _, want := range []string{"AES256 encrypted data", "original file name='compte-rendu é.pdf'"} {
					if !strings.Contains(strings.ReplaceAll(said, `\xc3\xa9`, "é"), want) {
						t.Errorf("%s: gpg does not say %q:\n%s", algo, want, said)
					}
				}
				if _, body, _ := unpartial(t, packetsAfterWraps(t, sealed)); body[0] != 1 {
					t.Errorf("%s: SEIPD version %d, want 1", algo, body[0])
				}
			}
		}
	}
}

// packetsAfterWraps skips the PKESK packets of a message.
func packetsAfterWraps(t *testing.T, b []byte) []byte {
	t.Helper()
	for b[0]&0x3f == 1 {
		_, _, b = unpartial(t, b)
	}
	return b
}

// A job is one thing that openpgp.js is asked to do; see testdata/openpgpjs.
type job struct {
	Do          string `json:"do"`
	V6          bool   `json:"v6"`
	Message     []byte `json:"message"`
	Key         []byte `json:"key"`
	PrivateKey  string `json:"privateKey"`
	Certificate []byte `json:"certificate"`
}

type answer struct {
	Error       string
	SHA256      string
	Name        string
	PublicKey   string
	PrivateKey  string
	Fingerprint string
	Algorithms  []string
}

// newOpenPGPJS installs openpgp.js, pinned, and returns what runs jobs in it.
func newOpenPGPJS(t *testing.T) func(...job) []answer {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("SKIPPED, our form is not proved readable by another program: npm is not installed")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/openpgpjs")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return func(jobs ...job) []answer {
		t.Helper()
		in, err := json.Marshal(jobs)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("node", filepath.Join(dir, "openpgp.mjs"))
		cmd.Stdin = bytes.NewReader(in)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var answers []answer
		if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(jobs) {
			t.Fatalf("%d answers to %d jobs, %v", len(answers), len(jobs), err)
		}
		return answers
	}
}

// TestAnotherProgramOpensOurForm: openpgp.js 6 knows version 6 keys, SEIPD version 2
// and GCM, and not yet ML-KEM (RFC 9980). So it opens our stored bodies, wraps
// before them or not, by their session key, and messages in our profile with
// the private key where that is X25519; of an owner's certificate it
// understands all but the hybrid subkey.
func TestAnotherProgramOpensOurForm(t *testing.T) {
	run := newOpenPGPJS(t)
	t.Run("stored bodies", func(t *testing.T) { openStored(t, run) })
	t.Run("exports", func(t *testing.T) { openExports(t, run) })
}

func openStored(t *testing.T, run func(...job) []answer) {
	o := newOwner(t, NewRing(), "a")
	s, wraps, _ := NewSession(o.cert)
	var jobs []job
	var want []string
	for _, n := range sizes {
		plain := text(n)
		body := sealBlob(t, s, plain, "doc/1")
		for _, message := range [][]byte{body, append(bytes.Clone(wraps), body...)} {
			jobs = append(jobs, job{Do: "session", Message: message, Key: s.Key()})
			want = append(want, hash(plain))
		}
	}
	for i, a := range run(jobs...) {
		if a.SHA256 != want[i] || a.Name != "doc/1" {
			t.Errorf("body %d: %+v, want %s", i, a, want[i])
		}
	}

	for _, a := range run(job{Do: "certificate", Certificate: o.cert.Marshal()}) {
		if a.Fingerprint != o.cert.Fingerprint() || fmt.Sprint(a.Algorithms) != "[ed25519 x25519]" {
			t.Errorf("certificate: %+v", a)
		}
	}
}

func openExports(t *testing.T, run func(...job) []answer) {
	keys := run(job{Do: "generate"}, job{Do: "generate", V6: true})
	public, private := x25519Key(t)
	keys = append(keys, answer{PublicKey: public, PrivateKey: private})
	seipd := []byte{1, 2, 2} // the version each key reads
	var jobs []job
	var want []string
	for i, k := range keys {
		if k.Error != "" {
			t.Fatal(k.Error)
		}
		for _, n := range []int{0, 1, 5000, 1 << 20} {
			plain := text(n)
			message := export(t, []byte(k.PublicKey), "compte-rendu é.pdf", plain)
			jobs = append(jobs, job{Do: "message", Message: message, PrivateKey: k.PrivateKey})
			want = append(want, hash(plain))
			if _, body, _ := unpartial(t, packetsAfterWraps(t, message)); body[0] != seipd[i] {
				t.Errorf("key %d: SEIPD version %d, want %d", i, body[0], seipd[i])
			}
		}
	}
	for i, a := range run(jobs...) {
		if a.SHA256 != want[i] || a.Name != "compte-rendu é.pdf" {
			t.Errorf("export %d: %+v, want %s", i, a, want[i])
		}
	}
}

// x25519Key makes a key in the profile of owners, less its hybrid subkey, so
// that other programs can hold it.
func x25519Key(t *testing.T) (public, private string) {
	t.Helper()
	e, err := openpgp.NewEntityWithoutId(profile(0))
	if err != nil {
		t.Fatal(err)
	}
	return armored(t, openpgp.PublicKeyType, e.Serialize),
		armored(t, openpgp.PrivateKeyType, func(w io.Writer) error { return e.SerializePrivateWithoutSigning(w, nil) })
}

func armored(t *testing.T, kind string, serialize func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	w, err := armor.Encode(&b, kind, nil)
	if err == nil {
		err = errors.Join(serialize(w), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnOwnersCertificateIsARecipientToo(t *testing.T) {
	o := newOwner(t, NewRing(), "a")
	plain := text(5000)
	message := export(t, o.cert.Marshal(), "x.pdf", plain)
	if tag, body, _ := unpartial(t, message); tag != 1 || body[0] != 6 || body[35] != 35 {
		t.Errorf("packet %d, version %d, algorithm %d, want 1, 6, 35", tag, body[0], body[35])
	}
	body := packetsAfterWraps(t, message)
	s, err := o.key.Open(message[:len(message)-len(body)])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.OpenBlob(nil, body, "x.pdf"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestKeysThatMustNotBeExportedToAreRefusedInWords(t *testing.T) {
	public, private := x25519Key(t)
	rsa := func(bits int) string {
		e, err := openpgp.NewEntity("Invented", "", "", &packet.Config{
			Algorithm: packet.PubKeyAlgoRSA, RSABits: bits, Time: func() time.Time { return birthday }})
		if err != nil {
			t.Fatal(err)
		}
		return armored(t, openpgp.PublicKeyType, e.Serialize)
	}
	short := profile(0)
	short.KeyLifetimeSecs = 3600
	expired, err := openpgp.NewEntityWithoutId(short)
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := openpgp.NewEntityWithoutId(profile(0))
	if err == nil {
		err = revoked.Revoke(packet.KeyCompromised, "", profile(0))
	}
	if err != nil {
		t.Fatal(err)
	}
	block, err := armor.Decode(strings.NewReader(public))
	if err != nil {
		t.Fatal(err)
	}
	binary, _ := io.ReadAll(block.Body)
	block, _ = armor.Decode(strings.NewReader(private))
	binaryPrivate, _ := io.ReadAll(block.Body)
	for _, c := range []struct{ name, key, words string }{
		{"nothing", "", "not an OpenPGP key"},
		{"a text", "Bonjour", "not an OpenPGP key"},
		{"a private key, armored", private, "not a public key"},
		{"a private key", string(binaryPrivate), "a private key"},
		{"two keys", string(binary) + string(binary), "2 keys, want one"},
		{"a cut key", string(binary[:len(binary)/3]), "not an OpenPGP key"},
		{"a short RSA key", rsa(1024), "expired, revoked, weak"},
		{"an expired key", armored(t, openpgp.PublicKeyType, expired.Serialize), "expired"},
		{"a revoked key", armored(t, openpgp.PublicKeyType, revoked.Serialize), "expired, revoked"},
		{"too much", public + strings.Repeat(" ", maxRecipient), "larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseRecipient([]byte(c.key), today())
			if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
		})
	}
	if _, err := ParseRecipient([]byte(rsa(2048)), today()); err != nil {
		t.Errorf("an RSA key of 2048 bits: %v", err)
	}
}

func TestAnExportThatFailsSaysWhy(t *testing.T) {
	public, _ := x25519Key(t)
	to, err := ParseRecipient([]byte(public), today())
	if err != nil {
		t.Fatal(err)
	}
	if err := Export(io.Discard, to, strings.Repeat("x", maxName+1), strings.NewReader("")); !errors.Is(err, fault.Invalid) {
		t.Errorf("a long name: %v", err)
	}
	if err := Export(io.Discard, to, "x", iotest.ErrReader(fault.Corrupt)); !errors.Is(err, fault.Corrupt) {
		t.Errorf("a corrupt document: %v", err)
	}
	for _, room := range []int{0, 100, 70_000} {
		if err := Export(&narrow{room: room}, to, "x", bytes.NewReader(text(200_000))); !errors.Is(err, fault.Unavailable) {
			t.Errorf("a writer with room for %d bytes: %v", room, err)
		}
	}
}

func FuzzParseRecipient(f *testing.F) {
	o := newOwner(f, NewRing(), "a")
	f.Add(o.cert.Marshal())
	f.Add([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n"))
	now := birthday.AddDate(1, 0, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		to, err := ParseRecipient(b, now)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Error(err)
			}
			return
		}
		if err := Export(io.Discard, to, "x", strings.NewReader("x")); err != nil {
			t.Errorf("a recipient that is accepted cannot be exported to: %v", err)
		}
	})
}
