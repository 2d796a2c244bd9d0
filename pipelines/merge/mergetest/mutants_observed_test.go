package mergetest_test

import (
	"math"
	"slices"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
)

const (
	twoObserved = "set(int64, 2, observed)"
	allObserved = "set(string, 1000, observed)"
)

func observedFaults() []fault {
	return []fault{
		{"a remove undoes what its reader had not seen", allObserved, seeing(func(c *merge.Covered) { c.Next = math.MaxInt64 }),
			[]string{mergetest.Oracle, mergetest.Convergence}},
		{"a remove spares the last that its reader had seen", allObserved, seeing(func(c *merge.Covered) { c.Next-- }),
			[]string{mergetest.Oracle}},
		{"a remove covers every source alike", allObserved, watching(func(_ merge.State, in *merge.Input) bool {
			in.Source = position.Source{}
			for i := range in.Seen {
				in.Seen[i].Source = position.Source{}
			}
			return true
		}), []string{mergetest.Oracle}},
		{"a remove of what is not there is dropped", allObserved, watching(func(s merge.State, in *merge.Input) bool {
			return !in.Remove || slices.ContainsFunc(s.Value().L, func(x value.Value) bool { return value.Equal(x, in.X) })
		}), []string{mergetest.AnyOrder, mergetest.SplitFold, mergetest.Convergence}},
		{"an add takes what was removed back", allObserved, lastOperationWins(), []string{mergetest.Oracle}},
		{"recency goes by the log", twoObserved, watching(func(_ merge.State, in *merge.Input) bool {
			in.Order.Time = 0
			return true
		}), []string{mergetest.Oracle}},
		{"nothing is forgotten", twoObserved, unforgetting(), []string{mergetest.Oracle}},
		{"one element less", twoObserved, func(merge.State) merge.State {
			s := merge.Spec{Kind: merge.Set, Input: value.Of(value.Int64), Max: 1, Observed: true}
			return &incremental{mutant: mutant{State: s.New()}}
		}, []string{mergetest.Oracle}},
		{"an observed set's increments miss their first event", allObserved, since(1), []string{mergetest.Increments, mergetest.Convergence}},
	}
}

// watching changes or refuses what is added.
func watching(watch func(s merge.State, in *merge.Input) bool) func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		return &incremental{mutant: mutant{State: s, add: func(s merge.State, in merge.Input) {
			in.Seen = slices.Clone(in.Seen)
			if watch(s, &in) {
				s.Add(in)
			}
		}}}
	}
}

func seeing(change func(c *merge.Covered)) func(merge.State) merge.State {
	return watching(func(_ merge.State, in *merge.Input) bool {
		for i := range in.Seen {
			change(&in.Seen[i])
		}
		return true
	})
}

// lastOperationWins is a set without observation.
func lastOperationWins() func(merge.State) merge.State {
	return func(merge.State) merge.State {
		s := merge.Spec{Kind: merge.Set, Input: value.Of(value.String), Max: 1000, Remove: true}
		return &incremental{mutant: mutant{State: s.New()}}
	}
}

// unforgetting has room for all elements.
func unforgetting() func(merge.State) merge.State {
	return func(merge.State) merge.State {
		s := merge.Spec{Kind: merge.Set, Input: value.Of(value.Int64), Max: 1000, Observed: true}
		return &incremental{mutant: mutant{State: s.New()}}
	}
}
