package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
)

// minSentences is the least length of a package comment: what it is, what it
// promises, what is not in it.
const minSentences = 3

var sentenceEnd = regexp.MustCompile(`[.:;](\s|$)`)

func packageDocs(t *Tree) (out []Violation) {
	seen := map[string]bool{}
	for _, f := range t.shipped() {
		if f.Go.Name.Name == "main" || seen[f.Dir()] {
			continue
		}
		seen[f.Dir()] = true
		doc := path.Join(f.Dir(), "doc.go")
		i := slices.IndexFunc(t.Files, func(f *File) bool { return f.Path == doc })
		switch {
		case i < 0:
			out = append(out, Violation{Path: f.Dir(), What: "the package has no doc.go"})
		case t.Files[i].Go.Doc == nil:
			out = append(out, Violation{Path: doc, Line: 1, What: "has no package comment"})
		default:
			if n := len(sentenceEnd.FindAllString(t.Files[i].Go.Doc.Text(), -1)); n < minSentences {
				out = append(out, Violation{Path: doc, Line: 1, What: fmt.Sprintf("the package comment has %d sentences: say what it is, its contract and what is not here", n)})
			}
		}
	}
	return out
}

func exportedDocs(t *Tree) (out []Violation) {
	for _, f := range t.shipped() {
		if f.Go.Name.Name == "main" {
			continue
		}
		for _, d := range f.Go.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil && !speaksForItself(d) {
					out = append(out, t.at(f, d.Pos(), "%s has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				out = append(out, t.undocumented(f, d)...)
			}
		}
	}
	return out
}

// speaksForItself reports whether d is Error() string or Unwrap() error, which
// mean the same everywhere.
func speaksForItself(d *ast.FuncDecl) bool {
	if d.Recv == nil || d.Type.Params.NumFields() != 0 || d.Type.Results.NumFields() != 1 {
		return false
	}
	result, _ := d.Type.Results.List[0].Type.(*ast.Ident)
	return result != nil && (d.Name.Name == "Error" && result.Name == "string" || d.Name.Name == "Unwrap" && result.Name == "error")
}

// exportedReceiver reports whether a function is none of an unexported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// undocumented finds exported types, constants and variables without a
// comment. The comment of a parenthesized group covers its constants and
// variables, not its types.
func (t *Tree) undocumented(f *File, d *ast.GenDecl) (out []Violation) {
	if d.Tok == token.IMPORT {
		return nil
	}
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				out = append(out, t.at(f, s.Pos(), "type %s has no comment", s.Name.Name))
			}
			if s.Name.IsExported() {
				out = append(out, t.bareMethods(f, s)...)
			}
		case *ast.ValueSpec:
			if s.Doc != nil || s.Comment != nil || d.Doc != nil {
				continue
			}
			for _, name := range s.Names {
				if name.IsExported() {
					out = append(out, t.at(f, name.Pos(), "%s has no comment", name.Name))
				}
			}
		}
	}
	return out
}

// bareMethods finds exported methods without a comment in an interface type.
func (t *Tree) bareMethods(f *File, s *ast.TypeSpec) (out []Violation) {
	i, ok := s.Type.(*ast.InterfaceType)
	if !ok {
		return nil
	}
	for _, m := range i.Methods.List {
		if len(m.Names) > 0 && m.Names[0].IsExported() && m.Doc == nil && m.Comment == nil {
			out = append(out, t.at(f, m.Pos(), "method %s.%s has no comment", s.Name.Name, m.Names[0].Name))
		}
	}
	return out
}
