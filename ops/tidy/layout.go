package tidy

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// required are the top-level entries that must be there; optional ones and
// those that begin with a dot may.
var (
	required = []string{"README.md", "cmd", "connectors", "docker-compose.yml", "go.mod", "materializer", "offline", "ops", "pipelines", "schemas", "testdata"}
	optional = []string{"ARCHITECTURE.md", "Dockerfile", "LICENSE", "go.sum"}
)

func topLevel(t *Tree) (out []Violation) {
	for _, name := range t.Top {
		if !strings.HasPrefix(name, ".") && !slices.Contains(required, name) && !slices.Contains(optional, name) {
			out = append(out, Violation{Path: name, What: "is not one of the top-level entries"})
		}
	}
	for _, name := range required {
		if !slices.Contains(t.Top, name) {
			out = append(out, Violation{Path: name, What: "is missing at the top level"})
		}
	}
	return out
}

// packageMap asks that README.md and ARCHITECTURE.md together name every room:
// each directory right below a layer that holds Go. Where there is no README.md
// at all, topLevel says so once.
func packageMap(t *Tree) (out []Violation) {
	if !slices.Contains(t.Top, "README.md") {
		return nil
	}
	var maps string
	for _, f := range t.Files {
		if f.Path == "README.md" || f.Path == "ARCHITECTURE.md" {
			maps += f.Text
		}
	}
	for _, room := range t.rooms() {
		layer, name := path.Split(room)
		if !mentions(maps, path.Clean(layer)) || !mentions(maps, name) {
			out = append(out, Violation{Path: room, What: "is in the map of neither README.md nor ARCHITECTURE.md"})
		}
	}
	return out
}

// rooms are the directories layer/name with Go in or below them, sorted.
func (t *Tree) rooms() (out []string) {
	for _, f := range t.goFiles() {
		parts := strings.Split(f.Path, "/")
		if len(parts) > 2 {
			out = append(out, parts[0]+"/"+parts[1])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mentions reports whether text has name as a word.
func mentions(text, name string) bool {
	return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(text)
}
