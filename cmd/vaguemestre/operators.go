package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vaguemestre/internal/config"
	"vaguemestre/internal/fault"
)

// Operators are those who may use the verbs. In their folder, NAME holds the
// hash of a token, for the server, and NAME.token the token itself, for the
// operator, who may move it to a place of their own. The socket already keeps
// strangers out; the token says which operator it is, for the trail.

const tokenSuffix = ".token"

// addOperator makes an operator and returns the path of the token file.
func addOperator(folder, name string) (string, error) {
	if !isOperatorName(name) {
		return "", fmt.Errorf("an operator's name has 1 to 32 characters of a-z, 0-9 and -: %w", fault.Invalid)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("operators: %v: %w", err, fault.Unavailable)
	}
	token := name + "." + strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(token))
	path := filepath.Join(folder, name)
	if err := writeNew(path+tokenSuffix, []byte(token+"\n"), 0o600); err != nil {
		return "", err
	}
	return path + tokenSuffix, writeNew(path, []byte(hex.EncodeToString(sum[:])+"\n"), 0o600)
}

func isOperatorName(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// operatorFile tells whose token one is, from the folder as it is now: a file
// that is removed ends an operator at once.
func operatorFile(c *config.Config) func(token string) (string, bool) {
	return func(token string) (string, bool) {
		name, _, _ := strings.Cut(token, ".")
		if !isOperatorName(name) {
			return "", false
		}
		want, err := os.ReadFile(filepath.Join(c.Operators, name))
		sum := sha256.Sum256([]byte(token))
		got := hex.EncodeToString(sum[:])
		return name, err == nil && subtle.ConstantTimeCompare([]byte(got), []byte(strings.TrimSpace(string(want)))) == 1
	}
}

// findToken reads the token of the operator named, or of the only one there is.
func findToken(folder, name string) (string, error) {
	path := filepath.Join(folder, name+tokenSuffix)
	if name == "" {
		tokens, err := filepath.Glob(filepath.Join(folder, "*"+tokenSuffix))
		if err != nil || len(tokens) != 1 {
			return "", advise(fmt.Errorf("%d token files in %s: %w", len(tokens), folder, fault.Unauthenticated),
				"Say who you are with --operator NAME, or where your token is with --token FILE.")
		}
		path = tokens[0]
	}
	return readToken(path)
}

func readToken(path string) (string, error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", advise(fmt.Errorf("no token file %s: %w", path, fault.NotFound), "`vaguemestre operator add NAME` makes one.")
	case err != nil:
		return "", fmt.Errorf("token: %v: %w", err, fault.Denied)
	}
	return strings.TrimSpace(string(b)), nil
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, fault.Exists)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("%v: %w", err, fault.Unavailable)
	}
	return nil
}

// syncDir makes the names in a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeOperator ends an operator.
func removeOperator(folder, name string) error {
	if !isOperatorName(name) {
		return fmt.Errorf("operator: %w", fault.Invalid)
	}
	path := filepath.Join(folder, name)
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("operator: %v: %w", err, fault.NotFound)
	}
	os.Remove(path + tokenSuffix) // it opens nothing any more, wherever copies are
	return nil
}
