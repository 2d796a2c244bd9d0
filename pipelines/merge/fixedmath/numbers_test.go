package fixedmath

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func wide(hi, lo uint64) *big.Int {
	n := new(big.Int).SetUint64(hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(lo))
}

// nearest is num/den * 2^exp by rationals.
func nearest(num, den *big.Int, exp int64) float64 {
	r := new(big.Rat).SetFrac(num, den)
	two := new(big.Int).Lsh(big.NewInt(1), uint(max(exp, -exp)))
	if exp >= 0 {
		r.Mul(r, new(big.Rat).SetInt(two))
	} else {
		r.Quo(r, new(big.Rat).SetInt(two))
	}
	f, _ := r.Float64()
	return f
}

// pattern draws words whose roundings are ties, near ties and carries.
func pattern(t *rapid.T, what string) uint64 {
	w := rapid.SampledFrom([]uint64{0, 1, math.MaxUint64, 1 << 63, 1<<63 - 1, 1<<11 - 1, 1 << 10, 1<<10 + 1, 3 << 10}).Draw(t, what)
	if rapid.Bool().Draw(t, what+" any") {
		w ^= rapid.Uint64().Draw(t, what+" bits")
	}
	return w >> rapid.IntRange(0, 63).Draw(t, what+" shift")
}

func TestFloatIsTheNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hi, lo := pattern(t, "hi"), pattern(t, "lo")
		more := hi != 0 && rapid.Bool().Draw(t, "more")
		exp := rapid.SampledFrom([]int64{0, -64, -1074, -1075, -1130, -1150, -1201, 900, 960, 971}).Draw(t, "exp") + rapid.Int64Range(-3, 3).Draw(t, "off")
		n := new(big.Int).Lsh(wide(hi, lo), 1)
		if more {
			n.SetBit(n, 0, 1)
		}
		if got, want := Float(hi, lo, more, exp), nearest(n, big.NewInt(2), exp); got != want {
			t.Fatalf("(%#x, %#x, %v) * 2^%d = %v, want %v", hi, lo, more, exp, got, want)
		}
	})
}

func TestFloatAtTheEnds(t *testing.T) {
	for _, c := range []struct {
		hi, lo uint64
		more   bool
		exp    int64
		want   float64
	}{
		{0, 0, false, math.MaxInt64 - 1, 0},
		{0, 1, false, -1074, math.SmallestNonzeroFloat64},
		{0, 1, false, -1075, 0}, // a tie, to even
		{1, 0, true, -1075 - 64, math.SmallestNonzeroFloat64},
		{0, 3, false, -1075, 2 * math.SmallestNonzeroFloat64},
		{0, 1, false, math.MinInt64, 0},
		{0, 1, false, 1 << 62, math.Inf(1)},
		{0, 1<<53 - 1, false, 971, math.MaxFloat64},
		{0, 1<<54 - 1, false, 970, math.Inf(1)}, // rounds up to 2^1024
		{0, 1<<53 - 1, false, -1075, 0x1p-1022}, // rounds up to a normal one
		{math.MaxUint64, math.MaxUint64, false, -128, 1},
		{1 << 63, 1 << 10, false, -128, 0.5},
	} {
		if got := Float(c.hi, c.lo, c.more, c.exp); got != c.want {
			t.Errorf("(%#x, %#x, %v) * 2^%d = %v, want %v", c.hi, c.lo, c.more, c.exp, got, c.want)
		}
	}
}

// drawInt draws integers of up to 256 bits, few bits often.
func drawInt(t *rapid.T, what string, most int) *big.Int {
	n := new(big.Int)
	for range rapid.IntRange(0, most/64).Draw(t, what+" words") {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(pattern(t, what)))
	}
	if rapid.Bool().Draw(t, what+" negative") {
		n.Neg(n)
	}
	return n
}

func TestRatioIsTheNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		num, den := drawInt(t, "num", 256), drawInt(t, "den", 192)
		den.Abs(den).Add(den, big.NewInt(1))
		exp := rapid.SampledFrom([]int64{0, 0, -3, -1000, -1074, -1100, 800, 1000}).Draw(t, "exp")
		got, want := Ratio(num, den, exp), nearest(num, den, exp)
		if got != want || math.Signbit(got) && got == 0 {
			t.Fatalf("%d/%d * 2^%d = %v, want %v", num, den, exp, got, want)
		}
	})
}

