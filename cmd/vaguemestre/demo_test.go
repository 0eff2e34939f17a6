package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"
)

// A runningDemo is a demo in this process.
type runningDemo struct {
	*demo
	out  string // until "ready"
	stop func() error
}

// startDemo runs a demo and returns when it is ready.
func startDemo(t *testing.T, d *demo) *runningDemo {
	t.Helper()
	if d.portBase == 0 {
		d.portBase = freeBase(t)
	}
	out := &watched{word: "ready\n", seen: make(chan struct{})}
	d.out, d.progress = out, progress{t.Output(), time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	var once sync.Once
	var err error
	stop := func() error {
		once.Do(func() {
			cancel()
			err = <-ended
		})
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the demo did not stop cleanly: %v", err)
		}
	})
	select {
	case <-out.seen:
	case err := <-ended:
		ended <- err
		t.Fatalf("the demo ended before it was ready: %v", err)
	case <-time.After(2 * time.Minute):
		t.Fatal("the demo is not ready after two minutes")
	}
	return &runningDemo{d, out.String(), stop}
}

// watched is a buffer that tells when a word was written.
type watched struct {
	mu   sync.Mutex
	b    bytes.Buffer
	word string
	seen chan struct{}
	once sync.Once
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if strings.Contains(w.b.String(), w.word) {
		w.once.Do(func() { close(w.seen) })
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// bases are port bases that tests of this process have not used yet.
var bases = struct {
	sync.Mutex
	next int
}{next: 20000 + os.Getpid()%300*100}

func freeBase(t testing.TB) int {
	t.Helper()
	bases.Lock()
	defer bases.Unlock()
	for range 200 {
		bases.next += 3
		if bases.next > mostPortBase {
			bases.next = 20000
		}
		if takenPort(t.Context(), bases.next) == 0 {
			return bases.next
		}
	}
	t.Fatal("no free ports")
	return 0
}

// account returns a row of accounts.csv.
func (r *runningDemo) account(t *testing.T, who person) person {
	t.Helper()
	list, err := readAccounts(r.folder)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(p person) bool { return p.address == who.address })
	if i < 0 {
		t.Fatalf("%s is not in %s", who.name, accountsFile)
	}
	return list[i]
}

// mailClient returns a client of the running demo.
func (r *runningDemo) mailClient(t *testing.T) client {
	t.Helper()
	c, err := r.trusting(loopback(r.portBase+smtpsPort), loopback(r.portBase+imapsPort))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// imap asks one thing of somebody's mailbox, and returns the first line of the
// answer.
func (r *runningDemo) imap(t *testing.T, who person, command string) string {
	t.Helper()
	who = r.account(t, who)
	c := r.mailClient(t)
	conn, stop, err := c.dial(t.Context(), c.imap)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	defer conn.Close()
	s := &imapSession{in: bufio.NewReader(conn), out: conn}
	if _, err := s.in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ask("LOGIN %q %q", who.address, who.password); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ask("SELECT INBOX"); err != nil {
		t.Fatal(err)
	}
	line, err := s.ask("%s", command)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return line
}

// inboxes are how many mails the story leaves with each of the cast.
var inboxes = []struct {
	who  person
	want int
}{
	{dominique, 7}, {louise, 3}, {karim, 1}, {theo, 1}, {ruth, 0},
	{thomas, 3}, {adam, 1}, {cardio, 1}, {lambert, 1}, {renaud, 1}, {benali, 1}, {lab, 0},
}

func (r *runningDemo) checkInboxes(t *testing.T) {
	t.Helper()
	for _, box := range inboxes {
		got := r.imap(t, box.who, "STATUS INBOX (MESSAGES)")
		if want := fmt.Sprintf("(MESSAGES %d)", box.want); !strings.HasSuffix(got, want) {
			t.Errorf("inbox of %s: %s, want %s", box.who.name, got, want)
		}
	}
}

func TestTheDemoShowsAHub(t *testing.T) {
	d := startDemo(t, &demo{folder: filepath.Join(t.TempDir(), "data")})
	t.Run("what a newcomer reads is short and ends with ready", func(t *testing.T) {
		lines := strings.Split(d.out, "\n")
		if len(lines)-1 > 72 || !strings.HasSuffix(d.out, "\nready\n") {
			t.Errorf("%d lines, the last ones %q", len(lines)-1, lines[len(lines)-2:])
		}
		for _, l := range lines {
			if strings.HasSuffix(l, " ") {
				t.Errorf("a line ends in blanks: %q", l)
			}
		}
	})
	t.Run("it says how to activate a space in a browser", func(t *testing.T) {
		for _, words := range []string{"https://localhost:", jeanneInsured.card, jeanne.matricule.Canonical(), "12/05/1938"} {
			if !strings.Contains(d.out, words) {
				t.Errorf("it does not say %q", words)
			}
		}
	})
	t.Run("accounts.csv lists everybody", func(t *testing.T) { checkAccounts(t, d.folder) })
	t.Run("the story is in the mailboxes", d.checkInboxes)
	t.Run("documents are on the shelves", func(t *testing.T) {
		for shelf, want := range map[string]int{"Biologie": 1, "Ordonnances": 1, "Comptes rendus": 1, "Autres documents": 1} {
			got := d.imap(t, dominique, `STATUS "Documents/`+shelf+`" (MESSAGES)`)
			if !strings.HasSuffix(got, fmt.Sprintf("(MESSAGES %d)", want)) {
				t.Errorf("shelf %s: %s, want %d", shelf, got, want)
			}
		}
	})
	t.Run("flags are as the readers left them", func(t *testing.T) {
		for command, want := range map[string]string{
			"SEARCH FLAGGED": "* SEARCH 3", "SEARCH ANSWERED": "* SEARCH 1", "SEARCH UNSEEN": "* SEARCH 4 5 7",
		} {
			if got := d.imap(t, dominique, command); got != want {
				t.Errorf("%s: %q, want %q", command, got, want)
			}
		}
	})
	t.Run("whom the demo says is refused is refused so", d.checkRefusals)
	t.Run("the commands it prints work", d.runPrinted)
	t.Run("the public test messages can be sent as they are", d.sendSamples)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	t.Run("the data folder shows nothing", func(t *testing.T) { checkSilence(t, d.folder) })
}

func checkAccounts(t *testing.T, folder string) {
	for name, mode := range map[string]fs.FileMode{accountsFile: 0o600, caName: 0o644} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want mode %v", name, info, err, mode)
		}
	}
	f, err := os.Open(filepath.Join(folder, accountsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(rows[0], ","); got != "role,name,profession,address,login,password,note,token" {
		t.Errorf("columns %s", got)
	}
	first := map[string]string{}
	notes := map[string]bool{}
	for _, row := range rows[1:] {
		if _, ok := first[row[0]]; !ok {
			first[row[0]] = row[3]
		}
		notes[row[6]] = true
		if comesIn := row[6] == "active" || row[6] == "minor"; comesIn != (row[7] != "") {
			t.Errorf("%s, %s: a token of %d characters", row[1], row[6], len(row[7]))
		}
		if row[3] != row[4] || len(row[5]) < 20 {
			t.Errorf("%s: login %q, password of %d characters", row[1], row[4], len(row[5]))
		}
	}
	if first["patient"] != "279035121518989@patient.mssante.fr" || first["professional"] != "eric.thomas@medecin.mssante.fr" {
		t.Errorf("first of each role: %v", first)
	}
	if len(first) != 4 || len(notes) != 5 {
		t.Errorf("%d roles, %d notes, want 4 and 5", len(first), len(notes))
	}
}

func (r *runningDemo) checkRefusals(t *testing.T) {
	for _, x := range refused() {
		if got := r.tryRecipient(t, r.account(t, x.from), x.to); !strings.HasPrefix(got, x.reply) {
			t.Errorf("%s → %s: %q, want %s", x.from.name, x.to, got, x.reply)
		}
		if line := x.reply + "  " + x.from.name + " → " + x.to; !strings.Contains(r.out, line) {
			t.Errorf("not printed: %s", line)
		}
	}
}

// tryRecipient returns the answer to RCPT.
func (r *runningDemo) tryRecipient(t *testing.T, from person, to string) string {
	t.Helper()
	c := r.mailClient(t)
	conn, stop, err := c.dial(t.Context(), c.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Auth(smtp.PlainAuth("", from.address, from.password, "localhost")); err != nil {
		t.Fatal(err)
	}
	if err := s.Mail(from.address); err != nil {
		t.Fatal(err)
	}
	if err := s.Rcpt(to); err != nil {
		var reply *textproto.Error
		if !errors.As(err, &reply) {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s", reply.Code, reply.Msg)
	}
	return "250"
}

// printed extracts the commands that the demo prints.
func printed(out string) (commands []string) {
	out = strings.ReplaceAll(out, " \\\n", " ")
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		for _, tool := range []string{"cd ", "curl ", "swaks "} {
			if strings.HasPrefix(line, tool) {
				commands = append(commands, line)
			}
		}
	}
	return commands
}

func (r *runningDemo) runPrinted(t *testing.T) {
	for _, tool := range []string{"curl", "swaks"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: %s is not installed, so the commands that the demo prints are not tried (make deps)", tool)
		}
	}
	commands := printed(r.out)
	if len(commands) != 8 || !strings.HasPrefix(commands[0], "cd ") {
		t.Fatalf("%d commands: %q", len(commands), commands)
	}
	wants := []string{"250 2.0.0", "Subject:", "HbA1c", "", "Merci Docteur.", `"code":"11502-2"`, `"code":"57833-6"`}
	for i, command := range commands[1:] {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", commands[0]+"\n"+command)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), wants[i]) {
			t.Errorf("%s\n%v, want %q in\n%s", command, err, wants[i], out)
		}
	}
	if got := r.imap(t, dominique, `STATUS "Documents/Autres documents" (MESSAGES)`); !strings.HasSuffix(got, "(MESSAGES 2)") {
		t.Errorf("the document that swaks sent is not in the vault: %s", got)
	}
}

// sendSamples sends the messages that are derived from the public samples.
func (r *runningDemo) sendSamples(t *testing.T) {
	folder := os.Getenv("VAGUEMESTRE_SAMPLES")
	if folder == "" {
		t.Skip("SKIPPED: VAGUEMESTRE_SAMPLES is unset, so the public test messages are not sent")
	}
	from := r.account(t, thomas)
	for _, sample := range []struct {
		file string
		to   []string
	}{
		{"mss_pro_to_pro_and_patient.eml", []string{adam.address, dominique.address}},
		{"mss_fin_subject.eml", []string{dominique.address}},
		{"mss_fin_header.eml", []string{dominique.address}},
	} {
		mail, err := os.ReadFile(filepath.Join(folder, "derived", sample.file))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.mailClient(t).send(t.Context(), from.address, from.password, sample.to, mail); err != nil {
			t.Errorf("%s: %v", sample.file, err)
		}
	}
}

// checkSilence looks for what the story says in every file of the data folder,
// in the forms in which it could be there by mistake.
func checkSilence(t *testing.T, folder string) {
	forms := secretForms(storySecrets(t))
	files := 0
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		found := findSecrets(b, forms)
		switch rel, _ := filepath.Rel(folder, path); {
		case rel == accountsFile && len(found) < 20:
			t.Errorf("only %q found in %s: the search is blind", found, rel)
		case rel != accountsFile && rel != caName && len(found) > 0:
			t.Errorf("%s holds %q", rel, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d files were looked at", files)
	}
}

// secretForms maps the bytes to look for to the secret that they are.
func secretForms(secrets []string) map[string]string {
	forms := map[string]string{}
	for _, secret := range secrets {
		for _, s := range []string{secret, strings.ToLower(secret), strings.ToUpper(secret)} {
			forms[s] = secret
			var little, big []byte
			for _, u := range utf16.Encode([]rune(s)) {
				little = binary.LittleEndian.AppendUint16(little, u)
				big = binary.BigEndian.AppendUint16(big, u)
			}
			forms[string(little)], forms[string(big)] = secret, secret
			for shift := range 3 { // a text within a text may begin anywhere in base64
				b := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), s...))
				b = b[(8*shift+5)/6 : 8*(shift+len(s))/6] // the characters that the secret alone makes
				if len(b) >= 8 {                          // fewer are found in noise
					forms[b] = secret
				}
			}
		}
	}
	return forms
}

