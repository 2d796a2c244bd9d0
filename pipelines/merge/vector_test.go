package merge

import (
	"math"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/value"
)

func wholes(xs ...int64) value.Value {
	items := make([]value.Value, len(xs))
	for i, x := range xs {
		items[i] = value.Int(x)
	}
	return value.Items(items...)
}

func reals(xs ...float64) value.Value {
	items := make([]value.Value, len(xs))
	for i, x := range xs {
		items[i] = value.Float(x)
	}
	return value.Items(items...)
}

func TestVectorsOfFewBits(t *testing.T) {
	for _, c := range []struct {
		bits  int
		xs    []int64
		want  []float64
		shift byte // of the state
	}{
		{0, []int64{1000, -77}, []float64{1000, -77}, 0},
		{3, []int64{7, -7, 3}, []float64{7, -7, 3}, 0},            // fits
		{3, []int64{8, -7, 3}, []float64{8, -8, 4}, 2},            // step 2: -3.5 and 1.5 to the even ones
		{3, []int64{14, 13, 1}, []float64{14, 12, 0}, 1},          // 14 is 7 steps of 2
		{3, []int64{15, 13, 2}, []float64{16, 12, 0}, 2},          // 15 is more than that, so the step is 4; 0.5 goes to 0
		{1, []int64{1 << 40, 1 << 39}, []float64{1 << 40, 0}, 40}, // half a step goes to the even one
		{1, []int64{1 << 40, 1<<39 + 1}, []float64{1 << 40, 1 << 40}, 40},
		{32, []int64{math.MinInt64, 1}, []float64{math.MinInt64, 0}, 63},
	} {
		s := (Spec{Kind: VectorSum, Input: value.ListOf(whole), Dim: len(c.xs), Bits: c.bits}).New()
		feed(s, wholes(c.xs...))
		if got := s.Value(); !value.Equal(got, reals(c.want...)) {
			t.Errorf("%d bits of %v: %v, want %v", c.bits, c.xs, got, c.want)
		}
		if b := s.Append(nil, Order{}); b[1] != c.shift {
			t.Errorf("%d bits of %v: shift %d, want %d", c.bits, c.xs, b[1], c.shift)
		}
	}
}

func TestGreatVectorsOfFewBits(t *testing.T) {
	bound := value.Dec(value.Int128{Hi: 1 << 31}) // 2^95
	for bits, want := range map[int]float64{0: math.Ldexp(1, 95), 1: math.Ldexp(1, 95), 32: math.Ldexp(1, 95)} {
		s := (Spec{Kind: VectorMean, Input: value.ListOf(whole), Dim: 3, Bits: bits}).New()
		feed(s, value.Items(bound, value.Dec(bound.Int128().Neg()), value.Int(1)))
		small := 0.0
		if bits == 0 {
			small = 1
		}
		if got := s.Value(); !value.Equal(got, reals(want, -want, small)) {
			t.Errorf("%d bits: %v", bits, got)
		}
	}
}

func TestVectorsOfNothing(t *testing.T) {
	spec := Spec{Kind: VectorSum, Input: floats, Scale: 2, Dim: 2}
	s, o := spec.New().(*vector), spec.New()
	if !s.Value().IsNull() {
		t.Error("the sum of nothing is not null")
	}
	feed(s, wholes(150, -150), wholes(-150, 150))
	if !value.Equal(s.Value(), reals(0, 0)) {
		t.Errorf("%v of vectors that cancel", s.Value())
	}
	feed(o, wholes(150, -150), wholes(-150, 150))
	if s.Subtract(o); !s.Value().IsNull() {
		t.Errorf("%v of vectors that were taken back", s.Value())
	}
}

func TestVectorsRefuseBytes(t *testing.T) {
	for _, c := range []struct{ bytes, why string }{
		{"\x01\x00\x02", "bad integer"},
		{"\x01\x00\x04\x08", "items end with zeros"},
		{"\x01\x01\x00\x00", "items end with zeros"},
		{"\x01\x80\x01\x02\x02", "shift out of range"},
		{"\x01\x7f\x04\x02", "item out of range"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00\x02\x02", "number of events out of range"},
	} {
		s := (Spec{Kind: VectorMean, Input: value.ListOf(whole), Dim: 2}).New()
		feed(s, wholes(5, 6))
		before := string(s.Append(nil, Order{}))
		if n, err := s.Decode([]byte(c.bytes), Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%x: %d, %v, want %s", c.bytes, n, err, c.why)
		}
		if after := string(s.Append(nil, Order{})); after != before {
			t.Errorf("%x: the receiver changed", c.bytes)
		}
	}
}

// TestTornVectorsAllocateNothing: room is only made for what is there.
func TestTornVectorsAllocateNothing(t *testing.T) {
	s := (Spec{Kind: VectorSum, Input: value.ListOf(whole), Dim: MaxItems}).New()
	if _, err := s.Decode([]byte("\x01\x00\x02\x02"), Order{}); err == nil || s.Size() > 256 {
		t.Errorf("%v, %d bytes", err, s.Size())
	}
}

func TestBitsMeetABudget(t *testing.T) {
	vectors := Spec{Kind: VectorSum, Input: floats, Dim: 2, Bits: 8}
	if got := vectors.Guarantee(); got != 1.0/255 {
		t.Errorf("8 bits: %v", got)
	}
	for budget, want := range map[float64]string{1: "bits: 1", 0.01: "bits: 7", 1.0 / 255: "bits: 8", 1e-12: "bits: 0"} {
		if got := vectors.Meet(budget); got != want {
			t.Errorf("%v: %s, want %s", budget, got, want)
		}
	}
}
