package fixedmath

import (
	"math"
	"math/big"
	"math/bits"
)

// The format of a float64: bits of its significand, and the exponents of the
// greatest power of two and the least normal one.
const (
	precision = 53
	greatest  = 1023
	least     = -1022
)

// Float is the float64 nearest to (hi*2^64 + lo + d) * 2^exp, ties to even,
// where d is 0, or something between 0 and 1 if more is set; then hi is not 0.
// Beyond the finite floats it is +Inf, and below half the least of them 0.
func Float(hi, lo uint64, more bool, exp int64) float64 {
	size := 64 + bits.Len64(hi)
	if hi == 0 {
		size = bits.Len64(lo)
	}
	top := exp + int64(size) - 1 // 2^top <= value < 2^(top+1)
	switch {
	case size == 0 || top < least-precision:
		return 0
	case top > greatest:
		return math.Inf(1)
	}
	keep := int64(precision)
	if top < least {
		keep -= least - top
	}
	n := roundTo(hi, lo, more, int64(size)-keep)
	if top < least {
		return math.Float64frombits(n)
	}
	// A significand that was rounded up to 2^53 carries into the exponent.
	return math.Float64frombits(uint64(top-least+1)<<(precision-1) + n - 1<<(precision-1))
}

// roundTo is hi*2^64 + lo + d without its last drop bits, rounded half to even;
// what is left has at most 53 bits before that. A negative drop adds bits.
func roundTo(hi, lo uint64, more bool, drop int64) uint64 {
	if drop <= 0 {
		return lo << -drop
	}
	rest := shiftRight(hi, lo, drop-1)
	n := rest >> 1
	if rest&1 == 0 {
		return n
	}
	if h := uint64(1) << ((drop - 1) & 63); drop > 64 {
		more = more || lo != 0 || hi&(h-1) != 0
	} else {
		more = more || lo&(h-1) != 0
	}
	if more || n&1 == 1 {
		n++
	}
	return n
}

// shiftRight is the low 64 bits of hi*2^64 + lo shifted by n in 0 to 127.
func shiftRight(hi, lo uint64, n int64) uint64 {
	if n >= 64 {
		return hi >> (n - 64)
	}
	return hi<<(64-n) | lo>>n
}

// Ratio is the float64 nearest to num/den * 2^exp, ties to even; den is above 0.
// Beyond the finite floats it is an infinity. It is never -0.
func Ratio(num, den *big.Int, exp int64) float64 {
	n, r := new(big.Int).Abs(num), new(big.Int)
	// At least 65 and at most 128 bits of the quotient are taken.
	shift := den.BitLen() - n.BitLen() + 66
	d := den
	if shift >= 0 {
		n.Lsh(n, uint(shift))
	} else {
		d = new(big.Int).Lsh(den, uint(-shift))
	}
	n.QuoRem(n, d, r)
	lo := n.Uint64()
	f := Float(n.Rsh(n, 64).Uint64(), lo, r.Sign() != 0, exp-int64(shift))
	if num.Sign() < 0 && f != 0 {
		return -f
	}
	return f
}
