package tidy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestHouse is the point of the package: the repository keeps its own rules.
func TestHouse(t *testing.T) {
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(root, "go.mod")) {
		if root == filepath.Dir(root) {
			t.Fatal("no go.mod above the test")
		}
		root = filepath.Dir(root)
	}
	violations, err := Check(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Error(v)
	}
}

func exists(p string) bool {
	_, err := os.Stat(p)
	return err == nil
}

// clean is a small repository that keeps every rule.
func clean() map[string]string {
	files := map[string]string{
		"go.mod": "module example.org/house\n\ngo 1.26\n", "go.sum": "", "LICENSE": "", "docker-compose.yml": "services: {}\n", ".gitignore": "x\n",
		"README.md":                 "# House\n\nSee ARCHITECTURE.md.\n",
		"ARCHITECTURE.md":           "schemas: value. pipelines: fold. connectors: blob. materializer: state. offline: plan. cmd: house. ops: proof.\n",
		"schemas/value/value.go":    "package value\n\nimport \"time\"\n\n// V is a value.\ntype V struct{ at time.Time }\n\n// Get reads it.\nfunc (v V) Get() time.Time { return v.at }\n",
		"pipelines/fold/fold.go":    "package fold\n\nimport \"example.org/house/schemas/value\"\n\n// F folds.\nvar F value.V\n",
		"connectors/blob/blob.go":   "package blob\n\nimport (\n\t\"os\"\n\n\t\"github.com/aws/aws-sdk-go-v2/service/s3\"\n)\n\nvar _ = s3.New\nvar _ = os.Open\n",
		"materializer/state/row.go": "package state\n\nimport \"example.org/house/connectors/blob\"\n\nvar _ blob.X\n\n// Name of a metric.\nconst Name = \"anabranch_state_rows_total\"\n",
		"offline/plan/plan.go":      "package plan\n\n// Sum adds.\nfunc Sum(n int) int { return n }\n",
		"cmd/house/main.go":         "package main\n\nimport _ \"example.org/house/materializer/state\"\n\nfunc main() {}\n",
		"ops/proof/proof_test.go":   "package proof\n\nimport (\n\t\"testing\"\n\n\t_ \"github.com/twmb/franz-go/pkg/kgo\"\n)\n\nfunc TestProof(t *testing.T) { t.Log(1) }\n",
		"testdata/data.txt":         "/ho" + "me/anyone in data is data\n",
	}
	for _, dir := range []string{"schemas/value", "pipelines/fold", "connectors/blob", "materializer/state", "offline/plan"} {
		name := filepath.Base(dir)
		files[dir+"/doc.go"] = "// Package " + name + " is one idea. It promises little. Nothing else is here.\npackage " + name + "\n"
	}
	return files
}

func check(t *testing.T, files map[string]string) []Violation {
	// Seeded trees have none of the repository's long functions.
	defer func(known map[string]int) { longFunctions = known }(longFunctions)
	longFunctions = nil
	t.Helper()
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	violations, err := Check(root)
	if err != nil {
		t.Fatal(err)
	}
	return violations
}

func TestACleanTreeHasNoViolation(t *testing.T) {
	for _, v := range check(t, clean()) {
		t.Error(v)
	}
}

// seed is a violation put into the clean tree: the rule that must find it and
// where. An empty text removes the file.
type seed struct {
	rule, path, text, at string
}

const three = "// Package x is. It does. No more.\n"

