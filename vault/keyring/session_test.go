package keyring

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"crypto/sha3"

	"pgregory.net/rapid"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// An owner as the hub keeps one.
type owner struct {
	part   store.Part
	es     ErasureSecret
	cert   *Cert
	locked []byte
	key    *Key
}

func newOwner(t testing.TB, r *Ring, part store.Part) owner {
	t.Helper()
	o := owner{part: part, es: newErasureSecret()}
	var err error
	if o.cert, o.locked, err = r.NewOwner(part, o.es); err != nil {
		t.Fatal(err)
	}
	if o.key, err = r.Unlock(part, o.locked, o.es); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestASessionIsOpenedByThoseItIsWrappedForAndNobodyElse(t *testing.T) {
	r := NewRing()
	a, b, c := newOwner(t, r, "a"), newOwner(t, r, "b"), newOwner(t, r, "c")
	s, wraps, err := NewSession(a.cert, b.cert)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []owner{a, b} {
		got, err := o.key.Open(wraps)
		if err != nil || !bytes.Equal(got.Key(), s.Key()) {
			t.Errorf("%s does not open its wraps: %v", o.part, err)
		}
	}
	if _, err := c.key.Open(wraps); !errors.Is(err, fault.Corrupt) {
		t.Errorf("c opens the wraps of a and b: %v", err)
	}
	more, err := s.Wrap(c.cert)
	if err != nil {
		t.Fatal(err)
	}
	for _, joined := range [][]byte{more, append(bytes.Clone(wraps), more...), append(bytes.Clone(more), wraps...)} {
		if got, err := c.key.Open(joined); err != nil || !bytes.Equal(got.Key(), s.Key()) {
			t.Errorf("c does not open the wraps it was given: %v", err)
		}
	}
	if _, _, err := NewSession(); !errors.Is(err, fault.Invalid) {
		t.Errorf("a session for nobody: %v", err)
	}
}

func TestSwappedWrapsOpenNothing(t *testing.T) {
	o := newOwner(t, NewRing(), "a")
	s1, wraps1, _ := NewSession(o.cert)
	_, wraps2, _ := NewSession(o.cert)
	sealed := sealBlob(t, s1, text(500), "doc/1")
	got, err := o.key.Open(wraps2)
	if err != nil {
		t.Fatal(err)
	}
	mustBeCorrupt(t, got, sealed, "doc/1", "the wraps of another message")
	if got, err = o.key.Open(wraps1); err != nil {
		t.Fatal(err)
	}
	if _, err := got.OpenBlob(nil, sealed, "doc/1"); err != nil {
		t.Errorf("the right wraps: %v", err)
	}
}

func TestDamagedWrapsOpenNothing(t *testing.T) {
	o := newOwner(t, NewRing(), "a")
	s, wraps, _ := NewSession(o.cert)
	for cut := range wraps {
		if _, err := o.key.Open(wraps[:cut]); !errors.Is(err, fault.Corrupt) {
			t.Errorf("wraps cut to %d bytes: %v", cut, err)
		}
	}
	for at := range wraps {
		wraps[at] ^= 1 << (at % 8)
		if got, err := o.key.Open(wraps); !errors.Is(err, fault.Corrupt) {
			t.Errorf("wraps with byte %d changed: %v, same key %v", at, err, bytes.Equal(got.Key(), s.Key()))
		}
		wraps[at] ^= 1 << (at % 8)
	}
	if _, err := o.key.Open(bytes.Repeat(wraps, 1+maxWraps/len(wraps))); !errors.Is(err, fault.Corrupt) {
		t.Errorf("wraps beyond the limit: %v", err)
	}
}

// TestAWrapSaysNothingOfItsOwner reads the packet by hand: RFC 9580 §5.1.2, RFC
// 9980 §4.3.1.
func TestAWrapSaysNothingOfItsOwner(t *testing.T) {
	r := NewRing()
	a, b := newOwner(t, r, "a"), newOwner(t, r, "b")
	_, wraps, err := NewSession(a.cert, b.cert)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for rest := wraps; len(rest) > 0; count++ {
		var tag byte
		var body []byte
		tag, body, rest = unpartial(t, rest)
		if tag != 1 {
			t.Fatalf("packet of type %d, want 1: PKESK", tag)
		}
		if body[0] != 6 || body[1] != 0 {
			t.Errorf("version %d with %d bytes of recipient, want 6 and 0", body[0], body[1])
		}
		if body[2] != 35 {
			t.Errorf("algorithm %d, want 35: ML-KEM-768+X25519", body[2])
		}
		const x25519, mlkem, wrapped = 32, 1088, 32 + 8
		if want := 3 + x25519 + mlkem + 1 + wrapped; len(body) != want {
			t.Errorf("%d bytes, want %d", len(body), want)
		}
	}
	if count != 2 {
		t.Errorf("%d wraps, want 2", count)
	}
	for _, o := range []owner{a, b} {
		for _, c := range a.key.private {
			if bytes.Contains(wraps, c.Fingerprint) || bytes.Contains(wraps, c.Fingerprint[:8]) {
				t.Error("a fingerprint or key id is in the wraps")
			}
		}
		id, _ := hex.DecodeString(o.cert.Fingerprint())
		if bytes.Contains(wraps, id[:8]) {
			t.Error("a key id is in the wraps")
		}
	}
}

// TestACertificateIsWhatWeSay reads the certificate's packets by hand: which
// keys of which algorithms there are, and that nobody is named.
func TestACertificateIsWhatWeSay(t *testing.T) {
	o := newOwner(t, NewRing(), "a")
	var shape []string
	for rest := o.cert.Marshal(); len(rest) > 0; {
		var tag byte
		var body []byte
		tag, body, rest = unpartial(t, rest)
		switch tag {
		case 6, 14: // public key, public subkey: version, creation time, algorithm
			shape = append(shape, fmt.Sprintf("%d v%d %x alg %d", tag, body[0], body[1:5], body[5]))
		default:
			shape = append(shape, fmt.Sprint(tag))
		}
	}
	born := fmt.Sprintf("%x", birthday.Unix())
	want := fmt.Sprintf("[6 v6 %[1]s alg 27 2 14 v6 %[1]s alg 25 2 14 v6 %[1]s alg 35 2]", born)
	if got := fmt.Sprint(shape); got != want {
		t.Errorf("packets are %s, want %s", got, want)
	}
	if n := len(o.cert.Marshal()); n > 2100 {
		t.Errorf("a certificate of %d bytes", n)
	}
}

func TestACertificateRoundTripsAndNothingElseIsOne(t *testing.T) {
	r := NewRing()
	o := newOwner(t, r, "a")
	raw := o.cert.Marshal()
	again, err := ParseCert(raw)
	if err != nil || !bytes.Equal(again.Marshal(), raw) || again.Fingerprint() != o.cert.Fingerprint() {
		t.Fatalf("ParseCert: %v", err)
	}
	_, wraps, _ := NewSession(again)
	if _, err := o.key.Open(wraps); err != nil {
		t.Errorf("a parsed certificate wraps for nobody: %v", err)
	}
	bad := map[string][]byte{
		"nothing":          nil,
		"two certificates": append(bytes.Clone(raw), raw...),
		"a tail":           append(bytes.Clone(raw), 0),
		"a private key":    o.locked[lockHeader+wrapOverhead:],
		"too much":         append(bytes.Clone(raw), make([]byte, maxCert)...),
		"wraps":            wraps,
	}
	for cut := 1; cut < len(raw); cut += 7 {
		bad[fmt.Sprintf("cut to %d", cut)] = raw[:cut]
	}
	for at := 0; at < len(raw); at += 5 {
		b := bytes.Clone(raw)
		b[at] ^= 0x10
		bad[fmt.Sprintf("byte %d changed", at)] = b
	}
	for what, b := range bad {
		// The X25519 subkey is not the one we use: what happens to it and to
		// its signature may go unseen.
		c, err := ParseCert(b)
		if err == nil && c.hybrid.PublicKey != nil && bytes.Equal(c.hybrid.Fingerprint, again.hybrid.Fingerprint) && strings.HasPrefix(what, "byte") {
			continue
		}
		if !errors.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v, want corrupt", what, err)
		}
	}
}

