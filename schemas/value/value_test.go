package value

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func anyInt128(t *rapid.T, label string) Int128 {
	n := Int128{rapid.Int64().Draw(t, label+".hi"), rapid.Uint64().Draw(t, label+".lo")}
	if rapid.Bool().Draw(t, label+".small") {
		n = Int128Of(n.Hi >> 20)
	}
	return n
}

func wrap(n *big.Int) Int128 {
	m := new(big.Int).Lsh(big.NewInt(1), 128)
	n = new(big.Int).Mod(n, m)
	lo := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return Int128{Hi: int64(new(big.Int).Rsh(n, 64).Uint64()), Lo: lo}
}

func TestInt128AgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyInt128(t, "a"), anyInt128(t, "b")
		if got := a.Add(b); got != wrap(new(big.Int).Add(a.Big(), b.Big())) {
			t.Fatalf("%v + %v = %v", a, b, got)
		}
		if got := a.Sub(b); got != wrap(new(big.Int).Sub(a.Big(), b.Big())) {
			t.Fatalf("%v - %v = %v", a, b, got)
		}
		if got := a.Cmp(b); got != a.Big().Cmp(b.Big()) {
			t.Fatalf("cmp(%v, %v) = %d", a, b, got)
		}
		product := new(big.Int).Mul(a.Big(), b.Big())
		got, ok := a.Mul(b)
		if fits := product.BitLen() <= 127; ok != fits || ok && got.Big().Cmp(product) != 0 {
			t.Fatalf("%v * %v = %v, %v", a, b, got, ok)
		}
		if back, ok := Int128FromBig(a.Big()); a != (Int128{Hi: math.MinInt64}) && (!ok || back != a) {
			t.Fatalf("%v does not round trip: %v", a, back)
		}
		enc := a.AppendVarint(nil)
		if back, n := DecodeInt128(enc); n != len(enc) || back != a {
			t.Fatalf("%v decodes as %v (%d of %d)", a, back, n, len(enc))
		}
	})
}

func TestFixedRoundsShortestDecimalHalfEven(t *testing.T) {
	for _, c := range []struct {
		f     float64
		scale int32
		want  int64
	}{
		{2.675, 2, 268}, {2.665, 2, 266}, {2.5, 0, 2}, {3.5, 0, 4}, {-2.5, 0, -2}, {-2.675, 2, -268},
		{0.1, 1, 1}, {1e-30, 5, 0}, {0.5e-5, 5, 0}, {1.5e-5, 5, 2}, {math.Copysign(0, -1), 3, 0},
		{123456789.125, 2, 12345678912}, {1e15, 3, 1e18}, {5e-324, 38, 0},
	} {
		got, ok := Fixed(c.f, c.scale)
		if !ok || got != Int128Of(c.want) {
			t.Errorf("Fixed(%v, %d) = %v, %v, want %d", c.f, c.scale, got, ok, c.want)
		}
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), 1e30, -1e300, math.MaxFloat64} {
		if got, ok := Fixed(f, 2); ok {
			t.Errorf("Fixed(%v) = %v, want refusal", f, got)
		}
	}
}

func TestFixedAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64Range(-1e12, 1e12).Draw(t, "f")
		scale := rapid.Int32Range(0, 10).Draw(t, "scale")
		got, ok := Fixed(f, scale)
		text, _ := json.Marshal(f)
		exact, _ := new(big.Rat).SetString(string(text))
		exact.Mul(exact, new(big.Rat).SetInt(Pow10(scale).Big()))
		diff := new(big.Rat).Sub(exact, new(big.Rat).SetInt(got.Big()))
		c := diff.Abs(diff).Cmp(big.NewRat(1, 2))
		if !ok || c > 0 || c == 0 && got.Lo&1 == 1 {
			t.Fatalf("Fixed(%v, %d) = %v, %v", f, scale, got, ok)
		}
	})
}

func TestRatioAndUnfixAreNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, d := anyInt128(t, "n"), anyInt128(t, "d")
		if d.Sign() == 0 {
			return
		}
		want, _ := new(big.Rat).SetFrac(n.Big(), d.Big()).Float64()
		if got := Ratio(n, d); got != want {
			t.Fatalf("Ratio(%v, %v) = %v, want %v", n, d, got, want)
		}
		scale := rapid.Int32Range(0, MaxScale).Draw(t, "scale")
		want, _ = new(big.Rat).SetFrac(n.Big(), Pow10(scale).Big()).Float64()
		if got := Unfix(n, scale); got != want {
			t.Fatalf("Unfix(%v, %d) = %v, want %v", n, scale, got, want)
		}
	})
}

