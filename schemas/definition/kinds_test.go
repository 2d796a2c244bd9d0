package definition

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/stamp"
)

// kindsSchema has a field of each shape that the kinds tell apart.
const kindsSchema = `{"type":"record","name":"Event","fields":[
  {"name":"id","type":"long"}, {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
  {"name":"n","type":"long"}, {"name":"x","type":["null","double"]}, {"name":"word","type":"string"},
  {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
  {"name":"xs","type":{"type":"array","items":"double"}}, {"name":"ns","type":{"type":"array","items":"long"}},
  {"name":"words","type":{"type":"array","items":"string"}}, {"name":"gone","type":"boolean"}]}`

// kindFiles are a project whose one view has these features.
func kindFiles(features ...string) []File {
	yaml := `project: p
regions: [{name: here}]
entities: [{name: user, join_keys: [{name: id, type: int64}]}]
streams: [{name: s, entity: user, schema: e.avsc, event_timestamp: at}]
bases: [{name: items, version: 1, file: items-1.basis}, {name: items, version: 2, file: more/items.basis}]
feature_views:
  - name: v
    stream: s
    features:
`
	for _, f := range features {
		yaml += "      - {name: f, " + f + "}\n"
	}
	return []File{{Name: "p.yaml", Data: []byte(yaml)}, {Name: "e.avsc", Data: []byte(kindsSchema)},
		{Name: "items-1.basis", Data: []byte("first")}, {Name: "more/items.basis", Data: []byte("second")}}
}

func TestParametersOfKinds(t *testing.T) {
	feature := func(change func(f *Feature)) Feature {
		f := Feature{Name: "f", Scale: -1}
		change(&f)
		return f
	}
	cases := []struct {
		yaml string
		want Feature
	}{
		{"kind: mean, of: x, scale: 3, weight: n * 2, as: decimal", feature(func(f *Feature) { f.Of, f.Scale, f.Weight, f.As = "x", 3, "n * 2", "decimal" })},
		{"kind: mean, of: n, weight: 1", feature(func(f *Feature) { f.Of = "n" })},
		{"kind: mean, of: n, weight: 0.5", feature(func(f *Feature) { f.Of, f.Weight = "n", "0.5" })},
		{"kind: max, of: word, exact: true, window: 1h", feature(func(f *Feature) { f.Of, f.Exact, f.Window, f.Pane = "word", true, stamp.Hour, 5*stamp.Minute })},
		{"kind: min, of: n, exact: true", feature(func(f *Feature) { f.Of, f.Exact = "n", true })},
		{"kind: min, of: n, exact: false", feature(func(f *Feature) { f.Of = "n" })},
		{"kind: set, of: word, removes: latest, remove_where: gone", feature(func(f *Feature) { f.Of, f.Max, f.RemoveWhere = "word", 1000, "gone" })},
		{"kind: set, of: word, removes: observed, remove_where: gone", feature(func(f *Feature) { f.Of, f.Max, f.RemoveWhere, f.Observed = "word", 1000, "gone", true })},
		{"kind: top, of: word, k: 5", feature(func(f *Feature) { f.Of, f.K, f.By, f.Error = "word", 5, "1", 0.01 })},
		{"kind: top, of: word, k: 5, by: n, error: 1e-3", feature(func(f *Feature) { f.Of, f.K, f.By, f.Error = "word", 5, "n", 0.001 })},
		{"kind: quantiles, of: x", feature(func(f *Feature) { f.Of, f.Q, f.RelativeError = "x", []float64{0.5, 0.99}, 0.01 })},
		{"kind: quantiles, of: x, q: [1, 0, .25], relative_error: 0.0001", feature(func(f *Feature) { f.Of, f.Q, f.RelativeError = "x", []float64{1, 0, 0.25}, 0.0001 })},
		{"kind: decayed_sum, of: x, scale: 2, half_life: 90m", feature(func(f *Feature) { f.Of, f.Scale, f.HalfLife = "x", 2, 90*stamp.Minute })},
		{"kind: ema, of: price, half_life: 1d", feature(func(f *Feature) { f.Of, f.HalfLife = "price", stamp.Day })},
		{"kind: vector_sum, of: xs, dim: 4096, scale: 4, bits: 8", feature(func(f *Feature) { f.Of, f.Dim, f.Scale, f.Bits = "xs", 4096, 4, 8 })},
		{"kind: vector_mean, of: ns, dim: 1", feature(func(f *Feature) { f.Of, f.Dim = "ns", 1 })},
		{"kind: low_rank, of: xs, basis: items@2, scale: 6", feature(func(f *Feature) { f.Of, f.Basis, f.Scale = "xs", "items@2", 6 })},
		{"kind: approx_distinct, of: word, error_budget: 0.02, sensitivity: 3", feature(func(f *Feature) {
			f.Of, f.Precision, f.ErrorBudget, f.Sensitivity, f.Discrepancy = "word", 12, 0.02, 3, "abs"
		})},
	}
	for _, c := range cases {
		p, err := Parse(kindFiles(c.yaml))
		if err != nil {
			t.Errorf("%s: %v", c.yaml, err)
			continue
		}
		got := p.Views[0].Features[0]
		got.Pos, c.want.Kind = Pos{}, got.Kind
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v, want\n%+v", c.yaml, got, c.want)
		}
		survives(t, p)
		if err := editor(t, string(kindFiles(c.yaml)[0].Data)); err != nil {
			t.Errorf("an editor refuses %s: %v", c.yaml, err)
		}
	}
}

