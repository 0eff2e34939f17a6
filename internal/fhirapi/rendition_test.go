package fhirapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vaguemestre/vault"
)

func TestThePDFBesideADocumentIsASecondContent(t *testing.T) {
	f := newFake()
	d := f.add(f.patients[0], vault.Entry{TypeCode: "11502-2", Title: "Bilan", MediaType: "text/xml", FormatCode: "urn:ihe:lab:xd-lab:2008",
		Rendition: "ref", Created: noon, Filed: noon}, 0, "<ClinicalDocument/>")
	s := newServer(t, f)
	get := func(path, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/fhir/"+path, nil)
		r.Header.Set("Authorization", "Bearer anna")
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	list := s.out.DocumentReference(d).Content
	if len(list) != 2 || list[1].Attachment.ContentType != "application/pdf" || !strings.HasSuffix(list[1].Attachment.URL, "/Binary/"+d.ID+".pdf") {
		t.Fatalf("the contents are %+v", list)
	}
	if w := get("Binary/"+d.ID+".pdf", "*/*"); w.Code != 200 || w.Header().Get("Content-Type") != "application/pdf" || w.Body.String() != "%PDF of "+d.ID {
		t.Errorf("it is %d %v %q", w.Code, w.Header(), w.Body)
	}
	if w := get("DocumentReference/"+d.ID, "*/*"); w.Code != 200 || strings.Count(w.Body.String(), `"attachment"`) != 2 {
		t.Errorf("the document is %d %s", w.Code, w.Body)
	} else {
		emitted(t, "the document", w.Body.Bytes())
	}
	if w := get("Binary/"+f.docs[0].ID+".pdf", "*/*"); w.Code != 404 {
		t.Errorf("of a document without one: %d", w.Code)
	}
}
