package merge

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

// orthonormal makes a basis of random directions by Gram and Schmidt.
func orthonormal(t *rapid.T, dim, rank int) *Basis {
	columns := make([][]float64, 0, rank)
	for len(columns) < rank {
		c := make([]float64, dim)
		for i := range c {
			c[i] = rapid.Float64Range(-1, 1).Draw(t, "u")
		}
		c[len(columns)] += 3 // no column is in the span of those before it
		for range 2 {
			for _, d := range columns {
				dot := product(c, d)
				for i := range c {
					c[i] -= dot * d[i]
				}
			}
		}
		length := math.Sqrt(product(c, c))
		for i := range c {
			c[i] /= length
		}
		columns = append(columns, c)
	}
	u := make([]int32, dim*rank)
	for j, c := range columns {
		for i := range c {
			u[i*rank+j] = int32(math.RoundToEven(math.Ldexp(c[i], BasisBits)))
		}
	}
	b, err := NewBasis(dim, rank, u)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func product(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// TestProjectionsAgainstBig projects vectors of every magnitude on random
// directions, and reads sums of every magnitude back.
func TestProjectionsAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 12).Draw(t, "dim")
		b := orthonormal(t, dim, rapid.IntRange(1, dim).Draw(t, "rank"))
		most := rapid.IntRange(0, value.BoundBits).Draw(t, "bits")
		x := make([]value.Value, dim)
		for i := range x {
			n := value.Int128{Hi: rapid.Int64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
			x[i] = value.Dec(shiftedRight(n, uint(127-most)))
		}
		sums := make([]int192, b.Rank)
		b.project(x, sums)
		for j, got := range sums {
			if want := wrapped(halfEven(column(b, j, x), big.NewInt(1<<14))); got != want {
				t.Fatalf("direction %d of %v: %x, want %x", j, x, got, want)
			}
		}
		shorter := rapid.IntRange(5, 190).Draw(t, "shorter")
		for j := range sums {
			sums[j] = anyWide(t).shiftRight(uint(min(shorter, 63))).shiftRight(uint(min(max(shorter-63, 0), 63))).shiftRight(uint(max(shorter-126, 0) % 64))
		}
		coefficients := limbsOf(sums)
		for i := range dim {
			if got, want := b.item(i, &coefficients), wrapped(row(b, i, sums)); got != want {
				t.Fatalf("item %d of %x: %x, want %x", i, sums, got, want)
			}
		}
	})
}

// column is Σ U x of a direction.
func column(b *Basis, j int, x []value.Value) *big.Int {
	sum := new(big.Int)
	for i := range x {
		sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(b.U[i*b.Rank+j])), x[i].Int128().Big()))
	}
	return sum
}

// row is Σ U z of an item.
func row(b *Basis, i int, sums []int192) *big.Int {
	sum := new(big.Int)
	for j := range sums {
		sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(b.U[i*b.Rank+j])), sums[j].big()))
	}
	return sum
}

// hadamard is the first rank columns of the Hadamard matrix of dim, a power of
// four, over its length.
func hadamard(t testing.TB, dim, rank int) *Basis {
	one := int32(math.Round(math.Ldexp(1/math.Sqrt(float64(dim)), BasisBits)))
	u := make([]int32, dim*rank)
	for i := range dim {
		for j := range rank {
			if u[i*rank+j] = one; popcount(i&j)%2 == 1 {
				u[i*rank+j] = -one
			}
		}
	}
	b, err := NewBasis(dim, rank, u)
	if err != nil {
		t.Fatal(err)
	}
	b.Name, b.Version = "hadamard", 1
	return b
}

func popcount(n int) int {
	if n == 0 {
		return 0
	}
	return n&1 + popcount(n>>1)
}

