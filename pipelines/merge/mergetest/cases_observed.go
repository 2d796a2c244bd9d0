package mergetest

import (
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// observedCases lists sets with observed removes, of few elements, of more than
// are kept, and of all that there are.
func observedCases() []Case {
	var cases []Case
	many := rapid.Custom(func(t *rapid.T) value.Value { return value.Int(rapid.Int64Range(0, 60).Draw(t, "n")) })
	add := func(in value.Type, most int, values *rapid.Generator[value.Value]) {
		s := merge.Spec{Kind: merge.Set, Input: in, Max: most, Remove: true, Observed: true}
		cases = append(cases, Case{Spec: s, Draw: observing(values), Relate: relate, Want: WantObserved(most)})
	}
	for i, kind := range []value.Kind{value.Bool, value.Int64, value.Bytes} {
		add(value.Of(kind), 1+i, Values(value.Of(kind)))
	}
	add(value.Of(value.Int64), 20, many)
	add(value.Of(value.String), 1000, Values(value.Of(value.String)))
	return cases
}
