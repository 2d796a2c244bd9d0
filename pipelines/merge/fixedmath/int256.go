package fixedmath

import (
	"math/big"
	"math/bits"
)

// Int256 is a signed 256-bit integer in two's complement, the lowest word
// first. The zero value is 0.
type Int256 [4]uint64

// Product is the integer nearest to x*m/2^shift, ties to even in magnitude, for
// |x| = hi*2^64 + lo, negative as asked, and shift in 1 to 63.
func Product(negative bool, hi, lo, m uint64, shift uint) Int256 {
	c, w0 := bits.Mul64(lo, m)
	w2, w1 := bits.Mul64(hi, m)
	w1, carry := bits.Add64(w1, c, 0)
	w2 += carry
	half, rest := w0>>(shift-1)&1, w0&(1<<(shift-1)-1)
	n := Int256{w0>>shift | w1<<(64-shift), w1>>shift | w2<<(64-shift), w2 >> shift}
	if half == 1 && (rest != 0 || n[0]&1 == 1) {
		n = n.Add(Int256{1})
	}
	if negative {
		return n.Neg()
	}
	return n
}

// Add is a+b, modulo 2^256.
func (a Int256) Add(b Int256) Int256 {
	var c uint64
	for i := range a {
		a[i], c = bits.Add64(a[i], b[i], c)
	}
	return a
}

// Sub is a-b, modulo 2^256.
func (a Int256) Sub(b Int256) Int256 {
	var c uint64
	for i := range a {
		a[i], c = bits.Sub64(a[i], b[i], c)
	}
	return a
}

// Neg is -a, modulo 2^256.
func (a Int256) Neg() Int256 { return Int256{}.Sub(a) }

// Shl is a*2^n, modulo 2^256, for n in 0 to 63.
func (a Int256) Shl(n uint) Int256 {
	for i := 3; i > 0; i-- {
		a[i] = a[i]<<n | a[i-1]>>(64-n)
	}
	a[0] <<= n
	return a
}

// Sign is -1, 0 or 1.
func (a Int256) Sign() int {
	switch {
	case int64(a[3]) < 0:
		return -1
	case a == Int256{}:
		return 0
	}
	return 1
}

// Big is a as a big integer.
func (a Int256) Big() *big.Int {
	negative := a.Sign() < 0
	if negative {
		a = a.Neg()
	}
	n, word := new(big.Int), new(big.Int)
	for i := 3; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, word.SetUint64(a[i]))
	}
	if negative {
		n.Neg(n)
	}
	return n
}

// VarintBytes is the greatest size of a varint that DecodeInt256 takes: |a| is
// below 2^195.
const VarintBytes = 28

// AppendVarint appends a in zigzag LEB128 (FORMAT.md §1).
func (a Int256) AppendVarint(dst []byte) []byte {
	u, sign := a.Shl(1), -(a[3] >> 63)
	for i := range u {
		u[i] ^= sign
	}
	for u[0] >= 0x80 || u[1]|u[2]|u[3] != 0 {
		dst = append(dst, byte(u[0])|0x80)
		for i := range 3 {
			u[i] = u[i]>>7 | u[i+1]<<57
		}
		u[3] >>= 7
	}
	return append(dst, byte(u[0]))
}

// DecodeInt256 reads what AppendVarint wrote and returns the bytes used, or 0
// if b is torn, longer than VarintBytes or not the shortest form.
func DecodeInt256(b []byte) (Int256, int) {
	var u Int256
	for i := 0; i < len(b) && i < VarintBytes; i++ {
		part, at := uint64(b[i]&0x7f), uint(7*i)
		u[at/64] |= part << (at % 64)
		if at%64 > 57 {
			u[at/64+1] |= part >> (64 - at%64)
		}
		if b[i] >= 0x80 {
			continue
		}
		if i > 0 && b[i] == 0 {
			return Int256{}, 0
		}
		sign := -(u[0] & 1)
		for j := range 3 {
			u[j] = (u[j]>>1 | u[j+1]<<63) ^ sign
		}
		u[3] = u[3]>>1 ^ sign
		return u, i + 1
	}
	return Int256{}, 0
}
