package merge

import (
	"math"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

var (
	boolean = value.Of(value.Bool)
	whole   = value.Of(value.Int64)
	float   = value.Of(value.Float64)
	text    = value.Of(value.String)
	raw     = value.Of(value.Bytes)
	date    = value.Of(value.Date)
	moment  = value.Of(value.Timestamp)
	cents   = value.Type{Kind: value.Decimal, Scale: 2}
	texts   = value.ListOf(text)
	floats  = value.ListOf(float)
	scalars = []value.Type{boolean, whole, float, text, raw, date, moment, cents}
)

func TestValidateSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string // "" is valid
	}{
		{Spec{Kind: Count}, ""},
		{Spec{Kind: Count, Input: whole}, ""},
		{Spec{Kind: Count, Input: float}, "count: adds up whole numbers, found float64"},
		{Spec{Kind: Sum, Input: whole}, ""},
		{Spec{Kind: Sum, Input: float, Scale: 38}, ""},
		{Spec{Kind: Sum, Input: cents, Scale: 2, As: "float64"}, ""},
		{Spec{Kind: Sum, Input: text}, "sum: wants numbers, found string"},
		{Spec{Kind: Sum, Input: moment}, "sum: wants numbers, found timestamp"},
		{Spec{Kind: Sum, Input: whole, Scale: 2}, "sum: scale of whole numbers is 0, found 2"},
		{Spec{Kind: Sum, Input: cents, Scale: 3}, "sum: scale of decimal(38, 2) is its own, found 3"},
		{Spec{Kind: Sum, Input: float, Scale: 39}, "sum: scale is 0 to 38, found 39"},
		{Spec{Kind: Mean, Input: float, Scale: -1}, "mean: scale is 0 to 38, found -1"},
		{Spec{Kind: Mean, Input: boolean}, "mean: wants numbers, found boolean"},
		{Spec{Kind: Mean, Input: float, Scale: 2, As: "decimal", Weight: float, WeightScale: 3}, ""},
		{Spec{Kind: Mean, Input: whole, As: "float32"}, `mean: as is int64, float64 or decimal, found "float32"`},
		{Spec{Kind: Mean, Input: whole, Weight: text}, "mean: weight: wants numbers, found string"},
		{Spec{Kind: Mean, Input: whole, Weight: cents, WeightScale: 1}, "mean: weight: scale of decimal(38, 2) is its own, found 1"},
		{Spec{Kind: Sum, Input: whole, As: "int32"}, `sum: as is int64, float64 or decimal, found "int32"`},
		{Spec{Kind: Min, Input: texts}, "min: wants a single value, found list<string>"},
		{Spec{Kind: Max, Input: value.Type{}}, "max: wants a single value, found null"},
		{Spec{Kind: Last, Input: texts}, ""},
		{Spec{Kind: First, Input: value.ListOf(texts)}, "first: wants a single value or a list of them, found list<list<string>>"},
		{Spec{Kind: Recent, Input: text, K: 1}, ""},
		{Spec{Kind: Recent, Input: text}, "recent: k is 1 to 4096, found 0"},
		{Spec{Kind: Recent, Input: floats, K: 3}, "recent: wants a single value, found list<float64>"},
		{Spec{Kind: Set, Input: text, Max: 4097}, "set: max is 1 to 4096, found 4097"},
		{Spec{Kind: Set, Input: text, Observed: true}, "set: max is 1 to 4096, found 0"},
		{Spec{Kind: Top, Input: text, K: 1000, Error: 0.5, Weight: whole}, ""},
		{Spec{Kind: Top, Input: texts, K: 3, Error: 0.01}, "top: wants a single value, found list<string>"},
		{Spec{Kind: Top, Input: text, K: 1001, Error: 0.01}, "top: k is 1 to 1000, found 1001"},
		{Spec{Kind: Top, Input: text, K: 3, Error: 0.01, Weight: float}, "top: by is whole numbers, found float64"},
		{Spec{Kind: Top, Input: text, K: 3}, "top: error is 0.0001 to 0.5, found 0"},
		{Spec{Kind: Top, Input: text, K: 3, Error: math.NaN()}, "top: error is 0.0001 to 0.5, found NaN"},
		{Spec{Kind: ApproxDistinct, Input: raw, Precision: 18}, ""},
		{Spec{Kind: ApproxDistinct, Input: raw, Precision: 3}, "approx_distinct: precision is 4 to 18, found 3"},
		{Spec{Kind: Quantiles, Input: float, Q: []float64{0, 1}, Error: 0.5}, ""},
		{Spec{Kind: Quantiles, Input: cents, Q: []float64{0.25}, Error: 0.0001}, ""},
		{Spec{Kind: Quantiles, Input: moment, Q: []float64{0.5}, Error: 0.01}, "quantiles: wants numbers, found timestamp"},
		{Spec{Kind: Quantiles, Input: whole, Error: 0.01}, "quantiles: the number of quantiles is 1 to 64, found 0"},
		{Spec{Kind: Quantiles, Input: whole, Q: []float64{0.5, 1.01}, Error: 0.01}, "quantiles: q is 0 to 1, found 1.01"},
		{Spec{Kind: Quantiles, Input: whole, Q: []float64{math.NaN()}, Error: 0.01}, "quantiles: q is 0 to 1, found NaN"},
		{Spec{Kind: Quantiles, Input: whole, Q: []float64{0.5}, Error: 0.00009}, "quantiles: relative_error is 0.0001 to 0.5, found 9e-05"},
		{Spec{Kind: Quantiles, Input: whole, Q: []float64{0.5}, Error: math.NaN()}, "quantiles: relative_error is 0.0001 to 0.5, found NaN"},
		{Spec{Kind: VectorSum, Input: floats, Scale: 6, Dim: 4096, Bits: 32}, ""},
		{Spec{Kind: VectorMean, Input: value.ListOf(cents), Scale: 2, Dim: 1}, ""},
		{Spec{Kind: VectorSum, Input: float, Dim: 3}, "vector_sum: wants lists of numbers, found float64"},
		{Spec{Kind: VectorMean, Input: texts, Dim: 3}, "vector_mean: wants lists of numbers, found list<string>"},
		{Spec{Kind: VectorSum, Input: value.ListOf(cents), Dim: 3}, "vector_sum: scale of decimal(38, 2) is its own, found 0"},
		{Spec{Kind: VectorSum, Input: floats}, "vector_sum: dim is 1 to 4096, found 0"},
		{Spec{Kind: VectorSum, Input: floats, Dim: 4097}, "vector_sum: dim is 1 to 4096, found 4097"},
		{Spec{Kind: VectorMean, Input: floats, Dim: 3, Bits: 33}, "vector_mean: bits is 0 to 32, found 33"},
		{Spec{Kind: EMA, Input: float, Scale: 2, HalfLife: 1}, ""},
		{Spec{Kind: DecayedSum, Input: cents, Scale: 2, HalfLife: MaxHalfLife}, ""},
		{Spec{Kind: DecayedSum, Input: cents, Scale: 2, HalfLife: MaxHalfLife + 1}, "decayed_sum: half_life is 1us to 100 years, found 3155760000000001us"},
		{Spec{Kind: EMA, Input: float, Scale: 2}, "ema: half_life is 1us to 100 years, found 0us"},
		{Spec{Kind: EMA, Input: whole, Scale: 2, HalfLife: 1}, "ema: scale of whole numbers is 0, found 2"},
		{Spec{Kind: EMA, Input: text, HalfLife: 1}, "ema: wants numbers, found string"},
		{Spec{Kind: "avg", Input: whole}, "avg: unknown kind; the kinds are count, sum,"},
	} {
		err := c.spec.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%+v: %v", c.spec, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%+v: got %v, want %s", c.spec, err, c.want)
		}
	}
}