func findSecrets(b []byte, forms map[string]string) (found []string) {
	for form, secret := range forms {
		if bytes.Contains(b, []byte(form)) && !slices.Contains(found, secret) {
			found = append(found, secret)
		}
	}
	return found
}

func TestTheSearchForSecretsFindsThem(t *testing.T) {
	forms := secretForms([]string{"Dominique", "279035121518989"})
	for _, text := range []string{
		"xDominiquex", "xdominiquex", "xDOMINIQUEx", "D\x00o\x00m\x00i\x00n\x00i\x00q\x00u\x00e\x00",
		base64.StdEncoding.EncodeToString([]byte("Mme Dominique P.")),
		base64.StdEncoding.EncodeToString([]byte("à Dominique P.")),
		base64.StdEncoding.EncodeToString([]byte("s à Dominique P.")),
		"2790351215189890", base64.StdEncoding.EncodeToString([]byte("To: 279035121518989@patient")),
	} {
		if got := findSecrets([]byte(text), forms); len(got) != 1 {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := findSecrets([]byte("Dominik 27903512151898 RG9taW5pc"), forms); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// storySecrets lists names, matricules, subjects, file names and sentences.
func storySecrets(t *testing.T) []string {
	var list []string
	for _, p := range slices.Concat(namedPatients, namedOthers) {
		local, _, _ := strings.Cut(p.address, "@")
		list = append(list, p.name)
		if len(local) >= 6 { // a shorter one is found in noise
			list = append(list, local)
		}
		if p.role == rolePatient {
			list = append(list, p.matricule.Canonical()[:13])
		}
		for _, word := range strings.Fields(p.name + " " + p.traits.BirthName + " " + p.traits.FirstNames) {
			if len(word) >= 6 {
				list = append(list, word)
			}
		}
	}
	letters, err := demoStory(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters {
		list = append(list, l.subject, strings.Split(l.text, "\n")[2])
		for _, f := range l.files {
			name := f.Name
			if len(name) > 9 && name[8] == '_' { // the date is another every day
				name = name[9:]
			}
			list = append(list, name)
		}
	}
	return list
}

func TestADemoContinues(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	first := startDemo(t, &demo{folder: folder})
	before := first.account(t, dominique)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}

	t.Run("with the same passwords, and the story is not sent twice", func(t *testing.T) {
		again := startDemo(t, &demo{folder: folder})
		if got := again.account(t, dominique); got.password != before.password || !strings.Contains(again.out, before.password) {
			t.Error("the password has changed")
		}
		again.checkInboxes(t)
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("after an interruption: who has no password yet gets one, and mails sent again are filed once", func(t *testing.T) {
		known, err := readAccounts(folder)
		if err != nil {
			t.Fatal(err)
		}
		lost := slices.DeleteFunc(known, func(p person) bool { return p.address == ruth.address || p.address == nadia.address })
		if err := writeAccounts(folder, lost); err != nil {
			t.Fatal(err)
		}
		at, err := first.readChapter()
		if err != nil || !at.Told || at.Sent < 10 {
			t.Fatalf("%+v, %v", at, err)
		}
		at.Told, at.Sent = false, at.Sent-1
		if err := first.writeChapter(at); err != nil {
			t.Fatal(err)
		}
		again := startDemo(t, &demo{folder: folder, patients: 3, professionals: 2})
		again.checkInboxes(t) // logs in as everybody, with the new passwords too
		if got := again.account(t, anotherPatient(2)); got.password == "" {
			t.Error("a patient more has no password")
		}
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(again.out, "+ 5 autres") {
			t.Error("the others are not mentioned")
		}
	})
}

func TestADemoRefusesToStart(t *testing.T) {
	t.Run("where a port is taken, and says which and what to do", func(t *testing.T) {
		base := freeBase(t)
		l, err := net.Listen("tcp", loopback(base+imapsPort))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		err = (&demo{portBase: base}).run(t.Context())
		var b bytes.Buffer
		printError(&b, err)
		if got := b.String(); !strings.Contains(got, fmt.Sprint(base+imapsPort)) || !strings.Contains(got, "--port-base ") {
			t.Errorf("%s", got)
		}
	})
	t.Run("in the folder of a real hub, and leaves it alone", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "data")
		_, err := found(t.Context(), founding{data: folder, domain: "hub.example.test", patientDomain: "patient.example.test", operator: "admin", host: "127.0.0.1", portBase: 10000})
		if err != nil {
			t.Fatal(err)
		}
		d := &demo{folder: folder, portBase: freeBase(t), progress: progress{t.Output(), time.Now()}}
		if err := d.run(t.Context()); err == nil || !strings.Contains(err.Error(), "no demo") {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(filepath.Join(folder, accountsFile)); err == nil {
			t.Error("accounts were made in a real hub")
		}
	})
	t.Run("with numbers out of range", func(t *testing.T) {
		for _, d := range []*demo{{patients: -1}, {professionals: mostMore + 1}, {portBase: mostPortBase + 1}} {
			if err := d.run(t.Context()); err == nil {
				t.Errorf("%+v was accepted", d)
			}
		}
	})
}

func TestADemoWithoutAFolderLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := startDemo(t, &demo{})
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("%v, %v left", err, left)
	}
}
