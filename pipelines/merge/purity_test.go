package merge

import (
	"fmt"
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

// merging are the packages whose code merges or folds, from here.
var merging = []string{".", "fixedmath", "../round", "../copies", "../fold"}

// TestNoFloatAdditionInMerges type-checks the packages and forbids + - += -= ++
// -- on floats, and * and / outside conversions, so that nothing depends on
// the order of rounding or on fused operations.
func TestNoFloatAdditionInMerges(t *testing.T) {
	fset := token.NewFileSet()
	imports := &ownImporter{fset: fset, std: importer.ForCompiler(fset, "source", nil), known: map[string]*types.Package{}}
	for _, dir := range merging {
		t.Run(dir, func(t *testing.T) { noFloats(t, dir, fset, imports) })
	}
}

func noFloats(t *testing.T, dir string, fset *token.FileSet, imports *ownImporter) {
	files, err := parsed(dir, fset)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: imports, Error: imports.note}
	config.Check(dir, fset, files, info)
	if len(imports.wrong) > 0 {
		t.Fatal(imports.wrong)
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

// ownImporter type-checks the module's packages without their functions. Other
// modules' are left empty: they take seconds, and floats do not come from them.
type ownImporter struct {
	fset  *token.FileSet
	std   types.Importer
	known map[string]*types.Package
	wrong []error
}

const module = "anabranch.dev/anabranch/"

func (i *ownImporter) Import(path string) (*types.Package, error) {
	inner, ours := strings.CutPrefix(path, module)
	switch first, _, _ := strings.Cut(path, "/"); {
	case i.known[path] != nil:
		return i.known[path], nil
	case ours:
		config := types.Config{Importer: i, IgnoreFuncBodies: true, Error: i.note}
		files, err := parsed(filepath.Join("../..", inner), i.fset)
		if err != nil {
			return nil, err
		}
		i.known[path], _ = config.Check(path, i.fset, files, nil)
	case strings.Contains(first, "."):
		i.known[path] = types.NewPackage(path, filepath.Base(path))
		i.known[path].MarkComplete()
	default:
		return i.std.Import(path)
	}
	return i.known[path], nil
}

// note keeps the errors that are not about what other modules would hold.
func (i *ownImporter) note(err error) {
	if e, ok := err.(types.Error); ok && !e.Soft && !strings.HasPrefix(e.Msg, "undefined: ") {
		i.wrong = append(i.wrong, err)
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

// parsed is a package without its tests.
func parsed(dir string, fset *token.FileSet) ([]*ast.File, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no package in %s: %w", dir, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}
