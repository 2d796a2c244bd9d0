package merge

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unsafe"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// touches are the distinct items that were touched most recently, at most
// limit, each with the greatest Order that touched it. That is a pure function
// of the set of events: an item that was dropped had limit others above its
// greatest Order, and theirs only grow.
//
// A lookup walks from the newest item back; items are few or recur soon.
type touches struct {
	items   []touch // oldest first, distinct
	cell    cellType
	removes bool
	limit   int32
}

type touch struct {
	time    stamp.Micros
	stamp   stamp.Stamp
	offset  int64
	rank    uint32
	removed bool
	parts   parts // marked
}

func newTouches(t value.Type, limit int, removes bool) touches {
	return touches{cell: typeOf(t), limit: int32(limit), removes: removes}
}

func (t *touch) order() Order { return Order{t.time, t.stamp, t.rank, t.offset} }

func (t *touch) place(o Order) { t.time, t.stamp, t.rank, t.offset = o.Time, o.Stamp, o.Rank, o.Offset }

// add folds in one event that touches x.
func (l *touches) add(o Order, x value.Value, removed bool) {
	var buf [8]byte
	l.touch(o, take(x, buf[:0]).mark(l.cell.kind), removed)
}

func (l *touches) combine(m *touches) {
	for i := range m.items {
		t := &m.items[i]
		l.touch(t.order(), t.parts, t.removed)
	}
}

func (l *touches) touch(o Order, p parts, removed bool) {
	i := l.find(p)
	switch {
	case i >= 0:
		if l.items[i].order().Compare(o) >= 0 {
			return
		}
	case len(l.items) < int(l.limit):
		i = len(l.items)
		l.extend()
		l.items[i].parts.set(p)
	case l.items[0].order().Compare(o) >= 0:
		return
	default:
		i = 0
		l.items[i].parts.set(p)
	}
	l.items[i].removed = removed
	l.items[i].place(o)
	l.settle(i)
}

// extend adds an item, whose buffer may be one left by reset. No more room is
// made than limit needs.
func (l *touches) extend() {
	n := len(l.items)
	if n == cap(l.items) {
		grown := make([]touch, n, min(max(2*n, 2), int(l.limit)))
		copy(grown, l.items)
		l.items = grown
	}
	l.items = l.items[:n+1]
}

// find is the index of the item p, or -1.
func (l *touches) find(p parts) int {
	for i := len(l.items) - 1; i >= 0; i-- {
		if l.items[i].parts.n == p.n && l.items[i].parts.equal(p) {
			return i
		}
	}
	return -1
}

// settle moves item i, whose order is new, to its place among the others.
func (l *touches) settle(i int) {
	t := l.items[i]
	o, end := t.order(), i
	for end+1 < len(l.items) && l.items[end+1].order().Compare(o) < 0 {
		end++
	}
	copy(l.items[i:end], l.items[i+1:end+1])
	for end > 0 && l.items[end-1].order().Compare(o) > 0 {
		l.items[end] = l.items[end-1]
		end--
	}
	l.items[end] = t
}

func (l *touches) size() int {
	n := cap(l.items) * int(unsafe.Sizeof(touch{}))
	for i := range l.items {
		n += cap(l.items[i].parts.b)
	}
	return n
}

// append appends the items beyond offset after, newest first, each relative to
// the one before it (FORMAT.md §5.6).
func (l *touches) append(dst []byte, base Order, after int64) []byte {
	n := 0
	for i := range l.items {
		if l.items[i].offset > after {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := len(l.items) - 1; i >= 0; i-- {
		t := &l.items[i]
		if t.offset > after {
			dst = appendOrder(dst, base, t.order(), t.removed)
			dst = t.parts.append(dst, l.cell)
			base = t.order()
		}
	}
	return dst
}

// decode replaces the items with what append wrote.
func (l *touches) decode(r *reader, base Order) {
	count := r.uvarint()
	if count > uint64(l.limit) || count > uint64(len(r.b)) {
		r.fail(fmt.Sprintf("%d items, of at most %d", count, l.limit))
		return
	}
	items := make([]touch, count)
	text := 0
	for i := len(items) - 1; i >= 0 && r.err == nil; i-- {
		first := i == len(items)-1
		base = l.decodeOne(r, &items[i], base, first)
		text += len(items[i].parts.b)
	}
	if r.err == nil && !distinctItems(items) {
		r.fail("an item twice")
	}
	if r.err == nil {
		own(items, text)
		l.items = items
	}
}

// decodeOne reads one item, which shares the input, and gives its order.
func (l *touches) decodeOne(r *reader, t *touch, ref Order, first bool) Order {
	o, removed := r.order(ref)
	if !first && o.Compare(ref) >= 0 {
		r.fail("items out of order")
	}
	if removed && !l.removes {
		r.fail("removed")
	}
	t.place(o)
	t.removed = removed
	v := r.content(l.cell)
	if r.err == nil {
		t.parts = take(v, nil).mark(l.cell.kind)
	}
	return o
}

// own gives the items bytes of their own, in one piece.
func own(items []touch, text int) {
	all := make([]byte, 0, text)
	for i := range items {
		p := &items[i].parts
		start := len(all)
		all = append(all, p.b...)
		p.b = all[start:len(all):len(all)]
	}
}

// distinctItems reports whether no item occurs twice.
func distinctItems(items []touch) bool {
	byParts := make([]*touch, len(items))
	for i := range items {
		byParts[i] = &items[i]
	}
	slices.SortFunc(byParts, func(a, b *touch) int { return a.parts.compare(b.parts) })
	for i := 1; i < len(byParts); i++ {
		if byParts[i].parts.equal(byParts[i-1].parts) {
			return false
		}
	}
	return true
}
