package arrows

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

var named = regexp.MustCompile("`(Test[A-Za-z0-9]+|[a-z0-9-]+\\.txtar)`")

// TestConformanceNamesWhatExists holds docs/conformance.md against the tests
// and stories there are.
func TestConformanceNamesWhatExists(t *testing.T) {
	root := os.DirFS("../..")
	page, err := fs.ReadFile(root, "docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	stories := map[string]bool{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasSuffix(name, ".txtar"):
			stories[d.Name()] = true
		case strings.HasSuffix(name, "_test.go"):
			b, err := fs.ReadFile(root, name)
			tests.Write(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := named.FindAllStringSubmatch(string(page), -1)
	if len(found) < 40 {
		t.Errorf("the page names only %d tests and stories", len(found))
	}
	for _, m := range found {
		if strings.HasSuffix(m[1], ".txtar") && !stories[m[1]] {
			t.Errorf("docs/conformance.md names the story %s, which is not there", m[1])
		}
		if strings.HasPrefix(m[1], "Test") && !strings.Contains(tests.String(), "func "+m[1]+"(") {
			t.Errorf("docs/conformance.md names %s, which is no test", m[1])
		}
	}
}
