package keyring

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A locked owner key is, in this order:
//
//	1 byte    version of this form
//	2 bytes   length of the next
//	          wrapped passphrase: the ring around the erasure secret around it
//	          the owner's OpenPGP transferable secret key, under the passphrase
//
// so that rotation changes the first part alone, and whoever has ring and
// secret reads the second with any OpenPGP program.
const (
	lockVersion = 1
	lockHeader  = 1 + 2
	maxLocked   = 16 << 10
	lockContext = "owner key "
)

// An Opener gives back the session that wraps carry: a Key, or what unlocks one
// at need.
type Opener interface {
	Open(wraps []byte) (*Session, error)
}

// A Key is an owner's private half, unlocked. It opens wraps, and that is all
// it does. It may be used from many goroutines.
type Key struct {
	redacted
	private []*packet.PrivateKey // the encryption subkeys
}

// Wrapped is where the wraps of one session are kept.
type Wrapped struct {
	Key   string
	Wraps []byte
}

// And returns a key that opens what either opens.
func (k *Key) And(other *Key) *Key {
	return &Key{private: append(slices.Clone(k.private), other.private...)}
}

// NewOwner makes the key of an owner: the certificate to file with, and the
// private parts, locked, to keep beside it. The erasure secret must be durable
// (ErasureSecrets.Add) before anything is sealed to the owner. The audit escrow
// is an owner as well, of a ring and a secret that are kept offline.
func (r *Ring) NewOwner(owner store.Part, es ErasureSecret) (cert *Cert, locked []byte, err error) {
	if r == nil {
		return nil, nil, fmt.Errorf("keyring: new owner: %w", fault.Sealed)
	}
	if owner == "" || es.IsZero() {
		return nil, nil, fmt.Errorf("keyring: new owner: without identifier or erasure secret: %w", fault.Invalid)
	}
	pass := newPassphrase()
	defer clear(pass)
	public, secret, err := newEntity(pass)
	if err != nil {
		return nil, nil, fmt.Errorf("keyring: new owner: %v: %w", err, fault.Internal)
	}
	if cert, err = ParseCert(public); err != nil {
		return nil, nil, err
	}
	inner := es.box().seal(nil, pass, passContext(owner, secret))
	return cert, joinLocked(r.Wrap(inner, lockContext+string(owner)), secret), nil
}

// newPassphrase returns 256 random bits as text, so that other programs take it.
func newPassphrase() []byte {
	var b [keySize]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program
	return base64.RawURLEncoding.AppendEncode(nil, b[:])
}

// newEntity makes an OpenPGP key that names nobody, and returns its public
// packets and its private ones locked under the passphrase.
func newEntity(pass []byte) (public, secret []byte, err error) {
	e, err := openpgp.NewEntityWithoutId(profile(0)) // Ed25519, and X25519 below it
	if err != nil {
		return nil, nil, err
	}
	hybrid := profile(0)
	hybrid.Algorithm = packet.PubKeyAlgoMlkem768X25519
	if err := e.AddEncryptionSubkey(hybrid); err != nil {
		return nil, nil, err
	}
	var pub, sec bytes.Buffer
	if err := e.Serialize(&pub); err != nil {
		return nil, nil, err
	}
	lock := profile(0)
	// The passphrase has 256 bits of its own: stretching it would add nothing.
	lock.S2KConfig = &s2k.Config{S2KMode: s2k.SaltedS2K, PassphraseIsHighEntropy: true}
	if err := e.EncryptPrivateKeys(pass, lock); err != nil {
		return nil, nil, err
	}
	if err := e.SerializePrivateWithoutSigning(&sec, nil); err != nil {
		return nil, nil, err
	}
	return pub.Bytes(), sec.Bytes(), nil
}

// Unlock gives the owner's key back. A ring that is absent is fault.Sealed;
// another owner, another secret or any change is fault.Corrupt.
func (r *Ring) Unlock(owner store.Part, locked []byte, es ErasureSecret) (*Key, error) {
	_, pass, secret, err := r.openLocked(owner, locked, es)
	if err != nil {
		return nil, fmt.Errorf("keyring: unlock: %w", err)
	}
	defer clear(pass)
	e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(secret)))
	if err != nil {
		return nil, fmt.Errorf("keyring: unlock: %w", fault.Corrupt)
	}
	k := new(Key)
	for _, s := range e.Subkeys { // the primary key signs; nothing here needs that
		if s.PrivateKey != nil && s.PrivateKey.Encrypted {
			k.private = append(k.private, s.PrivateKey)
		}
	}
	if len(k.private) == 0 || packet.DecryptPrivateKeys(k.private, pass) != nil {
		return nil, fmt.Errorf("keyring: unlock: %w", fault.Corrupt)
	}
	return k, nil
}

