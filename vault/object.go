package vault

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"vaguemestre/internal/blob"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// InlineLimit is the size, in bytes, up to which a sealed object is kept
// beside the metadata; a larger one is a blob.
const InlineLimit = 64 << 10

// maxObject bounds what an object opens to, whatever it says of itself.
const maxObject = 64 << 20

// A Ref names an object within its partition: where it is, how it is coded,
// and 26 random characters. It is what records keep of an object.
type Ref string

// The first two characters of a Ref.
const (
	inline, external  = 'i', 'b'
	plain, compressed = '-', 'z'
	refLength         = 2 + idLength
)

// An Object is sealed bytes on their way to where they are kept.
type Object struct {
	Ref    Ref
	Sealed []byte
}

// Seal makes an object of content. Text-like content is compressed first,
// where that makes it smaller. The object is bound to the partition and to its
// own name.
func Seal(s *keyring.Session, part store.Part, content []byte, textLike bool) (Object, error) {
	coding := byte(plain)
	if textLike {
		if z := encoder().EncodeAll(content, nil); len(z) < len(content) {
			coding, content = compressed, z
		}
	}
	ref := Ref(string([]byte{inline, coding}) + NewID())
	sealed, err := s.SealBlob(nil, content, ref.name(part))
	if err != nil {
		return Object{}, fmt.Errorf("vault: seal: %w", err)
	}
	o := Object{ref, sealed}
	if len(sealed) > InlineLimit {
		o = o.Externalise()
	}
	return o, nil
}

// Externalise returns the same object as a blob, whatever its size.
func (o Object) Externalise() Object {
	o.Ref = Ref(string(rune(external))) + o.Ref[1:]
	return o
}

// Open returns the content of a sealed object.
func (r Ref) Open(s *keyring.Session, part store.Part, sealed []byte) ([]byte, error) {
	if !r.valid() {
		return nil, fmt.Errorf("vault: reference: %w", fault.Corrupt)
	}
	content, err := s.OpenBlob(nil, sealed, r.name(part))
	if err != nil {
		return nil, fmt.Errorf("vault: open: %w", err)
	}
	if r[1] == compressed {
		if content, err = decoder().DecodeAll(content, nil); err != nil {
			return nil, fmt.Errorf("vault: decompress: %w", fault.Corrupt)
		}
	}
	return content, nil
}

func (r Ref) valid() bool {
	return len(r) == refLength && (r[0] == inline || r[0] == external) && (r[1] == plain || r[1] == compressed)
}

// name is what binds the object: it is inside the seal.
func (r Ref) name(part store.Part) string { return string(part) + "/" + string(r[1:]) }

// Inline reports whether the object is kept beside the metadata.
func (r Ref) Inline() bool { return r.valid() && r[0] == inline }

// BlobID names the object in the blob store, if it is not Inline; what is no
// reference has no name there.
func (r Ref) BlobID() blob.ID {
	if !r.valid() {
		return ""
	}
	return blob.ID(r[2:])
}

// Keep writes a small object beside the metadata.
func Keep(w store.Writer, o Object) { w.Put("obj/d/"+string(o.Ref[2:]), o.Sealed) }

// Kept reads a small object. One that is not there is fault.Corrupt: what
// refers to it is.
func Kept(r store.Reader, ref Ref) ([]byte, error) {
	if !ref.valid() {
		return nil, fmt.Errorf("vault: reference: %w", fault.Corrupt)
	}
	b, err := r.Get("obj/d/" + string(ref[2:]))
	if err == nil && b == nil {
		err = fmt.Errorf("vault: object is missing: %w", fault.Corrupt)
	}
	return b, err
}

// Hold counts one more holder of an object. Its maker is the first.
func Hold(w store.Writer, ref Ref) error {
	n, err := holders(w, ref)
	if err != nil {
		return err
	}
	w.Put("obj/h/"+string(ref[2:]), binary.AppendUvarint([]byte{version}, n+1))
	return nil
}

// Release counts one holder less. With the last, a small object is gone; a
// blob is to be deleted by the door, once the transaction is durable.
func Release(w store.Writer, ref Ref) (last bool, err error) {
	n, err := holders(w, ref)
	switch {
	case err != nil:
		return false, err
	case n > 2:
		w.Put("obj/h/"+string(ref[2:]), binary.AppendUvarint([]byte{version}, n-1))
	case n == 2:
		w.Delete("obj/h/" + string(ref[2:]))
	default:
		w.Delete("obj/d/" + string(ref[2:]))
	}
	return n <= 1, nil
}

func holders(r store.Reader, ref Ref) (uint64, error) {
	if !ref.valid() {
		return 0, fmt.Errorf("vault: reference: %w", fault.Corrupt)
	}
	b, err := r.Get("obj/h/" + string(ref[2:]))
	if err != nil || b == nil {
		return 1, err
	}
	return counted(b, "holders")
}

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil { // only for options that exclude one another
		panic(err)
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxObject))
	if err != nil {
		panic(err)
	}
	return d
})
