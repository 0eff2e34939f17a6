package fact

import "vaguemestre/internal/store"

// Every right that is read needs the head. Within one transaction it is read
// from the store once, through these.

// Once returns r, which reads the head of the rights at most once.
func Once(r store.Reader) store.Reader { return &onceReader{Reader: r} }

// OnceWriter does as Once does.
func OnceWriter(w store.Writer) store.Writer { return &onceWriter{Writer: w} }

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

type onceWriter struct {
	store.Writer
	memo memo
}

func (o *onceWriter) Get(key string) ([]byte, error) { return o.memo.get(o.Writer, key) }

func (o *onceWriter) Put(key string, value []byte) {
	if key == headKey {
		o.memo = memo{value, true}
	}
	o.Writer.Put(key, value)
}

func (o *onceWriter) Delete(key string) {
	if key == headKey {
		o.memo = memo{nil, true}
	}
	o.Writer.Delete(key)
}
