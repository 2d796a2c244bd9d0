package merge

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"anabranch.dev/anabranch/pipelines/merge/fixedmath"
)

// rank is an exponentially distributed number, as a short float: eight bits of
// exponent, 128 for [1, 2), then sixteen of its fraction. The rank of an event of
// weight w is -log2(u)/w, where u in (0, 1) is drawn from the event by a hash, and
// that of an item is the least of its events'. The least of several such numbers
// is distributed as one with the sum of their weights, so items are ranked as if
// each had been drawn once, by its total weight.
type rank uint32

const (
	fractionBits      = 16
	oneRank      rank = 128 << fractionBits // of 1
	maxRank      rank = 1<<(8+fractionBits) - 1
)

// luck is 64 bits drawn from an event: the XXH64, seed 0, of the item's hash, the
// event's time, stamp and offset, eight bytes each, little-endian.
func luck(hash uint64, o Order) uint64 {
	var b [32]byte
	binary.LittleEndian.PutUint64(b[0:], hash)
	binary.LittleEndian.PutUint64(b[8:], uint64(o.Time))
	binary.LittleEndian.PutUint64(b[16:], uint64(o.Stamp))
	binary.LittleEndian.PutUint64(b[24:], uint64(o.Offset))
	return xxhash.Sum64(b[:])
}

// exponential is the rank of an event of weight w > 0, with u = (x | 1) / 2^64.
//
// With x·2^k in [2^63, 2^64), -log2(u) = k + 1 - log2(x·2^k / 2^63). That is a
// number of 128 bits, of which 64 are behind the point. It is divided by w as a
// float of 64 bits, and truncated.
func exponential(x, w uint64) rank {
	x |= 1
	k := bits.LeadingZeros64(x)
	lo, borrow := bits.Sub64(0, fixedmath.Log2(x<<k), 0)
	hi := uint64(k) + 1 - borrow
	e := 127 // of hi:lo, if its first bit is 1
	if hi == 0 {
		hi, lo, e = lo, 0, e-64
	}
	n := bits.LeadingZeros64(hi)
	m, e := hi<<n|lo>>(64-n), e-n-64
	if w > 1 {
		n = bits.LeadingZeros64(w)
		m, _ = bits.Div64(m>>1, m<<63, w<<n)
		e -= 63 - n
		if m>>63 == 0 {
			m, e = m<<1, e-1
		}
	}
	return rank(e+128)<<fractionBits | rank(m<<1>>(64-fractionBits))
}
