package saslauth

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/xdg-go/scram"

	"vaguemestre/internal/account"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A scramServer is the server's side of SCRAM-SHA-256, with or without channel
// binding (RFC 5802, 7677).
//
// An account has several application passwords, and SCRAM names no password.
// They share one salt, so one first message serves them all: a conversation
// runs for each, with the same nonce, and the one whose proof is right says
// which password it was.
type scramServer struct {
	exchange
	plus    bool
	state   int
	binding scram.ChannelBinding
	talks   []talk
	actor   hub.Actor
}

// A talk is a conversation about one application password.
type talk struct {
	keyID string
	conv  *scram.ServerConversation
}

// Next implements sasl.Server.
func (s *scramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.state == 0 && response == nil {
		return []byte{}, false, nil
	}
	s.state++
	switch {
	case s.state == 1:
		challenge, err = s.first(string(response))
	case s.state == 2:
		challenge, err = s.final(string(response))
	case s.state == 3 && len(response) == 0:
		s.done(s.actor)
		return nil, true, nil
	default:
		err = s.fail()
	}
	return challenge, false, err
}

// first answers the client's first message with nonce, salt and count.
func (s *scramServer) first(msg string) ([]byte, error) {
	if !s.bind(msg) {
		return nil, s.fail()
	}
	nonce := rand.Text()
	var secrets account.Secrets
	var asked error
	reply, authzID, err := s.talk(msg, nonce, "", func(login string) (scram.StoredCredentials, error) {
		s.attempt.Login = login
		if !okIdentity("", login) {
			return scram.StoredCredentials{}, fault.Invalid
		}
		if secrets, asked = s.a.hub.Secrets(s.ctx, s.attempt); asked != nil {
			return scram.StoredCredentials{}, asked
		}
		// The first talk is about no password: an account that has none, or
		// does not exist, is answered like any other. No hash is all zero.
		return credentials(secrets, account.SecretKey{StoredKey: make([]byte, 32), ServerKey: make([]byte, 32)}), nil
	})
	if asked != nil {
		return nil, fmt.Errorf("saslauth: secrets: %w", asked)
	}
	if err != nil || !okIdentity(authzID, s.attempt.Login) {
		return nil, s.fail()
	}
	for _, key := range secrets.Keys {
		_, _, err := s.talk(msg, nonce, key.ID, func(string) (scram.StoredCredentials, error) {
			return credentials(secrets, key), nil
		})
		if err != nil {
			return nil, s.fail()
		}
	}
	return []byte(reply), nil
}

// bind picks the binding the client's first message asks for, and reports
// whether it is one that this mechanism allows (RFC 5802 §6): -PLUS binds; the
// other does not, and a client that believes we have no -PLUS, where we do, is
// a client whose list of mechanisms somebody changed.
func (s *scramServer) bind(msg string) bool {
	flag, _, _ := strings.Cut(msg, ",")
	name, binds := strings.CutPrefix(flag, "p=")
	switch {
	case binds != s.plus, flag == "y" && len(s.a.bindings) > 0:
		return false
	case !binds:
		return flag == "n" || flag == "y"
	}
	for _, b := range s.a.bindings {
		if string(b.Type) == name {
			s.binding = b
			return true
		}
	}
	return false
}

// talk begins a conversation about one password.
func (s *scramServer) talk(msg, nonce, keyID string, lookup scram.CredentialLookup) (reply, authzID string, err error) {
	server, err := scram.SHA256.NewServer(lookup)
	if err != nil {
		return "", "", err
	}
	conv := server.WithNonceGenerator(func() string { return nonce }).NewConversationWithChannelBinding(s.binding)
	reply, err = conv.Step(msg)
	s.talks = append(s.talks, talk{keyID, conv})
	return reply, conv.AuthzID(), err
}

// final answers the client's proof with ours. It tries every password, right
// or not, so that the time does not tell which.
func (s *scramServer) final(msg string) ([]byte, error) {
	var proof, keyID string
	for _, t := range s.talks {
		if reply, err := t.conv.Step(msg); err == nil && t.conv.Valid() && t.keyID != "" {
			proof, keyID = reply, t.keyID
		}
	}
	if keyID == "" {
		return nil, s.fail()
	}
	actor, err := s.a.hub.LoginProved(s.ctx, s.attempt, keyID)
	if err != nil {
		return nil, fmt.Errorf("saslauth: login proved: %w", err)
	}
	s.actor = actor
	return []byte(proof), nil
}

func credentials(s account.Secrets, k account.SecretKey) scram.StoredCredentials {
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(s.Salt), Iters: s.Iterations},
		StoredKey:  k.StoredKey, ServerKey: k.ServerKey,
	}
}
