package hub

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestThePackageCommentNamesEveryFile keeps the map of the package true.
func TestThePackageCommentNamesEveryFile(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "hub.go", nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(strings.ReplaceAll(f.Doc.Text(), ".go", ""))
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if name = strings.TrimSuffix(name, ".go"); !strings.HasSuffix(name, "_test") && !slices.Contains(words, name) {
			t.Errorf("%s.go is not in the map of the package: hub.go", name)
		}
	}
}