var seeds = []seed{
	{"layers", "schemas/value/up.go", "package value\n\nimport _ \"example.org/house/pipelines/fold\"\n", "schemas/value/up.go:3"},
	{"layers", "pipelines/fold/side.go", "package fold\n\nimport _ \"example.org/house/connectors/blob\"\n", "pipelines/fold/side.go:3"},
	{"layers", "connectors/blob/side.go", "package blob\n\nimport _ \"example.org/house/pipelines/fold\"\n", "connectors/blob/side.go:3"},
	{"layers", "materializer/state/side.go", "package state\n\nimport _ \"example.org/house/offline/plan\"\n", "materializer/state/side.go:3"},
	{"layers", "offline/plan/side_test.go", "package plan\n\nimport _ \"example.org/house/materializer/state\"\n", "offline/plan/side_test.go:3"},
	{"layers", "cmd/house/up.go", "package main\n\nimport _ \"example.org/house/ops/proof\"\n", "cmd/house/up.go:3"},
	{"layers", "schemas/value/data.go", "package value\n\nimport _ \"example.org/house/testdata/flights\"\n", "schemas/value/data.go:3"},
	{"layers", "loose.go", "package house\n", "loose.go:1"},
	{"doors", "materializer/state/s3.go", "package state\n\nimport _ \"github.com/aws/aws-sdk-go-v2/service/s3\"\n", "materializer/state/s3.go:3"},
	{"doors", "cmd/house/kafka.go", "package main\n\nimport _ \"github.com/twmb/franz-go/pkg/kgo\"\n", "cmd/house/kafka.go:3"},
	{"doors", "connectors/registry/avro_test.go", "package registry\n\nimport _ \"github.com/linkedin/goavro/v2\"\n", "connectors/registry/avro_test.go:3"},
	{"doors", "schemas/value/cel.go", "package value\n\nimport _ \"github.com/google/cel-go/cel\"\n", "schemas/value/cel.go:3"},
	{"doors", "offline/plan/pq.go", "package plan\n\nimport _ \"github.com/parquet-go/parquet-go\"\n", "offline/plan/pq.go:3"},
	{"doors", "offline/plan/arrow.go", "package plan\n\nimport _ \"github.com/apache/arrow/go/v17/arrow\"\n", "offline/plan/arrow.go:3"},
	{"doors", "offline/plan/pebble.go", "package plan\n\nimport _ \"github.com/cockroachdb/pebble/v2\"\n", "offline/plan/pebble.go:3"},
	{"doors", "offline/plan/avro.go", "package plan\n\nimport _ \"github.com/twmb/avro\"\n", "offline/plan/avro.go:3"},
	{"doors", "connectors/blob/kong.go", "package blob\n\nimport _ \"github.com/alecthomas/kong\"\n", "connectors/blob/kong.go:3"},
	{"retired", "ops/proof/old_test.go", "package proof\n\nimport _ \"github.com/hamba/avro/v2\"\n", "ops/proof/old_test.go:3"},
	{"retired", "ops/proof/old_test.go", "package proof\n\nimport _ \"github.com/apache/arrow/go/v17/parquet/file\"\n", "ops/proof/old_test.go:3"},
	{"retired", "ops/proof/old_test.go", "package proof\n\nimport _ \"github.com/apache/arrow/go/v17/arrow/flight\"\n", "ops/proof/old_test.go:3"},
	{"purity", "schemas/value/io.go", "package value\n\nimport _ \"os\"\n", "schemas/value/io.go:3"},
	{"purity", "schemas/value/io.go", "package value\n\nimport _ \"net/http\"\n", "schemas/value/io.go:3"},
	{"purity", "pipelines/fold/io.go", "package fold\n\nimport _ \"sync/atomic\"\n", "pipelines/fold/io.go:3"},
	{"purity", "pipelines/fold/io.go", "package fold\n\nimport _ \"math/rand/v2\"\n", "pipelines/fold/io.go:3"},
	{"purity", "pipelines/fold/io.go", "package fold\n\nimport _ \"log/slog\"\n", "pipelines/fold/io.go:3"},
	{"purity", "pipelines/fold/io.go", "package fold\n\nimport _ \"context\"\n", "pipelines/fold/io.go:3"},
	{"purity", "pipelines/fold/now.go", "package fold\n\nimport clock \"time\"\n\nvar n = clock.Now()\n", "pipelines/fold/now.go:5"},
	{"purity", "pipelines/fold/now.go", "package fold\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n", "pipelines/fold/now.go:5"},
	{"purity", "pipelines/fold/go.go", "package fold\n\nfunc f() {\n\tgo f()\n}\n", "pipelines/fold/go.go:4"},
	{"purity", "pipelines/fold/go.go", "package fold\n\nvar c chan int\n", "pipelines/fold/go.go:3"},
	{"purity", "pipelines/fold/go.go", "package fold\n\nfunc f() {\n\tselect {}\n}\n", "pipelines/fold/go.go:4"},
	{"purity", "offline/plan/doc.go", "// Package plan plans. Pure: no clock. No more.\npackage plan\n\nimport _ \"os\"\n", "offline/plan/doc.go:4"},
	{"purity", "offline/plan/doc.go", "// Package plan plans. Pure: no clock. No more.\npackage plan\n\nimport _ \"example.org/house/connectors/blob\"\n", "offline/plan/doc.go:4"},
	{"package-doc", "offline/plan/doc.go", "", "offline/plan"},
	{"package-doc", "offline/plan/doc.go", "package plan\n", "offline/plan/doc.go:1"},
	{"package-doc", "offline/plan/doc.go", "// Package plan plans.\npackage plan\n", "offline/plan/doc.go:1"},
	{"exported-doc", "offline/plan/bare.go", "package plan\n\nfunc Bare() {}\n", "offline/plan/bare.go:3"},
	{"exported-doc", "offline/plan/bare.go", "package plan\n\ntype Bare int\n", "offline/plan/bare.go:3"},
	{"exported-doc", "offline/plan/bare.go", "package plan\n\n// B is.\ntype B[T any] int\n\nfunc (b *B[T]) Do() {}\n", "offline/plan/bare.go:6"},
	{"exported-doc", "offline/plan/bare.go", "package plan\n\n// B is.\ntype B int\n\nfunc (b B) Error() int { return 0 }\n", "offline/plan/bare.go:6"},
	{"exported-doc", "offline/plan/bare.go", "package plan\n\nconst (\n\tA = 1 // one\n\tB = 2\n)\n", "offline/plan/bare.go:5"},
	{"exported-doc", "offline/plan/bare.go", "package plan\n\n// I is.\ntype I interface {\n\tDo()\n}\n", "offline/plan/bare.go:5"},
	{"names", "connectors/helpers/doc.go", three + "package helpers\n", "connectors/helpers/doc.go:2"},
	{"names", "connectors/util/doc.go", three + "package x\n", "connectors/util/doc.go:2"},
	{"file-size", "offline/plan/long.go", "package plan\n" + strings.Repeat("// x\n", 500), "offline/plan/long.go:501"},
	{"function-size", "offline/plan/long.go", "package plan\n\nfunc f() {\n" + strings.Repeat("\t_ = 0\n", 80) + "}\n", "offline/plan/long.go:3"},
	{"function-size", "offline/plan/long_test.go", "package plan\n\nfunc f() {\n" + strings.Repeat("\t_ = 0\n", 80) + "}\n", "offline/plan/long_test.go:3"},
	{"markers", "offline/plan/later.go", "package plan\n\n// TO" + "DO: later\n", "offline/plan/later.go:3"},
	{"markers", "README.md", "# House\n\nFIX" + "ME\n", "README.md:3"},
	{"skips", "offline/plan/skip_test.go", "package plan\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) { t.Skip() }\n", "offline/plan/skip_test.go:5"},
	{"skips", "offline/plan/skip_test.go", "package plan\n\nimport \"testing\"\n\nfunc help(tb testing.TB) {\n\ttb.Skipf(\"x\")\n}\n", "offline/plan/skip_test.go:6"},
	{"paths", "ops/run.sh", "cd /ho" + "me/someone/house\n", "ops/run.sh:1"},
	{"paths", "README.md", "# House\n/Us" + "ers/me\n", "README.md:2"},
	{"metrics", "materializer/state/m.go", "package state\n\nconst m = \"anabranch_Rows\"\n", "materializer/state/m.go:3"},
	{"metrics", "materializer/state/m.go", "package state\n\nvar m = prometheus.CounterOpts{\n\tName: \"rows_total\",\n}\n", "materializer/state/m.go:4"},
	{"metrics", "materializer/state/m.go", "package state\n\nvar m = prometheus.GaugeOpts{\n\tNamespace: \"x\",\n}\n", "materializer/state/m.go:4"},
	{"top-level", "notes/x.txt", "x\n", "notes"},
	{"top-level", "docker-compose.yml", "", "docker-compose.yml"},
	{"map", "connectors/kafka/doc.go", three + "package kafka\n", "connectors/kafka"},
}