func TestResultTypes(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want value.Type
	}{
		{Spec{Kind: Count}, whole},
		{Spec{Kind: Sum, Input: whole}, whole},
		{Spec{Kind: Sum, Input: float, Scale: 2}, float},
		{Spec{Kind: Sum, Input: float, Scale: 2, As: "decimal"}, cents},
		{Spec{Kind: Sum, Input: float, Scale: 2, As: "int64"}, whole},
		{Spec{Kind: Sum, Input: cents, Scale: 2}, cents},
		{Spec{Kind: Sum, Input: whole, As: "decimal"}, value.Type{Kind: value.Decimal}},
		{Spec{Kind: Mean, Input: whole}, float},
		{Spec{Kind: Mean, Input: whole, As: "int64", Weight: cents, WeightScale: 2}, whole},
		{Spec{Kind: Mean, Input: float, Scale: 2, As: "decimal"}, cents},
		{Spec{Kind: Min, Input: moment}, moment},
		{Spec{Kind: Max, Input: text, Exact: true}, text},
		{Spec{Kind: Last, Input: texts}, texts},
		{Spec{Kind: Recent, Input: text, K: 3}, texts},
		{Spec{Kind: Set, Input: float, Max: 3}, floats},
		{Spec{Kind: Top, Input: text, K: 3, Error: 0.01}, value.ListOf(value.Type{Kind: value.Struct, Fields: []value.Field{
			{Name: "item", Type: text}, {Name: "count", Type: whole}, {Name: "error", Type: whole}}})},
		{Spec{Kind: ApproxDistinct, Input: float, Precision: 12}, whole},
		{Spec{Kind: Quantiles, Input: cents, Q: []float64{0.5}, Error: 0.01}, floats},
		{Spec{Kind: EMA, Input: whole, HalfLife: 1}, float},
		{Spec{Kind: DecayedSum, Input: cents, Scale: 2, HalfLife: 1}, float},
		{Spec{Kind: VectorSum, Input: value.ListOf(cents), Scale: 2, Dim: 3}, floats},
		{Spec{Kind: VectorMean, Input: value.ListOf(whole), Dim: 3}, floats},
	} {
		if got := c.spec.Result(); !got.Equal(c.want) {
			t.Errorf("%s: got %s, want %s", c.spec.Key(), got, c.want)
		}
	}
}

