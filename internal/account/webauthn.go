package account

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// Passkeys is the relying party of WebAuthn (level 3): the domain that the
// passkeys of this hub are bound to. A passkey whose holder was verified by
// the authenticator is two factors by itself: nothing less is accepted.
type Passkeys struct{ rp *webauthn.WebAuthn }

// NewPasskeys returns the relying party for a web domain and the origins of its
// pages ("https://" and the domain, if none is given).
func NewPasskeys(domain, name string, origins ...string) (*Passkeys, error) {
	if len(origins) == 0 {
		origins = []string{"https://" + domain}
	}
	rp, err := webauthn.New(&webauthn.Config{
		RPID: domain, RPDisplayName: name, RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("account: passkeys: %v: %w", err, fault.Invalid)
	}
	return &Passkeys{rp}, nil
}

const (
	seenPrefix = "acc/w/seen/"

	// ceremonyLife is how long a ceremony may last, from its challenge on.
	ceremonyLife = 5 * time.Minute

	maxCeremony = 16 << 10 // bytes of what a browser sends
)

// A ceremony is what the relying party remembers between the challenge and the
// answer. It travels with the client, sealed; its challenge is accepted once.
type ceremony struct {
	Act     string
	Part    store.Part // of whom; empty: whoever answers
	Made    time.Time
	Session webauthn.SessionData
}

const ceremonyContext = "account/ceremony"

// holder is a person as WebAuthn sees one. The user handle is the name of the
// partition, which is random and says nothing.
type holder struct {
	part        store.Part
	login       string
	credentials []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.part) }
func (h holder) WebAuthnName() string                       { return h.login }
func (h holder) WebAuthnDisplayName() string                { return h.login }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

func loadHolder(r store.Reader, p *Pepper, s fact.Scope, login string) (holder, []passkey, error) {
	list, err := allRights[passkey](r, p, s, passkeyPrefix)
	h := holder{part: s.Part, login: login}
	if err != nil {
		return h, nil, err
	}
	for _, k := range list {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Credential, &c); err != nil {
			return h, nil, fmt.Errorf("account: passkey: %w", fault.Corrupt)
		}
		h.credentials = append(h.credentials, c)
	}
	return h, list, nil
}

// BeginRegistration returns what the browser needs to make a passkey (the
// argument of navigator.credentials.create, as JSON), and the ceremony to hand
// back with its answer.
func (y *Passkeys) BeginRegistration(r store.Reader, p *Pepper, s fact.Scope, login string, now time.Time) (options []byte, ceremony string, err error) {
	h, list, err := loadHolder(r, p, s, login)
	if err != nil {
		return nil, "", err
	}
	if len(list) >= MaxPasskeys {
		return nil, "", fmt.Errorf("account: %d passkeys are the most: %w", MaxPasskeys, fault.Quota)
	}
	creation, session, err := y.rp.BeginRegistration(h, webauthn.WithExclusions(webauthn.Credentials(h.credentials).CredentialDescriptors()))
	if err != nil {
		return nil, "", fmt.Errorf("account: passkey: %v: %w", err, fault.Internal)
	}
	return began(p, "register", s.Part, creation, session, now)
}

// FinishRegistration keeps the passkey that a browser has made. An answer that
// does not fit its ceremony is fault.Invalid.
func (y *Passkeys) FinishRegistration(w store.Writer, p *Pepper, s fact.Scope, ceremony, name string, answer []byte, now time.Time) (Passkey, error) {
	c, err := openCeremony(p, ceremony, "register", now)
	if err != nil || c.Part != s.Part {
		return Passkey{}, fmt.Errorf("account: passkey: another ceremony: %w", fault.Invalid)
	}
	parsed, err := parseAnswer(answer, protocol.ParseCredentialCreationResponseBody)
	if err != nil {
		return Passkey{}, err
	}
	h, list, err := loadHolder(w, p, s, "")
	if err != nil {
		return Passkey{}, err
	}
	if len(list) >= MaxPasskeys {
		return Passkey{}, fmt.Errorf("account: %d passkeys are the most: %w", MaxPasskeys, fault.Quota)
	}
	made, err := y.rp.CreateCredential(h, c.Session, parsed)
	if err != nil {
		return Passkey{}, fmt.Errorf("account: passkey: %v: %w", err, fault.Invalid)
	}
	made.Attestation = webauthn.CredentialAttestation{} // not asked for, and large
	id := passkeyID(p, s.Part, made.ID)
	for _, k := range list {
		if k.ID == id {
			return Passkey{}, fmt.Errorf("account: passkey: %w", fault.Exists)
		}
	}
	if err := c.once(w, p, s.Part, now); err != nil {
		return Passkey{}, err
	}
	k := passkey{Passkey: Passkey{ID: id, Name: deviceName(name), Created: now, Used: now}}
	if k.Credential, err = json.Marshal(made); err != nil {
		return Passkey{}, fmt.Errorf("account: passkey: %w", err)
	}
	return k.Passkey, putRight(w, p, s, passkeyPrefix+id, k)
}

// BeginLogin returns what the browser needs to answer with a passkey (the
// argument of navigator.credentials.get, as JSON), and the ceremony. With the
// empty partition, any passkey of this hub may answer, and says whose it is.
func (y *Passkeys) BeginLogin(r store.Reader, p *Pepper, s fact.Scope, now time.Time) (options []byte, ceremony string, err error) {
	var assertion *protocol.CredentialAssertion
	var session *webauthn.SessionData
	if s.Part == "" {
		assertion, session, err = y.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	} else {
		h, list, lerr := loadHolder(r, p, s, "")
		if lerr != nil {
			return nil, "", lerr
		}
		if len(list) == 0 {
			return nil, "", fmt.Errorf("account: passkey: %w", fault.NotFound)
		}
		assertion, session, err = y.rp.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationRequired))
	}
	if err != nil {
		return nil, "", fmt.Errorf("account: passkey: %v: %w", err, fault.Internal)
	}
	return began(p, "login", s.Part, assertion, session, now)
}

