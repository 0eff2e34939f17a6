package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// TestNobodyOpensTooMuchAtOnce: not one person, nor all together; who waits comes
// in when another has gone, and nothing is kept.
func TestNobodyOpensTooMuchAtOnce(t *testing.T) {
	s := &Server{open: newOpened()}
	come := func(who string, within time.Duration) (*call, error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), within)
		t.Cleanup(cancel)
		c := &call{s: s, r: httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx), who: &visitor{}}
		c.who.Part = store.Part(who)
		return c, c.takeTurn(1)
	}
	leave := func(c *call) {
		for _, f := range c.atEnd {
			f()
		}
	}
	var open []*call
	for range ownTurns {
		c, err := come("jeanne", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		c.holds(1000)
		c.holds(2000) // no more than was kept
		open = append(open, c)
	}
	late, err := come("jeanne", 10*time.Millisecond)
	if fault.Of(err) != fault.Unavailable {
		t.Errorf("one turn too many: %v", err)
	}
	leave(late)
	other, err := come("alban", time.Minute)
	if err != nil {
		t.Errorf("somebody else: %v", err)
	}
	leave(other)
	time.AfterFunc(20*time.Millisecond, func() { leave(open[0]) })
	next, err := come("jeanne", time.Minute)
	if err != nil {
		t.Errorf("after a turn has ended: %v", err)
	}
	for _, c := range append(open[1:], next) {
		leave(c)
	}
	if !s.open.bytes.TryAcquire(maxOpen) || len(s.open.people) != 0 {
		t.Fatalf("%d people are kept, or memory is", len(s.open.people))
	}
	if full, err := come("jeanne", 10*time.Millisecond); fault.Of(err) != fault.Unavailable {
		t.Errorf("where all is taken: %v", err)
	} else {
		leave(full)
	}
	s.open.bytes.Release(maxOpen)
	if c, err := come("jeanne", time.Minute); err != nil {
		t.Errorf("where there is room again: %v", err)
	} else {
		leave(c)
	}
}

// TestEverythingIsTakenAwayOnceAtATime by one person, who may go on with the rest.
func TestEverythingIsTakenAwayOnceAtATime(t *testing.T) {
	s := &Server{open: newOpened()}
	take := func(n int64) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		c := &call{s: s, r: httptest.NewRequest(http.MethodPost, "/", nil).WithContext(ctx), who: &visitor{}}
		c.who.Part = "jeanne"
		return c.takeTurn(n)
	}
	if err := take(allTurns); err != nil {
		t.Error(err)
	}
	if err := take(allTurns); fault.Of(err) != fault.Unavailable {
		t.Errorf("a second time: %v", err)
	}
	if err := take(formTurns); err != nil {
		t.Errorf("a form meanwhile: %v", err)
	}
}

// TestWhatIsHeavyHasATurn: more downloads than turns, and all come to their end.
func TestWhatIsHeavyHasATurn(t *testing.T) {
	h := newHouse(t)
	s := h.pages
	at, most := 0, 0
	var mu sync.Mutex
	s.mux.HandleFunc("/essai", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, route{path: "/essai", signed: true, heavy: true, get: func(c *call) error {
			mu.Lock()
			at++
			most = max(most, at)
			mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			mu.Lock()
			at--
			mu.Unlock()
			c.holds(1)
			_, err := io.WriteString(w, "lu")
			return err
		}})
	})
	b := h.browser().activates()
	var all sync.WaitGroup
	for range 3 * ownTurns {
		all.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.base+"/essai", nil)
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := b.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%d", resp.StatusCode)
			}
		})
	}
	all.Wait()
	if most > ownTurns || !s.open.bytes.TryAcquire(maxOpen) {
		t.Errorf("%d at once", most)
	}
}
