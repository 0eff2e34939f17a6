package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/ident"
	"vaguemestre/internal/oauth/fakepsc"
)

// A lobby is what the pages for people are told of log-ins.
type lobby struct {
	number ident.RPPS
	proved time.Time
	err    error
	times  int
}

func (l *lobby) arrive(w http.ResponseWriter, _ *http.Request, n ident.RPPS, proved time.Time, err error) {
	l.number, l.proved, l.err = n, proved, err
	l.times++
	w.WriteHeader(http.StatusOK)
}

func withLobby(t *testing.T, change ...func(*Config)) (*house, *lobby) {
	l := &lobby{}
	return newHouse(t, append(change, func(c *Config) { c.Portal = l.arrive })...), l
}

// choose begins a log-in to the pages and comes back as somebody.
func (b browser) choose(p fakepsc.Person) answered {
	b.h.t.Helper()
	at := b.get(b.h.base + PortalPath)
	if at.status != http.StatusSeeOther || !strings.HasPrefix(at.header.Get("Location"), b.h.base+"/psc/auth?") {
		b.h.t.Fatalf("portal: %d %s %s", at.status, at.header.Get("Location"), at.body)
	}
	back := b.post(at.header.Get("Location"), url.Values{"person": {p.ID}})
	return b.get(back.header.Get("Location"))
}

func TestAProfessionalLogsInToThePagesAndOut(t *testing.T) {
	t.Parallel()
	h, l := withLobby(t)
	b := h.browser()
	if at := b.choose(h.colleague); at.status != http.StatusOK || l.times != 1 || l.err != nil || l.number.String() != h.colleague.ID[1:] || l.proved.IsZero() {
		t.Fatalf("%d %s; the pages are told of %v, %v", at.status, at.body, l.number, l.err)
	}
	out := b.get(h.base + EndPath)
	hint := out.location().Query()
	if out.status != http.StatusSeeOther || out.location().Path != "/psc/logout" || hint.Get("client_id") != "hub" || strings.Count(hint.Get("id_token_hint"), ".") != 2 {
		t.Fatalf("the end: %d %s", out.status, out.header.Get("Location"))
	}
	if home := b.get(out.header.Get("Location")); home.header.Get("Location") != h.base+"/" {
		t.Errorf("the provider answers %d %s", home.status, home.body)
	}
	if again := b.get(h.base + EndPath); again.header.Get("Location") != h.base+"/" {
		t.Errorf("ended twice, it leads to %s", again.header.Get("Location"))
	}
	if asked := b.get(h.base + PortalPath + "?again=1").location().Query(); asked.Get("prompt") != "login" || asked.Get("max_age") != "0" {
		t.Errorf("to prove once more: %v", asked)
	}
}

func TestThePagesAreToldWhyALoginFailed(t *testing.T) {
	t.Parallel()
	h, l := withLobby(t)
	h.browser().choose(h.adeli)
	if l.times != 1 || fault.Of(l.err) != fault.NotFound {
		t.Errorf("one who has no RPPS number: %v", l.err)
	}
	b := h.browser()
	sent := b.get(h.base + PortalPath).location().Query()
	b.get(h.base + "/oauth/callback?error=access_denied&state=" + sent.Get("state"))
	if l.times != 2 || fault.Of(l.err) != fault.Unauthenticated || l.number != (ident.RPPS{}) {
		t.Errorf("who went away: %v, %v", l.number, l.err)
	}
	// A log-in that another browser has begun is none: the pages hear nothing of it.
	stolen := h.browser().get(h.base + PortalPath)
	back := h.browser().post(stolen.header.Get("Location"), url.Values{"person": {h.colleague.ID}})
	if at := h.browser().get(back.header.Get("Location")); at.status != http.StatusBadRequest || l.times != 2 {
		t.Errorf("planted: %d, told %d times", at.status, l.times)
	}
}

func TestALoginToAProgramIsNoLoginToThePages(t *testing.T) {
	t.Parallel()
	h, l := withLobby(t)
	if page := h.browser().arrive(h.asking(), h.colleague); page.status != http.StatusOK || l.times != 0 {
		t.Errorf("%d, the pages are told %d times", page.status, l.times)
	}
}

func TestWithoutPagesThereIsNoWayToThem(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if at := h.browser().get(h.base + PortalPath); at.status != http.StatusNotFound {
		t.Errorf("%d", at.status)
	}
	h = newHouse(t, func(c *Config) { c.Professional = nil; c.Portal = (&lobby{}).arrive })
	if at := h.browser().get(h.base + PortalPath); at.status != http.StatusNotFound {
		t.Errorf("without a provider: %d", at.status)
	}
	if at := h.browser().get(h.base + EndPath); at.header.Get("Location") != h.base+"/" {
		t.Errorf("the end, without a provider: %d", at.status)
	}
}

func TestAProviderWithoutAnEndOfSessionIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, err := newProvider(Provider{Issuer: h.base + "/psc", ClientID: "hub", HTTP: h.http.Client()}, h.base+"/oauth/callback", h.now)
	must(t, err)
	d, err := p.discover(t.Context())
	must(t, err)
	for _, address := range []string{"", "javascript:alert(1)", "http://psc.test/end", "https:///end"} {
		d.endSession = address
		if to := p.end(t.Context(), "token", "https://hub.test/"); to != "https://hub.test/" {
			t.Errorf("with %q it leads to %s", address, to)
		}
	}
}
