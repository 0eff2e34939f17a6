package hub

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vaguemestre/internal/directory"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

func TestTheErasedAreErasedAgainAfterARestore(t *testing.T) {
	h := newHouse(t)
	if err := h.send(thomas, "Secret", "", alice); err != nil {
		t.Fatal(err)
	}
	part := h.login(alice).Part
	index, _, err := h.find(t.Context(), addr(alice))
	if err != nil || index != part {
		t.Fatalf("find = %v, %v", index, err)
	}
	old, oldIndex := snapshot(t, h.memory, part), snapshot(t, h.memory, directory.IndexPart(h.Index, addr(alice)))
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	old() // the backup from before, beside the secrets of now
	oldIndex()
	if n, err := h.EraseAgain(t.Context(), "restore"); n != 1 || err != nil {
		t.Fatalf("EraseAgain = %d, %v, want 1", n, err)
	}
	if err := h.CheckRecipient(t.Context(), h.login(thomas), addr(alice)); !errors.Is(err, fault.NotFound) {
		t.Errorf("the address of the erased gives %v", err)
	}
	if n, err := h.EraseAgain(t.Context(), "restore"); n != 0 || err != nil {
		t.Errorf("a second time: %d, %v", n, err)
	}
	h.verifies()
}

// unlocks returns an error unless a process with those secrets opens something of
// an owner's.
func (h *house) unlocks(part store.Part, rows []store.Pair, secrets *keyring.ErasureSecrets) error {
	h.t.Helper()
	secret, err := secrets.Find(part)
	if err != nil {
		return err
	}
	for _, p := range rows {
		if p.Key == "key/locked" {
			_, err := h.Ring.Unlock(part, p.Value, secret)
			return err
		}
	}
	return errors.New("there is no key")
}

// TestTheErasedOpenInNoOlderBackup keeps everything from before an erasure but
// the secrets: the data, the hub key, the index key and the process's memory of
// none of them open anything more, with any of the replicas.
func TestTheErasedOpenInNoOlderBackup(t *testing.T) {
	h := newHouse(t)
	h.furnish(alice)
	part := h.part(alice)
	backup := h.copyOf(t) // data of before, on engines of its own
	rows := h.rows(part)
	var before [][]byte
	for _, path := range h.replicas {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, b)
	}
	if err := h.unlocks(part, rows, h.Erasure); err != nil {
		t.Fatalf("before: %v", err)
	}
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}

	for i, path := range h.replicas { // each has confirmed, and each alone says so
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(part)) {
			t.Errorf("replica %d still names the erased", i)
		}
		copied := filepath.Join(t.TempDir(), "secrets")
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			t.Fatal(err)
		}
		current, err := keyring.OpenErasureSecrets(copied)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.unlocks(part, rows, current); !errors.Is(err, fault.NotFound) {
			t.Errorf("with replica %d: %v, want NotFound", i, err)
		}
		restored := backup.process(func(c *Config) { c.Erasure = current })
		if _, err := restored.unlock(t.Context(), part); !errors.Is(err, fault.NotFound) {
			t.Errorf("the backup, with replica %d: %v, want NotFound", i, err)
		}
		if _, err := restored.OpenMailbox(t.Context(), backup.login(alice)); !errors.Is(err, fault.NotFound) {
			t.Errorf("the backup's mailbox, with replica %d: %v, want NotFound", i, err)
		}
	}

	// An old copy of one replica, put back, is made equal to the newest.
	if err := os.WriteFile(h.replicas[1], before[1], 0o600); err != nil {
		t.Fatal(err)
	}
	healed, err := keyring.OpenErasureSecrets(h.replicas...)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.unlocks(part, rows, healed); !errors.Is(err, fault.NotFound) {
		t.Errorf("with an old replica beside the new: %v, want NotFound", err)
	}
	if b, err := os.ReadFile(h.replicas[1]); err != nil || bytes.Equal(b, before[1]) {
		t.Errorf("the old replica stays: %v", err)
	}

	// Only with the secrets of before would it open: that is what was destroyed.
	old := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(old, before[0], 0o600); err != nil {
		t.Fatal(err)
	}
	then, err := keyring.OpenErasureSecrets(old)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.unlocks(part, rows, then); err != nil {
		t.Errorf("with the secrets of before: %v: this test proves nothing", err)
	}
}

// TestAnErasureThatAReplicaDoesNotConfirmIsNotDone makes one replica fail: the
// owner is unreadable at once, and the erasure is reported when both have it.
func TestAnErasureThatAReplicaDoesNotConfirmIsNotDone(t *testing.T) {
	h := newHouse(t)
	h.furnish(alice)
	part, rows := h.part(alice), h.rows(h.part(alice))
	folder := filepath.Dir(h.replicas[1])
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(folder, away); err != nil {
		t.Fatal(err)
	}
	if err := h.Erase(t.Context(), "operator", addr(alice)); err == nil {
		t.Error("it is reported as done")
	}
	if err := h.unlocks(part, rows, h.Erasure); !errors.Is(err, fault.NotFound) {
		t.Errorf("meanwhile: %v, want NotFound", err)
	}
	if b, err := os.ReadFile(filepath.Join(away, "secrets")); err != nil || !bytes.Contains(b, []byte(part)) {
		t.Fatalf("the replica that was away has it: %v: this test proves nothing", err)
	}
	if err := os.Rename(away, folder); err != nil {
		t.Fatal(err)
	}
	if err := h.Erase(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	for i, path := range h.replicas {
		if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte(part)) {
			t.Errorf("replica %d still has it: %v", i, err)
		}
	}
	h.verifies()
}

// TestTheErasedOpenInNoBackupOfBeforeARotation erases an owner whose key and
// hub key were rotated after the backup.
func TestTheErasedOpenInNoBackupOfBeforeARotation(t *testing.T) {
	h := newHouse(t)
	h.furnish(alice)
	part, rows := h.part(alice), h.rows(h.part(alice))
	h.keepRing()
	if _, err := h.RotateOwnerKey(t.Context(), "operator", addr(alice)); err != nil {
		t.Fatal(err)
	}
	if err := h.unlocks(part, rows, h.Erasure); err != nil {
		t.Fatalf("the key of before opens what is in the backup: %v", err)
	}
	if err := errors.Join(h.RotateHubKey(t.Context(), "operator", nil), h.Erase(t.Context(), "operator", addr(alice))); err != nil {
		t.Fatal(err)
	}
	if err := h.unlocks(part, rows, h.Erasure); !errors.Is(err, fault.NotFound) {
		t.Errorf("the key of before: %v, want NotFound", err)
	}
}
