package saslauth

import "bytes"

// A plainServer reads authorization identity, login and password, each but
// the last ended by NUL, in one message (RFC 4616 §2).
type plainServer struct{ exchange }

// Next implements sasl.Server.
func (s *plainServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return []byte{}, false, nil
	}
	part := bytes.Split(response, []byte{0})
	if len(part) != 3 {
		return nil, false, s.fail()
	}
	err = s.login(string(part[0]), string(part[1]), string(part[2]))
	return nil, err == nil, err
}

// A loginServer asks for login and password in two messages. Old clients and
// devices in practices know nothing else.
type loginServer struct {
	exchange
	name    string
	hasName bool
	asked   bool
}

// Next implements sasl.Server.
func (s *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil && !s.asked:
		s.asked = true
		return []byte("Username:"), false, nil
	case !s.hasName:
		s.name, s.hasName = string(response), true
		return []byte("Password:"), false, nil
	}
	err = s.login("", s.name, string(response))
	return nil, err == nil, err
}
