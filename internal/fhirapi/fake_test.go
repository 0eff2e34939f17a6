package fhirapi

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/cda"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/patient"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/store"
	"vaguemestre/policy"
	"vaguemestre/vault"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// The people of the tests, by the token they present.
var (
	anna    = matricule("2602099999001") // has a record
	bruno   = matricule("1602099999002") // has closed his
	secret  = matricule("1602099999004") // has one that nobody else may know of
	gp      = hub.Actor{Address: address("eric.thomas@medecin.test"), Part: "gp", Role: policy.Professional, Profession: policy.Physician, RPPS: "99900000001", Name: "Dr Éric THOMAS"}
	optic   = hub.Actor{Address: address("opticien@medecin.test"), Part: "optic", Role: policy.Professional, Profession: policy.Optician}
	herself = hub.Actor{Address: address(anna.Canonical() + "@patient.test"), Part: store.Part(store26("anna")), Role: policy.Patient}
	tokens  = map[string]hub.Actor{"gp": scoped(gp, "user/*.cruds"), "optic": scoped(optic, "user/*.cruds"), "anna": scoped(herself, "patient/*.cruds"), "reader": scoped(gp, "fhirUser user/Patient.rs")}
)

func scoped(a hub.Actor, s smart.Scopes) hub.Actor { a.Scopes = s; return a }

// store26 makes a name as long as those of partitions.
func store26(name string) string { return name + strings.Repeat("0", 26-len(name)) }

func matricule(base string) ident.Matricule {
	m, err := ident.MakeMatricule(base)
	if err != nil {
		panic(err)
	}
	return m
}

