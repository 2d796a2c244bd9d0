package mergetest

import (
	"math/big"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

func meanCases() []Case {
	var cases []Case
	whole, float := value.Of(value.Int64), value.Of(value.Float64)
	small, fine := value.Type{Kind: value.Decimal, Scale: 3}, value.Type{Kind: value.Decimal, Scale: 38}
	for _, s := range []merge.Spec{
		{Input: whole},
		{Input: whole, As: "int64"},
		{Input: float, Scale: 2},
		{Input: float, Scale: 1, As: "decimal"},
		{Input: fine, Scale: 38},
		{Input: fine, Scale: 38, As: "int64"},
		{Input: whole, Weight: whole},
		{Input: whole, Weight: small, WeightScale: 3, As: "decimal"},
		{Input: float, Scale: 2, Weight: float, WeightScale: 2},
		{Input: fine, Scale: 38, Weight: fine, WeightScale: 38},
		{Input: float, Scale: 3, Weight: whole, As: "int64"},
	} {
		s.Kind = merge.Mean
		draw := Of(Numbers())
		if s.Weight.Kind != value.Null {
			draw = drawWeighted
		}
		cases = append(cases, Case{Spec: s, Draw: draw, Want: WantMean(s)})
	}
	return cases
}

// drawWeighted draws a number and its weight, whose product is within the bound
// of an input. Weights often cancel each other.
func drawWeighted(t *rapid.T) merge.Input {
	in := merge.Input{X: value.Int(rapid.Int64Range(-1<<47, 1<<47).Draw(t, "x"))}
	switch rapid.IntRange(0, 3).Draw(t, "weighs") {
	case 0:
		in.W = value.Int(rapid.Int64Range(-1<<48, 1<<48).Draw(t, "w"))
	case 1:
		in.X = Numbers().Draw(t, "x")
		in.W = value.Int(rapid.Int64Range(-1, 1).Draw(t, "w"))
	case 2:
		in.X = value.Int(rapid.Int64Range(-1, 1).Draw(t, "x"))
		in.W = value.Dec(drawInt128(t))
	default:
		in.X = value.Int(rapid.Int64Range(-2, 2).Draw(t, "x"))
		in.W = value.Int(rapid.Int64Range(-2, 2).Draw(t, "w"))
	}
	return in
}

// WantMean is Σ w·x / Σ w as s says, null if Σ w is 0; without weights each
// event weighs 1.
func WantMean(s merge.Spec) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		top, bottom := new(big.Int), new(big.Int)
		for _, in := range inputs {
			w := big.NewInt(1)
			if s.Weight.Kind != value.Null {
				w = exact(in.W)
			}
			top.Add(top, new(big.Int).Mul(w, exact(in.X)))
			bottom.Add(bottom, w)
		}
		if bottom.Sign() == 0 {
			return value.Value{}
		}
		return quotient(top, bottom, s)
	}
}

// quotient is top/bottom, which is in units of 10^-scale, in the type of a mean.
func quotient(top, bottom *big.Int, s merge.Spec) value.Value {
	if bottom.Sign() < 0 {
		top, bottom = top.Neg(top), bottom.Neg(bottom)
	}
	switch s.As {
	case "decimal":
		return decimal(halfEven(top, bottom))
	case "int64":
		return saturated(halfEven(top, bottom.Mul(bottom, pow10(s.Scale))))
	}
	return nearest(top, bottom.Mul(bottom, pow10(s.Scale)))
}

// decimal is n as a value, kept to 38 digits.
func decimal(n *big.Int) value.Value {
	most := pow10(38)
	most.Sub(most, big.NewInt(1))
	if n.CmpAbs(most) > 0 {
		n = most.Mul(most, big.NewInt(int64(n.Sign())))
	}
	lo, hi := new(big.Int), new(big.Int)
	hi.DivMod(n, new(big.Int).Lsh(big.NewInt(1), 64), lo)
	return value.Value{Kind: value.Decimal, N: int64(lo.Uint64()), H: hi.Int64()}
}
