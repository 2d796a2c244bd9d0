package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

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
