package merge

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/position"
)

// operation reads an order that nothing removed, of an operation in a log.
func (r *reader) operation(ref Order) Order {
	o, removed := r.order(ref)
	if removed {
		r.fail("a removal out of place")
	}
	return o
}

// named is a source in bytes: those of a state ascend.
type named struct {
	source position.Source
	top    int64 // its greatest cover, which the others are relative to; 0 without one
	used   bool
	met    bool // decoding: a cover is the greatest
}

// append appends the elements beyond offset after, newest first, each relative
// to the one before it (FORMAT.md §5, set with observed removes).
func (s *observed) append(dst []byte, base Order, after int64) []byte {
	var elements []place
	l := &s.touches
	for p := l.newest; p != none && s.live(l.items[p].order()); p = l.items[p].older {
		if l.items[p].offset > after || s.changed(&s.facts[p], after) {
			elements = append(elements, p)
		}
	}
	head := uint64(len(elements)) << 1
	if s.floored {
		dst = appendOrder(binary.AppendUvarint(dst, head|1), base, s.floor, false)
	} else {
		dst = binary.AppendUvarint(dst, head)
	}
	if len(elements) == 0 {
		return dst
	}
	names, numbers := s.names(elements)
	dst = appendNames(dst, names)
	live := &facts{}
	for _, p := range elements {
		o := l.items[p].order()
		dst = appendOrder(dst, base, o, false)
		dst = l.items[p].parts.append(dst, l.cell)
		s.renumber(live, &s.facts[p], numbers)
		dst = live.append(dst, o, names)
		base = o
	}
	return dst
}

// changed reports whether a living fact is of an operation beyond after.
func (s *observed) changed(f *facts, after int64) bool {
	return slices.ContainsFunc(f.adds, func(a added) bool { return a.when.offset > after && s.live(a.when.order()) }) ||
		slices.ContainsFunc(f.covers, func(c cover) bool { return c.when.offset > after && s.live(c.when.order()) })
}

// names lists the sources that are named in the facts of some elements, and for
// each of s.sources its place among them.
func (s *observed) names(elements []place) (names []named, numbers []uint32) {
	all := make([]named, len(s.sources))
	for i, source := range s.sources {
		all[i].source = source
	}
	for _, p := range elements {
		for _, a := range s.facts[p].adds {
			if s.live(a.when.order()) {
				all[a.source].used = true
			}
		}
		for _, c := range s.facts[p].covers {
			if s.live(c.when.order()) {
				all[c.source].used = true
				all[c.source].top = max(all[c.source].top, c.next)
			}
		}
	}
	for _, n := range all {
		if n.used {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b named) int { return a.source.Compare(b.source) })
	numbers = make([]uint32, len(all))
	for i := range names {
		numbers[slices.Index(s.sources, names[i].source)] = uint32(i)
	}
	return names, numbers
}

func appendNames(dst []byte, names []named) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(names)))
	for _, n := range names {
		dst = binary.AppendUvarint(dst, uint64(len(n.source.Origin)))
		dst = append(dst, n.source.Origin...)
		dst = binary.AppendUvarint(dst, uint64(n.source.Incarnation))
		dst = binary.AppendUvarint(dst, uint64(n.top))
	}
	return dst
}

// renumber makes to the living facts of f, with the numbers of names, in the
// order of bytes: by source, those of one source the newest first.
func (s *observed) renumber(to, f *facts, numbers []uint32) {
	to.reset()
	for _, a := range f.adds {
		if s.live(a.when.order()) {
			to.adds = append(to.adds, added{numbers[a.source], a.when})
		}
	}
	for _, c := range f.covers {
		if s.live(c.when.order()) {
			to.covers = append(to.covers, cover{numbers[c.source], c.next, c.when})
		}
	}
	slices.SortFunc(to.adds, func(a, b added) int {
		if c := cmp.Compare(a.source, b.source); c != 0 {
			return c
		}
		return b.when.compare(a.when.order())
	})
	slices.SortFunc(to.covers, func(a, b cover) int {
		if c := cmp.Compare(a.source, b.source); c != 0 {
			return c
		}
		return b.when.compare(a.when.order())
	})
}

// append appends adds, relative to the element's order, then covers, each
// relative to the one before.
func (f *facts) append(dst []byte, of Order, names []named) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(f.adds)))
	for _, a := range f.adds {
		dst = appendOrder(binary.AppendUvarint(dst, uint64(a.source)), of, a.when.order(), false)
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.covers)))
	for _, c := range f.covers {
		dst = binary.AppendUvarint(dst, uint64(c.source))
		dst = binary.AppendUvarint(dst, uint64(names[c.source].top-c.next))
		dst = appendOrder(dst, of, c.when.order(), false)
		of = c.when.order()
	}
	return dst
}

func (s *observed) Decode(b []byte, base Order) (int, error) {
	r := reader{b: b}
	in := observed{touches: touches{newest: none, oldest: none, limit: s.touches.limit, cell: s.touches.cell}}
	if head := r.uvarint(); head != 0 {
		in.decode(&r, base, head)
	}
	if r.err == nil {
		in.out = s.out
		*s = in
	}
	return r.done(Set)
}

// leastElement is the least size of an element: three of its order, one of
// content, two of its facts.
const leastElement = 6

