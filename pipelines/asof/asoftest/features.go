package asoftest

import (
	"slices"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

var (
	tame    = []string{"n", "y", "d", "n + 1"} // far from every bound
	numbers = append([]string{"x", "12 / n", "x * 2.0"}, tame...)
	singles = append([]string{"s", "b", "raw", "day", "moment", "s + '!'"}, numbers...)
	anyOf   = append([]string{"tags", "ints"}, singles...)
	vectors = []string{"floats", "ints", "decs"}
	floats  = []string{"x", "x * 2.0", "y", "w", "floats"} // what needs a scale
)

// kindsOf says what `of` may be for each kind; plain counts have none.
var kindsOf = map[string][]string{
	"count": nil, "sum": numbers, "mean": numbers, "min": singles, "max": singles, "last": anyOf, "first": anyOf,
	"recent": singles, "set": singles, "approx_distinct": singles, "top": singles, "quantiles": numbers,
	"decayed_sum": tame, "ema": tame, "vector_sum": vectors, "vector_mean": vectors, "low_rank": vectors,
}

// drawn are the kinds of features.
func drawn() []string {
	return slices.DeleteFunc(merge.Kinds(), func(kind string) bool {
		_, ok := kindsOf[kind]
		return !ok
	})
}

func drawFeature(t *rapid.T) definition.Feature {
	f := definition.Feature{Kind: rapid.SampledFrom(drawn()).Draw(t, "kind"), Where: maybe(t, "where"), Scale: -1}
	if rapid.Bool().Draw(t, "windowed") {
		f.Window = rapid.SampledFrom(spans).Draw(t, "window")
		f.Pane = min(f.Window, rapid.SampledFrom(spans[:5]).Draw(t, "pane"))
	}
	if of := kindsOf[f.Kind]; of != nil {
		f.Of = rapid.SampledFrom(of).Draw(t, "of")
	}
	drawParameters(t, &f)
	if takesScale[f.Kind] && (slices.Contains(floats, f.Of) || slices.Contains(floats, f.Weight)) {
		f.Scale = int32(rapid.IntRange(0, 3).Draw(t, "scale"))
	}
	return f
}

var takesScale = map[string]bool{"sum": true, "mean": true, "decayed_sum": true, "ema": true, "vector_sum": true, "vector_mean": true, "low_rank": true}

// differs reports whether a kind knows the parameters of a spec: others leave
// its key as it is.
func differs(s merge.Spec) bool {
	s.Input = value.Of(value.Int64)
	return s.Key() != merge.Spec{Kind: s.Kind, Input: s.Input, Max: s.Max}.Key()
}

func drawParameters(t *rapid.T, f *definition.Feature) {
	switch f.Kind {
	case "count":
		f.Of = rapid.SampledFrom([]string{"", "s", "n + 1", "tags"}).Draw(t, "of")
		f.By = rapid.SampledFrom([]string{"1", "-1", "n", "n + 1"}).Draw(t, "by")
	case "sum":
		f.As = rapid.SampledFrom([]string{"", "int64", "float64", "decimal"}).Draw(t, "as")
	case "mean":
		drawMean(t, f)
	case "min", "max":
		f.Exact = f.Window > 0 && differs(merge.Spec{Kind: "max", Exact: true}) && rapid.Bool().Draw(t, "exact")
	case "recent":
		f.K = rapid.IntRange(1, 4).Draw(t, "k")
	case "set":
		f.Max = rapid.SampledFrom([]int{1, 2, 1000}).Draw(t, "max")
		f.RemoveWhere = maybe(t, "remove_where")
		f.Observed = f.RemoveWhere != "" && differs(merge.Spec{Kind: "set", Observed: true, Max: 1}) && rapid.Bool().Draw(t, "observed")
	case "approx_distinct":
		f.Precision = 12
	default:
		drawSketch(t, f)
	}
}

func drawMean(t *rapid.T, f *definition.Feature) {
	if !differs(merge.Spec{Kind: "mean", As: "int64"}) {
		return
	}
	f.As = rapid.SampledFrom([]string{"", "int64", "float64", "decimal"}).Draw(t, "as")
	if rapid.Bool().Draw(t, "weighed") {
		f.Of = rapid.SampledFrom(tame).Draw(t, "of")
		f.Weight = rapid.SampledFrom([]string{"1", "3", "n", "w", "d", "n + 1", "12 / n"}).Draw(t, "weight")
	}
}

func drawSketch(t *rapid.T, f *definition.Feature) {
	switch f.Kind {
	case "top":
		f.K = rapid.IntRange(1, 4).Draw(t, "k")
		f.By = rapid.SampledFrom([]string{"1", "1", "7", "n", "n + 1", "12 / n"}).Draw(t, "by")
		f.Error = rapid.SampledFrom([]float64{0.01, 0.5, 0.5}).Draw(t, "error")
	case "quantiles":
		f.Q = rapid.SampledFrom([][]float64{{0.5, 0.99}, {0}, {1}, {0.9, 0.1, 0.5}, {0.25, 1, 0}}).Draw(t, "q")
		f.RelativeError = rapid.SampledFrom([]float64{0.01, 0.001, 0.2}).Draw(t, "relative error")
	case "decayed_sum", "ema":
		f.HalfLife = rapid.SampledFrom([]stamp.Micros{1, 999_999, 10 * stamp.Second, stamp.Minute, 7 * stamp.Minute, stamp.Day}).Draw(t, "half life")
	case "low_rank":
		f.Basis = rapid.SampledFrom([]string{"axes@1", "turned@1", "turned@2"}).Draw(t, "basis")
	case "vector_sum", "vector_mean":
		f.Dim = rapid.IntRange(1, 3).Draw(t, "dim")
		f.Bits = rapid.SampledFrom([]int{0, 0, 1, 2, 3, 8, 32}).Draw(t, "bits")
	}
}
