package merge

import (
	"fmt"
	"math"
	"math/big"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

func quantilesOf(in value.Type, relative float64, q ...float64) Spec {
	return Spec{Kind: Quantiles, Input: in, Error: relative, Q: q}
}

// relativelyOff asserts that got is within part*want of want > 0, without
// rounding; part is taken as it is written.
func relativelyOff(t interface{ Fatalf(string, ...any) }, what any, got, want *big.Rat, part float64) {
	gap := new(big.Rat).Sub(got, want)
	bound, _ := new(big.Rat).SetString(fmt.Sprint(part))
	if gap.Abs(gap).Cmp(bound.Mul(bound, want)) > 0 {
		g, _ := got.Float64()
		w, _ := want.Float64()
		t.Fatalf("%v: %v is more than %v of %v off", what, g, part, w)
	}
}

// TestFloatsAtTheEdgesOfPlaces finds the first and the last float of a place by
// bisection: what is read is within the error of both, and no other place is
// between two floats that touch.
func TestFloatsAtTheEdgesOfPlaces(t *testing.T) {
	for _, relative := range []float64{MinRelativeError, 0.001, 0.01, 0.02, 1.0 / 3, MaxRelativeError} {
		g := newGrid(relative, value.Float64)
		rapid.Check(t, func(t *rapid.T) {
			u := uint64(value.Float(rapid.Float64Range(0x1p-1021, math.MaxFloat64).Draw(t, "x")).N)
			place := g.ofFloat(u)
			const most = 0x7fef_ffff_ffff_ffff
			from := uint64(sort.Search(most+1, func(i int) bool { return g.ofFloat(uint64(i)) >= place }))
			to := uint64(sort.Search(most+1, func(i int) bool { return g.ofFloat(uint64(i)) > place })) - 1
			if place < 1 || place > g.most || from > u || to < u {
				t.Fatalf("%x at place %d of 1 to %d, which is %x to %x", u, place, g.most, from, to)
			}
			got := new(big.Rat).SetFloat64(g.estimate(place, 0))
			for _, edge := range []uint64{from, to} {
				if x := math.Float64frombits(edge); x >= 0x1p-1022 {
					relativelyOff(t, x, got, new(big.Rat).SetFloat64(x), relative)
				}
			}
		})
	}
}

// TestIntegersAtTheEdgesOfPlaces does the same for integers of 127 bits, as
// decimals.
func TestIntegersAtTheEdgesOfPlaces(t *testing.T) {
	for _, relative := range []float64{MinRelativeError, 0.01, MaxRelativeError} {
		g := newGrid(relative, value.Decimal)
		rapid.Check(t, func(t *rapid.T) {
			x := value.Int128{Hi: rapid.Int64Range(0, math.MaxInt64).Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
			if small := rapid.IntRange(0, 126).Draw(t, "shift"); small > 0 {
				x, _ = value.Int128FromBig(new(big.Int).Rsh(x.Big(), uint(small)))
			}
			if x.Sign() == 0 {
				return
			}
			scale := rapid.Int32Range(0, value.MaxScale).Draw(t, "scale")
			place := g.signed(value.Dec(x))
			got := new(big.Rat).SetFloat64(g.estimate(place, scale))
			for _, edge := range []*big.Int{bisect(&g, place), new(big.Int).Sub(bisect(&g, place+1), big.NewInt(1))} {
				relativelyOff(t, edge, got, new(big.Rat).SetFrac(edge, value.Pow10(scale).Big()), relative)
			}
			if other := g.signed(value.Dec(x.Neg())); other != -place {
				t.Fatalf("%v at %d, its negative at %d", x, place, other)
			}
		})
	}
}

// bisect is the least integer whose place is at least one; at most 2^127.
func bisect(g *grid, place int32) *big.Int {
	n := new(big.Int)
	for bit := 126; bit >= 0; bit-- {
		n.SetBit(n, bit, 1)
		if x, _ := value.Int128FromBig(n); g.signed(value.Dec(x)) >= place {
			n.SetBit(n, bit, 0)
		}
	}
	return n.Add(n, big.NewInt(1))
}

// TestPlacesDoNotFall asserts that a greater number has no lesser place.
func TestPlacesDoNotFall(t *testing.T) {
	float, whole := newGrid(0.0001, value.Float64), newGrid(0.0001, value.Int64)
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if a <= b && float.signed(value.Float(a)) > float.signed(value.Float(b)) {
			t.Fatalf("%v is placed above %v", a, b)
		}
		m, n := rapid.Int64().Draw(t, "m"), rapid.Int64().Draw(t, "n")
		if m <= n && whole.signed(value.Int(m)) > whole.signed(value.Int(n)) {
			t.Fatalf("%v is placed above %v", m, n)
		}
	})
}

