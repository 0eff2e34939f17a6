package hub

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // the hash that XDS asks for
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"mime"
	"reflect"
	"slices"
	"strings"

	"vaguemestre/internal/cda"
	"vaguemestre/internal/document"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

// maxDeposit is the size of a document that a patient may deposit, in bytes.
const maxDeposit = 50 << 20

// deposits are the forms of file that a patient may deposit.
var deposits = []string{"application/pdf", "text/plain", "application/rtf", "image/jpeg", "image/png", "image/tiff", cda.MediaType}

// ownDocument is the type of what its owner deposits without saying what it is:
// another document of the patient's.
const ownDocument = "EXPPAT_2"

// filable are the flags that whoever files a document may give it.
const filable = vault.Masked | vault.HiddenFromPatient | vault.HiddenFromRepresentatives | vault.Archived

// examine looks into the documents of a lot and says of each what is to be kept.
func (l *lot) examine(list []Submission) error {
	seen := map[string]bool{}
	for _, s := range list {
		e, flags, err := l.look(s)
		if err != nil {
			return err
		}
		if e.UniqueID != "" && seen[e.UniqueID] {
			return fmt.Errorf("hub: add documents: a uniqueId twice: %w", fault.Invalid)
		}
		seen[e.UniqueID] = true
		l.documents = append(l.documents, sealedDocument{entry: e, flags: flags})
		l.contents = append(l.contents, s.Content)
	}
	return nil
}

func (l *lot) look(s Submission) (e vault.Entry, flags vault.Flags, err error) {
	switch {
	case len(s.Content) == 0, s.Flags&^filable != 0:
		return e, 0, fmt.Errorf("hub: add documents: %w", fault.Invalid)
	case l.actor.Role != policy.Patient && int64(len(s.Content)) > max(l.h.Limits.PatientMail, maxDeposit):
		return e, 0, fmt.Errorf("hub: add documents: %w", fault.TooLarge)
	}
	e = l.begin(s)
	if !strings.EqualFold(s.Entry.SHA1, e.SHA1) && s.Entry.SHA1 != "" {
		return e, 0, &notAsDescribed
	}
	if flags, err = l.lookInto(s, &e); err != nil {
		return e, 0, err
	}
	if s.Replaces != "" {
		e.Replaces = []string{s.Replaces}
	}
	return e, s.Flags | flags, l.complete(&e)
}

// begin takes what the author says of a document, and replaces what is the
// hub's to say.
func (l *lot) begin(s Submission) vault.Entry {
	a, e := l.actor, s.Entry
	e.EntryUUID = vault.NewID()
	e.LogicalID, e.MessageID, e.Object = e.EntryUUID, "", ""
	e.Rendition, e.RenditionName, e.RenditionSize = "", "", 0
	e.Doubts, e.Replaces = nil, nil
	e.Sender, e.FiledBy, e.Establishment, e.Depositor = a.Address.Canonical(), string(a.Part), a.Establishment, ""
	if a.Role == policy.Patient {
		e.Depositor = vault.ByRepresentative
		if a.Part == l.part {
			e.Depositor = vault.ByPatient
		}
	}
	e.Filed, e.Size = l.h.Now().UTC(), int64(len(s.Content))
	e.SHA1, e.SHA256 = sums(s.Content)
	return e
}

// lookInto reads the file. What a CDA says of itself is believed where nothing
// else is said, and must not be contradicted.
func (l *lot) lookInto(s Submission, e *vault.Entry) (vault.Flags, error) {
	found, err := document.Find(document.Input{
		Attachments: []document.Attachment{{FileName: fileName(*e), MediaType: e.MediaType, Data: s.Content}},
		Sender:      l.actor.Name, Date: e.Filed,
	}, document.Limits{})
	switch {
	case err != nil:
		return 0, fmt.Errorf("hub: add documents: %w", err)
	case len(found.Unread) > 0:
		return 0, &unreadable
	case len(found.Documents) == 0:
		e.MediaType = safeMedia(e.MediaType)
		return 0, l.accepts(e, s.Content)
	case len(found.Documents) > 1 || found.Documents[0].Files[0].Path != "": // a package, and no document
		return 0, &notAsDescribed
	}
	d := found.Documents[0]
	e.MediaType = d.MediaType
	if err := l.accepts(e, s.Content); err != nil || !d.IsCDA() {
		return 0, err
	}
	differ := func(said, is string) bool { return said != "" && is != "" && said != is }
	if differ(e.UniqueID, d.UniqueID) || differ(e.TypeCode, d.Type.Code) {
		return 0, &notAsDescribed
	}
	own := entryOf(d)
	if own.Restricted() {
		e.Confidentiality = own.Confidentiality
	}
	fillEntry(e, own)
	return flagsOf(d.Confidentiality), l.identify(d)
}

// accepts refuses what is no form of document that the actor may bring. What a
// patient brings is what it says it is.
func (l *lot) accepts(e *vault.Entry, content []byte) error {
	if l.actor.Role == policy.Patient && (e.Size > maxDeposit || !slices.Contains(deposits, e.MediaType) || !document.Genuine(e.MediaType, content)) {
		return &notADeposit
	}
	return nil
}

