package wire

import (
	"encoding/binary"
	"math"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// run walks steps from byte at of b and returns the byte after them, or -1
// after a fault. It is one loop over one switch, with the one-byte varints
// spelled out, because it runs once for each record of every log.
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
			if o.single && n != int64(int32(n)) {
				return m.fail(start, notInt)
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
