package sqlstore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/store"
)

// crashVar holds the path of the store that a child of the crash test writes
// to until it is killed.
const crashVar = "VAGUEMESTRE_TEST_CRASH_STORE"

// crashChild counts up in a few partitions and says each count once it is
// acknowledged. Every update writes its count twice, so that half of one shows.
func crashChild(path string) {
	s, err := OpenSQLite(path)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for g := range 4 {
		part := store.Part(fmt.Sprint("p", g%2))
		go func() {
			for {
				var n int
				err := s.Update(context.Background(), part, func(w store.Writer) error {
					v, err := w.Get("n")
					n, _ = strconv.Atoi(string(v))
					n++
					w.Put("n", []byte(strconv.Itoa(n)))
					w.Put("large", []byte(strings.Repeat(strconv.Itoa(n)+" ", 3000)))
					return err
				})
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				}
				fmt.Println(part, n)
				mu.Unlock()
			}
		}()
	}
	select {}
}

func TestAKillLosesNothingThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for kill := range 8 {
		acked := crashOnce(t, self, path, time.Duration(37*kill)*time.Millisecond)
		s := openSQLite(t, path)
		for part, n := range acked {
			err := s.View(t.Context(), part, func(r store.Reader) error {
				v, err := r.Get("n")
				if err != nil {
					return err
				}
				large, err := r.Get("large")
				if err != nil {
					return err
				}
				if got, _ := strconv.Atoi(string(v)); got < n {
					return fmt.Errorf("%s is %d after %d was acknowledged", part, got, n)
				}
				if want := strings.Repeat(string(v)+" ", 3000); string(large) != want {
					return fmt.Errorf("%s is half written", part)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		s.Close()
	}
}

// crashOnce runs a child, kills it some time after its first word, and returns
// the highest count it acknowledged in each partition.
func crashOnce(t *testing.T, self, path string, after time.Duration) map[store.Part]int {
	t.Helper()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashVar+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked := map[store.Part]int{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		part, n, ok := strings.Cut(lines.Text(), " ")
		switch {
		case part == "error":
			t.Errorf("the child says: %s", n)
			cmd.Process.Kill()
		case ok:
			if len(acked) == 0 {
				time.AfterFunc(after, func() { cmd.Process.Kill() })
			}
			i, _ := strconv.Atoi(n) // a line cut by the kill counts as 0
			acked[store.Part(part)] = max(acked[store.Part(part)], i)
		}
	}
	cmd.Wait()
	if len(acked) == 0 {
		t.Error("the child acknowledged nothing")
	}
	return acked
}
