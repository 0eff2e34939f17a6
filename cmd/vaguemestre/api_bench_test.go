package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
	"vaguemestre/vault"
)

// BenchmarkAPI measures what one client waits for, over HTTPS and with a store on
// disk: the list of a record of 500 documents, cold (nothing of that record was
// opened before) and warm, and one document of 300 KB. p95 in milliseconds.
func BenchmarkAPI(b *testing.B) {
	var passed time.Duration
	real := clock
	clock = func() time.Time { return real().Add(passed) }
	b.Cleanup(func() { clock = real })
	o := openOffice(b)
	client := trustingClient(b, o.ca)
	id := o.fill(b, 500)
	list := o.base + "/fhir/DocumentReference?_count=500&patient=Patient/" + id
	get := func(b *testing.B, url string) []byte {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+o.token)
		req.Header.Set("Accept", "application/fhir+json, application/octet-stream;q=0.9, */*;q=0.8")
		res, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatalf("%d, %v: %.300s", res.StatusCode, err, body)
		}
		return body
	}
	measure := func(name, url string, before func(), want int) {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				if before != nil {
					b.StopTimer()
					before()
					b.StartTimer()
				}
				began := time.Now()
				body := get(b, url)
				took = append(took, time.Since(began))
				if len(body) < want {
					b.Fatalf("%d bytes: %.300s", len(body), body)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
	measure("List500Cold", list, func() { passed += 6 * time.Minute }, 500_000) // the hub has let go of the record's key
	measure("List500Warm", list, nil, 500_000)
	measure("Open300KB", o.base+"/fhir/Binary/"+o.large, nil, 300_000)
}

// fill files n documents in the patient's record, and one of 300 KB. It returns
// the record's ID.
func (o *office) fill(b *testing.B, n int) string {
	b.Helper()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	rpps, err := ident.ParseRPPS(inventedRPPS(990_000_0001))
	check(err)
	doctor, err := o.hub.LoginProfessional(b.Context(), rpps, hub.Attempt{Protocol: "test"}, "bench")
	check(err)
	m, err := ident.ParseMatricule(o.matricule)
	check(err)
	record, err := o.hub.FindPatient(b.Context(), doctor, m)
	check(err)
	large := bytes.Repeat([]byte("%PDF-1.4 "), 34_000)
	rand.Read(large[100:])
	_, err = o.hub.AddDocuments(b.Context(), doctor, record.ID, []hub.Submission{{
		Entry: vault.Entry{TypeCode: "11502-2", MediaType: "application/pdf", Title: "Grand", UniqueID: "1.2.250.1.999.3.1"}, Content: large,
	}})
	check(err)
	for at := 0; at < n; at += 20 {
		var lot []hub.Submission
		for i := range 20 {
			lot = append(lot, hub.Submission{
				Entry:   vault.Entry{TypeCode: "11488-4", MediaType: "text/plain", Title: fmt.Sprint("Lettre ", at+i), UniqueID: fmt.Sprint("1.2.250.1.999.2.", at+i)},
				Content: fmt.Appendf(nil, "Chère consœur, lettre %d.", at+i),
			})
		}
		_, err := o.hub.AddDocuments(b.Context(), doctor, record.ID, lot)
		check(err)
	}
	all, err := o.hub.Documents(b.Context(), doctor, record.ID)
	check(err)
	for _, d := range all {
		if d.Entry.Title == "Grand" {
			o.large = d.ID
		}
	}
	a, err := ident.ParseAddress(camille)
	check(err)
	o.token, err = o.hub.DemoToken(b.Context(), a, "bench", clock().AddDate(1, 0, 0))
	check(err)
	return record.ID
}
