package merge

import (
	"bytes"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

// anyWide draws an int192 of any length.
func anyWide(t *rapid.T) int192 {
	n := int192{rapid.Uint64().Draw(t, "low"), rapid.Uint64().Draw(t, "middle"), rapid.Uint64().Draw(t, "high")}
	for range rapid.IntRange(0, 190).Draw(t, "shorter") {
		n = int192{n[0]>>1 | n[1]<<63, n[1]>>1 | n[2]<<63, uint64(int64(n[2]) >> 1)}
	}
	return n
}

// wrapped is n modulo 2^192.
func wrapped(n *big.Int) int192 {
	var out int192
	n = new(big.Int).And(n, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 192), big.NewInt(1)))
	for i := range out {
		out[i] = new(big.Int).And(new(big.Int).Rsh(n, uint(64*i)), new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	}
	return out
}

func TestInt192AgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyWide(t), anyWide(t)
		s := rapid.UintRange(1, 63).Draw(t, "s")
		for _, c := range []struct {
			name string
			got  int192
			want *big.Int
		}{
			{"itself", a, a.big()},
			{"add", a.add(b), new(big.Int).Add(a.big(), b.big())},
			{"neg", a.neg(), new(big.Int).Neg(a.big())},
			{"shiftLeft", a.shiftLeft(s), new(big.Int).Lsh(a.big(), s)},
			{"shiftRight", a.shiftRight(s), new(big.Int).Rsh(a.big(), s)},
			{"halved", a.halved(s), halfEven(a.big(), new(big.Int).Lsh(big.NewInt(1), s))},
		} {
			if c.name == "halved" && !fitsWide(new(big.Int).Add(a.big(), new(big.Int).Lsh(big.NewInt(1), s))) {
				continue
			}
			if c.got != wrapped(c.want) {
				t.Fatalf("%s: %x %x %d: %x, want %x", c.name, a, b, s, c.got, wrapped(c.want))
			}
		}
	})
}

func fitsWide(n *big.Int) bool { return n.BitLen() <= 191 }

// halfEven is the integer nearest to n/d, ties to even, by rationals.
func halfEven(n, d *big.Int) *big.Int {
	q := new(big.Int)
	twice := new(big.Rat).SetFrac(new(big.Int).Add(new(big.Int).Lsh(n, 1), d), new(big.Int).Lsh(d, 1)) // n/d + 1/2
	q.Div(twice.Num(), twice.Denom())
	if twice.IsInt() && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

func TestInt192Varints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := anyWide(t)
		b := a.appendVarint(nil)
		if len(b) > int192Bytes {
			t.Fatalf("%x: %d bytes", a, len(b))
		}
		if n := value.Int128Of(int64(a[0])); widen(n) == a {
			if want := n.AppendVarint(nil); !bytes.Equal(b, want) {
				t.Fatalf("%x, as 128 bits %x", b, want)
			}
		}
		r := reader{b: append(b, 0x7f)}
		if got := r.int192(); got != a || r.at != len(b) || r.err != nil {
			t.Fatalf("%x read back as %x, %d of %d bytes, %v", a, got, r.at, len(b), r.err)
		}
	})
	for _, bad := range []string{"", "\x80", "\x80\x00", "\xff\xff", string(bytes.Repeat([]byte{0xff}, 27)) + "\x08", string(bytes.Repeat([]byte{0xff}, 28)) + "\x00"} {
		if r := (reader{b: []byte(bad)}); r.int192() != (int192{}) || r.err == nil || r.at != 0 {
			t.Errorf("%x: %v at %d", bad, r.err, r.at)
		}
	}
}

// TestDivisorsAreNearest compares with rationals at all magnitudes, and near
// ties, where a rounding that is done twice goes wrong.
func TestDivisorsAreNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.OneOf(rapid.Int64Range(1, 9), rapid.Int64Range(1, math.MaxInt64), rapid.Int64Range(-5, -1)).Draw(t, "weight")
		scale := rapid.IntRange(0, value.MaxScale).Draw(t, "scale")
		point := rapid.SampledFrom([]uint{0, basisPoint}).Draw(t, "bits")
		n := anyWide(t)
		if rapid.Bool().Draw(t, "near a tie") {
			n = nearTie(t, weight, scale, point)
		}
		below := new(big.Int).Mul(big.NewInt(weight), value.Pow10(int32(scale)).Big())
		want, _ := new(big.Rat).SetFrac(n.big(), below.Lsh(below, point)).Float64()
		d := newDivisor(weight, uint8(scale), point)
		if got := d.of(n); got != want || got == 0 && math.Signbit(got) {
			t.Fatalf("%s / (%d * 10^%d * 2^%d): %v, want %v", n.big(), weight, scale, point, got, want)
		}
	})
}

// basisPoint is how many bits after the point the read of a projection has.
const basisPoint = BasisBits + coefficientBits

// nearTie is a number whose quotient lies at most 1 from the middle of two floats.
func nearTie(t *rapid.T, weight int64, scale int, point uint) int192 {
	middle := new(big.Int).SetUint64(rapid.Uint64Range(1<<53, 1<<54-1).Draw(t, "middle") | 1)
	n := middle.Mul(middle, new(big.Int).Mul(big.NewInt(weight), value.Pow10(int32(scale)).Big()))
	n.Lsh(n, min(point, 20))
	n.Add(n, big.NewInt(rapid.Int64Range(-1, 1).Draw(t, "off")))
	if !fitsWide(n) {
		return int192{1}
	}
	return wrapped(n)
}
