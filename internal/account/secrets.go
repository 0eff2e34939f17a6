package account

// Secrets are what a SCRAM-SHA-256 exchange (RFC 5802, RFC 7677) needs to know
// of an account: one salt for all its application passwords, and the keys of
// each. They do not let anybody log in.
type Secrets struct {
	Salt       []byte
	Iterations int
	Keys       []SecretKey
}

// A SecretKey is what is kept of one application password.
type SecretKey struct {
	ID        string // names the password in the trail
	StoredKey []byte
	ServerKey []byte
}
