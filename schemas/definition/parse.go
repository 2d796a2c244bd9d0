package definition

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// File is one file by name: a definition file if the name ends in .yaml or
// .yml, otherwise a schema or (.basis) a basis that definition files may name.
// Names are paths with forward slashes; a file is looked up relative to the
// directory of the one that names it.
type File struct {
	Name string
	Data []byte
}

const basisExt = ".basis"

// isDefinition reports whether a file holds definitions.
func (f File) isDefinition() bool {
	return strings.HasSuffix(f.Name, ".yaml") || strings.HasSuffix(f.Name, ".yml")
}

// Parse reads, merges and checks definition files and the files they name, in
// the order of their names, and fills in all defaults. The error is always
// of type [Problems].
func Parse(files []File) (*Project, error) {
	b := &builder{files: map[string][]byte{}}
	var roots []*node
	for _, f := range byName(files) {
		if !f.isDefinition() {
			b.files[path.Clean(f.Name)] = f.Data
			continue
		}
		docs, problem := readYAML(f)
		if problem != nil {
			b.problems = append(b.problems, *problem)
		}
		roots = append(roots, docs...)
	}
	if len(roots) == 0 && len(b.problems) == 0 {
		b.problems = Problems{{Found: "no definitions", Allowed: "at least one .yaml file with project and regions"}}
	}
	return b.build(roots)
}

// NamedFiles are the names of the schemas and bases that definition files
// refer to, sorted, so that a caller can tell which files matter to Parse.
// Files that do not read as YAML refer to nothing.
func NamedFiles(files []File) []string {
	var names []string
	for _, f := range files {
		if !f.isDefinition() {
			continue
		}
		docs, _ := readYAML(f)
		for _, doc := range docs {
			names = append(names, doc.refers("streams", "schema")...)
			names = append(names, doc.refers("bases", "file")...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// refers lists the files that the entries of a list name under a key.
func (n *node) refers(list, key string) []string {
	var names []string
	for _, entry := range n.items(list) {
		if name := entry.string(key); name != "" && !isInline(name) {
			names = append(names, schemaPath(n.file, name))
		}
	}
	return names
}

func byName(files []File) []File {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files
}

func schemaPath(definition, schema string) string {
	if path.IsAbs(schema) {
		return path.Clean(schema)
	}
	return path.Join(path.Dir(definition), schema)
}

// isInline reports whether a stream's schema is the JSON itself.
func isInline(schema string) bool { return strings.HasPrefix(strings.TrimSpace(schema), "{") }

// builder turns checked nodes into a project.
type builder struct {
	checker
	files   map[string][]byte // schemas and bases
	project Project
	named   map[string]*node // "entity airport" → where it was first
}

// build makes the project of all documents.
func (b *builder) build(roots []*node) (*Project, error) {
	b.named = map[string]*node{}
	root := mappingOf(projectShape)
	good := roots[:0:0]
	for _, r := range roots {
		if r.kind == scalarNode && r.tag == "nothing" {
			continue // an empty document
		}
		if b.check(r, root, "the file"); !r.bad {
			good = append(good, r)
		}
	}
	if len(roots) > 0 {
		b.header(good)
	}
	b.each(good, "entities", "entity", b.entity)
	b.each(good, "streams", "stream", b.stream)
	b.bases(good)
	b.each(good, "feature_views", "feature view", b.view)
	b.each(good, "feature_services", "feature service", b.service)
	b.topics()
	if len(b.problems) > 0 {
		return nil, b.problems.sorted()
	}
	return &b.project, nil
}

// filesLike lists the files that may be named for one use, sorted.
func (b *builder) filesLike(fit func(name string) bool) []string {
	var list []string
	for name := range b.files {
		if fit(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// each calls make for every entry of a top-level list with a name of its own.
func (b *builder) each(roots []*node, list, title string, make func(n *node, name string)) {
	for _, r := range roots {
		for _, n := range r.items(list) {
			if name := n.string("name"); b.claim(n, title, name) {
				make(n, name)
			}
		}
	}
}

// claim takes a name among its like. It reports a second taker, and is false
// then or without a name.
func (b *builder) claim(n *node, title, name string) bool {
	if name == "" {
		return false
	}
	at := n
	if v := n.get("name"); v != nil {
		at = v
	}
	id := title + " " + name
	if first := b.named[id]; first != nil {
		b.report(at, fmt.Sprintf("%s %s is there twice, first at %s", title, quote(name), first.place()), "each name once", "")
		return false
	}
	b.named[id] = at
	return true
}

// place prints where a node is.
func (n *node) place() string { return fmt.Sprintf("%s:%d", n.file, n.line) }

func (n *node) pos() Pos { return Pos{File: n.file, Line: n.line} }

// header reads the project's name and regions.
func (b *builder) header(roots []*node) {
	for _, r := range roots {
		name := r.string("project")
		switch {
		case name == "":
		case b.project.Name == "":
			b.project.Name = name
			b.named["project"] = r.get("project")
		case b.project.Name != name:
			b.report(r.get("project"), fmt.Sprintf("project %s, but %s says %s", quote(name), b.named["project"].place(), quote(b.project.Name)), "one project", "")
		}
		for _, n := range r.items("regions") {
			if region := n.string("name"); b.claim(n, "region", region) {
				b.project.Regions = append(b.project.Regions, region)
			}
		}
	}
	b.complete(roots)
}

// complete reports what no file gives.
func (b *builder) complete(roots []*node) {
	file := ""
	if len(roots) > 0 {
		file = roots[0].file
	}
	given := func(is func(*node) bool) bool { return slices.ContainsFunc(roots, is) }
	if !given(func(r *node) bool { return r.get("project") != nil }) {
		b.problems = append(b.problems, Problem{File: file, Found: "no file names the project", Allowed: "project: NAME"})
	}
	if !given(func(r *node) bool { n := r.get("regions"); return n != nil && (n.bad || len(n.vals) > 0) }) {
		b.problems = append(b.problems, Problem{File: file, Found: "no file names a region", Allowed: "regions: [{name: here}]"})
	}
}
