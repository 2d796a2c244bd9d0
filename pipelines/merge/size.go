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
	int192Bytes = 28
	// orderBytes is the greatest size of an Order whose offset and base lie
	// within 2^48 of each other.
	orderBytes  = gapBytes + 8 + 3 + offsetBytes
	gapBytes    = 9 // of an event time
	offsetBytes = 7
)

// What a plan counts for the content of an item: text is mostly short, and few
// lists are as long as they may be.
const (
	plannedText    = 16
	plannedList    = 128
	plannedElement = 12 // of a collection, beside its content
)

// MaxBytes is the greatest size of the canonical bytes, with strings and bytes
// counted as TextBytes. Of an exact min or max it counts 4,096 pairs: more than
// that only remain of a pane in which more than 4,096 values in a row fall (max)
// or rise (min).
func (s Spec) MaxBytes() int { return s.must().bytes(s) }

// Planned is the size that a plan counts for one full state, and whether it is a
// collection, whose elements spread over the panes of a window.
func (s Spec) Planned() (bytes int, collection bool) {
	if s.Input.Kind == value.List && s.Feed() == Plain {
		return plannedElement + plannedList*plannedContent(*s.Input.Elem), false
	}
	if k := s.must(); k.planned != nil {
		return k.planned(s)
	}
	return s.MaxBytes(), false
}

// plannedContent is what a plan counts for one value.
func plannedContent(t value.Type) int {
	if t.Kind == value.String || t.Kind == value.Bytes {
		return 1 + plannedText
	}
	return 9
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
