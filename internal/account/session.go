package account

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
	"vaguemestre/vault/keyring"
)

// A SessionKind says through which door a session was opened.
type SessionKind string

// The kinds.
const (
	WebSession    SessionKind = "web"    // a browser, behind a cookie
	TrustedDevice SessionKind = "device" // stands for the second factor, and for nothing else
)

const (
	// SensitiveFor is how long after a proof of identity a session may do what
	// cannot be undone, or changes who may come in.
	SensitiveFor = 15 * time.Minute

	// MaxSessions bounds the sessions of one account. One more ends the one
	// that was used least recently.
	MaxSessions = 100

	// seenEvery is how coarsely the last use is kept: a write a minute at most,
	// and no diary of clicks.
	seenEvery = time.Minute
)

// A Session is one login through the web until it ends or is ended. Programs have
// an Authorization instead.
type Session struct {
	ID     string // names it, to its owner and in the trail; made by NewSession
	Kind   SessionKind
	Device string // what its owner knows it by: the browser
	Factor string `json:",omitempty"` // the second factor that opened it

	Created time.Time
	Seen    time.Time     // last use, to the minute
	Proved  time.Time     // last time its holder proved who they are
	Idle    time.Duration // without use, after which it is over; 0: no such limit
	Expires time.Time     // when it is over in any case
}

// keptSession is a Session as it is kept.
type keptSession struct {
	Session
	Hash []byte
}

// Over reports whether a session has come to its end.
func (n Session) Over(now time.Time) bool {
	return !now.Before(n.Expires) || n.Idle > 0 && now.Sub(n.Seen) >= n.Idle
}

// Fresh reports whether the holder proved who they are so recently that the
// session may do what is sensitive.
func (n Session) Fresh(now time.Time) bool { return now.Sub(n.Proved) < SensitiveFor }

// NewSession opens a session. It returns it with its ID, and the secret that
// its holder shows each time; only a keyed hash of that is kept. Without
// Created or Expires it is fault.Invalid.
func NewSession(w store.Writer, s fact.Scope, n Session) (opened Session, secret string, err error) {
	if n.Created.IsZero() || !n.Created.Before(n.Expires) || n.Kind == "" {
		return n, "", fmt.Errorf("account: new session: %w", fault.Invalid)
	}
	if n.Seen.IsZero() {
		n.Seen = n.Created
	}
	if n.Proved.IsZero() {
		n.Proved = n.Created
	}
	n.Device = deviceName(n.Device)
	n.ID = strings.ToLower(rand.Text()[:16])
	secret = newSecret()
	if err := makeRoom(w, s, n.Created); err != nil {
		return n, "", err
	}
	return n, secret, fact.PutRight(w, s, "acc/s/"+n.ID, keptSession{n, hashSecret(s, n.ID, secret)})
}

// deviceName makes a name that a program gives of itself one that can be shown.
func deviceName(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return -1
		}
		return c
	}, s)
	for len(s) > maxName {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	if s = strings.TrimSpace(s); !isName(s) {
		return "?"
	}
	return s
}

// newSecret returns 32 random bytes as text.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashSecret(s fact.Scope, id, secret string) []byte {
	mac := s.Key.MAC("account/session", string(s.Part), id, secret)
	return mac[:]
}

// makeRoom removes the sessions that are over, and what are too many of the
// others for one more.
func makeRoom(w store.Writer, s fact.Scope, now time.Time) error {
	var live []Session
	var over []string
	for k, err := range fact.AllRights[keptSession](w, s, "acc/s/") {
		switch {
		case err != nil:
			return err
		case k.Over(now):
			over = append(over, k.ID)
		default:
			live = append(live, k.Session)
		}
	}
	slices.SortFunc(live, func(a, b Session) int { return b.Seen.Compare(a.Seen) })
	for i := MaxSessions - 1; i < len(live); i++ {
		over = append(over, live[i].ID)
	}
	for _, id := range over {
		if err := fact.DeleteRight(w, s, "acc/s/"+id); err != nil {
			return err
		}
	}
	return nil
}

// CheckSession returns the session of that ID to whoever shows its secret.
// Whatever is wrong (no such session, another secret, its end) it is
// fault.Unauthenticated. The caller looks at Kind.
func CheckSession(r store.Reader, s fact.Scope, id, secret string, now time.Time) (Session, error) {
	k, ok, err := fact.GetRight[keptSession](r, s, "acc/s/"+id)
	if err != nil {
		return Session{}, err
	}
	right := subtle.ConstantTimeCompare(k.Hash, hashSecret(s, id, secret)) == 1
	if !ok || !right {
		return Session{}, fmt.Errorf("account: session: %w", fault.Unauthenticated)
	}
	return k.alive(now)
}

