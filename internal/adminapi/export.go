package adminapi

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"vaguemestre/vault/keyring"
)

// trailer carries the failure of an export that had begun.
const trailer = "Vaguemestre-Failure"

// export writes a tar of sealed files. What fails before the first file is an
// ordinary failure; later, the tar has no end, and the trailer says why.
func export(ctx context.Context, c call, w http.ResponseWriter, body io.Reader) error {
	var in Export
	if err := readJSON(body, &in); err != nil {
		return err
	}
	a, err := c.address(in.Address)
	if err != nil {
		return err
	}
	to, err := keyring.ParseRecipient([]byte(in.Key), time.Now())
	if err != nil {
		return err
	}
	w.Header().Set("Trailer", trailer)
	w.Header().Set("Content-Type", "application/x-tar")
	t := &tarSink{tar: tar.NewWriter(w)}
	_, err = c.hub.Export(ctx, c.operator, a, to, t.file)
	if err == nil {
		err = t.tar.Close()
	}
	if err == nil || t.files == 0 {
		return err
	}
	text, _ := json.Marshal(failureOf(err)) // it has nothing that cannot be encoded
	w.Header().Set(trailer, string(text))
	c.cfg.Log.Error("export failed", "operator", c.operator, "err", err)
	return nil
}

// A tarSink writes files into a tar one after the other. A tar says how long a
// file is before it comes, so each is held in memory, sealed.
type tarSink struct {
	tar   *tar.Writer
	files int
}

func (t *tarSink) file(name string) (io.WriteCloser, error) {
	t.files++
	return &tarFile{sink: t, name: name}, nil
}

type tarFile struct {
	bytes.Buffer
	sink *tarSink
	name string
}

// Close implements io.Closer.
func (f *tarFile) Close() error {
	err := f.sink.tar.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(f.Len())})
	if err == nil {
		_, err = f.WriteTo(f.sink.tar)
	}
	return err
}
