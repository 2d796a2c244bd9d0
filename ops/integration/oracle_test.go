//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// answer is what oracle.py says of one row: by view.
type answer map[string]struct {
	Values   map[string]any    `json:"values"`
	Statuses map[string]string `json:"statuses"`
	Newest   json.Number       `json:"newest"`
}

// judge asks the oracle for the values of rows, each with join keys and an
// event_timestamp in microseconds.
func judge(t *testing.T, dir, definitions, events string, rows []object, cut ...string) []answer {
	t.Helper()
	spec := filepath.Join(dir, "definitions.json")
	writeFile(t, spec, definitionsJSON(t, definitions))
	asked := filepath.Join(dir, "asked.jsonl")
	writeLines(t, asked, rows)
	out := python(t, dir, "oracle.py", append([]string{spec, events, asked}, cut...)...).ok(t)
	path := filepath.Join(dir, "answers-"+strings.Join(cut, "-")+".jsonl")
	writeFile(t, path, []byte(out.stdout))
	answers := readLines[answer](t, path)
	if len(answers) != len(rows) {
		t.Fatalf("the oracle answered %d of %d rows", len(answers), len(rows))
	}
	return answers
}

// definitionsJSON turns a directory of definitions into one JSON document with
// the Avro schemas in place.
func definitionsJSON(t *testing.T, dir string) []byte {
	t.Helper()
	all := object{}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		var doc object
		if err := yaml.Unmarshal(readFile(t, path), &doc); err != nil {
			t.Fatal(err)
		}
		for key, v := range doc {
			if list, ok := v.([]any); ok {
				have, _ := all[key].([]any)
				v = append(have, list...)
			}
			all[key] = v
		}
	}
	streams, _ := all["streams"].([]any)
	for _, s := range streams {
		stream := s.(object)
		var schema any
		if err := json.Unmarshal(readFile(t, filepath.Join(dir, stream["schema"].(string))), &schema); err != nil {
			t.Fatal(err)
		}
		stream["schema"] = schema
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dump reads logs with a foreign client, as the oracle takes them, into a file.
func dump(t *testing.T, dir, stream, topic, schema string, brokers map[string]string) string {
	t.Helper()
	path := filepath.Join(dir, "log-"+stream+".jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, region := range sortedKeys(brokers) {
		out := python(t, dir, "foreign.py", "dump", stream, region, brokers[region], topic, schema).ok(t)
		if _, err := f.WriteString(out.stdout); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// same compares two decoded JSON values: numbers by kind (a float has a point
// or an exponent) and by value, to the last bit.
func same(a, b any) bool {
	x, xok := a.(json.Number)
	y, yok := b.(json.Number)
	if xok && yok {
		if isFloat(x) != isFloat(y) {
			return false
		}
		f, err1 := strconv.ParseFloat(x.String(), 64)
		g, err2 := strconv.ParseFloat(y.String(), 64)
		if isFloat(x) {
			return err1 == nil && err2 == nil && math.Float64bits(f) == math.Float64bits(g)
		}
		return x == y
	}
	list, ok1 := a.([]any)
	other, ok2 := b.([]any)
	if ok1 && ok2 {
		if len(list) != len(other) {
			return false
		}
		for i := range list {
			if !same(list[i], other[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

func isFloat(n json.Number) bool { return strings.ContainsAny(n.String(), ".eE") }

// differences collects cells that differ, and prints the first of them.
type differences struct {
	cells, differ int
	first         []string
}

func (d *differences) compare(where string, got, want any) {
	d.cells++
	if same(got, want) {
		return
	}
	d.differ++
	if len(d.first) < 10 {
		d.first = append(d.first, fmt.Sprintf("%s: got %v, want %v", where, got, want))
	}
}

// check fails the test if a cell differs, or if there were fewer cells than least.
func (d *differences) check(t *testing.T, what string, least int) {
	t.Helper()
	if d.differ > 0 {
		t.Errorf("%s: %d of %d cells differ:\n%s", what, d.differ, d.cells, strings.Join(d.first, "\n"))
	}
	if d.cells < least {
		t.Errorf("%s: only %d cells compared, want at least %d", what, d.cells, least)
	}
	t.Logf("%s: %d cells compared", what, d.cells)
}