func TestValuesRoundTripAndAreBound(t *testing.T) {
	s, other := newSession(t), newSession(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		context := rapid.String().Draw(t, "context")
		sealed := s.SealValue([]byte("x"), plain, context)
		if len(sealed) != 1+boxOverhead+len(plain) {
			t.Fatalf("%d bytes sealed are %d", len(plain), len(sealed)-1)
		}
		sealed = sealed[1:]
		got, err := s.OpenValue([]byte("y"), sealed, context)
		if err != nil || !bytes.Equal(got, append([]byte("y"), plain...)) {
			t.Fatalf("OpenValue = %q, %v", got, err)
		}
		refuse := func(what string, s *Session, b []byte, context string) {
			if got, err := s.OpenValue(nil, b, context); !errors.Is(err, fault.Corrupt) || got != nil {
				t.Fatalf("%s: %q, %v", what, got, err)
			}
		}
		refuse("another session", other, sealed, context)
		refuse("another context", s, sealed, context+"x")
		refuse("cut", s, sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "cut")], context)
		refuse("longer", s, append(bytes.Clone(sealed), 0), context)
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		refuse("changed", s, sealed, context)
	})
}

// TestXAES is the test of C2SP XAES-256-GCM: its two vectors, and the digest it
// gives of ten thousand random cases.
func TestXAES(t *testing.T) {
	seal := func(key, nonce, plain, aad []byte) []byte {
		gcm, rest := xaes(key).aead(nonce)
		return gcm.Seal(nil, rest, plain, aad)
	}
	nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
	for _, v := range []struct {
		key       byte
		aad, want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		got := seal(bytes.Repeat([]byte{v.key}, 32), nonce, []byte("XAES-256-GCM"), []byte(v.aad))
		if hex.EncodeToString(got) != v.want {
			t.Errorf("key %d: %x, want %s", v.key, got, v.want)
		}
	}
	in, out := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	draw := func(n int) []byte { b := make([]byte, n); _, _ = in.Read(b); return b }
	for range 10_000 {
		key, nonce := draw(32), draw(24)
		plain := draw(int(draw(1)[0]))
		aad := draw(int(draw(1)[0]))
		_, _ = out.Write(seal(key, nonce, plain, aad))
	}
	sum := make([]byte, 32)
	_, _ = out.Read(sum)
	const want = "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"
	if got := hex.EncodeToString(sum); got != want {
		t.Errorf("ten thousand cases give %s, want %s", got, want)
	}
}