func TestRescale(t *testing.T) {
	for _, c := range []struct {
		n, want  int64
		from, to int32
	}{{25, 2, 1, 0}, {35, 4, 1, 0}, {-25, -2, 1, 0}, {-26, -3, 1, 0}, {7, 700, 0, 2}, {7, 7, 3, 3}} {
		if got, ok := Rescale(Int128Of(c.n), c.from, c.to); !ok || got != Int128Of(c.want) {
			t.Errorf("Rescale(%d, %d, %d) = %v, want %d", c.n, c.from, c.to, got, c.want)
		}
	}
}

func anyValue(t *rapid.T, depth int) Value {
	k := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 && k == 9 {
		k = 0
	}
	switch Kind(k) {
	case Bool:
		return BoolOf(rapid.Bool().Draw(t, "b"))
	case Int64, Date, Timestamp:
		return Value{Kind: Kind(k), N: rapid.Int64().Draw(t, "n")}
	case Float64:
		return Float(rapid.Float64().Draw(t, "f"))
	case String:
		return Text(rapid.StringN(0, 5, 20).Draw(t, "s"))
	case Bytes:
		return Raw(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "raw"))
	case Decimal:
		return Dec(anyInt128(t, "dec"))
	case List:
		items := make([]Value, rapid.IntRange(0, 3).Draw(t, "len"))
		for i := range items {
			items[i] = anyValue(t, depth-1)
		}
		return Items(items...)
	}
	return Value{}
}

func TestCanonicalBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyValue(t, 2), anyValue(t, 2)
		ea, eb := Append(nil, a), Append(nil, b)
		if bytes.Equal(ea, eb) != Equal(a, b) {
			t.Fatalf("%v and %v: bytes and equality disagree", a, b)
		}
		if Compare(a, b) != -Compare(b, a) {
			t.Fatalf("order of %v and %v is not antisymmetric", a, b)
		}
		got, n, err := Decode(append(ea, eb...))
		if err != nil || n != len(ea) || !Equal(got, a) {
			t.Fatalf("decode of %v: %v, %d, %v", a, got, n, err)
		}
		if !Equal(a.Clone(), a) {
			t.Fatal("clone differs")
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(Append(nil, Items(Int(-3), Text("x"), Float(0.5), Dec(Int128{Hi: 1}))))
	f.Add([]byte{4, 0x80, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, n, err := Decode(b)
		if err != nil {
			return
		}
		if enc := Append(nil, v); !bytes.Equal(enc, b[:n]) {
			t.Fatalf("%x decodes to %v, which encodes as %x", b[:n], v, enc)
		}
	})
}

func TestContentIsWhatFollowsTheKind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(t, 2)
		b := AppendContent(nil, v)
		if whole := Append(nil, v); string(whole[1:]) != string(b) {
			t.Fatalf("content %x of %x", b, whole)
		}
		back, n, err := DecodeContent(v.Kind, append(b, 7))
		if err != nil || n != len(b) || !Equal(back, v) {
			t.Fatalf("%x: %v of %d bytes, %v", b, back, n, err)
		}
	})
}

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		v    Value
		t    Type
		want string
	}{
		{Value{}, Of(Int64), `null`}, {BoolOf(true), Of(Bool), `true`}, {Int(-7), Of(Int64), `-7`},
		{Float(1), Of(Float64), `1.0`}, {Float(1e21), Of(Float64), `1.0e+21`}, {Float(1.5e-9), Of(Float64), `1.5e-09`},
		{Float(math.Copysign(0, -1)), Of(Float64), `0.0`}, {Text("a\"\n\x01é"), Of(String), `"a\"\n\u0001é"`},
		{Raw([]byte{0, 255}), Of(Bytes), `"AP8="`}, {DateOf(-1), Of(Date), `"1969-12-31"`},
		{Time(1), Of(Timestamp), `"1970-01-01T00:00:00.000001Z"`},
		{Dec(Int128Of(-5)), Type{Kind: Decimal, Scale: 2}, `"-0.05"`},
		{Items(Int(1), Value{}), ListOf(Of(Int64)), `[1,null]`},
		{Value{Kind: Struct, L: []Value{Int(1)}}, Type{Kind: Struct, Fields: []Field{{"count", Of(Int64)}}}, `{"count":1}`},
	} {
		got := string(AppendJSON(nil, c.v, c.t))
		if got != c.want || !json.Valid([]byte(got)) {
			t.Errorf("JSON of %v: %s, want %s", c.v, got, c.want)
		}
	}
}
