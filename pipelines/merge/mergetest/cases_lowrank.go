package mergetest

import (
	"fmt"
	"math"
	"math/big"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

func lowRankCases() []Case {
	var cases []Case
	whole, float := value.ListOf(value.Of(value.Int64)), value.ListOf(value.Of(value.Float64))
	fine := value.ListOf(value.Type{Kind: value.Decimal, Scale: 38})
	h := 0.5
	cube := Directions("cube", 4, 3, h, h, h, h, -h, h, h, h, -h, h, -h, -h)
	for _, s := range []merge.Spec{
		{Input: whole, Basis: Directions("line", 1, 1, -1)},
		{Input: whole, Basis: Directions("slope", 2, 1, 0.6, 0.8)},
		{Input: float, Scale: 6, Basis: Directions("turn", 2, 2, 0.8, -0.6, 0.6, 0.8)},
		{Input: float, Scale: 2, Basis: cube},
		{Input: fine, Scale: 38, Basis: cube},
	} {
		s.Kind, s.Dim = merge.LowRank, s.Basis.Dim
		cases = append(cases, Case{Spec: s, Draw: Of(Vectors(s.Dim)), Want: WantLowRank(s)})
	}
	return cases
}

// Directions is a basis of version 1, given by rows.
func Directions(name string, dim, rank int, u ...float64) *merge.Basis {
	items := make([]int32, len(u))
	for i := range u {
		items[i] = int32(math.RoundToEven(math.Ldexp(u[i], merge.BasisBits)))
	}
	b, err := merge.NewBasis(dim, rank, items)
	if err != nil {
		panic(fmt.Sprintf("BUG: mergetest: basis %s: %v", name, err))
	}
	b.Name, b.Version = name, 1
	return b
}

// WantLowRank is U·Σz, where z is UᵀX of one event, in units of 2^-16; null of
// nothing.
func WantLowRank(s merge.Spec) func([]merge.Input) value.Value {
	b := s.Basis
	u := func(i, j int) *big.Int { return big.NewInt(int64(b.U[i*b.Rank+j])) }
	return func(inputs []merge.Input) value.Value {
		if len(inputs) == 0 {
			return value.Value{}
		}
		list := value.Value{Kind: value.List, L: make([]value.Value, b.Dim)}
		sums := make([]*big.Int, b.Rank)
		for j := range sums {
			sums[j] = new(big.Int)
			for _, in := range inputs {
				dot := new(big.Int)
				for i := range b.Dim {
					dot.Add(dot, new(big.Int).Mul(u(i, j), exact(in.X.L[i])))
				}
				sums[j].Add(sums[j], halfEven(dot, new(big.Int).Lsh(big.NewInt(1), 14)))
			}
		}
		for i := range list.L {
			n := new(big.Int)
			for j := range sums {
				n.Add(n, new(big.Int).Mul(u(i, j), sums[j]))
			}
			list.L[i] = nearest(n, new(big.Int).Lsh(pow10(s.Scale), 46))
		}
		return list
	}
}
