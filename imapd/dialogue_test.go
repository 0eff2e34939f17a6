package imapd

import (
	"strings"
	"testing"
)

func TestGreetingAndLogin(t *testing.T) {
	h := start(t, nil)
	h.dial(t).play(`
		S: * OK [CAPABILITY IMAP4rev2 IMAP4rev1 ID SASL-IR LITERAL+ AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN]
		C: a CAPABILITY
		S: * CAPABILITY IMAP4rev2 IMAP4rev1 ID SASL-IR LITERAL+
		S: a OK
		C: b LOGIN ` + martin + ` wrong
		S: b NO [AUTHENTICATIONFAILED]
		C: c ` + login + `
		S: c OK [CAPABILITY IMAP4rev2 IMAP4rev1 ID
		C: d NAMESPACE
		S= * NAMESPACE (("" "/")) NIL NIL
		S: d OK
		C: e LOGOUT
		S: * BYE
		S: e OK
		EOF`)
}

func TestIDIsAnsweredBeforeLogin(t *testing.T) {
	h := start(t, nil)
	h.dial(t).play(`
		S: * OK
		C: a ID ("name" "Thunderbird")
		S= * ID ("name" "Vaguemestre")
		S= a OK ID completed
		C: b id NIL
		S: * ID
		S: b OK
		C: c ` + login + `
		S: c OK
		C: d ID NIL
		S: * ID
		S: d OK`)
}

func TestPipelinedCommandsAreAnsweredInOrder(t *testing.T) {
	h := start(t, nil)
	h.dial(t).play(`
		S: * OK
		C: a NOOP\r\nb ID NIL\r\nc ` + login + `\r\nd SELECT INBOX\r\ne ID NIL\r\nf NOOP
		S: a OK
		S: * ID
		S: b OK
		S: c OK
		…
		S: d OK
		S: * ID
		S: e OK
		S: f OK`)
}

func TestAuthenticatePlainAndLogin(t *testing.T) {
	h := start(t, nil)
	// "\x00dr.martin@ch-a.test\x00correct-horse", then the two in turn
	h.dial(t).play(`
		S: * OK
		C: a AUTHENTICATE PLAIN AGRyLm1hcnRpbkBjaC1hLnRlc3QAY29ycmVjdC1ob3JzZQ==
		S: a OK [CAPABILITY`)
	h.dial(t).play(`
		S: * OK
		C: a AUTHENTICATE LOGIN
		S: + VXNlcm5hbWU6
		C: ZHIubWFydGluQGNoLWEudGVzdA==
		S: + UGFzc3dvcmQ6
		C: Y29ycmVjdC1ob3JzZQ==
		S: a OK`)
	h.dial(t).play(`
		S: * OK
		C: a AUTHENTICATE PLAIN
		S: +
		C: *
		S: a BAD
		C: b AUTHENTICATE PLAIN AGFAYi50ZXN0AHdyb25n
		S: b NO [AUTHENTICATIONFAILED]
		C: c AUTHENTICATE CRAM-MD5
		S: c NO
		C: d AUTHENTICATE PLAIN ?
		S: d BAD
		C: e ` + login + `
		S: e OK`)
}

func TestListShowsUsesAndChildren(t *testing.T) {
	h := start(t, nil)
	c := h.session(t)
	c.play(`
		C: a LIST "" *
		S= * LIST (\HasNoChildren \Archive) "/" "Archive"
		S= * LIST (\Noselect \HasChildren) "/" "Documents"
		S= * LIST (\HasNoChildren) "/" "Documents/Ordonnances"
		S= * LIST (\HasNoChildren \Drafts) "/" "Drafts"
		S= * LIST (\HasNoChildren) "/" INBOX
		S= * LIST (\HasNoChildren \Sent) "/" "Sent"
		S= * LIST (\HasNoChildren \Trash) "/" "Trash"
		S: a OK
		C: b LIST "" ""
		S= * LIST (\Noselect) "/" ""
		S: b OK
		C: c LIST "" %
		…
		S= * LIST (\Noselect \HasChildren) "/" "Documents"
		S= * LIST (\HasNoChildren \Drafts) "/" "Drafts"
		…
		S: c OK
		C: d LIST "Documents/" %
		S= * LIST (\HasNoChildren) "/" "Documents/Ordonnances"
		S: d OK
		C: e LIST (SPECIAL-USE) "" "S*" RETURN (SUBSCRIBED CHILDREN)
		S= * LIST (\HasNoChildren \Sent \Subscribed) "/" "Sent"
		S: e OK
		C: f LIST "" inbox RETURN (STATUS (MESSAGES UIDNEXT UNSEEN SIZE DELETED RECENT UIDVALIDITY APPENDLIMIT DELETED-STORAGE))
		S= * LIST (\HasNoChildren) "/" INBOX
		S= * STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1001 UNSEEN 0 DELETED 0 SIZE 0 APPENDLIMIT 52428800 DELETED-STORAGE 0 RECENT 0)
		S: f OK
		C: g UNSUBSCRIBE Trash
		S: g OK
		C: h SUBSCRIBE Documents/Ordonnances
		S: h OK
		C: i LSUB "" *
		S: * LSUB (\HasNoChildren \Archive) "/" "Archive"
		S: * LSUB (\HasNoChildren) "/" "Documents/Ordonnances"
		…
		S: * LSUB (\HasNoChildren \Sent) "/" "Sent"
		S: i OK
		C: j LIST (SUBSCRIBED RECURSIVEMATCH) "" "Doc%"
		S= * LIST (\Noselect \HasChildren) "/" "Documents" (CHILDINFO ("SUBSCRIBED"))
		S: j OK`)
}

