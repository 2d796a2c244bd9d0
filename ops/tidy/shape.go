package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

const (
	maxFileLines     = 500
	maxFunctionLines = 80
)

// vague are package names that say nothing.
var vague = []string{"util", "utils", "common", "helper", "helpers", "base", "manager", "misc", "shared", "lib"}

func names(t *Tree) (out []Violation) {
	seen := map[string]bool{}
	for _, f := range t.goFiles() {
		name := strings.TrimSuffix(f.Go.Name.Name, "_test")
		if seen[f.Dir()+" "+name] {
			continue
		}
		seen[f.Dir()+" "+name] = true
		if slices.Contains(vague, name) || slices.Contains(vague, path.Base(f.Dir())) {
			out = append(out, t.at(f, f.Go.Package, "package %s in %s: name the idea it holds", name, f.Dir()))
		}
	}
	return out
}

func fileSize(t *Tree) (out []Violation) {
	for _, f := range t.goFiles() {
		if n := strings.Count(f.Text, "\n"); n > maxFileLines && !f.Generated {
			out = append(out, Violation{Path: f.Path, Line: maxFileLines + 1, What: fmt.Sprintf("has %d lines: at most %d", n, maxFileLines)})
		}
	}
	return out
}

// longFunctions are the functions that may be longer than maxFunctionLines, by
// file and name, with their length. The list only shrinks: an entry that is
// longer than its function is a violation as well.
var longFunctions = map[string]int{
	"schemas/wire/run.go:machine.run": 139, // one case for each opcode
}

func functionSize(t *Tree) []Violation { return t.functionSize(longFunctions) }

func (t *Tree) functionSize(ratchet map[string]int) (out []Violation) {
	met := map[string]bool{}
	for _, f := range t.goFiles() {
		for _, d := range f.Go.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || f.Generated {
				continue
			}
			key, n := f.Path+":"+functionName(fn), t.lines(f, fn)
			limit, listed := ratchet[key]
			met[key] = true
			switch {
			case !listed && n > maxFunctionLines:
				out = append(out, t.at(f, fn.Pos(), "%s has %d lines: at most %d", functionName(fn), n, maxFunctionLines))
			case listed && n > limit:
				out = append(out, t.at(f, fn.Pos(), "%s has grown to %d lines beyond its %d", functionName(fn), n, limit))
			case listed && n < limit:
				out = append(out, t.at(f, fn.Pos(), "%s has shrunk to %d lines: lower its entry in longFunctions", functionName(fn), n))
			}
		}
	}
	for key := range ratchet {
		if file, name, _ := strings.Cut(key, ":"); !met[key] {
			out = append(out, Violation{Path: file, What: name + " is gone: remove its entry from longFunctions"})
		}
	}
	slices.SortFunc(out, func(a, b Violation) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// lines is the length of a function. The tables of a test, its composite
// literals, count one line each.
func (t *Tree) lines(f *File, fn *ast.FuncDecl) int {
	n := t.span(fn)
	if !f.Test() {
		return n
	}
	ast.Inspect(fn, func(node ast.Node) bool {
		if _, table := node.(*ast.CompositeLit); table {
			n -= t.span(node) - 1
			return false
		}
		return true
	})
	return n
}

func (t *Tree) span(n ast.Node) int {
	return t.fset.Position(n.End()).Line - t.fset.Position(n.Pos()).Line + 1
}

// functionName is name, or Type.name for a method.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if generic, ok := typ.(*ast.IndexExpr); ok {
		typ = generic.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}
