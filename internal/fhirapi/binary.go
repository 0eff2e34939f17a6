package fhirapi

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
)

// readBinary gives the document itself: its bytes, or, to whoever asks for
// FHIR only, a Binary with them in base64. Its bytes never change. With ".pdf"
// after the id it is the PDF beside the document.
func (c *call) readBinary() (answer, error) {
	if c.method == http.MethodHead && !strings.HasSuffix(c.id, pdsm.RenditionSuffix) { // what it would be; nothing is opened
		d, err := c.hub.Document(c.ctx, c.actor, c.id)
		if err != nil {
			return answer{}, err
		}
		return answer{version: d.Entry.LogicalID, raw: &raw{media: d.Entry.MediaType, content: sized(d.Entry.Size), file: true}}, nil
	}
	held, err := c.contents.take(c.ctx, string(c.actor.Part), int64(c.cfg.Limits.Body.Bytes)) // its size is not known before
	if err != nil {
		return answer{}, fault.Unavailable
	}
	a, err := c.openBinary(held)
	if err != nil {
		held.release()
		return answer{}, err
	}
	a.holds = []*hold{held}
	return a, nil
}

func (c *call) openBinary(held *hold) (answer, error) {
	open, id, media := c.hub.OpenDocument, c.id, ""
	if of, shown := strings.CutSuffix(c.id, pdsm.RenditionSuffix); shown {
		open, id, media = c.hub.OpenRendition, of, pdsm.RenditionMedia
	}
	d, content, err := open(c.ctx, c.actor, id)
	if err != nil {
		return answer{}, err
	}
	media = cmp.Or(media, d.Entry.MediaType)
	a := answer{version: d.Entry.LogicalID}
	if !fhirWanted(c.header, c.query.Get("_format"), media) {
		held.keep(content.Size())
		a.raw = &raw{media: media, content: content, file: true}
		return a, nil
	}
	held.keep(3 * content.Size()) // as it is, in base64, and in the answer
	var b bytes.Buffer
	if err := content.ReadRange(&b, 0, content.Size()); err != nil {
		return answer{}, err
	}
	a.resource = fhir.Binary{
		Kind: "Binary", ID: c.id, ContentType: media, Data: b.Bytes(),
		SecurityContext: &fhir.Reference{Reference: "DocumentReference/" + d.ID}}
	return a, nil
}

// sized is a Content of which only the size is asked.
type sized int64

func (s sized) Size() int64 { return int64(s) }

func (s sized) ReadRange(io.Writer, int64, int64) error {
	return fmt.Errorf("fhirapi: content is not open: %w", fault.Internal)
}

// fhirWanted reports whether a Binary is asked for as a resource: where FHIR is
// named, and neither the media type itself nor anything at all is.
func fhirWanted(h http.Header, format, media string) bool {
	accept := h.Get("Accept")
	if format != "" {
		accept = strings.ReplaceAll(format, " ", "+")
	}
	wanted := false
	for one := range strings.SplitSeq(accept, ",") {
		m, _, _ := mime.ParseMediaType(strings.TrimSpace(one))
		switch {
		case slices.Contains(jsonTypes, m):
			wanted = true
		case m == media, m == "*/*" && !strings.Contains(one, "q=0"):
			return false
		}
	}
	return wanted
}

// A reader reads a document from wherever it is asked to.
type reader struct {
	content hub.Content
	at      int64
	err     error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n := min(int64(len(p)), r.content.Size()-r.at)
	if n <= 0 {
		return 0, io.EOF
	}
	into := bytes.NewBuffer(p[:0])
	if r.err = r.content.ReadRange(into, r.at, n); r.err != nil {
		return 0, r.err
	}
	r.at += n
	return int(n), nil
}

// Seek implements io.Seeker.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.content.Size()
	}
	if offset < 0 {
		return 0, fmt.Errorf("fhirapi: seek before the beginning: %w", fault.Invalid)
	}
	r.at = offset
	return offset, nil
}