func TestFoldersAreMadeRenamedAndDeleted(t *testing.T) {
	h := start(t, nil)
	c := h.session(t)
	c.play(`
		C: a CREATE Patients/
		S: a OK
		C: b CREATE Patients
		S: b NO [ALREADYEXISTS]
		C: c CREATE "Patients/Th&AOk-"
		S: c OK
		C: d LIST "" Pat*
		S= * LIST (\HasChildren) "/" "Patients"
		S= * LIST (\HasNoChildren) "/" "Patients/Th&AOk-"
		S: d OK
		C: e DELETE Patients
		S: e NO [HASCHILDREN]
		C: f RENAME Patients Suivi
		S: f OK
		C: g ENABLE IMAP4rev2
		S= * ENABLED IMAP4rev2
		S: g OK
		C: h LIST "" Sui*
		S: * LIST (\HasChildren) "/" "Suivi"
		S= * LIST (\HasNoChildren) "/" "Suivi/Thé"
		S: h OK
		C: i DELETE Suivi/Thé
		S: i OK
		C: j DELETE Suivi
		S: j OK
		C: k SELECT Suivi
		S: * OK [CLOSED]
		S: k NO [NONEXISTENT]
		C: l CREATE "a//b"
		S: l NO [CANNOT]
		C: m CREATE "a*"
		S: m NO [CANNOT]
		C: n CREATE New (USE (\Junk))
		S: n NO [USEATTR]
		C: o DELETE Trash
		S: o NO [CANNOT]
		C: p RENAME INBOX Other
		S: p NO [CANNOT]
		C: q RENAME Nowhere Other
		S: q NO [NONEXISTENT]
		C: r DELETE "Documents/Ordonnances"
		S: r NO [CANNOT]
		C: s RENAME "Documents/Ordonnances" x
		S: s NO [CANNOT]
		C: t CREATE Documents/Mine
		S: t NO [CANNOT]
		C: u SELECT Documents
		S: u NO [NONEXISTENT]`)
}

func TestSelectTellsOneMoment(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	b.file("INBOX", crlfs(report))
	c := h.dial(t)
	c.play(`
		S: * OK
		C: l ` + login + `
		S: l OK
		C: a SELECT INBOX
		S= * 2 EXISTS
		S= * 0 RECENT
		S= * OK [UNSEEN 1] First unseen message
		S: * OK [UIDVALIDITY 1001]
		S: * OK [UIDNEXT 3]
		S= * FLAGS (\Seen \Answered \Flagged \Deleted \Draft)
		S: * OK [PERMANENTFLAGS (\Seen \Answered \Flagged \Deleted \Draft \*)]
		S: a OK [READ-WRITE]
		C: b STATUS INBOX (MESSAGES UNSEEN)
		S= * STATUS INBOX (MESSAGES 2 UNSEEN 2)
		S: b OK
		C: c UNSELECT
		S: c OK
		C: d FETCH 1 FLAGS
		S: d BAD
		C: e ENABLE IMAP4rev2 UTF8=ACCEPT
		S: * ENABLED
		S: e OK
		C: f EXAMINE INBOX
		S= * 2 EXISTS
		S: * OK [UIDVALIDITY 1001]
		S: * OK [UIDNEXT 3]
		S: * FLAGS
		S: * OK [PERMANENTFLAGS ()]
		S= * LIST (\HasNoChildren) "/" INBOX
		S: f OK [READ-ONLY]`)
}