func TestQuantilesAtTheEdges(t *testing.T) {
	decimal := value.Type{Kind: value.Decimal, Scale: 38}
	for _, c := range []struct {
		name string
		spec Spec
		feed []value.Value
		want []float64 // within the error; nil: null
	}{
		{"nothing", quantilesOf(float, 0.01, 0.5), nil, nil},
		{"zero", quantilesOf(float, 0.01, 0.5), []value.Value{value.Float(0)}, []float64{0}},
		{"the greatest float", quantilesOf(float, 0.01, 0, 1), []value.Value{value.Float(math.MaxFloat64), value.Float(-math.MaxFloat64)}, []float64{-math.MaxFloat64, math.MaxFloat64}},
		{"the least float", quantilesOf(float, 0.01, 0.5), []value.Value{value.Float(math.SmallestNonzeroFloat64)}, []float64{math.SmallestNonzeroFloat64}},
		{"the least integer", quantilesOf(whole, 0.01, 0.5), []value.Value{value.Int(math.MinInt64)}, []float64{math.MinInt64}},
		{"the least decimal", quantilesOf(decimal, 0.01, 0.5), []value.Value{value.Dec(value.Int128{Hi: math.MinInt64})}, []float64{-0x1p127 / 1e38}},
		{"the least unit", quantilesOf(decimal, 0.01, 0.5), []value.Value{value.Dec(value.Int128Of(1))}, []float64{1e-38}},
		{"the lower of two", quantilesOf(whole, 0.01, 0.5, 1), []value.Value{value.Int(10), value.Int(-20)}, []float64{-20, 10}},
		{"0.7 of eleven is the eighth", quantilesOf(whole, 0.01, 0.7), elevens(), []float64{800}},
		{"down again", quantilesOf(whole, 0.01, 0.7, 0.1, 0.1), elevens(), []float64{800, 200, 200}},
		{"a tiny q", quantilesOf(whole, 0.01, math.SmallestNonzeroFloat64), elevens(), []float64{100}},
	} {
		got := feed(c.spec.New(), c.feed...).Value()
		if c.want == nil {
			if !got.IsNull() {
				t.Errorf("%s: got %v, want null", c.name, got)
			}
			continue
		}
		for i, want := range c.want {
			if x := got.L[i].Float(); math.Abs(x-want) > c.spec.Error*math.Abs(want) {
				t.Errorf("%s: item %d is %v, want about %v", c.name, i, x, want)
			}
		}
	}
}

// elevens is 100, 200, ... 1100.
func elevens() (xs []value.Value) {
	for n := range int64(11) {
		xs = append(xs, value.Int(100*(n+1)))
	}
	return xs
}

func TestQuantilesCountWhatIsTakenOutFirst(t *testing.T) {
	spec := quantilesOf(whole, 0.01, 0.5)
	s, taken := feed(spec.New(), value.Int(5)), feed(spec.New(), value.Int(7), value.Int(9))
	s.(Group).Subtract(taken)
	if got := s.Value().L[0].Float(); math.Abs(got-5) > 0.05 {
		t.Errorf("with a debt: %v", got)
	}
	s.Add(Input{X: value.Int(7)})
	s.Combine(feed(spec.New(), value.Int(9), value.Int(5)))
	if got, want := string(s.Append(nil, Order{})), string(feed(spec.New(), value.Int(5), value.Int(5)).Append(nil, Order{})); got != want {
		t.Errorf("after the debt is paid: %x, want %x", got, want)
	}
	s.(Group).Subtract(s)
	if v := s.Value(); !v.IsNull() || s.(Approximate).Err() != 0 {
		t.Errorf("of nothing: %v", v)
	}
}

func TestQuantilesRefuseBytes(t *testing.T) {
	for _, c := range []struct {
		spec       Spec
		bytes, why string
	}{
		{quantilesOf(whole, 0.01, 0.5), "\x02\x02", "torn"},
		{quantilesOf(whole, 0.01, 0.5), "\x01\x06", "place out of range"}, // k = -1, below the integers
		{quantilesOf(whole, 0.01, 0.5), "\x02\x02\x00", "place out of range"},
		{quantilesOf(whole, 0.01, 0.5), "\x01\xff\xff\xff\xff\xff\x0f\x00", "place out of range"},
		{quantilesOf(whole, 0.01, 0.5), "\x02\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", "place out of range"},
		{quantilesOf(whole, 0.01, 0.5), "\x01\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "number out of range"},
		{quantilesOf(whole, 0.01, 0.5), "\x02\x03\x80\x80\x80\x80\x80\x80\x80\x80\x20\x03\x80\x80\x80\x80\x80\x80\x80\x80\x20", "too many events"},
		{quantilesOf(whole, 0.01, 0.5), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "torn"},
	} {
		if _, err := c.spec.New().Decode([]byte(c.bytes), Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%x: %v, want %s", c.bytes, err, c.why)
		}
	}
}

// TestWhatAPaneOfQuantilesTakes holds the bytes of few and many events.
func TestWhatAPaneOfQuantilesTakes(t *testing.T) {
	spec := quantilesOf(float, 0.01, 0.5, 0.99)
	for _, c := range []struct{ events, most int }{{0, 1}, {1, 3}, {3, 7}, {100, 170}, {10_000, 760}} {
		s := spec.New()
		for i := range c.events {
			s.Add(Input{X: value.Float(longTail(i))})
		}
		if n := len(s.Append(nil, Order{})); n > c.most {
			t.Errorf("%d events take %d bytes, want at most %d", c.events, n, c.most)
		}
	}
}

// longTail is about three decades of numbers, most of them small.
func longTail(i int) float64 {
	z := uint64(i+1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	return 3 / (float64((z^z>>31)>>40)/(1<<24) + 0.001)
}

func TestMeetQuantiles(t *testing.T) {
	spec := quantilesOf(float, 0.01, 0.5)
	for budget, want := range map[float64]string{0.02: "relative_error: 0.02", 0.0001: "relative_error: 0.0001", 0.9: "relative_error: 0.5", 0.00009: "", 0: ""} {
		if got := spec.Meet(budget); got != want {
			t.Errorf("%v: %q, want %q", budget, got, want)
		}
	}
	if got := spec.Guarantee(); got != 0.01 {
		t.Errorf("guarantee %v", got)
	}
}
