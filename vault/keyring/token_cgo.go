//go:build cgo

package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"

	"vaguemestre/internal/fault"
)

// oneToken lets one use of a token's library follow the other: it is one for the
// whole process.
var oneToken sync.Mutex

const gcmNonce, gcmTag = 12, 16

// A pkcs11Key is an AES key on a token, in a session that is logged in.
type pkcs11Key struct {
	ctx     *pkcs11.Ctx
	session pkcs11.SessionHandle
	key     pkcs11.ObjectHandle
}

// openToken opens the key that a URI names, and makes it where there is none, if
// that is wanted.
func openToken(u tokenURI, create bool) (_ tokenKey, err error) {
	oneToken.Lock()
	defer func() {
		if err != nil {
			oneToken.Unlock()
		}
	}()
	k := &pkcs11Key{ctx: pkcs11.New(u.module)}
	if k.ctx == nil {
		return nil, fmt.Errorf("%s: cannot be loaded as a PKCS #11 library: %w", u.module, fault.Unavailable)
	}
	if err := k.begin(u, create); err != nil {
		k.end()
		return nil, err
	}
	return k, nil
}

func away(what string, err error) error {
	return fmt.Errorf("PKCS #11: %s: %v: %w", what, err, fault.Unavailable)
}

func (k *pkcs11Key) begin(u tokenURI, create bool) error {
	if err := k.ctx.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return away("initialize", err)
	}
	slot, err := k.slot(u)
	if err != nil {
		return err
	}
	flags := uint(pkcs11.CKF_SERIAL_SESSION)
	if create {
		flags |= pkcs11.CKF_RW_SESSION
	}
	if k.session, err = k.ctx.OpenSession(slot, flags); err != nil {
		return away("open a session", err)
	}
	pin, err := u.pin()
	if err != nil {
		return err
	}
	if err := k.ctx.Login(k.session, pkcs11.CKU_USER, pin); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return away("log in", err)
	}
	found, err := k.find(u)
	if err == nil && !found && create {
		err = k.generate(u)
	} else if err == nil && !found {
		err = fmt.Errorf("PKCS #11: the token has no AES key of that name: %w", fault.Unavailable)
	}
	if err != nil {
		return err
	}
	return k.stays()
}

// slot finds the one token of that name.
func (k *pkcs11Key) slot(u tokenURI) (slot uint, err error) {
	slots, err := k.ctx.GetSlotList(true)
	if err != nil {
		return 0, away("list the tokens", err)
	}
	n := 0
	for _, s := range slots {
		info, err := k.ctx.GetTokenInfo(s)
		if err != nil || u.token != "" && strings.TrimRight(info.Label, " \x00") != u.token ||
			u.serial != "" && strings.TrimRight(info.SerialNumber, " \x00") != u.serial {
			continue
		}
		slot = s
		n++
	}
	if n != 1 {
		return 0, fmt.Errorf("PKCS #11: %d tokens of that name are there, want one: %w", n, fault.Unavailable)
	}
	return slot, nil
}

func (u tokenURI) template() []*pkcs11.Attribute {
	t := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
	}
	if u.object != "" {
		t = append(t, pkcs11.NewAttribute(pkcs11.CKA_LABEL, u.object))
	}
	if u.id != "" {
		t = append(t, pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(u.id)))
	}
	return t
}

// find looks for the one key of that name.
func (k *pkcs11Key) find(u tokenURI) (bool, error) {
	if err := k.ctx.FindObjectsInit(k.session, u.template()); err != nil {
		return false, away("look for the key", err)
	}
	list, _, err := k.ctx.FindObjects(k.session, 2)
	if err := errors.Join(err, k.ctx.FindObjectsFinal(k.session)); err != nil {
		return false, away("look for the key", err)
	}
	if len(list) > 1 {
		return false, fmt.Errorf("PKCS #11: the token has several keys of that name: %w", fault.Invalid)
	}
	if len(list) == 1 {
		k.key = list[0]
	}
	return len(list) == 1, nil
}

// generate makes the key on the token.
func (k *pkcs11Key) generate(u tokenURI) (err error) {
	k.key, err = k.ctx.GenerateKey(k.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, append(u.template(),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keySize),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false),
		pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false)))
	if err != nil {
		return away("make the key", err)
	}
	return nil
}

// stays refuses a key that can leave the token, or that is not of 256 bits.
func (k *pkcs11Key) stays() error {
	got, err := k.ctx.GetAttributeValue(k.session, k.key, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, nil),
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, nil),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, nil),
	})
	if err != nil {
		return away("look at the key", err)
	}
	set := func(i int) bool { return len(got[i].Value) > 0 && got[i].Value[0] != 0 }
	if !set(0) || set(1) {
		return fmt.Errorf("PKCS #11: the key can leave the token (it is not sensitive, or extractable): %w", fault.Invalid)
	}
	if len(got[2].Value) == 0 || got[2].Value[0] != keySize {
		return fmt.Errorf("PKCS #11: the key is not one of AES-256: %w", fault.Invalid)
	}
	return nil
}

func (k *pkcs11Key) seal(plaintext, bound []byte) ([]byte, error) {
	nonce := make([]byte, gcmNonce)
	_, _ = rand.Read(nonce) // never fails: it ends the program
	p := pkcs11.NewGCMParams(nonce, bound, gcmTag*8)
	defer p.Free()
	if err := k.ctx.EncryptInit(k.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, p)}, k.key); err != nil {
		return nil, away("seal", err)
	}
	sealed, err := k.ctx.Encrypt(k.session, plaintext)
	if err != nil {
		return nil, away("seal", err)
	}
	// Some tokens take a nonce of their own and write it here.
	if nonce = p.IV(); len(nonce) != gcmNonce {
		return nil, fmt.Errorf("PKCS #11: a nonce of %d bytes: %w", len(nonce), fault.Unavailable)
	}
	return append(append([]byte{}, nonce...), sealed...), nil
}

func (k *pkcs11Key) open(sealed, bound []byte) ([]byte, error) {
	if len(sealed) < gcmNonce+gcmTag {
		return nil, fmt.Errorf("PKCS #11: too short: %w", fault.Invalid)
	}
	p := pkcs11.NewGCMParams(sealed[:gcmNonce], bound, gcmTag*8)
	defer p.Free()
	if err := k.ctx.DecryptInit(k.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, p)}, k.key); err != nil {
		return nil, away("open", err)
	}
	plaintext, err := k.ctx.Decrypt(k.session, sealed[gcmNonce:])
	if err != nil {
		return nil, fmt.Errorf("PKCS #11: the token does not open it: it was changed, or sealed by another key: %v: %w", err, fault.Invalid)
	}
	return plaintext, nil
}

func (k *pkcs11Key) close() {
	k.end()
	oneToken.Unlock()
}

// end leaves the token as it was found.
func (k *pkcs11Key) end() {
	if k.session != 0 {
		_ = k.ctx.Logout(k.session)
		_ = k.ctx.CloseSession(k.session)
	}
	_ = k.ctx.Finalize()
	k.ctx.Destroy()
}
