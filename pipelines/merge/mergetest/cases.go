package mergetest

import (
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// scalars are the types of single values.
var scalars = []value.Type{
	value.Of(value.Bool), value.Of(value.Int64), value.Of(value.Float64), value.Of(value.String),
	value.Of(value.Bytes), value.Of(value.Date), value.Of(value.Timestamp), {Kind: value.Decimal, Scale: 2},
}

// Cases lists every kind over the types that it takes.
func Cases() []Case {
	cases := append(exactCases(), extremeCases()...)
	cases = append(cases, stairsCases()...)
	cases = append(cases, latestCases()...)
	cases = append(cases, touchCases()...)
	cases = append(cases, observedCases()...)
	cases = append(cases, topCases()...)
	cases = append(cases, vectorCases()...)
	cases = append(cases, lowRankCases()...)
	cases = append(cases, distinctCases()...)
	cases = append(cases, quantilesCases()...)
	cases = append(cases, decayCases()...)
	for i := range cases {
		cases[i].Name = cases[i].Spec.Key()
	}
	return cases
}

func exactCases() []Case {
	ints := rapid.Custom(func(t *rapid.T) value.Value { return drawValue(t, value.Of(value.Int64)) })
	cases := []Case{
		{Spec: merge.Spec{Kind: merge.Count}, Draw: Of(rapid.Just(value.Int(1))), Want: WantCount},
		{Spec: merge.Spec{Kind: merge.Count, Input: value.Of(value.Int64)}, Draw: Of(ints), Want: WantCount},
	}
	for _, s := range []merge.Spec{
		{Input: value.Of(value.Int64)},
		{Input: value.Of(value.Int64), As: "decimal"},
		{Input: value.Of(value.Float64), Scale: 2},
		{Input: value.Of(value.Float64), Scale: 9, As: "decimal"},
		{Input: value.Of(value.Float64), Scale: 1, As: "int64"},
		{Input: value.Type{Kind: value.Decimal, Scale: 38}, Scale: 38},
		{Input: value.Type{Kind: value.Decimal, Scale: 4}, Scale: 4, As: "float64"},
	} {
		s.Kind = merge.Sum
		cases = append(cases, Case{Spec: s, Draw: Of(Numbers()), Want: WantSum(s.Scale, s.Result().Kind)})
	}
	return append(cases, meanCases()...)
}

func extremeCases() []Case {
	var cases []Case
	for _, in := range scalars {
		cases = append(cases,
			Case{Spec: merge.Spec{Kind: merge.Min, Input: in}, Draw: Of(Values(in)), Want: WantMin},
			Case{Spec: merge.Spec{Kind: merge.Max, Input: in}, Draw: Of(Values(in)), Want: WantMax})
	}
	return cases
}

func latestCases() []Case {
	var cases []Case
	for _, in := range append([]value.Type{value.ListOf(value.Of(value.String)), value.ListOf(value.Of(value.Float64))}, scalars...) {
		cases = append(cases,
			Case{Spec: merge.Spec{Kind: merge.Last, Input: in}, Draw: Of(OrNull(Values(in))), Want: WantLast},
			Case{Spec: merge.Spec{Kind: merge.First, Input: in}, Draw: Of(OrNull(Values(in))), Want: WantFirst})
	}
	return cases
}

func touchCases() []Case {
	var cases []Case
	for i, in := range scalars {
		k := 1 + i%3
		cases = append(cases,
			Case{Spec: merge.Spec{Kind: merge.Recent, Input: in, K: k}, Draw: Of(Values(in)), Want: WantRecent(k)},
			Case{Spec: merge.Spec{Kind: merge.Set, Input: in, Max: k, Remove: true}, Draw: addOrRemove(Values(in)), Want: WantSet(k)})
	}
	text, whole := value.Of(value.String), value.Of(value.Int64)
	many := rapid.Custom(func(t *rapid.T) value.Value { return value.Int(rapid.Int64Range(0, 60).Draw(t, "n")) })
	return append(cases,
		Case{Spec: merge.Spec{Kind: merge.Recent, Input: whole, K: 18}, Draw: Of(many), Want: WantRecent(18)},
		Case{Spec: merge.Spec{Kind: merge.Set, Input: whole, Max: 20, Remove: true}, Draw: addOrRemove(many), Want: WantSet(20)},
		Case{Spec: merge.Spec{Kind: merge.Recent, Input: text, K: 10}, Draw: Of(Values(text)), Want: WantRecent(10)},
		Case{Spec: merge.Spec{Kind: merge.Set, Input: text, Max: 1000}, Draw: Of(Values(text)), Want: WantSet(1000)})
}

func addOrRemove(values *rapid.Generator[value.Value]) func(*rapid.T) merge.Input {
	return func(t *rapid.T) merge.Input {
		return merge.Input{X: values.Draw(t, "x"), Remove: rapid.IntRange(0, 2).Draw(t, "remove") == 0}
	}
}

func distinctCases() []Case {
	var cases []Case
	for _, s := range []merge.Spec{
		{Input: value.Of(value.Int64), Precision: 4},
		{Input: value.Of(value.String), Precision: 5},
		{Input: value.Of(value.Bytes), Precision: 6},
		{Input: value.Of(value.Float64), Precision: 12},
	} {
		s.Kind = merge.ApproxDistinct
		cases = append(cases, Case{Spec: s, Draw: Of(Values(s.Input)), Want: WantDistinct(s.Precision), Near: WithinOne})
	}
	return cases
}