func TestKeysDifferExactlyWithMeaning(t *testing.T) {
	same := [][2]Spec{
		{{Kind: Count}, {Kind: Count, Input: whole}},
		{{Kind: Sum, Input: whole}, {Kind: Sum, Input: whole, As: "int64"}},
		{{Kind: Sum, Input: cents, Scale: 2}, {Kind: Sum, Input: cents, Scale: 2, As: "decimal"}},
		{{Kind: Mean, Input: cents, Scale: 2}, {Kind: Mean, Input: cents, Scale: 2, As: "float64"}},
	}
	for _, p := range same {
		if p[0].Key() != p[1].Key() {
			t.Errorf("%q != %q", p[0].Key(), p[1].Key())
		}
	}
	seen := map[string]Spec{}
	for _, s := range []Spec{
		{Kind: Count}, {Kind: Sum, Input: whole}, {Kind: Sum, Input: float}, {Kind: Sum, Input: float, Scale: 2},
		{Kind: Sum, Input: float, Scale: 2, As: "decimal"}, {Kind: Mean, Input: whole}, {Kind: Mean, Input: float},
		{Kind: Mean, Input: float, Scale: 1}, {Kind: Mean, Input: float, As: "decimal"}, {Kind: Mean, Input: float, As: "int64"},
		{Kind: Mean, Input: float, Weight: whole}, {Kind: Mean, Input: float, Weight: float},
		{Kind: Mean, Input: float, Weight: float, WeightScale: 1}, {Kind: Mean, Input: float, Weight: float, As: "int64"}, {Kind: Min, Input: whole}, {Kind: Max, Input: whole}, {Kind: Min, Input: cents},
		{Kind: Min, Input: cents, Exact: true}, {Kind: Max, Input: cents, Exact: true},
		{Kind: Last, Input: text}, {Kind: First, Input: text}, {Kind: Last, Input: texts},
		{Kind: Recent, Input: text, K: 1}, {Kind: Recent, Input: text, K: 2}, {Kind: Recent, Input: raw, K: 2},
		{Kind: Set, Input: text, Max: 2}, {Kind: Set, Input: text, Max: 2, Remove: true}, {Kind: Set, Input: text, Max: 3},
		{Kind: Set, Input: text, Max: 2, Remove: true, Observed: true}, {Kind: Set, Input: text, Max: 3, Remove: true, Observed: true},
		{Kind: Top, Input: text, K: 2, Error: 0.01}, {Kind: Top, Input: text, K: 3, Error: 0.01}, {Kind: Top, Input: text, K: 2, Error: 0.1},
		{Kind: Top, Input: text, K: 2, Error: 0.01, Weight: whole}, {Kind: Top, Input: raw, K: 2, Error: 0.01},
		{Kind: ApproxDistinct, Input: text, Precision: 4}, {Kind: ApproxDistinct, Input: text, Precision: 5},
		{Kind: Quantiles, Input: float, Q: []float64{0.5}, Error: 0.01}, {Kind: Quantiles, Input: float, Q: []float64{0.5}, Error: 0.02},
		{Kind: DecayedSum, Input: float, HalfLife: 1}, {Kind: DecayedSum, Input: float, HalfLife: 2}, {Kind: EMA, Input: float, HalfLife: 1},
		{Kind: EMA, Input: float, Scale: 1, HalfLife: 1},
		{Kind: Quantiles, Input: whole, Q: []float64{0.5}, Error: 0.01}, {Kind: Quantiles, Input: float, Q: []float64{0.5, 0.25}, Error: 0.01},
		{Kind: VectorSum, Input: floats, Dim: 2}, {Kind: VectorSum, Input: floats, Dim: 3}, {Kind: VectorSum, Input: floats, Dim: 2, Scale: 1},
		{Kind: VectorSum, Input: floats, Dim: 2, Bits: 8}, {Kind: VectorMean, Input: floats, Dim: 2},
	} {
		if other, ok := seen[s.Key()]; ok {
			t.Errorf("%+v and %+v: %q", s, other, s.Key())
		}
		seen[s.Key()] = s
	}
}

func TestEmptyStatesTakeOneByte(t *testing.T) {
	for _, kind := range Kinds() {
		s := Spec{Kind: kind, Input: whole, K: 3, Max: 3, Precision: 12, Q: []float64{0.5}, Error: 0.01, HalfLife: stamp.Hour, Dim: 4, Basis: hadamard(t, 4, 1)}
		if s.Feed() == ExactList {
			s.Input = value.ListOf(whole)
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if b := s.New().Append(nil, Order{}); len(b) != 1 || b[0] != 0 {
			t.Errorf("%s: %x", kind, b)
		}
	}
}
