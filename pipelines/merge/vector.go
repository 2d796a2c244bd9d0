package merge

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

// MaxBits is the greatest Bits of a vector.
const MaxBits = 32

var (
	vectorSumKind  = vectorKind(VectorSum)
	vectorMeanKind = vectorKind(VectorMean)
)

func vectorKind(name string) *kind {
	return &kind{
		name: name, input: numericList, check: checkVector, result: floatList, feed: ExactList,
		make: func(s Spec) State {
			return &vector{dim: s.Dim, bits: uint(s.Bits), scale: uint8(s.Scale), mean: name == VectorMean}
		},
		key:       func(s Spec) string { return fmt.Sprintf("%s(%s, %d, %d, %d)", name, s.Input, s.Scale, s.Dim, s.Bits) },
		bytes:     func(s Spec) int { return int64Bytes + 1 + s.Dim*int128Bytes },
		planned:   func(s Spec) (int, bool) { return int64Bytes + 1 + s.Dim*plannedContent(*s.Input.Elem), false },
		guarantee: func(s Spec) float64 { return quantizationError(s.Bits) },
		meet:      meetBits,
	}
}

func floatList(Spec) value.Type { return value.ListOf(value.Of(value.Float64)) }

func numericList(in value.Type) error {
	if in.Kind != value.List || in.Elem == nil || !in.Elem.Numeric() {
		return fmt.Errorf("wants lists of numbers, found %s", in)
	}
	return nil
}

// checkItems checks the scale of a list's items.
func checkItems(s Spec) error {
	s.Input = *s.Input.Elem
	return checkScale(s)
}

func checkVector(s Spec) error {
	if err := checkItems(s); err != nil {
		return err
	}
	if err := within("dim", s.Dim, 1, MaxItems); err != nil {
		return err
	}
	return within("bits", s.Bits, 0, MaxBits)
}

// quantizationError is how far an item of an event may be off, relative to the
// event's greatest: half a step.
func quantizationError(bits int) float64 {
	if bits == 0 {
		return 0
	}
	return float64(1 / float64(uint64(1)<<bits-1))
}

func meetBits(budget float64) string {
	for b := 1; b <= MaxBits; b++ {
		if quantizationError(b) <= budget {
			return fmt.Sprintf("bits: %d", b)
		}
	}
	return "bits: 0"
}

// vector is Σ x for each dimension in units of 10^-scale, beside the number of
// events.
type vector struct {
	sums  []value.Int128 // none before the first event
	n     int64
	out   []value.Value // what Value returned last
	dim   int
	bits  uint
	scale uint8
	mean  bool
}

// Err is what quantization may have moved each event's items by, relative to its
// greatest.
func (s *vector) Err() float64 {
	if s.n == 0 {
		return 0
	}
	return quantizationError(int(s.bits))
}

func (s *vector) Add(in Input) {
	items := listOf(in.X, s.dim)
	s.open()
	s.n++
	step := uint(0)
	if s.bits > 0 {
		step = stepOf(items, s.bits)
	}
	for i := range items {
		x := items[i].Int128()
		if step > 0 {
			x = multiple(x, step)
		}
		s.sums[i] = s.sums[i].Add(x)
	}
}

// listOf is the items of an ExactList of n.
func listOf(x value.Value, n int) []value.Value {
	if x.Kind != value.List || len(x.L) != n {
		panic(fmt.Sprintf("BUG: merge: fed a %s of %d items, not %d", x.Kind, len(x.L), n))
	}
	return x.L
}

// open makes room for the sums.
func (s *vector) open() {
	if s.sums == nil {
		s.sums = make([]value.Int128, s.dim)
	}
}

// stepOf is the least s such that the greatest of items is at most (2^b-1)·2^s.
func stepOf(items []value.Value, b uint) uint {
	var most value.Int128
	for i := range items {
		x := items[i].Int128()
		if x.Hi < 0 {
			x = x.Neg()
		}
		if x.Cmp(most) > 0 {
			most = x
		}
	}
	length := uint(bits.Len64(most.Lo))
	if most.Hi != 0 {
		length = 64 + uint(bits.Len64(uint64(most.Hi)))
	}
	if length <= b {
		return 0
	}
	s := length - b
	if most.Cmp(shiftedLeft(bitsBelow(b), s)) > 0 {
		s++
	}
	return s
}

// bitsBelow is 2^s - 1, for s up to 127.
func bitsBelow(s uint) value.Int128 {
	if s >= 64 {
		return value.Int128{Hi: 1<<(s-64) - 1, Lo: 1<<64 - 1}
	}
	return value.Int128{Lo: 1<<s - 1}
}

