package merge

import (
	"encoding/binary"

	"anabranch.dev/anabranch/pipelines/merge/fixedmath"
	"anabranch.dev/anabranch/schemas/value"
)

// Append writes (FORMAT.md §5): how many epochs, the newest event's time, then
// the epochs from the newest back, of which the first is that time's.
func (s *decay) Append(dst []byte, base Order) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s.epochs)))
	if len(s.epochs) == 0 {
		return dst
	}
	dst = appendGap(dst, base.Time, s.newest)
	before := s.latest
	for i, e := range s.epochs {
		if i > 0 {
			dst = binary.AppendUvarint(dst, uint64(before-e.number))
		}
		dst = e.weight.AppendVarint(dst)
		dst = e.sum.AppendVarint(dst)
		before = e.number
	}
	return dst
}

func (s *decay) name() string {
	if s.ema {
		return EMA
	}
	return DecayedSum
}

func (s *decay) Decode(b []byte, base Order) (int, error) {
	r := reader{b: b}
	n := r.uvarint()
	if n > maxEpochs {
		r.fail("too many epochs")
	}
	if r.err != nil || n == 0 {
		if r.err == nil {
			s.Reset()
		}
		return r.done(s.name())
	}
	newest := r.gap(base.Time)
	latest, _ := s.split(newest)
	var epochs [maxEpochs]epoch
	number := latest
	for i := range epochs[:n] {
		if i > 0 {
			number = r.earlier(number, latest-decayHorizon)
		}
		epochs[i] = epoch{number, r.weight(s.ema), r.int256()}
	}
	if r.err == nil {
		s.epochs = append(s.epochs[:0], epochs[:n]...)
		s.newest, s.latest = newest, latest
	}
	return r.done(s.name())
}

// earlier reads how far the next epoch is before one; it is not before oldest.
func (r *reader) earlier(number, oldest int64) int64 {
	gap := r.uvarint()
	if gap == 0 || gap > uint64(number-oldest) {
		r.fail("epoch out of range")
		return number
	}
	return number - int64(gap)
}

// maxWeightBits is far more than 2^31 events come to.
const maxWeightBits = 95

// weight reads that of some events.
func (r *reader) weight(ema bool) (n value.Int128) {
	n = r.int128()
	least := int64(1)
	if ema {
		least <<= mantissaBits
	}
	if r.err == nil && (n.Cmp(value.Int128Of(least)) < 0 || !n.Within(maxWeightBits)) {
		r.fail("weight out of range")
	}
	return n
}

func (r *reader) int256() fixedmath.Int256 {
	if r.err != nil {
		return fixedmath.Int256{}
	}
	v, n := fixedmath.DecodeInt256(r.b[r.at:])
	if n == 0 {
		r.fail("bad integer")
	}
	r.at += n
	return v
}

// Greatest sizes in bytes of what an epoch holds, of up to 2^31 events.
const (
	eventsBytes = 5  // how many
	weightBytes = 10 // Σ 2^f < 2^32, and 32 bits
	decaysBytes = 23 // |Σ x*2^f| < 2^127, and 32 bits
)

func decayBytes(s Spec) int {
	weight := eventsBytes
	if s.Kind == EMA {
		weight = weightBytes
	}
	return 1 + gapBytes + maxEpochs*(1+weight+decaysBytes)
}

// plannedDecay counts numbers of up to 2^40 units, 2^20 of them in each epoch.
// The epochs spread over a window's panes.
func plannedDecay(s Spec) (int, bool) {
	weight := 3
	if s.Kind == EMA {
		weight = 8
	}
	return 1 + gapBytes + maxEpochs*(1+weight+14), true
}
