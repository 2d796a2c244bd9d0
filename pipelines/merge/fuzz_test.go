package merge_test

import (
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/stamp"
)

var fuzzBase = merge.Order{Time: stamp.FromMillis(986_000_000_000), Stamp: 986_000_000_000 << stamp.LogicalBits, Rank: 3, Offset: 1000}

// fuzzDecode feeds bytes to every spec of a kind: what is refused leaves the
// receiver as it was, what decodes is written back the same and can be used.
func fuzzDecode(f *testing.F, kinds ...string) {
	var cases []mergetest.Case
	for _, c := range mergetest.Cases() {
		for _, kind := range kinds {
			if c.Spec.Kind == kind {
				cases = append(cases, c)
			}
		}
	}
	for i, c := range cases {
		s := c.Spec.New()
		f.Add(byte(i), s.Append(nil, fuzzBase))
		for n, in := range mergetest.Few(&c) {
			in.Order = merge.Order{Time: fuzzBase.Time - stamp.Micros(n)*stamp.Second, Stamp: fuzzBase.Stamp + stamp.Stamp(n), Offset: int64(n), Rank: 3}
			s.Add(in)
			f.Add(byte(i), s.Append(nil, fuzzBase))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		c := cases[int(which)%len(cases)]
		s := filled(c)
		before := string(s.Append(nil, fuzzBase))
		n, err := s.Decode(b, fuzzBase)
		after := string(s.Append(nil, fuzzBase))
		switch {
		case err != nil && after != before:
			t.Fatalf("%s: refusing %x turned %x into %x", c.Name, b, before, after)
		case err == nil && (n > len(b) || after != string(b[:n])):
			t.Fatalf("%s: %x written back as %x", c.Name, b, after)
		}
		use(s, filled(c))
	})
}

// filled is a state of two events.
func filled(c mergetest.Case) merge.State {
	s := c.Spec.New()
	for n, in := range mergetest.Few(&c)[:2] {
		in.Order.Offset = int64(n)
		s.Add(in)
	}
	return s
}

// use calls what a decoded state must bear.
func use(s, o merge.State) {
	s.Value()
	s.Size()
	o.Combine(s)
	s.Combine(o)
	s.Value()
	if group, ok := s.(merge.Group); ok {
		group.Subtract(o)
		s.Value()
	}
	if timed, ok := s.(merge.Timed); ok {
		timed.ValueAt(merge.Moment{At: stamp.MaxMicros, From: fuzzBase.Time, Newest: stamp.MaxMicros})
	}
	if inc, ok := s.(merge.Incremental); ok {
		inc.AppendSince(nil, fuzzBase, 1)
	}
	s.Reset()
}

func FuzzCount(f *testing.F)          { fuzzDecode(f, merge.Count) }
func FuzzSum(f *testing.F)            { fuzzDecode(f, merge.Sum) }
func FuzzMean(f *testing.F)           { fuzzDecode(f, merge.Mean) }
func FuzzMinMax(f *testing.F)         { fuzzDecode(f, merge.Min, merge.Max) }
func FuzzLastFirst(f *testing.F)      { fuzzDecode(f, merge.Last, merge.First) }
func FuzzRecent(f *testing.F)         { fuzzDecode(f, merge.Recent) }
func FuzzSet(f *testing.F)            { fuzzDecode(f, merge.Set) }
func FuzzTop(f *testing.F)            { fuzzDecode(f, merge.Top) }
func FuzzLowRank(f *testing.F)        { fuzzDecode(f, merge.LowRank) }
func FuzzVectors(f *testing.F)        { fuzzDecode(f, merge.VectorSum, merge.VectorMean) }
func FuzzApproxDistinct(f *testing.F) { fuzzDecode(f, merge.ApproxDistinct) }
func FuzzQuantiles(f *testing.F)      { fuzzDecode(f, merge.Quantiles) }
func FuzzDecay(f *testing.F)          { fuzzDecode(f, merge.DecayedSum, merge.EMA) }
