package mailbox

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"vaguemestre/internal/message"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/memstore"
	"vaguemestre/vault/keyring"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// An owner is somebody who has a key.
type owner struct {
	part store.Part
	cert *keyring.Cert
	key  *keyring.Key
}

func newOwner(tb testing.TB, part store.Part) owner {
	tb.Helper()
	secrets, err := keyring.NewErasureSecrets(filepath.Join(tb.TempDir(), "secrets"))
	if err != nil {
		tb.Fatal(err)
	}
	es, err := secrets.Add(part)
	if err != nil {
		tb.Fatal(err)
	}
	ring := keyring.NewRing()
	cert, locked, err := ring.NewOwner(part, es[0])
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ring.Unlock(part, locked, es[0])
	if err != nil {
		tb.Fatal(err)
	}
	return owner{part, cert, key}
}

// A tester is a *testing.T, a *testing.B or a *rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A desk is a mailbox under test: its owner, its store, its book.
type desk struct {
	tester
	owner
	store store.Store
	cache *Cache
	book  *Book
}

func newDesk(tb testing.TB) *desk {
	tb.Helper()
	return deskOf(tb, newOwner(tb, "p-one"), memstore.New())
}

func deskOf(tb testing.TB, o owner, s store.Store) *desk {
	tb.Helper()
	d := &desk{tester: tb, owner: o, store: s, cache: NewCache(64 << 20)}
	d.update(func(w store.Writer) error { return Create(w, o.part, o.cert, noon) })
	d.reopen()
	return d
}

// reopen is a new session in a new process.
func (d *desk) reopen() {
	d.Helper()
	d.cache = NewCache(64 << 20)
	d.view(func(r store.Reader) (err error) {
		d.book, err = Open(r, d.part, d.key, d.cache)
		return err
	})
}

func (d *desk) View(fn func(store.Reader) error) error {
	return d.store.View(context.Background(), d.part, fn)
}

func (d *desk) Update(fn func(store.Writer) error) error {
	return d.store.Update(context.Background(), d.part, fn)
}

func (d *desk) view(fn func(store.Reader) error) {
	d.Helper()
	if err := d.View(fn); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) update(fn func(store.Writer) error) {
	d.Helper()
	if err := d.Update(fn); err != nil {
		d.Fatal(err)
	}
}

// filing makes a message to file, number n.
func (d *desk) filing(n int) Filing {
	it := item(d, mail(n))
	it.Skeleton = skeletonOf(n)
	return filingOf(d, d.owner, n, it)
}

func receivedOf(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }

func skeletonOf(n int) string { return fmt.Sprintf("iz%026d", n) }

func filingOf(tb tester, o owner, n int, it *Item) Filing {
	tb.Helper()
	session, wraps, err := keyring.NewSession(o.cert)
	if err != nil {
		tb.Fatal(err)
	}
	id := fmt.Sprintf("%026d", n)
	return Filing{
		ID: id, Received: receivedOf(n), Size: it.Structure.Size,
		Wraps: wraps, Sealed: SealItem(session, o.part, id, it),
	}
}

// file files message n and returns its UID.
func (d *desk) file(folder FolderID, n int) (uid UID) {
	d.Helper()
	f := d.filing(n)
	d.update(func(w store.Writer) (err error) {
		uid, _, err = File(w, folder, f)
		return err
	})
	return uid
}

func (d *desk) fileMany(folder FolderID, from, to int) {
	d.Helper()
	for n := from; n < to; n += 100 {
		d.fileAll(folder, d.filings(n, min(n+100, to)))
	}
}

func (d *desk) filings(from, to int) (fs []Filing) {
	d.Helper()
	for n := from; n < to; n++ {
		fs = append(fs, d.filing(n))
	}
	return fs
}

func (d *desk) fileAll(folder FolderID, fs []Filing) {
	d.Helper()
	d.update(func(w store.Writer) error {
		for _, f := range fs {
			if _, _, err := File(w, folder, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *desk) fold(folder FolderID) {
	d.Helper()
	if err := d.book.fold(d.View, d.Update, folder, 1); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) folder(name string) (f Folder) {
	d.Helper()
	d.view(func(r store.Reader) (err error) {
		f, err = d.book.Folder(r, name)
		return err
	})
	return f
}

func (d *desk) create(name string) (id FolderID) {
	d.Helper()
	d.update(func(w store.Writer) (err error) {
		id, err = d.book.Create(w, name)
		return err
	})
	return id
}

func (d *desk) uids(folder FolderID) (uids []UID) {
	d.Helper()
	d.view(func(r store.Reader) error {
		delta, err := d.book.Changes(r, folder, Cursor{})
		for _, m := range delta.Messages {
			uids = append(uids, m.UID)
		}
		return err
	})
	return uids
}

// subjects returns the subjects of all entries of a folder, by UID.
func (d *desk) subjects(folder FolderID) map[UID]string {
	d.Helper()
	out := map[UID]string{}
	uids := d.uids(folder)
	d.view(func(r store.Reader) error {
		for e, err := range d.book.Entries(r, folder, uids) {
			if err != nil {
				return err
			}
			out[e.UID] = e.Envelope.Subject
		}
		return nil
	})
	return out
}

// dump returns the partition's rows.
func (d *desk) dump() (out []store.Pair) {
	d.Helper()
	d.view(func(r store.Reader) error {
		for p, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			out = append(out, p)
		}
		return nil
	})
	return out
}

// bodyText is the body of message n.
func bodyText(n int) string {
	return fmt.Sprintf("Bonjour,\r\n\r\nveuillez trouver le résultat numéro %d de l'examen.\r\n\r\nDr Absinthe\r\n", n)
}

// mail is message n: a small mail as practice software writes it.
func mail(n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: =?utf-8?q?Dr_Ad=C3=A8le_Absinthe?= <adele.absinthe@cabinet.mssante.example>\r\n")
	fmt.Fprintf(&b, "To: 160209999900186@patient.mssante.example\r\n")
	fmt.Fprintf(&b, "Subject: %s\r\n", subject(n))
	fmt.Fprintf(&b, "Date: Mon, 2 Mar 2026 10:%02d:%02d +0100\r\n", n/60%60, n%60)
	fmt.Fprintf(&b, "Message-ID: <%06d.absinthe@cabinet.mssante.example>\r\n", n)
	fmt.Fprintf(&b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	b.WriteString(bodyText(n))
	return b.Bytes()
}

func subject(n int) string { return fmt.Sprintf("Compte rendu perlimpinpin %d", n) }

// item is what the door makes of a mail at filing.
func item(tb tester, raw []byte) *Item {
	tb.Helper()
	m, err := message.Parse(raw, message.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	layout, _, cuts := message.Split(m, func(*message.Part) bool { return true })
	it := &Item{Envelope: m.Envelope(), Structure: *m.Structure(), Layout: layout,
		Skeleton: fmt.Sprintf("iz%026d", len(raw))}
	for i := range cuts {
		it.Parts = append(it.Parts, PartRef{Ref: fmt.Sprintf("b-%026d", i), Key: make([]byte, keySize)})
	}
	return it
}
