package merge

import (
	"math"
	"math/bits"
	"slices"

	"anabranch.dev/anabranch/schemas/value"
)

// pick is an item that Value may return, with its weight or the estimate of it.
type pick struct {
	weight value.Int128
	at     int32
}

// unitError is an error of so many units of 10^-errorDigits.
func unitError(units uint64) float64 { return value.Unfix(value.Int128Of(int64(units)), errorDigits) }

// Value is the list of the k heaviest items, heaviest first, as {item, count,
// error}.
func (s *top) Value() value.Value {
	s.prune()
	s.pick()
	s.out = slices.Grow(s.out[:0], len(s.picked))
	s.fields = slices.Grow(s.fields[:0], 3*len(s.picked))
	for _, p := range s.picked {
		n := len(s.fields)
		s.fields = append(s.fields, s.list.items[p.at].parts.value(s.list.cell),
			value.Int(p.weight.Int64()), value.Int(s.bound(p.weight)))
		s.out = append(s.out, value.Value{Kind: value.Struct, L: s.fields[n : n+3 : n+3]})
	}
	return value.Items(s.out...)
}

// pick chooses the k heaviest items, in order.
func (s *top) pick() {
	s.picked = s.picked[:0]
	for i := range s.list.items {
		h := &s.list.items[i]
		p := pick{h.weight, int32(i)}
		if s.dense {
			p.weight = value.Int128{Lo: s.cells.estimate(s.list.hash(h.parts))}
		}
		full := len(s.picked) == s.k
		if p.weight.Sign() <= 0 || full && s.heavier(p, s.picked[s.k-1]) > 0 {
			continue
		}
		if full {
			s.picked = s.picked[:s.k-1]
		}
		at, _ := slices.BinarySearchFunc(s.picked, p, func(a, b pick) int { return s.heavier(a, b) })
		s.picked = slices.Insert(s.picked, at, p)
	}
}

// heavier orders by weight, the greatest first, then by item.
func (s *top) heavier(a, b pick) int {
	if c := b.weight.Cmp(a.weight); c != 0 {
		return c
	}
	return s.list.cell.compare(&s.list.items[a.at].parts, &s.list.items[b.at].parts)
}

// bound is how much an estimate may be too great: with t the weight and n the
// estimate, n - t <= ε·(total - t), so n - t <= ε·(total - n) / (1 - ε).
func (s *top) bound(n value.Int128) int64 {
	if !s.dense {
		return 0
	}
	rest := s.total.Sub(n)
	if rest.Sign() <= 0 {
		return 0
	}
	ofRest, _ := rest.Mul(value.Int128Of(int64(s.units)))
	ofTotal, _ := s.total.Mul(value.Int128Of(int64(s.units)))
	return min(quotient(ofRest, errorUnit-s.units), quotient(ofTotal, errorUnit), n.Int64())
}

// quotient is ⌊n/d⌋ for n >= 0, at most the greatest int64.
func quotient(n value.Int128, d uint64) int64 {
	if uint64(n.Hi) >= d/2 {
		return math.MaxInt64
	}
	q, _ := bits.Div64(uint64(n.Hi), n.Lo, d)
	return int64(min(q, math.MaxInt64))
}
