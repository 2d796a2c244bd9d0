package merge

import (
	"unsafe"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// touches are the distinct items that were touched most recently, at most
// limit, each with the greatest Order that touched it. That is a pure function
// of the set of events: an item that was dropped had limit others above its
// greatest Order, and theirs only grow.
//
// The items form a list by Order, linked both ways, in an array whose order
// means nothing. Events mostly come in order, so a touched item is found by
// value (lookup) and linked near the newest end, in constant time.
type touches struct {
	items          []touch
	lookup         lookup
	newest, oldest place
	limit          uint16
	cell           cellType
}

// place is an index of items, or none.
type place uint16

const none place = 1<<16 - 1

type touch struct {
	time         stamp.Micros
	stamp        stamp.Stamp
	offset       int64
	rankAndOp    uint32 // the rank, then one bit: removed
	newer, older place
	parts        parts // marked
}

func newTouches(t value.Type, limit int) touches {
	return touches{cell: typeOf(t), limit: uint16(limit), newest: none, oldest: none}
}

func (t *touch) order() Order  { return Order{t.time, t.stamp, t.rankAndOp >> 1, t.offset} }
func (t *touch) removed() bool { return t.rankAndOp&1 != 0 }

func (t *touch) stand(o Order, removed bool) {
	t.time, t.stamp, t.offset, t.rankAndOp = o.Time, o.Stamp, o.Offset, o.Rank<<1
	if removed {
		t.rankAndOp |= 1
	}
}

func (l *touches) reset() {
	l.items, l.lookup = l.items[:0], l.lookup[:0]
	l.newest, l.oldest = none, none
}

// add folds in one event that touches x.
func (l *touches) add(o Order, x value.Value, removed bool) {
	var buf [8]byte
	l.touch(o, take(x, buf[:0]).mark(l.cell.kind), removed, l.newest)
}

// combine walks both lists from the newest on, each once.
func (l *touches) combine(m *touches) {
	from := l.newest
	for p := m.newest; p != none; p = m.items[p].older {
		t := &m.items[p]
		from = l.touch(t.order(), t.parts, t.removed(), from)
	}
}

// touch raises the item of p to o, if o is greater. Items newer than from are
// known to be newer than o. It returns what from may be for an older o.
func (l *touches) touch(o Order, p parts, removed bool, from place) place {
	at := l.find(p)
	switch {
	case at != none:
		if l.items[at].order().Compare(o) >= 0 {
			return from
		}
		from = l.unlink(at, from)
	case len(l.items) < int(l.limit):
		at = l.extend(p)
	default:
		at = l.oldest
		if l.items[at].order().Compare(o) >= 0 {
			return from
		}
		from = l.unlink(at, from)
		l.lookup.remove(l.items, at)
		l.items[at].parts.set(p)
		l.lookup.insert(l.items, at)
	}
	l.items[at].stand(o, removed)
	l.link(at, from)
	return at
}

// extend adds an item, whose buffer may be one left by reset. No more room is
// made than limit needs.
func (l *touches) extend(p parts) place {
	n := len(l.items)
	if n == cap(l.items) {
		grown := make([]touch, n, min(max(2*n, 2), int(l.limit)))
		copy(grown, l.items)
		l.items = grown
	}
	l.items = l.items[:n+1]
	l.items[n].parts.set(p)
	l.lookup = l.lookup.grown(l.items)
	return place(n)
}

// unlink takes the item at out of the list and returns from, or what is older
// than it if that is the item.
func (l *touches) unlink(at, from place) place {
	t := &l.items[at]
	if t.newer == none {
		l.newest = t.older
	} else {
		l.items[t.newer].older = t.older
	}
	if t.older == none {
		l.oldest = t.newer
	} else {
		l.items[t.older].newer = t.newer
	}
	if from == at {
		return t.older
	}
	return from
}

// link puts the item at into the list by its order, at from or further on. If
// from is none it is the oldest.
func (l *touches) link(at, from place) {
	t := &l.items[at]
	o := t.order()
	for from != none && l.items[from].order().Compare(o) > 0 {
		from = l.items[from].older
	}
	t.older, t.newer = from, l.oldest
	if from == none {
		l.oldest = at
	} else {
		t.newer = l.items[from].newer
		l.items[from].newer = at
	}
	if t.newer == none {
		l.newest = at
	} else {
		l.items[t.newer].older = at
	}
}

// find is the place of the item of p, or none.
func (l *touches) find(p parts) place {
	if len(l.lookup) > 0 {
		return l.lookup.find(l.items, p)
	}
	for i := range l.items {
		if l.items[i].parts.n == p.n && l.items[i].parts.equal(p) {
			return place(i)
		}
	}
	return none
}

func (l *touches) size() int {
	n := cap(l.items)*int(unsafe.Sizeof(touch{})) + cap(l.lookup)*int(unsafe.Sizeof(none))
	for i := range l.items {
		n += cap(l.items[i].parts.b)
	}
	return n
}