func TestParametersOfKindsAreRefused(t *testing.T) {
	cases := []struct {
		yaml   string
		want   []string
		editor bool // an editor refuses it too
	}{
		{"kind: mean, of: n, weight: word", []string{`p.yaml:10: weight of feature "f" is field "word" of type string; allowed: a number`}, false},
		{"kind: mean, of: n, weight: wrod", []string{`unknown field`, `did you mean "word"?`}, false},
		{"kind: sum, of: n, weight: n", []string{`feature "f" of kind sum takes no weight`}, true},
		{"kind: max, of: n, exact: yes please, window: 1h", []string{"true or false"}, true},
		{"kind: last, of: n, exact: true, window: 1h", []string{"takes no exact"}, true},
		{"kind: set, of: word, removes: observed", []string{`feature "f" has removes: observed and no remove_where`}, true},
		{"kind: set, of: word, removes: observd, remove_where: gone", []string{`is "observd"; allowed: latest, observed; did you mean "observed"?`}, true},
		{"kind: top, of: word", []string{"has no k"}, true},
		{"kind: top, of: word, k: 0", []string{"from 1 to 1000"}, true},
		{"kind: top, of: word, k: 3, by: x", []string{`by of feature "f" is field "x"`, "an integer"}, false},
		{"kind: top, of: word, k: 3, error: 0", []string{`error of feature "f" is integer "0"; allowed: a number from 0.0001 to 0.5`}, true},
		{"kind: top, of: word, k: 3, error: 0.51", []string{"from 0.0001 to 0.5"}, true},
		{"kind: top, of: word, k: 3, error: 1%", []string{`is text "1%"`}, true},
		{"kind: quantiles, of: word", []string{`quantiles of feature "f" is over field "word" of type string; allowed: a number`}, false},
		{"kind: quantiles, of: x, q: []", []string{`q of feature "f" has 0 items; allowed: a list of 1 to 64 numbers, each a number from 0 to 1`}, true},
		{"kind: quantiles, of: x, q: null", []string{`q of feature "f" is empty`}, true},
		{"kind: quantiles, of: x, q: 0.5", []string{`q of feature "f" is number "0.5"; allowed: a list`}, true},
		{"kind: quantiles, of: x, q: [0.5, 50]", []string{`entry 2 of q of feature "f" is integer "50"`, "from 0 to 1"}, true},
		{"kind: quantiles, of: x, q: [0.5, 0.50]", []string{`0.50 of q of feature "f" is there twice`}, true},
		{"kind: quantiles, of: x, q: [" + strings.Repeat("0.1, ", 65) + "]", []string{"has 65 items"}, true},
		{"kind: quantiles, of: x, q: [.nan]", []string{`is number ".nan"`}, false},
		{"kind: quantiles, of: x, q: [0x1]", []string{`is integer "0x1"`}, false},
		{"kind: quantiles, of: x, q: [-0.0]", []string{`is number "-0.0"`}, false},
		{"kind: quantiles, of: x, relative_error: 0.00001", []string{"a number from 0.0001 to 0.5"}, true},
		{"kind: quantiles, of: x, relative_error: 0.6", []string{"a number from 0.0001 to 0.5"}, true},
		{"kind: quantiles, of: x, scale: 2", []string{"takes no scale"}, true},
		{"kind: ema, of: n", []string{"has no half_life; allowed: a whole number above 0 and a unit"}, true},
		{"kind: ema, of: n, half_life: 0s", []string{"half_life", "above 0"}, true},
		{"kind: decayed_sum, of: x, half_life: 1h", []string{`feature "f" has no scale, and field "x" is of type double`}, false},
		{"kind: decayed_sum, of: xs, half_life: 1h, scale: 2", []string{"is over field", "a number"}, false},
		{"kind: vector_sum, of: xs, scale: 2", []string{"has no dim; allowed: a whole number from 1 to 4096"}, true},
		{"kind: vector_sum, of: xs, scale: 2, dim: 4097", []string{"from 1 to 4096"}, true},
		{"kind: vector_sum, of: xs, scale: 2, dim: 3, bits: 33", []string{"from 1 to 32"}, true},
		{"kind: vector_mean, of: xs, dim: 3", []string{`field "xs" is of type array of double`}, false},
		{"kind: vector_mean, of: x, dim: 3, scale: 1", []string{`over field "x"`, "an array of numbers"}, false},
		{"kind: vector_mean, of: words, dim: 3", []string{`over field "words" of type array of string; allowed: an array of numbers`}, false},
		{"kind: low_rank, of: ns", []string{"has no basis; allowed: NAME@VERSION"}, true},
		{"kind: low_rank, of: ns, basis: items", []string{`is text "items"; allowed: NAME@VERSION`}, true},
		{"kind: low_rank, of: ns, basis: items@3", []string{`unknown basis "items@3"; allowed: items@1, items@2; did you mean "items@1"?`}, false},
		{"kind: count, error_budget: 0", []string{"error_budget", "neither itself"}, true},
		{"kind: count, sensitivity: -1", []string{"sensitivity", "a number, 0 or more"}, true},
		{"kind: count, sensitivity: 1e999", []string{`is text "1e999"; allowed: a number, 0 or more`}, false},
		{"kind: count, discrepancy: abd", []string{`did you mean "abs"?`}, true},
	}
	for _, c := range cases {
		files := kindFiles(c.yaml)
		_, err := Parse(files)
		if err == nil {
			t.Errorf("%s: accepted", c.yaml)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error\n%v\nlacks %q", c.yaml, err, part)
			}
		}
		if strings.Contains(c.yaml, ".nan") || strings.Contains(c.yaml, "1e999") {
			continue // no JSON
		}
		if got := editor(t, string(files[0].Data)) != nil; got != c.editor {
			t.Errorf("%s: an editor refuses it: %v, want %v", c.yaml, got, c.editor)
		}
	}
}

