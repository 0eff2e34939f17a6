package message

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"

	gomessage "github.com/emersion/go-message"

	"vaguemestre/internal/fault"
)

// A Draft is a mail to be written. Text is plain text; HTML, if there is any,
// is its alternative. Lines may end with LF or CRLF.
type Draft struct {
	From, ReplyTo, To, Cc []Address
	Date                  time.Time
	MessageID             string // without angle brackets
	InReplyTo, References []string
	Subject               string
	Header                []HeaderField // written after the others
	Text, HTML            string
	Attachments           []Attachment
}

// A HeaderField is a field to be written; Value is UTF-8, on one line.
type HeaderField struct{ Name, Value string }

// An Attachment is a file in a Draft.
type Attachment struct {
	Name    string // of the file
	Type    string // "application/pdf"; what it is not said to be is application/octet-stream
	Content []byte
}

// Compose writes d as a complete mail: lines end with CRLF, have at most 998
// characters, and are ASCII throughout (RFC 2047, quoted-printable, base64 in
// lines of 76). Control characters in a field become spaces, so that no value
// can add a field. The same draft and the same bytes from random, which are
// used for boundaries, give the same mail. A field name or address
// that is none is fault.Invalid.
func Compose(d Draft, random io.Reader) ([]byte, error) {
	fields, err := d.Fields()
	if err != nil {
		return nil, fmt.Errorf("message: compose: %w", err)
	}
	body := TextEntity("plain", d.Text)
	if d.HTML != "" {
		body = Entity{Type: "multipart/alternative", Parts: []Entity{body, TextEntity("html", d.HTML)}}
	}
	if len(d.Attachments) > 0 {
		parts := []Entity{body}
		for _, a := range d.Attachments {
			parts = append(parts, a.Entity())
		}
		body = Entity{Type: "multipart/mixed", Parts: parts}
	}
	body.Header = fields
	return body.Compose(random)
}

// Fields returns the header of d, encoded, for an Entity of another shape than
// Compose makes.
func (d Draft) Fields() ([]HeaderField, error) {
	var fields []HeaderField
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, HeaderField{name, value})
		}
	}
	for _, l := range []struct {
		name string
		list []Address
	}{{"From", d.From}, {"Reply-To", d.ReplyTo}, {"To", d.To}, {"Cc", d.Cc}} {
		value, err := formatAddresses(l.list)
		if err != nil {
			return nil, err
		}
		add(l.name, value)
	}
	add("Subject", encodeWords(d.Subject))
	add("Date", d.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	if d.MessageID != "" {
		add("Message-ID", "<"+cleanLine(d.MessageID)+">")
	}
	add("In-Reply-To", formatIDs(d.InReplyTo))
	add("References", formatIDs(d.References))
	for _, f := range d.Header {
		add(f.Name, encodeWords(f.Value))
	}
	return fields, nil
}

// Entity returns a as a part of a mail.
func (a Attachment) Entity() Entity {
	e := Entity{Type: "application/octet-stream", Encoding: "base64", Body: a.Content}
	kind, sub, _ := strings.Cut(a.Type, "/")
	if kind, sub = token(kind), token(sub); kind != "" && sub != "" && kind != "multipart" && kind != "message" {
		e.Type = kind + "/" + sub
	}
	if name := cleanFileName(a.Name); name != "" {
		e.Params = map[string]string{"name": name}
		e.FileName = name
	}
	return e
}

// An Entity is a part of a mail to be written, or the whole of one: what
// Compose makes of a Draft, for mails of another shape.
type Entity struct {
	Header   []HeaderField     // ASCII, beside the Content- fields; Subject and the like for the whole
	Type     string            // "text/plain"
	Params   map[string]string // of the Content-Type, the boundary aside
	Encoding string            // "", "quoted-printable" or "base64"; "" wants ASCII lines of at most 998
	FileName string            // makes it an attachment
	Body     []byte
	Parts    []Entity // of a multipart, which has no Body
}

// TextEntity returns an entity of type text/subtype in UTF-8.
func TextEntity(subtype, text string) Entity {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n"), "\n", "\r\n")
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	e := Entity{Type: "text/" + subtype, Params: map[string]string{"charset": "utf-8"}, Body: []byte(text)}
	if !SevenBit(e.Body) {
		e.Encoding = "quoted-printable"
	}
	return e
}

// SevenBit reports whether b can stand in a mail as it is: ASCII without NUL,
// lines that end with CRLF and have at most 998 characters (RFC 2045 §2.7).
func SevenBit(b []byte) bool {
	for len(b) > 0 {
		line := b[:lineEnd(b, 0)]
		b = b[len(line):]
		text := bytes.TrimSuffix(line, []byte("\r\n"))
		if len(text) > 998 || len(text) == len(line) && len(b) > 0 {
			return false
		}
		for _, c := range text {
			if c == 0 || c == '\r' || c == '\n' || c > '~' && c != 0x7f {
				return false
			}
		}
	}
	return true
}

