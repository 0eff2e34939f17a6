package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"time"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/message"
	"vaguemestre/vault"
)

// bring adds to what the demo tells what the pages show, too: mails and documents
// of every kind, for a patient and for a child.
func (p *portal) bring(ctx context.Context) error {
	var errs []error
	for i, to := range []person{dominique, theo} {
		errs = append(errs, p.sendFormatted(ctx, to), p.sendResults(ctx, to, i), p.fileCover(ctx, to, i))
	}
	a := p.entries[dominique.address].Actor
	return errors.Join(append(errs, p.hub.GrantAdministrator(ctx, a, string(a.Part), at(thomas)))...)
}

// sendFormatted sends a mail that is in HTML alone.
func (p *portal) sendFormatted(ctx context.Context, to person) error {
	l := p.draft(to, "Journée de prévention", "")
	return p.mail(ctx, to, l, `<h1>Journée de prévention</h1><p>Venez <a href="https://example.org/">vous informer</a>.</p><img src="https://example.org/pixel.png">`)
}

// results are those of the demo, of somebody.
func results(of person, i int) labReport {
	now := clock().Truncate(time.Second)
	return labReport{
		UniqueID: fmt.Sprint("1.2.250.1.999.10.2.77.", i), Number: fmt.Sprint(7700 + i), Sampled: now.AddDate(0, 0, -2), Issued: now.AddDate(0, 0, -1),
		Patient: of, Lab: lab, Results: []labResult{{"TSH", "2,04", "mUI/L", "0,40 – 4,00"}}, Comment: "Rien à signaler.",
	}
}

// sendResults sends a structured document with a PDF of the same, and one that is
// but the cover of a PDF.
func (p *portal) sendResults(ctx context.Context, to person, i int) error {
	r := results(to, i)
	zip, err := r.zip()
	if err != nil {
		return err
	}
	l := p.draft(to, "Vos résultats", "Bonjour,\n\nVoici vos résultats.\n")
	l.files = []message.Attachment{
		{Name: "IHE_XDM.ZIP", Type: "application/zip", Content: zip},
		{Name: "IHE_XDM.PDF", Type: "application/pdf", Content: r.sheet().pdf()},
	}
	if err := p.mail(ctx, to, l, ""); err != nil {
		return err
	}
	scanned, err := cover(results(to, 20+i))
	if err != nil {
		return err
	}
	l = p.draft(to, "Vos résultats numérisés", "Bonjour,\n\nEt les voici numérisés.\n")
	l.files = []message.Attachment{{Name: "numerise.xml", Type: cda.MediaType, Content: scanned}}
	return p.mail(ctx, to, l, "")
}

func (p *portal) draft(to person, subject, text string) *letter {
	now := clock()
	return &letter{id: fmt.Sprint("portal-", now.UnixNano()), sent: now.Truncate(time.Second), to: []person{to}, subject: subject, text: text}
}

// mail sends a letter of the physician of the demo by SMTP, as a practice does.
func (p *portal) mail(ctx context.Context, to person, l *letter, html string) error {
	var err error
	if l.from, err = p.account(thomas); err != nil {
		return err
	}
	mail, err := l.compose()
	if html != "" {
		mail, err = message.Compose(message.Draft{
			From: addressList(l.from), To: addressList(to), Date: l.sent, MessageID: l.messageID(), Subject: l.subject, HTML: html,
			Header: []message.HeaderField{{Name: "X-MSS-NIL", Value: "VAGUEMESTRE-DEMO"}},
		}, rand.Reader)
	}
	if err != nil {
		return err
	}
	return p.post.send(ctx, l.from.address, l.from.password, []string{to.address}, mail)
}

var structured = regexp.MustCompile(`(?s)<structuredBody>.*</structuredBody>`)

// cover is a CDA that holds nothing but a PDF.
func cover(r labReport) ([]byte, error) {
	b, err := r.cda()
	body := `<nonXMLBody><text mediaType="application/pdf" representation="B64">` + base64.StdEncoding.EncodeToString(r.sheet().pdf()) + `</text></nonXMLBody>`
	return structured.ReplaceAll(b, []byte(body)), err
}

func (p *portal) fileCover(ctx context.Context, of person, i int) error {
	r := results(of, 10+i)
	scanned, err := cover(r)
	if err != nil {
		return err
	}
	a, err := p.physician(ctx)
	if err != nil {
		return err
	}
	v, err := p.hub.FindPatient(ctx, a, of.matricule)
	if err != nil {
		return err
	}
	_, err = p.hub.AddDocuments(ctx, a, v.ID, []hub.Submission{{
		Entry: vault.Entry{
			TypeCode: "11502-2", FormatCode: "urn:ihe:iti:xds-sd:pdf:2008", MediaType: cda.MediaType, Title: "Résultats numérisés",
			UniqueID: r.UniqueID, Created: r.Issued, ServiceStart: r.Sampled,
		},
		Content: scanned,
	}})
	return err
}