func TestAWipedSessionOpensNothing(t *testing.T) {
	s := newSession(t)
	sealed := sealBlob(t, s, text(500), "doc/1")
	s.Wipe()
	mustBeCorrupt(t, s, sealed, "doc/1", "wiped")
	if !bytes.Equal(s.Key(), make([]byte, keySize)) {
		t.Error("Wipe leaves the key")
	}
}

func TestASessionKeyHasOneLength(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := SessionFromKey(make([]byte, n)); !errors.Is(err, fault.Corrupt) {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	r := NewRing()
	o := newOwner(t, r, "a")
	s := newSession(t)
	index, audit := NewIndexKey(), NewAuditKey()
	secrets := [][]byte{s.key[:], o.es.key[:], index.key, index.mac, audit.key, audit.mac, r.keys[1].key}
	// A struct that holds one hides it under the verbs that suit a struct.
	type holder struct {
		es ErasureSecret
		s  *Session
	}
	verbs := []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"}
	for _, v := range []any{s, *s, r, o.key, *o.key, o.es, index, *index, audit, *audit, []any{s, o.es},
		holder{o.es, s}, &holder{o.es, s}} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		text, _ := json.Marshal(v)
		for i, verb := range verbs {
			if i > 2 && strings.HasSuffix(fmt.Sprintf("%T", v), "holder") {
				continue
			}
			text = fmt.Appendf(text, verb, v)
		}
		text = append(text, log.Bytes()...)
		for _, secret := range secrets {
			for _, verb := range []string{"%x", "%X", "%s", "%d"} {
				form := strings.Trim(fmt.Sprintf(verb, secret), "[]")
				if bytes.Contains(text, []byte(form)) {
					t.Errorf("%T prints its key", v)
				}
			}
		}
	}
}

