package mergetest

import (
	"fmt"
	"math"
	"math/big"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func decayCases() []Case {
	whole, float := value.Of(value.Int64), value.Of(value.Float64)
	var cases []Case
	for _, s := range []merge.Spec{
		{Kind: merge.DecayedSum, Input: whole, HalfLife: 1},
		{Kind: merge.DecayedSum, Input: float, Scale: 2, HalfLife: stamp.Hour / 8}, // five hours are 40 epochs
		{Kind: merge.DecayedSum, Input: value.Type{Kind: value.Decimal, Scale: 38}, Scale: 38, HalfLife: merge.MaxHalfLife},
		{Kind: merge.EMA, Input: whole, HalfLife: stamp.Hour / 8},
		{Kind: merge.EMA, Input: float, Scale: 3, HalfLife: 7 * stamp.Minute},
	} {
		cases = append(cases, Case{Spec: s, Draw: Of(OneOf(Numbers(), Units())), At: DecaysTo(s)})
	}
	return cases
}

// Units generates numbers of few units, for which a rounding is greatest.
func Units() *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value { return value.Int(rapid.Int64Range(-3, 3).Draw(t, "units")) })
}

// epochOf is floor(t / half).
func epochOf(t, half stamp.Micros) int64 {
	return new(big.Int).Div(big.NewInt(int64(t)), big.NewInt(int64(half))).Int64() // Euclidean: floors, as half > 0
}

// decayOff is how far a decayed sum may be off, as a part of the same sum of
// absolute numbers: half of the last of 32 bits of one unit, and a little.
const decayOff = 0x1p-33 + 0x1p-45

// DecaysTo judges values against Σ x * 2^-((t-ts)/half), summed by big floats
// over the events whose epoch is at most 40 before the newest's.
func DecaysTo(s merge.Spec) func([]merge.Input, merge.Moment, value.Value) error {
	return func(inputs []merge.Input, m merge.Moment, got value.Value) error {
		inputs = inside(s, inputs, m.Newest)
		sum, size, weight := faded(s, inputs, m)
		if len(inputs) == 0 {
			return equal(got, value.Value{})
		}
		if s.Kind == merge.EMA {
			sum.Quo(sum, weight)
			size.Quo(size, weight)
			size.Add(size, size) // both sums are off
		}
		size.Mul(size, number(decayOff))
		size.Add(size, number(math.SmallestNonzeroFloat64))
		want, _ := sum.Float64()
		return between(got, want, sum.Sub(sum, size), size)
	}
}

func equal(got, want value.Value) error {
	if !value.Equal(got, want) {
		return fmt.Errorf("%v, want %v", got, want)
	}
	return nil
}

// between asserts that got lies in [least, least + 2*off].
func between(got value.Value, want float64, least, off *big.Float) error {
	if got.Kind != value.Float64 {
		return fmt.Errorf("kind %s, want %v", got.Kind, want)
	}
	gap := number(got.Float())
	gap.Sub(gap, least)
	if gap.Sign() < 0 || gap.Cmp(off.Add(off, off)) > 0 {
		return fmt.Errorf("%v, want %v, further off than the bound", got.Float(), want)
	}
	return nil
}

// inside is the inputs that are not too old by the newest event.
func inside(s merge.Spec, inputs []merge.Input, newest stamp.Micros) []merge.Input {
	var out []merge.Input
	for _, in := range inputs {
		if epochOf(in.Order.Time, s.HalfLife) >= epochOf(newest, s.HalfLife)-40 {
			out = append(out, in)
		}
	}
	return out
}

// faded is Σ x*w, Σ |x|*w and Σ w for w = 2^-((t-ts)/half) and x in units of 1.
// For the mean the time does not matter, and is the newest event's.
func faded(s merge.Spec, inputs []merge.Input, m merge.Moment) (sum, size, weight *big.Float) {
	sum, size, weight = short(0), short(0), short(0)
	if s.Kind == merge.EMA {
		m.At = m.Newest
	}
	unit := new(big.Float).SetPrec(shortBits).SetInt(pow10(s.Scale))
	for _, in := range inputs {
		w := halved(int64(m.At-in.Order.Time), int64(s.HalfLife))
		x := new(big.Float).SetPrec(shortBits).SetInt(exact(in.X))
		x.Mul(x.Quo(x, unit), w)
		sum.Add(sum, x)
		size.Add(size, x.Abs(x))
		weight.Add(weight, w)
	}
	return sum, size, weight
}

// shortBits is the precision of sums of numbers of up to 96 bits and half as
// many halvings.
const shortBits = 256

func short(f float64) *big.Float { return new(big.Float).SetPrec(shortBits).SetFloat64(f) }

// halved is 2^-(n/d): whole halvings exactly, the rest by a float. More than
// 2,000 halvings leave nothing that a float could show, however many they are.
func halved(n, d int64) *big.Float {
	w := short(math.Exp2(-float64(n%d) / float64(d)))
	return w.SetMantExp(w, -int(min(n/d, 2000)))
}