// TestGreatestProjection is the greatest vector there is, along one direction of
// the largest bases: nothing overflows, and what was projected is read back.
func TestGreatestProjection(t *testing.T) {
	for _, b := range []*Basis{hadamard(t, 4096, 16), hadamard(t, 256, 256), hadamard(t, 1, 1)} {
		x := make([]value.Value, b.Dim)
		for i := range x {
			n := value.Int128{Hi: 1 << 31} // 2^95
			if popcount(i&(b.Rank-1))%2 == 1 {
				n = n.Neg()
			}
			x[i] = value.Dec(n)
		}
		spec := Spec{Kind: LowRank, Input: value.ListOf(whole), Basis: b}
		s := spec.New()
		for range 3 {
			feed(s, value.Items(x...))
		}
		for range 20 { // as if there were 3·2^20 events
			o := spec.New()
			if _, err := o.Decode(s.Append(nil, Order{}), Order{}); err != nil {
				t.Fatal(err)
			}
			s.Combine(o)
		}
		for i, got := range s.Value().L {
			want := math.Ldexp(3, 95+20)
			if x[i].Int128().Sign() < 0 {
				want = -want
			}
			if off := math.Abs(got.Float()/want - 1); off > 1e-6 {
				t.Fatalf("dim %d, item %d: %v, want %v", b.Dim, i, got.Float(), want)
			}
		}
	}
}

// TestProjectionsKeepPrecision: what lies in the span of the directions is read
// back to within the coefficients' precision, after many events.
func TestProjectionsKeepPrecision(t *testing.T) {
	b := hadamard(t, 16, 4)
	s := (Spec{Kind: LowRank, Input: floats, Scale: 6, Basis: b}).New()
	const events = 1000
	for n := range events {
		x := make([]value.Value, b.Dim)
		for i := range x {
			x[i] = value.Int(int64(1 + n%7)) // the first direction
		}
		feed(s, value.Items(x...))
	}
	want := 0.0
	for n := range events {
		want += float64(1+n%7) / 1e6
	}
	for i, got := range s.Value().L {
		if math.Abs(got.Float()-want) > 4*events*math.Ldexp(1e-6, -17) {
			t.Errorf("item %d: %v, want %v", i, got.Float(), want)
		}
	}
}

func TestLowRankRefuses(t *testing.T) {
	b := hadamard(t, 4, 2)
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Kind: LowRank, Input: floats, Scale: 3, Basis: b}, ""},
		{Spec{Kind: LowRank, Input: floats, Scale: 3, Basis: b, Dim: 4}, ""},
		{Spec{Kind: LowRank, Input: floats, Scale: 3}, "low_rank: needs a basis"},
		{Spec{Kind: LowRank, Input: floats, Basis: &Basis{Name: "own", Version: 2, Dim: 1, Rank: 1, U: []int32{1}}}, "low_rank: basis own@2 was not made by NewBasis"},
		{Spec{Kind: LowRank, Input: floats, Basis: b, Dim: 5}, "low_rank: dim is that of basis hadamard@1, 4, found 5"},
		{Spec{Kind: LowRank, Input: float, Basis: b}, "low_rank: wants lists of numbers, found float64"},
		{Spec{Kind: LowRank, Input: value.ListOf(whole), Scale: 2, Basis: b}, "low_rank: scale of whole numbers is 0, found 2"},
	} {
		if err := c.spec.Validate(); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%+v: %v, want %q", c.spec, err, c.want)
		}
	}
}

func TestLowRankRefusesBytes(t *testing.T) {
	for _, c := range []struct{ bytes, why string }{
		{"\x01\x02", "bad integer"},
		{"\x01\x02\x80\x00", "bad integer"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x02\x02", "number of events out of range"},
		{"\x81\x00\x02\x02", "bad varint"},
	} {
		s := (Spec{Kind: LowRank, Input: floats, Basis: hadamard(t, 4, 2)}).New()
		feed(s, wholes(5, 6, 7, 8))
		before := string(s.Append(nil, Order{}))
		if n, err := s.Decode([]byte(c.bytes), Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%x: %d, %v, want %s", c.bytes, n, err, c.why)
		}
		if after := string(s.Append(nil, Order{})); after != before {
			t.Errorf("%x: the receiver changed", c.bytes)
		}
	}
}
