package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vaguemestre/internal/config"
)

// copyMidWrite copies the folder of a hub that is at work, every file as it is
// at one instant: the process is stopped, wherever it is, while it is copied.
// It returns what the clients knew at that instant.
func (c *crowd) copyMidWrite(t *testing.T, v *victim, to string) (*ledger, []*clerk) {
	t.Helper()
	v.signal(t, syscall.SIGSTOP)
	defer v.signal(t, syscall.SIGCONT)
	time.Sleep(200 * time.Millisecond) // what the hub has said is heard
	var clerks []*clerk
	for _, k := range c.clerks {
		clerks = append(clerks, k.clone())
	}
	known := c.ledger.clone()
	copyFolder(t, v.data, to)
	return known, clerks
}

func (v *victim) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := v.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// copyFolder copies the regular files of a folder, modes included.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), info.Mode().Perm())
		}
		if !e.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// torn are what a crash can leave behind, beside what was acknowledged.
var torn = []struct {
	name  string
	leave func(t *testing.T, data string)
}{
	{"as it was in the middle of its work", func(*testing.T, string) {}},
	{"with garbage after the log of the store", func(t *testing.T, data string) {
		appendTo(t, filepath.Join(data, storeFile+"-wal"), noise(9000))
	}},
	{"with half a frame after the log of the store", func(t *testing.T, data string) {
		path := filepath.Join(data, storeFile+"-wal")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		appendTo(t, path, b[min(32, len(b)):min(3000, len(b))]) // a frame that was valid once, and stops
	}},
	{"without the shared memory of the store", func(t *testing.T, data string) {
		if err := os.Remove(filepath.Join(data, storeFile+"-shm")); err != nil {
			t.Fatal(err)
		}
	}},
	{"with a checkpoint that stops in the middle", func(t *testing.T, data string) {
		path := filepath.Join(data, filepath.Base(config.Default().Checkpoints))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		last := b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]
		appendTo(t, path, last[:len(last)/2])
	}},
	{"with blobs half written, now and two days ago", func(t *testing.T, data string) {
		for _, age := range []time.Duration{0, abandonedAge} {
			path := strayBlob(data, age)
			if err := os.WriteFile(path, noise(5000), 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(-age)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}},
}

const abandonedAge = 48 * time.Hour

// strayBlob is where a Put leaves its file when it is killed.
func strayBlob(data string, age time.Duration) string {
	name := "aaaaaaaaaaaaaaaaaaaaaaaaaa" // 26 characters, as an ID has
	if age > 0 {
		name = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
	}
	return filepath.Join(data, blobFolder, "tmp", "stray."+name)
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func appendTo(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestAHubStartsFromWhatACrashLeavesTorn(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: no hub is started from a torn copy")
	}
	t.Parallel()
	folder := t.TempDir()
	v := newKilledHub(t, folder)
	v.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := newCrowd(ctx, v)
	defer c.done.Wait()
	defer cancel()
	openExchanges(t, v, c.ledger)
	c.gate.let(v.at)
	time.Sleep(2 * time.Second)
	image := filepath.Join(folder, "image")
	before, clerks := c.copyMidWrite(t, v, image)
	c.finish()
	v.kill()
	if before.count().acknowledged < 10 {
		t.Fatalf("only %d mails were acknowledged: this proves little", before.count().acknowledged)
	}

	for i, state := range torn {
		t.Run(state.name, func(t *testing.T) {
			data := filepath.Join(folder, string(rune('a'+i)))
			copyFolder(t, image, data)
			state.leave(t, data)
			again := v.copyOf(data)
			again.start(t)
			defer again.kill()
			seen := newCensus(before, clerks...)
			seen.take(t, again, true)
			again.verify(t, "audit", "verify")
			again.verify(t, "verify")
			openExchanges(t, again, newLedger()) // it takes mail
			if _, err := os.Stat(strayBlob(data, abandonedAge)); err == nil {
				t.Error("a file that was abandoned two days ago is still there")
			}
			again.stop(t)
			for _, line := range again.alarms(t) {
				t.Errorf("the log asks for a person: %s", line)
			}
		})
	}
}
