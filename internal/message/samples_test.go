package message

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSamples reads the mails of a folder of samples that this repository may
// not carry.
func TestSamples(t *testing.T) {
	dir := os.Getenv("VAGUEMESTRE_SAMPLES")
	if dir == "" {
		t.Skip("VAGUEMESTRE_SAMPLES is not set: the sample mails of the ANS are not read")
	}
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.eml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no mails in the folder of samples (%v)", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			m, err := Parse(raw, Default)
			if err != nil {
				t.Fatal(err)
			}
			checkTree(t, m)
			checkForms(t, m)
			checkSplit(t, m, 1)
			if e := m.Envelope(); len(e.From) != 1 || len(e.To) == 0 || e.Subject == "" || e.MessageID == "" || e.Date.IsZero() {
				t.Errorf("the envelope is incomplete: %d From, %d To", len(e.From), len(e.To))
			}
		})
	}
}
