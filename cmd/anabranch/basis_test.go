package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/definition"
)

const clicksYAML = `project: taste
regions: [{name: here}]
entities:
  - {name: user, join_keys: [{name: user, type: int64}]}
streams:
  - {name: clicks, entity: user, schema: click.avsc, event_timestamp: at, partitions: 2}
feature_views:
  - name: bought
    stream: clicks
    where: bought
    features:
      - {name: clicks, kind: count, sensitivity: 0.5}
feature_services:
  - {name: all, features: ["bought:*"]}
`

const clickSchema = `{"type": "record", "name": "Click", "fields": [
  {"name": "user", "type": "long"},
  {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
  {"name": "bought", "type": "boolean"},
  {"name": "embedding", "type": ["null", {"type": "array", "items": "double"}], "default": null}
]}
`

func clicks(t *testing.T, dir string) string {
	t.Helper()
	writeFile(t, filepath.Join(dir, "taste.yaml"), clicksYAML)
	writeFile(t, filepath.Join(dir, "click.avsc"), clickSchema)
	return dir
}

// clickLines are n clicks. What was bought lies along two directions of six
// dimensions, the rest along a third; every 50th is null.
func clickLines(n int) string {
	var b strings.Builder
	for i := range n {
		e := make([]float64, 6)
		if bought := i%2 == 0; bought {
			e[0], e[3] = float64(i%7)-3, float64(i%7)-3
			e[5] = float64(i%11) / 4
		} else {
			e[1] = float64(i%5) + 1
		}
		var list any = e
		if i%50 == 49 {
			list = nil
		}
		line, _ := json.Marshal(map[string]any{"user": i % 13, "at": 1_700_000_000_000 + i, "bought": i%2 == 0, "embedding": list})
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// missedBy is the part of a vector's length that a basis misses.
func missedBy(b *merge.Basis, x []float64) float64 {
	rest, whole := append([]float64{}, x...), 0.0
	for j := range b.Rank {
		c := 0.0
		for i := range x {
			c += x[i] * float64(b.U[i*b.Rank+j]) / (1 << merge.BasisBits)
		}
		for i := range x {
			rest[i] -= c * float64(b.U[i*b.Rank+j]) / (1 << merge.BasisBits)
		}
	}
	left := 0.0
	for i := range x {
		whole, left = whole+x[i]*x[i], left+rest[i]*rest[i]
	}
	return math.Sqrt(left / whole)
}

func readBasis(t *testing.T, path string) *merge.Basis {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := merge.DecodeBasis(data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBasisFit(t *testing.T) {
	dir := t.TempDir()
	clicks(t, filepath.Join(dir, "definitions"))
	startDev(t, dir, "-f", "definitions")
	t.Chdir(dir)
	works(t, "produce", "clicks", "--input", writeFile(t, "clicks.jsonl", clickLines(600)), "--wait")

	doc := answers[basisJSON](t, "basis", "fit", "bought", "--of", "embedding", "--rank", "2", "--out", "definitions/embedding-1.basis")
	if doc.Rows != 300 || doc.Nulls != 0 || doc.Used+doc.HeldOut != 300 || doc.Dim != 6 || doc.Rank != 2 || doc.Name != "embedding" || doc.Version != 1 || doc.Skipped != 0 {
		t.Errorf("found %+v", doc)
	}
	if doc.Explained < 1-1e-9 || doc.Error == nil || *doc.Error > 1e-6 || doc.HeldOut < 10 {
		t.Errorf("explains %v, misses %v of %d rows held out", doc.Explained, doc.Error, doc.HeldOut)
	}
	b := readBasis(t, doc.File)
	for _, x := range [][]float64{{1, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 1}} {
		if m := missedBy(b, x); m > 1e-6 {
			t.Errorf("misses %v of %v", m, x)
		}
	}
	t.Run("the same history gives the same file", func(t *testing.T) { testBasisAgain(t, doc) })
	t.Run("a stream", testBasisOfStream)
	t.Run("validate", testValidateCosts)
	t.Run("refusals", testBasisRefusals)
	t.Run("in definitions", func(t *testing.T) { testBasisInDefinitions(t, doc) })
	t.Run("other lengths", testBasisSkips)
}

func testBasisAgain(t *testing.T, doc basisJSON) {
	fit := []string{"basis", "fit", "bought", "--of", "embedding", "--rank", "2"}
	again := answers[basisJSON](t, append(fit, "--name", "again@7", "--as-of", doc.Frontier)...)
	if again.File != "again-7.basis" || again.Version != 7 || again.Hash != doc.Hash || again.Frontier != doc.Frontier {
		t.Errorf("found %+v", again)
	}
	sameFile(t, doc.File, again.File)
	works(t, "compact")
	if files := answers[basisJSON](t, append(fit, "--name", "files", "-f", "definitions")...); files.Hash != doc.Hash {
		t.Errorf("out of files %+v", files)
	}
}

func testBasisOfStream(t *testing.T) {
	text := works(t, "basis", "fit", "clicks", "--of", "embedding", "--rank", "3", "--name", "all")
	for _, want := range []string{
		"600 rows of 6 numbers: ", ", 12 null, 0 of another length left out", "  DIRECTION  ENERGY   IN ALL\n", "  3          ", " 100.00 %\n",
		"of the rows held out it misses 0.00 % of their length", "wrote all-1.basis (hash ",
		"bases:\n  - {name: all, version: 1, file: all-1.basis}\n", "      - {name: embedding, kind: low_rank, of: embedding, basis: all@1, scale: 4}\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if m := missedBy(readBasis(t, "all-1.basis"), []float64{0, 1, 0, 0, 0, 0}); m > 1e-6 {
		t.Errorf("misses %v of a direction", m)
	}
}

// testValidateCosts: what is served is what history says, so it costs nothing.
func testValidateCosts(t *testing.T) {
	doc := answers[validateJSON](t, "validate", "all", "--keys", "all")
	want := &costJSON{Vectors: 13, Features: []featureCost{{Feature: "bought:clicks", Kind: "abs", Sensitivity: 0.5}}}
	if doc.Mismatched > 0 || !reflect.DeepEqual(doc.Cost, want) || !reflect.DeepEqual(doc.StaleCost, want) {
		t.Errorf("found %+v, %+v", doc.Cost, doc.StaleCost)
	}
	if text := works(t, "validate", "all"); !strings.Contains(text, "inconsistency cost of 13 vectors against history at their tokens: 0 in all, 0 a vector, at most 0\n") {
		t.Errorf("found %s", text)
	}
}

func testBasisRefusals(t *testing.T) {
	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{exitFailed, []string{"all-1.basis exists, and a version of a basis never changes", "--name with another version", "--force"}, []string{"clicks", "--of", "embedding", "--rank", "2", "--name", "all"}},
		{exitUsage, []string{"no view or stream click", "clicks"}, []string{"click", "--of", "embedding", "--rank", "2"}},
		{exitUsage, []string{"--of embeding: stream clicks has no field embeding", "embedding"}, []string{"clicks", "--of", "embeding", "--rank", "2"}},
		{exitUsage, []string{"--of bought: field bought of stream clicks is of type boolean: want an array of numbers"}, []string{"clicks", "--of", "bought", "--rank", "2"}},
		{exitUsage, []string{"--name A@1"}, []string{"clicks", "--of", "embedding", "--rank", "2", "--name", "A"}},
		{exitUsage, []string{"--name a@0"}, []string{"clicks", "--of", "embedding", "--rank", "2", "--name", "a@0"}},
		{exitUsage, []string{"--out x.bin", ".basis"}, []string{"clicks", "--of", "embedding", "--rank", "2", "--out", "x.bin"}},
		{exitUsage, []string{"--rows -1"}, []string{"clicks", "--of", "embedding", "--rank", "2", "--rows=-1"}},
		{exitFailed, []string{"embedding of stream clicks: rank 7: vectors of 6 items have 1 to 6 directions"}, []string{"clicks", "--of", "embedding", "--rank", "7"}},
		{exitFailed, []string{"too few for 6 directions"}, []string{"clicks", "--of", "embedding", "--rank", "6", "--rows", "2"}},
	} {
		failsAfterProgress(t, c.code, c.words, append([]string{"basis", "fit"}, c.args...)...)
	}
}

// failsAfterProgress is fails for a command that says first what it does.
func failsAfterProgress(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	r := anabranch(t, args...)
	if r.code != code || r.stdout != "" {
		t.Errorf("anabranch %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("anabranch %s: stderr lacks %q:\n%s", strings.Join(args, " "), word, r.stderr)
		}
	}
}

// testBasisInDefinitions pastes what was printed.
func testBasisInDefinitions(t *testing.T, doc basisJSON) {
	yaml := strings.Replace(clicksYAML, "feature_views:", "bases:\n  - "+doc.Basis+"\nfeature_views:", 1)
	yaml = strings.Replace(yaml, "sensitivity: 0.5}\n", "sensitivity: 0.5}\n      - "+doc.Feature+"\n", 1)
	writeFile(t, "definitions/taste.yaml", yaml)
	writeFile(t, "definitions/spare.basis", "named by nothing")
	files, err := readDefinitionFiles("definitions")
	if err != nil {
		t.Fatal(err)
	}
	p, err := definition.Parse(files)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(doc.File)
	if f := p.Views[0].Features[1]; f.Basis != "embedding@1" || f.Of != "embedding" || f.Scale != 4 || string(p.Basis(f.Basis).Data) != string(data) {
		t.Errorf("feature %+v", f)
	}
	testServesProjections(t)
	testBasisStays(t, doc, data)
	var kept []string
	for _, f := range withoutSpareBases(files) {
		kept = append(kept, f.Name)
	}
	if want := "click.avsc embedding-1.basis taste.yaml"; strings.Join(kept, " ") != want {
		t.Errorf("kept %q, want %s", kept, want)
	}
}

// testBasisStays: a version that views use cannot become another.
func testBasisStays(t *testing.T, doc basisJSON, was []byte) {
	other, err := os.ReadFile("all-1.basis")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, doc.File, string(other))
	r := anabranch(t, "apply", "-f", "definitions")
	if refusal := "! basis embedding@1 changed (content): refused: views use it as it was; give this one a new version: {name: embedding, version: 2}\n"; r.code != exitFailed || !strings.Contains(r.stdout, refusal) {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if text := works(t, "plan", "-f", writtenBack(t, doc, was)); strings.Contains(text, "refused") {
		t.Errorf("found %s", text)
	}
}

// writtenBack puts a basis back, and gives the directory of the definitions.
func writtenBack(t *testing.T, doc basisJSON, data []byte) string {
	t.Helper()
	return filepath.Dir(writeFile(t, doc.File, string(data)))
}

// testServesProjections applies a feature over the basis. What was bought lies in
// it, so that projecting changes next to nothing.
func testServesProjections(t *testing.T) {
	works(t, "apply", "-f", "definitions")
	sums := [13][6]float64{}
	for line := range strings.Lines(clickLines(600)) {
		c := decoded[struct {
			User      int
			Bought    bool
			Embedding []float64
		}](t, line)
		for i, x := range c.Embedding {
			if c.Bought {
				sums[c.User][i] += x
			}
		}
	}
	args := []string{"get-online", "all", "--entity", "user=3", "--at", "2024-01-01T00:00:00Z", "--json"}
	var r ran
	for range 200 {
		if r = anabranch(t, args...); r.code == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond) // it is folded anew
	}
	a := decoded[featuresAnswer](t, r.stdout)
	served := decoded[[]float64](t, string(a.Rows[0].Values[1]))
	for i, want := range sums[3] {
		if math.Abs(served[i]-want) > 1e-5 {
			t.Errorf("item %d is %v, want %v", i, served[i], want)
		}
	}
	if doc := answers[validateJSON](t, "validate", "all", "--keys", "all"); doc.Mismatched > 0 || doc.Checked != 26 {
		t.Errorf("found %+v", doc)
	}
	text := works(t, "describe")
	for _, want := range []string{"\nbasis embedding@1 (", "basis: embedding@1", "sensitivity: 0.5, discrepancy: abs"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func testBasisSkips(t *testing.T) {
	odd := ""
	for i := range 3 {
		odd += fmt.Sprintf(`{"user": 1, "at": %d, "bought": true, "embedding": [1, 2%s]}`+"\n", 1_700_000_100_000+i, strings.Repeat(", 3", i/2))
	}
	works(t, "produce", "clicks", "--input", writeFile(t, "odd.jsonl", odd), "--wait")
	fit := []string{"basis", "fit", "bought", "--of", "embedding", "--rank", "2", "--name", "odd"}
	failsAfterProgress(t, exitFailed, []string{"3 of 303 rows have another length than 6: 2 rows of 2, 1 rows of 3; leave them out with --skip"}, fit...)
	if doc := answers[basisJSON](t, append(fit, "--skip")...); doc.Skipped != 3 || doc.Rows != 303 || doc.Used+doc.HeldOut != 300 {
		t.Errorf("found %+v", doc)
	}
}