func address(s string) ident.Address {
	a, err := ident.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// fake is a hub in memory. It knows two rules: the optician sees ophthalmology
// reports only, and whom a document is hidden from does not see it.
type fake struct {
	mu       sync.Mutex
	patients []hub.PatientView
	docs     []hub.DocumentView
	bytes    map[string][]byte
	opened   int
	n        int

	choices   patient.Choices
	relations []patient.Relation
	lines     []audit.Line
}

func newFake() *fake {
	f := &fake{bytes: map[string][]byte{}, relations: []patient.Relation{curie}}
	f.trailOfAnna()
	f.patients = []hub.PatientView{
		{ID: store26("anna"), Matricule: anna, State: policy.Active, Since: noon.AddDate(-1, 0, 0), Access: policy.Decision{Allow: true, Rule: "access/consent"},
			Traits: patient.Traits{BirthName: "TOURNESOL", FirstNames: "ANNA MARIE", BirthDate: "19600001", Sex: "F"}, Treating: true},
		{ID: store26("bruno"), Matricule: bruno, State: policy.Closed, Since: noon.AddDate(0, -2, 0), Access: policy.Decision{Rule: "space/closed"},
			Traits: patient.Traits{BirthName: "LAMPION", FirstNames: "BRUNO", BirthDate: "19610400", Sex: "M"}},
		{ID: store26("secret"), Matricule: secret, State: policy.Active},
	}
	author := vault.Author{Name: "Dr Éric THOMAS", ID: "899900000001", Profession: "G15_10/SM26", Specialty: "Qualifié en médecine générale",
		Organisation: "Cabinet du Parc", OrganisationID: "1750000001"}
	f.add(f.patients[0], vault.Entry{TypeCode: "11488-4", Title: "Consultation du 3 mars", UniqueID: "1.2.250.1.999.1^2026-1", MediaType: "text/plain",
		FormatCode: "urn:ihe:iti:xds:2017:mimeTypeSufficient", Author: author, Authenticator: author, Comments: "Contrôle annuel",
		Facility: vault.Code{Code: "SA07", System: "1.2.250.1.71.4.2.4", Display: "Cabinet individuel"}, PracticeSetting: vault.Code{Code: "AMBULATOIRE", System: "1.2.250.1.213.1.1.4.9", Display: "Ambulatoire"},
		EventCodes: []vault.Code{{Code: "DEQP003", System: "1.2.250.1.213.2.5", Display: "Électrocardiographie"}}, ServiceStart: noon.AddDate(0, -8, -18), ServiceStop: noon.AddDate(0, -8, -18).Add(time.Hour),
		Created: noon.AddDate(0, -8, -18), Filed: noon.AddDate(0, -8, -17), Set: vault.SubmissionSet{ID: "1.2.250.1.999.1.7", Source: "1.2.250.1.999.1", Title: "Consultation", Time: noon.AddDate(0, -8, -17),
			ContentType: vault.Code{Code: "04", System: "1.2.250.1.213.2.2", Display: "Hospitalisation de jour"}}, Folders: []string{"Suivi cardiologique"}}, 0, "Bonjour, tout va bien.")
	f.add(f.patients[0], vault.Entry{TypeCode: "78513-9", Title: "Ophtalmologie", UniqueID: "urn:uuid:0b2f3c1e-0000-4000-8000-00000000000a", MediaType: "application/pdf",
		Author: vault.Author{Name: "Dr Iris COLLYRE", Specialty: "Ophtalmologie"}, Created: noon.AddDate(0, -3, 0), Filed: noon.AddDate(0, -3, 0), MessageID: "<a@b.test>"}, 0, "%PDF-1.4 oeil")
	f.add(f.patients[0], vault.Entry{TypeCode: "11502-2", Title: "Biologie masquée", UniqueID: "http://labo.test|17", FormatCode: "urn:ihe:lab:xd-lab:2008", MediaType: "text/plain", Author: author,
		Created: noon.AddDate(0, -2, 0), Filed: noon.AddDate(0, -2, 0), Replaces: []string{"1.2.250.1.999.9.9"}}, vault.Masked, "TSH 2,1 mUI/L")
	f.add(f.patients[0], vault.Entry{TypeCode: "EXPPAT_2", Title: "Mes allergies", MediaType: "text/plain", Author: vault.Author{Name: "Anna TOURNESOL"}, Depositor: vault.ByPatient,
		Created: noon.AddDate(0, -1, 0), Filed: noon.AddDate(0, -1, 0)}, vault.Archived|vault.ToVerify, "Pollen.")
	return f
}

func (f *fake) add(p hub.PatientView, e vault.Entry, flags vault.Flags, content string) hub.DocumentView {
	f.n++
	sum := sha1.Sum([]byte(content))
	e.EntryUUID, e.LogicalID = store26(fmt.Sprintf("entry%02d", f.n)), store26(fmt.Sprintf("logical%02d", f.n))
	e.Size, e.SHA1 = int64(len(content)), hex.EncodeToString(sum[:])
	if t, ok := cda.TypeByCode(e.TypeCode); ok {
		e.Class = cmp.Or(e.Class, t.Class.Code)
	}
	d := hub.DocumentView{ID: p.ID + "." + store26(fmt.Sprintf("doc%02d", f.n)), Patient: p, Entry: e, Flags: flags, Access: policy.Decision{Allow: true, Rule: "access/consent"}}
	f.docs = append(f.docs, d)
	f.bytes[d.ID] = []byte(content)
	return d
}

func (f *fake) sees(a hub.Actor, d hub.DocumentView) bool {
	switch {
	case d.Flags&vault.Deleted != 0:
		return false
	case a.Role == policy.Patient:
		return d.Flags&vault.HiddenFromPatient == 0
	case a.Profession == policy.Optician:
		return d.Entry.TypeCode == "78513-9"
	}
	return true
}

func (f *fake) FindPatient(_ context.Context, _ hub.Actor, m ident.Matricule) (hub.PatientView, error) {
	i := slices.IndexFunc(f.patients, func(p hub.PatientView) bool { return p.Matricule == m && m != secret })
	if i < 0 {
		return hub.PatientView{}, fault.NotFound
	}
	return f.patients[i], nil
}

func (f *fake) PatientByID(_ context.Context, _ hub.Actor, id string) (hub.PatientView, error) {
	i := slices.IndexFunc(f.patients, func(p hub.PatientView) bool { return p.ID == id && p.Matricule != secret })
	if i < 0 {
		return hub.PatientView{}, fault.NotFound
	}
	return f.patients[i], nil
}

func (f *fake) Documents(ctx context.Context, a hub.Actor, record string) ([]hub.DocumentView, error) {
	p, err := f.PatientByID(ctx, a, record)
	if err != nil || p.State != policy.Active {
		return nil, fault.NotFound
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.docs), func(d hub.DocumentView) bool { return d.Patient.ID != record || !f.sees(a, d) }), nil
}

