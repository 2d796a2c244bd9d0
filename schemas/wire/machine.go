package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// machine runs programs. It remembers the first thing found wrong and owns the
// items of lists, until reset.
type machine struct {
	arena []value.Value // items of lists
	spans []span        // by slot, where wanted
	spare [1]value.Value
	fault found // the body is not what the schema says
	wild  found // a float is not finite
	over  found // beyond a bound
}

// found is what was found at a byte of the value; the zero value is nothing.
type found struct {
	what  string
	at    int
	field string
}

type span struct{ from, to int }

func (m *machine) reset() {
	m.arena = m.arena[:0]
	if m.bad() != Accepted {
		m.fault, m.wild, m.over = found{}, found{}, found{}
	}
	clear(m.spans)
}

// bad is the reason for what was found so far, in the order of the verdict.
func (m *machine) bad() Reason {
	switch {
	case m.fault.what != "":
		return Undecodable
	case m.wild.what != "":
		return NotFinite
	case m.over.what != "":
		return OverBound
	}
	return Accepted
}

// why describes what bad names.
func (m *machine) why() string {
	for _, f := range []found{m.fault, m.wild, m.over} {
		if f.what != "" {
			return f.String()
		}
	}
	return "nothing wrong"
}

func (f found) String() string {
	if f.field == "" {
		return fmt.Sprintf("%s at byte %d", f.what, f.at)
	}
	return fmt.Sprintf("field %s: %s at byte %d", f.field, f.what, f.at)
}

// fail remembers a fault and stops the run.
func (m *machine) fail(at int, what string) int {
	m.fault = found{what: what, at: at}
	return -1
}

// note remembers the first finding of its sort; the run goes on.
func (f *found) note(at int, what string) {
	if f.what == "" {
		*f = found{what: what, at: at}
	}
}

// body runs a whole program over b from byte at to its end.
func (m *machine) body(p *program, b []byte, at int, slots []value.Value) {
	m.reset()
	end := m.run(p.ops, b, at, slots, 0)
	if end >= 0 && end < len(b) {
		m.fail(end, trailing)
	} else if m.bad() != Accepted {
		m.explain(p, b, at, slots)
	}
}

// explain runs a program again, field by field, to name what it finds.
func (m *machine) explain(p *program, b []byte, at int, slots []value.Value) {
	m.reset()
	for pc, next := 0, 0; pc < len(p.ops) && at >= 0; pc = next {
		for next = pc; next < len(p.ops) && p.fields[next] == p.fields[pc]; {
			next++
		}
		at = m.run(p.ops[pc:next], b, at, slots, 0)
		for _, f := range []*found{&m.fault, &m.wild, &m.over} {
			if f.what != "" && f.field == "" {
				f.field = p.fields[pc]
			}
		}
	}
}

const (
	torn        = "the value ends too early"
	badVarint   = "a varint is longer than 64 bits"
	notInt      = "an int is outside 32 bits"
	notBool     = "a boolean is neither 0 nor 1"
	notUTF8     = "a string is not UTF-8"
	badBranch   = "no such branch of the union"
	badSymbol   = "no such symbol of the enum"
	badLength   = "a negative length"
	badBlock    = "a block's size is not that of its items"
	noCalendar  = "a time outside the years 0001 to 9999"
	tooDeep     = "nested too deeply"
	notFinite   = "a float is NaN or infinite"
	overDecimal = "a decimal is beyond 2^95"
	overList    = "a list has more than 4096 items"
	trailing    = "bytes follow the end of the record"
)

