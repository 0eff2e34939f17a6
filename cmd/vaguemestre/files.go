package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"vaguemestre/internal/fault"
)

// maxSmall bounds a file of a few lines: a key, a certificate, a proof.
const maxSmall = 64 << 10

// readFile reads a file of at most that many bytes.
func readFile(most int64, name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", err, fault.NotFound)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%v: %w", err, fault.Unavailable)
	case int64(len(b)) > most:
		return nil, fmt.Errorf("%s is larger than %d KB: %w", name, most>>10, fault.TooLarge)
	}
	return b, nil
}

// replaceFile replaces a file, whole or not at all.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %v: %w", path, err, fault.Unavailable)
	}
	err = write(f)
	if e := errors.Join(f.Sync(), f.Close()); err == nil && e != nil {
		err = fmt.Errorf("%s: %v: %w", path, e, fault.Unavailable)
	}
	if err != nil {
		os.Remove(path + ".new")
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("%s: %v: %w", path, err, fault.Unavailable)
	}
	return nil
}
