package value

import (
	"math"
	"math/big"
	"math/bits"
	"strings"
)

// Int128 is a signed 128-bit integer in two's complement. The zero value is 0.
// Sums of up to 2^31 terms bounded by 2^95 stay exact.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Int128Of widens n.
func Int128Of(n int64) Int128 { return Int128{Hi: n >> 63, Lo: uint64(n)} }

// Add is a+b, modulo 2^128.
func (a Int128) Add(b Int128) Int128 {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	return Int128{int64(hi), lo}
}

// Neg is -a, modulo 2^128.
func (a Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, a.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(a.Hi), borrow)
	return Int128{int64(hi), lo}
}

// Sub is a-b, modulo 2^128.
func (a Int128) Sub(b Int128) Int128 { return a.Add(b.Neg()) }

// Sign is -1, 0 or 1.
func (a Int128) Sign() int {
	switch {
	case a.Hi < 0:
		return -1
	case a.Hi == 0 && a.Lo == 0:
		return 0
	}
	return 1
}

// Cmp is -1, 0 or 1 as a is less than, equal to or greater than b.
func (a Int128) Cmp(b Int128) int {
	switch {
	case a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// Abs is |a| as an unsigned pair (high, low).
func (a Int128) Abs() (hi, lo uint64) {
	if a.Hi < 0 {
		a = a.Neg()
	}
	return uint64(a.Hi), a.Lo
}

// Mul is a*b and whether it fits.
func (a Int128) Mul(b Int128) (Int128, bool) {
	ah, al := a.Abs()
	bh, bl := b.Abs()
	if ah != 0 && bh != 0 {
		return Int128{}, false
	}
	h1, lo := bits.Mul64(al, bl)
	o1, c1 := bits.Mul64(ah, bl)
	o2, c2 := bits.Mul64(al, bh)
	hi, k1 := bits.Add64(h1, c1, 0)
	hi, k2 := bits.Add64(hi, c2, 0)
	if o1|o2|k1|k2 != 0 || hi>>63 != 0 {
		return Int128{}, false
	}
	p := Int128{int64(hi), lo}
	if (a.Hi < 0) != (b.Hi < 0) {
		p = p.Neg()
	}
	return p, true
}

// IsInt64 reports whether a fits in 64 bits.
func (a Int128) IsInt64() bool { return a.Hi == int64(a.Lo)>>63 }

// Int64 is a, saturated to 64 bits.
func (a Int128) Int64() int64 {
	switch {
	case a.IsInt64():
		return int64(a.Lo)
	case a.Hi < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// Big is a as a big integer.
func (a Int128) Big() *big.Int {
	hi, lo := a.Abs()
	n := new(big.Int).SetUint64(hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(lo))
	if a.Hi < 0 {
		n.Neg(n)
	}
	return n
}

// Int128FromBig narrows n and says whether it fits.
func Int128FromBig(n *big.Int) (Int128, bool) {
	abs := new(big.Int).Abs(n)
	if abs.BitLen() > 127 {
		return Int128{}, false
	}
	lo := new(big.Int).And(abs, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	a := Int128{Hi: int64(new(big.Int).Rsh(abs, 64).Uint64()), Lo: lo}
	if n.Sign() < 0 {
		a = a.Neg()
	}
	return a, true
}

// Within reports whether |a| <= 2^bits, for bits in 0 to 126.
func (a Int128) Within(bitCount uint) bool {
	hi, lo := a.Abs()
	var limHi, limLo uint64
	if bitCount >= 64 {
		limHi = 1 << (bitCount - 64)
	} else {
		limLo = 1 << bitCount
	}
	return hi < limHi || hi == limHi && lo <= limLo
}

// String is a in decimal.
func (a Int128) String() string { return a.Big().String() }

// FormatDecimal prints a/10^scale with exactly scale digits after the point.
func (a Int128) FormatDecimal(scale int32) string {
	s := a.String()
	if scale <= 0 {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if pad := int(scale) + 1 - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	cut := len(s) - int(scale)
	return sign + s[:cut] + "." + s[cut:]
}

// AppendVarint appends a in zigzag LEB128, 1 to 19 bytes (FORMAT.md §1).
func (a Int128) AppendVarint(dst []byte) []byte {
	lo := a.Lo<<1 ^ uint64(a.Hi>>63)
	hi := (uint64(a.Hi)<<1 | a.Lo>>63) ^ uint64(a.Hi>>63)
	for hi != 0 || lo >= 0x80 {
		dst = append(dst, byte(lo)|0x80)
		lo = lo>>7 | hi<<57
		hi >>= 7
	}
	return append(dst, byte(lo))
}

// DecodeInt128 reads what AppendVarint wrote and returns the bytes used, or 0
// if b is torn, too long or not the shortest form.
func DecodeInt128(b []byte) (Int128, int) {
	var hi, lo uint64
	for i := 0; i < len(b) && i < 19; i++ {
		part, shift := uint64(b[i]&0x7f), uint(7*i)
		switch {
		case shift < 64:
			lo |= part << shift
			if shift > 57 {
				hi |= part >> (64 - shift)
			}
		case shift == 126 && part > 3:
			return Int128{}, 0
		default:
			hi |= part << (shift - 64)
		}
		if b[i] < 0x80 {
			if i > 0 && b[i] == 0 {
				return Int128{}, 0
			}
			sign := -(lo & 1)
			return Int128{Hi: int64(hi>>1 ^ sign), Lo: (lo>>1 | hi<<63) ^ sign}, i + 1
		}
	}
	return Int128{}, 0
}
