package mergetest

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

func quantilesCases() []Case {
	whole, float, decimal := value.Of(value.Int64), value.Of(value.Float64), value.Type{Kind: value.Decimal, Scale: 2}
	var cases []Case
	for _, s := range []merge.Spec{
		{Input: float, Q: []float64{0.5, 0.99}, Error: 0.01},
		{Input: float, Q: []float64{1, 0, 0.7, 0.25}, Error: 0.5},
		{Input: whole, Q: []float64{0.1, 0.5, 0.9}, Error: 0.02},
		{Input: decimal, Q: []float64{0, 0.5, 1}, Error: 0.0001},
		{Input: value.Type{Kind: value.Decimal, Scale: 38}, Q: []float64{0.5}, Error: 0.1},
	} {
		s.Kind = merge.Quantiles
		cases = append(cases, Case{Spec: s, Draw: Of(OneOf(Values(s.Input), near(s.Input))), Want: WantQuantiles(s), Near: WithinRelative(s.Error)})
	}
	return cases
}

// OneOf draws from either.
func OneOf(a, b *rapid.Generator[value.Value]) *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value {
		if rapid.Bool().Draw(t, "which") {
			return a.Draw(t, "a")
		}
		return b.Draw(t, "b")
	})
}

// near draws numbers of a few sizes, so that some fall in one bucket and some
// in two that touch.
func near(of value.Type) *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value {
		n := rapid.Int64Range(-300, 300).Draw(t, "n")
		switch of.Kind {
		case value.Float64:
			return value.Float(float64(n) * math.Pow(2, float64(rapid.IntRange(-4, 4).Draw(t, "exp"))))
		case value.Decimal:
			return value.Dec(value.Int128Of(n * 1000))
		}
		return value.Int(n)
	})
}

// rational is a number of any type without error.
func rational(v value.Value, of value.Type) *big.Rat {
	if of.Kind == value.Float64 {
		return new(big.Rat).SetFloat64(math.Float64frombits(uint64(v.N)))
	}
	return new(big.Rat).SetFrac(exact(v), pow10(of.Scale))
}

// WantQuantiles is, for each q, the item of rank floor(q*(n-1)) of the sorted
// numbers.
func WantQuantiles(s merge.Spec) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		if len(inputs) == 0 {
			return value.Value{}
		}
		var all []*big.Rat
		for _, in := range inputs {
			all = append(all, rational(in.X, s.Input))
		}
		slices.SortFunc(all, (*big.Rat).Cmp)
		list := value.Value{Kind: value.List}
		for _, q := range s.Q {
			rank, _ := new(big.Rat).SetString(strconv.FormatFloat(q, 'e', -1, 64))
			rank.Mul(rank, big.NewRat(int64(len(all)-1), 1))
			x := all[new(big.Int).Div(rank.Num(), rank.Denom()).Int64()]
			list.L = append(list.L, nearest(x.Num(), x.Denom()))
		}
		return list
	}
}

// WithinRelative accepts lists of numbers each of which is off by no more than
// a part of it, besides the rounding of results below the normal floats.
func WithinRelative(part float64) func(got, want value.Value) error {
	return func(got, want value.Value) error {
		if got.Kind != want.Kind || len(got.L) != len(want.L) {
			return fmt.Errorf("not a list of %d", len(want.L))
		}
		for i := range want.L {
			if err := off(got.L[i].Float(), want.L[i].Float(), part); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	}
}

func off(got, want, part float64) error {
	bound := number(math.Abs(want))
	bound.Mul(bound, number(part))
	if math.Abs(want) < 0x1p-1021 {
		bound.Add(bound, number(math.SmallestNonzeroFloat64))
	}
	gap := number(got)
	if gap.Sub(gap, number(want)).Abs(gap).Cmp(bound) > 0 {
		return fmt.Errorf("%v is %s off %v, more than a part of %v", got, gap.Text('g', 6), want, part)
	}
	return nil
}

// number is f, and exact in what is computed with it.
func number(f float64) *big.Float { return new(big.Float).SetPrec(4000).SetFloat64(f) }
