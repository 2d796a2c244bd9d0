package merge

import (
	"encoding/binary"
	"fmt"
)

// append appends the items beyond offset after, newest first, each relative to
// the one before it (FORMAT.md §5.7).
func (l *touches) append(dst []byte, base Order, after int64) []byte {
	n := 0
	for i := range l.items {
		if l.items[i].offset > after {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for p := l.newest; p != none; p = l.items[p].older {
		t := &l.items[p]
		if t.offset > after {
			dst = appendOrder(dst, base, t.order(), t.removed())
			dst = t.parts.append(dst, l.cell)
			base = t.order()
		}
	}
	return dst
}

// leastItem is the least size of an item: three of its order, one of content.
const leastItem = 4

// decode replaces the items with what append wrote; removes allows removals.
func (l *touches) decode(r *reader, base Order, removes bool) {
	count := r.uvarint()
	if count > uint64(l.limit) || count > uint64(len(r.b)-r.at)/leastItem {
		r.fail(fmt.Sprintf("%d items, of at most %d, in %d bytes", count, l.limit, len(r.b)-r.at))
		return
	}
	in := touches{items: make([]touch, 0, count), newest: none, oldest: none, limit: l.limit, cell: l.cell}
	if count > fewItems {
		in.lookup = in.lookup.rebuilt(nil, 2*int(count))
	}
	text := 0
	for range count {
		text += in.decodeOne(r, &base, removes)
	}
	if r.err == nil {
		in.own(text)
		*l = in
	}
}

// decodeOne reads one item, older than those read, that shares the input. It
// returns the size of its text.
func (l *touches) decodeOne(r *reader, ref *Order, removes bool) int {
	o, removed := r.order(*ref)
	if len(l.items) > 0 && o.Compare(*ref) >= 0 {
		r.fail("items out of order")
	}
	if removed && !removes {
		r.fail("removed")
	}
	*ref = o
	p := r.parts(l.cell).mark(l.cell.kind)
	if r.err == nil && l.find(p) != none {
		r.fail("an item twice")
	}
	if r.err != nil {
		return 0
	}
	at := place(len(l.items))
	l.items = append(l.items, touch{parts: p})
	l.lookup.insert(l.items, at)
	l.items[at].stand(o, removed)
	l.link(at, none)
	return len(p.b)
}

// own gives the items texts of their own, in one piece.
func (l *touches) own(text int) {
	all := make([]byte, 0, text)
	for i := range l.items {
		p := &l.items[i].parts
		start := len(all)
		all = append(all, p.b...)
		p.b = all[start:len(all):len(all)]
	}
}
