package merge_test

import (
	"fmt"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

func topVectors() []vector {
	text, whole := value.Of(value.String), value.Of(value.Int64)
	words := run(value.Text("ATL"), value.Text("ORD"), value.Text(""), value.Text("ATL"), value.Text("é"), value.Text("DFW"))
	by := run(value.Float(0.5), value.Float(2), value.Float(-1), value.Float(2), value.Float(0.5), value.Float(9))
	for i, w := range []int64{7, 1<<63 - 1, 300, 1<<63 - 1, 1, 0} {
		by[i].W = value.Int(w)
	}
	level := run(append(numbers(40), value.Int(7), value.Int(7), value.Int(7), value.Int(7))...)
	return []vector{
		{"words", merge.Spec{Kind: merge.Top, Input: text, K: 2, Error: 0.01}, words},
		{"by", merge.Spec{Kind: merge.Top, Input: value.Of(value.Float64), K: 5, Error: 0.0005, Weight: whole}, by},
		{"cells", merge.Spec{Kind: merge.Top, Input: whole, K: 2, Error: 0.5}, level},
		{"great cells", merge.Spec{Kind: merge.Top, Input: whole, K: 1, Error: 0.4, Weight: whole}, greatly(run(numbers(25)...))},
	}
}

// greatly gives an event a weight of 2^i.
func greatly(events []merge.Input) []merge.Input {
	for i := range events {
		events[i].W = value.Int(1 << (i * 5 / 2 % 63))
	}
	return events
}

// skewed is items of which a few are most.
func skewed(i int) value.Value {
	n := spread(i)
	return value.Text(fmt.Sprintf("item-%05d", n%(1+n>>32%20_000)))
}

// BenchmarkTopBytes tells the bytes and the memory of few and many events.
func BenchmarkTopBytes(b *testing.B) {
	for _, e := range []float64{0.01, 0.001} {
		for _, n := range []int{1, 3, 100, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%v/%d", e, n), func(b *testing.B) {
				s := (merge.Spec{Kind: merge.Top, Input: value.Of(value.String), K: 10, Error: e}).New()
				for i := range n {
					s.Add(merge.Input{X: skewed(i), Order: merge.Order{Offset: int64(i)}})
				}
				var buf []byte
				for b.Loop() {
					buf = s.Append(buf[:0], merge.Order{})
				}
				b.ReportMetric(float64(len(buf)), "state-bytes")
				b.ReportMetric(float64(s.Size()), "memory-bytes")
			})
		}
	}
}

// BenchmarkPlainMapTop is what top stands beside: no bytes, no bound.
func BenchmarkPlainMapTop(b *testing.B) {
	events, counts, i := feed(skewed), map[string]int64{}, 0
	for b.Loop() {
		counts[string(events[i&4095].X.B)]++
		i++
	}
}
