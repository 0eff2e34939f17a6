package hub

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vaguemestre/internal/audit"
	"vaguemestre/internal/patient"
)

// TestEveryActOfTheTrailHasItsWords reads this package's own source: whatever
// name of an act it writes into a trail must be one that a person can be told.
func TestEveryActOfTheTrailHasItsWords(t *testing.T) {
	known := audit.Acts()
	at := func(where token.Position, x ast.Expr) {
		lit, ok := x.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		if name, err := strconv.Unquote(lit.Value); err != nil || !slices.Contains(known, name) {
			t.Errorf("%s: %s has no words: add it to internal/audit/acts.go", where, lit.Value)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if sel, ok := n.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Entry" {
					break
				}
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok && kv.Key.(*ast.Ident).Name == "Act" {
						found++
						at(fset.Position(n.Pos()), kv.Value)
					}
				}
			case *ast.CallExpr:
				// Which argument names the act, by the function that is called.
				place := map[string]int{"byOperator": 1, "byHub": 0, "did": 0, "act": 0}
				if i, ok := place[nameOf(n.Fun)]; ok && i < len(n.Args) {
					found++
					at(fset.Position(n.Pos()), n.Args[i])
				}
			}
			return true
		})
	}
	if found < 15 {
		t.Errorf("only %d acts were found: the test no longer knows how they are written", found)
	}
	for _, e := range patient.Events() {
		if !slices.Contains(known, string(e)) {
			t.Errorf("the event %s of a space has no words", e)
		}
	}
}

func nameOf(fn ast.Expr) string {
	switch fn := fn.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		return fn.Sel.Name
	}
	return ""
}

// TestAnEntrySaysWhoItWas logs a physician in and reads what the trail holds.
func TestAnEntrySaysWhoItWas(t *testing.T) {
	h := newHouse(t)
	a := h.login(thomas)
	for e, err := range h.Trail(t.Context(), a) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Act == "login" {
			want := audit.Entry{Time: h.now, Actor: thomas, ActorName: "Dr Éric THOMAS", Role: "professional", Profession: "G15_10",
				Organisation: "750000001", Means: "poste", Session: a.Session, Act: "login", Object: "smtp", Rule: "login/known"}
			if e != want {
				t.Errorf("got  %+v\nwant %+v", e, want)
			}
			return
		}
	}
	t.Error("there is no login in the trail")
}
