package keyring

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vaguemestre/internal/fault"
)

// Key files are short texts that a person may print and put into a safe: a
// title line that names the format, comments after '#', one key a line. Only
// their owner may read them.

// maxKeyFile bounds what a text key file may hold.
const maxKeyFile = 64 << 10

// readKeyFile returns the lines of a key file that has that title.
func readKeyFile(path, title string) ([]string, error) {
	b, err := readPrivateFile(path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	first, rest, _ := strings.Cut(string(b), "\n")
	if strings.TrimSpace(first) != title {
		return nil, fmt.Errorf("%s: first line is not %q: %w", path, title, fault.Invalid)
	}
	var lines []string
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// writeKeyFile replaces a key file as a whole.
func writeKeyFile(path, title, comment string, lines []string) error {
	text := title + "\n# " + comment + "\n" + strings.Join(lines, "\n") + "\n"
	return replaceFile(path, []byte(text))
}

// loadKey reads a key file of one key.
func loadKey(path, title string) ([]byte, error) {
	lines, err := readKeyFile(path, title)
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
// may read. Absent is fault.NotFound.
func readPrivateFile(path string, limit int64) ([]byte, error) {
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
	if mode := info.Mode(); !mode.IsRegular() || (mode.Perm() != 0o600 && mode.Perm() != 0o400) {
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
