package tidy

import (
	"go/ast"
	"slices"
	"strings"
)

// mayImport says which layers each layer may import, itself included. Imports
// only point down; pipelines and connectors do not see each other, nor do
// materializer and offline.
var mayImport = map[string][]string{
	"testdata":     {"testdata"},
	"schemas":      {"schemas"},
	"pipelines":    {"schemas", "pipelines"},
	"connectors":   {"schemas", "connectors"},
	"materializer": {"schemas", "pipelines", "connectors", "materializer"},
	"offline":      {"schemas", "pipelines", "connectors", "offline"},
	"cmd":          {"schemas", "pipelines", "connectors", "materializer", "offline", "cmd", "testdata"},
	"ops":          {"schemas", "pipelines", "connectors", "materializer", "offline", "cmd", "ops", "testdata"},
}

func layers(t *Tree) (out []Violation) {
	for _, f := range t.goFiles() {
		layer, _, _ := strings.Cut(f.Path, "/")
		allowed, known := mayImport[layer]
		if !known {
			out = append(out, t.at(f, f.Go.Package, "Go outside the layers"))
			continue
		}
		f.imported(func(p string, spec *ast.ImportSpec) {
			inner, ours := strings.CutPrefix(p, t.Module+"/")
			if !ours {
				return
			}
			target, _, _ := strings.Cut(inner, "/")
			if !slices.Contains(allowed, target) {
				out = append(out, t.at(f, spec.Pos(), "%s imports %s: imports only point down", layer, inner))
			}
		})
	}
	return out
}

// door is a heavy library and the directories that may import it.
type door struct {
	library string
	rooms   []string
}

// everyDoor lists the doors; a library under a longer path comes first. The
// ops tree may use any library: it proves the others against the real thing.
var everyDoor = []door{
	{"github.com/twmb/franz-go/pkg/sr", []string{"connectors/kafka", "connectors/registry"}},
	{"github.com/twmb/franz-go", []string{"connectors/kafka"}},
	{"github.com/aws", []string{"connectors/blob"}},
	{"github.com/apache/arrow", []string{"offline/columnar", "materializer/serve"}},
	{"github.com/parquet-go/parquet-go", []string{"offline/columnar"}},
	{"github.com/linkedin/goavro", []string{"schemas/wire"}},
	{"github.com/twmb/avro", []string{"schemas", "connectors/registry"}},
	{"github.com/google/cel-go", []string{"pipelines/expr"}},
	{"github.com/cockroachdb/pebble", []string{"materializer/state"}},
	{"github.com/alecthomas/kong", []string{"cmd"}},
	{"gonum.org/v1/gonum", []string{"offline/basis"}},
}

func doors(t *Tree) (out []Violation) {
	for _, f := range t.goFiles() {
		if below(f.Path, "ops") {
			continue
		}
		f.imported(func(p string, spec *ast.ImportSpec) {
			i := slices.IndexFunc(everyDoor, func(d door) bool { return below(p, d.library) })
			if i >= 0 && !belowAny(f.Path, everyDoor[i].rooms) {
				out = append(out, t.at(f, spec.Pos(), "imports %s, whose door is %s", p, strings.Join(everyDoor[i].rooms, ", ")))
			}
		})
	}
	return out
}

// gone are libraries that must not come back, and why.
var gone = map[string]string{
	"github.com/apache/arrow/go/v17/parquet":      "does not link beside arrow-go v18",
	"github.com/apache/arrow/go/v17/arrow/flight": "does not link beside arrow-go v18",
	"github.com/hamba/avro":                       "GO-2026-5048 has no fix",
}

func retired(t *Tree) (out []Violation) {
	for _, f := range t.goFiles() {
		f.imported(func(p string, spec *ast.ImportSpec) {
			for library, why := range gone {
				if below(p, library) {
					out = append(out, t.at(f, spec.Pos(), "imports %s: %s", p, why))
				}
			}
		})
	}
	return out
}