// FindSession returns the session of that ID: what its owner may end, or what
// somebody let in before still stands on. One that is over is
// fault.Unauthenticated.
func FindSession(r store.Reader, s fact.Scope, id string, now time.Time) (Session, error) {
	k, ok, err := fact.GetRight[keptSession](r, s, "acc/s/"+id)
	if err == nil && !ok {
		err = fmt.Errorf("account: session: %w", fault.Unauthenticated)
	}
	if err != nil {
		return Session{}, err
	}
	return k.alive(now)
}

// alive returns the session unless it is over.
func (k keptSession) alive(now time.Time) (Session, error) {
	if k.Over(now) {
		return Session{}, fmt.Errorf("account: session: %w", fault.Unauthenticated)
	}
	return k.Session, nil
}

// Stale reports whether the use of a session should be written down with
// TouchSession.
func (n Session) Stale(now time.Time) bool { return now.Sub(n.Seen) >= seenEvery }

// TouchSession writes down that a session was used. One that has ended is
// fault.Unauthenticated.
func TouchSession(w store.Writer, s fact.Scope, id string, now time.Time) error {
	return changeSession(w, s, id, func(n *Session) {
		if n.Stale(now) {
			n.Seen = now.Truncate(seenEvery)
		}
	}, now)
}

// ProveSession writes down that the holder has proved once more who they are.
func ProveSession(w store.Writer, s fact.Scope, id, factor string, now time.Time) error {
	return changeSession(w, s, id, func(n *Session) { n.Proved, n.Seen, n.Factor = now, now, factor }, now)
}

func changeSession(w store.Writer, s fact.Scope, id string, change func(*Session), now time.Time) error {
	k, ok, err := fact.GetRight[keptSession](w, s, "acc/s/"+id)
	if err != nil {
		return err
	}
	if !ok || k.Over(now) {
		return fmt.Errorf("account: session: %w", fault.Unauthenticated)
	}
	change(&k.Session)
	return fact.PutRight(w, s, "acc/s/"+id, k)
}

// Sessions lists the sessions of an account that are not over, the one used last
// first.
func Sessions(r store.Reader, s fact.Scope, now time.Time) ([]Session, error) {
	var list []Session
	for k, err := range fact.AllRights[keptSession](r, s, "acc/s/") {
		if err != nil {
			return nil, err
		}
		if !k.Over(now) {
			list = append(list, k.Session)
		}
	}
	slices.SortStableFunc(list, func(a, b Session) int { return b.Seen.Compare(a.Seen) })
	return list, nil
}

// EndSession ends a session. One that does not exist is fault.NotFound.
func EndSession(w store.Writer, s fact.Scope, id string) error {
	n, err := endSessions(w, s, func(k Session) bool { return k.ID == id })
	if err == nil && n == 0 {
		err = fmt.Errorf("account: end session: %w", fault.NotFound)
	}
	return err
}

// EndSessions ends every session but the one of the ID except, which may be
// empty, and returns how many.
func EndSessions(w store.Writer, s fact.Scope, except string) (int, error) {
	return endSessions(w, s, func(k Session) bool { return k.ID != except })
}

func endSessions(w store.Writer, s fact.Scope, which func(Session) bool) (int, error) {
	var ids []string
	for k, err := range fact.AllRights[keptSession](w, s, "acc/s/") {
		if err != nil {
			return 0, err
		}
		if which(k.Session) {
			ids = append(ids, k.ID)
		}
	}
	for _, id := range ids {
		if err := fact.DeleteRight(w, s, "acc/s/"+id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// A Token is what the holder of a session carries, in a cookie.
type Token struct {
	Part   store.Part
	ID     string // of the session
	Secret string
}

const (
	tokenContext = "account/token"
	maxToken     = 400 // characters
)

// Seal writes a token as text in which nothing can be read: it is sealed under
// the index key.
func (t Token) Seal(k *keyring.IndexKey) string {
	b, _ := json.Marshal([]string{string(t.Part), t.ID, t.Secret}) // strings never fail
	return base64.RawURLEncoding.EncodeToString(k.Seal([]byte{version}, b, tokenContext))
}

// ParseToken reads what Seal wrote. Anything else is fault.Unauthenticated. The
// session itself is still to be checked.
func ParseToken(k *keyring.IndexKey, text string) (Token, error) {
	wrong := fmt.Errorf("account: token: %w", fault.Unauthenticated)
	if len(text) > maxToken {
		return Token{}, wrong
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 || b[0] != version {
		return Token{}, wrong
	}
	plain, err := k.Open(nil, b[1:], tokenContext)
	if err != nil {
		return Token{}, wrong
	}
	var fields []string
	if err := json.Unmarshal(plain, &fields); err != nil || len(fields) != 3 {
		return Token{}, wrong
	}
	return Token{store.Part(fields[0]), fields[1], fields[2]}, nil
}

// version is the first byte of every value and token of this package that is no
// fact.
const version = 1