func TestManyMayUseAKeyAtOnce(t *testing.T) {
	r := NewRing()
	a, b := newOwner(t, r, "a"), newOwner(t, r, "b")
	shared, wraps, _ := NewSession(a.cert, b.cert)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				o := []owner{a, b}[i%2]
				s, err := o.key.Open(wraps)
				if err != nil {
					t.Error(err)
					return
				}
				name := fmt.Sprint("doc/", i)
				if _, err := shared.OpenBlob(nil, sealBlob(t, s, text(3000), name), name); err != nil {
					t.Error(err)
				}
				if _, err := s.OpenValue(nil, shared.SealValue(nil, []byte("x"), name), name); err != nil {
					t.Error(err)
				}
				if _, _, err := NewSession(a.cert, b.cert); err != nil {
					t.Error(err)
				}
				if _, err := r.Unlock(o.part, o.locked, o.es); err != nil {
					t.Error(err)
				}
				if i == 0 {
					r.Add()
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpenValue(f *testing.F) {
	s, _ := SessionFromKey(make([]byte, keySize))
	f.Add(s.SealValue(nil, []byte("a subject"), "mb/m/1"))
	f.Add([]byte{boxVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := s.OpenValue(nil, b, "mb/m/2"); !errors.Is(err, fault.Corrupt) || got != nil {
			t.Errorf("OpenValue = %q, %v", got, err)
		}
	})
}

func FuzzParseCert(f *testing.F) {
	o := newOwner(f, NewRing(), "a")
	f.Add(o.cert.Marshal())
	f.Add(o.locked[lockHeader+wrapOverhead:])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCert(b)
		if err != nil {
			if !errors.Is(err, fault.Corrupt) {
				t.Error(err)
			}
			return
		}
		if _, _, err := NewSession(c); err != nil {
			t.Errorf("a certificate that is accepted does not wrap: %v", err)
		}
	})
}

func FuzzOpenWraps(f *testing.F) {
	o := newOwner(f, NewRing(), "a")
	_, wraps, _ := NewSession(o.cert, o.cert)
	f.Add(wraps)
	f.Add(wraps[:len(wraps)/2])
	f.Add([]byte{tagPKESK, 3, 6, 0, 25})
	f.Add([]byte{tagPKESK, 255, 255, 255, 255, 255, 6, 0, 35})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := o.key.Open(b); err != nil && !errors.Is(err, fault.Corrupt) {
			t.Error(err)
		}
	})
}

func BenchmarkSession(b *testing.B) {
	r := NewRing()
	o := newOwner(b, r, "a")
	s, wraps, _ := NewSession(o.cert)
	plain := text(600)
	value := s.SealValue(nil, plain, "mb/m/1")
	room := make([]byte, 0, 1000)
	raw := o.cert.Marshal()
	wrapped := r.Wrap(plain[:32], "x")
	index := NewIndexKey()
	for _, bench := range []struct {
		name string
		fn   func() error
	}{
		{"NewSession", func() error { _, _, err := NewSession(o.cert); return err }},
		{"Open", func() error { _, err := o.key.Open(wraps); return err }},
		{"SealValue/600B", func() error { s.SealValue(room, plain, "mb/m/1"); return nil }},
		{"OpenValue/600B", func() error { _, err := s.OpenValue(room, value, "mb/m/1"); return err }},
		{"FirstValue/600B", func() error { s, _ := SessionFromKey(plain[:32]); s.SealValue(room, plain, "mb/m/1"); return nil }},
		{"Unlock", func() error { _, err := r.Unlock(o.part, o.locked, o.es); return err }},
		{"NewOwner", func() error { _, _, err := r.NewOwner(o.part, o.es); return err }},
		{"ParseCert", func() error { _, err := ParseCert(raw); return err }},
		{"Unwrap", func() error { _, err := r.Unwrap(wrapped, "x"); return err }},
		{"IndexMAC", func() error { index.MAC("address", "dr.martin@ch-a.test"); return nil }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
