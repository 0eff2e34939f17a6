// Package takeout writes all that a space holds into one zip that its owner can
// keep for life, without this hub: the messages as they came, the documents under
// their own names, the record as FHIR, the trail, and a page in French and
// English that leads to all of it offline.
//
//	messages/FOLDER/DATE SUBJECT.eml     byte for byte
//	documents/SHELF/NAME                 every version; older ones in a folder of their own
//	fhir/*.ndjson                        Patient, DocumentReference, Consent, AuditEvent
//	history.csv                          who did what
//	index.html                           to be read first; no script, nothing loaded from elsewhere
//	SHA256SUMS                           for sha256sum -c
//
// It is written as it is read: what it takes in memory is the largest file and a
// line for each. The order is always the same. No name leaves its folder, is one
// that a system reserves, or has more than 120 characters. What cannot be read
// any more is left out, and said: it keeps nothing else from its owner.
//
// It decides nothing: what a Source gives, its reader may have.
package takeout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
	"vaguemestre/internal/pdsm"
	"vaguemestre/vault"
)

// A Source is what everything is read from: a hub.Takeout.
type Source interface {
	Space() hub.TakenSpace
	Documents(ctx context.Context) (list []hub.DocumentView, damaged int, err error)
	Document(ctx context.Context, d hub.DocumentView) (hub.Content, error)
	Rendition(ctx context.Context, d hub.DocumentView) (hub.Content, error)
	Folders(ctx context.Context) ([]mailbox.Folder, error)
	Messages(ctx context.Context) iter.Seq2[hub.TakenMessage, error]
	Lines(ctx context.Context) iter.Seq2[audit.Line, error]
}

// Options are what a Source does not know.
type Options struct {
	Base string         // of the service: identifies it in FHIR
	Now  time.Time      // of the export
	Zone *time.Location // in which people are told times; nil: UTC
}

// A Report counts what was written.
type Report struct{ Messages, Documents, Lines, Lost int }

// Write writes everything. An error says that what was written is not whole.
func Write(ctx context.Context, w io.Writer, src Source, o Options) (Report, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	t := &taking{ctx: ctx, src: src, Options: o, archive: newArchive(w, o.Now), paths: map[string]string{},
		page: page{Space: src.Space(), Made: o.Now.In(o.Zone)}}
	for _, step := range []func() error{t.documents, t.messages, t.resources, t.trail, t.index} {
		if err := step(); err != nil {
			return t.Report, fmt.Errorf("takeout: %w", err)
		}
	}
	return t.Report, t.archive.close(t.page.Lost)
}

// A taking is one export that goes on.
type taking struct {
	Options
	Report

	ctx     context.Context
	src     Source
	archive *archive
	page    page
	views   []hub.DocumentView
	paths   map[string]string // of the file of each document, by its ID; with pdsm.RenditionSuffix, of the PDF beside it
}

// lost reports whether an error is about one thing that is damaged.
func (t *taking) lost(err error) bool {
	switch fault.Of(err) {
	case fault.Corrupt, fault.Invalid, fault.TooLarge, fault.Internal:
		return t.ctx.Err() == nil && t.archive.out.err == nil
	}
	return false
}

// lose notes that something is not in the export.
func (t *taking) lose(what both, name string) {
	t.Lost++
	t.page.Lost = append(t.page.Lost, lostRow{what, name})
}

// content writes what somebody opened.
func content(c hub.Content) func(io.Writer) error {
	return func(w io.Writer) error { return c.ReadRange(w, 0, c.Size()) }
}

// documents writes the files of the documents, shelf by shelf, and remembers
// where they are.
func (t *taking) documents() error {
	views, damaged, err := t.src.Documents(t.ctx)
	if err != nil {
		return err
	}
	t.views = views
	for range damaged {
		t.lose(both{"Un document dont rien ne peut être lu", "A document of which nothing can be read"}, "")
	}
	for _, s := range shelvesOf(views) {
		shelf := docShelf{Name: s.both}
		folder := t.archive.names.Folder("documents", s.FR)
		t.archive.names.Folder(folder, olderVersions) // before a file takes its name
		for _, d := range s.views {
			row, err := t.document(folder, d)
			if err != nil {
				return err
			}
			if row != nil {
				shelf.Rows = append(shelf.Rows, *row)
			}
		}
		if len(shelf.Rows) > 0 {
			t.page.Shelves = append(t.page.Shelves, shelf)
		}
	}
	return nil
}

// olderVersions is the folder, on each shelf, of documents that were replaced.
const olderVersions = "anciennes versions"

// document writes the file of one document, and the PDF beside it. Without an
// error and a row it is not in the export.
func (t *taking) document(folder string, d hub.DocumentView) (*docRow, error) {
	row := newDocRow(d)
	if row.Old {
		folder = t.archive.names.Folder(folder, olderVersions)
	}
	what := both{"Le document « " + row.Title + " »", `The document "` + row.Title + `"`}
	c, err := t.src.Document(t.ctx, d)
	if row.Path, err = t.file(c, err, folder, d.FileName(), d.Entry, d.Entry.SHA256, what); err != nil || row.Path == "" {
		return nil, err
	}
	t.Documents++
	t.paths[d.ID] = row.Path
	if d.Entry.Rendition != "" {
		c, err := t.src.Rendition(t.ctx, d)
		shown := vault.Entry{MediaType: pdsm.RenditionMedia, Filed: d.Entry.Filed}
		if row.PDF, err = t.file(c, err, folder, cmp.Or(d.Entry.RenditionName, "document.pdf"), shown, "", what); err != nil {
			return nil, err
		}
		t.paths[d.ID+pdsm.RenditionSuffix] = row.PDF
	}
	return &row, nil
}