func (s *observed) decode(r *reader, base Order, head uint64) {
	count := head >> 1
	if count > uint64(s.touches.limit) || count > uint64(len(r.b)-r.at)/leastElement {
		r.fail(fmt.Sprintf("%d elements, of at most %d, in %d bytes", count, s.touches.limit, len(r.b)-r.at))
		return
	}
	if head&1 != 0 {
		s.floor, s.floored = r.operation(base), true
	}
	if count == 0 {
		return
	}
	names := s.decodeNames(r)
	s.touches.items, s.facts = make([]touch, 0, count), make([]facts, 0, count)
	if count > fewItems {
		s.touches.lookup = s.touches.lookup.rebuilt(nil, 2*int(count))
	}
	text := 0
	for i := 0; i < int(count) && r.err == nil; i++ {
		text += s.decodeElement(r, &base, names)
	}
	for _, n := range names {
		if !n.used || n.top > 0 && !n.met {
			r.fail("a source that nothing names, or covers so far")
		}
	}
	if r.err == nil {
		s.touches.own(text)
	}
}

// decodeNames reads the sources.
func (s *observed) decodeNames(r *reader) []named {
	count := r.few(3)
	names := make([]named, 0, count)
	for range count {
		origin := r.take(int(r.few(1)))
		incarnation, top := r.uvarint(), r.uvarint()
		n := named{source: position.Source{Origin: string(origin), Incarnation: uint32(incarnation)}, top: int64(top)}
		switch {
		case r.err == nil && !utf8.Valid(origin) || incarnation >= 1<<32 || top > math.MaxInt64:
			r.fail("source out of range")
		case len(names) > 0 && names[len(names)-1].source.Compare(n.source) >= 0:
			r.fail("sources out of order")
		}
		if r.err != nil {
			return nil
		}
		names = append(names, n)
		s.sources = append(s.sources, n.source)
	}
	return names
}

// decodeElement reads one element, older than those read, that shares the
// input. It returns the size of its text.
func (s *observed) decodeElement(r *reader, ref *Order, names []named) int {
	l, o := &s.touches, r.operation(*ref)
	if len(l.items) > 0 && o.Compare(*ref) >= 0 || !s.live(o) {
		r.fail("elements out of order")
	}
	*ref = o
	p := r.parts(l.cell).mark(l.cell.kind)
	if r.err == nil && l.find(p) != none {
		r.fail("an element twice")
	}
	f := facts{}
	s.decodeAdds(r, &f, o, names)
	s.decodeCovers(r, &f, o, names)
	if r.err != nil {
		return 0
	}
	at := place(len(l.items))
	l.items, s.facts = append(l.items, touch{parts: p}), append(s.facts, f)
	l.lookup.insert(l.items, at)
	l.items[at].stand(o, false)
	l.link(at, none)
	return len(p.b)
}

// few reads a count of things of at least a size.
func (r *reader) few(least int) uint64 {
	n := r.uvarint()
	if n > uint64(len(r.b)-r.at)/uint64(least) {
		r.fail(fmt.Sprintf("%d of at least %d bytes in %d", n, least, len(r.b)-r.at))
		return 0
	}
	return n
}

// source reads the number of one of the names.
func (r *reader) source(names []named) uint32 {
	u := r.uvarint()
	if r.err == nil && u >= uint64(len(names)) {
		r.fail("no such source")
	}
	if r.err != nil {
		return 0
	}
	names[u].used = true
	return uint32(u)
}

// decodeFact reads when something happened to an element last touched at of.
func (s *observed) decodeFact(r *reader, ref, of Order) when {
	o := r.operation(ref)
	if o.Compare(of) > 0 || !s.live(o) {
		r.fail("later than the element, or forgotten")
	}
	return whenOf(o)
}

func (s *observed) decodeAdds(r *reader, f *facts, of Order, names []named) {
	for range r.few(4) {
		a := added{source: r.source(names), when: s.decodeFact(r, of, of)}
		if n := len(f.adds); n > 0 && !f.adds[n-1].precedes(a) {
			r.fail("adds out of order")
		}
		if r.err != nil {
			return
		}
		f.adds = append(f.adds, a)
	}
}

func (s *observed) decodeCovers(r *reader, f *facts, of Order, names []named) {
	ref := of
	for range r.few(5) {
		c := cover{source: r.source(names)}
		below := r.uvarint()
		c.when = s.decodeFact(r, ref, of)
		if r.err != nil {
			return
		}
		name := &names[c.source]
		if below >= uint64(name.top) {
			r.fail("covers nothing")
		}
		name.met = name.met || below == 0
		c.next, ref = name.top-int64(below), c.when.order()
		if n := len(f.covers); n > 0 && !f.covers[n-1].precedes(c) {
			r.fail("covers out of order")
		}
		f.covers = append(f.covers, c)
	}
}

// precedes reports whether b may follow a: it is of a later source, or of the
// same, and older but with a greater offset.
func (a added) precedes(b added) bool {
	if a.source != b.source {
		return a.source < b.source
	}
	return a.when.offset < b.when.offset && a.when.compare(b.when.order()) > 0
}

// precedes reports whether d may follow c: it is of a later source, or of the
// same, and older but of more.
func (c cover) precedes(d cover) bool {
	if c.source != d.source {
		return c.source < d.source
	}
	return c.next < d.next && c.when.compare(d.when.order()) > 0
}
