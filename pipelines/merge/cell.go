package merge

import (
	"bytes"
	"cmp"

	"github.com/cespare/xxhash/v2"

	"anabranch.dev/anabranch/schemas/value"
)

// cellType is what a cell holds.
type cellType struct {
	kind, elem value.Kind // elem: of a list's items
}

func typeOf(t value.Type) cellType {
	c := cellType{kind: t.Kind}
	if t.Elem != nil {
		c.elem = t.Elem.Kind
	}
	return c
}

// parts is a value taken apart to be compared with a cell or put into one:
//
//	boolean, int64, float64, date32, timestamp   n
//	decimal                                      n the low half, b the high
//	string, bytes                                b
//	list                                         b its canonical content
type parts struct {
	n int64
	b []byte
}

// take takes v, not null, apart; buf may back b.
func take(v value.Value, buf []byte) parts {
	switch v.Kind {
	case value.String, value.Bytes:
		return parts{b: v.B}
	case value.Decimal:
		h := uint64(v.H)
		buf = append(buf[:0], byte(h>>56), byte(h>>48), byte(h>>40), byte(h>>32), byte(h>>24), byte(h>>16), byte(h>>8), byte(h))
		return parts{n: v.N, b: buf}
	case value.List:
		return parts{b: value.AppendContent(buf[:0], v)}
	}
	return parts{n: v.N}
}

// mark gives strings a hash in n, so that most unequal ones differ in it.
func (p parts) mark(k value.Kind) parts {
	if k == value.String || k == value.Bytes {
		p.n = int64(xxhash.Sum64(p.b))
	}
	return p
}

func (p parts) equal(q parts) bool { return p.n == q.n && bytes.Equal(p.b, q.b) }

// compare is value.Compare of two values of type c.
func (c cellType) compare(p, q *parts) int {
	switch c.kind {
	case value.Bool, value.Int64, value.Date, value.Timestamp:
		return cmp.Compare(p.n, q.n)
	case value.String, value.Bytes:
		return bytes.Compare(p.b, q.b)
	}
	return value.Compare(p.value(c), q.value(c))
}

// set copies q into p, reusing p's buffer.
func (p *parts) set(q parts) {
	p.n = q.n
	if cap(p.b) > 256 && cap(p.b) > 4*len(q.b) {
		p.b = nil
	}
	p.b = append(p.b[:0], q.b...)
}

// value puts p together as a value of type c, which shares p.
func (p parts) value(c cellType) value.Value {
	switch c.kind {
	case value.String, value.Bytes:
		return value.Value{Kind: c.kind, B: p.b}
	case value.Decimal:
		h := uint64(0)
		for _, x := range p.b {
			h = h<<8 | uint64(x)
		}
		return value.Value{Kind: c.kind, N: p.n, H: int64(h)}
	case value.List:
		v, _, err := value.DecodeContent(value.List, p.b)
		if err != nil {
			panic("BUG: merge: list in a state: " + err.Error())
		}
		return v
	}
	return value.Value{Kind: c.kind, N: p.n}
}

// append appends the content of p (FORMAT.md §2) without its kind.
func (p parts) append(dst []byte, c cellType) []byte {
	if c.kind == value.List {
		return append(dst, p.b...)
	}
	return value.AppendContent(dst, p.value(c))
}
