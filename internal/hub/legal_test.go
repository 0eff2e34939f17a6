package hub

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/store"
)

func (h *house) withJournal() *house {
	h.Hub.Journal = filepath.Join(h.t.TempDir(), "journal")
	return h
}

// opens reads a sealed export as those who hold the escrow do.
func (h *house) opens(file []byte, f audit.Filter) (lines []audit.Line, rep audit.SealedReport) {
	h.t.Helper()
	rep, err := audit.ReadSealed(bytes.NewReader(file), audit.Reading{Escrow: h.escrow, Filter: f}, func(l audit.Line) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return lines, rep
}

func TestALegalRequestIsAnsweredByTheEscrow(t *testing.T) {
	h := newHouse(t).withJournal()
	h.login(thomas)
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.after(48 * time.Hour)
	if err := h.send(thomas, "Bonjour", "", alice); err != nil {
		t.Fatal(err)
	}
	if err := h.Erase(t.Context(), "operator", addr(bruno)); err != nil {
		t.Fatal(err)
	}
	var one, all bytes.Buffer
	n, err := h.ExportSealed(t.Context(), "marie", LegalRequest{Of: addr(alice), Reference: "PQ 26/118"}, &one)
	if err != nil || n.Trails != 1 {
		t.Fatalf("%+v, %v", n, err)
	}
	lines, rep := h.opens(one.Bytes(), audit.Filter{Professionals: []string{thomas}, From: h.now.Add(-time.Hour)})
	if len(lines) != 1 || lines[0].Act != "send-mail" || lines[0].ActorName != "Dr Éric THOMAS" || rep.Proven != 1 || rep.Header.By != "marie" {
		t.Errorf("%+v, %+v", lines, rep)
	}
	if whole, _ := h.opens(one.Bytes(), audit.Filter{}); whole[len(whole)-1].Act != "export-sealed-trail" || whole[len(whole)-1].Object != "PQ 26/118" {
		t.Errorf("the export is not in what it exports: %+v", whole[len(whole)-1])
	}
	if n, err = h.ExportSealed(t.Context(), "marie", LegalRequest{From: h.now.Add(-time.Hour)}, &all); err != nil || n.Trails < 3 || n.Trails > 6 {
		t.Fatalf("%+v, %v", n, err)
	}
	lines, _ = h.opens(all.Bytes(), audit.Filter{})
	acts := fmt.Sprint(lines)
	if !strings.Contains(acts, "erase") || !strings.Contains(acts, "send-mail") {
		t.Error("what happened to others is not in the export of all")
	}
	for _, l := range lines {
		if l.Act == "login" && l.Time.Before(h.now.Add(-24*time.Hour)) {
			t.Errorf("a login of two days before is opened: %s", l.EN)
		}
	}
	for _, file := range [][]byte{one.Bytes(), all.Bytes()} {
		if bytes.Contains(file, []byte("medecin.test")) || bytes.Contains(file, []byte("THOMAS")) {
			t.Error("the file shows who it is about")
		}
	}
	if _, err := h.ExportSealed(t.Context(), "marie", LegalRequest{Of: addr(ghost)}, &all); fault.Of(err) != fault.NotFound {
		t.Errorf("of nobody: %v", err)
	}
	if _, err := h.process(sealed).ExportSealed(t.Context(), "marie", LegalRequest{}, &all); fault.Of(err) != fault.Sealed {
		t.Errorf("from a sealed hub: %v", err)
	}
	h.verifies()
}

// entriesOf counts the entries of a partition that are there.
func (h *house) entriesOf(part store.Part) (n int) {
	for _, p := range h.rows(part) {
		if strings.HasPrefix(p.Key, "aud/e/") {
			n++
		}
	}
	return n
}

func TestATrailIsDestroyedTenYearsAfterItsSpaceWasClosed(t *testing.T) {
	h := newHouse(t).withJournal()
	parts := map[string]store.Part{}
	for _, who := range []string{alice, bruno, emma, adam} {
		parts[who] = h.part(who)
	}
	expire := func() {
		t.Helper()
		if err := h.ExpireTrails(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.verifies()
	}
	left := func(want string) {
		t.Helper()
		got := ""
		for _, who := range []string{alice, bruno, emma, adam} {
			if h.entriesOf(parts[who]) > 0 {
				got += map[string]string{alice: "alice ", bruno: "bruno ", emma: "emma ", adam: "adam "}[who]
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("at %v there are the trails of %s, want %s", h.now, got, want)
		}
	}
	start := h.now
	expire()
	h.now = start.AddDate(1, 0, 0) // bruno is erased a year after emma closed her space
	if err := h.Erase(t.Context(), "operator", addr(bruno)); err != nil {
		t.Fatal(err)
	}
	expire()
	h.now = start.AddDate(audit.Retention, 0, -1)
	expire()
	left("alice bruno emma adam")
	h.now = start.AddDate(audit.Retention, 0, 1)
	expire()
	left("alice bruno adam")
	if err := h.note(t.Context(), parts[emma], byOperator("marie", "why", "")); err != nil {
		t.Fatal(err)
	}
	h.verifies() // the chain goes on from the cut
	h.now = start.AddDate(audit.Retention+1, 0, 1)
	expire()
	left("alice adam")
	expire() // nothing is left to do
	h.now = start.AddDate(50, 0, 0)
	expire()
	left("alice adam")
	h.forge(parts[bruno], func(w store.Writer) error { w.Delete("aud/cut"); return nil })
	if rep, err := h.VerifyTrails(t.Context()); err != nil || len(rep.Findings) == 0 {
		t.Errorf("a cut that is gone: %+v, %v", rep.Findings, err)
	}
}

func TestAnArchivedSpaceCountsFromItsClosing(t *testing.T) {
	h := newHouse(t)
	part, closed := h.part(emma), h.now
	if err := h.ExpireTrails(t.Context()); err != nil { // as the janitor does each day
		t.Fatal(err)
	}
	h.now = closed.AddDate(5, 0, 0)
	h.lives(emma, patient.Archive)
	h.now = closed.AddDate(audit.Retention, 0, 1)
	if err := h.ExpireTrails(t.Context()); err != nil || h.entriesOf(part) > 0 {
		t.Errorf("%d entries are left, %v", h.entriesOf(part), err)
	}
}

func TestASpaceThatWasOpenedAgainKeepsItsTrail(t *testing.T) {
	h := newHouse(t)
	part, closed := h.part(emma), h.now
	if err := h.ExpireTrails(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.now = closed.AddDate(9, 0, 0)
	h.lives(emma, patient.Reopen)
	h.now = closed.AddDate(12, 0, 0)
	if err := h.ExpireTrails(t.Context()); err != nil || h.entriesOf(part) == 0 {
		t.Errorf("%d entries are left, %v", h.entriesOf(part), err)
	}
}

func TestASealedHubDestroysNoTrail(t *testing.T) {
	h := newHouse(t)
	h.now = h.now.AddDate(20, 0, 0)
	if err := h.process(sealed).ExpireTrails(t.Context()); err != nil || h.entriesOf(h.part(emma)) == 0 {
		t.Errorf("%d entries are left, %v", h.entriesOf(h.part(emma)), err)
	}
}