// Compose writes e as a complete mail, as Compose does.
func (e Entity) Compose(random io.Reader) ([]byte, error) {
	e.Header = append(slices.Clip(e.Header), HeaderField{"MIME-Version", "1.0"})
	var out bytes.Buffer
	out.Grow(e.room())
	h, err := e.head(random)
	if err != nil {
		return nil, fmt.Errorf("message: compose: %w", err)
	}
	w, err := gomessage.CreateWriter(&out, h)
	if err == nil {
		err = e.write(w, random)
	}
	if err != nil {
		return nil, fmt.Errorf("message: compose: %w", err)
	}
	return out.Bytes(), nil
}

// room is about how many bytes e takes, so that a large mail is not copied while
// it grows.
func (e Entity) room() int {
	n := 1 << 10
	for _, f := range e.Header {
		n += len(f.Name) + len(f.Value)
	}
	for _, p := range e.Parts {
		n += p.room()
	}
	if e.Encoding == "base64" {
		return n + len(e.Body)/57*78 + 78
	}
	return n + len(e.Body)
}

// write writes the body of e and closes w.
func (e Entity) write(w *gomessage.Writer, random io.Reader) error {
	for _, p := range e.Parts {
		h, err := p.head(random)
		if err != nil {
			return err
		}
		pw, err := w.CreatePart(h)
		if err != nil {
			return err
		}
		if err := p.write(pw, random); err != nil {
			return err
		}
	}
	if len(e.Parts) == 0 {
		if e.Encoding == "" && !SevenBit(e.Body) {
			return fmt.Errorf("body is not 7bit: %w", fault.Invalid)
		}
		if _, err := w.Write(e.Body); err != nil {
			return err
		}
	}
	return w.Close()
}

// head makes the header of e. go-message writes fields last to first.
func (e Entity) head(random io.Reader) (gomessage.Header, error) {
	var h gomessage.Header
	if e.FileName != "" {
		h.SetContentDisposition("attachment", map[string]string{"filename": e.FileName})
	}
	if e.Encoding != "" {
		h.Set("Content-Transfer-Encoding", e.Encoding)
	}
	params := map[string]string{}
	for k, v := range e.Params {
		params[k] = v
	}
	if len(e.Parts) > 0 {
		var b [16]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return h, err
		}
		params["boundary"] = "=_" + hex.EncodeToString(b[:]) // "=_" is in no base64 and no quoted-printable
	}
	h.SetContentType(e.Type, params)
	for i := len(e.Header) - 1; i >= 0; i-- {
		f := e.Header[i]
		if c := colonOf([]byte(f.Name + ":")); c != len(f.Name) || c >= softLine || strings.ContainsAny(f.Name, " \t") {
			return h, fmt.Errorf("field name: %w", fault.Invalid)
		}
		if !isASCII(f.Value) {
			return h, fmt.Errorf("field value: %w", fault.Invalid)
		}
		h.AddRaw([]byte(fold(f.Name + ": " + cleanLine(f.Value)))) // as it is: Add would write X-Mss-Mes
	}
	return h, nil
}

const softLine, hardLine = 76, 998 // characters (RFC 5322 §2.1.1)

// fold breaks a field before words, so that its lines have 76 characters where
// the words allow it and 998 in any case.
func fold(field string) string {
	var out strings.Builder
	word := strings.IndexByte(field, ':') + 2 // no line without a word
	for len(field) > softLine {
		i := -1
		if word < softLine {
			i = strings.LastIndexByte(field[word:softLine+1], ' ')
		}
		if i < 0 && word < len(field) {
			i = strings.IndexByte(field[word:], ' ')
		}
		if i += word; i < word || i > hardLine {
			if len(field) <= hardLine {
				break
			}
			i = hardLine
			field = field[:i] + " " + field[i:]
		}
		out.WriteString(field[:i] + "\r\n")
		field = field[i:]
		word = len(field) - len(strings.TrimLeft(field, " "))
	}
	return out.String() + field + "\r\n"
}

// encodeWords writes s for a header: as it is if it is ASCII, else as encoded
// words (RFC 2047).
func encodeWords(s string) string { return mime.QEncoding.Encode("utf-8", cleanLine(s)) }

// formatAddresses writes the value of an address field. An address with a
// character that would need quotes is fault.Invalid; groups are left out.
func formatAddresses(list []Address) (string, error) {
	var out []string
	for _, a := range list {
		spec := a.Spec()
		if spec == "" {
			continue
		}
		if strings.ContainsAny(spec, " \t\r\n\"<>()[],;:\\") || strings.Count(spec, "@") != 1 || !isASCII(spec) {
			return "", fmt.Errorf("address: %w", fault.Invalid)
		}
		name := cleanLine(a.Name)
		switch {
		case name == "":
			out = append(out, spec)
			continue
		case isASCII(name):
			name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
		case strings.ContainsAny(name, "\"#$%&'(),.:;<>@[]^`{|}~"): // RFC 2047 §5: not in the Q form of a phrase
			name = mime.BEncoding.Encode("utf-8", name)
		default:
			name = mime.QEncoding.Encode("utf-8", name)
		}
		out = append(out, name+" <"+spec+">")
	}
	return strings.Join(out, ", "), nil
}

func formatIDs(ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, "<"+cleanLine(id)+">")
	}
	return strings.Join(out, " ")
}
