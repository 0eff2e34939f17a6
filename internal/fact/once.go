package fact

import "vaguemestre/internal/store"

// Every right that is read needs the head. Within one transaction it is read
// from the store once, through these.

// Once returns r, which reads the head of the rights at most once.
func Once(r store.Reader) store.Reader { return &onceReader{Reader: r} }

// A Writer does as Once does, and knows whether a right was changed.
type Writer struct {
	store.Writer
	memo    memo
	changed bool
}

// OnceWriter returns w as a Writer.
func OnceWriter(w store.Writer) *Writer { return &Writer{Writer: w} }

// RightsChanged reports whether a right was written or removed.
func (o *Writer) RightsChanged() bool { return o.changed }

type memo struct {
	head []byte
	have bool
}

func (m *memo) get(r store.Reader, key string) (b []byte, err error) {
	if key != headKey {
		return r.Get(key)
	}
	if !m.have {
		if b, err = r.Get(key); err != nil {
			return nil, err
		}
		m.head, m.have = b, true
	}
	return m.head, nil
}

type onceReader struct {
	store.Reader
	memo memo
}

func (o *onceReader) Get(key string) ([]byte, error) { return o.memo.get(o.Reader, key) }

// Get implements store.Reader.
func (o *Writer) Get(key string) ([]byte, error) { return o.memo.get(o.Writer, key) }

// Put implements store.Writer.
func (o *Writer) Put(key string, value []byte) {
	if key == headKey {
		o.memo, o.changed = memo{value, true}, true
	}
	o.Writer.Put(key, value)
}

// Delete implements store.Writer.
func (o *Writer) Delete(key string) {
	if key == headKey {
		o.memo, o.changed = memo{nil, true}, true
	}
	o.Writer.Delete(key)
}
