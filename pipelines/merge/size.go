package merge

import (
	"math/bits"

	"anabranch.dev/anabranch/schemas/value"
)

// TextBytes is the length that MaxBytes counts for a string or a bytes value,
// whose real bound is the event's.
const TextBytes = 32

// Greatest sizes of numbers in bytes.
const (
	int64Bytes  = 10
	int128Bytes = 19
	// orderBytes is the greatest size of an Order whose offset and base lie
	// within 2^48 of each other.
	orderBytes = 9 + 8 + 3 + 7
)

// MaxBytes is the greatest size of the canonical bytes, with strings and bytes
// counted as TextBytes.
func (s Spec) MaxBytes() int {
	switch s.Kind {
	case Count, Sum:
		return int128Bytes
	case Mean:
		return int64Bytes + int128Bytes
	case Recent:
		return countBytes(s.K) + s.K*(orderBytes+contentBytes(s.Input))
	case Set:
		return countBytes(s.Max) + s.Max*(orderBytes+contentBytes(s.Input))
	case ApproxDistinct:
		return 3 + registerBytes(s.Precision)
	case Last, First:
		return 1 + orderBytes + contentBytes(s.Input)
	}
	return 1 + contentBytes(s.Input)
}

// contentBytes is the greatest size of a value of type t without its kind.
func contentBytes(t value.Type) int {
	switch t.Kind {
	case value.Bool:
		return 1
	case value.Float64:
		return 8
	case value.String, value.Bytes:
		return 1 + TextBytes
	case value.Decimal:
		return int128Bytes
	case value.List:
		return countBytes(MaxItems) + MaxItems*(1+contentBytes(*t.Elem))
	}
	return int64Bytes
}

// countBytes is the size of n as a varint.
func countBytes(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }
