package imapd

import "testing"

func TestSearchKeys(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))   // 1
	b.file("INBOX", crlfs(report)) // 2
	b.file("INBOX", crlfs(emptyMultipart))
	c := h.session(t)
	c.play(`
		C: s STORE 2 +FLAGS.SILENT (\Seen \Flagged Urgent)
		S: s OK`)
	for _, s := range []struct{ keys, want string }{
		{"ALL", " 1 2 3"},
		{"SEEN", " 2"},
		{"UNSEEN", " 1 3"},
		{"NOT SEEN", " 1 3"},
		{"KEYWORD urgent", " 2"},
		{"UNKEYWORD Urgent", " 1 3"},
		{"NEW", ""},
		{"OLD", " 1 2 3"},
		{"RECENT", ""},
		{"2:*", " 2 3"},
		{"UID 1,3", " 1 3"},
		{"UID 7:*", " 3"},
		{"OR FLAGGED UID 1", " 1 2"},
		{"LARGER 200 SMALLER 300", " 1"},
		{"SINCE 2-Mar-2026", " 1 2 3"},
		{"BEFORE 2-Mar-2026", ""},
		{"ON 2-Mar-2026", " 1 2 3"},
		{"SENTON 3-Mar-2026", " 2"},
		{"SENTBEFORE 3-Mar-2026", " 1 3"},
		{"SENTSINCE 3-Mar-2026", " 2"},
		{"FROM martin", " 1"},
		{`FROM "claire martin"`, " 1"},
		{"TO patient@patient.test", " 1"},
		{"SUBJECT resultats", " 1"},
		{`CHARSET UTF-8 SUBJECT {10+}\r\nRÉSULTATS`, " 1"},
		{"HEADER X-Priority 1", " 2"},
		{`HEADER X-Priority ""`, " 2"},
		{`HEADER Message-ID "<two@"`, " 2"},
		{"BODY glycémie", " 2"},
		{"BODY biologie", ""},
		{"TEXT biologie", " 2"},
		{`TEXT "compte rendu"`, " 1"},
		{"NOT TEXT glycemie", " 1 3"},
		{"OR (FROM labo BODY normale) (SUBJECT vide)", " 2 3"},
		{"NOT (OR TEXT glycemie NOT FROM martin)", " 1"},
	} {
		c.play("C: q SEARCH " + s.keys + "\nS= * SEARCH" + s.want + "\nS: q OK")
	}
	c.play(`
		C: a SEARCH CHARSET KOI8-R ALL
		S: a NO [BADCHARSET
		C: b SEARCH YOUNGER 10
		S: b BAD
		C: c UID SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN
		S= * ESEARCH (TAG "c") UID ALL 1,3 MIN 1 MAX 3 COUNT 2
		S: c OK
		C: d SEARCH RETURN (COUNT) SUBJECT nothing
		S= * ESEARCH (TAG "d") COUNT 0
		S: d OK
		C: e UID SEARCH RETURN (SAVE COUNT) UNSEEN
		S: * ESEARCH
		S: e OK
		C: f FETCH $ UID
		S= * 1 FETCH (UID 1)
		S= * 3 FETCH (UID 3)
		S: f OK
		C: g SEARCH RETURN (MIN SAVE) ALL
		S: * ESEARCH
		S: g OK
		C: h SEARCH $
		S= * SEARCH 1
		S: h OK
		C: i UID STORE $ +FLAGS (\Answered)
		S= * 1 FETCH (FLAGS (\Answered) UID 1)
		S: i OK`)
}

func TestASearchOnFlagsReadsNothing(t *testing.T) {
	h := start(t, nil)
	b := h.hub.box(martin)
	b.file("INBOX", crlfs(note))
	h.session(t).play(`
		C: a SEARCH SEEN TEXT bonjour
		S= * SEARCH
		S: a OK
		C: b SEARCH OR UNSEEN TEXT bonjour
		S= * SEARCH 1
		S: b OK`)
	if n := h.hub.called("Texts") + h.hub.called("Entries"); n != 0 {
		t.Errorf("the texts were read %d times for a search that flags decide", n)
	}
}
