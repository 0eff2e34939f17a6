package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"vaguemestre/internal/fault"
)

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
