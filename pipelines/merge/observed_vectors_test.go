package merge_test

import (
	"slices"
	"strconv"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
)

var (
	eu = position.Source{Origin: "eu", Incarnation: 2}
	us = position.Source{Origin: "us", Incarnation: 1}
)

// sourced gives events to eu; removes had seen all of us before 77, and of eu all
// but the last lack events before them.
func sourced(events []merge.Input, lack int64) []merge.Input {
	events = slices.Clone(events)
	for i := range events {
		in := &events[i]
		if in.Source = eu; in.Remove {
			in.Seen = []merge.Covered{{Source: eu, Next: in.Order.Offset - 10*lack}, {Source: us, Next: 77 + lack}}
		}
	}
	return events
}

func observedVectors() []vector {
	text, whole := value.Of(value.String), value.Of(value.Int64)
	added := run(value.Text("ATL"), value.Text("ORD"), value.Text("é"), value.Text("ATL"))
	removed := append(run(value.Text("ATL")), event(2, 0, value.Text("ORD"), true), event(3, 0, value.Text("DFW"), false),
		event(4, 0, value.Text("ORD"), false), event(1, 0, value.Text("DFW"), true), event(5, 0, value.Text("ATL"), true))
	last := merge.Input{X: value.Int(1), Remove: true, Order: merge.Order{Time: vectorBase.Time, Stamp: vectorBase.Stamp + 1, Rank: 1, Offset: 1001}}
	spec := func(in value.Type, most int) merge.Spec {
		return merge.Spec{Kind: merge.Set, Input: in, Max: most, Remove: true, Observed: true}
	}
	return []vector{
		{"added", spec(text, 10), sourced(added, 0)},
		{"removed", spec(text, 10), sourced(removed, 0)},
		{"unseen", spec(text, 10), sourced(removed[:5], 2)},
		{"dropped", spec(whole, 3), sourced(append(run(numbers(6)...), last), 1)},
		{"empty", spec(whole, 3), nil},
	}
}

// toggled is items that are added, and every third time removed by somebody who
// had seen all but the last few.
func toggled(x func(i int) value.Value) []merge.Input {
	events := feed(x)
	for i := range events {
		in := &events[i]
		if in.Source = eu; i%3 == 2 {
			in.Remove, in.Seen = true, []merge.Covered{{Source: eu, Next: in.Order.Offset - int64(i%5)}, {Source: us, Next: int64(2 * i)}}
		}
	}
	return events
}

// BenchmarkObservedBytes tells the bytes and the memory of few and many events.
func BenchmarkObservedBytes(b *testing.B) {
	for _, n := range []int{1, 3, 100, 4096} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := bench{merge.Spec{Kind: merge.Set, Input: value.Of(value.String), Max: 1000, Observed: true}, toggled(skewed)}
			s := c.fold(0, n)
			var buf []byte
			for b.Loop() {
				buf = s.Append(buf[:0], c.base())
			}
			b.ReportMetric(float64(len(buf)), "state-bytes")
			b.ReportMetric(float64(s.Size()), "memory-bytes")
		})
	}
}
