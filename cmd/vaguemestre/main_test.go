package main

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the program too: stories start it as a
// process of its own, which they can stop, kill and start again.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"vaguemestre": func() {
			if file := os.Getenv(clockVariable); file != "" {
				clock = movableClock(file)
			}
			backstage = openBackstage
			os.Exit(run(os.Args[1:]))
		},
	})
}

// TestStories runs the scripts in testdata/script. Each has a folder of its
// own and these verbs, beside those of testscript:
//
//	hub new [ARG…]             vaguemestre init --data hub --test-mode ARG…, with any free ports
//	hub start [ARG…]           vaguemestre serve --data hub ARG…, until it is ready
//	hub stop | kill | hangup   SIGTERM, and it ends well; SIGKILL; SIGHUP
//	clock DURATION             the hub's clock goes forward: 720h is a month
//	password ADDRESS           gives the address a password, which smtp and imap use
//	smtp send FROM TO[,TO] FILE   submits a mail; prints the replies
//	imap list ADDRESS          prints the folders and how many messages each has
//	imap read ADDRESS FOLDER   prints the messages of a folder
//	imap save ADDRESS FOLDER UID FILE   writes one message as it is
//	spill DIR WORD…            fails if a file in DIR holds one of the words
//
// those of the routes and the mail clients (verbs_routes_test.go), and those of
// the record (verbs_fhir_test.go).
//
// "!" before a verb expects it to be refused. $PAUL, $ANNA and $LEO are the
// matricules of three invented patients.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		Setup:              setUpStage,
		RequireUniqueNames: true,
		Condition:          routeCondition,
		Cmds: with(routeVerbs, recordVerbs, map[string]func(*testscript.TestScript, bool, []string){
			"hub":      hubVerb,
			"clock":    clockVerb,
			"password": passwordVerb,
			"smtp":     smtpVerb,
			"imap":     imapVerb,
			"spill":    spillVerb,
		}),
	})
}

const clockVariable = "VAGUEMESTRE_TEST_CLOCK"

// movableClock is the clock of a hub in a story: the file says how far ahead.
func movableClock(file string) func() time.Time {
	var mu sync.Mutex
	var ahead time.Duration
	var looked time.Time
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if now.Sub(looked) > 10*time.Millisecond {
			looked = now
			if b, err := os.ReadFile(file); err == nil {
				n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
				ahead = time.Duration(n)
			}
		}
		return now.Add(ahead)
	}
}
