package merge

import (
	"math"
	"slices"
	"unsafe"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// observed is a set in which a remove undoes the adds that its reader had seen,
// and no others, in any order of arrival. An element is in it if some source has
// an add of it that no remove covers. A cover is all offsets below one, so of
// each source the add with the greatest offset and the greatest cover stand for
// all: the set adds win in, without a tag for each add.
//
// What is held of a set E of operations is those after floor(E), the newest
// operation by Order on an element that is not among the limit most recently
// touched. The floor only rises, and what came before it may be forgotten,
// whether or not it had been dropped already: so the state is a function of E
// although dropped elements come back. Since Order begins with the event time
// and an add with a lesser offset may be the one that is forgotten last, those
// that are behind another neither in offset nor in Order are kept: mostly one.
type observed struct {
	touches touches // those up to the floor are dead
	facts   []facts // of each item of touches
	floor   Order   // nothing counts that is not after it
	floored bool
	sources []position.Source // by number, in no order
	out     []value.Value     // what Value returned last
}

// facts is what is known of one element; those up to the floor are dead.
type facts struct {
	adds   []added // none that another of its source is beyond in offset and Order
	covers []cover // none that another of its source is beyond in next and Order
}

type added struct {
	source uint32
	when   when // its offset is the add's own
}

// cover is a remove whose reader had seen all of a source below next.
type cover struct {
	source uint32
	next   int64
	when   when // of the remove
}

// when is the Order of an operation, packed.
type when struct {
	time   stamp.Micros
	stamp  stamp.Stamp
	offset int64
	rank   uint32
}

func whenOf(o Order) when             { return when{o.Time, o.Stamp, o.Offset, o.Rank} }
func (w when) order() Order           { return Order{w.time, w.stamp, w.rank, w.offset} }
func (w when) compare(o Order) int    { return w.order().Compare(o) }
func (s *observed) live(o Order) bool { return !s.floored || o.Compare(s.floor) > 0 }

func newObserved(s Spec) *observed { return &observed{touches: newTouches(s.Input, s.Max)} }

func (s *observed) Add(in Input) {
	var buf [8]byte
	o := in.Order
	p := take(in.X, buf[:0]).mark(s.touches.cell.kind)
	at, _ := s.touch(o, p, s.touches.newest)
	if at == none {
		return
	}
	f := &s.facts[at]
	if !in.Remove {
		f.add(s.number(in.Source), whenOf(o))
		return
	}
	for _, c := range in.Seen {
		f.cover(cover{s.number(c.Source), c.Next, whenOf(o)})
	}
}

// touch is the place of the element of p after an operation at o, or none if
// that is too old to count. Items newer than from are newer than o; it returns
// what from may be for an older operation.
func (s *observed) touch(o Order, p parts, from place) (at, then place) {
	l := &s.touches
	if !s.live(o) {
		return none, from
	}
	if at = l.find(p); at == none {
		if at = place(len(l.items)); int(at) < int(l.limit) {
			if len(s.facts) <= int(at) {
				s.facts = append(s.facts, facts{})
			}
		} else if at = l.oldest; l.items[at].order().Compare(o) >= 0 {
			s.raise(o)
			return none, from
		} else {
			s.raise(l.items[at].order())
		}
		s.facts[at].reset()
	}
	return at, l.touch(o, p, false, from)
}

// raise raises the floor to o.
func (s *observed) raise(o Order) {
	if s.live(o) {
		s.floor, s.floored = o, true
	}
}

// number is the number of a source, a new one if it has none.
func (s *observed) number(of position.Source) uint32 {
	i := slices.Index(s.sources, of)
	if i < 0 {
		i = len(s.sources)
		s.sources = append(s.sources, of)
	}
	return uint32(i)
}

func (f *facts) reset() { f.adds, f.covers = f.adds[:0], f.covers[:0] }

// add keeps what is not behind another add of its source, neither in offset nor
// in age.
func (f *facts) add(source uint32, w when) {
	for _, b := range f.adds {
		if b.source == source && b.when.offset >= w.offset && b.when.compare(w.order()) >= 0 {
			return
		}
	}
	f.adds = slices.DeleteFunc(f.adds, func(b added) bool {
		return b.source == source && b.when.offset <= w.offset && b.when.compare(w.order()) <= 0
	})
	f.adds = append(f.adds, added{source, w})
}

// cover keeps what is not behind another cover of its source, neither in what
// it covers nor in age: the greatest would do, were it never forgotten.
func (f *facts) cover(c cover) {
	if c.next <= 0 {
		return
	}
	for _, d := range f.covers {
		if d.source == c.source && d.next >= c.next && d.when.compare(c.when.order()) >= 0 {
			return
		}
	}
	f.covers = slices.DeleteFunc(f.covers, func(d cover) bool {
		return d.source == c.source && d.next <= c.next && d.when.compare(c.when.order()) <= 0
	})
	f.covers = append(f.covers, c)
}

func (s *observed) Combine(o State) {
	t := same[*observed](o)
	if t.floored {
		s.raise(t.floor)
	}
	var buf [8]uint32
	numbers := buf[:0]
	for _, source := range t.sources {
		numbers = append(numbers, s.number(source))
	}
	from := s.touches.newest
	for p := t.touches.newest; p != none; p = t.touches.items[p].older {
		item := &t.touches.items[p]
		var at place
		if at, from = s.touch(item.order(), item.parts, from); at != none {
			s.facts[at].join(&t.facts[p], numbers)
		}
	}
}

// join folds in other facts, whose sources have other numbers.
func (f *facts) join(g *facts, numbers []uint32) {
	for _, a := range g.adds {
		f.add(numbers[a.source], a.when)
	}
	for _, c := range g.covers {
		f.cover(cover{numbers[c.source], c.next, c.when})
	}
}

func (s *observed) Reset() {
	s.touches.reset()
	s.floor, s.floored = Order{}, false
	s.sources = s.sources[:0]
}

func (s *observed) Size() int {
	n := int(unsafe.Sizeof(*s)) + s.touches.size() + cap(s.facts)*int(unsafe.Sizeof(facts{})) +
		cap(s.sources)*int(unsafe.Sizeof(position.Source{})) + cap(s.out)*int(unsafe.Sizeof(value.Value{}))
	for i := range s.facts {
		n += cap(s.facts[i].adds)*int(unsafe.Sizeof(added{})) + cap(s.facts[i].covers)*int(unsafe.Sizeof(cover{}))
	}
	return n
}

// Value is the sorted list of the elements that have an add which no remove
// covers.
func (s *observed) Value() value.Value {
	l, in := &s.touches, []place(nil)
	for i := range l.items {
		if s.in(&s.facts[i]) {
			in = append(in, place(i))
		}
	}
	slices.SortFunc(in, func(a, b place) int { return l.cell.compare(&l.items[a].parts, &l.items[b].parts) })
	s.out = s.out[:0]
	for _, p := range in {
		s.out = append(s.out, l.items[p].parts.value(l.cell))
	}
	return value.Items(s.out...)
}

// in reports whether an element is in the set.
func (s *observed) in(f *facts) bool {
	return slices.ContainsFunc(f.adds, func(a added) bool {
		return s.live(a.when.order()) && !slices.ContainsFunc(f.covers, func(c cover) bool {
			return c.source == a.source && c.next > a.when.offset && s.live(c.when.order())
		})
	})
}

func (s *observed) Append(dst []byte, base Order) []byte {
	return s.append(dst, base, math.MinInt64)
}

// AppendSince appends the elements of which an operation beyond after is held,
// and the floor: no other element has changed.
func (s *observed) AppendSince(dst []byte, base Order, after int64) []byte {
	return s.append(dst, base, after)
}

// factsCounted is how many adds and covers of an element are counted in its
// greatest size: one of each for each source, and one more for each add that
// happened before another that the log took earlier, and for each remove that had
// seen less than one that happened before it.
const factsCounted = 32

func observedBytes(s Spec) int {
	sources := countBytes(s.Max*factsCounted) + factsCounted*(1+TextBytes+countBytes(1<<32)+int64Bytes)
	one := orderBytes + contentBytes(s.Input) + 2 + factsCounted*(1+orderBytes) + factsCounted*(1+int64Bytes+orderBytes)
	return countBytes(2*s.Max) + orderBytes + sources + s.Max*one
}

// plannedObserved takes an element to have an add and covers of two sources.
func plannedObserved(s Spec) int {
	return s.Max * (plannedElement + plannedContent(s.Input) + 6 + 2*8)
}

var _ Incremental = (*observed)(nil)
