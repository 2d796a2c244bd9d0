package merge

import (
	"bytes"
	"cmp"
	"math"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var (
	minKind = extremeKind(Min)
	maxKind = extremeKind(Max)
)

func extremeKind(name string) *kind {
	return &kind{
		name: name, input: single, result: ownInput, make: Spec.newExtreme, key: Spec.extremeKey, joins: true,
		bytes:   Spec.extremeBytes,
		planned: Spec.plannedExtreme,
	}
}

func (s Spec) extremeKey() string {
	if s.Exact {
		return keyOfInput(s) + " exact"
	}
	return keyOfInput(s)
}

func (s Spec) extremeBytes() int {
	if s.Exact {
		return countBytes(countedSteps) + countedSteps*(gapBytes+offsetBytes+contentBytes(s.Input))
	}
	return 1 + contentBytes(s.Input)
}

func (s Spec) plannedExtreme() (int, bool) {
	if s.Exact {
		return plannedSteps * (plannedElement + plannedContent(s.Input)), true
	}
	return s.MaxBytes(), false
}

func (s Spec) newExtreme() State {
	if s.Exact {
		return &stairs{cell: typeOf(s.Input), max: s.Kind == Max}
	}
	if s.Input.Kind == value.String || s.Input.Kind == value.Bytes {
		return &extremeText{kind: s.Input.Kind, max: s.Kind == Max}
	}
	return &extreme{kind: s.Input.Kind, max: s.Kind == Max}
}

// extreme is the least or greatest of values of fixed size.
type extreme struct {
	n, h int64 // as in value.Value
	kind value.Kind
	max  bool
	some bool
}

func (s *extreme) Add(in Input) { s.see(in.X.N, in.X.H) }

func (s *extreme) Combine(o State) {
	if e := same[*extreme](o); e.some {
		s.see(e.n, e.h)
	}
}

func (s *extreme) see(n, h int64) {
	c := 0
	if s.some {
		c = s.compare(n, h)
	}
	if !s.some || c != 0 && (c > 0) == s.max {
		s.n, s.h, s.some = n, h, true
	}
}

// compare is value.Compare of the given value with the state's own.
func (s *extreme) compare(n, h int64) int {
	switch s.kind {
	case value.Float64:
		return cmp.Compare(math.Float64frombits(uint64(n)), math.Float64frombits(uint64(s.n)))
	case value.Decimal:
		return value.Int128{Hi: h, Lo: uint64(n)}.Cmp(value.Int128{Hi: s.h, Lo: uint64(s.n)})
	}
	return cmp.Compare(n, s.n)
}

func (s *extreme) Reset()    { s.n, s.h, s.some = 0, 0, false }
func (s *extreme) Size() int { return int(unsafe.Sizeof(*s)) }

func (s *extreme) Value() value.Value {
	if !s.some {
		return value.Value{}
	}
	return value.Value{Kind: s.kind, N: s.n, H: s.h}
}

func (s *extreme) Append(dst []byte, _ Order) []byte { return appendOption(dst, s.Value()) }

func (s *extreme) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	v, some := r.option(cellType{kind: s.kind})
	if r.err == nil {
		s.n, s.h, s.some = v.N, v.H, some
	}
	return r.done(extremeName(s.max))
}

// extremeText is the least or greatest string by its bytes.
type extremeText struct {
	b    []byte
	kind value.Kind
	max  bool
	some bool
}

func (s *extremeText) Add(in Input) { s.see(in.X.B) }

func (s *extremeText) Combine(o State) {
	if e := same[*extremeText](o); e.some {
		s.see(e.b)
	}
}

func (s *extremeText) see(b []byte) {
	c := bytes.Compare(b, s.b)
	if !s.some || c != 0 && (c > 0) == s.max {
		s.put(b)
	}
}

func (s *extremeText) put(b []byte) {
	p := parts{b: s.b}
	p.set(parts{b: b})
	s.b, s.some = p.b, true
}

func (s *extremeText) Reset()    { s.b, s.some = s.b[:0], false }
func (s *extremeText) Size() int { return int(unsafe.Sizeof(*s)) + cap(s.b) }

func (s *extremeText) Value() value.Value {
	if !s.some {
		return value.Value{}
	}
	return value.Value{Kind: s.kind, B: s.b}
}

func (s *extremeText) Append(dst []byte, _ Order) []byte { return appendOption(dst, s.Value()) }

func (s *extremeText) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	v, some := r.option(cellType{kind: s.kind})
	if r.err == nil {
		if s.Reset(); some {
			s.put(v.B)
		}
	}
	return r.done(extremeName(s.max))
}

func extremeName(max bool) string {
	if max {
		return Max
	}
	return Min
}

// appendOption appends 0 for null, else 1 and the content.
func appendOption(dst []byte, v value.Value) []byte {
	if v.IsNull() {
		return append(dst, 0)
	}
	return value.AppendContent(append(dst, 1), v)
}

// option reads what appendOption wrote.
func (r *reader) option(c cellType) (v value.Value, some bool) {
	switch r.uvarint() {
	case 0:
		return value.Value{}, false
	case 1:
		return r.content(c), true
	}
	r.fail("bad tag")
	return value.Value{}, false
}