// Rewrap returns the locked key under the ring's newest hub key, after proof
// that it opens; it returns locked itself if that is so already. A rotation may
// thus stop anywhere and begin again.
func (r *Ring) Rewrap(owner store.Part, locked []byte, es ErasureSecret) ([]byte, error) {
	inner, pass, secret, err := r.openLocked(owner, locked, es)
	if err != nil {
		return nil, fmt.Errorf("keyring: rewrap: %w", err)
	}
	clear(pass)
	if v, _ := wrappedUnder(locked[lockHeader:]); v == r.Version() {
		return locked, nil
	}
	return joinLocked(r.Wrap(inner, lockContext+string(owner)), secret), nil
}

// openLocked opens both wraps around the passphrase.
func (r *Ring) openLocked(owner store.Part, locked []byte, es ErasureSecret) (inner, pass, secret []byte, err error) {
	if r == nil {
		return nil, nil, nil, fault.Sealed
	}
	wrapped, secret, ok := splitLocked(locked)
	if !ok || es.IsZero() {
		return nil, nil, nil, fault.Corrupt
	}
	if inner, err = r.Unwrap(wrapped, lockContext+string(owner)); err != nil {
		return nil, nil, nil, err
	}
	if pass, err = es.box().open(nil, inner, passContext(owner, secret)); err != nil {
		return nil, nil, nil, fault.Corrupt
	}
	return inner, pass, secret, nil
}

// passContext binds the passphrase to every byte that it unlocks, so that no
// parser, and no costly derivation, is fed what was tampered with.
func passContext(owner store.Part, secret []byte) string {
	sum := sha256.Sum256(secret)
	return lockContext + string(owner) + string(sum[:])
}

func joinLocked(wrapped, secret []byte) []byte {
	b := make([]byte, lockHeader, lockHeader+len(wrapped)+len(secret))
	b[0] = lockVersion
	binary.BigEndian.PutUint16(b[1:], uint16(len(wrapped)))
	return append(append(b, wrapped...), secret...)
}

func splitLocked(b []byte) (wrapped, secret []byte, ok bool) {
	if len(b) < lockHeader || len(b) > maxLocked || b[0] != lockVersion {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if b = b[lockHeader:]; n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

const (
	maxWraps = 64 << 10 // bytes of wraps that Open reads: about fifty
	tagPKESK = 0xC1     // first byte of a wrap, RFC 9580 §4.2
)

// Open returns the session of the first wrap that is for this key; it must try
// each, since wraps do not say whom they are for. None, or anything that is not
// a wrap, is fault.Corrupt.
func (k *Key) Open(wraps []byte) (*Session, error) {
	if len(wraps) <= maxWraps {
		in := bytes.NewReader(wraps)
		for in.Len() > 0 {
			wrap, err := readWrap(in)
			if err != nil {
				break
			}
			if key := k.try(wrap); key != nil {
				defer clear(key)
				return SessionFromKey(key)
			}
		}
	}
	return nil, fmt.Errorf("keyring: open wraps: %w", fault.Corrupt)
}

// readWrap reads one PKESK packet, and hands nothing else to the library.
func readWrap(in *bytes.Reader) (*packet.EncryptedKey, error) {
	if b, err := in.ReadByte(); err != nil || b != tagPKESK || in.UnreadByte() != nil {
		return nil, fault.Corrupt
	}
	p, err := packet.Read(in)
	if err != nil {
		return nil, err
	}
	wrap, ok := p.(*packet.EncryptedKey)
	if !ok || wrap.Version != 6 {
		return nil, fault.Corrupt
	}
	return wrap, nil
}

// try returns the session key in a wrap, nil if it is not for this key.
func (k *Key) try(wrap *packet.EncryptedKey) []byte {
	for _, private := range k.private {
		if wrap.Algo != private.PubKeyAlgo {
			continue
		}
		if wrap.Decrypt(private, nil) == nil && len(wrap.Key) == keySize {
			return wrap.Key
		}
	}
	return nil
}
