package merge

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var setKind = &kind{
	name:    Set,
	input:   single,
	check:   func(s Spec) error { return within("max", s.Max, 1, MaxItems) },
	result:  itsList,
	make:    newSet,
	key:     setKey,
	bytes:   setBytes,
	planned: func(s Spec) (int, bool) { return plannedSet(s), true },
	joins:   true,
}

func newSet(s Spec) State {
	if s.Observed {
		return newObserved(s)
	}
	return &set{touches: newTouches(s.Input, s.Max)}
}

func setKey(s Spec) string {
	if s.Observed {
		return fmt.Sprintf("set(%s, %d, observed)", s.Input, s.Max)
	}
	return fmt.Sprintf("set(%s, %d, %t)", s.Input, s.Max, s.Remove)
}

func setBytes(s Spec) int {
	if s.Observed {
		return observedBytes(s)
	}
	return touchBytes(s, s.Max)
}

func plannedSet(s Spec) int {
	if s.Observed {
		return plannedObserved(s)
	}
	return s.Max * (plannedElement + plannedContent(s.Input))
}

// set is the elements that were touched most recently, each with the greatest
// Order that added or removed it. Removed ones stay, so that an older add that
// comes later does not bring them back.
type set struct {
	touches touches
	out     []value.Value // what Value returned last
}

func (s *set) Add(in Input) { s.touches.add(in.Order, in.X, in.Remove) }

func (s *set) Combine(o State) { s.touches.combine(&same[*set](o).touches) }
func (s *set) Reset()          { s.touches.reset() }

func (s *set) Size() int {
	return int(unsafe.Sizeof(*s)) + s.touches.size() + cap(s.out)*int(unsafe.Sizeof(value.Value{}))
}

// Value is the sorted list of the elements whose last operation is an add.
func (s *set) Value() value.Value {
	var buf [fewItems]place
	l, added := &s.touches, buf[:0]
	for i := range l.items {
		if !l.items[i].removed() {
			added = append(added, place(i))
		}
	}
	slices.SortFunc(added, func(a, b place) int { return l.cell.compare(&l.items[a].parts, &l.items[b].parts) })
	s.out = s.out[:0]
	for _, p := range added {
		s.out = append(s.out, l.items[p].parts.value(l.cell))
	}
	return value.Items(s.out...)
}

func (s *set) Append(dst []byte, base Order) []byte {
	return s.touches.append(dst, base, math.MinInt64)
}

// AppendSince appends the elements whose newest touch is beyond after.
func (s *set) AppendSince(dst []byte, base Order, after int64) []byte {
	return s.touches.append(dst, base, after)
}

func (s *set) Decode(b []byte, base Order) (int, error) {
	r := reader{b: b}
	s.touches.decode(&r, base, true)
	return r.done(Set)
}

var _ Incremental = (*set)(nil)
