package storetest

import (
	"bytes"
	"fmt"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

var reading = []sentence{
	{"a partition that was never written is empty", func(b *bench) {
		b.view("never", func(r store.Reader) error {
			if err := wantNone(r, "k"); err != nil {
				return err
			}
			return wantScan(r, "", "")
		})
	}},
	{"view returns the error of fn", func(b *bench) {
		if err := b.s.View(b.ctx, "p", func(store.Reader) error { return errTest }); err != errTest {
			b.Errorf("View() = %v, want the error of fn itself", err)
		}
	}},
	{"a view sees one snapshot though others write", func(b *bench) {
		b.put("p", "a", "1")
		b.put("p", "b", "1")
		b.view("p", func(r store.Reader) error {
			if err := wantValue(r, "a", "1"); err != nil {
				return err
			}
			b.put("p", "b", "2")
			b.put("p", "c", "2")
			b.delete("p", "a")
			if err := wantValue(r, "b", "1"); err != nil {
				return err
			}
			return wantScan(r, "", "", "a=1", "b=1")
		})
		b.view("p", func(r store.Reader) error { return wantScan(r, "", "", "b=2", "c=2") })
	}},
	{"a view that begins after an update sees it", func(b *bench) {
		for i := range 50 {
			v := fmt.Sprint(i)
			b.put("p", "k", v)
			b.want("p", "k", v)
		}
	}},
	{"a value may be kept after the transaction", func(b *bench) {
		b.put("p", "k", "old")
		var kept []byte
		b.view("p", func(r store.Reader) (err error) {
			kept, err = r.Get("k")
			return err
		})
		b.put("p", "k", "new")
		b.want("p", "k", "new")
		if string(kept) != "old" {
			b.Errorf("the kept value became %q, want %q", kept, "old")
		}
	}},
}

var writing = []sentence{
	{"an update reads its own writes", func(b *bench) {
		b.put("p", "a", "1")
		b.put("p", "b", "1")
		b.update("p", func(w store.Writer) error {
			w.Put("a", []byte("2"))
			w.Delete("b")
			w.Put("c", []byte("2"))
			w.Put("c", []byte("3"))
			if err := wantValue(w, "a", "2"); err != nil {
				return err
			}
			if err := wantNone(w, "b"); err != nil {
				return err
			}
			return wantValue(w, "c", "3")
		})
		b.view("p", func(r store.Reader) error { return wantScan(r, "", "", "a=2", "c=3") })
	}},
	{"an update that fails writes nothing and returns the error of fn", func(b *bench) {
		b.put("p", "a", "1")
		err := b.s.Update(b.ctx, "p", func(w store.Writer) error {
			w.Put("a", []byte("2"))
			w.Put("b", []byte("2"))
			return errTest
		})
		if err != errTest {
			b.Errorf("Update() = %v, want the error of fn itself", err)
		}
		b.view("p", func(r store.Reader) error { return wantScan(r, "", "", "a=1") })
	}},
	{"an update that writes nothing succeeds", func(b *bench) {
		b.update("p", func(w store.Writer) error { return wantNone(w, "k") })
		if got := b.parts(); len(got) != 0 {
			b.Errorf("Parts() = %v, want none", got)
		}
	}},
	{"a deleted key may be written again", func(b *bench) {
		b.put("p", "k", "1")
		b.delete("p", "k")
		b.wantNone("p", "k")
		b.put("p", "k", "2")
		b.want("p", "k", "2")
	}},
	{"deleting what is absent is no error", func(b *bench) {
		b.delete("p", "k")
		b.put("p", "a", "1")
		b.delete("p", "k")
		b.want("p", "a", "1")
	}},
	{"any byte may be in a value", func(b *bench) {
		var all [256]byte
		for i := range all {
			all[i] = byte(i)
		}
		b.put("p", "all", string(all[:]))
		b.put("p", "zeros", "\x00\x00\x00")
		b.put("p", "broken", "\xff\xfe'\";--\x80")
		b.want("p", "all", string(all[:]))
		b.want("p", "zeros", "\x00\x00\x00")
		b.want("p", "broken", "\xff\xfe'\";--\x80")
	}},
	{"an empty value is a value", func(b *bench) {
		b.put("p", "k", "")
		b.want("p", "k", "")
		b.view("p", func(r store.Reader) error { return wantScan(r, "", "", "k=") })
		b.update("p", func(w store.Writer) error { return wantValue(w, "k", "") })
	}},
	{"a value of the largest size is kept", func(b *bench) {
		large := bytes.Repeat([]byte("0123456789abcdef"), store.MaxValue/16)
		b.put("p", "k", string(large))
		b.want("p", "k", string(large))
	}},
	{"a value above the largest size fails the update and writes nothing", func(b *bench) {
		b.mustFail("p", func(w store.Writer) error {
			w.Put("a", []byte("1"))
			w.Put("k", make([]byte, store.MaxValue+1))
			return nil
		}, fault.TooLarge)
		b.wantNone("p", "a")
	}},
	{"a nil value fails the update and writes nothing", func(b *bench) {
		b.mustFail("p", func(w store.Writer) error {
			w.Put("a", []byte("1"))
			w.Put("k", nil)
			return nil
		}, fault.Invalid)
		b.wantNone("p", "a")
	}},
	{"hundreds of writes are one update", func(b *bench) {
		b.update("p", func(w store.Writer) error {
			for i := range 700 {
				w.Put(fmt.Sprintf("k/%04d", i), bytes.Repeat([]byte{byte(i)}, i))
			}
			return nil
		})
		b.view("p", func(r store.Reader) error {
			n := 0
			for p, err := range r.Scan(store.Prefix("k/")) {
				if err != nil {
					return err
				}
				if p.Key != fmt.Sprintf("k/%04d", n) || len(p.Value) != n {
					return fmt.Errorf("row %d is %s with %d bytes", n, p.Key, len(p.Value))
				}
				n++
			}
			if n != 700 {
				return fmt.Errorf("scan yields %d rows, want 700", n)
			}
			return nil
		})
	}},
	{"partitions do not see each other", func(b *bench) {
		b.put("p", "k", "1")
		b.put("q", "k", "2")
		b.put("p.q", "k", "3")
		b.delete("q", "k")
		b.want("p", "k", "1")
		b.wantNone("q", "k")
		b.view("p", func(r store.Reader) error { return wantScan(r, "", "", "k=1") })
	}},
}

// rows fills a partition for the scans.
func (b *bench) rows(keys ...string) {
	b.Helper()
	b.update("p", func(w store.Writer) error {
		for _, k := range keys {
			w.Put(k, []byte("0"))
		}
		return nil
	})
	b.put("o", "m", "other")
	b.put("q", "m", "other")
}

var scanning = []sentence{
	{"a scan yields keys in the order of their bytes", func(b *bench) {
		b.rows("b", "a", "a/2", "a/10", "a-1", "Z", "~", "a.")
		b.view("p", func(r store.Reader) error {
			return wantScan(r, "", "", "Z=0", "a=0", "a-1=0", "a.=0", "a/10=0", "a/2=0", "b=0", "~=0")
		})
	}},
	{"the lower bound is in and the upper bound is out", func(b *bench) {
		b.rows("a", "b", "c", "d")
		b.view("p", func(r store.Reader) error {
			for _, err := range []error{
				wantScan(r, "b", "d", "b=0", "c=0"),
				wantScan(r, "b", "", "b=0", "c=0", "d=0"),
				wantScan(r, "", "b", "a=0"),
				wantScan(r, "aa", "cc", "b=0", "c=0"),
				wantScan(r, "b", "b"),
				wantScan(r, "d", "a"),
				wantScan(r, "e", ""),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		})
	}},
	{"a prefix selects its keys and no others", func(b *bench) {
		b.rows("mb", "mb/", "mb/f/1", "mb/f/2", "mb0", "mc/")
		b.view("p", func(r store.Reader) error {
			from, to := store.Prefix("mb/")
			return wantScan(r, from, to, "mb/=0", "mb/f/1=0", "mb/f/2=0")
		})
	}},
	{"a scan merges the writes of its own update", func(b *bench) {
		b.rows("a", "c", "e", "g")
		b.update("p", func(w store.Writer) error {
			w.Put("0", []byte("1"))
			w.Put("c", []byte("1"))
			w.Put("d", []byte("1"))
			w.Put("z", []byte("1"))
			w.Delete("e")
			w.Delete("f")
			for _, err := range []error{
				wantScan(w, "", "", "0=1", "a=0", "c=1", "d=1", "g=0", "z=1"),
				wantScan(w, "b", "g", "c=1", "d=1"),
				wantScan(w, "c", "d", "c=1"),
				wantScan(w, "h", "", "z=1"),
			} {
				if err != nil {
					return err
				}
			}
			w.Put("e", []byte("2"))
			w.Delete("a")
			return wantScan(w, "", "", "0=1", "c=1", "d=1", "e=2", "g=0", "z=1")
		})
		b.view("p", func(r store.Reader) error {
			return wantScan(r, "", "", "0=1", "c=1", "d=1", "e=2", "g=0", "z=1")
		})
	}},
	{"a scan may be left early and begun again", func(b *bench) {
		b.rows("a", "b", "c")
		b.update("p", func(w store.Writer) error {
			for range 3 {
				for p, err := range w.Scan("", "") {
					if err != nil {
						return err
					}
					if p.Key != "a" {
						return fmt.Errorf("the first row is %s", p.Key)
					}
					break
				}
			}
			return wantScan(w, "b", "", "b=0", "c=0")
		})
	}},
	{"gets and scans may run inside a scan", func(b *bench) {
		b.rows("a/1", "a/2", "b/1", "b/2")
		b.view("p", func(r store.Reader) error {
			n := 0
			for p, err := range r.Scan(store.Prefix("a/")) {
				if err != nil {
					return err
				}
				if err := wantValue(r, "b"+p.Key[1:], "0"); err != nil {
					return err
				}
				if err := wantScan(r, "b/", "b0", "b/1=0", "b/2=0"); err != nil {
					return err
				}
				n++
			}
			if n != 2 {
				return fmt.Errorf("the outer scan yields %d rows, want 2", n)
			}
			return nil
		})
	}},
	{"a long scan of large values is whole", func(b *bench) {
		const rows, size = 200, 20_000
		b.update("p", func(w store.Writer) error {
			for i := range rows {
				w.Put(fmt.Sprintf("k/%04d", i), bytes.Repeat([]byte{byte(i)}, size))
			}
			return nil
		})
		b.view("p", func(r store.Reader) error {
			i := 0
			for p, err := range r.Scan("", "") {
				if err != nil {
					return err
				}
				if p.Key != fmt.Sprintf("k/%04d", i) || !bytes.Equal(p.Value, bytes.Repeat([]byte{byte(i)}, size)) {
					return fmt.Errorf("row %d is wrong", i)
				}
				i++
			}
			if i != rows {
				return fmt.Errorf("scan yields %d rows, want %d", i, rows)
			}
			return nil
		})
	}},
}
