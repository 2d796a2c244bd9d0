package merge_test

import (
	"fmt"
	"testing"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/pipelines/merge/mergetest"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// bench is one spec with what a busy key feeds it: items recur, times advance.
type bench struct {
	spec   merge.Spec
	events []merge.Input
}

func benches() []bench {
	text, whole, float := value.Of(value.String), value.Of(value.Int64), value.Of(value.Float64)
	cents := func(i int) value.Value { return value.Int(int64(i*7919%100_000) - 50_000) }
	number := func(i int) value.Value { return value.Int(int64(spread(i) % 4001)) }
	item := func(n int) func(int) value.Value {
		return func(i int) value.Value { return value.Text(fmt.Sprintf("item-%05d", spread(i)%uint64(n))) }
	}
	return []bench{
		{merge.Spec{Kind: merge.Count}, feed(func(int) value.Value { return value.Int(1) })},
		{merge.Spec{Kind: merge.Sum, Input: float, Scale: 2}, feed(cents)},
		{merge.Spec{Kind: merge.Mean, Input: float, Scale: 2}, feed(cents)},
		{merge.Spec{Kind: merge.Min, Input: whole}, feed(number)},
		{merge.Spec{Kind: merge.Max, Input: text}, feed(item(500))},
		{merge.Spec{Kind: merge.Last, Input: text}, feed(item(500))},
		{merge.Spec{Kind: merge.First, Input: float}, feed(func(i int) value.Value { return value.Float(float64(i) / 8) })},
		{merge.Spec{Kind: merge.Recent, Input: text, K: 10}, feed(item(30))},
		{merge.Spec{Kind: merge.Set, Input: text, Max: 1000}, feed(item(60))},
		{merge.Spec{Kind: merge.Set, Input: whole, Max: 1000, Remove: true}, feed(number)},
		{merge.Spec{Kind: merge.ApproxDistinct, Input: whole, Precision: 12}, feed(func(i int) value.Value { return value.Int(int64(i % 300)) })},
		{merge.Spec{Kind: merge.ApproxDistinct, Input: whole, Precision: 12}, feed(number)},
		{merge.Spec{Kind: merge.Mean, Input: float, Scale: 2, Weight: whole}, weigh(feed(cents))},
		{merge.Spec{Kind: merge.Max, Input: whole, Exact: true}, feed(number)},
		{merge.Spec{Kind: merge.VectorSum, Input: value.ListOf(float), Scale: 6, Dim: 256}, feed(embedding(256))},
		{merge.Spec{Kind: merge.VectorMean, Input: value.ListOf(float), Scale: 6, Dim: 256, Bits: 7}, feed(embedding(256))},
		{merge.Spec{Kind: merge.LowRank, Input: value.ListOf(float), Scale: 6, Basis: axes(256, 16)}, feed(embedding(256))},
		{merge.Spec{Kind: merge.Min, Input: text, Exact: true}, feed(item(500))},
		{merge.Spec{Kind: merge.Set, Input: text, Max: 1000, Observed: true}, toggled(item(60))},
		{merge.Spec{Kind: merge.Top, Input: text, K: 10, Error: 0.01}, feed(item(500))},
		{merge.Spec{Kind: merge.Top, Input: text, K: 10, Error: 0.01}, feed(skewed)},
		{merge.Spec{Kind: merge.Quantiles, Input: float, Q: []float64{0.5, 0.99}, Error: 0.01}, feed(latency)},
		{merge.Spec{Kind: merge.DecayedSum, Input: float, Scale: 2, HalfLife: stamp.Minute}, feed(cents)},
		{merge.Spec{Kind: merge.EMA, Input: float, Scale: 2, HalfLife: stamp.Minute}, feed(cents)},
	}
}

// embedding is vectors of items up to 1 at scale 6, which change from time to time.
func embedding(dim int) func(int) value.Value {
	var few [16]value.Value
	for i := range few {
		for j := range dim {
			few[i].L = append(few[i].L, value.Int(int64(spread(i*dim+j)%2_000_001)-1_000_000))
		}
		few[i].Kind = value.List
	}
	return func(i int) value.Value { return few[spread(i)%16] }
}

// axes is a basis of the first directions of the space, turned a little, so that
// no item is 0.
func axes(dim, rank int) *merge.Basis {
	u := make([]float64, dim*rank)
	for i := range dim {
		for j := range rank { // I - 2vv', of which v is (1, ..., 1) over its length
			if u[i*rank+j] = -2 / float64(dim); i == j {
				u[i*rank+j]++
			}
		}
	}
	return mergetest.Directions("axes", dim, rank, u...)
}

// spread is a hash of i.
func spread(i int) uint64 {
	z := uint64(i+1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	return z ^ z>>31
}

// feed is 4,096 events a second apart.
func feed(x func(i int) value.Value) []merge.Input {
	events := make([]merge.Input, 4096)
	for i := range events {
		ms := int64(986_000_000_000 + 1000*i)
		events[i] = merge.Input{X: x(i), Order: merge.Order{Time: stamp.FromMillis(ms), Stamp: stamp.Next(0, ms+40), Offset: int64(3 * i)}}
	}
	return events
}

// weigh gives events weights of 0 to 6.
func weigh(events []merge.Input) []merge.Input {
	for i := range events {
		events[i].W = value.Int(int64(i % 7))
	}
	return events
}

func (b *bench) fold(from, to int) merge.State {
	s := b.spec.New()
	for _, in := range b.events[from:to] {
		s.Add(in)
	}
	return s
}

func (b *bench) base() merge.Order { return b.events[len(b.events)-1].Order }

func each(b *testing.B, run func(b *testing.B, c *bench)) {
	for i, c := range benches() {
		b.Run(fmt.Sprintf("%02d/%s", i, c.spec.Key()), func(b *testing.B) {
			b.ReportAllocs()
			run(b, &c)
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	each(b, func(b *testing.B, c *bench) {
		s, i := c.fold(0, len(c.events)), 0
		later := merge.Order{}
		for b.Loop() {
			in := c.events[i%len(c.events)]
			if i++; i%len(c.events) == 0 {
				later.Time += stamp.Hour
				later.Offset += 1 << 20
			}
			in.Order.Time += later.Time
			in.Order.Offset += later.Offset
			s.Add(in)
		}
	})
}

func BenchmarkCombine(b *testing.B) {
	each(b, func(b *testing.B, c *bench) {
		half := len(c.events) / 2
		x, y, s := c.fold(0, half), c.fold(half, len(c.events)), c.spec.New()
		for b.Loop() {
			s.Reset()
			s.Combine(x)
			s.Combine(y)
		}
	})
}

func BenchmarkValue(b *testing.B) {
	each(b, func(b *testing.B, c *bench) {
		s := c.fold(0, len(c.events))
		for b.Loop() {
			s.Value()
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	each(b, func(b *testing.B, c *bench) {
		s, base, buf := c.fold(0, len(c.events)), c.base(), []byte(nil)
		for b.Loop() {
			buf = s.Append(buf[:0], base)
		}
		b.ReportMetric(float64(len(buf)), "state-bytes")
		b.ReportMetric(float64(s.Size()), "memory-bytes")
	})
}

func BenchmarkDecode(b *testing.B) {
	each(b, func(b *testing.B, c *bench) {
		base := c.base()
		buf, s := c.fold(0, len(c.events)).Append(nil, base), c.spec.New()
		for b.Loop() {
			if _, err := s.Decode(buf, base); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The plain Go that the kinds stand beside: no order, no bytes, no merge.

func BenchmarkPlainFloatSum(b *testing.B) {
	events, sum, i := benches()[1].events, 0.0, 0
	for b.Loop() {
		sum += float64(events[i&4095].X.N) / 100
		i++
	}
	if sum == 0.5 {
		b.Log(sum)
	}
}

func BenchmarkPlainMapSet(b *testing.B) {
	events, set, i := benches()[8].events, map[string]stamp.Micros{}, 0
	for b.Loop() {
		in := &events[i&4095]
		set[string(in.X.B)] = in.Order.Time
		i++
	}
}

func BenchmarkPlainMapDistinct(b *testing.B) {
	events, set, i := benches()[11].events, map[int64]struct{}{}, 0
	for b.Loop() {
		set[events[i&4095].X.N] = struct{}{}
		i++
	}
}

func BenchmarkPlainSliceRecent(b *testing.B) {
	events, last, i := benches()[7].events, make([]string, 0, 10), 0
	b.ReportAllocs()
	for b.Loop() {
		x := string(events[i&4095].X.B)
		for j := range last {
			if last[j] == x {
				last = append(last[:j], last[j+1:]...)
				break
			}
		}
		if len(last) == 10 {
			copy(last, last[1:])
			last = last[:9]
		}
		last = append(last, x)
		i++
	}
}

func BenchmarkPlainFloatVector(b *testing.B) {
	events, sum, i := benches()[14].events, make([]float64, 256), 0
	for b.Loop() {
		for j, x := range events[i&4095].X.L {
			sum[j] += float64(x.N) / 1e6
		}
		i++
	}
}

func BenchmarkPlainProjection(b *testing.B) {
	c, i := benches()[16], 0
	basis, sum := c.spec.Basis, make([]float64, c.spec.Basis.Rank)
	u := make([]float64, len(basis.U))
	for k := range u {
		u[k] = float64(basis.U[k]) / (1 << merge.BasisBits)
	}
	for b.Loop() {
		for k, x := range c.events[i&4095].X.L {
			f := float64(x.N) / 1e6
			for j, uj := range u[k*len(sum):][:len(sum)] {
				sum[j] += uj * f
			}
		}
		i++
	}
}