// Whose returns the partition of whoever answers a login ceremony, as far as
// they say: FinishLogin proves it.
func (y *Passkeys) Whose(p *Pepper, ceremony string, answer []byte, now time.Time) (store.Part, error) {
	c, err := openCeremony(p, ceremony, "login", now)
	if err != nil {
		return "", err
	}
	if c.Part != "" {
		return c.Part, nil
	}
	parsed, err := parseAnswer(answer, protocol.ParseCredentialRequestResponseBody)
	if err != nil {
		return "", err
	}
	part := string(parsed.Response.UserHandle)
	if part == "" || len(part) > 64 || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return "", fmt.Errorf("account: passkey: user handle: %w", fault.Unauthenticated)
	}
	return store.Part(part), nil
}

// FinishLogin checks the answer of a passkey, in a transaction on the partition
// of Whose. Whatever is wrong is fault.Unauthenticated, a counter that went back
// too: the passkey may have been copied.
func (y *Passkeys) FinishLogin(w store.Writer, p *Pepper, s fact.Scope, ceremony string, answer []byte, now time.Time) (Passkey, error) {
	c, err := openCeremony(p, ceremony, "login", now)
	if err != nil {
		return Passkey{}, err
	}
	if c.Part != "" && c.Part != s.Part {
		return Passkey{}, refused("another's")
	}
	parsed, err := parseAnswer(answer, protocol.ParseCredentialRequestResponseBody)
	if err != nil {
		return Passkey{}, err
	}
	h, list, err := loadHolder(w, p, s, "")
	if err != nil {
		return Passkey{}, err
	}
	var used *webauthn.Credential
	if c.Part == "" {
		used, err = y.rp.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
			if string(handle) != string(s.Part) {
				return nil, refused("another's")
			}
			return h, nil
		}, c.Session, parsed)
	} else {
		used, err = y.rp.ValidateLogin(h, c.Session, parsed)
	}
	switch {
	case err != nil:
		return Passkey{}, refused("not right")
	case used.Authenticator.CloneWarning:
		return Passkey{}, refused("counter went back")
	}
	if err := c.once(w, p, s.Part, now); err != nil {
		return Passkey{}, err
	}
	id := passkeyID(p, s.Part, used.ID)
	for _, k := range list {
		if k.ID == id {
			if k.Credential, err = json.Marshal(used); err != nil {
				return Passkey{}, fmt.Errorf("account: passkey: %w", err)
			}
			k.Used = now
			return k.Passkey, putRight(w, p, s, passkeyPrefix+id, k)
		}
	}
	return Passkey{}, refused("gone")
}

func passkeyID(p *Pepper, part store.Part, credential []byte) string {
	return hex.EncodeToString(p.MAC("passkey", string(part), string(credential))[:10])
}

func refused(why string) error {
	return fmt.Errorf("account: passkey: %s: %w", why, fault.Unauthenticated)
}

// began writes the options for the browser and seals the ceremony.
func began(p *Pepper, act string, part store.Part, options any, session *webauthn.SessionData, now time.Time) ([]byte, string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, "", fmt.Errorf("account: passkey: %w", err)
	}
	sealed, err := p.Seal(ceremony{act, part, now, *session}, ceremonyContext)
	return text, base64.RawURLEncoding.EncodeToString(sealed), err
}

func openCeremony(p *Pepper, text, act string, now time.Time) (c ceremony, err error) {
	if len(text) > maxCeremony {
		return c, refused("ceremony")
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || p.Open(sealed, &c, ceremonyContext) != nil || c.Act != act || now.Before(c.Made) || now.Sub(c.Made) >= ceremonyLife {
		return ceremony{}, refused("ceremony")
	}
	return c, nil
}

// once lets a challenge be answered one time: it is marked until it is too old
// anyway. Marks that are too old go.
func (c ceremony) once(w store.Writer, p *Pepper, part store.Part, now time.Time) error {
	mark := seenPrefix + hex.EncodeToString(p.MAC("challenge", c.Session.Challenge)[:12])
	var old []string
	from, to := store.Prefix(seenPrefix)
	for pair, err := range w.Scan(from, to) {
		if err != nil {
			return err
		}
		var until time.Time
		if err := p.Open(pair.Value, &until, string(part)+"/"+pair.Key); err != nil {
			return err
		}
		switch {
		case !now.Before(until):
			old = append(old, pair.Key)
		case pair.Key == mark:
			return refused("answered already")
		}
	}
	for _, k := range old {
		w.Delete(k)
	}
	return put(w, p, part, mark, c.Made.Add(ceremonyLife))
}

// parseAnswer reads what a browser sends, within its bounds.
func parseAnswer[T any](answer []byte, parse func(io.Reader) (T, error)) (T, error) {
	var zero T
	if len(answer) > maxCeremony {
		return zero, fmt.Errorf("account: passkey: answer: %w", fault.TooLarge)
	}
	v, err := parse(bytes.NewReader(answer))
	if err != nil {
		return zero, fmt.Errorf("account: passkey: answer: %w", fault.Invalid)
	}
	return v, nil
}