// TestDiscrepancies wants for each kind, with a field, which distances are
// taken, the default first.
func TestDiscrepancies(t *testing.T) {
	number, vector, items := "abs squared", "l2 cosine", "jaccard"
	for yaml, want := range map[string]string{
		"kind: count": number, "kind: sum, of: n": number, "kind: mean, of: price": number, "kind: approx_distinct, of: word": number,
		"kind: decayed_sum, of: n, half_life: 1h": number, "kind: ema, of: n, half_life: 1h": number,
		"kind: min, of: n": number, "kind: max, of: word": items, "kind: last, of: x": number, "kind: first, of: gone": items,
		"kind: last, of: xs": "l2 cosine jaccard", "kind: last, of: words": items, "kind: last, of: at": items,
		"kind: recent, of: n, k: 3": items, "kind: set, of: word": items, "kind: top, of: word, k: 3": items,
		"kind: quantiles, of: n": vector, "kind: vector_sum, of: ns, dim: 3": vector, "kind: vector_mean, of: ns, dim: 3": vector,
		"kind: low_rank, of: ns, basis: items@1": vector, "kind: max, of: n + 1": "- abs squared jaccard cosine l2",
	} {
		first, _, _ := strings.Cut(want, " ")
		if p, err := Parse(kindFiles(yaml + ", sensitivity: 0.5")); err == nil {
			if got := p.Views[0].Features[0].Discrepancy; got != first {
				t.Errorf("%s: default %s, want %s", yaml, got, first)
			}
			survives(t, p)
		} else if first != "-" || !strings.Contains(err.Error(), "no discrepancy, and its value is that of an expression") {
			t.Errorf("%s: %v", yaml, err)
		}
		for _, d := range discrepancies {
			_, err := Parse(kindFiles(fmt.Sprintf("%s, discrepancy: %s", yaml, d)))
			if taken := strings.Contains(want, d); (err == nil) != taken {
				t.Errorf("%s with %s: %v, want it taken: %v", yaml, d, err, taken)
			}
			if err != nil && !strings.Contains(err.Error(), "; allowed: "+strings.ReplaceAll(want, " ", ", ")) {
				t.Errorf("%s with %s: %v", yaml, d, err)
			}
		}
	}
}

func TestParametersAsWritten(t *testing.T) {
	for yaml, want := range map[string]string{
		"kind: count, window: 1h, where: gone, description: d": "",
		"kind: count, by: n":                                         "by: n",
		"kind: mean, of: x, scale: 0, weight: n + 1":                 "scale: 0; weight: n + 1",
		"kind: quantiles, of: x, sensitivity: 2, error_budget: 0.1":  "q: [0.5, 0.99]; relative_error: 0.01; error_budget: 0.1; sensitivity: 2; discrepancy: l2",
		"kind: max, of: n, exact: true, window: 1h":                  "exact: true",
		"kind: low_rank, of: ns, basis: items@1":                     "basis: items@1",
		"kind: ema, of: n, half_life: 36h":                           "half_life: 36h",
		"kind: set, of: word, remove_where: gone, removes: observed": "max: 1000; remove_where: gone; removes: observed",
	} {
		p, err := Parse(kindFiles(yaml))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Views[0].Features[0].Parameters(), "; "); got != want {
			t.Errorf("%s: %q, want %q", yaml, got, want)
		}
	}
}
