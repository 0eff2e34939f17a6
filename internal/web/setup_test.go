package web

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
	for d := xml.NewDecoder(bytes.NewReader(got)); ; {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%s is no XML: %v", name, err)
		}
	}
}

// programServer is a Server at an address that stays.
func programServer(t *testing.T) *Server {
	s, err := New(newHouse(t).Hub, Config{Base: "https://espace.test", Key: make([]byte, 32), Mail: testMail})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestProgramsFindTheirSettings: what each of them looks for, letter for letter.
func TestProgramsFindTheirSettings(t *testing.T) {
	s := programServer(t)
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w
	}
	const request = `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
<Request><EMailAddress>%s</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`
	outlook := func(address string) string { return strings.Replace(request, "%s", address, 1) }
	for _, c := range []struct{ method, path, body, golden string }{
		{"GET", "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=a%40hub.test", "", "autoconfig.xml"},
		{"GET", "/mail/config-v1.1.xml", "", "autoconfig.xml"},
		{"POST", "/autodiscover/autodiscover.xml", outlook("eric.thomas@hub.test"), "autodiscover.xml"},
		{"POST", "/Autodiscover/Autodiscover.xml", outlook("Eric.Thomas@HUB.test"), "autodiscover.xml"},
	} {
		w := ask(c.method, c.path, c.body)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/xml") || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", c.path, w.Code, w.Header())
		}
		golden(t, c.golden, w.Body.Bytes())
	}
	for name, body := range map[string]string{
		"nothing": "", "no XML": "<a", "no address": outlook(""), "what is no address": outlook("&lt;script&gt;"), "too much": outlook(strings.Repeat("a", maxAsked) + "@hub.test"),
	} {
		if w := ask("POST", "/autodiscover/autodiscover.xml", body); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "script") {
			t.Errorf("Outlook that asks with %s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestAProfileHoldsNoPassword: nor an address, unless it is one's own.
func TestAProfileHoldsNoPassword(t *testing.T) {
	cfg := Config{Base: "https://espace.test", Mail: testMail}
	golden(t, "profile.mobileconfig", appleProfile(cfg, setupFor{}, "Vaguemestre", "Règle la messagerie."))
	golden(t, "profile-own.mobileconfig", appleProfile(cfg, setupFor{Name: "Jeanne <HÉRON>", Address: "1@patient.test"}, "Vaguemestre", "Règle la messagerie."))
}

// TestASheetSetsUpAPhone: the code on it leads to a page that knows the address,
// for ten minutes, and says nothing of it to anybody else.
func TestASheetSetsUpAPhone(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	address := h.jeanne.Matricule.Canonical() + "@patient.test"
	b.open("/securite").send("/securite/logiciel", "device", "Téléphone").at("/securite/logiciel", address, "mail.test", "993", "465", "dix minutes", "nouvel Outlook")
	if !strings.Contains(b.page, `<svg class="qr"`) {
		t.Error("no QR code")
	}
	secret := regexp.MustCompile(`<dd class="secret">([^<@]+)</dd>`).FindStringSubmatch(b.page)[1]
	profile := regexp.MustCompile(`href="(/reglages/profil.mobileconfig[?]pour=[^"]+)"`).FindStringSubmatch(b.page)
	if profile == nil {
		t.Fatalf("no profile:\n%s", b.page)
	}
	_, query, _ := strings.Cut(profile[1], "?")
	if strings.Contains(query, h.jeanne.Matricule.Canonical()) {
		t.Error("the address of the profile tells whose it is")
	}

	phone := h.browser().open("/reglages?"+query).at("/reglages", address, "iPhone", "Thunderbird")
	phone.open(profile[1])
	if phone.header.Get("Content-Type") != "application/x-apple-aspen-config" || !strings.Contains(phone.page, "<string>"+address+"</string>") || strings.Contains(phone.page, secret) {
		t.Errorf("%v\n%s", phone.header, phone.page)
	}
	h.now = h.now.Add(11 * time.Minute)
	if phone.open("/reglages?"+query).at("/reglages", "n'est plus valable", "mail.test"); strings.Contains(phone.page, address) {
		t.Error("it is told for ever")
	}
	if phone.open(profile[1]); strings.Contains(phone.page, address) || !strings.Contains(phone.page, "mail.test") {
		t.Errorf("the profile of somebody else, too late:\n%s", phone.page)
	}
	phone.open("/reglages?pour=x").at("/reglages", "n'est plus valable")
	if phone.open("/reglages").at("/reglages", "mail.test"); strings.Contains(text(phone.page), "n'est plus valable") {
		t.Error("what was never asked for is too late")
	}
}

func TestWithoutMailNothingIsSetUp(t *testing.T) {
	h := newHouse(t)
	s, err := New(h.Hub, Config{Base: h.base, Key: make([]byte, 32)})
	h.must(err)
	for _, path := range []string{"/reglages", "/reglages/profil.mobileconfig", "/mail/config-v1.1.xml"} {
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil)); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestAQRCodeHasItsMarginAndItsCorners(t *testing.T) {
	p, err := qrCode("https://espace.test/reglages")
	if err != nil || p.Size < 21+2*quiet || !strings.HasPrefix(p.Path, "M4 4h7v1h-7z") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := qrCode(strings.Repeat("x", 3000)); err == nil {
		t.Error("everything fits")
	}
}
