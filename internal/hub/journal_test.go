package hub

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vaguemestre/vault/keyring"
)

func TestAnOldStatePutBackShowsInTheJournal(t *testing.T) {
	h := newHouse(t)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	part := h.login(alice).Part
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := snapshot(t, h.memory, part)
	if err := h.send(thomas, "Bonjour", "", alice); err != nil {
		t.Fatal(err)
	}
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.verifies()
	old() // whole, head and all: the chain itself is right
	if _, err := h.VerifyTrail(t.Context(), part); err != nil {
		t.Fatalf("the old state's own chain: %v", err)
	}
	rep, err := h.VerifyTrails(t.Context())
	if err != nil || len(rep.Findings) != 1 || !strings.Contains(rep.Findings[0].What, "checkpoint") {
		t.Errorf("verify: %v, %+v, want one finding about a checkpoint", err, rep.Findings)
	}
}

func TestAJournalThatWasChangedShows(t *testing.T) {
	h := newHouse(t)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	for range 3 {
		h.login(alice)
		if err := h.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(h.Journal)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for name, text := range map[string]string{
		"a line removed":    lines[0] + lines[2],
		"two lines swapped": lines[1] + lines[0] + lines[2],
		"a figure changed":  strings.Replace(string(whole), `"Count":`, `"Count":1`, 1),
	} {
		if err := os.WriteFile(h.Journal, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		rep, err := h.VerifyTrails(t.Context())
		if err != nil || len(rep.Findings) == 0 {
			t.Errorf("%s is not found: %v", name, err)
		}
	}
}

func TestAJournalThatIsGoneShows(t *testing.T) {
	h := newHouse(t)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	for range 3 {
		h.login(alice)
		if err := h.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(h.Journal); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"before", "after"} {
		rep, err := h.VerifyTrails(t.Context())
		if err != nil || len(rep.Findings) == 0 {
			t.Errorf("%s the next checkpoint it is not found: %v", when, err)
		}
		h.Hub.journal = newJournal() // as a new process begins
		h.login(alice)
		if err := h.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOldErasureSecretsAreToldByTheJournal(t *testing.T) {
	h := newHouse(t)
	h.Journal = filepath.Join(t.TempDir(), "journal")
	h.login(alice)
	if err := h.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.CheckSecrets(t.Context()); err != nil {
		t.Fatalf("the secrets are the newest: %v", err)
	}
	older, err := keyring.NewErasureSecrets(filepath.Join(t.TempDir(), "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	h.Erasure = older // as if an old copy had been put back
	if err := h.CheckSecrets(t.Context()); !errors.Is(err, ErrOldSecrets) {
		t.Errorf("CheckSecrets = %v, want ErrOldSecrets", err)
	}
}
