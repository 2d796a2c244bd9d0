package merge

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func decayedBy(half stamp.Micros) Spec { return Spec{Kind: DecayedSum, Input: whole, HalfLife: half} }

// addAt adds x at a time.
func addAt(s State, t stamp.Micros, x value.Value) State {
	s.Add(Input{Order: Order{Time: t}, X: x})
	return s
}

// mantissa is the integer nearest to x * 2^(part/halfLife) * 2^32, to far more
// bits than it has: the power is a product of square roots of two.
func mantissa(x *big.Int, part, halfLife int64) (n *big.Int, tie float64) {
	const digits = 400
	float := func() *big.Float { return new(big.Float).SetPrec(digits) }
	product, root := float().SetInt(x), float().SetInt64(2)
	for range 300 {
		root.Sqrt(root)
		if part *= 2; part >= halfLife {
			product, part = float().Mul(product, root), part-halfLife
		}
	}
	product.SetMantExp(product, 32)
	product.Add(product, float().SetFloat64(math.Copysign(0.5, float64(x.Sign()))))
	n, _ = product.Int(nil)
	gap, _ := float().Sub(product, float().SetInt(n)).Float64()
	return n, min(math.Abs(gap), 1-math.Abs(gap))
}

// TestMantissasAreRoundedToNearest holds the sum of one event against its
// definition: one unit of 2^-32 too many or too few is seen.
func TestMantissasAreRoundedToNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		half := rapid.Int64Range(1, int64(MaxHalfLife)).Draw(t, "half-life")
		time := rapid.Int64Range(int64(stamp.MinMicros), int64(stamp.MaxMicros)).Draw(t, "time")
		x := rapid.Int64Range(-1<<20, 1<<20).Draw(t, "x")
		e := new(big.Int).Div(big.NewInt(time), big.NewInt(half)).Int64()
		want, tie := mantissa(big.NewInt(x), time-e*half, half)
		if tie < 0x1p-6 {
			return // nearer to a tie than the exponential is exact
		}
		s := addAt(decayedBy(stamp.Micros(half)).New(), stamp.Micros(time), value.Int(x)).(*decay)
		if got := s.epochs[0]; got.number != e || got.sum.Big().Cmp(want) != 0 {
			t.Fatalf("epoch %d, sum %d, want %d, %d", got.number, got.sum.Big(), e, want)
		}
	})
}