// modulo is n in two's complement of 256 bits.
func modulo(n *big.Int) *big.Int {
	one := big.NewInt(1)
	half := new(big.Int).Lsh(one, 255)
	n = new(big.Int).Add(n, half)
	n.Mod(n, new(big.Int).Lsh(one, 256))
	return n.Sub(n, half)
}

func int256(n *big.Int) Int256 {
	var a Int256
	n = new(big.Int).Mod(n, new(big.Int).Lsh(big.NewInt(1), 256))
	for i := range a {
		a[i] = new(big.Int).And(new(big.Int).Rsh(n, uint(64*i)), new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	}
	return a
}

func TestInt256IsAnIntegerModulo2To256(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := modulo(drawInt(t, "x", 256)), modulo(drawInt(t, "y", 256))
		n := rapid.UintRange(0, 63).Draw(t, "n")
		a, b := int256(x), int256(y)
		for _, c := range []struct {
			what string
			got  Int256
			want *big.Int
		}{
			{"a", a, x},
			{"a+b", a.Add(b), new(big.Int).Add(x, y)},
			{"a-b", a.Sub(b), new(big.Int).Sub(x, y)},
			{"-a", a.Neg(), new(big.Int).Neg(x)},
			{"a<<n", a.Shl(n), new(big.Int).Lsh(x, n)},
		} {
			if c.got.Big().Cmp(modulo(c.want)) != 0 {
				t.Fatalf("%s: %d, want %d", c.what, c.got.Big(), modulo(c.want))
			}
		}
		if a.Sign() != x.Sign() {
			t.Fatalf("sign of %d: %d", x, a.Sign())
		}
	})
}

func TestVarintsOfInt256(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawInt(t, "x", 256)
		x.Rsh(x, uint(max(0, x.BitLen()-195)))
		b := int256(x).AppendVarint([]byte{7})
		got, n := DecodeInt256(append(b[1:len(b):len(b)], 0x55))
		if n != len(b)-1 || got.Big().Cmp(x) != 0 || b[0] != 7 || n > VarintBytes {
			t.Fatalf("%d: %x, back as %d in %d bytes", x, b, got.Big(), n)
		}
		if _, n := DecodeInt256(b[1 : len(b)-1]); n != 0 {
			t.Fatalf("%d: a torn form decodes", x)
		}
		longer := append(append([]byte{}, b[1:]...), 0)
		longer[len(longer)-2] |= 0x80
		if _, n := DecodeInt256(longer); n != 0 {
			t.Fatalf("%d: a longer form decodes", x)
		}
	})
	endless := make([]byte, 40)
	for i := range endless {
		endless[i] = 0xff
	}
	endless[39] = 1
	if _, n := DecodeInt256(endless); n != 0 {
		t.Errorf("%d bytes of %x decode", n, endless)
	}
}

func TestProductRoundsHalfToEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hi, lo, m := pattern(t, "hi"), pattern(t, "lo"), pattern(t, "m")
		shift, negative := rapid.UintRange(1, 63).Draw(t, "shift"), rapid.Bool().Draw(t, "negative")
		x := new(big.Int).Mul(wide(hi, lo), new(big.Int).SetUint64(m))
		want := halfEven(x, shift)
		if negative {
			want.Neg(want)
		}
		if got := Product(negative, hi, lo, m, shift); got.Big().Cmp(want) != 0 {
			t.Fatalf("%d>>%d: %d, want %d", x, shift, got.Big(), want)
		}
	})
}

// halfEven is n/2^shift rounded half to even, for n not negative.
func halfEven(n *big.Int, shift uint) *big.Int {
	one := big.NewInt(1)
	q := new(big.Int).Rsh(n, shift)
	rest := new(big.Int).Sub(n, new(big.Int).Lsh(q, shift))
	switch rest.Cmp(new(big.Int).Lsh(one, shift-1)) {
	case 1:
		q.Add(q, one)
	case 0:
		q.Add(q, new(big.Int).And(q, one))
	}
	return q
}
