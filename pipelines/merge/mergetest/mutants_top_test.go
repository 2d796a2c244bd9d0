package mergetest_test

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/value"
)

// Keys of tops that count exactly, and in cells.
const (
	exactTop = "top(int64, 3, 0.01)"
	cellTop  = "top(int64, 5, 0.5)"
)

func topFaults() []fault {
	return []fault{
		{"top keeps the greater of two regions", cellTop, combining(func(s, o merge.State) {
			if heaviest(o) > heaviest(s) {
				if _, err := s.Decode(o.Append(nil, merge.Order{}), merge.Order{}); err != nil {
					panic(err)
				}
			}
		}), []string{mergetest.SplitFold, mergetest.Commutes, mergetest.Convergence}},
		{"top is cut before it merges", cellTop, combining(func(s, o merge.State) {
			for _, x := range o.Value().Clone().L {
				for range x.L[1].N {
					s.Add(merge.Input{X: x.L[0]})
				}
			}
		}), []string{mergetest.SplitFold, mergetest.Identity}},
		{"candidates are those that came first", cellTop, firstComers(16), []string{mergetest.AnyOrder, mergetest.SplitFold}},
		{"ranks go by arrival", exactTop, arrival(), []string{mergetest.AnyOrder, mergetest.SplitFold}},
		{"estimates are called exact", cellTop, reading(func(s merge.State) value.Value {
			v := s.Value().Clone()
			for _, x := range v.L {
				x.L[2] = value.Int(0)
			}
			return v
		}), []string{mergetest.Oracle}},
		{"items without weight are listed", "top(float64, 5, 0.01, by)", adding(func(s merge.State, in merge.Input) {
			if in.W.N == 0 {
				in.W.N = 1
			}
			s.Add(in)
		}), []string{mergetest.Oracle}},
		{"ties go the other way", exactTop, reading(func(s merge.State) value.Value {
			v := s.Value().Clone()
			for i := 1; i < len(v.L); i++ {
				if v.L[i-1].L[1].N == v.L[i].L[1].N {
					v.L[i-1], v.L[i] = v.L[i], v.L[i-1]
				}
			}
			return v
		}), []string{mergetest.Oracle}},
		{"taking back leaves the weight", exactTop, func(s merge.State) merge.State { return &takingNothing{mutant{State: s}} },
			[]string{mergetest.TakenBack}},
	}
}

// heaviest is the count of the first item.
func heaviest(s merge.State) int64 {
	if v := s.Value(); len(v.L) > 0 {
		return v.L[0].L[1].N
	}
	return 0
}

// firstComers takes no more items once it has n.
func firstComers(n int) func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		known := map[int64]bool{}
		return &mutant{State: s,
			add: func(s merge.State, in merge.Input) {
				if known[in.X.N] || len(known) < n {
					known[in.X.N] = true
					s.Add(in)
				}
			}}
	}
}

// takingNothing takes nothing back.
type takingNothing struct{ mutant }

func (m *takingNothing) Subtract(merge.State) {}
