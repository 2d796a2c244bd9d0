package merge

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Steps that sizes count.
const (
	// countedSteps is how many pairs of an exact min or max MaxBytes counts.
	countedSteps = 4096
	// plannedSteps is how many a plan counts in a window: of n values in random
	// order about ln n + 0.6 are not dominated.
	plannedSteps = 64
)

// stairs answers the extreme of every span that reaches to the newest event, to
// the microsecond. For max it is the (time, value) pairs of events such that no
// other has a time and a value at least as great, the rest can be the greatest
// of no such span; for min likewise with the least. Two events of the same time
// and value are one pair with the greater offset.
//
// So by time values only fall (max) or rise (min), like stairs, and the extreme
// of what is not older than from is the first step at or after from. Nothing
// that matters is ever dropped: a run of n falling values keeps n steps.
type stairs struct {
	steps []step // by time, which ascends
	spare []step // the array of the Combine before
	cell  cellType
	max   bool
}

type step struct {
	time   stamp.Micros
	offset int64
	parts  parts
}

func (s *stairs) Add(in Input) {
	var buf [8]byte
	s.see(in.Order.Time, in.Order.Offset, take(in.X, buf[:0]))
}

// see folds in one pair.
func (s *stairs) see(t stamp.Micros, offset int64, p parts) {
	end := s.from(t)
	if end < len(s.steps) {
		next := &s.steps[end]
		if !s.better(p, next.parts) {
			if next.time == t && !s.better(next.parts, p) {
				next.offset = max(next.offset, offset)
			}
			return
		}
		if next.time == t {
			end++
		}
	}
	begin := end
	for begin > 0 && !s.better(s.steps[begin-1].parts, p) {
		begin--
	}
	st := s.replace(begin, end)
	st.time, st.offset = t, offset
	st.parts.set(p)
}

// better reports whether p is greater than q (max), or less (min).
func (s *stairs) better(p, q parts) bool {
	c := 0
	switch s.cell.kind {
	case value.Float64:
		c = cmp.Compare(math.Float64frombits(uint64(p.n)), math.Float64frombits(uint64(q.n)))
	case value.Decimal:
		c = p.decimal().Cmp(q.decimal())
	case value.String, value.Bytes:
		c = bytes.Compare(p.b, q.b)
	default:
		c = cmp.Compare(p.n, q.n)
	}
	return c != 0 && (c > 0) == s.max
}

// decimal is the number that p holds of a decimal. Unlike value it lets p stay on
// the stack.
func (p parts) decimal() value.Int128 {
	return value.Int128{Hi: int64(binary.BigEndian.Uint64(p.b)), Lo: uint64(p.n)}
}

// from is the place of the first step that is not older than t.
func (s *stairs) from(t stamp.Micros) int {
	if n := len(s.steps); n == 0 || s.steps[n-1].time < t {
		return n
	}
	lo, hi := 0, len(s.steps)
	for lo < hi {
		if mid := (lo + hi) / 2; s.steps[mid].time < t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// replace makes one step out of those in [begin, end) and returns it. Every
// buffer stays in one place of the array, in use or not.
func (s *stairs) replace(begin, end int) *step {
	if begin == end {
		s.steps = extended(s.steps)
		n := len(s.steps) - 1
		fresh := s.steps[n]
		copy(s.steps[begin+1:], s.steps[begin:n])
		s.steps[begin] = fresh
		return &s.steps[begin]
	}
	to := begin + 1
	for i := end; i < len(s.steps); i++ {
		s.steps[to], s.steps[i] = s.steps[i], s.steps[to]
		to++
	}
	s.steps = s.steps[:len(s.steps)-(end-begin-1)]
	return &s.steps[begin]
}

// extended is steps with one more, whose buffer may be one left from before.
func extended(steps []step) []step {
	if n := len(steps); n < cap(steps) {
		return steps[:n+1]
	}
	return append(steps, step{})
}

// Combine takes time in proportion to the newer of both if they follow each
// other, else to both.
func (s *stairs) Combine(o State) {
	m := same[*stairs](o)
	switch {
	case s == m || len(m.steps) == 0:
	case len(s.steps) == 0 || s.steps[len(s.steps)-1].time < m.steps[0].time:
		for i := range m.steps {
			s.see(m.steps[i].time, m.steps[i].offset, m.steps[i].parts)
		}
	default:
		s.weave(m)
	}
}

// weave walks both staircases from the newest step on and keeps what is better
// than all before.
func (s *stairs) weave(m *stairs) {
	out := s.spare[:0]
	i, j := len(s.steps)-1, len(m.steps)-1
	for i >= 0 || j >= 0 {
		if j < 0 || i >= 0 && !s.ahead(&m.steps[j], &s.steps[i]) {
			out = s.climb(out, &s.steps[i], true)
			i--
		} else {
			out = s.climb(out, &m.steps[j], false)
			j--
		}
	}
	slices.Reverse(out)
	s.steps, s.spare = out, s.steps
}

// ahead reports whether a comes before b on the way back in time.
func (s *stairs) ahead(a, b *step) bool {
	if a.time != b.time {
		return a.time > b.time
	}
	return s.better(a.parts, b.parts)
}

// climb appends st to steps that go back in time if it is better than the last.
// The buffer of a step of its own is swapped, another's is copied.
func (s *stairs) climb(out []step, st *step, own bool) []step {
	if n := len(out); n > 0 && !s.better(st.parts, out[n-1].parts) {
		if top := &out[n-1]; top.time == st.time && !s.better(top.parts, st.parts) {
			top.offset = max(top.offset, st.offset)
		}
		return out
	}
	out = extended(out)
	top := &out[len(out)-1]
	top.time, top.offset = st.time, st.offset
	if own {
		top.parts, st.parts = st.parts, top.parts
	} else {
		top.parts.set(st.parts)
	}
	return out
}

func (s *stairs) Reset() { s.steps = s.steps[:0] }

func (s *stairs) Size() int {
	n := int(unsafe.Sizeof(*s)) + (cap(s.steps)+cap(s.spare))*int(unsafe.Sizeof(step{}))
	for _, steps := range [][]step{s.steps[:cap(s.steps)], s.spare[:cap(s.spare)]} {
		for i := range steps {
			n += cap(steps[i].parts.b)
		}
	}
	return n
}

func (s *stairs) Value() value.Value { return s.ValueAt(Moment{From: stamp.NoTime}) }

// ValueAt is the extreme of what happened at m.From or later.
func (s *stairs) ValueAt(m Moment) value.Value {
	i := s.from(m.From)
	if i == len(s.steps) {
		return value.Value{}
	}
	return s.steps[i].parts.value(s.cell)
}

func (s *stairs) Append(dst []byte, base Order) []byte {
	return s.append(dst, base, math.MinInt64)
}

// AppendSince appends the steps whose offset is beyond after. What they have
// made superfluous the receiver drops as it combines.
func (s *stairs) AppendSince(dst []byte, base Order, after int64) []byte {
	return s.append(dst, base, after)
}

var (
	_ Incremental = (*stairs)(nil)
	_ Timed       = (*stairs)(nil)
)
