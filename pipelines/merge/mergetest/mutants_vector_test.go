package mergetest_test

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/value"
)

func vectorFaults() []fault {
	whole, float := value.ListOf(value.Of(value.Int64)), value.ListOf(value.Of(value.Float64))
	rough := merge.Spec{Kind: merge.VectorSum, Input: whole, Dim: 3, Bits: 3}
	plain := merge.Spec{Kind: merge.VectorSum, Input: whole, Dim: 3}
	return []fault{
		{"vectors are rounded when they are combined", rough.Key(), func(merge.State) merge.State {
			return &mutant{State: plain.New(), combine: func(s, o merge.State) {
				s.Combine(o)
				roughen(s, rough)
			}}
		}, []string{mergetest.SplitFold, mergetest.Oracle}},
		{"vectors keep a bit more", rough.Key(), func(merge.State) merge.State {
			more := rough
			more.Bits++
			return &group{mutant: mutant{State: more.New()}}
		}, []string{mergetest.Oracle}},
		{"a mean of vectors is not over their number", "vector_mean(list<float64>, 2, 3, 0)", func(merge.State) merge.State {
			return &group{mutant: mutant{State: (merge.Spec{Kind: merge.VectorSum, Input: float, Scale: 2, Dim: 3}).New()}}
		}, []string{mergetest.Oracle}},
		{"vectors leave their last item", "vector_sum(list<float64>, 2, 3, 0)", adding(func(s merge.State, in merge.Input) {
			in.X.L[2] = value.Int(0)
			s.Add(in)
		}), []string{mergetest.Oracle}},
		{"sums of vectors are read as they are added to", "vector_sum(list<int64>, 0, 1, 0)", aliasingList(), []string{mergetest.Oracle}},
		{"directions are mixed up", lowRankKey("turn"), adding(func(s merge.State, in merge.Input) {
			in.X.L[0], in.X.L[1] = in.X.L[1], in.X.L[0]
			s.Add(in)
		}), []string{mergetest.Oracle}},
		{"coefficients are rounded again", lowRankKey("slope"), combining(func(s, o merge.State) {
			if s.Combine(o); !s.Value().IsNull() {
				again := merge.Input{X: roundedList(s.Value())}
				s.Reset()
				s.Add(again)
			}
		}), []string{mergetest.SplitFold, mergetest.Identity}},
	}
}

// lowRankKey is the key of the case that has a basis.
func lowRankKey(basis string) string {
	for _, c := range mergetest.Cases() {
		if c.Spec.Kind == merge.LowRank && c.Spec.Basis.Name == basis {
			return c.Spec.Key()
		}
	}
	return "no basis " + basis
}

// roughen rounds a sum of vectors to the bits of a spec, as if it were one event.
func roughen(s merge.State, spec merge.Spec) {
	sum := s.Value()
	if sum.IsNull() {
		return
	}
	in := merge.Input{X: roundedList(sum)}
	rough := spec.New()
	rough.Add(in)
	in.X = roundedList(rough.Value())
	s.Reset()
	s.Add(in)
}

// roundedList is a list of float64 as one of integers.
func roundedList(v value.Value) value.Value {
	out := value.Value{Kind: value.List}
	for _, x := range v.L {
		n, ok := value.Fixed(x.Float(), 0)
		if !ok {
			n = value.Int128{}
		}
		out.L = append(out.L, value.Dec(n))
	}
	return out
}

// aliasingList reads the list that it was fed first.
func aliasingList() func(merge.State) merge.State {
	return func(s merge.State) merge.State {
		var kept []value.Value
		return &mutant{State: s,
			add: func(s merge.State, in merge.Input) {
				if s.Add(in); kept == nil {
					kept = in.X.L
				}
			},
			value: func(s merge.State) value.Value {
				if v := s.Value(); v.IsNull() || kept == nil {
					return v
				}
				return value.Items(kept...)
			}}
	}
}
