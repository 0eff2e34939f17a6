package audit

import (
	"fmt"
	"path/filepath"
	"testing"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/sqlstore"
	"vaguemestre/vault/keyring"
)

// BenchmarkVerify walks chains on SQLite: a long one, and one such as a patient
// has, of which every third entry is under a trail key of its own.
func BenchmarkVerify(b *testing.B) {
	cert, err := benchCert(b)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name               string
		parts, keys, under int // trail keys in each, entries under each
	}{{"one trail of 50000", 1, 500, 100}, {"1000 trails of 30", 1000, 10, 3}} {
		b.Run(c.name, func(b *testing.B) {
			s, err := sqlstore.OpenSQLite(filepath.Join(b.TempDir(), "hub.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			index := keyring.NewIndexKey()
			keys := make([]*Key, 20)
			for i := range keys {
				if keys[i], err = NewKey(cert, cert); err != nil {
					b.Fatal(err)
				}
			}
			entries := make([]Entry, c.under)
			for i := range entries {
				entries[i] = filing
			}
			for i := range c.parts {
				scope := fact.Scope{Key: index, Part: store.Part(fmt.Sprintf("p%05d", i))}
				err := s.Update(b.Context(), scope.Part, func(w store.Writer) error {
					for n := range c.keys {
						k := *keys[n%len(keys)]
						k.id = fmt.Sprintf("key%07d", n*7919%9999991)
						if err := Append(w, scope, &k, entries...); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			total := 0
			for b.Loop() {
				for i := range c.parts {
					scope := fact.Scope{Key: index, Part: store.Part(fmt.Sprintf("p%05d", i))}
					err := s.View(b.Context(), scope.Part, func(r store.Reader) error {
						n, err := Verify(r, scope, nil)
						total += int(n)
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func benchCert(b *testing.B) (*keyring.Cert, error) {
	secrets, err := keyring.NewErasureSecrets(filepath.Join(b.TempDir(), "secrets"))
	if err != nil {
		return nil, err
	}
	es, err := secrets.Add("owner")
	if err != nil {
		return nil, err
	}
	cert, _, err := keyring.NewRing().NewOwner("owner", es[0])
	return cert, err
}