func TestSeededViolationsAreFound(t *testing.T) {
	proven := map[string]bool{}
	for _, s := range seeds {
		files := clean()
		files[s.path] = s.text
		if s.text == "" {
			delete(files, s.path)
		}
		want := s.at + ": " + s.rule + ": "
		found := false
		for _, v := range check(t, files) {
			found = found || strings.HasPrefix(v.String(), want)
		}
		if !found {
			t.Errorf("%s: nothing at %s in %q:\n%v", s.rule, s.at, s.text, check(t, files))
		}
		proven[s.rule] = proven[s.rule] || found
	}
	for _, r := range Rules {
		if !proven[r.Name] {
			t.Errorf("rule %s has no seeded violation", r.Name)
		}
	}
}

// A seed must be found by its own rule because of the seed, not by a rule that
// fires on anything: harmless files find nothing.
func TestHarmlessFilesAreLeftAlone(t *testing.T) {
	for name, text := range map[string]string{
		"offline/plan/table_test.go":           "package plan\n\nfunc f() {\n\t_ = []int{\n" + strings.Repeat("\t\t0,\n", 90) + "\t}\n}\n",
		"offline/plan/generated.go":            "// Code generated by x. DO NOT EDIT.\n\npackage plan\n" + strings.Repeat("// x\n", 600),
		"pipelines/fold/fold_test.go":          "package fold\n\nimport _ \"os\"\n\nfunc f() { go f() }\n",
		"offline/plan/testdata/script.go":      "package util // TO" + "DO\n",
		"materializer/state/skipper.go":        "package state\n\nfunc f(d interface{ Skip(int) }) { d.Skip(1) }\n",
		"pipelines/fold/span.go":               "package fold\n\nimport \"time\"\n\nvar _ = time.Unix\n",
		"connectors/blob/error.go":             "package blob\n\n// E is.\ntype E struct{ error }\n\nfunc (e *E) Error() string { return \"\" }\n\nfunc (e *E) Unwrap() error { return e }\n",
		"connectors/blob/clock.go":             "package blob\n\nimport \"time\"\n\nvar _ = time.Now\n",
		"materializer/state/metric_options.go": "package state\n\nvar m = prometheus.CounterOpts{Name: \"anabranch_state_rows_total\"}\n",
	} {
		files := clean()
		files[name] = text
		for _, v := range check(t, files) {
			t.Errorf("%s: %v", name, v)
		}
	}
}

func TestRatchetOnlyShrinks(t *testing.T) {
	long := func(n int) *Tree {
		root := fstest.MapFS{"go.mod": &fstest.MapFile{Data: []byte("module m\n")},
			"cmd/f.go": &fstest.MapFile{Data: []byte("package main\n\nfunc (s *S) f() {\n" + strings.Repeat("\t_ = 0\n", n-2) + "}\n")}}
		tree, err := Load(root)
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	for _, c := range []struct {
		lines int
		entry map[string]int
		want  string
	}{
		{80, nil, ""}, {81, nil, "has 81 lines"}, {90, map[string]int{"cmd/f.go:S.f": 90}, ""},
		{91, map[string]int{"cmd/f.go:S.f": 90}, "has grown"}, {85, map[string]int{"cmd/f.go:S.f": 90}, "has shrunk"}, {70, map[string]int{"cmd/f.go:g": 90}, "is gone"},
	} {
		got := ""
		for _, v := range long(c.lines).functionSize(c.entry) {
			got += v.String()
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%d lines with %v: %q, want %q", c.lines, c.entry, got, c.want)
		}
	}
}
