package tidy

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

// marker finds notes of unfinished work. The words are spelled apart here so
// that this file has none.
var marker = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

func markers(t *Tree) []Violation {
	return t.grep(marker, func(found string) string { return found + ": finish it or say in ops/adr why not" })
}

// home finds absolute paths below somebody's home directory.
var home = regexp.MustCompile(`(/ho` + `me/|/Us` + `ers/|/ro` + `ot/|[A-Z]:\\Us` + `ers\\)[A-Za-z0-9_.-]+`)

func paths(t *Tree) []Violation {
	return t.grep(home, func(found string) string { return found + ": an absolute path of one machine" })
}

// grep reports every match in the text files outside testdata.
func (t *Tree) grep(pattern *regexp.Regexp, what func(found string) string) (out []Violation) {
	for _, f := range t.Files {
		if inTestdata(f.Path) || f.Path == "LICENSE" {
			continue
		}
		for i, line := range strings.Split(f.Text, "\n") {
			if found := pattern.FindString(line); found != "" {
				out = append(out, Violation{Path: f.Path, Line: i + 1, What: what(found)})
			}
		}
	}
	return out
}

// testers are the types whose Skip methods pass over a test.
var testers = map[string]bool{"testing.T": true, "testing.B": true, "testing.F": true, "testing.TB": true, "rapid.T": true, "rapid.TB": true}

// skips finds calls of Skip, Skipf and SkipNow of a tester.
func skips(t *Tree) (out []Violation) {
	for _, f := range t.goFiles() {
		named := testerNames(f.Go)
		ast.Inspect(f.Go, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !strings.HasPrefix(sel.Sel.Name, "Skip") {
				return true
			}
			if id, ok := sel.X.(*ast.Ident); ok && named[id.Name] {
				out = append(out, t.at(f, n.Pos(), "%s.%s: a skipped test proves nothing", id.Name, sel.Sel.Name))
			}
			return true
		})
	}
	return out
}

// testerNames are the names that parameters of a tester's type have in a file.
func testerNames(file *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		fn, ok := n.(*ast.FuncType)
		if !ok {
			return true
		}
		for _, p := range fn.Params.List {
			typ := p.Type
			if star, ok := typ.(*ast.StarExpr); ok {
				typ = star.X
			}
			sel, ok := typ.(*ast.SelectorExpr)
			if !ok || !testers[fmt.Sprint(sel.X)+"."+sel.Sel.Name] {
				continue
			}
			for _, name := range p.Names {
				names[name.Name] = true
			}
		}
		return true
	})
	return names
}
