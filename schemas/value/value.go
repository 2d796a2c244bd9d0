package value

import (
	"bytes"
	"cmp"
	"math"

	"anabranch.dev/anabranch/schemas/stamp"
)

// Value is one value. The zero Value is null.
type Value struct {
	Kind Kind
	N    int64   // Bool 0 or 1; Int64; Date days; Timestamp microseconds; Float64 its bits; Decimal its low 64 bits
	H    int64   // Decimal: its high 64 bits
	B    []byte  // String, Bytes
	L    []Value // List its items, Struct its fields
}

// BoolOf, Int, Float, Text, Raw, DateOf, Time, Dec and Items make values.
func BoolOf(b bool) Value {
	if b {
		return Value{Kind: Bool, N: 1}
	}
	return Value{Kind: Bool}
}

// Int makes an Int64.
func Int(n int64) Value { return Value{Kind: Int64, N: n} }

// Float makes a Float64 of a finite f; -0 becomes 0.
func Float(f float64) Value {
	return Value{Kind: Float64, N: int64(math.Float64bits(positiveZero(f)))}
}

// Text makes a String of valid UTF-8.
func Text(s string) Value { return Value{Kind: String, B: []byte(s)} }

// Raw makes a Bytes that shares b.
func Raw(b []byte) Value { return Value{Kind: Bytes, B: b} }

// DateOf makes a Date from days since 1970-01-01.
func DateOf(days int64) Value { return Value{Kind: Date, N: days} }

// Time makes a Timestamp.
func Time(t stamp.Micros) Value { return Value{Kind: Timestamp, N: int64(t)} }

// Dec makes a Decimal of an unscaled integer.
func Dec(n Int128) Value { return Value{Kind: Decimal, N: int64(n.Lo), H: n.Hi} }

// Items makes a List that shares items.
func Items(items ...Value) Value { return Value{Kind: List, L: items} }

// IsNull reports whether v is the absence of a value.
func (v Value) IsNull() bool { return v.Kind == Null }

// Bool is a Bool's value.
func (v Value) Bool() bool { return v.N != 0 }

// Float is a Float64's value.
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.N)) }

// Int128 is the exact integer of an Int64 or the unscaled one of a Decimal.
func (v Value) Int128() Int128 {
	if v.Kind == Decimal {
		return Int128{Hi: v.H, Lo: uint64(v.N)}
	}
	return Int128Of(v.N)
}

// Clone is v with slices of its own.
func (v Value) Clone() Value {
	if v.B != nil {
		v.B = bytes.Clone(v.B)
	}
	if v.L != nil {
		l := make([]Value, len(v.L))
		for i, x := range v.L {
			l[i] = x.Clone()
		}
		v.L = l
	}
	return v
}

// Equal reports whether a and b are the same value of the same kind.
func Equal(a, b Value) bool { return Compare(a, b) == 0 }

// Compare orders values: by kind, then numbers by size, false before true,
// strings and bytes by their bytes, lists by their items. It is total.
func Compare(a, b Value) int {
	if a.Kind != b.Kind {
		return cmp.Compare(a.Kind, b.Kind)
	}
	switch a.Kind {
	case Null:
		return 0
	case Float64:
		return cmp.Compare(a.Float(), b.Float())
	case String, Bytes:
		return bytes.Compare(a.B, b.B)
	case Decimal:
		return a.Int128().Cmp(b.Int128())
	case List, Struct:
		return compareItems(a.L, b.L)
	}
	return cmp.Compare(a.N, b.N)
}

func compareItems(a, b []Value) int {
	for i := range min(len(a), len(b)) {
		if c := Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