func TestFetchListing(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	b.file("INBOX", crlfs(report))
	c := h.session(t)
	c.play(`
		C: a FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)
		S= * 1 FETCH (UID 1 FLAGS () INTERNALDATE " 2-Mar-2026 10:20:30 +0000" RFC822.SIZE 213 ENVELOPE ("Mon, 2 Mar 2026 11:20:30 +0100" "=?utf-8?q?R=C3=A9sultats?=" (("Dr Claire Martin" NIL "dr.martin" "ch-a.test")) (("Dr Claire Martin" NIL "dr.martin" "ch-a.test")) (("Dr Claire Martin" NIL "dr.martin" "ch-a.test")) ((NIL NIL "patient" "patient.test")) NIL NIL NIL "<one@ch-a.test>"))
		S: a OK
		C: b UID FETCH 2:* BODYSTRUCTURE
		S= * 2 FETCH (UID 2 BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 21 1 NIL NIL NIL NIL)("application" "pdf" ("name" "bio.pdf") NIL NIL "base64" 12 NIL ("attachment" ("filename" "bio.pdf")) NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL))
		S: b OK
		C: c FETCH 2 (BODY BODYSTRUCTURE)
		S: * 2 FETCH (BODY (("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 21 1)("application" "pdf" ("name" "bio.pdf") NIL NIL "base64" 12) "mixed") BODYSTRUCTURE (
		S: c OK
		C: d FETCH 2 FULL
		S: * 2 FETCH (FLAGS () INTERNALDATE
		S: d OK
		C: e ENABLE UTF8=ACCEPT
		S: * ENABLED
		S: e OK
		C: f FETCH 1 ENVELOPE
		S: * 1 FETCH (ENVELOPE ("Mon, 2 Mar 2026 11:20:30 +0100" "Résultats"
		S: f OK
		C: g FETCH 3:9 FLAGS
		S: g OK`)
}

func TestFetchSections(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	b.file("INBOX", crlfs(report))
	c := h.session(t)
	c.play(`
		C: a FETCH 1 BODY.PEEK[TEXT]
		S= * 1 FETCH (BODY[TEXT] {33}\r\nBonjour, voici le compte rendu.\r\n)
		S: a OK
		C: b FETCH 1 BODY.PEEK[TEXT]<8.6>
		S= * 1 FETCH (BODY[TEXT]<8> {6}\r\n voici)
		S: b OK
		C: c FETCH 1 BODY.PEEK[]<9999.10>
		S= * 1 FETCH (BODY[]<9999> {0}\r\n)
		S: c OK
		C: d FETCH 2 BODY.PEEK[HEADER.FIELDS (Subject X-Priority)]
		S= * 2 FETCH (BODY[HEADER.FIELDS ("Subject" "X-Priority")] {36}\r\nSubject: Biologie\r\nX-Priority: 1\r\n\r\n)
		S: d OK
		C: e FETCH 2 (BODY.PEEK[2] BODY.PEEK[2.MIME]<0.12> BODY.PEEK[3])
		S= * 2 FETCH (BODY[2] {12}\r\nJVBERi0xLjQK BODY[2.MIME]<0> {12}\r\nContent-Type BODY[3] NIL)
		S: e OK
		C: f UID FETCH 2 (BINARY.PEEK[1] BINARY.SIZE[2] BINARY.PEEK[2]<1.3>)
		S= * 2 FETCH (UID 2 BINARY[1] ~{17}\r\nGlycémie normale BINARY[2]<1> ~{3}\r\nPDF BINARY.SIZE[2] 9)
		S: f OK
		C: g FETCH 2 BINARY[]
		S: * 2 FETCH (BINARY[] ~{
		S: * 2 FETCH (UID 2 FLAGS (\Seen))
		S: g OK
		C: h FETCH 1 RFC822.HEADER
		S: * 1 FETCH (RFC822.HEADER {
		S: h OK
		C: i FETCH 1 RFC822.TEXT
		S= * 1 FETCH (RFC822.TEXT {33}\r\nBonjour, voici le compte rendu.\r\n)
		S= * 1 FETCH (UID 1 FLAGS (\Seen))
		S: i OK`)
}

