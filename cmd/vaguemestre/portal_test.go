package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vaguemestre/internal/web"
)

// TestThePortalInChromium runs the scripts of testdata/npm/portal: people go
// through the pages in a real browser, by touch, by keyboard and without a
// script, and axe-core looks at every page. Each scene is a subtest.
//
// VAGUEMESTRE_SCENES is a regular expression: only scenes that match are played.
// With `go test -artifacts` the pictures of what failed are kept. VAGUEMESTRE_SHOTS
// is a folder for pictures of the pages, those in docs/screens.
func TestThePortalInChromium(t *testing.T) {
	folder := npmClients(t)
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		lacking(t, "Chromium is not installed (.ci/deps)")
	}
	p := openPortal(t)
	script := exec.CommandContext(t.Context(), "node", "main.mjs")
	script.Dir = filepath.Join(folder, "portal")
	script.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+p.ca, "HUB_BASE="+p.base, "HUB_SECONDS=420", "HUB_CHROMIUM="+chromium, "HUB_CAST="+asJSON(t, p.stage(t)),
		"HUB_SCENES="+os.Getenv("VAGUEMESTRE_SCENES"), "HUB_SHOTS="+t.ArtifactDir(), "HUB_PICTURES="+os.Getenv("VAGUEMESTRE_SHOTS"))
	script.Stderr = t.Output()
	out, err := script.StdoutPipe()
	if err == nil {
		err = script.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var visited []visit
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var said struct {
			Scene, Failed, Note string
			MS                  int
			Visits              []visit
		}
		if json.Unmarshal(lines.Bytes(), &said) != nil {
			t.Log(lines.Text())
			continue
		}
		visited = append(visited, said.Visits...)
		if said.Note != "" {
			t.Log(said.Note)
		}
		if said.Scene != "" {
			t.Run(said.Scene, func(t *testing.T) {
				if t.Logf("%d ms", said.MS); said.Failed != "" {
					t.Error(said.Failed)
				}
			})
		}
	}
	if err := script.Wait(); err != nil {
		t.Error("the script in Chromium:", err)
	}
	if !t.Failed() && os.Getenv("VAGUEMESTRE_SCENES") == "" {
		everyPageWasSeen(t, visited)
	}
}

// A visit is one request of the browser that was answered.
type visit struct {
	Method, Path string
	Status       int
}

// everyPageWasSeen fails for a page that no scene came to, and says which forms
// none has sent.
func everyPageWasSeen(t *testing.T, visited []visit) {
	t.Helper()
	var unsent []string
	for _, a := range web.Addresses() {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(a.Path), "[^/]+") + "$")
		seen := map[string]bool{}
		for _, v := range visited {
			shown := v.Status < 300 || a.Path == "/connexion/pro/suite" // which always leads on
			if (shown || v.Method == http.MethodPost && v.Status < 400) && pattern.MatchString(v.Path) {
				seen[v.Method] = true
			}
		}
		if a.Shows && !seen[http.MethodGet] {
			t.Errorf("no scene comes to %s", a.Path)
		}
		if a.Takes && !seen[http.MethodPost] {
			unsent = append(unsent, a.Path)
		}
	}
	if len(unsent) > 0 {
		t.Log("forms that no scene sends:", strings.Join(unsent, " "))
	}
}

// A role is one of the people in the scripts.
type role struct {
	Name, Address, Matricule, Born, Card, Mail, Login, Password, Session string
}

// stage is what the scripts are told.
func (p *portal) stage(t *testing.T) map[string]any {
	t.Helper()
	of := func(one insuredPerson) role {
		who := one.who
		r := role{
			Name: who.name, Address: who.address, Matricule: who.matricule.Canonical(), Born: who.traits.BirthDate,
			Card: one.card, Mail: one.mail, Login: one.login, Password: portalPassword, Session: p.entries[who.address].Token,
		}
		if r.Login == "" { // what they will choose
			r.Login, r.Mail = "alix."+strings.ToLower(who.traits.BirthName), strings.ToLower(who.traits.BirthName)+"@example.org"
		}
		return r
	}
	waiting := waiting()
	return map[string]any{
		"base": p.base, "outbox": p.outbox,
		"people": map[string]role{
			"jeanne": of(register[0]), "dominique": of(register[1]), "louise": of(register[2]),
			"touch": of(waiting[0]), "keyboard": of(waiting[1]), "plain": of(waiting[2]), "newcomer": of(newcomer), "neighbour": of(neighbour),
		},
		"doctor":    role{Name: thomas.name, Address: thomas.address, Session: p.professional(t, thomas).Token},
		"addresses": web.Addresses(),
		"record":    string(p.entries[dominique.address].Actor.Part), // which the doctor knows
	}
}
