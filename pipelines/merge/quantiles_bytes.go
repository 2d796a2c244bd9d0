package merge

import (
	"encoding/binary"
	"strconv"
)

// Quantiles as bytes (FORMAT.md §5): how many places, then each, ascending. What
// comes before a count says in its lowest bit whether the count is not 1.
const flagMany = 1

// maxEvents is the greatest number of events in a state's bytes, so that two
// states together still count exactly.
const maxEvents = 1 << 62

func (s *quantiles) Append(dst []byte, _ Order) []byte {
	_, n := s.total()
	dst = binary.AppendUvarint(dst, uint64(n))
	first, before := true, int32(0)
	for i, place := range s.places {
		switch {
		case s.counts[i] <= 0:
			continue
		case first:
			dst = appendCounted(dst, s.firstCode(place), s.counts[i])
		default:
			dst = appendCounted(dst, uint64(place-before), s.counts[i])
		}
		first, before = false, place
	}
	return dst
}

func appendCounted(dst []byte, code uint64, n int64) []byte {
	if n == 1 {
		return binary.AppendUvarint(dst, code<<1)
	}
	dst = binary.AppendUvarint(dst, code<<1|flagMany)
	return binary.AppendUvarint(dst, uint64(n-2))
}

// firstCode is 0 for 0, and otherwise 1 more than the sign below the zigzag of
// the place on the grid, which is small for numbers near 1.
func (s *quantiles) firstCode(signed int32) uint64 {
	switch {
	case signed == 0:
		return 0
	case signed < 0:
		return 1 + zigzag(int64(-signed-1+s.grid.least))<<1 + 1
	}
	return 1 + zigzag(int64(signed-1+s.grid.least))<<1
}

func (s *quantiles) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	n := r.uvarint()
	if n > uint64(len(b)-r.at) {
		r.fail("torn")
	}
	if r.err != nil {
		return r.done(Quantiles)
	}
	places, counts := make([]int32, n), make([]int64, n)
	total, place := uint64(0), int64(0)
	for i := range places {
		code, many := r.counted()
		if i == 0 {
			place = s.firstPlace(&r, code)
		} else {
			place = s.nextPlace(&r, place, code)
		}
		count := uint64(1)
		if many {
			count = 2 + r.limited(maxEvents)
		}
		if total += count; total > maxEvents {
			r.fail("too many events")
		}
		if r.err != nil {
			return r.done(Quantiles)
		}
		places[i], counts[i] = int32(place), int64(count)
	}
	s.places, s.counts = places, counts
	return r.done(Quantiles)
}

// counted reads what stands before a count.
func (r *reader) counted() (code uint64, many bool) {
	u := r.uvarint()
	return u >> 1, u&flagMany != 0
}

// limited reads an integer of at most most.
func (r *reader) limited(most uint64) uint64 {
	u := r.uvarint()
	if u > most {
		r.fail("number out of range")
		return 0
	}
	return u
}

// firstPlace is the signed place whose firstCode is code.
func (s *quantiles) firstPlace(r *reader, code uint64) int64 {
	if code == 0 {
		return 0
	}
	place := unzigzag((code-1)>>1) - int64(s.grid.least) + 1
	if place < 1 || place > int64(s.grid.most) {
		r.fail("place out of range")
	}
	if (code-1)&1 != 0 {
		return -place
	}
	return place
}

// nextPlace is the signed place that lies gap above one.
func (s *quantiles) nextPlace(r *reader, place int64, gap uint64) int64 {
	if gap == 0 || gap > 2*uint64(s.grid.most) || place+int64(gap) > int64(s.grid.most) {
		r.fail("place out of range")
		return place
	}
	return place + int64(gap)
}

// shortest is f in its shortest decimal form without an exponent.
func shortest(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// quantilesBytes counts every place with 2^31 events: of two neighbours one byte
// tells the distance; a greater distance leaves out more places than its bytes
// are.
func quantilesBytes(s Spec) int {
	g := newGrid(s.Error, s.Input.Kind)
	n := 2*int(g.most) + 1
	return countBytes(n) + int64Bytes + n*(1+5)
}

// plannedDecades is the span, in powers of ten, over which a plan spreads the
// numbers of a key.
const plannedDecades = 6

// plannedQuantiles counts three bytes for each place of numbers of one sign that
// lie within six powers of ten.
func plannedQuantiles(s Spec) (int, bool) {
	g := newGrid(s.Error, s.Input.Kind)
	span := int64(plannedDecades*10/3) << logBits
	return min(3*int(span/g.width+2), quantilesBytes(s)), true
}
