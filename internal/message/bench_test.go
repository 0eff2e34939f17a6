package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// report is a mail such as a hospital sends: a letter and a PDF of n bytes.
func report(n int) []byte {
	pdf := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(pdf)
	b64 := base64.StdEncoding.EncodeToString(pdf)
	var m strings.Builder
	m.WriteString(strings.ReplaceAll(`From: =?utf-8?Q?Dr_H=C3=A9l=C3=A8ne_MARTIN?= <helene.martin@ch-a.test>
To: <160209999900102@patient.test>
Subject: =?utf-8?Q?Compte_rendu_d=27=C3=A9chographie?=
Date: Thu, 15 Jan 2026 10:15:00 +0100
Message-ID: <20260115.1@ch-a.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Bonjour, voici le compte rendu de votre =C3=A9chographie.
--b1
Content-Type: application/pdf; name="compte-rendu.pdf"
Content-Disposition: attachment; filename="compte-rendu.pdf"
Content-Transfer-Encoding: base64

`, "\n", "\r\n"))
	for len(b64) > 76 {
		m.WriteString(b64[:76] + "\r\n")
		b64 = b64[76:]
	}
	m.WriteString(b64 + "\r\n--b1--\r\n")
	return []byte(m.String())
}

func all(*Part) bool { return true }

// opener gives out the contents that Split cut.
func opener(cuts []Cut) Opener {
	return func(i int, from int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(cuts[i].Decoded[from:])), nil
	}
}

func BenchmarkParseSplit(b *testing.B) {
	raw := report(220_000)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(raw, Default)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, cuts := Split(m, all); len(cuts) != 1 {
			b.Fatalf("%d cuts", len(cuts))
		}
	}
}

func BenchmarkParse(b *testing.B) {
	raw := report(220_000)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(raw, Default); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	raw := report(220_000)
	m, err := Parse(raw, Default)
	if err != nil {
		b.Fatal(err)
	}
	l, skeleton, cuts := Split(m, all)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Join(io.Discard, skeleton, opener(cuts)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListingEntry(b *testing.B) {
	m, err := Parse(report(1000), Default)
	if err != nil {
		b.Fatal(err)
	}
	env, _ := m.Envelope().AppendBinary(nil)
	st, _ := m.Structure().AppendBinary(nil)
	b.ReportMetric(float64(len(env)+len(st)), "bytes")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEnvelope(env); err != nil {
			b.Fatal(err)
		}
		if _, err := ParseStructure(st); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStrictReader(b *testing.B) {
	raw := report(220_000)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadStrict(bytes.NewReader(raw), int64(len(raw)), 1<<20); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearchText(b *testing.B) {
	m, err := Parse(report(220_000), Default)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.SearchText(64 << 10)
	}
}

func BenchmarkFold(b *testing.B) {
	s := strings.Repeat("Le patient est revenu à l'hôpital pour un contrôle de la tension.\r\n", 1000)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		Fold(s)
	}
}