// run walks steps from byte at of b and returns the byte after them, or -1
// after a fault.
func (m *machine) run(ops []op, b []byte, at int, slots []value.Value, depth int) int {
	if depth > maxDepth {
		return m.fail(at, tooDeep)
	}
	for pc := 0; pc < len(ops); pc++ {
		o := &ops[pc]
		start := at
		switch o.code {
		case opNull:
			if o.slot >= 0 {
				slots[o.slot] = value.Value{}
			}
		case opBool, opPutBool:
			if at >= len(b) || b[at] > 1 {
				return m.badBool(b, at)
			}
			if o.code == opPutBool {
				v := &slots[o.slot]
				v.Kind, v.N = value.Bool, int64(b[at])
			}
			at++
		case opLong, opPutLong, opInt, opPutInt:
			var n int64
			if at < len(b) && b[at] < 0x80 {
				n, at = unzig(uint64(b[at])), at+1
			} else if n, at = varlongMore(b, at); at < 0 {
				return m.badLong(b, start)
			}
			if o.code >= opInt && n != int64(int32(n)) {
				return m.fail(start, notInt)
			}
			if o.slot >= 0 {
				v := &slots[o.slot]
				v.Kind, v.N = value.Int64, n
			}
		case opTime:
			var n int64
			if at < len(b) && b[at] < 0x80 {
				n, at = unzig(uint64(b[at])), at+1
			} else if n, at = varlongMore(b, at); at < 0 {
				return m.badLong(b, start)
			}
			t, ok := micros(n, o.n)
			if !ok {
				return m.fail(start, noCalendar)
			}
			if o.slot >= 0 {
				v := &slots[o.slot]
				v.Kind, v.N = value.Timestamp, int64(t)
			}
		case opPutIntFloat, opPutLongFloat, opDate:
			if at = m.whole(o, b, at, slots); at < 0 {
				return -1
			}
		case opFloat, opPutFloat:
			if len(b)-at < 4 {
				return m.fail(at, torn)
			}
			m.float(o, float64(math.Float32frombits(binary.LittleEndian.Uint32(b[at:]))), at, slots)
			at += 4
		case opDouble, opPutDouble:
			if len(b)-at < 8 {
				return m.fail(at, torn)
			}
			m.float(o, math.Float64frombits(binary.LittleEndian.Uint64(b[at:])), at, slots)
			at += 8
		case opText, opPutText:
			var size int64
			if size, at = length(b, at); at < 0 {
				return m.badLength(b, start)
			}
			s := b[at : at+int(size) : at+int(size)]
			at += int(size)
			if !valid(s) {
				return m.fail(start, notUTF8)
			}
			if o.code == opPutText {
				v := &slots[o.slot]
				v.Kind, v.B = o.kind, s
			}
		case opBytes, opPutBytes, opDecimal:
			var size int64
			if size, at = length(b, at); at < 0 {
				return m.badLength(b, start)
			}
			s := b[at : at+int(size) : at+int(size)]
			at += int(size)
			m.content(o, s, start, slots)
		case opFixed, opPutFixed, opFixedDecimal:
			if int64(len(b)-at) < o.n {
				return m.fail(at, torn)
			}
			at += int(o.n)
			m.content(o, b[start:at:at], start, slots)
		case opEnum, opPutEnum:
			var n int64
			if at < len(b) && b[at] < 0x80 {
				n, at = unzig(uint64(b[at])), at+1
			} else if n, at = varlongMore(b, at); at < 0 {
				return m.badLong(b, start)
			}
			if n < 0 || n >= o.n {
				return m.fail(start, badSymbol)
			}
			if o.code == opPutEnum {
				v := &slots[o.slot]
				v.Kind, v.B = value.String, o.symbols[n]
			}
		case opNullable:
			var n int64
			if at < len(b) && b[at] < 0x80 {
				n, at = unzig(uint64(b[at])), at+1
			} else if n, at = varlongMore(b, at); at < 0 {
				return m.badLong(b, start)
			}
			if n>>1 != 0 {
				return m.fail(start, badBranch)
			}
			if n == o.n {
				pc++
				if o.slot >= 0 {
					slots[o.slot] = value.Value{}
				}
			}
		case opMark:
			m.spans[o.slot].from = at
		case opSpan:
			m.spans[o.slot].to = at
		default:
			if at = m.compound(o, b, at, slots, depth); at < 0 {
				return -1
			}
		}
	}
	return at
}

