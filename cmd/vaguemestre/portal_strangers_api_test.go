package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/hub"
)

// strangersByAPI asks for every resource of Dominique's that the API has, as
// programs of the same strangers. Those who may know of her record are told no
// more by it than by the pages.
func (p *portal) strangersByAPI(t *testing.T, strangers []*stranger, secrets []string) {
	a := p.entries[dominique.address].Actor
	urls := p.resources(t, p.tokenOf(t, dominique), string(a.Part))
	t.Logf("%d addresses", len(urls))
	for _, s := range strangers {
		who := person{address: s.address}
		token := ""
		if s.address != "" {
			token = p.tokenOf(t, who)
		} else if s.who != "nobody" { // sessions in the pages are none of the API's
			continue
		}
		t.Run(s.who, func(t *testing.T) {
			secrets := s.unknownTo(secrets)
			for _, method := range []string{http.MethodGet, http.MethodDelete} {
				for _, url := range urls {
					status, body := p.resource(t, method, url, token)
					for _, secret := range secrets {
						if strings.Contains(html.UnescapeString(body), secret) {
							t.Errorf("%s %s tells %q:\n%s", method, url, secret, around(body, secret))
						}
					}
					read := !strings.Contains(url, "?") && !s.isGiven(url) && !(s.cares && strings.HasPrefix(url, "Patient/"))
					if status < 300 && (token == "" || read || method != http.MethodGet) {
						t.Errorf("%s %s: %d", method, url, status)
					}
				}
			}
			if s.address == "" {
				return
			}
			page, err := p.hub.History(t.Context(), a, "", hub.HistoryQuery{By: s.address, Limit: 200})
			if err != nil || !slices.ContainsFunc(page.Lines, func(l audit.Line) bool { return l.Means == "API" || l.Refused }) {
				t.Errorf("her trail has nothing of it: %v", err)
			}
		})
	}
}

// isGiven reports whether the door shows them something of that address: a
// document, or the list of those that came with it.
func (s *stranger) isGiven(url string) bool {
	return s.given != nil && strings.HasPrefix(url, "List/") || slices.ContainsFunc(s.given, func(id string) bool { return strings.Contains(url, id) })
}

func (p *portal) tokenOf(t *testing.T, who person) string {
	t.Helper()
	token, err := p.hub.DemoToken(t.Context(), at(who), "API", clock().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// resources lists what the API has of a record, as its owner is shown it: what
// the server says that it has, searched, and everything that is found.
func (p *portal) resources(t *testing.T, token, record string) (urls []string) {
	t.Helper()
	_, body := p.resource(t, http.MethodGet, "metadata", "")
	var told struct {
		Rest []struct {
			Resource []struct {
				Type        string
				Interaction []struct{ Code string }
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil || len(told.Rest) == 0 {
		t.Fatal(err, body)
	}
	reference := regexp.MustCompile(`"(?:fullUrl|url|reference)":"[^"]*?([A-Z]\w+/[\w.-]{20,})"`)
	urls = []string{"Patient/" + record}
	for _, r := range told.Rest[0].Resource {
		search := fmt.Sprintf("%s?patient=Patient/%s", r.Type, record)
		if status, body := p.resource(t, http.MethodGet, search, token); status == http.StatusOK {
			urls = append(urls, search)
			for _, m := range reference.FindAllStringSubmatch(body, -1) {
				urls = append(urls, m[1])
			}
		}
	}
	slices.Sort(urls)
	if urls = slices.Compact(urls); len(urls) < 10 {
		t.Fatalf("only %v", urls)
	}
	return urls
}

func (p *portal) resource(t *testing.T, method, url, token string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.base+"/fhir/"+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/fhir+json, */*;q=0.8")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.programs.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
