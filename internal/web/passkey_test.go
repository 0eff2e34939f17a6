package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"vaguemestre/internal/account/passkeytest"
	"vaguemestre/internal/hub"
)

// asks does what script/passkey.js does with a form of the page that is shown: it
// asks for a question, and sends the answer.
func (b *browser) asks(action string, answer func(options []byte) []byte, fields ...string) *browser {
	b.t.Helper()
	page := *b
	b.send2(action, action+passkeyAsk, fields...)
	var q question
	if err := json.Unmarshal([]byte(b.page), &q); err != nil || q.Ceremony == "" {
		b.t.Fatalf("%s: %d %s", action, b.status, b.page)
	}
	b.page, b.path = page.page, page.path
	return b.send(action, append(fields, "ceremony", q.Ceremony, "answer", string(answer(q.Options)))...)
}

// send2 sends the fields of one form to another address, as a script may.
func (b *browser) send2(action, to string, fields ...string) *browser {
	b.t.Helper()
	_, rest, ok := strings.Cut(b.page, `action="`+action+`"`)
	if !ok {
		b.t.Fatalf("%s has no form to %s:\n%s", b.path, action, b.page)
	}
	rest, _, _ = strings.Cut(rest, "</form>")
	values := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(rest, -1) {
		values.Set(m[1], m[2])
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return b.post(to, values)
}

func TestAPasskeyOpensASpace(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	key := passkeytest.New(t, "espace.test")
	b.open("/securite").at("/securite", "Créer une clé").open("/securite/cle").at("/securite/cle", "Créer la clé", "Plus de mot de passe", "JavaScript")
	b.asks("/securite/cle", key.Makes, "key-name", "Mon téléphone").at("/securite", "La clé d'accès est créée", "Mon téléphone", "Créée le 21 novembre 2026")

	b.send("/deconnexion").open("/connexion").at("/connexion", "Se connecter avec une clé d'accès")
	key.Count++
	b.asks("/connexion/cle", key.Answers).at("/", "Bonjour Jeanne")

	// What matters is confirmed with it.
	h.now = h.now.Add(20 * time.Minute)
	b.open("/securite/cle").at("/confirmer", "Utiliser ma clé d'accès")
	key.Count++
	b.asks("/confirmer/cle", key.Answers).at("/securite/cle", "Créer la clé")

	// It is a second factor too, beside a code.
	b.send("/deconnexion").open("/connexion").send("/connexion", "login", login, "password", password).at("/connexion/code", "Utiliser ma clé d'accès")
	key.Count++
	b.asks("/connexion/cle", key.Answers).at("/", "Bonjour Jeanne")

	list, err := h.Passkeys(t.Context(), h.actor(b))
	h.must(err)
	b.open("/securite").send("/securite/cle/fin", "id", list[0].ID).at("/securite", "n'ouvre plus votre espace")
	b.send("/deconnexion").open("/connexion")
	key.Count++
	b.asks("/connexion/cle", key.Answers).at("/connexion/cle", "n'ouvre pas d'espace ici")
}

func TestAPasskeyThatIsWrongOpensNothing(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	key := passkeytest.New(t, "espace.test")
	b.open("/securite/cle").asks("/securite/cle", key.Makes).at("/securite", "Firefox, Linux")
	stranger := passkeytest.New(t, "espace.test")
	nonsense := func([]byte) []byte { return []byte(`{"id":"x"}`) }
	long := func([]byte) []byte { return []byte(strings.Repeat("x", maxAnswer+1)) }
	for name, answer := range map[string]func([]byte) []byte{"a stranger's": stranger.Answers, "nonsense": nonsense, "too long": long} {
		other := h.browser().open("/connexion").asks("/connexion/cle", answer)
		if other.path != "/connexion/cle" || !strings.Contains(text(other.page), "n'ouvre pas d'espace ici") {
			t.Errorf("%s: %s %s", name, other.path, text(other.page))
		}
	}
	key.Origin = "https://espace.test.evil.example"
	h.browser().open("/connexion").asks("/connexion/cle", key.Answers).at("/connexion/cle", "n'ouvre pas d'espace ici")
}

// noPasskeys is a hub without a web domain.
type noPasskeys struct{ *hub.Hub }

func (noPasskeys) OffersPasskeys() bool { return false }

func TestWhereThereAreNoPasskeysNoneAreSpokenOf(t *testing.T) {
	h := newHouse(t)
	b := h.browser().activates()
	s, err := New(noPasskeys{h.Hub}, Config{Base: h.base, Key: make([]byte, 32), Now: func() time.Time { return h.now }})
	h.must(err)
	h.server.Config.Handler = s
	for _, path := range []string{"/securite", "/confirmer"} {
		if b.open(path).at(path); strings.Contains(b.page, "clé d'accès") || strings.Contains(b.page, "/cle") {
			t.Errorf("%s speaks of them", path)
		}
	}
	if b.open("/securite/cle"); b.status != 404 {
		t.Errorf("%d", b.status)
	}
}
