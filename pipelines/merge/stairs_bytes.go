package merge

import (
	"encoding/binary"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/schemas/value"
)

// append appends the steps beyond offset after, newest first, each relative to
// the one before it (FORMAT.md §5.5).
func (s *stairs) append(dst []byte, base Order, after int64) []byte {
	n := 0
	for i := range s.steps {
		if s.steps[i].offset > after {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	var newer *step
	for i := len(s.steps) - 1; i >= 0; i-- {
		st := &s.steps[i]
		if st.offset <= after {
			continue
		}
		dst = appendGap(dst, base.Time, st.time)
		dst = binary.AppendUvarint(dst, zigzag(base.Offset-st.offset))
		if newer == nil || !s.cell.counts() {
			dst = st.parts.append(dst, s.cell)
		} else {
			dst = binary.AppendUvarint(dst, s.rise(newer.parts.n, st.parts.n)-1)
		}
		newer, base.Time, base.Offset = st, st.time, st.offset
	}
	return dst
}

// counts reports whether values are whole numbers of 64 bits.
func (c cellType) counts() bool {
	return c.kind == value.Int64 || c.kind == value.Date || c.kind == value.Timestamp
}

// rise is how much better n is than newer.
func (s *stairs) rise(newer, n int64) uint64 {
	if s.max {
		return uint64(n) - uint64(newer)
	}
	return uint64(newer) - uint64(n)
}

// leastStep is the least size of a step: one byte each of its time, its offset
// and its value.
const leastStep = 3

func (s *stairs) Decode(b []byte, base Order) (int, error) {
	r := reader{b: b}
	count := r.uvarint()
	if count > uint64(len(b)-r.at)/leastStep {
		r.fail(fmt.Sprintf("%d steps in %d bytes", count, len(b)-r.at))
		count = 0
	}
	steps, text := make([]step, count), 0
	for i := range steps {
		st := &steps[i]
		st.time = r.gap(base.Time)
		if st.offset = base.Offset - unzigzag(r.uvarint()); st.offset < 0 {
			r.fail("offset out of range")
		}
		if i == 0 {
			st.parts = r.parts(s.cell)
		} else {
			s.decodeValue(&r, st, &steps[i-1])
		}
		if r.err != nil {
			return r.done(extremeName(s.max))
		}
		text += len(st.parts.b)
		base.Time, base.Offset = st.time, st.offset
	}
	if r.err == nil {
		slices.Reverse(steps)
		own(steps, text)
		s.steps = steps
	}
	return r.done(extremeName(s.max))
}

// decodeValue reads the value of a step that is older and better than newer.
func (s *stairs) decodeValue(r *reader, st, newer *step) {
	if s.cell.counts() {
		rise := r.uvarint() + 1
		st.parts.n = newer.parts.n + int64(rise)
		if !s.max {
			st.parts.n = newer.parts.n - int64(rise)
		}
	} else {
		st.parts = r.parts(s.cell)
	}
	if r.err == nil && (st.time >= newer.time || !s.better(st.parts, newer.parts)) {
		r.fail("steps out of order")
	}
}

// own gives steps texts of their own, in one piece.
func own(steps []step, text int) {
	all := make([]byte, 0, text)
	for i := range steps {
		p := &steps[i].parts
		start := len(all)
		all = append(all, p.b...)
		p.b = all[start:len(all):len(all)]
	}
}
