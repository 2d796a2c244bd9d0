package mergetest

import (
	"math"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Of draws inputs whose X comes from values.
func Of(values *rapid.Generator[value.Value]) func(*rapid.T) merge.Input {
	return func(t *rapid.T) merge.Input { return merge.Input{X: values.Draw(t, "x")} }
}

// Numbers generates exact integers as sums are fed them: small ones, 64-bit
// extremes, and decimals up to the bound of an input.
func Numbers() *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value {
		switch rapid.IntRange(0, 5).Draw(t, "size") {
		case 0:
			return value.Int(rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, 1 << 53, 1<<53 + 1}).Draw(t, "edge"))
		case 1:
			return value.Dec(drawInt128(t))
		case 2:
			return value.Int(rapid.Int64().Draw(t, "n"))
		}
		return value.Int(rapid.Int64Range(-300, 300).Draw(t, "n"))
	})
}

// drawInt128 draws within ±2^value.BoundBits.
func drawInt128(t *rapid.T) value.Int128 {
	n := value.Int128{Hi: rapid.Int64Range(0, 1<<(value.BoundBits-64)-1).Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
	if rapid.Bool().Draw(t, "edge") {
		n = value.Int128{Hi: 1 << (value.BoundBits - 64)}
	}
	if rapid.Bool().Draw(t, "negative") {
		n = n.Neg()
	}
	return n
}

// Values generates values of type t, from a few often, so that they recur.
func Values(of value.Type) *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value { return drawValue(t, of) })
}

// OrNull generates what values does, and nulls.
func OrNull(values *rapid.Generator[value.Value]) *rapid.Generator[value.Value] {
	return rapid.Custom(func(t *rapid.T) value.Value {
		if rapid.IntRange(0, 3).Draw(t, "null") == 0 {
			return value.Value{}
		}
		return values.Draw(t, "value")
	})
}

func drawValue(t *rapid.T, of value.Type) value.Value {
	few := rapid.IntRange(0, 3).Draw(t, "few") > 0
	n := rapid.Int64Range(-2, 5).Draw(t, "n")
	switch of.Kind {
	case value.Bool:
		return value.BoolOf(n > 0)
	case value.String, value.Bytes:
		return value.Value{Kind: of.Kind, B: drawText(t, few, n)}
	case value.Float64:
		return drawFloat(t, few, n)
	case value.Decimal:
		if few {
			return value.Dec(value.Int128{Hi: n, Lo: uint64(n & 1)})
		}
		return value.Dec(drawInt128(t))
	case value.List:
		items := make([]value.Value, max(n, 0))
		for i := range items {
			items[i] = OrNull(Values(*of.Elem)).Draw(t, "item")
		}
		return value.Items(items...)
	}
	if !few {
		n = rapid.Int64().Draw(t, "any")
	}
	if of.Kind == value.Timestamp {
		n = int64(stamp.Micros(n) % stamp.MaxMicros)
	}
	return value.Value{Kind: of.Kind, N: n}
}

func drawText(t *rapid.T, few bool, n int64) []byte {
	if few {
		return []byte([]string{"", "a", "b", "ab", "ba", "ATL", "ORD", "é"}[n+2])
	}
	s := rapid.StringN(0, merge.TextBytes, merge.TextBytes).Draw(t, "text")
	return []byte(s)
}

func drawFloat(t *rapid.T, few bool, n int64) value.Value {
	if few {
		return value.Float(float64(n) / 4)
	}
	return value.Float(rapid.Float64().Draw(t, "float"))
}
