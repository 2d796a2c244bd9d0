package merge

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// floating are the functions that may compute with floats: they read a state,
// or say what parameters promise, and merge nothing.
var floating = map[string]bool{"estimate": true, "sigma": true, "tau": true, "standardError": true, "quantizationError": true}

// TestNoFloatAdditionInMerges type-checks the package and forbids + - += -= ++
// -- on floats, and * and / outside conversions, so that nothing depends on
// the order of rounding or on fused operations.
func TestNoFloatAdditionInMerges(t *testing.T) {
	files, fset := sources(t)
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := config.Check("merge", fset, files, info); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && inexact(s) {
				t.Errorf("%s: math.%s may differ between machines", fset.Position(n.Pos()), s.Sel.Name)
			}
			return true
		})
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && floating[fn.Name.Name] {
				unguarded(t, fset, info, fn)
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if x, op := floatOperation(info, n); x != nil {
					t.Errorf("%s: float %s", fset.Position(n.Pos()), op)
				}
				return true
			})
		}
	}
}

// inexact reports whether s is a function or constant of package math beyond
// those that IEEE 754 or their bits define.
func inexact(s *ast.SelectorExpr) bool {
	if pkg, ok := s.X.(*ast.Ident); !ok || pkg.Name != "math" {
		return false
	}
	switch s.Sel.Name {
	case "Sqrt", "RoundToEven", "Inf", "Float64frombits", "Ln2", "MaxInt64", "MinInt64":
		return false
	}
	return true
}

// unguarded reports float sums and products of which no conversion fixes the
// rounding: Go may fuse x*y + z unless x*y or the sum stands in float64(...).
func unguarded(t *testing.T, fset *token.FileSet, info *types.Info, fn *ast.FuncDecl) {
	guarded := map[ast.Node]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && info.Types[call.Fun].IsType() {
			guarded[call.Args[0]] = true
		}
		if x, op := floatOperation(info, n); x != nil && !guarded[n] {
			t.Errorf("%s: %s: float %s without a conversion", fset.Position(n.Pos()), fn.Name.Name, op)
		}
		return true
	})
}

// floatOperation is the arithmetic on floats that n is, if any.
func floatOperation(info *types.Info, n ast.Node) (ast.Expr, token.Token) {
	var x ast.Expr
	var op token.Token
	switch n := n.(type) {
	case *ast.BinaryExpr:
		x, op = n.X, n.Op
	case *ast.AssignStmt:
		x, op = n.Lhs[0], n.Tok
	case *ast.IncDecStmt:
		x, op = n.X, n.Tok
	}
	switch op {
	case token.ADD, token.SUB, token.MUL, token.QUO, token.ADD_ASSIGN, token.SUB_ASSIGN, token.MUL_ASSIGN, token.QUO_ASSIGN, token.INC, token.DEC:
	default:
		return nil, op
	}
	if b, ok := n.(ast.Expr); ok && info.Types[b].Value != nil {
		return nil, op // a constant
	}
	basic, ok := info.TypeOf(x).Underlying().(*types.Basic)
	if !ok || basic.Info()&(types.IsFloat|types.IsComplex) == 0 {
		return nil, op
	}
	return x, op
}

// sources parses the package without its tests.
func sources(t *testing.T) ([]*ast.File, *token.FileSet) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files, fset
}
