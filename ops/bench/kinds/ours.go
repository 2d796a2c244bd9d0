package main

import (
	"math"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// state is a kind's own.
type state struct {
	s      merge.State
	events []merge.Input
}

func (s *state) add(i int)              { s.s.Add(s.events[i]) }
func (s *state) merge(o sketch)         { s.s.Combine(o.(*state).s) }
func (s *state) read()                  { s.s.Value() }
func (s *state) encode(b []byte) []byte { return s.s.Append(b, s.events[most-1].Order) }

func kinds() (all []subject) {
	text, whole, float := value.Of(value.String), value.Of(value.Int64), value.Of(value.Float64)
	add := func(spec merge.Spec, x func(i int) value.Value) {
		if err := spec.Validate(); err != nil {
			panic(err)
		}
		events := feed(spec, x)
		all = append(all, subject{spec.Kind, name(spec), func() sketch { return &state{spec.New(), events} }})
	}
	cents := func(i int) value.Value { return value.Int(amounts[i]) }
	amount := func(i int) value.Value { return value.Float(floats[i]) }
	item := func(i int) value.Value { return value.Text(items[i]) }
	add(merge.Spec{Kind: merge.Count}, func(int) value.Value { return value.Int(1) })
	add(merge.Spec{Kind: merge.Sum, Input: float, Scale: 2}, cents)
	add(merge.Spec{Kind: merge.Mean, Input: float, Scale: 2}, cents)
	add(merge.Spec{Kind: merge.Mean, Input: float, Scale: 2, Weight: whole}, cents)
	add(merge.Spec{Kind: merge.Min, Input: float}, amount)
	add(merge.Spec{Kind: merge.Max, Input: float}, amount)
	add(merge.Spec{Kind: merge.Max, Input: float, Exact: true}, amount)
	add(merge.Spec{Kind: merge.Last, Input: text}, item)
	add(merge.Spec{Kind: merge.First, Input: text}, item)
	add(merge.Spec{Kind: merge.Set, Input: text, Max: 1000, Remove: true}, item)
	add(merge.Spec{Kind: merge.Set, Input: text, Max: 1000, Remove: true, Observed: true}, item)
	add(merge.Spec{Kind: merge.Recent, Input: text, K: 10}, item)
	add(merge.Spec{Kind: merge.Top, Input: text, K: 10, Error: 0.01}, item)
	add(merge.Spec{Kind: merge.ApproxDistinct, Input: text, Precision: 12}, func(i int) value.Value { return value.Text(users[i]) })
	add(merge.Spec{Kind: merge.Quantiles, Input: float, Q: []float64{0.5, 0.99}, Error: 0.01}, func(i int) value.Value { return value.Float(waits[i]) })
	add(merge.Spec{Kind: merge.DecayedSum, Input: float, Scale: 2, HalfLife: stamp.Hour}, cents)
	add(merge.Spec{Kind: merge.EMA, Input: float, Scale: 2, HalfLife: stamp.Hour}, cents)
	list := value.ListOf(float)
	add(merge.Spec{Kind: merge.VectorSum, Input: list, Scale: 6, Dim: dim}, vector)
	add(merge.Spec{Kind: merge.VectorMean, Input: list, Scale: 6, Dim: dim, Bits: 7}, vector)
	add(merge.Spec{Kind: merge.LowRank, Input: list, Scale: 6, Dim: dim, Basis: axes()}, vector)
	return all
}

func name(s merge.Spec) string {
	switch {
	case s.Observed:
		return "**set**, observed"
	case s.Exact:
		return "**" + s.Kind + "**, exact"
	case s.Weight.Kind != value.Null:
		return "**" + s.Kind + "**, weighted"
	}
	return "**" + s.Kind + "**"
}

func feed(spec merge.Spec, x func(i int) value.Value) []merge.Input {
	events := make([]merge.Input, most)
	eu := position.Source{Origin: "eu"}
	for i := range events {
		events[i] = merge.Input{X: x(i), Source: eu, Order: merge.Order{Time: stamp.Micros(times[i]), Stamp: stamp.Next(0, times[i]/1000+40), Offset: int64(3 * i)}}
		if spec.Weight.Kind != value.Null {
			events[i].W = value.Int(int64(i % 7))
		}
		if spec.Remove && i%4 == 0 {
			events[i].Remove = true
			events[i].Seen = []merge.Covered{{Source: eu, Next: int64(3 * i)}}
		}
	}
	return events
}

func vector(i int) value.Value {
	v := value.Value{Kind: value.List}
	for _, x := range vectors[i] {
		v.L = append(v.L, value.Int(int64(math.Round(x*1e6))))
	}
	return v
}

// axes is a basis of the first directions of the space, turned a little, so that
// no item is 0: I - 2vvᵀ, of which v is (1, ..., 1) over its length.
func axes() *merge.Basis {
	u := make([]int32, dim*rank)
	for i := range dim {
		for j := range rank {
			x := -2.0 / dim
			if i == j {
				x++
			}
			u[i*rank+j] = int32(math.RoundToEven(math.Ldexp(x, merge.BasisBits)))
		}
	}
	b, err := merge.NewBasis(dim, rank, u)
	if err != nil {
		panic(err)
	}
	b.Name, b.Version = "axes", 1
	return b
}