func TestOneStoreMarksAWholeFetchSeen(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	for range 10 {
		b.file("INBOX", crlfs(note))
	}
	c := h.session(t)
	c.play(`
		C: a FETCH 1:* BODY[]
		…
		S: * 10 FETCH (UID 10 FLAGS (\Seen))
		S: a OK
		C: b FETCH 1:* BODY[]
		…
		S: b OK`)
	if n := h.hub.called("SetFlags"); n != 1 {
		t.Errorf("SetFlags called %d times, want 1", n)
	}
	if n := h.hub.called("Entries"); n != 0 {
		t.Errorf("whole bodies asked for Entries %d times, want 0", n)
	}
}

func TestStoreExpungeCopyMove(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	for range 5 {
		b.file("INBOX", crlfs(note))
	}
	c := h.session(t)
	c.play(`
		C: a STORE 1:2 +FLAGS (\Deleted $Forwarded)
		S= * 1 FETCH (FLAGS (\Deleted $Forwarded))
		S= * 2 FETCH (FLAGS (\Deleted $Forwarded))
		S: a OK
		C: b UID STORE 2 -FLAGS.SILENT \Deleted
		S: b OK
		C: c UID STORE 3 FLAGS (\Seen)
		S= * 3 FETCH (FLAGS (\Seen) UID 3)
		S: c OK
		C: d COPY 1,3 Archive
		S= d OK [COPYUID 1005 1,3 1:2] COPY completed
		C: e COPY 1 Nowhere
		S: e NO [TRYCREATE]
		C: f EXPUNGE
		S= * 1 EXPUNGE
		S: f OK
		C: g FETCH 1:* UID
		S= * 1 FETCH (UID 2)
		S= * 2 FETCH (UID 3)
		S= * 3 FETCH (UID 4)
		S= * 4 FETCH (UID 5)
		S: g OK
		C: h MOVE 2:3 Trash
		S= * OK [COPYUID 1004 3:4 1:2] COPY completed
		S= * 2 EXPUNGE
		S= * 2 EXPUNGE
		S: h OK
		C: i STORE 1:2 +FLAGS.SILENT (\Deleted)
		S: i OK
		C: j UID EXPUNGE 5:9
		S= * 2 EXPUNGE
		S: j OK
		C: J STORE 1 -FLAGS.SILENT (\Deleted)
		S: J OK
		C: K UID EXPUNGE 1:*
		S: K OK
		C: L STORE 1 +FLAGS.SILENT (\Deleted)
		S: L OK
		C: k STORE 1 +FLAGS (\Nonsense)
		S: k BAD
		C: l STORE 1 +FLAGS (` + strings.Repeat("k", 65) + `)
		S: l NO [LIMIT]
		C: m CLOSE
		S: m OK
		C: n STATUS INBOX (MESSAGES)
		S= * STATUS INBOX (MESSAGES 0)
		S: n OK`)
}

func TestAppend(t *testing.T) {
	h := start(t, nil)
	c := h.session(t)
	c.play(`
		C: a APPEND INBOX (\Seen Mine) "17-Jul-2025 02:44:25 +0200" {21}
		S: + Ready
		C: Subject: x\r\n\r\nbonjour
		S= * 1 EXISTS
		S= a OK [APPENDUID 1001 1] APPEND completed
		C: b APPEND INBOX {21+}\r\nSubject: y\r\n\r\nbonjour
		S= * 2 EXISTS
		S= b OK [APPENDUID 1001 2] APPEND completed
		C: c FETCH 1:* (FLAGS INTERNALDATE)
		S= * 1 FETCH (FLAGS (\Seen Mine) INTERNALDATE "17-Jul-2025 00:44:25 +0000")
		S= * 2 FETCH (FLAGS () INTERNALDATE "21-Nov-2026 09:00:00 +0000")
		S: c OK
		C: d APPEND Nowhere {21+}\r\nSubject: y\r\n\r\nbonjour
		S: d NO [TRYCREATE]
		C: e APPEND Documents/Ordonnances {21+}\r\nSubject: y\r\n\r\nbonjour
		S: e NO [CANNOT]
		C: f APPEND Drafts UTF8 (~{21+}\r\nSubject: y\r\n\r\nbonjour)
		S: f OK [APPENDUID 1003 1]
		C: g APPEND Drafts ~{21+}\r\nSubject: z\r\n\r\nbonjour
		S: g OK [APPENDUID 1003 2]
		C: h APPEND Drafts (\Draft) {5}
		S: + Ready
		C: hello
		S: h NO [CANNOT]
		C: i NOOP
		S: i OK`)
	if got := h.hub.box(martin).raws("INBOX"); len(got) != 2 || got[0] != "Subject: x\r\n\r\nbonjour" {
		t.Errorf("filed %q", got)
	}
}