// whole reads an integer that is kept as something else.
func (m *machine) whole(o *op, b []byte, start int, slots []value.Value) int {
	n, at := varlong(b, start)
	if at < 0 {
		return m.badLong(b, start)
	}
	if o.code != opPutLongFloat && n != int64(int32(n)) {
		return m.fail(start, notInt)
	}
	if o.code != opDate {
		slots[o.slot] = widen(n, o.single)
		return at
	}
	if n < int64(stamp.MinMicros/stamp.Day) || n > int64(stamp.MaxMicros/stamp.Day) {
		return m.fail(start, noCalendar)
	}
	if o.slot >= 0 {
		v := &slots[o.slot]
		v.Kind, v.N = value.Date, n
	}
	return at
}

// widen promotes as Avro does: a float's precision if the reader has a float.
func widen(n int64, single bool) value.Value {
	if single {
		return value.Float(float64(float32(n)))
	}
	return value.Float(float64(n))
}

// micros converts n of a unit (see timeUnit), finer units floored, and says
// whether the calendar has that time.
func micros(n, unit int64) (stamp.Micros, bool) {
	t := stamp.Micros(n)
	switch {
	case unit == 1000:
		if t < stamp.MinMicros/1000 || t > stamp.MaxMicros/1000 {
			return 0, false
		}
		t *= 1000
	case unit < 0:
		t = stamp.Floor(t, stamp.Micros(-unit)) / stamp.Micros(-unit)
	}
	return t, t.Valid()
}

func (m *machine) float(o *op, f float64, at int, slots []value.Value) {
	if f-f != 0 {
		m.wild.note(at, notFinite)
		return
	}
	if o.code == opPutDouble || o.code == opPutFloat {
		if f == 0 {
			f = 0 // -0 is 0
		}
		v := &slots[o.slot]
		v.Kind, v.N = value.Float64, int64(math.Float64bits(f))
	}
}

// content stores what bytes or a fixed hold.
func (m *machine) content(o *op, s []byte, start int, slots []value.Value) {
	switch o.code {
	case opPutBytes, opPutFixed:
		v := &slots[o.slot]
		v.Kind, v.B = value.Bytes, s
	case opDecimal, opFixedDecimal:
		n, ok := bigEndian(s)
		if !ok || !n.Within(value.BoundBits) {
			m.over.note(start, overDecimal)
		} else if o.slot >= 0 {
			v := &slots[o.slot]
			v.Kind, v.N, v.H = value.Decimal, int64(n.Lo), n.Hi
		}
	}
}

// bigEndian reads a two's complement integer of any length; none is 0. It
// reports false if it does not fit.
func bigEndian(s []byte) (value.Int128, bool) {
	if len(s) == 0 {
		return value.Int128{}, true
	}
	sign := byte(int8(s[0]) >> 7)
	for len(s) > 16 {
		if s[0] != sign {
			return value.Int128{}, false
		}
		s = s[1:]
	}
	n := value.Int128{Hi: int64(int8(sign)), Lo: uint64(int64(int8(sign)))}
	for _, c := range s {
		n.Hi = n.Hi<<8 | int64(n.Lo>>56)
		n.Lo = n.Lo<<8 | uint64(c)
	}
	return n, n.Hi>>63 == int64(int8(sign))>>63
}

// valid is utf8.Valid with a short way for short ASCII.
func valid(s []byte) bool {
	rest := s
	for ; len(rest) >= 8; rest = rest[8:] {
		if binary.LittleEndian.Uint64(rest)&0x8080808080808080 != 0 {
			return utf8.Valid(rest)
		}
	}
	for _, c := range rest {
		if c >= utf8.RuneSelf {
			return utf8.Valid(rest)
		}
	}
	return true
}

func (m *machine) badBool(b []byte, at int) int {
	if at >= len(b) {
		return m.fail(at, torn)
	}
	return m.fail(at, notBool)
}

func (m *machine) badLong(b []byte, at int) int {
	if len(b)-at >= 10 {
		return m.fail(at, badVarint)
	}
	return m.fail(at, torn)
}

func (m *machine) badLength(b []byte, at int) int {
	n, next := varlong(b, at)
	switch {
	case next < 0:
		return m.badLong(b, at)
	case n < 0:
		return m.fail(at, badLength)
	}
	return m.fail(at, torn)
}
