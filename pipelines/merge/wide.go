package merge

import (
	"math"
	"math/big"
	"math/bits"

	"anabranch.dev/anabranch/schemas/value"
)

// int192 is a signed integer of 192 bits in two's complement, lowest word first.
// It takes what 128 bits may not: sums of products.
type int192 [3]uint64

func widen(n value.Int128) int192 { return int192{n.Lo, uint64(n.Hi), uint64(n.Hi >> 63)} }

// add is a+b, modulo 2^192.
func (a int192) add(b int192) int192 {
	var c uint64
	a[0], c = bits.Add64(a[0], b[0], 0)
	a[1], c = bits.Add64(a[1], b[1], c)
	a[2], _ = bits.Add64(a[2], b[2], c)
	return a
}

func (a int192) neg() int192 {
	return int192{^a[0], ^a[1], ^a[2]}.add(int192{1})
}

func (a int192) negative() bool { return int64(a[2]) < 0 }

// shiftLeft is a*2^s, modulo 2^192, for s below 64.
func (a int192) shiftLeft(s uint) int192 {
	return int192{a[0] << s, a[1]<<s | a[0]>>(64-s), a[2]<<s | a[1]>>(64-s)}
}

// shiftRight is a/2^s, floored, for s below 64.
func (a int192) shiftRight(s uint) int192 {
	return int192{a[0]>>s | a[1]<<(64-s), a[1]>>s | a[2]<<(64-s), uint64(int64(a[2]) >> s)}
}

// halved is a/2^s rounded half to even, for s in 1 to 63.
func (a int192) halved(s uint) int192 {
	odd := a[0] >> s & 1
	return a.add(int192{1<<(s-1) - 1 + odd}).shiftRight(s)
}

// length is how many bits a has that is not negative.
func (a int192) length() int {
	for i := 2; i >= 0; i-- {
		if a[i] != 0 {
			return 64*i + bits.Len64(a[i])
		}
	}
	return 0
}

func (a int192) big() *big.Int {
	neg := a.negative()
	if neg {
		a = a.neg()
	}
	n := new(big.Int)
	for i := 2; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a[i]))
	}
	if neg {
		n.Neg(n)
	}
	return n
}

// appendVarint appends a in zigzag LEB128 (FORMAT.md §1), 1 to 28 bytes.
func (a int192) appendVarint(dst []byte) []byte {
	sign := uint64(int64(a[2]) >> 63)
	z := a.shiftLeft(1)
	z = int192{z[0] ^ sign, z[1] ^ sign, z[2] ^ sign}
	for z[1]|z[2] != 0 || z[0] >= 0x80 {
		dst = append(dst, byte(z[0])|0x80)
		z = int192{z[0]>>7 | z[1]<<57, z[1]>>7 | z[2]<<57, z[2] >> 7}
	}
	return append(dst, byte(z[0]))
}

// int192 reads what appendVarint wrote.
func (r *reader) int192() int192 {
	var z int192
	for i := uint(0); ; i++ {
		switch {
		case r.err != nil || r.at+int(i) >= len(r.b):
			r.fail("bad integer")
			return int192{}
		case i == int192Bytes-1 && r.b[r.at+int(i)] > 7: // 27 groups of 7 bits leave 3
			r.fail("bad integer")
			return int192{}
		}
		part := uint64(r.b[r.at+int(i)])
		word, at := 7*i/64, 7*i%64
		z[word] |= part & 0x7f << at
		if at > 57 && word < 2 {
			z[word+1] |= part & 0x7f >> (64 - at)
		}
		if part >= 0x80 {
			continue
		}
		if part == 0 && i > 0 {
			r.fail("bad integer")
			return int192{}
		}
		r.at += int(i) + 1
		sign := -(z[0] & 1)
		return int192{(z[0]>>1 | z[1]<<63) ^ sign, (z[1]>>1 | z[2]<<63) ^ sign, z[2]>>1 ^ sign}
	}
}

// divisor is what a total is divided by when it is read: weight * 10^scale * 2^bits.
type divisor struct {
	small uint64 // without the bits, if it fits
	large *big.Int
	bits  uint
}

func newDivisor(weight int64, scale uint8, pointBits uint) divisor {
	if p := value.Pow10(int32(scale)); weight > 0 && p.Hi == 0 {
		if hi, lo := bits.Mul64(uint64(weight), p.Lo); hi == 0 {
			return divisor{small: lo, bits: pointBits}
		}
	}
	d := value.Pow10(int32(scale)).Big()
	d.Mul(d, big.NewInt(weight))
	return divisor{large: d.Lsh(d, pointBits)}
}

// of is the float64 nearest to n/d, ties to even.
func (d *divisor) of(n int192) float64 {
	if d.large != nil {
		f, _ := new(big.Rat).SetFrac(n.big(), d.large).Float64()
		return f
	}
	if n == (int192{}) {
		return 0
	}
	if m := (value.Int128{Hi: int64(n[1]), Lo: n[0]}); d.bits == 0 && d.small>>53 == 0 && widen(m) == n && m.Within(53) {
		return value.Ratio(m, value.Int128{Lo: d.small})
	}
	sign := n[2] >> 63 << 63
	if sign != 0 {
		n = n.neg()
	}
	q, shift, rest := n.over(d.small)
	return math.Float64frombits(sign | roundedBits(q, -int(shift+d.bits), rest))
}

// over is a * 2^shift / d, cut after the first 64 to 128 bits, with the shift that
// fills a up, and whether something is left over; a is above 0.
func (a int192) over(d uint64) (q int192, shift uint, rest bool) {
	for a[2] == 0 {
		a, shift = int192{0, a[0], a[1]}, shift+64
	}
	zeros := uint(bits.LeadingZeros64(a[2]))
	a, shift = a.shiftLeft(zeros), shift+zeros
	var r uint64
	q[2], r = a[2]/d, a[2]%d
	q[1], r = bits.Div64(r, a[1], d)
	return q, shift, r != 0 || a[0] != 0
}

// roundedBits is the bits of the float64 nearest to (q + something less than 1 if
// rest) * 2^exp, ties to even. q is at least 2^64 and the float a normal one.
func roundedBits(q int192, exp int, rest bool) uint64 {
	if q[2] == 0 {
		q, exp = int192{0, q[0], q[1]}, exp-64
	}
	zeros := uint(bits.LeadingZeros64(q[2]))
	q, exp = q.shiftLeft(zeros), exp-int(zeros)
	rest = rest || q[0]|q[1] != 0
	m, low := q[2]>>11, q[2]&0x7ff
	if low > 0x400 || low == 0x400 && (rest || m&1 == 1) {
		m++ // 2^53 carries into the exponent, as it should
	}
	return uint64(exp+128+11+52+1022)<<52 + m
}
