package merge

import (
	"unsafe"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

var (
	lastKind  = latestKind(Last)
	firstKind = latestKind(First)
)

func latestKind(name string) *kind {
	return &kind{
		name: name, input: singleOrList, result: ownInput, key: keyOfInput, nulls: true, joins: true,
		make:  func(s Spec) State { return &latest{cell: typeOf(s.Input), first: name == First} },
		bytes: func(s Spec) int { return 1 + orderBytes + contentBytes(s.Input) },
	}
}

// latest is the value of the event that comes last by Order, or first. Null is
// a value like any other.
type latest struct {
	time   stamp.Micros
	stamp  stamp.Stamp
	offset int64
	rank   uint32
	tag    latestTag
	first  bool
	cell   cellType
	parts  parts
}

type latestTag uint8

// Tags of a latest, in memory and in bytes.
const (
	tagEmpty latestTag = 0
	tagNull  latestTag = 1
	tagValue latestTag = 2
)

func (s *latest) order() Order { return Order{s.time, s.stamp, s.rank, s.offset} }

func (s *latest) Add(in Input) {
	if !s.yields(in.Order) {
		return
	}
	s.place(in.Order)
	if in.X.IsNull() {
		s.tag = tagNull
		return
	}
	var buf [64]byte
	s.tag = tagValue
	s.parts.set(take(in.X, buf[:0]))
}

// yields reports whether an event at o takes the place of the state's own.
func (s *latest) yields(o Order) bool {
	if s.tag == tagEmpty {
		return true
	}
	c := o.Compare(s.order())
	return c != 0 && (c < 0) == s.first
}

func (s *latest) place(o Order) {
	s.time, s.stamp, s.rank, s.offset = o.Time, o.Stamp, o.Rank, o.Offset
}

func (s *latest) Combine(o State) {
	l := same[*latest](o)
	if l.tag == tagEmpty || !s.yields(l.order()) {
		return
	}
	s.place(l.order())
	if s.tag = l.tag; l.tag == tagValue {
		s.parts.set(l.parts)
	}
}

func (s *latest) Reset() {
	s.place(Order{})
	s.tag = tagEmpty
}

func (s *latest) Size() int { return int(unsafe.Sizeof(*s)) + cap(s.parts.b) }

func (s *latest) Value() value.Value {
	if s.tag != tagValue {
		return value.Value{}
	}
	return s.parts.value(s.cell)
}

func (s *latest) Append(dst []byte, base Order) []byte {
	dst = append(dst, byte(s.tag))
	if s.tag == tagEmpty {
		return dst
	}
	dst = appendOrder(dst, base, s.order(), false)
	if s.tag == tagValue {
		dst = s.parts.append(dst, s.cell)
	}
	return dst
}

func (s *latest) Decode(b []byte, base Order) (int, error) {
	r := reader{b: b}
	tag := r.uvarint()
	var o Order
	var p parts
	if tag > uint64(tagValue) {
		r.fail("bad tag")
	}
	if tag != uint64(tagEmpty) {
		var removed bool
		if o, removed = r.order(base); removed {
			r.fail("removed")
		}
	}
	if tag == uint64(tagValue) {
		p = r.parts(s.cell)
	}
	if r.err == nil {
		s.place(o)
		if s.tag = latestTag(tag); s.tag == tagValue {
			s.parts.set(p)
		}
	}
	return r.done(s.name())
}

func (s *latest) name() string {
	if s.first {
		return First
	}
	return Last
}
