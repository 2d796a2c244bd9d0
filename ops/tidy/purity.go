package tidy

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// impure are imports that a pure package must not have; packages below them
// are impure as well.
var impure = []string{
	"os", "net", "math/rand", "crypto/rand", "sync", "context", "log", "io/fs", "io/ioutil", "syscall", "testing/synctest",
	"golang.org/x/sync", "golang.org/x/sys",
}

// clocks are the functions of package time that read a clock, wait for one or
// read the machine's zone database.
var clocks = map[string]bool{
	"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true, "Sleep": true, "Tick": true,
	"NewTimer": true, "NewTicker": true, "LoadLocation": true, "Local": true,
}

// pureMark in a package comment declares a package pure outside the layers
// that always are.
var pureMark = regexp.MustCompile(`\bPure\b`)

func purity(t *Tree) (out []Violation) {
	pure := t.pureDirs()
	for _, f := range t.shipped() {
		if !pure[f.Dir()] {
			continue
		}
		f.imported(func(p string, spec *ast.ImportSpec) {
			inner, ours := strings.CutPrefix(p, t.Module+"/")
			if belowAny(p, impure) || ours && !pure[inner] {
				out = append(out, t.at(f, spec.Pos(), "a pure package imports %s", p))
			}
		})
		out = append(out, t.impurities(f)...)
	}
	return out
}

// pureDirs are the directories of pure packages.
func (t *Tree) pureDirs() map[string]bool {
	pure := map[string]bool{}
	for _, f := range t.shipped() {
		marked := f.Go.Doc != nil && pureMark.MatchString(f.Go.Doc.Text())
		if marked || below(f.Path, "schemas") || below(f.Path, "pipelines") {
			pure[f.Dir()] = true
		}
	}
	return pure
}

func (t *Tree) impurities(f *File) (out []Violation) {
	timeName := ""
	f.imported(func(p string, spec *ast.ImportSpec) {
		if p == "time" {
			timeName = localName(spec)
		}
	})
	ast.Inspect(f.Go, func(n ast.Node) bool {
		if what := impurity(n, timeName); what != "" {
			out = append(out, t.at(f, n.Pos(), "a pure package has %s", what))
		}
		return true
	})
	return out
}

// impurity names what is impure about a node, or is empty.
func impurity(n ast.Node, timeName string) string {
	switch x := n.(type) {
	case *ast.GoStmt:
		return "a go statement"
	case *ast.ChanType:
		return "a channel type"
	case *ast.SendStmt:
		return "a send"
	case *ast.SelectStmt:
		return "a select"
	case *ast.UnaryExpr:
		if x.Op == token.ARROW {
			return "a receive"
		}
	case *ast.SelectorExpr:
		if id, ok := x.X.(*ast.Ident); ok && timeName != "" && id.Name == timeName && clocks[x.Sel.Name] {
			return "time." + x.Sel.Name
		}
	}
	return ""
}

// localName is the name by which a file knows an import.
func localName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return path.Base(p)
}