func TestExaminedChangesInNothing(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	h.session(t).play(`
		C: a STORE 1 +FLAGS (\Deleted)
		S: * 1 FETCH
		S: a OK
		C: b EXAMINE INBOX
		…
		S: b OK [READ-ONLY]
		C: c STORE 1 -FLAGS (\Deleted)
		S: c NO [NOPERM]
		C: d EXPUNGE
		S: d NO [NOPERM]
		C: e UID EXPUNGE 1
		S: e NO [NOPERM]
		C: f MOVE 1 Trash
		S: f NO [NOPERM]
		C: g FETCH 1 BODY[TEXT]
		S: * 1 FETCH (BODY[TEXT]
		S: g OK
		C: h COPY 1 Archive
		S: h OK [COPYUID
		C: i CLOSE
		S: i OK
		C: j STATUS INBOX (MESSAGES UNSEEN)
		S= * STATUS INBOX (MESSAGES 1 UNSEEN 1)
		S: j OK`)
}

func TestAShelfKeepsSeenAndNothingElse(t *testing.T) {
	h := start(t, nil)
	h.hub.box(martin).file("Documents/Ordonnances", crlfs(report))
	h.session(t).play(`
		C: a SELECT Documents/Ordonnances
		…
		S: * OK [PERMANENTFLAGS (\Seen)]
		S: a OK
		C: b STORE 1 +FLAGS (\Deleted)
		S: b NO [CANNOT]
		C: c STORE 1 +FLAGS ($Label1)
		S: c NO [CANNOT]
		C: d FETCH 1 BODY[1]
		S: * 1 FETCH (BODY[1]
		S= * 1 FETCH (UID 1 FLAGS (\Seen))
		S: d OK
		C: e STORE 1 -FLAGS (\Seen)
		S= * 1 FETCH (FLAGS ())
		S: e OK
		C: f EXPUNGE
		S: f NO [CANNOT]
		C: g MOVE 1 Trash
		S: g NO [CANNOT]
		C: h COPY 1 Documents/Ordonnances
		S: h NO [CANNOT]
		C: i COPY 1 Archive
		S: i OK [COPYUID
		C: j CLOSE
		S: j OK`)
}

func TestIdleTellsWhatHappens(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	c := h.session(t)
	c.play(`
		C: a IDLE
		S: + idling`)
	b.file("INBOX", crlfs(note))
	c.play(`S= * 1 EXISTS`)
	other := h.session(t)
	other.play(`
		C: a STORE 1 +FLAGS (\Deleted)
		S: * 1 FETCH
		S: a OK`)
	c.play(`S= * 1 FETCH (UID 1 FLAGS (\Deleted))`)
	other.play(`
		C: b EXPUNGE
		S= * 1 EXPUNGE
		S: b OK`)
	c.play(`
		S= * 1 EXPUNGE
		C: done
		S: a OK
		C: b IDLE
		S: +
		C: NOOP
		S: * BYE
		EOF`)
}

// sora#4: numbers must be right for a client that has not been told yet.
func TestNumbersUnderConcurrentExpunge(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	for range 4 {
		b.file("INBOX", crlfs(note))
	}
	slow, fast := h.session(t), h.session(t)
	fast.play(`
		C: a STORE 2 +FLAGS (\Deleted)
		S: * 2 FETCH
		S: a OK
		C: b EXPUNGE
		S= * 2 EXPUNGE
		S: b OK`)
	b.file("INBOX", crlfs(note))
	fast.play(`
		C: c NOOP
		S= * 4 EXISTS
		S: c OK`)
	slow.play(`
		C: a FETCH 1:4 UID
		S= * 1 FETCH (UID 1)
		S= * 3 FETCH (UID 3)
		S= * 4 FETCH (UID 4)
		S: a OK
		C: b STORE 3 +FLAGS (\Flagged)
		S= * 3 FETCH (FLAGS (\Flagged))
		S: b OK
		C: c UID FETCH 5 UID
		S: * 2 EXPUNGE
		S= * 4 EXISTS
		S: c OK
		C: d FETCH 4 UID
		S= * 4 FETCH (UID 5)
		S: d OK`)
	fast.play(`
		C: d FETCH 2 (UID FLAGS)
		S= * 2 FETCH (UID 3 FLAGS (\Flagged))
		S= * 2 FETCH (UID 3 FLAGS (\Flagged))
		S: d OK`)
}
