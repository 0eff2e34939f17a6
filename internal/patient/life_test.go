package patient

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/policy"
)

// TestTheLifeOfASpace walks every event in every state that a life can reach:
// the arrows of the table lead where they say, and nothing else moves.
func TestTheLifeOfASpace(t *testing.T) {
	lives := map[policy.SpaceState][]Event{
		policy.Enrolled: {}, policy.Opposed: {Oppose}, policy.Active: {Activate},
		policy.Closed: {Activate, Close}, policy.Archived: {Activate, Close, Archive}, policy.Erased: {End},
	}
	arrows := map[string]policy.SpaceState{
		"notice enrolled":   policy.Enrolled,
		"activate enrolled": policy.Active, "activate opposed": policy.Active,
		"oppose enrolled": policy.Opposed,
		"close active":    policy.Closed,
		"reopen closed":   policy.Active, "reopen archived": policy.Active,
		"archive closed":      policy.Archived,
		"ask-erasure opposed": policy.Opposed, "ask-erasure closed": policy.Closed, "ask-erasure archived": policy.Archived,
		"keep opposed": policy.Opposed, "keep closed": policy.Closed, "keep archived": policy.Archived,
		"erase enrolled": policy.Erased, "erase opposed": policy.Erased, "erase active": policy.Erased,
		"erase closed": policy.Erased, "erase archived": policy.Erased,
	}
	for state, life := range lives {
		for _, e := range Events() {
			r := newSpace(t)
			for _, before := range life {
				if _, err := r.apply(before, noon); err != nil {
					t.Fatal(err)
				}
			}
			later := noon.Add(time.Hour)
			name := fmt.Sprintf("%s %s", e, StateName(state))
			to, allowed := arrows[name]
			got, err := r.apply(e, later)
			kept, _ := r.space()
			since := noon
			if to != state {
				since = later
			}
			switch {
			case allowed && (err != nil || got.State != to || !got.Since.Equal(since) || got != kept):
				t.Errorf("%s: %+v, %v, want %s", name, got, err, StateName(to))
			case !allowed && (!errors.Is(err, fault.Invalid) || kept.State != state || !kept.Since.Equal(noon)):
				t.Errorf("%s: %v, and it is %s now; want Invalid and no change", name, err, StateName(kept.State))
			}
			if kept.Matricule != mine.Canonical() || kept.Traits != traits || !kept.Minor {
				t.Errorf("%s changes whose it is: %+v", name, kept)
			}
		}
	}
}

func TestAnEventNeedsASpace(t *testing.T) {
	r := newRecord(t)
	for _, e := range append(Events(), "no such event") {
		if _, err := r.apply(e, noon); !errors.Is(err, fault.NotFound) {
			t.Errorf("%s gives %v, want NotFound", e, err)
		}
	}
	if _, err := newSpace(t).apply("no such event", noon); !errors.Is(err, fault.Invalid) {
		t.Errorf("an unknown event gives %v, want Invalid", err)
	}
}

func TestEveryStateHasAName(t *testing.T) {
	seen := map[string]bool{}
	for s := policy.None; s <= policy.Erased; s++ {
		name := StateName(s)
		if name == "unknown" || seen[name] {
			t.Errorf("state %d is called %q", s, name)
		}
		seen[name] = true
	}
	if StateName(200) != "unknown" {
		t.Error("a state that is none has a name")
	}
}

func TestWhatTimeAloneMakesHappen(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		name string
		life []Event
		days int // since the last event
		want Event
	}{
		{"a space nobody was told of never opens by itself", nil, 400, ""},
		{"six weeks less a day after the notice it is not open", []Event{Notice}, 41, ""},
		{"six weeks after the notice it opens", []Event{Notice}, 42, Activate},
		{"an opposed space stays shut", []Event{Notice, Oppose}, 4000, ""},
		{"an opposed space is erased on request", []Event{Oppose, AskErasure}, 30, End},
		{"an open space lives on", []Event{Activate}, 40_000, ""},
		{"a closed space is put away after a month", []Event{Activate, Close}, 30, Archive},
		{"erasure leaves time to change one's mind", []Event{Activate, Close, AskErasure}, 29, ""},
		{"erasure comes well before three months", []Event{Activate, Close, AskErasure}, 30, End},
		{"an archive is kept", []Event{Activate, Close, Archive}, 3600, ""},
		{"ten years after closing it ends", []Event{Activate, Close, Archive}, 3623, End},
		{"an archive is erased on request", []Event{Activate, Close, Archive, AskErasure}, 30, End},
		{"reopening takes the request back", []Event{Activate, Close, AskErasure, Reopen, Close}, 29, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newSpace(t)
			sp, _ := r.space()
			for _, e := range tt.life {
				var err error
				if sp, err = r.apply(e, noon); err != nil {
					t.Fatal(err)
				}
			}
			e, due := sp.Due(noon.Add(time.Duration(tt.days)*day), DefaultDelays)
			if due != (tt.want != "") || due && e != tt.want {
				t.Errorf("due is %q, %t, want %q", e, due, tt.want)
			}
		})
	}
}

func TestASecondNoticeDoesNotBeginTheTimeAgain(t *testing.T) {
	r := newSpace(t)
	for days := range 3 {
		sp, err := r.apply(Notice, noon.AddDate(0, 0, days))
		if err != nil || !sp.Noticed.Equal(noon) {
			t.Errorf("noticed %v, %v", sp.Noticed, err)
		}
	}
}

func TestOppositionAndClosingHaveAProof(t *testing.T) {
	r := newSpace(t)
	opposed, err := r.apply(Oppose, noon)
	if err != nil || len(opposed.Proof) != 12 {
		t.Errorf("proof of opposition %q, %v", opposed.Proof, err)
	}
	if _, err := r.apply(Activate, noon); err != nil {
		t.Fatal(err)
	}
	if closed, err := r.apply(Close, noon); err != nil || closed.Proof == opposed.Proof || closed.Proof == "" {
		t.Errorf("proof of closing %q, %v", closed.Proof, err)
	}
}

func TestMajority(t *testing.T) {
	tests := []struct {
		birth string
		flag  bool
		at    string
		minor bool
	}{
		{"20081122", false, "2026-11-21", true},
		{"20081121", false, "2026-11-21", false},
		{"20081121", true, "2026-11-21", false}, // the date knows better than the flag
		{"20081100", false, "2026-11-29", true}, // unknown day: the last of the month
		{"20081100", false, "2026-11-30", false},
		{"20080000", false, "2026-12-30", true},
		{"20080229", false, "2026-02-28", true},
		{"", true, "2026-11-21", true},
		{"", false, "2026-11-21", false},
		{"00000000", true, "2026-11-21", true},
		{"2008", true, "2026-11-21", true},
	}
	for _, tt := range tests {
		at, err := time.Parse(time.DateOnly, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		sp := Space{Traits: Traits{BirthDate: tt.birth}, Minor: tt.flag}
		if got := sp.IsMinor(at); got != tt.minor {
			t.Errorf("born %q, at %s: minor %t, want %t", tt.birth, tt.at, got, tt.minor)
		}
	}
}
