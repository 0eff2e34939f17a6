package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// An advised error also says what to do next, to somebody who reads it at
// three in the morning.
type advised struct {
	error
	todo string
}

// Unwrap gives the error itself.
func (a *advised) Unwrap() error { return a.error }

// advise adds what to do to an error.
func advise(err error, format string, args ...any) error {
	return &advised{err, fmt.Sprintf(format, args...)}
}

// printError writes an error for a person: what is wrong, then what to do.
func printError(w io.Writer, err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "\n  ")
	fmt.Fprintf(w, "vaguemestre: %s\n", text)
	var a *advised
	if errors.As(err, &a) {
		fmt.Fprintf(w, "  → %s\n", a.todo)
	}
}