// identify holds a CDA against the patient whose record it is for. A
// professional has a doubtful one corrected before it is in the record; a
// patient may deposit what others wrote as they wrote it.
func (l *lot) identify(d document.Document) error {
	v := document.CheckIdentity(d, []document.Person{l.person}, l.h.TestMode)
	switch {
	case v.Outcome == document.WrongPatient:
		return &wrongPatient
	case l.actor.Role == policy.Patient:
		return nil
	case len(v.Reasons) > 0:
		return byCode[v.Reasons[0].Code()]
	case v.Incomplete:
		return &incompleteTraits
	}
	return nil
}

// complete says what follows from the rest, or from who files.
func (l *lot) complete(e *vault.Entry) error {
	a := l.actor
	if e.TypeCode == "" && a.Role == policy.Patient {
		e.TypeCode = ownDocument
	}
	if e.TypeCode == "" || len(e.TypeCode) > 64 || len(e.UniqueID) > 256 {
		return fmt.Errorf("hub: add documents: type or uniqueId: %w", fault.Invalid)
	}
	tidy(e)
	t, _ := cda.TypeByCode(e.TypeCode)
	e.Class, e.Shelf = cmp.Or(e.Class, t.Class.Code), t.Shelf.Code
	e.Title = cmp.Or(e.Title, t.Label, e.TypeCode)
	e.Confidentiality = cmp.Or(e.Confidentiality, "N")
	if e.Created.IsZero() {
		e.Created = e.Filed
	}
	if e.Author == (vault.Author{}) {
		e.Author = vault.Author{Name: a.Name, Profession: string(a.Profession), Organisation: a.Organisation}
		if a.RPPS != "" {
			e.Author.ID = "8" + a.RPPS
		}
	}
	if text, err := json.Marshal(e); err != nil || len(text) > maxEntry {
		return fmt.Errorf("hub: add documents: what is said of one: %w", fault.TooLarge)
	}
	return nil
}

// maxEntry bounds what may be said of a document, in bytes.
const maxEntry = 32 << 10

// tidy makes what people read of an entry fit to be read.
func tidy(e *vault.Entry) {
	for _, s := range []*string{
		&e.Title, &e.FileName, &e.Comments, &e.Set.Title, &e.Facility.Display, &e.PracticeSetting.Display,
		&e.Author.Name, &e.Author.Specialty, &e.Author.Organisation,
		&e.Authenticator.Name, &e.Authenticator.Specialty, &e.Authenticator.Organisation,
	} {
		*s = document.Line(*s)
	}
}

// fillEntry gives an entry what it lacks from another.
func fillEntry(e *vault.Entry, from vault.Entry) {
	to, v := reflect.ValueOf(e).Elem(), reflect.ValueOf(from)
	for i := range to.NumField() {
		if to.Field(i).IsZero() {
			to.Field(i).Set(v.Field(i))
		}
	}
}

// entryOf says what a document says of itself.
func entryOf(d document.Document) vault.Entry {
	return vault.Entry{
		UniqueID: d.UniqueID, TypeCode: d.Type.Code, Class: d.Type.Class.Code, Shelf: d.Type.Shelf.Code,
		FormatCode: d.FormatCode, MediaType: d.MediaType, Title: d.Title, Language: d.Language,
		Facility: vault.Code(d.Facility), PracticeSetting: vault.Code(d.PracticeSetting), EventCodes: codesOf(d.Events),
		Confidentiality: confidentialityOf(d.Confidentiality),
		Created:         d.Created, ServiceStart: d.ServiceStart, ServiceStop: d.ServiceStop,
		Author: vault.Author(d.Author), Authenticator: vault.Author(d.Authenticator), Replaces: d.Replaces,
		Set: vault.SubmissionSet{ID: d.Set.UniqueID, Source: d.Set.SourceID, Title: d.Set.Title,
			ContentType: vault.Code(d.Set.ContentType), Time: d.Set.Submitted},
	}
}

func codesOf(list []cda.Code) (codes []vault.Code) {
	for _, c := range list {
		codes = append(codes, vault.Code(c))
	}
	return codes
}

func confidentialityOf(c document.Confidentiality) string {
	switch {
	case c.VeryRestricted:
		return "V"
	case c.Restricted:
		return "R"
	}
	return "N"
}

// flagsOf gives the confidentiality codes that are states of a document.
func flagsOf(c document.Confidentiality) (f vault.Flags) {
	for flag, set := range map[vault.Flags]bool{
		vault.Masked: c.Masked, vault.HiddenFromPatient: c.HiddenFromPatient, vault.HiddenFromRepresentatives: c.HiddenFromRepresentatives,
	} {
		if set {
			f |= flag
		}
	}
	return f
}

// sums returns the SHA-1, which XDS asks for, and the SHA-256, which can be
// relied on, in hexadecimal.
func sums(content []byte) (short, long string) {
	return fmt.Sprintf("%x", sha1.Sum(content)), fmt.Sprintf("%x", sha256.Sum256(content))
}

// safeMedia returns a media type without parameters, of bytes if it is none.
func safeMedia(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || len(t) > 100 || !strings.Contains(t, "/") || strings.HasPrefix(t, "multipart/") || strings.HasPrefix(t, "message/") {
		return "application/octet-stream"
	}
	return t
}

// personOf gives the owner of a space as the identity of documents is held
// against.
func personOf(sp patient.Space) document.Person {
	m, _ := ident.ParseMatricule(sp.Matricule)
	t := sp.Traits
	return document.Person{Matricule: m, Traits: cda.Traits{
		BirthName: t.BirthName, FirstNames: t.FirstNames, BirthDate: t.BirthDate, Sex: t.Sex, BirthPlace: t.BirthPlace,
	}}
}
