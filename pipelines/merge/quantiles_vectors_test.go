package merge_test

import (
	"math"
	"strconv"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

func quantilesVectors() []vector {
	float, whole, cents := value.Of(value.Float64), value.Of(value.Int64), value.Type{Kind: value.Decimal, Scale: 2}
	spec := func(in value.Type, relative float64, q ...float64) merge.Spec {
		return merge.Spec{Kind: merge.Quantiles, Input: in, Error: relative, Q: q}
	}
	signs := run(value.Float(-2.5), value.Float(0), value.Float(1e-9), value.Float(2.5), value.Float(0), value.Float(1e9), value.Float(2.51))
	ends := run(value.Float(math.MaxFloat64), value.Float(-math.SmallestNonzeroFloat64), value.Float(math.SmallestNonzeroFloat64))
	edges := run(value.Int(math.MinInt64), value.Int(math.MaxInt64), value.Int(1), value.Int(-1), value.Int(0))
	great := value.Dec(value.Int128{Hi: -1 << 31})
	return []vector{
		{"signs", spec(float, 0.01, 0.5, 0.99), signs},
		{"ends", spec(float, 0.0001, 0, 0.5, 1), ends},
		{"edges", spec(whole, 0.5, 0, 0.25, 0.5, 0.75, 1), edges},
		{"a hundred", spec(whole, 0.02, 0.9, 0.1), run(numbers(100)...)},
		{"decimal", spec(cents, 0.01, 0.5, 0), run(great, value.Dec(value.Int128Of(12345)), great, value.Dec(value.Int128Of(12346)))},
	}
}

// latency is a long tail of numbers, as times to answer are: ten to ten
// thousand.
func latency(i int) value.Value {
	return value.Float(10_000 / (1 + float64(spread(i)%1000)))
}

// BenchmarkQuantilesBytes tells the bytes and the memory of few and many events.
func BenchmarkQuantilesBytes(b *testing.B) {
	for _, n := range []int{1, 3, 100, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := (merge.Spec{Kind: merge.Quantiles, Input: value.Of(value.Float64), Q: []float64{0.5}, Error: 0.01}).New()
			for i := range n {
				s.Add(merge.Input{X: latency(i)})
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