func TestDecayAtItsEdges(t *testing.T) {
	great, least := value.Dec(value.Int128{Hi: 1 << 31}), value.Dec(value.Int128{Hi: -1 << 31})
	const year = 365 * stamp.Day
	for _, c := range []struct {
		name string
		half stamp.Micros
		time stamp.Micros
		x    value.Value
		at   stamp.Micros
		want float64
	}{
		{"now", stamp.Hour, 0, value.Int(7), 0, 7},
		{"one half-life", stamp.Hour, 0, value.Int(7), stamp.Hour, 3.5},
		{"half a half-life", 2, 0, value.Int(1), 1, math.Sqrt2 / 2},
		{"before 1970", stamp.Hour, -5 * stamp.Hour, value.Int(-8), -2 * stamp.Hour, -1},
		{"over 1970", stamp.Hour, -stamp.Hour, value.Int(8), stamp.Hour, 2},
		{"tiny", 1, 0, value.Int(1), 1074, math.SmallestNonzeroFloat64},
		{"below a tie is 0", 1, 0, value.Int(1), 1076, 0},
		{"and no -0", 1, 0, value.Int(-1), 1076, 0},
		{"after the last", 1, stamp.MinMicros, value.Int(1), stamp.MaxMicros, 0},
		{"the greatest", MaxHalfLife, 0, great, 0, 0x1p95},
		{"and its negative, later", MaxHalfLife, 0, least, MaxHalfLife, -0x1p94},
		{"a century hence", 100 * year, -100 * year, value.Int(6), 0, 3},
	} {
		s := addAt(decayedBy(c.half).New(), c.time, c.x).(Timed)
		got := s.ValueAt(Moment{At: c.at, From: stamp.NoTime, Newest: c.time}).Float()
		if got != c.want || math.Signbit(got) != math.Signbit(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHugeSumsDoNotOverflow(t *testing.T) {
	for _, spec := range []Spec{decayedBy(stamp.Hour), {Kind: EMA, Input: whole, HalfLife: stamp.Hour}} {
		s, want := addAt(spec.New(), 0, value.Dec(value.Int128{Hi: 1 << 31})), 0x1p95
		for range 31 { // 2^31 events of 2^95
			o := spec.New()
			if _, err := o.Decode(s.Append(nil, Order{}), Order{}); err != nil {
				t.Fatal(err)
			}
			s.Combine(o)
		}
		if spec.Kind == DecayedSum {
			want *= 1 << 31
		}
		if got := s.Value().Float(); got != want {
			t.Errorf("%s: %v, want %v", spec.Kind, got, want)
		}
		if n := len(s.Append(nil, Order{})); n > spec.MaxBytes() {
			t.Errorf("%s: %d bytes", spec.Kind, n)
		}
	}
}

// TestWhereDecayEnds holds the horizon: 40 epochs before that of the newest
// event are in, the 41st is out, whoever holds the newest.
func TestWhereDecayEnds(t *testing.T) {
	const half = 10
	old := value.Dec(value.Int128{Hi: 1 << 20})
	for _, c := range []struct {
		time, newest stamp.Micros
		in           bool
	}{{0, 0, true}, {0, 400, true}, {0, 409, true}, {9, 409, true}, {9, 410, false}, {0, 410, false}, {-1, 400, false}, {-10, 399, true}} {
		for _, own := range []bool{false, true} {
			s := addAt(decayedBy(half).New(), c.time, old)
			if own { // added, and combined, in both orders
				addAt(s, c.newest, value.Int(0))
				o := addAt(decayedBy(half).New(), c.newest, value.Int(0))
				o.Combine(addAt(decayedBy(half).New(), c.time, old))
				if a, b := s.Value(), o.Value(); c.time != c.newest && !value.Equal(a, b) {
					t.Errorf("%+v: added %v, combined %v", c, a.Float(), b.Float())
				}
			}
			got := s.(Timed).ValueAt(Moment{At: c.newest, From: stamp.NoTime, Newest: c.newest})
			if in := !got.IsNull() && got.Float() != 0; in != c.in {
				t.Errorf("%+v: in %v", c, in)
			}
			if !c.in && got.IsNull() == own {
				t.Errorf("%+v: %+v, null only of nothing", c, got)
			}
		}
	}
}

func TestMeansOfWhatCancels(t *testing.T) {
	spec := Spec{Kind: EMA, Input: whole, HalfLife: stamp.Hour}
	s := addAt(spec.New(), 5, value.Int(3))
	s.(Group).Subtract(addAt(spec.New(), 5, value.Int(3)))
	if v := s.Value(); !v.IsNull() {
		t.Errorf("of nothing: %+v", v)
	}
	s = spec.New()
	s.(Group).Subtract(addAt(spec.New(), 5, value.Int(3))) // before it is put in
	if v := s.Value(); v.Float() != 3 {
		t.Errorf("of a debt: %+v", v)
	}
	s.Combine(addAt(spec.New(), 5, value.Int(3)))
	if b := s.Append(nil, Order{}); len(b) != 1 {
		t.Errorf("of a debt that is paid: %x", b)
	}
}

func TestDecayRefusesBytes(t *testing.T) {
	sum, mean := decayedBy(10), Spec{Kind: EMA, Input: whole, HalfLife: 10}
	for _, c := range []struct {
		spec       Spec
		bytes, why string
	}{
		{sum, "\x2a", "too many epochs"},
		{sum, "\x01\x00\x00\x00", "weight out of range"},
		{sum, "\x01\x00\x01\x00", "weight out of range"},
		{sum, "\x01\x00\x02", "bad integer"},
		{sum, "\x02\x00\x02\x00\x00\x02\x00", "epoch out of range"},
		{sum, "\x02\x00\x02\x00\x29\x02\x00", "epoch out of range"},
		{mean, "\x01\x00\x02\x00", "weight out of range"},
		{mean, "\x01\x00" + strings.Repeat("\xff", 18) + "\x01\x00", "weight out of range"},
	} {
		if _, err := c.spec.New().Decode([]byte(c.bytes), Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%x: %v, want %s", c.bytes, err, c.why)
		}
	}
	if _, err := sum.New().Decode([]byte("\x02\x00\x02\x00\x28\x02\x00"), Order{}); err != nil {
		t.Errorf("40 epochs apart: %v", err)
	}
}

func TestDecaysDoNotAllocate(t *testing.T) {
	for _, spec := range []Spec{decayedBy(stamp.Hour), {Kind: EMA, Input: whole, HalfLife: stamp.Hour}, quantilesOf(whole, 0.01, 0.5)} {
		s, n := spec.New(), stamp.Micros(0)
		add := func() { n++; addAt(s, n%3*stamp.Hour, value.Int(int64(n%5))) }
		for range 30 {
			add()
		}
		if got := testing.AllocsPerRun(50, add); got != 0 {
			t.Errorf("%s: %v allocations", spec.Kind, got)
		}
	}
}
