package mailbox

import (
	"bytes"
	"encoding/binary"
	"time"

	"vaguemestre/internal/message"
)

// An Item is what the owner alone may know of a message: what a listing shows,
// and how its bytes are found and joined.
type Item struct {
	Envelope  message.Envelope
	Structure message.Structure
	Layout    message.Layout
	Skeleton  string // the door's reference to the sealed skeleton
	Parts     []PartRef
}

// A PartRef names a part that was cut out of the message.
type PartRef struct {
	Ref  string // the door's reference to the sealed part
	Key  []byte // its session key, 32 bytes; nil if it is that of the message
	Name string // what it is bound to
}

// Refs returns the references that the message holds: its skeleton, if it has
// one, and its parts.
func (it *Item) Refs() []string {
	var refs []string
	if it.Skeleton != "" {
		refs = append(refs, it.Skeleton)
	}
	for _, p := range it.Parts {
		refs = append(refs, p.Ref)
	}
	return refs
}

const (
	keySize = 32
	idSize  = 26

	// maxSealed bounds a sealed item, in bytes. Only a mail made to be listed
	// at great length comes near it.
	maxSealed = 256 << 10
)

// A record is what is kept of one message: by itself while it is apart, with
// its neighbours in a block. The session key is in it only under the mailbox
// key, where no wraps stand beside it.
type record struct {
	uid      UID
	received int64
	size     int64
	id       string
	mark     []byte // markSize bytes, or none
	key      []byte // of the message's session

	item []byte // an Item in its binary form
}

// appendHead appends what is known of a message in clear, but for its UID,
// which its place tells.
func (rec *record) appendHead(b []byte) []byte {
	b = binary.AppendVarint(b, rec.received)
	b = binary.AppendUvarint(b, uint64(rec.size))
	b = appendBytes(b, rec.id)
	return appendBytes(b, rec.mark)
}

func (rec *record) parseHead(d *decoder) {
	rec.received, rec.size = d.int64(), int64(d.uint(1<<62))
	rec.id, rec.mark = d.string(), d.bytes()
	if n := len(rec.mark); n != 0 && n != markSize {
		d.fail()
	}
}

// append appends the whole record.
func (rec *record) append(b []byte) []byte {
	return append(appendBytes(rec.appendHead(b), rec.key), rec.item...)
}

// isLarge reports whether the record stays apart from the others of its block.
func (rec *record) isLarge() bool { return len(rec.item) > maxFolded }

// parseRecord reads a whole record, which shares the memory of b.
func parseRecord(u UID, b []byte) (record, error) {
	d := decoder{b: b}
	rec := record{uid: u}
	rec.parseHead(&d)
	rec.key = d.bytes()
	rec.item = d.b
	if d.bad || len(rec.key) != keySize {
		return rec, corrupt("entry")
	}
	return rec, nil
}

const itemVersion = 1

// appendItem appends the binary form of it, which parseItem reads. It is not
// compressed: that would save 65 bytes of the 1,500 that a small mail has here.
func appendItem(b []byte, it *Item) []byte {
	b = append(b, itemVersion)
	for _, form := range []func([]byte) ([]byte, error){
		it.Envelope.AppendBinary, it.Structure.AppendBinary, it.Layout.AppendBinary,
	} {
		part, _ := form(nil) // they never fail
		b = appendBytes(b, part)
	}
	b = appendBytes(b, it.Skeleton)
	b = binary.AppendUvarint(b, uint64(len(it.Parts)))
	for _, p := range it.Parts {
		b = appendBytes(b, p.Ref)
		b = appendBytes(b, p.Key)
		b = appendBytes(b, p.Name)
	}
	return b
}

func itemDecoder(b []byte) decoder {
	d := decoder{b: b}
	if d.byte() != itemVersion {
		d.fail()
	}
	return d
}

// parseItem reads a whole item; anything wrong is fault.Corrupt.
func parseItem(b []byte) (*Item, error) {
	d := itemDecoder(b)
	envelope, structure, layout := d.bytes(), d.bytes(), d.bytes()
	it := &Item{Skeleton: d.string()}
	if n := d.count(3); n > 0 {
		it.Parts = make([]PartRef, n)
	}
	for i := range it.Parts {
		p := PartRef{Ref: d.string(), Key: bytes.Clone(d.bytes()), Name: d.string()}
		if len(p.Key) == 0 {
			p.Key = nil
		} else if len(p.Key) != keySize {
			d.fail()
		}
		it.Parts[i] = p
	}
	if err := d.end("item"); err != nil {
		return nil, err
	}
	var err error
	if it.Envelope, err = message.ParseEnvelope(envelope); err != nil {
		return nil, err
	}
	s, err := message.ParseStructure(structure)
	if err != nil {
		return nil, err
	}
	it.Structure = *s
	if it.Layout, err = message.ParseLayout(layout); err != nil {
		return nil, err
	}
	return it, nil
}

// refs reads the references of an item alone.
func (rec *record) refs() ([]string, error) {
	d := itemDecoder(rec.item)
	d.bytes()
	d.bytes()
	d.bytes()
	it := Item{Skeleton: d.string()}
	for range d.count(3) {
		it.Parts = append(it.Parts, PartRef{Ref: d.string()})
		d.bytes()
		d.bytes()
	}
	return it.Refs(), d.end("item")
}

// entry reads what a listing shows.
func (rec *record) entry() (*Entry, error) {
	d := itemDecoder(rec.item)
	envelope, structure := d.bytes(), d.bytes()
	e := &Entry{UID: rec.uid, ID: rec.id, Received: time.Unix(rec.received, 0).UTC(), Size: rec.size}
	if d.bad {
		return nil, corrupt("item")
	}
	var err error
	if e.Envelope, err = message.ParseEnvelope(envelope); err != nil {
		return nil, err
	}
	s, err := message.ParseStructure(structure)
	if err != nil {
		return nil, err
	}
	e.Structure = *s
	return e, nil
}
