package main

import (
	"archive/zip"
	"bytes"
	"database/sql"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // tamper opens the store as a thief would

	"vaguemestre/internal/cda"
	"vaguemestre/internal/message"
	"vaguemestre/internal/xdm"
)

// letterVerb attaches files to a mail that is only text: its header and its
// text stay as they are.
func letterVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: letter MAIL OUT FILE…")
	}
	head, text, ok := strings.Cut(ts.ReadFile(args[0]), "\n\n")
	if !ok {
		ts.Fatalf("%s has no text", args[0])
	}
	const boundary = "=_une_histoire"
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=%q\n", head, boundary)
	fmt.Fprintf(&b, "\n--%s\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n%s", boundary, text)
	for _, file := range args[2:] {
		name := filepath.Base(file)
		fmt.Fprintf(&b, "\n--%s\nContent-Type: %s\nContent-Transfer-Encoding: base64\nContent-Disposition: %s\n\n", boundary,
			mediaTypeOf(name), mime.FormatMediaType("attachment", map[string]string{"filename": name}))
		b.Write(lines64([]byte(ts.ReadFile(file))))
	}
	fmt.Fprintf(&b, "\n--%s--\n", boundary)
	keep(ts, args[1], crlf(b.Bytes()))
}

// keep writes a file of the story, and the folder it is in.
func keep(ts *testscript.TestScript, name string, content []byte) {
	path := ts.MkAbs(name)
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, content, 0o600))
}

func mediaTypeOf(name string) string {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".pdf":
		return "application/pdf"
	case ".xml":
		return "text/xml"
	case ".zip":
		return "application/zip"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".rtf":
		return "text/rtf"
	case ".jpg":
		return "image/jpeg"
	case ".png":
		return "image/png"
	}
	return "application/octet-stream"
}

// lines64 is base64 in lines of 76, as mail programs write it.
func lines64(b []byte) []byte {
	text := base64.StdEncoding.AppendEncode(nil, b)
	var out []byte
	for len(text) > 76 {
		out, text = append(append(out, text[:76]...), '\n'), text[76:]
	}
	return append(append(out, text...), '\n')
}

// attachedVerb saves the attachment of a mail that has that name, decoded.
func attachedVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: attached MAIL NAME OUT")
	}
	raw := []byte(ts.ReadFile(args[0]))
	mail, err := message.Parse(raw, message.Default)
	ts.Check(err)
	var found []byte
	var names []string
	mail.Root.Walk(func(p *message.Part) bool {
		if name := p.FileName(); name != "" {
			names = append(names, name)
			if name == args[1] {
				found, err = p.Decoded(raw, 64<<20)
				ts.Check(err)
			}
		}
		return true
	})
	switch {
	case neg && found != nil:
		ts.Fatalf("%s is in %s", args[1], args[0])
	case !neg && found == nil:
		ts.Fatalf("%s is not in %s, which has %q", args[1], args[0], names)
	case found != nil:
		keep(ts, args[2], found)
	}
}

// sameVerb holds a mail as it was received against the file that was sent: two
// trace fields (RFC 5321 §4.4), then every byte.
func sameVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same RECEIVED SENT")
	}
	got, want := []byte(ts.ReadFile(args[0])), crlf([]byte(ts.ReadFile(args[1])))
	trace, same := bytes.CutSuffix(got, want)
	same = same && bytes.HasPrefix(trace, []byte("Return-Path: <")) && bytes.Count(trace, []byte("\r\nReceived: ")) == 1 && !bytes.Contains(trace, []byte("\r\n\r\n"))
	if same == neg {
		ts.Fatalf("the same: %v\nsent %d bytes, received %d bytes:\n%.600s", same, len(want), len(got), got)
	}
}

// xdmVerb packs CDA documents into an IHE_XDM.zip. The metadata is that of the
// documents' own headers.
func xdmVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: xdm OUT DOCUMENT…")
	}
	p := &xdm.Package{Sets: []xdm.SubmissionSet{{UniqueID: "1.2.250.1.999.1.1.7900", SourceID: "1.2.250.1.999.1.1", Submitted: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}}}
	for _, file := range args[1:] {
		data := []byte(ts.ReadFile(file))
		doc, err := cda.Parse(data, cda.Limits{})
		ts.Check(err)
		p.Documents = append(p.Documents, xdm.Document{
			Name: filepath.Base(file), Data: data, MediaType: "text/xml", Title: doc.Title, UniqueID: doc.ID.String(),
			Type: xdm.Code{Code: doc.Type.Code, System: doc.Type.System, Display: doc.Type.Display},
		})
	}
	var b bytes.Buffer
	ts.Check(xdm.Write(&b, p))
	keep(ts, args[0], b.Bytes())
}

// zipVerb packs files into a zip under any names, honest or not. A FILE that is
// a size such as 200MB is that many zeros.
func zipVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: zip OUT NAME=FILE…")
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, entry := range args[1:] {
		name, file, _ := strings.Cut(entry, "=")
		w, err := z.Create(name)
		ts.Check(err)
		var megabytes int
		if n, _ := fmt.Sscanf(file, "%dMB", &megabytes); n == 1 {
			for range megabytes {
				_, err = w.Write(make([]byte, 1<<20))
				ts.Check(err)
			}
			continue
		}
		_, err = w.Write([]byte(ts.ReadFile(file)))
		ts.Check(err)
	}
	ts.Check(z.Close())
	keep(ts, args[0], b.Bytes())
}

// tamperVerb changes the trail of the space that has the longest, in the file
// of a hub that is stopped.
func tamperVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tamper flip|delete|swap")
	}
	db, err := sql.Open("sqlite", ts.MkAbs("hub/hub.db"))
	ts.Check(err)
	defer db.Close()
	var part string
	ts.Check(db.QueryRow(`select part from kv where key like 'aud/e/%' group by part order by count(*) desc limit 1`).Scan(&part))
	entry := func(n int) (key string, value []byte) {
		ts.Check(db.QueryRow(`select key, value from kv where part = ? and key like 'aud/e/%' order by key limit 1 offset ?`, part, n).Scan(&key, &value))
		return key, value
	}
	set := func(key string, value []byte) {
		_, err := db.Exec(`update kv set value = ? where part = ? and key = ?`, value, part, key)
		ts.Check(err)
	}
	first, a := entry(1)
	second, b := entry(2)
	switch args[0] {
	case "flip":
		a[len(a)-1-rand.IntN(8)] ^= 1
		set(first, a)
	case "delete":
		_, err := db.Exec(`delete from kv where part = ? and key = ?`, part, first)
		ts.Check(err)
	case "swap":
		set(first, b)
		set(second, a)
	default:
		ts.Fatalf("tamper: what is %q?", args[0])
	}
}
