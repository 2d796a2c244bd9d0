package merge

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"anabranch.dev/anabranch/schemas/value"
)

var distinctKind = &kind{
	name:      ApproxDistinct,
	input:     single,
	check:     func(s Spec) error { return within("precision", s.Precision, MinPrecision, MaxPrecision) },
	result:    wholeNumber,
	make:      func(s Spec) State { return &distinct{precision: uint8(s.Precision)} },
	key:       func(s Spec) string { return fmt.Sprintf("approx_distinct(%s, %d)", s.Input, s.Precision) },
	bytes:     distinctBytes,
	planned:   func(s Spec) (int, bool) { return distinctBytes(s), true },
	guarantee: func(s Spec) float64 { return standardError(s.Precision) },
	meet:      meetDistinct,
	joins:     true,
}

func distinctBytes(s Spec) int { return 3 + registerBytes(s.Precision) }

// standardError is 1.04/√2^precision, relative.
func standardError(precision int) float64 {
	return float64(1.04 / math.Sqrt(float64(uint64(1)<<precision)))
}

func meetDistinct(budget float64) string {
	for p := MinPrecision; p <= MaxPrecision; p++ {
		if standardError(p) <= budget {
			return fmt.Sprintf("precision: %d", p)
		}
	}
	return ""
}

// distinct is a HyperLogLog (Flajolet and others, 2007) over 64-bit hashes that
// holds the hashes themselves while they take no more bytes than the
// registers. It is a pure function of the set of hashes.
type distinct struct {
	hashes    []uint64 // ascending, while exact
	registers []byte   // 2^precision of 6 bits, four in three bytes, once dense
	precision uint8
	dense     bool
}

// registerBytes is the size of 2^precision registers.
func registerBytes(precision int) int { return 1 << precision / 4 * 3 }

// exactLimit is the greatest number of hashes that is kept exactly.
func (s *distinct) exactLimit() int { return registerBytes(int(s.precision)) / 8 }

// hashOf is XXH64 with seed 0 of the value's canonical bytes, kind included.
func hashOf(v value.Value) uint64 {
	var buf [96]byte
	return xxhash.Sum64(value.Append(buf[:0], v))
}

// Err is 0 while the hashes are held, and then the registers' standard error.
func (s *distinct) Err() float64 {
	if !s.dense {
		return 0
	}
	return standardError(int(s.precision))
}

func (s *distinct) Add(in Input) { s.see(hashOf(in.X)) }

func (s *distinct) see(hash uint64) {
	if s.dense {
		s.register(hash)
		return
	}
	i, found := slices.BinarySearch(s.hashes, hash)
	if found {
		return
	}
	s.hashes = slices.Insert(s.hashes, i, hash)
	if len(s.hashes) > s.exactLimit() {
		s.thicken()
	}
}

// thicken turns the hashes into registers.
func (s *distinct) thicken() {
	n := registerBytes(int(s.precision))
	s.registers = slices.Grow(s.registers[:0], n)[:n]
	clear(s.registers)
	for _, h := range s.hashes {
		s.register(h)
	}
	s.hashes, s.dense = nil, true
}

// register raises the register that the hash's first bits name to the place of
// the first 1 among the rest.
func (s *distinct) register(hash uint64) {
	rest := hash<<s.precision | 1<<(s.precision-1)
	s.raise(int(hash>>(64-s.precision)), uint8(bits.LeadingZeros64(rest))+1)
}

func (s *distinct) raise(i int, rank uint8) {
	group := s.registers[i/4*3 : i/4*3+3]
	w, shift := word(group), uint(i%4*6)
	if old := w >> shift & 63; uint32(rank) > old {
		w += (uint32(rank) - old) << shift
		group[0], group[1], group[2] = byte(w), byte(w>>8), byte(w>>16)
	}
}

// word is a group of four registers, the first in the low bits.
func word(group []byte) uint32 {
	return uint32(group[0]) | uint32(group[1])<<8 | uint32(group[2])<<16
}

func (s *distinct) Combine(o State) {
	d := same[*distinct](o)
	switch {
	case !d.dense && !s.dense:
		s.union(d.hashes)
	case !d.dense:
		for _, h := range d.hashes {
			s.register(h)
		}
	case !s.dense && len(s.hashes) == 0:
		s.registers, s.dense = append(s.registers[:0], d.registers...), true
	default:
		if !s.dense {
			s.thicken()
		}
		raiseAll(s.registers, d.registers)
	}
}

// union merges ascending hashes into the state's, from the greatest down.
func (s *distinct) union(more []uint64) {
	n := len(s.hashes) + len(more) - common(s.hashes, more)
	i, j := len(s.hashes)-1, len(more)-1
	s.hashes = slices.Grow(s.hashes, n-len(s.hashes))[:n]
	for k := n - 1; j >= 0; k-- {
		switch {
		case i >= 0 && s.hashes[i] > more[j]:
			s.hashes[k], i = s.hashes[i], i-1
		case i >= 0 && s.hashes[i] == more[j]:
			s.hashes[k], i, j = more[j], i-1, j-1
		default:
			s.hashes[k], j = more[j], j-1
		}
	}
	if n > s.exactLimit() {
		s.thicken()
	}
}