// multiple is the multiple of 2^s nearest to x, half to even, for s in 1 to 127.
func multiple(x value.Int128, s uint) value.Int128 {
	odd := shiftedRight(x, s).Lo & 1
	x = x.Add(bitsBelow(s - 1)).Add(value.Int128{Lo: odd})
	low := bitsBelow(s)
	return value.Int128{Hi: x.Hi &^ low.Hi, Lo: x.Lo &^ low.Lo}
}

func (s *vector) Combine(o State) {
	v := same[*vector](o)
	if v.sums == nil {
		return
	}
	s.open()
	for i := range v.sums {
		s.sums[i] = s.sums[i].Add(v.sums[i])
	}
	s.n += v.n
}

// Subtract undoes Combine.
func (s *vector) Subtract(o State) {
	v := same[*vector](o)
	if v.sums == nil {
		return
	}
	s.open()
	for i := range v.sums {
		s.sums[i] = s.sums[i].Sub(v.sums[i])
	}
	s.n -= v.n
}

func (s *vector) Reset() {
	clear(s.sums)
	s.n = 0
}

func (s *vector) Size() int {
	return int(unsafe.Sizeof(*s)) + cap(s.sums)*int(unsafe.Sizeof(value.Int128{})) + cap(s.out)*int(unsafe.Sizeof(value.Value{}))
}

// Value is the list of float64 nearest to the sums, or to their means.
func (s *vector) Value() value.Value {
	if s.n == 0 {
		return value.Value{}
	}
	over := newDivisor(1, s.scale, 0)
	if s.mean {
		over = newDivisor(s.n, s.scale, 0)
	}
	s.out = s.out[:0]
	for i := range s.sums {
		s.out = append(s.out, value.Float(over.of(widen(s.sums[i]))))
	}
	return value.Items(s.out...)
}

// Append writes the sums without the zeros that all of them end with, of which
// there are many where the events were rounded to few bits (FORMAT.md §5.12).
func (s *vector) Append(dst []byte, _ Order) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.n))
	if s.n == 0 {
		return dst
	}
	var all value.Int128
	for i := range s.sums {
		all.Hi, all.Lo = all.Hi|s.sums[i].Hi, all.Lo|s.sums[i].Lo
	}
	shift := trailingZeros(all)
	dst = binary.AppendUvarint(dst, uint64(shift))
	for i := range s.sums {
		dst = shiftedRight(s.sums[i], shift).AppendVarint(dst)
	}
	return dst
}

// trailingZeros is how many zeros n ends with; 0 of 0.
func trailingZeros(n value.Int128) uint {
	switch {
	case n.Lo != 0:
		return uint(bits.TrailingZeros64(n.Lo))
	case n.Hi != 0:
		return 64 + uint(bits.TrailingZeros64(uint64(n.Hi)))
	}
	return 0
}

func shiftedRight(n value.Int128, s uint) value.Int128 {
	if s >= 64 {
		return value.Int128{Hi: n.Hi >> 63, Lo: uint64(n.Hi >> (s - 64))}
	}
	return value.Int128{Hi: n.Hi >> s, Lo: n.Lo>>s | uint64(n.Hi)<<(64-s)}
}

func shiftedLeft(n value.Int128, s uint) value.Int128 {
	if s >= 64 {
		return value.Int128{Hi: int64(n.Lo << (s - 64))}
	}
	return value.Int128{Hi: n.Hi<<s | int64(n.Lo>>(64-s)), Lo: n.Lo << s}
}

// Decode checks all before it writes any.
func (s *vector) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	n, shift, start := r.events(), uint64(0), 0
	if n > 0 {
		if shift = r.uvarint(); shift > 127 {
			r.fail("shift out of range")
		}
		start = r.at
		r.items(s.dim, uint(shift))
	}
	if r.err != nil {
		return r.done(s.name())
	}
	if s.Reset(); n > 0 {
		s.open()
		again := reader{b: b, at: start}
		for i := range s.sums {
			s.sums[i] = shiftedLeft(again.int128(), uint(shift))
		}
	}
	s.n = n
	return r.done(s.name())
}

// events reads a number of events.
func (r *reader) events() int64 {
	n := r.uvarint()
	if n>>63 != 0 {
		r.fail("number of events out of range")
	}
	return int64(n)
}

// items walks n integers that fit when they are shifted left, and checks that
// they are not shifted by less than they could be.
func (r *reader) items(n int, shift uint) {
	any, odd := false, false
	for range n {
		x := r.int128()
		if r.err != nil {
			return
		}
		if shiftedRight(shiftedLeft(x, shift), shift) != x {
			r.fail("item out of range")
		}
		any = any || x.Sign() != 0
		odd = odd || x.Lo&1 == 1
	}
	if !odd && (any || shift > 0) {
		r.fail("items end with zeros")
	}
}

func (s *vector) name() string {
	if s.mean {
		return VectorMean
	}
	return VectorSum
}

var _ Group = (*vector)(nil)
