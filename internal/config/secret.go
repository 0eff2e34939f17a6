package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"vaguemestre/internal/fault"
)

// A Secret is a text that may hold a password: it prints as "secret" under
// every verb. It is written in the file itself, or the file says where it is:
// "file:PATH" or "env:NAME". It is read from there each time it is revealed.
type Secret struct{ source string }

// NewSecret makes a Secret of what the file would say.
func NewSecret(source string) Secret { return Secret{source} }

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return s.source == "" }

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "secret") }

const maxSecret = 4 << 10

// Reveal returns the text. A file or variable that is absent or empty is
// fault.NotFound; the error names it.
func (s Secret) Reveal() (string, error) {
	if path, ok := strings.CutPrefix(s.source, "file:"); ok {
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("config: secret: %v: %w", err, fault.NotFound)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxSecret))
		if text := strings.TrimSpace(string(b)); err == nil && text != "" {
			return text, nil
		}
		return "", fmt.Errorf("config: secret: %s is empty: %w", path, fault.NotFound)
	}
	if name, ok := strings.CutPrefix(s.source, "env:"); ok {
		if text := os.Getenv(name); text != "" {
			return text, nil
		}
		return "", fmt.Errorf("config: secret: the environment variable %s is not set: %w", name, fault.NotFound)
	}
	return s.source, nil
}

// A secretValue is a Secret in the file.
type secretValue struct{ at *Secret }

func (s secretValue) reset()        { *s.at = Secret{} }
func (s secretValue) text() string  { return quote(s.at.source) }
func (s secretValue) missing() bool { return false }

func (s secretValue) set(v any, folder string) error {
	text, ok := v.(string)
	if !ok {
		return errors.New(`must be a text in quotes, "file:PATH" or "env:NAME"`)
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		text = "file:" + resolve(path, folder)
	}
	*s.at = Secret{text}
	return nil
}
