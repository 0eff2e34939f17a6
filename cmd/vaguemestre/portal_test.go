package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vaguemestre/internal/directory"
	"vaguemestre/policy"
)

// TestAPersonOpensTheirSpaceInABrowser runs the story of portal.mjs in Chromium
// against a whole hub. With VAGUEMESTRE_SHOTS it leaves pictures of every page in
// that folder.
func TestAPersonOpensTheirSpaceInABrowser(t *testing.T) {
	folder := npmClients(t)
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		lacking(t, "Chromium is not installed (.ci/deps)")
	}
	c := newHub(t, founding{})
	outbox := filepath.Join(filepath.Dir(c.Path), outboxFolder)
	c.Notices.Folder, c.Janitor.Notices = outbox, 100*time.Millisecond
	s, err := newServer(c, options{log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	serveUntilEnd(t, s)
	if err := insure(t.Context(), s.hub); err != nil {
		t.Fatal(err)
	}
	doctor := directory.BAL{Kind: directory.Personal, Address: camille, Name: "Dr Camille DUPRÉ", RPPS: inventedRPPS(990_000_0001), Profession: policy.Physician, Organisation: "Cabinet des Tilleuls"}
	if err := s.hub.AddBAL(t.Context(), "ada", doctor); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "portal.mjs")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+filepath.Join(filepath.Dir(c.Path), filepath.FromSlash(caFile)), "HUB_BASE="+s.webBase(),
		"HUB_PATIENT="+jeanne.matricule.Canonical(), "HUB_CARD="+jeanneInsured.card, "HUB_MAIL="+jeanneInsured.mail, "HUB_OUTBOX="+outbox,
		"HUB_DOCTOR="+camille, "HUB_SECONDS=240", "HUB_CHROMIUM="+chromium, "HUB_SHOTS="+os.Getenv("VAGUEMESTRE_SHOTS"))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out[max(0, len(out)-4000):])
	if err != nil {
		t.Error(fmt.Errorf("the story does not end well: %w", err))
	}
}
