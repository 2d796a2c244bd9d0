package merge

import (
	"fmt"
	"math"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var recentKind = &kind{
	name:    Recent,
	input:   single,
	check:   func(s Spec) error { return within("k", s.K, 1, MaxItems) },
	result:  itsList,
	make:    func(s Spec) State { return &recent{touches: newTouches(s.Input, s.K)} },
	key:     func(s Spec) string { return fmt.Sprintf("recent(%s, %d)", s.Input, s.K) },
	bytes:   func(s Spec) int { return touchBytes(s, s.K) },
	planned: func(s Spec) (int, bool) { return s.K * (plannedElement + plannedContent(s.Input)), true },
	joins:   true,
}

// touchBytes is the greatest size of n items.
func touchBytes(s Spec, n int) int { return countBytes(n) + n*(orderBytes+contentBytes(s.Input)) }

// recent is the k distinct items with the greatest newest Order.
type recent struct {
	touches touches
	out     []value.Value // what Value returned last
}

func (s *recent) Add(in Input)    { s.touches.add(in.Order, in.X, false) }
func (s *recent) Combine(o State) { s.touches.combine(&same[*recent](o).touches) }
func (s *recent) Reset()          { s.touches.reset() }

func (s *recent) Size() int {
	return int(unsafe.Sizeof(*s)) + s.touches.size() + cap(s.out)*int(unsafe.Sizeof(value.Value{}))
}

// Value is the list of items, newest first.
func (s *recent) Value() value.Value {
	s.out = s.out[:0]
	l := &s.touches
	for p := l.newest; p != none; p = l.items[p].older {
		s.out = append(s.out, l.items[p].parts.value(l.cell))
	}
	return value.Items(s.out...)
}

func (s *recent) Append(dst []byte, base Order) []byte {
	return s.touches.append(dst, base, math.MinInt64)
}

// AppendSince appends the items whose newest touch is beyond after.
func (s *recent) AppendSince(dst []byte, base Order, after int64) []byte {
	return s.touches.append(dst, base, after)
}

func (s *recent) Decode(b []byte, base Order) (int, error) {
	r := reader{b: b}
	s.touches.decode(&r, base, false)
	return r.done(Recent)
}

var _ Incremental = (*recent)(nil)
