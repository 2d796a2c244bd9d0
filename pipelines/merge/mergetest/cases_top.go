package mergetest

import (
	"math"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// topCases lists tops that always count exactly, and some that soon count in
// cells.
func topCases() []Case {
	var cases []Case
	whole := value.Of(value.Int64)
	for i, in := range scalars {
		s := merge.Spec{Kind: merge.Top, Input: in, K: 1 + 2*i, Error: 0.01}
		if i%2 == 0 {
			s.Weight = whole
		}
		cases = append(cases, Case{Spec: s, Draw: weighed(Values(in), s.Weight, heavyWeights()), Want: WantTop(s.K)})
	}
	many := func(t value.Type) *rapid.Generator[value.Value] {
		return rapid.Custom(func(r *rapid.T) value.Value {
			n := rapid.Int64Range(0, 60).Draw(r, "n")
			if t.Kind == value.String {
				return value.Text("item " + string(rune('A'+n)))
			}
			return value.Int(n)
		})
	}
	for _, s := range []merge.Spec{
		{Input: whole, K: 5, Error: 0.5},
		{Input: whole, K: 3, Error: 0.25, Weight: whole},
		{Input: value.Of(value.String), K: 1, Error: 0.5, Weight: whole},
	} {
		s.Kind = merge.Top
		cases = append(cases, Case{Spec: s, Draw: weighed(many(s.Input), s.Weight, lightWeights()), Want: WantTop(math.MaxInt), Near: TopNear(s)})
	}
	return cases
}

// weighed draws X from items and, if there is a type of weights, W from weights.
func weighed(items *rapid.Generator[value.Value], of value.Type, weights *rapid.Generator[int64]) func(*rapid.T) merge.Input {
	return func(t *rapid.T) merge.Input {
		in := merge.Input{X: items.Draw(t, "x")}
		if of.Kind != value.Null {
			in.W = value.Int(weights.Draw(t, "w"))
		}
		return in
	}
}

func heavyWeights() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, 3), rapid.SampledFrom([]int64{math.MaxInt64, 1 << 62, 1 << 53}), rapid.Int64Min(0))
}

func lightWeights() *rapid.Generator[int64] { return rapid.Int64Range(0, 50) }
