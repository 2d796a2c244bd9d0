package tidy

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tree is the source of one repository.
type Tree struct {
	Module string   // module path, from go.mod
	Top    []string // names of the top-level entries
	Files  []*File  // sorted by path
	Dirs   []string // every directory that holds a file, sorted
	fset   *token.FileSet
}

// File is one text file of a Tree.
type File struct {
	Path      string    // from the root, with slashes
	Text      string    // its content
	Go        *ast.File // nil unless it is Go outside testdata
	Generated bool      // carries the mark of generated code
}

// Violation is one breach of one rule.
type Violation struct {
	Rule string
	Path string
	Line int // from 1; 0 if the whole file or directory is meant
	What string
}

// String is the violation on one line, as compilers print theirs.
func (v Violation) String() string {
	at := v.Path
	if v.Line > 0 {
		at += ":" + strconv.Itoa(v.Line)
	}
	return fmt.Sprintf("%s: %s: %s", at, v.Rule, v.What)
}

// Rule is one house rule.
type Rule struct {
	Name  string
	Check func(*Tree) []Violation
}

// Rules are all house rules.
var Rules = []Rule{
	{"layers", layers}, {"doors", doors}, {"retired", retired}, {"purity", purity},
	{"package-doc", packageDocs}, {"exported-doc", exportedDocs}, {"names", names},
	{"file-size", fileSize}, {"function-size", functionSize}, {"markers", markers}, {"skips", skips},
	{"paths", paths}, {"metrics", metrics}, {"top-level", topLevel}, {"map", packageMap},
}

// Check loads the tree below root and applies every rule.
func Check(root fs.FS) ([]Violation, error) {
	tree, err := Load(root)
	if err != nil {
		return nil, err
	}
	var all []Violation
	for _, r := range Rules {
		for _, v := range r.Check(tree) {
			v.Rule = r.Name
			all = append(all, v)
		}
	}
	slices.SortStableFunc(all, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
	})
	return all, nil
}

// maxText bounds the files that are read; larger ones are data.
const maxText = 1 << 20

// Load reads every text file below root, except in directories whose name
// begins with a dot.
func Load(root fs.FS) (*Tree, error) {
	t := &Tree{fset: token.NewFileSet()}
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != "." && !strings.Contains(p, "/"):
			t.Top = append(t.Top, p)
		}
		if d.IsDir() {
			if p != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		return t.add(root, p, d)
	})
	if err != nil {
		return nil, fmt.Errorf("load tree: %w", err)
	}
	slices.Sort(t.Dirs)
	t.Dirs = slices.Compact(t.Dirs)
	return t, t.readModule()
}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func (t *Tree) add(root fs.FS, p string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	t.Dirs = append(t.Dirs, path.Dir(p))
	if !textual(p) || info.Size() > maxText {
		return nil
	}
	text, err := fs.ReadFile(root, p)
	if err != nil {
		return err
	}
	f := &File{Path: p, Text: string(text), Generated: generated.Match(text)}
	if strings.HasSuffix(p, ".go") && !inTestdata(p) {
		if f.Go, err = parser.ParseFile(t.fset, p, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return err
		}
	}
	t.Files = append(t.Files, f)
	return nil
}

// textual reports whether the text rules look at a file.
func textual(p string) bool {
	switch path.Ext(p) {
	case ".go", ".md", ".sh", ".py", ".yml", ".yaml", ".txt", ".mod", ".html", ".js", ".css", ".toml", ".avsc", ".json":
		return true
	}
	return path.Base(p) == "Dockerfile" || path.Ext(path.Base(p)) == ""
}

func inTestdata(p string) bool {
	return strings.HasPrefix(p, "testdata/") || strings.Contains(p, "/testdata/")
}

func (t *Tree) readModule() error {
	for _, f := range t.Files {
		if f.Path == "go.mod" {
			line, _, _ := strings.Cut(f.Text, "\n")
			t.Module = strings.TrimSpace(strings.TrimPrefix(line, "module"))
			return nil
		}
	}
	return fmt.Errorf("load tree: no go.mod")
}

// Dir is the directory of the file.
func (f *File) Dir() string { return path.Dir(f.Path) }

// Test reports whether the file is Go that only tests are built with.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// goFiles are the Go files by directory, sorted by path.
func (t *Tree) goFiles() []*File {
	var out []*File
	for _, f := range t.Files {
		if f.Go != nil {
			out = append(out, f)
		}
	}
	return out
}

// shipped are the Go files that are neither tests nor generated.
func (t *Tree) shipped() []*File {
	return slices.DeleteFunc(t.goFiles(), func(f *File) bool { return f.Test() || f.Generated })
}

// at makes a violation at a position of a Go file.
func (t *Tree) at(f *File, pos token.Pos, format string, args ...any) Violation {
	return Violation{Path: f.Path, Line: t.fset.Position(pos).Line, What: fmt.Sprintf(format, args...)}
}

// imported calls visit with each import of f: its path and its position.
func (f *File) imported(visit func(importPath string, spec *ast.ImportSpec)) {
	for _, spec := range f.Go.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			visit(p, spec)
		}
	}
}

// below reports whether p is dir or lies below it.
func below(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

func belowAny(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return below(p, dir) })
}
