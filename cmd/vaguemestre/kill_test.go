package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/blob/blobdir"
)

// The crash harness. A hub runs as a process of its own on a real disk while
// clients send and tidy as fast as they can; it is killed with SIGKILL, again
// and again, and what the clients know for certain is held against what it has.
//
//	kill_hub_test.go     the process that is killed
//	kill_ledger_test.go  the mails, and what became of them
//	kill_sender_test.go  clients that submit mail, and submit it again
//	kill_clerk_test.go   clients that append, move, flag and expunge
//	kill_census_test.go  what is there, against what must and may be
//	kill_copy_test.go    starting from copies, and from what a crash leaves torn
//
// SIGKILL proves what the program leaves to the kernel, not what the kernel has
// left to the disk: that every flush is there, the engines' own tests show.

// kills returns how often to kill: 30 times, or as VAGUEMESTRE_KILLS says.
func kills(t *testing.T) int {
	text := os.Getenv("VAGUEMESTRE_KILLS")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("VAGUEMESTRE_KILLS=%q is no number of kills", text)
	}
	return n
}

// A crowd is the clients of a hub under load.
type crowd struct {
	gate    *gate
	ledger  *ledger
	clerks  []*clerk
	stopped chan struct{}
	done    sync.WaitGroup
}

// newCrowd makes the clients and lets them loose: they wait at the gate.
func newCrowd(ctx context.Context, v *victim) *crowd {
	c := &crowd{gate: newGate(), ledger: newLedger(), stopped: make(chan struct{})}
	sends := func(who person, gives bool, shapes ...string) {
		s := &sender{who: v.people[who.address], shapes: shapes, gate: c.gate, ledger: c.ledger, stopped: c.stopped, gives: gives}
		c.done.Go(func() { s.run(ctx) })
	}
	for i, p := range killPhysicians {
		sends(p, i%2 == 0, physicianShapes...)
	}
	sends(lab, false, labShapes...)
	sends(louise, false, patientShapes...)
	sends(louise, true, patientShapes...)
	sends(karim, false, patientShapes...)
	for _, who := range []person{louise, thomas} {
		k := newClerk(v.people[who.address], c.gate, c.ledger, c.stopped)
		c.clerks = append(c.clerks, k)
		c.done.Go(func() { k.run(ctx) })
	}
	return c
}

// finish lets every client finish what it has begun. The gate must be open.
func (c *crowd) finish() {
	close(c.stopped)
	c.done.Wait()
}

// acts counts what was acknowledged to the clerks.
func (c *crowd) acts() (n int) {
	for _, k := range c.clerks {
		k.mu.Lock()
		n += k.acts
		k.mu.Unlock()
	}
	return n
}

func newKilledHub(t *testing.T, folder string) *victim {
	t.Helper()
	people := slices.Concat(killPatients, killPhysicians, []person{lab})
	return newVictim(t, filepath.Join(folder, "hub"), people)
}

// evidence returns a folder that stays where the test fails: what was lost has
// left its trail in there.
func evidence(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "vaguemestre-killed-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the hub is kept in %s", folder)
			return
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// openExchanges lets every physician write to every patient, who may answer
// from then on.
func openExchanges(t *testing.T, v *victim, l *ledger) {
	t.Helper()
	for _, from := range killPhysicians {
		p, err := l.write(v.people[from.address], "a short text")
		if err != nil {
			t.Fatal(err)
		}
		p.to = killPatients
		var to []string
		for _, a := range p.to {
			to = append(to, a.address)
		}
		l.try(p)
		if err := v.at.send(t.Context(), from.address, v.people[from.address].password, to, p.mail); err != nil {
			t.Fatal(err)
		}
		l.acknowledge(p)
	}
}

func TestKilledAtAnyMomentAHubLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED under -short: the hub is not killed")
	}
	t.Parallel()
	n := kills(t)
	v := newKilledHub(t, evidence(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := newCrowd(ctx, v)
	defer c.done.Wait()
	defer cancel()
	seen := newCensus(c.ledger, c.clerks...)

	recoveries := []time.Duration{v.start(t)}
	openExchanges(t, v, c.ledger)
	for kill := range n {
		if kill%10 == 9 {
			v.verify(t, "audit", "verify")
			seen.take(t, v, false)
		}
		c.gate.let(v.at)
		time.Sleep(50*time.Millisecond + rand.N(450*time.Millisecond))
		c.gate.shut()
		v.kill()
		if kill%6 == 5 { // and once more while it starts
			v.launch(t)
			time.Sleep(rand.N(slices.Max(recoveries)))
			v.kill()
		}
		recoveries = append(recoveries, v.start(t))
		if t.Failed() {
			t.Fatalf("after kill %d\n%s", kill+1, v.lastWords())
		}
	}
	c.gate.let(v.at)
	c.finish()
	orphans := sweepOrphans(t, v)
	seen.take(t, v, true)
	r := v.verify(t, "verify")
	v.verify(t, "audit", "verify")
	v.stop(t)

	count := c.ledger.count()
	c.blame(t, v)
	if r.Messages < seen.messages || r.Entries < count.filings {
		t.Errorf("%d messages and %d entries of the trail were verified, of %d and %d at least", r.Messages, r.Entries, seen.messages, count.filings)
	}
	if count.acknowledged < n {
		t.Errorf("only %d mails were acknowledged in %d kills: this proves little", count.acknowledged, n)
	}
	slices.Sort(recoveries)
	t.Logf("kills %d, acknowledged %d mails to %d mailboxes and %d acts by IMAP, retried %d, given up %d", n, count.acknowledged, count.filings, c.acts(), count.retried, count.doubtful)
	t.Logf("lost %d, duplicates %d, damaged %d; read back %d messages and %d documents; %d orphans swept", seen.lost, seen.twice, seen.damaged, seen.messages, seen.documents, orphans)
	t.Logf("recovery, from start to ready: half within %v, all within %v", recoveries[len(recoveries)/2].Round(time.Millisecond), recoveries[len(recoveries)-1].Round(time.Millisecond))
}

// blame fails the test for what clients and the log complain of.
func (c *crowd) blame(t *testing.T, v *victim) {
	t.Helper()
	for _, w := range c.ledger.wrong {
		t.Error(w)
	}
	for _, line := range v.alarms(t) {
		t.Errorf("the log asks for a person: %s", line)
	}
	if n := c.ledger.count().later; n > 0 {
		t.Errorf("%d times a client was asked to try again later, of a hub that had room", n)
	}
}

// sweepOrphans lets the hub believe that its blobs are old, and sweeps those
// that the kills left without a reference. It returns how many there were.
func sweepOrphans(t *testing.T, v *victim) int {
	t.Helper()
	folder := filepath.Join(v.data, blobFolder)
	old := time.Now().Add(-48 * time.Hour)
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			err = os.Chtimes(path, old, old)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before := countBlobs(t, folder)
	if _, err := v.verb(t.Context(), "sweep"); err != nil {
		t.Error(err)
	}
	return before - countBlobs(t, folder)
}

func countBlobs(t *testing.T, folder string) (n int) {
	t.Helper()
	b, err := blobdir.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, err := range b.All(t.Context()) {
		if err != nil {
			t.Fatal(fmt.Errorf("blobs: %w", err))
		}
		n++
	}
	return n
}
