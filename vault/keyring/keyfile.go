package keyring

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
)

// Key files are short texts that a person may print and put into a safe: a
// title line that names the format, comments after '#', one key a line. Only
// their owner may read them.

// maxKeyFile bounds what a text key file may hold.
const maxKeyFile = 64 << 10

// readKeyFile returns the title of a key file, which must be one of those, and
// its lines.
func readKeyFile(path string, titles ...string) (title string, lines []string, err error) {
	path, allowed, err := locate(path)
	if err != nil {
		return "", nil, err
	}
	b, err := readPrivateFile(path, maxKeyFile, allowed...)
	if err != nil {
		return "", nil, err
	}
	defer clear(b)
	first, rest, _ := strings.Cut(string(b), "\n")
	if title = strings.TrimSpace(first); !slices.Contains(titles, title) {
		return "", nil, fmt.Errorf("%s: first line is not %q: %w", path, titles[0], fault.Invalid)
	}
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return title, lines, nil
}

// A credential is a key file that systemd hands over (systemd.exec(5),
// LoadCredentialEncrypted=): it is on no disk in clear, and is not ours to write.
const credentialScheme = "credential:"

// The modes of a key file: its owner alone reads it. systemd gives a credential
// to root, and lets the user of the service read it by an access list, which
// stat shows as the group's.
var (
	privateModes    = []fs.FileMode{0o600, 0o400}
	credentialModes = []fs.FileMode{0o600, 0o400, 0o440}
)

// locate returns where a key file is, and the modes it may have.
func locate(source string) (path string, allowed []fs.FileMode, err error) {
	name, ok := strings.CutPrefix(source, credentialScheme)
	if !ok {
		return source, privateModes, nil
	}
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return "", nil, fmt.Errorf("%q: not the name of a credential: %w", source, fault.Invalid)
	case !filepath.IsAbs(folder):
		return "", nil, fmt.Errorf("%s: systemd has handed over no credential: CREDENTIALS_DIRECTORY is not set: %w", source, fault.NotFound)
	}
	return filepath.Join(folder, name), credentialModes, nil
}

// writeKeyFile replaces a key file as a whole.
func writeKeyFile(path, title, comment string, lines []string) error {
	if strings.HasPrefix(path, credentialScheme) {
		return fmt.Errorf("%s: a credential is not ours to write: save the key to a file, and make that the credential: %w", path, fault.Invalid)
	}
	text := title + "\n# " + comment + "\n" + strings.Join(lines, "\n") + "\n"
	return replaceFile(path, []byte(text))
}

// loadKey reads a key file of one key.
func loadKey(path, title string) ([]byte, error) {
	_, lines, err := readKeyFile(path, title)
	if err != nil {
		return nil, err
	}
	if len(lines) != 1 {
		return nil, fmt.Errorf("%s: %d keys, want one: %w", path, len(lines), fault.Invalid)
	}
	return decodeKey(lines[0])
}

func encodeKey(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

func decodeKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("a key is not %d bytes in base64: %w", keySize, fault.Invalid)
	}
	return key, nil
}

// readPrivateFile reads a file of at most limit bytes that nobody but its owner
// may read, or that has another of the allowed modes. Absent is fault.NotFound.
func readPrivateFile(path string, limit int64, allowed ...fs.FileMode) ([]byte, error) {
	if len(allowed) == 0 {
		allowed = privateModes
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, fault.NotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	if mode := info.Mode(); !mode.IsRegular() || !slices.Contains(allowed, mode.Perm()) {
		return nil, fmt.Errorf("%s: mode is %v, want a file of mode 0600 or 0400: %w", path, mode, fault.Invalid)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, want at most %d: %w", path, info.Size(), limit, fault.TooLarge)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	return b, nil
}

// replaceFile makes content, durably, the whole of the file at path, with mode
// 0600: there is never a moment when neither the old nor the new is there. Then
// it overwrites the blocks of the old, which helps on disks that write in place.
func replaceFile(path string, content []byte) error {
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		defer old.Close()
	}
	if err := writeDurably(path, content); err != nil {
		return fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	if old != nil {
		scrub(old)
	}
	return nil
}

func writeDurably(path string, content []byte) error {
	// One fixed name, so that what a crash leaves is gone with the next change.
	next := path + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// scrub overwrites a file that no name leads to any more. It is a best effort:
// what an erasure promises does not hang on it.
func scrub(f *os.File) {
	info, err := f.Stat()
	if err != nil {
		return
	}
	zeros := make([]byte, 32<<10)
	for left := info.Size(); left > 0; left -= int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(left, int64(len(zeros)))]); err != nil {
			return
		}
	}
	_ = f.Sync()
}
