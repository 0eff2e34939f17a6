package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/internal/store/storetest"
)

// postgresPlace makes an empty schema on the server of the environment and
// returns the connection string that leads there.
func postgresPlace(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("VAGUEMESTRE_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("SKIPPED, NOT PASSED: VAGUEMESTRE_TEST_POSTGRES is unset; run eval \"$(.ci/services start)\" first")
	}
	schema := "test_" + strings.ToLower(rand.Text())
	admin(t, dsn, "create schema "+schema)
	t.Cleanup(func() { admin(t, dsn, "drop schema "+schema+" cascade") })
	return dsn + " search_path=" + schema
}

func admin(t testing.TB, dsn, text string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), text); err != nil {
		t.Fatal(err)
	}
}

func openPostgres(t testing.TB, dsn string) *Store {
	t.Helper()
	s, err := OpenPostgres(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return openPostgres(t, postgresPlace(t)) })
	storetest.RunDurable(t, func(t *testing.T) func(*testing.T) store.Store {
		dsn := postgresPlace(t)
		return func(t *testing.T) store.Store { return openPostgres(t, dsn) }
	})
}

func TestTwoProcessesOnOneServerLoseNothing(t *testing.T) {
	dsn := postgresPlace(t)
	hubs := []*Store{openPostgres(t, dsn), openPostgres(t, dsn)}
	var wg sync.WaitGroup
	for _, s := range hubs {
		defer s.Close()
		for range 4 {
			wg.Go(func() {
				for i := range 40 {
					err := s.Update(t.Context(), store.Part(fmt.Sprint("p", i%3)), func(w store.Writer) error {
						v, err := w.Get("n")
						n, _ := strconv.Atoi(string(v))
						w.Put("n", []byte(strconv.Itoa(n+1)))
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	for i, want := range []string{"112", "104", "104"} {
		wantValue(t, hubs[i%2], store.Part(fmt.Sprint("p", i)), "n", want)
	}
}

func TestManyProcessesMayMakeTheTables(t *testing.T) {
	dsn := postgresPlace(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := OpenPostgres(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
}

func TestPostgresRefusesToStart(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, dsn string) string
		want fault.Kind
	}{
		{"on a format it does not know", func(t *testing.T, dsn string) string {
			openPostgres(t, dsn).Close()
			admin(t, dsn, "update kv set value = '2' where part = ''")
			return dsn
		}, fault.Corrupt},
		{"on a server that acknowledges before the disk has it", func(t *testing.T, dsn string) string {
			return dsn + " synchronous_commit=off"
		}, fault.Unavailable},
		{"on a server that is not there", func(t *testing.T, dsn string) string {
			return "host=" + t.TempDir() + " dbname=none"
		}, fault.Unavailable},
		{"on a connection string it does not understand", func(*testing.T, string) string { return "port=x" }, fault.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := OpenPostgres(t.Context(), test.make(t, postgresPlace(t)))
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, test.want) {
				t.Errorf("OpenPostgres() = %v, want %v", err, test.want)
			}
		})
	}
}

func BenchmarkFilingPostgres(b *testing.B) {
	benchmarkFiling(b, func(b *testing.B) *Store { return openPostgres(b, postgresPlace(b)) })
}
