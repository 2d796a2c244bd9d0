package merge

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

func distinctOf(precision int) *distinct {
	return (Spec{Kind: ApproxDistinct, Input: whole, Precision: precision}).New().(*distinct)
}

// spread is a bijection of 64 bits (splitmix64): distinct hashes.
func spread(n uint64) uint64 {
	z := (n + 1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func TestDistinctIsExactWhileFew(t *testing.T) {
	for precision := MinPrecision; precision <= MaxPrecision; precision++ {
		s := distinctOf(precision)
		limit := 1 << precision * 6 / 64
		for i := range limit {
			s.see(spread(uint64(i)))
			s.see(spread(uint64(i)))
		}
		if got := s.Value().N; got != int64(limit) || s.dense {
			t.Errorf("precision %d: %d of %d, dense %t", precision, got, limit, s.dense)
		}
		s.see(spread(uint64(limit)))
		if !s.dense {
			t.Errorf("precision %d: still exact at %d", precision, limit+1)
		}
		if n := len(s.Append(nil, Order{})); n > (Spec{Kind: ApproxDistinct, Precision: precision}).MaxBytes() {
			t.Errorf("precision %d: %d bytes", precision, n)
		}
	}
}

// TestDistinctStandardError counts many sets and compares the root mean square
// of the relative error with 1.04/sqrt(2^precision).
func TestDistinctStandardError(t *testing.T) {
	for _, c := range []struct{ precision, n, sets int }{
		{4, 5, 400}, {4, 40, 400}, {4, 3000, 400}, {8, 100, 300}, {8, 700, 300}, {8, 20000, 100}, {12, 1000, 60}, {12, 12000, 60}, {12, 100000, 20},
	} {
		sum := 0.0
		for set := range c.sets {
			s := distinctOf(c.precision)
			for i := range c.n {
				s.see(spread(uint64(set)<<32 | uint64(i)))
			}
			e := float64(s.Value().N)/float64(c.n) - 1
			sum += e * e
		}
		got, want := math.Sqrt(sum/float64(c.sets)), 1.04/math.Sqrt(float64(int(1)<<c.precision))
		if got > 1.35*want {
			t.Errorf("precision %d, %d values: error %.4f, want about %.4f", c.precision, c.n, got, want)
		}
	}
}

// TestDistinctSplits folds sets around the limit in any split.
func TestDistinctSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.IntRange(MinPrecision, 10).Draw(t, "precision")
		n := rapid.IntRange(0, 1<<precision/3).Draw(t, "n")
		hands := rapid.IntRange(1, 4).Draw(t, "hands")
		whole, parts := distinctOf(precision), make([]*distinct, hands)
		for i := range parts {
			parts[i] = distinctOf(precision)
		}
		for i := range n {
			h := spread(uint64(i))
			whole.see(h)
			parts[i%hands].see(h)
			parts[i*i%hands].see(h)
		}
		for _, p := range parts[1:] {
			parts[0].Combine(p)
		}
		if a, b := whole.Append(nil, Order{}), parts[0].Append(nil, Order{}); string(a) != string(b) {
			t.Fatalf("%x\n%x", a, b)
		}
	})
}

func TestEstimateIsFiniteAndMonotone(t *testing.T) {
	for precision := MinPrecision; precision <= MaxPrecision; precision++ {
		m, before := uint32(1)<<precision, int64(-1)
		for place := 0; place <= 64-precision+1; place++ {
			for _, high := range []uint32{0, 1, m / 2, m - 1} {
				var h [64]uint32
				h[place] += m - high
				if place <= 64-precision {
					h[place+1] += high
				}
				got := estimate(&h, precision)
				if got < before {
					t.Fatalf("precision %d: %d after %d", precision, got, before)
				}
				before = got
			}
		}
		if before != math.MaxInt64 {
			t.Errorf("precision %d: full registers are %d", precision, before)
		}
	}
}

// TestSeriesMatchTheirDefinition compares the two series of the estimator with
// their defining sums.
func TestSeriesMatchTheirDefinition(t *testing.T) {
	for i := range 1000 {
		x := float64(i) / 1000
		wantSigma, wantTau := x, 1-x
		for k := 1.0; k < 60; k++ {
			wantSigma += math.Pow(x, math.Pow(2, k)) * math.Pow(2, k-1)
			if x > 0 {
				wantTau -= math.Pow(1-math.Pow(x, math.Pow(2, -k)), 2) * math.Pow(2, -k)
			}
		}
		if x == 0 {
			wantTau = 0
		}
		if got := sigma(x); math.Abs(got-wantSigma) > 1e-9*wantSigma {
			t.Errorf("sigma(%v) = %v, want %v", x, got, wantSigma)
		}
		if got := tau(x); math.Abs(got-wantTau/3) > 1e-12 {
			t.Errorf("tau(%v) = %v, want %v", x, got, wantTau/3)
		}
	}
	if tau(1) != 0 || !math.IsInf(sigma(1), 1) {
		t.Errorf("at 1: %v, %v", tau(1), sigma(1))
	}
}

// TestEstimateBits pins results: the same everywhere, for ever.
func TestEstimateBits(t *testing.T) {
	for _, c := range []struct {
		precision, n int
		want         int64
	}{{4, 1000, 954}, {12, 1000, 995}, {12, 100000, 96575}, {14, 1000000, 993862}, {18, 300000, 299329}} {
		s := distinctOf(c.precision)
		for i := range c.n {
			s.see(spread(uint64(i)))
		}
		if got := s.Value().N; got != c.want {
			t.Errorf("precision %d, %d values: %d, want %d", c.precision, c.n, got, c.want)
		}
	}
}

func TestHashIsOfCanonicalBytes(t *testing.T) {
	// XXH64 with seed 0 of the kind, then the content (FORMAT.md §2).
	for _, c := range []struct {
		v    value.Value
		want uint64
	}{{value.Value{}, 0xe934a84adb052768}, {value.Text(""), 0x4cf90c867d984a54}, {value.Int(1), 0xf833905a897b74fb}, {value.Float(1), 0xb52d4658262230a8}} {
		if got := hashOf(c.v); got != c.want {
			t.Errorf("%v: %#x, want %#x", c.v, got, c.want)
		}
	}
}

func TestDistinctRefuses(t *testing.T) {
	const precision = 5 // 24 bytes of registers, at most 3 hashes
	for _, c := range []struct{ bytes, why string }{
		{"", "at 0: bad varint"},
		{"05", "4 hashes, of at most 3"},
		{"02" + "00", "torn"},
		{"03" + "0000000000000002" + "0000000000000001", "hashes out of order"},
		{"03" + "0000000000000002" + "0000000000000002", "hashes out of order"},
		{"01" + "00", "torn"},
		{"01" + strings.Repeat("00", 24), "no register is set"},
		{"01" + "3d" + strings.Repeat("00", 23), "register out of range"}, // 61 of at most 60
	} {
		b, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := distinctOf(precision).Decode(b, Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %s", c.bytes, err, c.why)
		}
	}
}

func ExampleSpec_Key() {
	fmt.Println(Spec{Kind: ApproxDistinct, Input: whole, Precision: 12}.Key())
	// Output: approx_distinct(int64, 12)
}
