package mergetest

import (
	"math/big"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

func vectorCases() []Case {
	var cases []Case
	whole, float := value.ListOf(value.Of(value.Int64)), value.ListOf(value.Of(value.Float64))
	fine := value.ListOf(value.Type{Kind: value.Decimal, Scale: 38})
	for _, s := range []merge.Spec{
		{Input: whole, Dim: 1},
		{Input: whole, Dim: 3, Bits: 3},
		{Input: float, Dim: 3, Scale: 2},
		{Input: float, Dim: 5, Scale: 6, Bits: 8},
		{Input: fine, Dim: 2, Scale: 38},
		{Input: fine, Dim: 2, Scale: 38, Bits: 32},
		{Input: float, Dim: 2, Scale: 19, Bits: 1},
	} {
		for _, s.Kind = range []string{merge.VectorSum, merge.VectorMean} {
			cases = append(cases, Case{Spec: s, Draw: Of(Vectors(s.Dim)), Want: WantVector(s)})
		}
	}
	return cases
}

// Vectors generates lists of exact integers: of one size, or of all sizes.
func Vectors(dim int) *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value {
		items := make([]value.Value, dim)
		most := int64(1) << rapid.IntRange(0, 40).Draw(t, "bits")
		mixed := rapid.IntRange(0, 2).Draw(t, "mixed") == 0
		for i := range items {
			if mixed {
				items[i] = Numbers().Draw(t, "x")
			} else {
				items[i] = value.Int(rapid.Int64Range(-most, most).Draw(t, "x"))
			}
		}
		return value.Items(items...)
	})
}

// WantVector is Σ x or its mean for each dimension, of events that were rounded
// to s.Bits; null of nothing.
func WantVector(s merge.Spec) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		if len(inputs) == 0 {
			return value.Value{}
		}
		sums := make([]*big.Int, s.Dim)
		for i := range sums {
			sums[i] = new(big.Int)
		}
		for _, in := range inputs {
			for i, x := range quantized(in.X.L, s.Bits) {
				sums[i].Add(sums[i], x)
			}
		}
		below := pow10(s.Scale)
		if s.Kind == merge.VectorMean {
			below.Mul(below, big.NewInt(int64(len(inputs))))
		}
		list := value.Value{Kind: value.List}
		for _, n := range sums {
			list.L = append(list.L, nearest(n, below))
		}
		return list
	}
}

// quantized is items rounded to multiples of the least power of two that leaves
// the greatest of them no more than the given number of bits.
func quantized(items []value.Value, bits int) []*big.Int {
	xs := make([]*big.Int, len(items))
	for i := range items {
		xs[i] = exact(items[i])
	}
	if bits == 0 {
		return xs
	}
	step := big.NewInt(1)
	for !fits(xs, step, bits) {
		step.Lsh(step, 1)
	}
	for i, x := range xs {
		xs[i] = new(big.Int).Mul(halfEven(x, step), step)
	}
	return xs
}

// fits reports whether all |x| <= (2^bits - 1) * step.
func fits(xs []*big.Int, step *big.Int, bits int) bool {
	most := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	most.Sub(most, big.NewInt(1)).Mul(most, step)
	for _, x := range xs {
		if x.CmpAbs(most) > 0 {
			return false
		}
	}
	return true
}
