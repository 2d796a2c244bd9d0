package mergetest_test

import (
	"math"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// timedMutant is a mutant of a kind that is read at a moment.
type timedMutant struct {
	mutant
	at func(s merge.Timed, m merge.Moment) value.Value
}

func (m *timedMutant) ValueAt(at merge.Moment) value.Value {
	s := m.State.(merge.Timed)
	if m.at != nil {
		return m.at(s, at)
	}
	return s.ValueAt(at)
}

const (
	decayed = "decayed_sum(float64, 2, 450000000us)"
	average = "ema(int64, 0, 450000000us)"
	middle  = "quantiles(float64, [0.5 0.99], 0.01)"
)

// sketchFaults are those of decayed_sum, ema and quantiles.
func sketchFaults() []fault {
	return []fault{
		{"decayed_sum ends an epoch early", decayed, readingAt(func(s merge.Timed, m merge.Moment) value.Value {
			m.Newest += stamp.Hour / 8
			return s.ValueAt(m)
		}), []string{mergetest.Oracle}},
		{"decayed_sum is read at its newest event", decayed, readingAt(func(s merge.Timed, m merge.Moment) value.Value {
			m.At = m.Newest
			return s.ValueAt(m)
		}), []string{mergetest.Oracle}},
		{"decayed_sum is off by a part of 2^-31", decayed, readingAt(func(s merge.Timed, m merge.Moment) value.Value {
			v := s.ValueAt(m)
			if v.IsNull() {
				return v
			}
			return value.Float(v.Float() * (1 + 0x1p-31))
		}), []string{mergetest.Oracle}},
		{"decayed_sum forgets late events", decayed, forgettingLate(), []string{mergetest.AnyOrder, mergetest.Oracle, mergetest.SplitFold}},
		{"ema ignores when", average, func(s merge.State) merge.State {
			return &timedMutant{mutant: mutant{State: s, add: func(s merge.State, in merge.Input) {
				in.Order.Time -= in.Order.Time % stamp.Hour
				s.Add(in)
			}}}
		}, []string{mergetest.Oracle}},
		{"quantiles collapse what is small by arrival", middle, collapsing(), []string{mergetest.AnyOrder, mergetest.SplitFold}},
		{"quantiles take the upper one", middle, reading(func(s merge.State) value.Value {
			v := s.Value()
			for i := range v.L {
				v.L[i] = value.Float(v.L[i].Float() * 1.011)
			}
			return v
		}), []string{mergetest.Oracle}},
	}
}

func readingAt(at func(merge.Timed, merge.Moment) value.Value) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &timedMutant{mutant: mutant{State: s}, at: at} }
}

// forgettingLate drops what is over an hour older than what came before it.
func forgettingLate() func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		newest := stamp.MinMicros
		return &timedMutant{mutant: mutant{State: s, add: func(s merge.State, in merge.Input) {
			if newest = max(newest, in.Order.Time); in.Order.Time > newest-stamp.Hour {
				s.Add(in)
			}
		}}}
	}
}

// collapsing counts what is a thousand times smaller than what came before it
// as a thousandth of that.
func collapsing() func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		greatest := 0.0
		return &mutant{State: s, add: func(s merge.State, in merge.Input) {
			x := in.X.Float()
			greatest = max(greatest, math.Abs(x))
			if math.Abs(x) < greatest/1000 {
				in.X = value.Float(greatest / 1000)
			}
			s.Add(in)
		}}
	}
}

func TestSketchFaultsAreCaught(t *testing.T) {
	for _, f := range sketchFaults() {
		t.Run(f.name, func(t *testing.T) {
			c := caseOf(t, f.key)
			broken := mergetest.Broken(whose(c, f.mutate), 60)
			for _, law := range f.breaks {
				if broken[law] == nil {
					t.Errorf("keeps the law %q; breaks %v", law, broken)
				}
			}
			if sound := mergetest.Broken(c, 10); len(sound) > 0 {
				t.Errorf("the sound state breaks %v", sound)
			}
		})
	}
}