// common is how many items two ascending lists share.
func common[T cmp.Ordered](a, b []T) int {
	n := 0
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			a, b, n = a[1:], b[1:], n+1
		}
	}
	return n
}

// raiseAll raises each register of a to that of b, eight at a time.
func raiseAll(a, b []byte) {
	for i := 0; i < len(a); i += 6 {
		x, y := a[i:i+6], b[i:i+6]
		u := uint64(binary.LittleEndian.Uint32(x)) | uint64(binary.LittleEndian.Uint16(x[4:]))<<32
		v := uint64(binary.LittleEndian.Uint32(y)) | uint64(binary.LittleEndian.Uint16(y[4:]))<<32
		const even = 0x3f | 0x3f<<12 | 0x3f<<24 | 0x3f<<36
		u = greater(u&even, v&even) | greater(u>>6&even, v>>6&even)<<6
		binary.LittleEndian.PutUint32(x, uint32(u))
		binary.LittleEndian.PutUint16(x[4:], uint16(u>>32))
	}
}

// greater is the greater of each pair of four 6-bit fields, 12 bits apart. The
// bit above a field survives the subtraction where u's is not the less.
func greater(u, v uint64) uint64 {
	const above = 1<<6 | 1<<18 | 1<<30 | 1<<42
	kept := (u | above) - v&^above
	kept &= above
	kept -= kept >> 6
	return u&kept | v&^kept
}

func (s *distinct) Reset() { s.hashes, s.registers, s.dense = s.hashes[:0], s.registers[:0], false }

func (s *distinct) Size() int {
	return int(unsafe.Sizeof(*s)) + 8*cap(s.hashes) + cap(s.registers)
}

// Value is the exact count while the hashes are kept, the estimate beyond.
func (s *distinct) Value() value.Value {
	if !s.dense {
		return value.Int(int64(len(s.hashes)))
	}
	var histogram [64]uint32
	s.count(&histogram)
	return value.Int(estimate(&histogram, int(s.precision)))
}

// count counts the registers of each height. Neighbours count apart, so that
// one need not wait for the other.
func (s *distinct) count(histogram *[64]uint32) {
	var apart [4][64]uint32
	for i := 0; i < len(s.registers); i += 3 {
		w := word(s.registers[i : i+3])
		apart[0][w&63]++
		apart[1][w>>6&63]++
		apart[2][w>>12&63]++
		apart[3][w>>18&63]++
	}
	for k := range histogram {
		histogram[k] = apart[0][k] + apart[1][k] + apart[2][k] + apart[3][k]
	}
}

// Leading numbers of the bytes: 0 is empty, 1 is registers, n+1 is n hashes.
const denseTag = 1

func (s *distinct) Append(dst []byte, _ Order) []byte {
	if s.dense {
		return append(append(dst, denseTag), s.registers...)
	}
	if len(s.hashes) == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.hashes))+1)
	for _, h := range s.hashes {
		dst = binary.BigEndian.AppendUint64(dst, h)
	}
	return dst
}

func (s *distinct) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	switch n := r.uvarint(); {
	case r.err != nil:
	case n == 0:
		s.Reset()
	case n == denseTag:
		s.decodeDense(&r)
	default:
		s.decodeExact(&r, n-1)
	}
	return r.done(ApproxDistinct)
}

func (s *distinct) decodeExact(r *reader, n uint64) {
	if n > uint64(s.exactLimit()) {
		r.fail(fmt.Sprintf("%d hashes, of at most %d", n, s.exactLimit()))
		return
	}
	raw := r.take(8 * int(n))
	hashes := make([]uint64, len(raw)/8)
	for i := range hashes {
		hashes[i] = binary.BigEndian.Uint64(raw[8*i:])
		if i > 0 && hashes[i] <= hashes[i-1] {
			r.fail("hashes out of order")
		}
	}
	if r.err == nil {
		s.hashes, s.registers, s.dense = hashes, nil, false
	}
}

func (s *distinct) decodeDense(r *reader) {
	raw := r.take(registerBytes(int(s.precision)))
	most, some := uint32(64-s.precision+1), uint32(0)
	for i := 0; i < len(raw); i += 3 {
		w := word(raw[i : i+3])
		for j := range 4 {
			if w>>(6*j)&63 > most {
				r.fail("register out of range")
			}
		}
		some |= w
	}
	if some == 0 {
		r.fail("no register is set")
	}
	if r.err == nil {
		s.hashes, s.registers, s.dense = nil, append(s.registers[:0], raw...), true
	}
}