func (f *fake) Document(_ context.Context, a hub.Actor, id string) (hub.DocumentView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.docs, func(d hub.DocumentView) bool { return d.ID == id && f.sees(a, d) })
	if i < 0 {
		return hub.DocumentView{}, fault.NotFound
	}
	return f.docs[i], nil
}

func (f *fake) OpenDocument(ctx context.Context, a hub.Actor, id string) (hub.DocumentView, hub.Content, error) {
	d, err := f.Document(ctx, a, id)
	f.opened++
	return d, bytesOf(f.bytes[id]), err
}

func (f *fake) OpenRendition(ctx context.Context, a hub.Actor, id string) (hub.DocumentView, hub.Content, error) {
	d, err := f.Document(ctx, a, id)
	if err == nil && d.Entry.Rendition == "" {
		err = fault.NotFound
	}
	f.opened++
	return d, bytesOf("%PDF of " + id), err
}

type bytesOf []byte

func (b bytesOf) Size() int64 { return int64(len(b)) }

func (b bytesOf) ReadRange(w io.Writer, off, n int64) error {
	_, err := w.Write(b[off : off+n])
	return err
}

func (f *fake) AddDocuments(ctx context.Context, a hub.Actor, record string, subs []hub.Submission) ([]hub.DocumentView, error) {
	p, err := f.PatientByID(ctx, a, record)
	if err != nil {
		return nil, err
	}
	for _, s := range subs {
		if slices.ContainsFunc(f.docs, func(d hub.DocumentView) bool { return d.Entry.UniqueID != "" && d.Entry.UniqueID == s.Entry.UniqueID }) {
			return nil, fault.Exists
		}
		if strings.Contains(string(s.Content), "autre patient") {
			return nil, &hub.Refusal{Rule: "document/wrong-patient", Code: 904, Kind: fault.Denied, FR: "Ce document est celui d'un autre patient.", EN: "This document is another patient's."}
		}
	}
	var out []hub.DocumentView
	for _, s := range subs {
		for i, d := range f.docs {
			if s.Replaces != "" && (d.ID == s.Replaces || d.Entry.UniqueID == s.Replaces) {
				f.docs[i].Flags |= vault.Superseded
				s.Entry.Replaces = []string{d.Entry.UniqueID}
			}
		}
		s.Entry.Filed, s.Entry.Sender = noon, a.Address.Canonical()
		out = append(out, f.add(p, s.Entry, s.Flags, string(s.Content)))
	}
	return out, nil
}

func (f *fake) KeptDocument(context.Context, hub.Actor, string, func(hub.DocumentView) bool) (hub.DocumentView, error) {
	return hub.DocumentView{}, fault.NotFound // its actors read whatever they may change
}

func (f *fake) ChangeDocument(_ context.Context, a hub.Actor, id string, c hub.DocumentChange) (hub.DocumentView, error) {
	i := slices.IndexFunc(f.docs, func(d hub.DocumentView) bool { return d.ID == id })
	d := &f.docs[i]
	if a.Profession == policy.Optician {
		return *d, &hub.Refusal{Rule: "document/not-the-author", Code: 901, Kind: fault.Denied, FR: "Vous n'en êtes pas l'auteur.", EN: "You are not its author."}
	}
	for _, x := range []struct {
		on *bool
		f  vault.Flags
	}{{c.Masked, vault.Masked}, {c.HiddenFromPatient, vault.HiddenFromPatient}, {c.HiddenFromRepresentatives, vault.HiddenFromRepresentatives},
		{c.Archived, vault.Archived}, {c.Deleted, vault.Deleted}} {
		if x.on != nil && *x.on {
			d.Flags |= x.f
		} else if x.on != nil {
			d.Flags &^= x.f
		}
	}
	f.n++
	d.Entry.EntryUUID = store26(fmt.Sprintf("entry%02d", f.n))
	return *d, nil
}

// newServer makes a server over a fake hub.
func newServer(t testing.TB, f Hub, change ...func(*Config)) *Server {
	cfg := Config{
		Base: "https://dmp.test/fhir", CursorKey: make([]byte, 32), Now: func() time.Time { return noon },
		Authenticate: func(r *http.Request) (hub.Actor, error) {
			token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			a, ok := tokens[token]
			if !ok {
				return a, fault.Unauthenticated
			}
			return a, nil
		},
		SMART: func() ([]byte, error) { return []byte(`{"token_endpoint":"https://dmp.test/oauth/token"}`), nil },
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(f, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
