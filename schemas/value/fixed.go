package value

import (
	"math"
	"math/big"
	"strconv"
)

// MaxScale is the greatest scale of a decimal or a fixed-point number.
const MaxScale = 38

// BoundBits bounds every input of a sum: |x| <= 2^95 at its scale.
const BoundBits = 95

var exactPow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

var uintPow10 = [...]uint64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// Pow10 is 10^n for 0 <= n <= MaxScale.
func Pow10(n int32) Int128 {
	if n <= 19 {
		return Int128{Lo: uintPow10[n]}
	}
	p, _ := Int128{Lo: uintPow10[19]}.Mul(Int128{Lo: uintPow10[n-19]})
	return p
}

// Fixed is the integer nearest to f*10^scale, half to even, where f stands for
// its shortest decimal form that reads back as f (2.675 at scale 2 is 268). It
// reports false if f is not finite or the result is beyond 2^BoundBits.
func Fixed(f float64, scale int32) (Int128, bool) {
	if n, ok := fewDigits(f, scale); ok {
		return Int128Of(n), true
	}
	return fixedByText(f, scale)
}

// fewDigits is Fixed where the answer n has at most 15 digits and f is the float
// nearest to n*10^-scale. No other decimal of at most 15 digits is read as f, as
// any two of them differ by more than floats do; so n*10^-scale is the shortest
// form, without being written out.
func fewDigits(f float64, scale int32) (int64, bool) {
	if scale > 15 || !(math.Abs(f) < 1e15) {
		return 0, false
	}
	p := float64(uintPow10[scale])
	n := math.Round(f * p)
	return int64(n), math.Abs(n) < 1e15 && n/p == f
}

func fixedByText(f float64, scale int32) (Int128, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Int128{}, false
	}
	var buf [32]byte
	digits, exp, neg := shortest(strconv.AppendFloat(buf[:0], f, 'e', -1, 64))
	n, ok := scaled(digits, exp+int(scale))
	if neg {
		n = n.Neg()
	}
	return n, ok && n.Within(BoundBits)
}

// shortest splits d.ddde±xx into an integer of its digits and the power of ten
// of its last one.
func shortest(b []byte) (digits uint64, exp int, neg bool) {
	i, fraction, point := 0, 0, false
	if b[0] == '-' {
		neg, i = true, 1
	}
	for ; b[i] != 'e'; i++ {
		if b[i] == '.' {
			point = true
			continue
		}
		digits = digits*10 + uint64(b[i]-'0')
		if point {
			fraction++
		}
	}
	e, _ := strconv.Atoi(string(b[i+1:]))
	return digits, e - fraction, neg
}

// scaled is digits*10^exp, rounded half to even.
func scaled(digits uint64, exp int) (Int128, bool) {
	switch {
	case digits == 0 || exp < -19:
		return Int128{}, true
	case exp > 30:
		return Int128{}, false
	case exp >= 0:
		return Int128{Lo: digits}.Mul(Pow10(int32(exp)))
	}
	d := uintPow10[-exp]
	q, r := digits/d, digits%d
	if r > d-r || r == d-r && q&1 == 1 {
		q++
	}
	return Int128{Lo: q}, true
}

// Rescale is n/10^from expressed at scale to, rounded half to even, and
// whether it fits.
func Rescale(n Int128, from, to int32) (Int128, bool) {
	switch {
	case from == to:
		return n, true
	case to > from:
		return n.Mul(Pow10(to - from))
	}
	d := Pow10(from - to).Big()
	q, r := new(big.Int).QuoRem(n.Big(), d, new(big.Int))
	twice := new(big.Int).Lsh(r.Abs(r), 1)
	if c := twice.Cmp(d); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(n.Sign())))
	}
	return Int128FromBig(q)
}

// Unfix is the float64 nearest to n/10^scale, ties to even.
func Unfix(n Int128, scale int32) float64 {
	if n.IsInt64() && n.Within(53) && int(scale) < len(exactPow10) {
		return float64(int64(n.Lo)) / exactPow10[scale]
	}
	return Ratio(n, Pow10(scale))
}

// Ratio is the float64 nearest to n/d, ties to even; d is not 0.
func Ratio(n, d Int128) float64 {
	if n.IsInt64() && d.IsInt64() && n.Within(53) && d.Within(53) {
		return positiveZero(float64(int64(n.Lo)) / float64(int64(d.Lo)))
	}
	f, _ := new(big.Rat).SetFrac(n.Big(), d.Big()).Float64()
	return positiveZero(f)
}

func positiveZero(f float64) float64 {
	if f == 0 {
		return 0
	}
	return f
}
