package mergetest_test

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/value"
)

// group is a mutant of a kind whose events can be taken back.
type group struct {
	mutant
	subtract func(s merge.Group, o merge.State)
}

func (m *group) Subtract(o merge.State) {
	s, out := m.State.(merge.Group), o.(inner).unwrap()
	if m.subtract != nil {
		m.subtract(s, out)
		return
	}
	s.Subtract(out)
}

func subtracting(subtract func(s merge.Group, o merge.State)) func(merge.State) merge.State {
	return func(s merge.State) merge.State { return &group{mutant: mutant{State: s}, subtract: subtract} }
}

func groupFaults() []fault {
	return []fault{
		{"count takes back nothing", "count", subtracting(func(s merge.Group, o merge.State) {}), []string{mergetest.TakenBack}},
		{"sum adds what it takes back", "sum(float64, 2) float64", subtracting(func(s merge.Group, o merge.State) { s.Combine(o) }),
			[]string{mergetest.TakenBack}},
		{"mean takes back from both", "mean(int64, 0)", subtracting(func(s merge.Group, o merge.State) {
			s.Subtract(o)
			o.(merge.Group).Subtract(o)
		}), []string{mergetest.TakenBack}},
		{"mean forgets the weights", "mean(int64, 0, weight int64, 0)", adding(func(s merge.State, in merge.Input) {
			in.W = value.Int(1)
			s.Add(in)
		}), []string{mergetest.Oracle}},
		{"mean takes weights for positive", "mean(float64, 2, weight float64, 2)", adding(func(s merge.State, in merge.Input) {
			if in.W.Int128().Sign() < 0 {
				in.W = value.Dec(in.W.Int128().Neg())
			}
			s.Add(in)
		}), []string{mergetest.Oracle}},
	}
}
