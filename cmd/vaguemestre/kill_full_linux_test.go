package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a file system of a few megabytes, in memory.
func smallDisk(t *testing.T, folder string, mb int) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, size(mb)); err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			t.Skip("SKIPPED: only root may mount a small disk, so nobody sees what the hub does when its disk is full")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func enlarge(t *testing.T, folder string, mb int) {
	t.Helper()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT, size(mb)); err != nil {
		t.Fatal(err)
	}
}

func size(mb int) string { return fmt.Sprintf("size=%dm", mb) }

// room is what is left on the disk of a folder, in bytes.
func room(t *testing.T, folder string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// While its disk is full a hub takes nothing that it cannot keep, and says so in
// a way that makes senders try again; what it has taken it has. A kill at that
// time changes nothing. When there is room again it goes on by itself.
func TestAFullDiskLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: no disk is filled")
	}
	t.Parallel()
	disk := filepath.Join(t.TempDir(), "disk")
	smallDisk(t, disk, 24)
	v := newKilledHub(t, disk)
	v.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := newCrowd(ctx, v)
	defer c.done.Wait()
	defer cancel()
	openExchanges(t, v, c.ledger)
	c.gate.let(v.at)
	full := c.untilNothingMoves(t)
	if left := room(t, disk); left > 2<<20 || full.later == 0 {
		t.Fatalf("the disk is not full: %d bytes are left, %d times later was said", left, full.later)
	}

	for range 3 {
		c.gate.shut()
		v.kill()
		took := v.start(t)
		t.Logf("ready on the full disk in %v, with %d bytes left", took.Round(time.Millisecond), room(t, disk))
		c.gate.let(v.at)
		time.Sleep(300 * time.Millisecond)
	}
	enlarge(t, disk, 512)
	time.Sleep(2 * time.Second)
	c.finish()
	after := c.ledger.count()
	if after.acknowledged <= full.acknowledged {
		t.Errorf("no mail was taken when there was room again: %+v, then %+v", full, after)
	}
	seen := newCensus(c.ledger, c.clerks...)
	seen.take(t, v, true)
	v.verify(t, "verify")
	v.verify(t, "audit", "verify")
	v.stop(t)
	for _, w := range c.ledger.wrong {
		t.Error(w)
	}
	if after.retried+after.doubtful == 0 {
		t.Error("no mail was refused for want of room: this proves little")
	}
	t.Logf("acknowledged %d on the full disk, %d in the end, later said %d times, retried %d, given up %d; lost %d, duplicates %d, damaged %d", full.acknowledged, after.acknowledged, after.later, after.retried, after.doubtful, seen.lost, seen.twice, seen.damaged)
}

// untilNothingMoves waits until no mail has been acknowledged for a while.
func (c *crowd) untilNothingMoves(t *testing.T) tally {
	t.Helper()
	n := c.ledger.count()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		time.Sleep(2 * time.Second)
		next := c.ledger.count()
		if next.acknowledged == n.acknowledged {
			return next
		}
		n = next
	}
	t.Fatal("the disk is not full after two minutes")
	return n
}
