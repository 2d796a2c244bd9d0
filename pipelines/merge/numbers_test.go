package merge

import (
	"math"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/value"
)

func feed(s State, xs ...value.Value) State {
	for i, x := range xs {
		s.Add(Input{Order: Order{Offset: int64(i)}, X: x})
	}
	return s
}

func TestNumbersAtTheirEdges(t *testing.T) {
	big := value.Dec(value.Int128{Hi: 1 << 31}) // 2^95
	for _, c := range []struct {
		name string
		spec Spec
		feed []value.Value
		want value.Value
	}{
		{"count saturates", Spec{Kind: Count}, []value.Value{value.Int(math.MaxInt64), value.Int(1)}, value.Int(math.MaxInt64)},
		{"and comes back", Spec{Kind: Count}, []value.Value{value.Int(math.MaxInt64), value.Int(2), value.Int(-3)}, value.Int(math.MaxInt64 - 1)},
		{"count below zero", Spec{Kind: Count}, []value.Value{value.Int(-1), value.Int(-1)}, value.Int(-2)},
		{"sum saturates below", Spec{Kind: Sum, Input: whole}, []value.Value{value.Int(math.MinInt64), value.Int(-1)}, value.Int(math.MinInt64)},
		{"sum of nothing", Spec{Kind: Sum, Input: float, Scale: 2}, nil, value.Float(0)},
		{"a tenth and two", Spec{Kind: Sum, Input: float, Scale: 1}, []value.Value{value.Int(1), value.Int(2)}, value.Float(0.3)},
		{"half to even", Spec{Kind: Sum, Input: float, Scale: 1, As: "int64"}, []value.Value{value.Int(25)}, value.Int(2)},
		{"half to even, up", Spec{Kind: Sum, Input: float, Scale: 1, As: "int64"}, []value.Value{value.Int(-35)}, value.Int(-4)},
		{"great floats", Spec{Kind: Sum, Input: float}, []value.Value{big, big}, value.Float(math.Ldexp(1, 96))},
		{"mean of nothing", Spec{Kind: Mean, Input: whole}, nil, value.Value{}},
		{"mean of zeros is no -0", Spec{Kind: Mean, Input: whole}, []value.Value{value.Int(-1), value.Int(1)}, value.Float(0)},
		{"a third", Spec{Kind: Mean, Input: whole}, []value.Value{value.Int(0), value.Int(0), value.Int(1)}, value.Float(1.0 / 3)},
		{"beyond 128 bits", Spec{Kind: Mean, Input: value.Type{Kind: value.Decimal, Scale: 38}, Scale: 38}, []value.Value{big, big, big}, value.Float(math.Ldexp(1, 95) / 1e38)},
		{"least of nothing", Spec{Kind: Min, Input: float}, nil, value.Value{}},
		{"least float", Spec{Kind: Min, Input: float}, []value.Value{value.Float(2), value.Float(-0.5), value.Float(0)}, value.Float(-0.5)},
		{"greatest empty text", Spec{Kind: Max, Input: text}, []value.Value{value.Text("")}, value.Text("")},
		{"last null", Spec{Kind: Last, Input: whole}, []value.Value{value.Int(4), {}}, value.Value{}},
		{"first before null", Spec{Kind: First, Input: whole}, []value.Value{value.Int(4), {}}, value.Int(4)},
	} {
		if got := feed(c.spec.New(), c.feed...).Value(); !value.Equal(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestDecimalSumKeepsTo38Digits(t *testing.T) {
	spec := Spec{Kind: Sum, Input: cents, Scale: 2}
	most := value.Pow10(38).Sub(value.Int128Of(1))
	for sign, want := range map[int64]value.Int128{1: most, -1: most.Neg()} {
		s := spec.New()
		x := value.Int128{Hi: sign * 3 << 29} // ±3*2^93
		s.Add(Input{X: value.Dec(x)})
		for range 32 { // doubled to ±3*2^125: 39 digits
			o := spec.New()
			if _, err := o.Decode(s.Append(nil, Order{}), Order{}); err != nil {
				t.Fatal(err)
			}
			s.Combine(o)
		}
		if got := s.Value().Int128(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAddsDoNotAllocate(t *testing.T) {
	long := make([]byte, 300)
	for _, c := range []struct {
		spec Spec
		xs   []value.Value
	}{
		{Spec{Kind: Count}, []value.Value{value.Int(1)}},
		{Spec{Kind: Sum, Input: whole}, []value.Value{value.Int(5), value.Dec(value.Int128{Hi: 9})}},
		{Spec{Kind: Mean, Input: float, Scale: 2}, []value.Value{value.Int(5)}},
		{Spec{Kind: Mean, Input: float, Scale: 2, Weight: whole}, []value.Value{value.Int(5), value.Dec(value.Int128{Hi: 9})}},
		{Spec{Kind: Min, Input: whole}, []value.Value{value.Int(5), value.Int(4)}},
		{Spec{Kind: Max, Input: cents}, []value.Value{value.Dec(value.Int128Of(5)), value.Dec(value.Int128Of(6))}},
		{Spec{Kind: Min, Input: text}, []value.Value{value.Text("beta"), value.Text("al")}},
		{Spec{Kind: Max, Input: text, Exact: true}, []value.Value{value.Text("beta"), value.Text("al"), value.Text("c"), value.Text("b")}},
		{Spec{Kind: Min, Input: cents, Exact: true}, []value.Value{value.Dec(value.Int128Of(5)), value.Dec(value.Int128Of(6)), value.Dec(value.Int128Of(4))}},
		{Spec{Kind: Last, Input: text}, []value.Value{value.Text("beta"), value.Text("al"), {}}},
		{Spec{Kind: Last, Input: texts}, []value.Value{value.Items(value.Text("beta"), value.Text("al"))}},
		{Spec{Kind: Recent, Input: whole, K: 3}, []value.Value{value.Int(1), value.Int(2), value.Int(3), value.Int(4), value.Int(2)}},
		{Spec{Kind: Recent, Input: text, K: 2}, []value.Value{value.Text("a"), value.Text("b"), value.Text("c")}},
		{Spec{Kind: Set, Input: cents, Max: 2}, []value.Value{value.Dec(value.Int128Of(5)), value.Dec(value.Int128{Hi: 6}), value.Dec(value.Int128Of(7))}},
		{Spec{Kind: VectorSum, Input: floats, Scale: 2, Dim: 3}, []value.Value{wholes(1, 2, 3), value.Items(value.Dec(value.Int128{Hi: 9}), value.Int(1), value.Int(2))}},
		{Spec{Kind: VectorMean, Input: floats, Scale: 2, Dim: 3, Bits: 4}, []value.Value{wholes(1, 2, 3), value.Items(value.Dec(value.Int128{Hi: 9}), value.Int(1), value.Int(2))}},
		{Spec{Kind: LowRank, Input: floats, Scale: 2, Basis: hadamard(t, 4, 2)}, []value.Value{wholes(1, 2, 3, 4), value.Items(value.Dec(value.Int128{Hi: 9}), value.Int(1), value.Int(2), value.Int(3))}},
		{Spec{Kind: ApproxDistinct, Input: raw, Precision: 5}, []value.Value{value.Raw([]byte("ab")), value.Raw([]byte("cd")), value.Raw([]byte("ef")), value.Raw([]byte("gh"))}},
		{Spec{Kind: ApproxDistinct, Input: text, Precision: 12}, []value.Value{value.Text("ab"), value.Raw(long[:40])}},
	} {
		s, n := c.spec.New(), int64(0)
		add := func() {
			for _, x := range c.xs {
				n++
				s.Add(Input{Order: Order{Offset: n}, X: x, W: value.Int(3)})
			}
		}
		add()
		add()
		if got := testing.AllocsPerRun(50, add); got != 0 {
			t.Errorf("%s: %v allocations for %d adds", c.spec.Key(), got, len(c.xs))
		}
	}
}

func TestStatesRefuseOtherTypes(t *testing.T) {
	for _, c := range []struct {
		spec  Spec
		bytes string
		why   string
	}{
		{Spec{Kind: Last, Input: texts}, "\x02\x00\x00\x00\x01\x02\x06", "item 0 is int64, not string"},
		{Spec{Kind: Last, Input: whole}, "\x03", "bad tag"},
		{Spec{Kind: First, Input: whole}, "\x01\x00\x02\x00", "removed"},
		{Spec{Kind: Min, Input: float}, "\x01\x00\x00\x00\x00\x00\x00\x00\x80", "float is not finite or is -0"},
		{Spec{Kind: Max, Input: boolean}, "\x01\x02", "bad boolean"},
		{Spec{Kind: Max, Input: text}, "\x02", "bad tag"},
		{Spec{Kind: Mean, Input: whole}, "\x01\x00", "at 1: negative weight"},
		{Spec{Kind: Mean, Input: whole, Weight: whole}, "\x01\x00\x00", "at 3: no weight and no total"},
		{Spec{Kind: Mean, Input: whole, Weight: whole}, "\x02\x02\x02", "at 1: bad tag"},
		{Spec{Kind: Sum, Input: whole}, "\x80\x00", "at 0: bad integer"},
	} {
		if _, err := c.spec.New().Decode([]byte(c.bytes), Order{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s %x: %v, want %s", c.spec.Key(), c.bytes, err, c.why)
		}
	}
}

func TestBuffersShrink(t *testing.T) {
	s := (Spec{Kind: Last, Input: text}).New()
	feed(s, value.Raw(make([]byte, 1<<16)))
	s.Add(Input{Order: Order{Offset: 9}, X: value.Text("small")})
	if s.Size() > 256 {
		t.Errorf("%d bytes for a small text", s.Size())
	}
}
