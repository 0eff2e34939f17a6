package courier

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A Folder keeps notices as files that a person can read, instead of sending
// them: for a demo and for tests, where nobody real is to be told. The codes in
// it let anybody in.
type Folder struct {
	Path string
	Now  func() time.Time
}

// Carry implements Carrier.
func (f *Folder) Carry(_ context.Context, o hub.Outgoing) error {
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return fmt.Errorf("courier: folder: %v: %w", err, fault.Unavailable)
	}
	_, id, _ := strings.Cut(o.ID, "/")
	name := fmt.Sprintf("%s-%s-%s-%s.txt", f.Now().UTC().Format("20060102T150405"), o.Channel, o.Kind, id)
	text := fmt.Sprintf("To: %s\n", o.Address)
	if o.Subject != "" {
		text += "Subject: " + o.Subject + "\n"
	}
	text += "\n" + strings.TrimRight(o.Text, "\n") + "\n"
	temporary, err := os.CreateTemp(f.Path, ".notice-*")
	if err != nil {
		return fmt.Errorf("courier: folder: %v: %w", err, fault.Unavailable)
	}
	_, err = temporary.WriteString(text)
	if e := temporary.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temporary.Name(), filepath.Join(f.Path, name)) // whole, or not there
	}
	if err != nil {
		return fmt.Errorf("courier: folder: %v: %w", err, fault.Unavailable)
	}
	return nil
}
