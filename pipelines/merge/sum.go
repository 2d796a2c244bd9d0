package merge

import (
	"fmt"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

var sumKind = &kind{
	name:   Sum,
	input:  numeric,
	check:  checkSum,
	result: func(s Spec) value.Type { return s.sumType(s.Input.Kind) },
	make:   func(s Spec) State { return &sum{scale: uint8(s.Scale), as: s.Result().Kind} },
	key:    func(s Spec) string { return fmt.Sprintf("sum(%s, %d) %s", s.Input, s.Scale, s.Result()) },
	bytes:  func(Spec) int { return int128Bytes },
	feed:   Exact,
}

func checkSum(s Spec) error {
	if err := checkScale(s); err != nil {
		return err
	}
	return checkAs(s)
}

func checkAs(s Spec) error {
	switch s.As {
	case "", "int64", "float64", "decimal":
		return nil
	}
	return fmt.Errorf("as is int64, float64 or decimal, found %q", s.As)
}

// sumType is the type that As names, or that of kind.
func (s Spec) sumType(kind value.Kind) value.Type {
	switch s.As {
	case "int64":
		kind = value.Int64
	case "float64":
		kind = value.Float64
	case "decimal":
		kind = value.Decimal
	}
	if kind == value.Decimal {
		return value.Type{Kind: kind, Scale: s.Scale}
	}
	return value.Of(kind)
}

// sum is Σ x in units of 10^-scale, exact up to 2^31 events and modulo 2^128
// beyond. It is saturated or rounded only when it is read.
type sum struct {
	total value.Int128
	scale uint8
	as    value.Kind // Int64, Float64 or Decimal
}

func (s *sum) Add(in Input)     { s.total = s.total.Add(in.X.Int128()) }
func (s *sum) Combine(o State)  { s.total = s.total.Add(same[*sum](o).total) }
func (s *sum) Subtract(o State) { s.total = s.total.Sub(same[*sum](o).total) }
func (s *sum) Reset()           { s.total = value.Int128{} }
func (s *sum) Size() int        { return int(unsafe.Sizeof(*s)) }

func (s *sum) Value() value.Value {
	switch s.as {
	case value.Float64:
		return value.Float(value.Unfix(s.total, int32(s.scale)))
	case value.Decimal:
		return value.Dec(clampDecimal(s.total))
	}
	whole, _ := value.Rescale(s.total, int32(s.scale), 0)
	return value.Int(whole.Int64())
}

// clampDecimal keeps n within the 38 digits of a decimal.
func clampDecimal(n value.Int128) value.Int128 {
	most := value.Pow10(value.MaxScale).Sub(value.Int128Of(1))
	switch {
	case n.Cmp(most) > 0:
		return most
	case n.Cmp(most.Neg()) < 0:
		return most.Neg()
	}
	return n
}

func (s *sum) Append(dst []byte, _ Order) []byte { return s.total.AppendVarint(dst) }

func (s *sum) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	total := r.int128()
	if r.err == nil {
		s.total = total
	}
	return r.done(Sum)
}
