package wire

import (
	"encoding/binary"
	"math/bits"
)

// varlong reads a zigzag varint; the byte after it is -1 if there is none.
func varlong(b []byte, at int) (int64, int) {
	if at < len(b) && b[at] < 0x80 {
		return unzig(uint64(b[at])), at + 1
	}
	return varlongMore(b, at)
}

func unzig(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// varlongMore reads eight bytes at once where it can: the first without its
// high bit ends the varint, and three steps of shifts close the gaps that the
// high bits leave.
func varlongMore(b []byte, at int) (int64, int) {
	const high = 0x8080808080808080
	if len(b)-at < 8 {
		return varlongSlow(b, at)
	}
	x := binary.LittleEndian.Uint64(b[at:])
	end := bits.TrailingZeros64(^x & high)
	if end == 64 {
		return varlongSlow(b, at)
	}
	x &= (2<<end - 1) &^ high
	x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
	x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
	x = x&0x000000000fffffff | x&0x0fffffff00000000>>4
	return unzig(x), at + (end+1)/8
}

func varlongSlow(b []byte, at int) (int64, int) {
	var u uint64
	for shift := uint(0); shift < 64 && at < len(b); shift += 7 {
		c := b[at]
		at++
		u |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if shift == 63 && c > 1 {
				return 0, -1
			}
			return unzig(u), at
		}
	}
	return 0, -1
}

// length reads the length of what follows; the byte after it is -1 if b does
// not hold what follows.
func length(b []byte, at int) (int64, int) {
	n, at := varlong(b, at)
	if at < 0 || n < 0 || n > int64(len(b)-at) {
		return 0, -1
	}
	return n, at
}
