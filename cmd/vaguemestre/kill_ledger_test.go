package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"time"

	"vaguemestre/internal/message"
)

// The people of the crash harness: all may write to each other as the rule
// says, once the physicians have opened the exchanges.
var (
	killPatients   = []person{louise, karim, dominique}
	killPhysicians = []person{thomas, adam, lambert, renaud}
)

type digest [sha256.Size]byte

// A posted mail is one that a client has begun to submit.
type posted struct {
	id    string // Message-ID
	shape string
	from  person
	to    []person
	mail  []byte // until its fate is known
	sum   digest // of mail
	file  digest // of the document it brings to patients; zero for none

	acknowledged bool // a 250 came back
	tries        int
}

// A ledger is what the clients of a crash test know for certain.
type ledger struct {
	mu    sync.Mutex
	mails map[string]*posted // by Message-ID
	files map[digest]*posted // by what they bring
	next  int
	later int      // replies that asked to try again later
	wrong []string // replies that should not have been
}

func newLedger() *ledger { return &ledger{mails: map[string]*posted{}, files: map[digest]*posted{}} }

// shapes are what a client submits.
var shapes = map[string]func(l *letter, r *rand.Rand) (file []byte, err error){
	"a short text": func(l *letter, _ *rand.Rand) ([]byte, error) {
		l.to, l.text = some(killPatients, 1), words(4<<10)
		return nil, nil
	},
	"a report of 60 KB": func(l *letter, r *rand.Rand) ([]byte, error) {
		l.to = some(killPatients, 1)
		return l.attach(60<<10, r), nil
	},
	"a report of 700 KB": func(l *letter, r *rand.Rand) ([]byte, error) {
		l.to = some(killPatients, 1)
		return l.attach(700<<10, r), nil
	},
	"a report to two patients and a colleague": func(l *letter, r *rand.Rand) ([]byte, error) {
		l.to = append(some(killPatients, 2), some(killPhysicians, 1)...)
		return l.attach(110<<10, r), nil
	},
	"a letter to a colleague": func(l *letter, r *rand.Rand) ([]byte, error) {
		l.to = some(killPhysicians, 1)
		l.attach(150<<10, r)
		return nil, nil // a mail to professionals makes no document
	},
	"a CDA in its package": func(l *letter, _ *rand.Rand) ([]byte, error) {
		l.to = append(some(killPatients, 1), some(killPhysicians, 1)...)
		report := labReport{
			UniqueID: fmt.Sprintf("1.2.250.1.999.10.3.%d", rand.Uint64()), Number: "1", Sampled: l.sent, Issued: l.sent,
			Patient: l.to[0], Lab: l.from, Comment: words(20 << 10), Results: []labResult{{"TSH", "2,04", "mUI/L", "0,40 – 4,00"}},
		}
		zip, err := report.zip()
		if err != nil {
			return nil, err
		}
		l.files = append(l.files, message.Attachment{Name: "IHE_XDM.zip", Type: "application/zip", Content: zip},
			pdfFile(l.sent, "CR_d_examens_biologiques", l.to[0], 1, report.sheet()))
		return report.cda()
	},
	"an answer": func(l *letter, _ *rand.Rand) ([]byte, error) {
		l.to, l.text = some(killPhysicians, 1+rand.IntN(2)), words(2<<10)
		return nil, nil
	},
	"an answer with a picture": func(l *letter, r *rand.Rand) ([]byte, error) {
		l.to = some(killPhysicians, 1)
		l.attach(90<<10, r)
		return nil, nil
	},
}

// Who sends which shapes.
var (
	physicianShapes = []string{"a short text", "a short text", "a short text", "a report of 60 KB", "a report of 60 KB",
		"a report of 700 KB", "a report to two patients and a colleague", "a letter to a colleague"}
	labShapes     = []string{"a CDA in its package"}
	patientShapes = []string{"an answer", "an answer", "an answer with a picture"}
)

// some picks people.
func some(from []person, n int) []person {
	var list []person
	for _, i := range rand.Perm(len(from))[:n] {
		list = append(list, from[i])
	}
	return list
}

func words(n int) string {
	const line = "Bonjour, voici la suite de notre échange : tout va bien, à bientôt.\n"
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%08x %s", rand.Uint32(), line)
	}
	return b.String()
}

// attach adds a file that is a PDF as far as a hub looks.
func (l *letter) attach(size int, r *rand.Rand) []byte {
	b := append(make([]byte, 0, size+16), "%PDF-1.4\n"...)
	for len(b) < size {
		b = append(b, byte(r.Uint32()))
	}
	b = append(b, "\n%%EOF\n"...)
	l.files = append(l.files, message.Attachment{Name: l.id + ".pdf", Type: "application/pdf", Content: b})
	return b
}

// write makes a new mail of a shape, or the next of a few, and enters it.
func (g *ledger) write(from person, shape string) (*posted, error) {
	g.mu.Lock()
	g.next++
	l := &letter{id: fmt.Sprintf("kill-%d", g.next), sent: time.Now().Truncate(time.Second), from: from, subject: shape, text: "Bonjour,\n"}
	g.mu.Unlock()
	file, err := shapes[shape](l, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	if err != nil {
		return nil, err
	}
	mail, err := l.compose()
	if err != nil {
		return nil, err
	}
	p := &posted{id: l.messageID(), shape: shape, from: from, to: l.to, mail: mail, sum: sha256.Sum256(mail)}
	g.mu.Lock()
	defer g.mu.Unlock()
	if file != nil {
		p.file = sha256.Sum256(file)
		g.files[p.file] = p
	}
	g.mails[p.id] = p
	return p, nil
}

// clone returns a ledger that says the same.
func (g *ledger) clone() *ledger {
	g.mu.Lock()
	defer g.mu.Unlock()
	same := newLedger()
	for id, p := range g.mails {
		q := *p
		same.mails[id] = &q
		if q.file != (digest{}) {
			same.files[q.file] = &q
		}
	}
	return same
}

func (g *ledger) try(p *posted) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.tries++
}

func (g *ledger) acknowledge(p *posted) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.acknowledged, p.mail = true, nil
}

func (g *ledger) isAcknowledged(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mails[id] != nil && g.mails[id].acknowledged
}

// complain notes a reply that should not have been.
func (g *ledger) complain(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, fmt.Sprintf(format, args...))
}

// postpone counts a reply that asks to try again later.
func (g *ledger) postpone() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.later++
}

// A tally counts what is in a ledger.
type tally struct{ acknowledged, filings, doubtful, retried, later int }

func (g *ledger) count() (n tally) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n.later = g.later
	for _, p := range g.mails {
		switch {
		case p.acknowledged:
			n.acknowledged++
			n.filings += len(p.to)
		case p.tries > 0:
			n.doubtful++
		}
		n.retried += max(0, p.tries-1)
	}
	return n
}

// traceFields are what final delivery puts before a mail.
var traceFields = regexp.MustCompile(`^Return-Path: <[^\r\n]*>\r\nReceived: [^\r\n]*\r\n(\t[^\r\n]*\r\n)+`)

// sumOfDelivered is the digest of a mail as it was submitted.
func sumOfDelivered(mail []byte) digest { return sha256.Sum256(mail[len(traceFields.Find(mail)):]) }
