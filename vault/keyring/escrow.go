package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// The audit escrow is an owner of a ring and an erasure secret of its own, in
// three files that are kept away from the hub. None of them opens anything
// without the other two, so that they can be given to two or three people.
const (
	escrowRing   = "hub.key"
	escrowSecret = "erasure"
	escrowLocked = "escrow.locked"
)

const escrowOwner store.Part = "escrow"

// MakeEscrow makes the key of an audit escrow in a folder, and returns the
// certificate that the hub seals its trails to. A folder that has such files is
// fault.Exists.
func MakeEscrow(folder string) (*Cert, error) {
	cert, err := makeEscrow(folder)
	if err != nil {
		return nil, fmt.Errorf("keyring: make escrow: %w", err)
	}
	return cert, nil
}

func makeEscrow(folder string) (*Cert, error) {
	for _, name := range []string{escrowRing, escrowSecret, escrowLocked} {
		if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(folder, name), fault.Exists)
		}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	ring := NewRing()
	if err := ring.Save(filepath.Join(folder, escrowRing)); err != nil {
		return nil, err
	}
	set, err := NewErasureSecrets(filepath.Join(folder, escrowSecret))
	if err != nil {
		return nil, err
	}
	secrets, err := set.Add(escrowOwner)
	if err != nil {
		return nil, err
	}
	cert, locked, err := ring.NewOwner(escrowOwner, secrets[0])
	if err != nil {
		return nil, err
	}
	return cert, replaceFile(filepath.Join(folder, escrowLocked), locked)
}

// OpenEscrow returns the private half of the audit escrow, for use away from the
// hub: it opens every trail. The folders are those of the people who hold a part
// of it; each of the three files is in one of them. One that nobody has brought is
// fault.NotFound, and the error names it; files that do not belong together are
// fault.Corrupt.
func OpenEscrow(folders ...string) (*Key, error) {
	k, err := openEscrow(folders)
	if err != nil {
		return nil, fmt.Errorf("keyring: open escrow: %w", err)
	}
	return k, nil
}

func openEscrow(folders []string) (*Key, error) {
	var paths [3]string
	for i, name := range []string{escrowRing, escrowSecret, escrowLocked} {
		var err error
		if paths[i], err = amongFolders(folders, name); err != nil {
			return nil, err
		}
	}
	ring, err := LoadRing(paths[0])
	if err != nil {
		return nil, err
	}
	b, err := readPrivateFile(paths[1], maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	set, err := parseSecretSet(b) // read only: it may be on a medium that cannot be written
	if err != nil {
		return nil, fmt.Errorf("%s: %w", paths[1], err)
	}
	locked, err := readPrivateFile(paths[2], maxLocked)
	if err != nil {
		return nil, err
	}
	return ring.Unlock(escrowOwner, locked, set.secrets[escrowOwner])
}

// amongFolders finds the one file of that name.
func amongFolders(folders []string, name string) (found string, err error) {
	for _, f := range folders {
		path := filepath.Join(f, name)
		_, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", fmt.Errorf("%v: %w", err, fault.Unavailable)
		case found != "":
			return "", fmt.Errorf("%s and %s: which one? %w", found, path, fault.Invalid)
		default:
			found = path
		}
	}
	if found == "" {
		return "", fmt.Errorf("%s is in none of these folders: %w", name, fault.NotFound)
	}
	return found, nil
}
