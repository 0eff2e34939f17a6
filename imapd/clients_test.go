package imapd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

func TestGoImapClient(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	b.file("INBOX", crlfs(report))
	b.file("INBOX", crlfs(emptyMultipart))
	c, err := imapclient.DialTLS(h.addr, &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Authenticate(&scramClient{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ID(&imap.IDData{Name: "test"}).Wait(); err != nil {
		t.Error(err)
	}
	boxes, err := c.List("", "*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true, Size: true}}).Collect()
	if err != nil || len(boxes) != 7 {
		t.Errorf("LIST: %d mailboxes, %v", len(boxes), err)
	}
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	whole := &imap.FetchItemBodySection{Peek: true}
	ms, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{UID: true, Envelope: true, Flags: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true}, BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil || len(ms) != 3 {
		t.Fatalf("FETCH: %d messages, %v", len(ms), err)
	}
	if got := ms[0].Envelope.Subject; got != "Résultats" {
		t.Errorf("Subject = %q", got)
	}
	for i, raw := range b.raws("INBOX") {
		if got := ms[i].FindBodySection(whole); string(got) != raw {
			t.Errorf("message %d: got %q, want %q", i+1, got, raw)
		}
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{Text: []string{"glycémie"}}, nil).Wait()
	if err != nil || !slices.Equal(found.AllUIDs(), []imap.UID{2}) {
		t.Errorf("SEARCH: %v, %v", found, err)
	}
	a := c.Append("Drafts", int64(len("Subject: x\r\n\r\n")), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagDraft}})
	a.Write([]byte("Subject: x\r\n\r\n"))
	a.Close()
	if got, err := a.Wait(); err != nil || got.UID != 1 {
		t.Errorf("APPEND: %v, %v", got, err)
	}
	if got, err := c.Move(imap.UIDSetNum(1), "Archive").Wait(); err != nil || got.DestUIDs.String() != "1" {
		t.Errorf("MOVE: %v, %v", got, err)
	}
	if err := c.Logout().Wait(); err != nil {
		t.Error(err)
	}
}

func TestSTARTTLSWithGoImapClient(t *testing.T) {
	h := start(t, nil)
	c, err := imapclient.DialStartTLS(h.startTLS, &imapclient.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Authenticate(sasl.NewPlainClient("", martin, password)); err != nil {
		t.Error(err)
	}
}

// A scramClient is SCRAM-SHA-256 for the client, of xdg-go/scram.
type scramClient struct{ conv *scram.ClientConversation }

func (s *scramClient) Start() (string, []byte, error) {
	c, err := scram.SHA256.NewClient(martin, password, "")
	if err != nil {
		return "", nil, err
	}
	s.conv = c.NewConversation()
	first, err := s.conv.Step("")
	return "SCRAM-SHA-256", []byte(first), err
}

func (s *scramClient) Next(challenge []byte) ([]byte, error) {
	next, err := s.conv.Step(string(challenge))
	if err == nil && s.conv.Done() && !s.conv.Valid() {
		err = errors.New("the server did not prove itself")
	}
	return []byte(next), err
}

// program runs a program that is somebody else's client, or skips.
func program(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed, so this client was NOT tried", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func TestPythonImaplib(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	b.file("INBOX", crlfs(report))
	b.file("INBOX", crlfs(emptyMultipart))
	host, port, _ := strings.Cut(h.addr, ":")
	out := program(t, "python3", "-c", `
import imaplib, ssl, sys
host, port, login, password = sys.argv[1:]
ctx = ssl._create_unverified_context()
m = imaplib.IMAP4_SSL(host, int(port), ssl_context=ctx)
print(m.login(login, password)[0])
print(len(m.list()[1]))
print(m.select('INBOX'))
typ, data = m.fetch('1:*', '(FLAGS ENVELOPE BODYSTRUCTURE)')
print(typ, len(data))
typ, data = m.fetch('2', '(RFC822)')
print(len(data[0][1]))
print(m.search(None, 'SUBJECT', '"Biologie"'))
print(m.append('Drafts', '(\\Draft)', None, b'Subject: x\r\n\r\nbody\r\n')[0])
print(m.copy('1', 'Archive')[0])
print(m.store('1', '+FLAGS', '(\\Deleted)')[0])
print(m.expunge())
print(m.close()[0], m.logout()[0])
`, host, port, martin, password)
	want := fmt.Sprintf("OK\n7\n('OK', [b'3'])\nOK 3\n%d\n('OK', [b'2'])\nOK\nOK\nOK\n('OK', [b'1'])\nOK BYE\n", len(crlfs(report)))
	if out != want {
		t.Errorf("got %q\nwant %q", out, want)
	}
}

func TestCurl(t *testing.T) {
	h := start(t, nil)
	h.hub.box(martin).file("INBOX", crlfs(report))
	dir := t.TempDir()
	file := filepath.Join(dir, "up.eml")
	if err := os.WriteFile(file, []byte(crlfs(note)), 0o600); err != nil {
		t.Fatal(err)
	}
	user := []string{"-sSk", "--user", martin + ":" + password}
	get := func(url string, more ...string) string {
		return program(t, "curl", slices.Concat(user, more, []string{url})...)
	}
	if got := get("imaps://" + h.addr + "/INBOX;UID=1"); got != crlfs(report) {
		t.Errorf("got %q", got)
	}
	if got := get("imaps://"+h.addr, "--upload-file", file, "--url", "imaps://"+h.addr+"/Sent"); strings.Contains(got, "BAD") {
		t.Errorf("upload: %q", got)
	}
	if got := get("imap://"+h.startTLS+"/INBOX?SUBJECT%20Biologie", "--ssl-reqd"); got != "* SEARCH 1\r\n" {
		t.Errorf("search under STARTTLS: %q", got)
	}
}

func TestMbsyncTakesEveryByte(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	for i := range 30 {
		b.file("INBOX", fmt.Sprintf("X-Number: %d\r\n", i)+crlfs(report))
	}
	b.file("Archive", crlfs(note))
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, caPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(h.addr, ":")
	rc := filepath.Join(dir, "mbsyncrc")
	conf := fmt.Sprintf(`IMAPAccount hub
Host localhost
Port %s
User %s
Pass %s
SSLType IMAPS
CertificateFile %s
AuthMechs LOGIN

IMAPStore far
Account hub

MaildirStore near
Path %s/
Inbox %s/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX Archive Drafts
Create Near
Sync All
SyncState *
Expunge Both
`, port, martin, password, ca, dir, dir)
	if err := os.WriteFile(rc, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, "mbsync", "-c", rc, "-a")
	if n := count(t, dir, "INBOX"); n != 30 {
		t.Errorf("mbsync fetched %d messages, want 30", n)
	}
	// One of ours goes up, one is deleted there.
	if err := os.WriteFile(filepath.Join(dir, "Drafts", "new", "1.up"), []byte("Subject: up\n\nbonjour\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone, _ := filepath.Glob(filepath.Join(dir, "INBOX", "new", "*"))
	if len(gone) == 0 {
		t.Fatal("nothing in INBOX/new")
	}
	os.Rename(gone[0], filepath.Join(dir, "INBOX", "cur", filepath.Base(gone[0])+":2,ST"))
	program(t, "mbsync", "-c", rc, "-a")
	if n := len(b.raws("INBOX")); n != 29 {
		t.Errorf("%d messages in INBOX after mbsync deleted one, want 29", n)
	}
	if got := b.raws("Drafts"); len(got) != 1 || !strings.HasPrefix(got[0], "Subject: up\r\n") {
		t.Errorf("Drafts: %q", got)
	}
}

func count(t *testing.T, dir, folder string) int {
	t.Helper()
	n := 0
	for _, sub := range []string{"new", "cur"} {
		files, err := filepath.Glob(filepath.Join(dir, folder, sub, "*"))
		if err != nil {
			t.Fatal(err)
		}
		n += len(files)
	}
	return n
}
