package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vaguemestre/internal/fault"
)

// Forms that carry files. They are read where a route says so, of somebody who
// has signed in, after the token of the form, and in memory only: nothing of a
// file is ever on the disk of the server in clear.

// A file is one that a form brought.
type file struct {
	Name    string // as the browser gave it, without a path; "" where it has none
	Type    string // what the browser says it is: not to be trusted
	Content []byte
}

const (
	maxFields   = 256 << 10 // bytes of what is no file, in a form that may carry files
	maxParts    = 100
	maxFileName = 200       // bytes
	maxInFlight = 160 << 20 // bytes of the files of all forms that are being read or worked on

	silence    = 30 * time.Second // without a byte, a form is given up
	uploadTime = 15 * time.Minute // in all
)

// files returns the files of a field. A field that was left empty has none.
func (f *form) files(name string) []file { return f.uploads[name] }

// takeUpload takes a form, with files or without, of somebody whose turn it is.
func (c *call) takeUpload(limit int64) error {
	if err := c.takeTurn(formTurns); err != nil {
		return err
	}
	c.holds(0) // a form has memory of its own; see hold
	return c.readUpload(limit)
}

// readUpload takes a form that came from one of our pages, in this session, with
// files of at most limit bytes together. Where they are larger, the form has
// none of those that are too many, and says so: what was written is not lost.
func (c *call) readUpload(limit int64) error {
	if err := c.s.guard.Check(c.r); err != nil {
		return fmt.Errorf("web: form: %v: %w", err, errForged)
	}
	kind, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return c.readForm()
	}
	body := &patientBody{c.r.Body, c.ctx(), http.NewResponseController(c.w)}
	c.r.Body = http.MaxBytesReader(c.w, body, 4*limit+maxFields)
	// What is left over is read: a browser that is cut off while it sends shows
	// nothing of what it is told.
	defer func() { _, _ = io.Copy(io.Discard, c.r.Body) }()
	u := &uploading{c: c, left: limit, form: form{values: url.Values{}, uploads: map[string][]file{}}}
	r := multipart.NewReader(c.r.Body, params["boundary"])
	for range maxParts {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return u.end()
		}
		if err == nil {
			err = u.take(p)
		}
		if err != nil {
			return uploadError(err)
		}
	}
	return fmt.Errorf("web: form: %w", fault.TooLarge)
}

// uploadError says what a form is that cannot be read.
func uploadError(err error) error {
	tooLarge := (*http.MaxBytesError)(nil)
	switch {
	case errors.Is(err, errForged), fault.Of(err) != fault.Internal:
		return err
	case errors.As(err, &tooLarge):
		return fmt.Errorf("web: form: %w", fault.TooLarge)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("web: form: cut off: %w", fault.Invalid)
	}
	return fmt.Errorf("web: form: %v: %w", err, fault.Invalid)
}

// uploading is a form on its way.
type uploading struct {
	c      *call
	form   form
	fields int
	left   int64 // bytes that files may still have
	held   bool  // of the memory that forms share
	known  bool  // the form is ours
}

// take reads one part. The token of the form comes before any file.
func (u *uploading) take(p *multipart.Part) error {
	_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	name := params["name"]
	if err != nil || name == "" {
		return fmt.Errorf("web: form: %w", fault.Invalid)
	}
	given, isFile := params["filename"]
	if !isFile {
		return u.takeField(name, p)
	}
	if !u.known {
		return fmt.Errorf("web: form: a file before its token: %w", errForged)
	}
	if err := u.hold(); err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(p, u.left+1))
	if err != nil {
		return err
	}
	f := file{Name: fileName(given), Type: mediaType(p.Header.Get("Content-Type")), Content: content}
	switch {
	case len(content) == 0 && f.Name == "": // none was chosen
	case int64(len(content)) > u.left:
		u.form.spilled = true
	default:
		u.left -= int64(len(content))
		u.form.uploads[name] = append(u.form.uploads[name], f)
	}
	return nil
}

func (u *uploading) takeField(name string, p *multipart.Part) error {
	b, err := io.ReadAll(io.LimitReader(p, int64(maxFields-u.fields+1)))
	if err != nil {
		return err
	}
	if u.fields += len(name) + len(b); u.fields > maxFields {
		return fmt.Errorf("web: form: %w", fault.TooLarge)
	}
	u.form.values.Add(name, string(b))
	if name == "token" && !u.known {
		u.known = u.c.isOurs(string(b))
	}
	return nil
}

// end is the end of the form.
func (u *uploading) end() error {
	if !u.known {
		return fmt.Errorf("web: form: %w", errForged)
	}
	u.c.form = u.form
	return nil
}

// hold takes a share of the memory that the forms of all people have together,
// which the call gives back at its end. Who comes when there is none waits.
func (u *uploading) hold() error {
	if u.held {
		return nil
	}
	n := min(u.left, maxInFlight)
	if size := u.c.r.ContentLength; size > 0 {
		n = min(n, size)
	}
	if err := u.c.s.inFlight.Acquire(u.c.ctx(), n); err != nil {
		return fmt.Errorf("web: form: too many at once: %w", fault.Unavailable)
	}
	u.held = true
	u.c.atEnd = append(u.c.atEnd, func() { u.c.s.inFlight.Release(n) })
	return nil
}

// A patientBody is the body of a request that may take its time, as long as
// something comes.
type patientBody struct {
	io.ReadCloser
	ctx     context.Context // of the call
	control *http.ResponseController
}

// Read implements io.Reader. Each piece that comes gives time for the next, and
// for the answer.
func (b *patientBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, fmt.Errorf("web: form: %v: %w", err, fault.Unavailable)
	}
	now := time.Now() // of the connection, whatever time it is for people
	_ = b.control.SetReadDeadline(now.Add(silence))
	_ = b.control.SetWriteDeadline(now.Add(silence + timeLimit))
	return b.ReadCloser.Read(p)
}

// fileName is the name of a file as it may be shown and kept: without a path,
// what controls, or marks that turn the direction of writing.
func fileName(given string) string {
	if !utf8.ValidString(given) {
		return "document"
	}
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, path.Base(strings.ReplaceAll(given, `\`, "/")))
	if name = strings.TrimSpace(name); name == "." || name == "/" || name == ".." {
		name = ""
	}
	if len(name) > maxFileName {
		end := path.Ext(name)
		if len(end) > 10 {
			end = ""
		}
		name = strings.ToValidUTF8(name[:maxFileName-len(end)], "") + end
	}
	return name
}

// mediaType is a type that a browser gives, without its parameters.
func mediaType(text string) string {
	kind, _, err := mime.ParseMediaType(text)
	if err != nil || !strings.Contains(kind, "/") {
		return "application/octet-stream"
	}
	return kind
}