// file writes what somebody opened, or failed to, and returns its path; "" where
// it is not in the export. sum is what its bytes must add up to; "" for unknown.
func (t *taking) file(c hub.Content, err error, folder, name string, e vault.Entry, sum string, what both) (path string, _ error) {
	if err == nil {
		path = t.archive.names.File(folder, name)
		var got string
		if got, err = t.archive.file(path, e.Filed, compressed(e.MediaType), content(c)); err == nil && sum != "" && got != sum {
			err = fmt.Errorf("sum: %w", fault.Corrupt)
		}
	}
	switch {
	case errors.Is(err, fault.NotFound) && path == "": // hidden or gone meanwhile
		return "", nil
	case err != nil && t.lost(err):
		t.lose(what, cmp.Or(path, name))
		return path, nil
	}
	return path, err
}

// compressed reports whether a file is of a kind that does not get smaller.
func compressed(media string) bool {
	switch media {
	case "application/pdf", "image/jpeg", "image/png", "application/zip", "application/gzip", "video/mp4":
		return true
	}
	return false
}

// messages writes the messages, folder by folder.
func (t *taking) messages() error {
	folders, err := t.src.Folders(t.ctx)
	if err != nil {
		return err
	}
	where, at := map[string]string{}, map[string]int{}
	for i, f := range folders { // all of them first: a message is not to take the name of a folder
		where[f.Name], at[f.Name] = t.archive.names.Tree("messages", f.Name), i
		t.page.Folders = append(t.page.Folders, mailFolder{Name: folderName(f.Name)})
	}
	for m, err := range t.src.Messages(t.ctx) {
		name := m.Received.In(t.Zone).Format(time.DateOnly) + " " + cmp.Or(m.Envelope.Subject, "sans objet")
		what := both{"Le message « " + m.Envelope.Subject + " »", `The message "` + m.Envelope.Subject + `"`}
		switch {
		case err != nil && t.lost(err):
			t.lose(what, m.Folder+", "+m.Received.In(t.Zone).Format("2006-01-02 15:04"))
			continue
		case err != nil:
			return err
		}
		path := t.archive.names.File(where[m.Folder], name+".eml")
		if _, err := t.archive.file(path, m.Received, false, content(m.Content)); err != nil && !t.lost(err) && !errors.Is(err, fault.NotFound) {
			return err
		} else if err != nil { // since a moment ago: it ends before its end
			t.lose(what, path)
		}
		t.Messages++
		f := &t.page.Folders[at[m.Folder]]
		f.Rows = append(f.Rows, newMailRow(path, m))
	}
	return nil
}

// resources writes the record as FHIR.
func (t *taking) resources() error {
	space := t.src.Space()
	out := pdsm.Writer{Base: t.Base, Binary: func(id string) string {
		if path := t.paths[id]; path != "" {
			return "../" + href(path)
		}
		return ""
	}}
	for _, r := range []struct {
		name string
		all  func(put func(any) error) error
	}{
		{"Patient", func(put func(any) error) error { return put(pdsm.Patient(space.PatientView)) }},
		{"DocumentReference", func(put func(any) error) error {
			return each(slices.Values(t.views), func(d hub.DocumentView) error { return put(out.DocumentReference(d)) })
		}},
		{"Consent", func(put func(any) error) error {
			all := pdsm.Consents(space.ID, space.Choices, space.Relations, t.Now)
			return each(slices.Values(all), func(c fhir.Consent) error { return put(c) })
		}},
		{"AuditEvent", func(put func(any) error) error {
			return t.lines(func(l audit.Line) error {
				return put(pdsm.AuditEvent(pdsm.TrailLine{Record: space.ID, Line: l}))
			})
		}},
	} {
		_, err := t.archive.file("fhir/"+r.name+".ndjson", t.Now, false, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			return r.all(e.Encode)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func each[T any](list iter.Seq[T], do func(T) error) error {
	for v := range list {
		if err := do(v); err != nil {
			return err
		}
	}
	return nil
}

// lines goes through the trail.
func (t *taking) lines(do func(audit.Line) error) error {
	for l, err := range t.src.Lines(t.ctx) {
		if err != nil {
			return err
		}
		if err := do(l); err != nil {
			return err
		}
	}
	return nil
}

// trail writes who did what, and sums up who looked.
func (t *taking) trail() error {
	looked := lookers{}
	_, err := t.archive.file("history.csv", t.Now, false, func(w io.Writer) error {
		write, end, err := audit.NewLineWriter(w, audit.CSV)
		if err != nil {
			return err
		}
		err = t.lines(func(l audit.Line) error {
			t.Lines++
			looked.add(l)
			return write(l)
		})
		return errors.Join(err, end())
	})
	t.page.Lookers = looked.rows()
	return err
}
