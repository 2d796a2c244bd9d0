package merge

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var lowRankKind = &kind{
	name: LowRank, input: numericList, check: checkLowRank, result: floatList, feed: ExactList,
	make: func(s Spec) State { return &lowRank{basis: s.Basis, scale: uint8(s.Scale)} },
	key: func(s Spec) string {
		return fmt.Sprintf("low_rank(%s, %d, %s@%d %s)", s.Input, s.Scale, s.Basis.Name, s.Basis.Version, s.Basis.Hash)
	},
	bytes:   func(s Spec) int { return int64Bytes + s.Basis.Rank*int192Bytes },
	planned: func(s Spec) (int, bool) { return int64Bytes + s.Basis.Rank*plannedContent(*s.Input.Elem), false },
}

func checkLowRank(s Spec) error {
	if err := checkItems(s); err != nil {
		return err
	}
	switch b := s.Basis; {
	case b == nil:
		return fmt.Errorf("needs a basis")
	case b.Hash == "":
		return fmt.Errorf("basis %s@%d was not made by NewBasis", b.Name, b.Version)
	case s.Dim != 0 && s.Dim != b.Dim:
		return fmt.Errorf("dim is that of basis %s@%d, %d, found %d", b.Name, b.Version, b.Dim, s.Dim)
	}
	return nil
}

// lowRank is Σ z for each direction of a basis U, where z is the event's UᵀX
// rounded to a multiple of 2^-coefficientBits of its units (Basis.project), beside
// the number of events. The sums are exact for any 2^31 events.
type lowRank struct {
	sums  []int192 // none before the first event
	n     int64
	basis *Basis
	out   []value.Value // what Value returned last
	scale uint8
}

func (s *lowRank) Add(in Input) {
	items := listOf(in.X, s.basis.Dim)
	s.open()
	s.n++
	s.basis.project(items, s.sums)
}

// open makes room for the sums.
func (s *lowRank) open() {
	if s.sums == nil {
		s.sums = make([]int192, s.basis.Rank)
	}
}

func (s *lowRank) Combine(o State) {
	l := same[*lowRank](o)
	if l.sums == nil {
		return
	}
	s.open()
	for j := range l.sums {
		s.sums[j] = s.sums[j].add(l.sums[j])
	}
	s.n += l.n
}

// Subtract undoes Combine.
func (s *lowRank) Subtract(o State) {
	l := same[*lowRank](o)
	if l.sums == nil {
		return
	}
	s.open()
	for j := range l.sums {
		s.sums[j] = s.sums[j].add(l.sums[j].neg())
	}
	s.n -= l.n
}

func (s *lowRank) Reset() {
	clear(s.sums)
	s.n = 0
}

func (s *lowRank) Size() int {
	return int(unsafe.Sizeof(*s)) + cap(s.sums)*int(unsafe.Sizeof(int192{})) + cap(s.out)*int(unsafe.Sizeof(value.Value{}))
}

// Value is U·Σz, each item rounded once to the nearest float64.
func (s *lowRank) Value() value.Value {
	if s.n == 0 {
		return value.Value{}
	}
	over := newDivisor(1, s.scale, BasisBits+coefficientBits)
	coefficients := limbsOf(s.sums)
	s.out = s.out[:0]
	for i := range s.basis.Dim {
		s.out = append(s.out, value.Float(over.of(s.basis.item(i, &coefficients))))
	}
	return value.Items(s.out...)
}

func (s *lowRank) Append(dst []byte, _ Order) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.n))
	if s.n == 0 {
		return dst
	}
	for j := range s.sums {
		dst = s.sums[j].appendVarint(dst)
	}
	return dst
}

// Decode checks all before it writes any.
func (s *lowRank) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	n := r.events()
	start := r.at
	if n > 0 {
		for range s.basis.Rank {
			r.int192()
		}
	}
	if r.err != nil {
		return r.done(LowRank)
	}
	if s.Reset(); n > 0 {
		s.open()
		again := reader{b: b, at: start}
		for j := range s.sums {
			s.sums[j] = again.int192()
		}
	}
	s.n = n
	return r.done(LowRank)
}

var _ Group = (*lowRank)(nil)
