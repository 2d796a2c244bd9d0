package fixedmath

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// digits is the precision of the series that the tests compare with.
const digits = 320

func number(x float64) *big.Float { return new(big.Float).SetPrec(digits).SetFloat64(x) }

func add(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(digits).Add(a, b) }
func sub(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(digits).Sub(a, b) }
func mul(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(digits).Mul(a, b) }
func quo(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(digits).Quo(a, b) }

// units is x in units of 2^-n.
func units(x *big.Float, n int) *big.Float { return new(big.Float).SetPrec(digits).SetMantExp(x, n) }

// ln is the natural logarithm of x in [1, 2], by the series of atanh.
func ln(x *big.Float) *big.Float {
	s := quo(sub(x, number(1)), add(x, number(1)))
	power, sum := s, number(0)
	for n := 1; n < 2*digits; n += 2 {
		sum = add(sum, quo(power, number(float64(n))))
		power = mul(power, mul(s, s))
	}
	return mul(sum, number(2))
}

var lnTwo = ln(number(2))

// exp is e^x for small x, by its series.
func exp(x *big.Float) *big.Float {
	term, sum := number(1), number(1)
	for n := 1; n < 80; n++ {
		term = quo(mul(term, x), number(float64(n)))
		sum = add(sum, term)
	}
	return sum
}

func exactExp2(f uint64) *big.Float {
	x := units(new(big.Float).SetPrec(digits).SetUint64(f), -64)
	return units(exp(mul(x, lnTwo)), 63)
}

func exactLog2(m uint64) *big.Float {
	x := units(new(big.Float).SetPrec(digits).SetUint64(m), -63)
	return units(quo(ln(x), lnTwo), 64)
}

func floor(x *big.Float) uint64 {
	n, _ := x.Uint64()
	return n
}

// below asserts that got is not above want, and less than most below it.
func below(t interface{ Errorf(string, ...any) }, what string, at, got uint64, want *big.Float, most float64) {
	gap, _ := sub(want, new(big.Float).SetPrec(digits).SetUint64(got)).Float64()
	if gap < 0 || gap >= most {
		t.Errorf("%s(%#x) = %#x is %g units below the true value, want 0 to %g", what, at, got, gap, most)
	}
}

func TestTablesAreTheFloorsOfWhatTheySay(t *testing.T) {
	for i := range uint64(64) {
		if want := floor(exactExp2(i << 58)); exp2Table[i] != want {
			t.Errorf("exp2Table[%d] = %#x, want %#x", i, exp2Table[i], want)
		}
		if want := floor(exactLog2((64 + i) << 57)); log2Table[i] != want {
			t.Errorf("log2Table[%d] = %#x, want %#x", i, log2Table[i], want)
		}
	}
	term := number(1)
	for n, got := range exp2Series {
		term = quo(mul(term, units(lnTwo, -6)), number(float64(n+1)))
		if want := floor(units(term, 70)); got != want {
			t.Errorf("exp2Series[%d] = %#x, want %#x", n, got, want)
		}
	}
	for n, got := range log2Series {
		if want := floor(units(quo(number(2), mul(lnTwo, number(float64(2*n+1)))), 61)); got != want {
			t.Errorf("log2Series[%d] = %#x, want %#x", n, got, want)
		}
	}
}

// edges are the arguments at and around each entry of a table, in 64 bits, and
// those that differ from 0 in few bits.
func edges() []uint64 {
	var all []uint64
	for i := range uint64(64) {
		at := i << 58
		all = append(all, at-2, at-1, at, at+1, at+2, at+1<<57, 1<<i, 1<<i-1, -(uint64(1) << i))
	}
	return all
}

// sampled are n arguments spread evenly, none of them round.
func sampled(n uint64) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i)*(math.MaxUint64/n) + uint64(i)*uint64(i)
	}
	return all
}

func TestExp2IsWithinItsBound(t *testing.T) {
	for _, f := range append(edges(), sampled(3000)...) {
		below(t, "Exp2", f, Exp2(f), exactExp2(f), 2.4)
	}
	if got := Exp2(0); got != 1<<63 {
		t.Errorf("Exp2(0) = %#x", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Uint64().Draw(t, "f")
		below(t, "Exp2", f, Exp2(f), exactExp2(f), 2.4)
	})
}

func TestLog2IsWithinItsBound(t *testing.T) {
	for _, m := range append(edges(), sampled(600)...) {
		m = m>>1 | 1<<63
		below(t, "Log2", m, Log2(m), exactLog2(m), 3)
	}
	if got := Log2(1 << 63); got != 0 {
		t.Errorf("Log2(1) = %#x", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Uint64().Draw(t, "m") | 1<<63
		below(t, "Log2", m, Log2(m), exactLog2(m), 3)
	})
}

func TestLog2DoesNotFall(t *testing.T) {
	for _, at := range append(edges(), sampled(20_000)...) {
		m := at>>1 | 1<<63
		for range 40 { // neighbours
			if m == math.MaxUint64 {
				break
			}
			if Log2(m) > Log2(m+1) {
				t.Fatalf("Log2(%#x) = %#x > Log2(%#x) = %#x", m, Log2(m), m+1, Log2(m+1))
			}
			m++
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a")|1<<63, rapid.Uint64().Draw(t, "b")|1<<63
		if Log2(min(a, b)) > Log2(max(a, b)) {
			t.Fatalf("Log2 falls between %#x and %#x", min(a, b), max(a, b))
		}
	})
}

// TestTheyAreInverse holds the two against each other without other arithmetic.
func TestTheyAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Uint64().Draw(t, "f")
		if back := Log2(Exp2(f)); f-back > 8 && back-f > 8 {
			t.Fatalf("Log2(Exp2(%#x)) = %#x", f, back)
		}
	})
}

func TestTheGreatestArgumentsDoNotRunOver(t *testing.T) {
	if got := Exp2(math.MaxUint64); got < math.MaxUint64-4 {
		t.Errorf("Exp2 of the greatest = %#x", got)
	}
	if got := Log2(math.MaxUint64); got < math.MaxUint64-6 {
		t.Errorf("Log2 of the greatest = %#x", got)
	}
}

func BenchmarkExp2(b *testing.B) {
	n := uint64(1)
	for b.Loop() {
		n = Exp2(n<<3 ^ n)
	}
}

func BenchmarkLog2(b *testing.B) {
	n := uint64(1)
	for b.Loop() {
		n = Log2(n<<3 | 1<<63)
	}
}
