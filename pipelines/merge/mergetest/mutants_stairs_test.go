package mergetest_test

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// timed is a mutant of a kind that is read at a moment.
type timed struct{ incremental }

func (m *timed) ValueAt(at merge.Moment) value.Value { return m.State.(merge.Timed).ValueAt(at) }

func stairsFaults() []fault {
	return []fault{
		{"stairs go by arrival", "max(int64) exact", func(s merge.State) merge.State {
			seen := stamp.Micros(0)
			return &timed{incremental{mutant: mutant{State: s, add: func(s merge.State, in merge.Input) {
				seen++
				in.Order.Time = seen
				s.Add(in)
			}}}}
		}, []string{mergetest.AnyOrder, mergetest.Slides}},
		{"stairs drop what another step is greater than", "max(float64) exact", stairsDropping(), []string{mergetest.Slides, mergetest.Increments}},
		{"stairs miss the first of an increment", "min(timestamp) exact", func(s merge.State) merge.State {
			return &timed{*since(1)(s).(*incremental)}
		}, []string{mergetest.Increments, mergetest.Convergence}},
	}
}

// stairsDropping forgets the steps under the highest whenever it combines.
func stairsDropping() func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		return &timed{incremental{mutant: mutant{State: s, combine: func(s, o merge.State) {
			s.Combine(o)
			top := s.Value().Clone()
			if !top.IsNull() {
				s.Reset()
				s.Add(merge.Input{X: top})
			}
		}}}}
	}
}
