package message

import (
	"bytes"
	"encoding/base64"
	"strings"

	"pgregory.net/rapid"
)

// uglyMail generates mails as the field sends them at its worst: nested, with
// every kind of line break, boundary and base64 that somebody once wrote.
func uglyMail() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		var b bytes.Buffer
		if rapid.IntRange(0, 9).Draw(t, "odd start") == 0 {
			b.WriteString(rapid.SampledFrom([]string{"\xef\xbb\xbf", "From a@b.test Thu Jan 15\r\n", "no colon here\r\n"}).Draw(t, "start"))
		}
		b.WriteString("From: a@ch-a.test\r\n")
		u := ugly{T: t, eol: rapid.SampledFrom([]string{"\r\n", "\r\n", "\r\n", "\n"}).Draw(t, "eol")}
		u.entity(&b, 0)
		return b.Bytes()
	})
}

type ugly struct {
	*rapid.T
	eol        string
	boundaries int
}

func (u *ugly) pick(label string, s ...string) string { return rapid.SampledFrom(s).Draw(u.T, label) }

func (u *ugly) entity(b *bytes.Buffer, depth int) {
	kinds := []string{"text", "base64", "base64", "odd base64", "nothing"}
	if depth < 4 {
		kinds = append(kinds, "multipart", "multipart", "message")
	}
	switch u.pick("kind", kinds...) {
	case "text":
		b.WriteString("Content-Type: text/plain; charset=" + u.pick("charset", "utf-8", "iso-8859-1", "x-nobody", "utf-7") + u.eol + u.eol)
		b.WriteString(u.pick("text", "", "Bonjour", "-- \r\n--\r\n", "--b0 no\r\n", "a\rb\r\r\n", "é\xe9\n\n", "=\r\n=3D=\n"))
	case "base64":
		b.WriteString("Content-Type: application/pdf" + u.eol + "Content-Transfer-Encoding: base64" + u.eol + u.eol)
		u.base64(b)
	case "odd base64":
		b.WriteString("content-transfer-ENCODING: Base64" + u.eol + u.eol)
		b.WriteString(u.pick("odd", "QUJD", "QUJ", "QQ", "QR==", "QQ==QQ==", "QUJD QUJD\r\n", "QUJDRE\r\nVG", "QUJD\r\n\r\nQUJD",
			"QUJDREVG\r\nQUJD\nQUJDREVG", "QUJD\r\nQUJDREVG", "QUJDREVG\r\nQU=\r", "\r\n\r\nQUJD\r\nQQ==\r\n\r\n", "====", "Q\r\nQ==", "QUJD\rQUJD\r\nQUJD"))
	case "multipart":
		bound := "b" + u.pick("boundary", "0", "1", "2", "0 0", "00")
		u.boundaries++
		b.WriteString("Content-Type: multipart/" + u.pick("sub", "mixed", "alternative", "digest", "x") + "; boundary=\"" + bound + "\"" + u.eol + u.eol)
		b.WriteString(u.pick("preamble", "", "preamble\r\n", "\r\n"))
		for range rapid.IntRange(0, 3).Draw(u.T, "children") {
			b.WriteString("--" + bound + u.pick("padding", "", "", " \t") + u.eol)
			u.entity(b, depth+1)
			b.WriteString(u.eol)
		}
		b.WriteString(u.pick("end", "--"+bound+"--"+u.eol, "--"+bound+"--", "", "--"+bound+"--"+u.eol+"epilogue\r\n"))
	case "message":
		b.WriteString("Content-Type: message/rfc822" + u.pick("transfer", "", u.eol+"Content-Transfer-Encoding: base64") + u.eol + u.eol)
		b.WriteString(u.pick("inner", "", "Subject: x"+u.eol, u.eol, "no header"+u.eol))
		u.entity(b, depth+1)
	case "nothing":
		b.WriteString(u.pick("blank", "", u.eol))
	}
}

// base64 writes content as a program does, in one of many shapes.
func (u *ugly) base64(b *bytes.Buffer) {
	content := rapid.SliceOfN(rapid.Byte(), 1, 400).Draw(u.T, "content")
	if rapid.IntRange(0, 20).Draw(u.T, "large") == 0 {
		content = bytes.Repeat(content, 1+100_000/len(content))
	}
	text := base64.StdEncoding.EncodeToString(content)
	line := rapid.SampledFrom([]int{76, 76, 4, 8, 60, 64, 72, 75, 1000, 1 << 30}).Draw(u.T, "line")
	b.WriteString(u.pick("before", "", "", "\r\n"))
	for len(text) > line {
		b.WriteString(text[:line] + u.eol)
		text = text[line:]
	}
	b.WriteString(text + u.pick("after", "", u.eol, u.eol+u.eol, " ", strings.Repeat("\r", 2)))
}
