package merge

import (
	"math"
	"math/big"
	"math/bits"

	"anabranch.dev/anabranch/pipelines/merge/fixedmath"
	"anabranch.dev/anabranch/schemas/value"
)

// grid maps magnitudes to places on a logarithmic scale, and back (Masson, Rim
// and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
// relative-error guarantees", VLDB 2019). It is fixed by the relative error a, a
// float64, alone. In integers throughout:
//
//	g     = (1+a)/(1-a)
//	width = log2(g) * 2^52, rounded down, less 8
//	L(x)  = log2(x) * 2^52, rounded down
//	x has place k, where k*width <= L(x) < (k+1)*width
//	place k is read as 2^(k*width/2^52) * (1+a)(1-d), for some d between 2^-51.6 and 2^-51
//
// So no place is ever collapsed into another: how many there are is bounded by
// the exponents that the input's type has, and a place's count is the number of
// events in it, whatever came before, after or was taken back.
//
// What is read is within a*x of every x > 0 of its place. L(x) is a truncation
// of fixedmath.Log2, of at most the first 64 bits of x: with A = 2^(k*width/2^52),
// A <= x < A * 2^(width/2^52 + 2^-61) <= A * g * 2^(-7.9/2^52). Rounding to a
// float64 changes a result by a factor between 1-2^-53 and 1+2^-53, Exp2 and the
// product are low by less than a factor 1-2^-60, and so, e being the estimate,
//
//	e/x <= (1+a)(1-2^-51.6)(1+2^-53) < 1+a
//	e/x >  (1+a)(1-2^-51)(1-2^-60)(1-2^-53)/g * 2^(7.9/2^52) > (1+a)/g = 1-a
//
// as 7.9 ln 2 > 5.4 > 2+0.5+2^-8. The sum leaves room for an a that is 2^-54 off
// the decimal that was meant. Results below 2^-1022 have fewer bits than 53 and
// may be off by 2^-1075 more.
type grid struct {
	width int64  // in units of 2^-52 of the logarithm
	raise uint64 // (1+a)(1-d) in units of 2^-63
	least int32  // place of the least number that the input can be
	most  int32  // the greatest signed place
}

// logBits is the number of bits after the point in L.
const logBits = 52

// margin is by how much a place is narrower than g, in units of 2^-52 of the
// logarithm, and lower, in units of 2^-63 of the estimate: 2^12/2^63/(1+a) = d.
const (
	marginWidth = 8
	marginRaise = 1 << 12
)

// exponents are the least and greatest exponent of 2 that a number of a type
// has.
func exponents(k value.Kind) (least, greatest int64) {
	switch k {
	case value.Float64:
		return -1074, 1023
	case value.Decimal:
		return 0, 127
	}
	return 0, 63
}

// newGrid is the grid of a relative error from 0.0001 to 0.5.
func newGrid(relative float64, input value.Kind) grid {
	a := fraction62(relative)
	const one = 1 << 62
	g, _ := bits.Div64((one+a)>>2, (one+a)<<62, one-a) // in units of 2^-62, 1 to 3
	zeros := bits.LeadingZeros64(g)
	log := int64(1-zeros)<<logBits + int64(fixedmath.Log2(g<<zeros)>>(64-logBits))
	s := grid{width: log - marginWidth, raise: 1<<63 + 2*a - marginRaise}
	least, greatest := exponents(input)
	s.least = s.at(least, 0)
	s.most = s.at(greatest+1, 0) - s.least + 1
	return s
}

// fraction62 is a float64 in [2^-62, 1) in units of 2^-62, rounded down.
func fraction62(f float64) uint64 {
	u := uint64(value.Float(f).N)
	m := u&(1<<52-1) | 1<<52
	shift := int(u>>52) - 1023 - 52 + 62
	if shift < 0 {
		return m >> -shift
	}
	return m << shift
}

// at is the place of the number whose logarithm is exp + frac/2^64.
func (g *grid) at(exp int64, frac uint64) int32 {
	return int32(floorDiv(exp<<logBits|int64(frac>>(64-logBits)), g.width))
}

// floorDiv is n/d rounded down, for d above 0.
func floorDiv(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}

// signed is the place of a number in the order of all numbers: 0 for 0, above it
// the places of positive numbers from 1, below it those of negative ones.
func (g *grid) signed(v value.Value) int32 {
	var place int32
	negative := v.N < 0
	switch v.Kind {
	case value.Float64:
		place = g.ofFloat(uint64(v.N))
	case value.Decimal:
		hi, lo := v.Int128().Abs()
		place, negative = g.ofInteger(hi, lo), v.H < 0
	default:
		_, lo := value.Int128Of(v.N).Abs()
		place = g.ofInteger(0, lo)
	}
	if negative {
		return -place
	}
	return place
}

// ofInteger is the signed place of hi*2^64 + lo.
func (g *grid) ofInteger(hi, lo uint64) int32 {
	if hi == 0 {
		return g.ofBits(lo, 0)
	}
	zeros := bits.LeadingZeros64(hi)
	return g.ofBits(hi<<zeros|lo>>(64-zeros), int64(64-zeros))
}

// ofFloat is the signed place of the magnitude of the float64 of these bits.
func (g *grid) ofFloat(u uint64) int32 {
	const mantissa = 1<<52 - 1
	exp := int64(u >> 52 & 0x7ff)
	if exp == 0 {
		return g.ofBits(u&mantissa, -1074)
	}
	return g.ofBits(u&mantissa|1<<52, exp-1075)
}

// ofBits is the signed place of m * 2^exp.
func (g *grid) ofBits(m uint64, exp int64) int32 {
	if m == 0 {
		return 0
	}
	zeros := bits.LeadingZeros64(m)
	return g.at(exp+int64(63-zeros), fixedmath.Log2(m<<zeros)) - g.least + 1
}

// estimate is what a signed place is read as, divided by 10^scale.
func (g *grid) estimate(signed, scale int32) float64 {
	switch {
	case signed == 0:
		return 0
	case signed < 0:
		return -g.estimate(-signed, scale)
	}
	log := int64(signed-1+g.least) * g.width
	exp, frac := log>>logBits, uint64(log)<<(64-logBits)
	hi, lo := bits.Mul64(fixedmath.Exp2(frac), g.raise)
	const unit = 2 * 63
	if scale == 0 {
		return finite(fixedmath.Float(hi, lo, false, exp-unit))
	}
	n := new(big.Int).SetUint64(hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(lo))
	return fixedmath.Ratio(n, value.Pow10(scale).Big(), exp-unit)
}

// finite is f, or the greatest float for what lies beyond it.
func finite(f float64) float64 {
	const greatest = 0x7fef_ffff_ffff_ffff
	if f == math.Inf(1) {
		return math.Float64frombits(greatest)
	}
	return f
}
