package discrepancy

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

var (
	integers = value.Of(value.Int64)
	floats   = value.Of(value.Float64)
	words    = value.ListOf(value.Of(value.String))
	vectors  = value.ListOf(floats)
	money    = value.Type{Kind: value.Decimal, Scale: 2}
	tops     = value.ListOf(value.Type{Kind: value.Struct, Fields: []value.Field{
		{Name: "item", Type: value.Of(value.String)}, {Name: "count", Type: integers}, {Name: "error", Type: integers},
	}})
	null = value.Value{}
)

func wordsOf(items ...string) value.Value {
	v := value.Value{Kind: value.List}
	for _, s := range items {
		v.L = append(v.L, value.Text(s))
	}
	return v
}

func vectorOf(items ...float64) value.Value {
	v := value.Value{Kind: value.List}
	for _, x := range items {
		v.L = append(v.L, value.Float(x))
	}
	return v
}

func topOf(item string, count int64) value.Value {
	return value.Value{Kind: value.Struct, L: []value.Value{value.Text(item), value.Int(count), value.Int(0)}}
}

func distance(t testing.TB, name string, typ value.Type) Distance {
	t.Helper()
	d, err := Of(name, typ)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDistances(t *testing.T) {
	most, least := value.Int128{Hi: math.MaxInt64, Lo: math.MaxUint64}, value.Int128{Hi: math.MinInt64}
	whole := math.Ldexp(1, 128) / 100
	cases := []struct {
		name string
		typ  value.Type
		a, b value.Value
		want float64
	}{
		{"abs", integers, value.Int(7), value.Int(-3), 10},
		{"abs", integers, value.Int(math.MaxInt64), value.Int(math.MinInt64), math.Ldexp(1, 64)},
		{"abs", integers, value.Int(1<<53 + 1), value.Int(1 << 53), 1},
		{"abs", integers, null, null, 0},
		{"abs", integers, null, value.Int(4), 4},
		{"abs", integers, value.Int(0), null, 0},
		{"abs", floats, value.Float(0.5), value.Float(-0.25), 0.75},
		{"abs", floats, value.Float(math.MaxFloat64), value.Float(-math.MaxFloat64), math.MaxFloat64},
		{"abs", money, value.Dec(value.Int128Of(150)), value.Dec(value.Int128Of(-50)), 2},
		{"abs", money, value.Dec(most), value.Dec(least), whole},
		{"abs", money, value.Dec(value.Int128{Hi: 1 << 61}), value.Dec(least), whole / 2 * 1.25},
		{"squared", integers, value.Int(7), value.Int(-3), 100},
		{"squared", floats, value.Float(1e200), null, math.MaxFloat64},
		{"squared", floats, null, null, 0},
		{"jaccard", words, wordsOf("a", "b", "c"), wordsOf("c", "d"), 0.75},
		{"jaccard", words, wordsOf("a", "b"), wordsOf("b", "a"), 0},
		{"jaccard", words, wordsOf("a", "a", "b"), wordsOf("b", "a"), 0},
		{"jaccard", words, wordsOf(), wordsOf(), 0},
		{"jaccard", words, null, wordsOf(), 0},
		{"jaccard", words, null, wordsOf("a"), 1},
		{"jaccard", words, wordsOf("a"), wordsOf(""), 1},
		{"jaccard", value.Of(value.String), value.Text("a"), value.Text("a"), 0},
		{"jaccard", value.Of(value.String), value.Text("a"), value.Text("b"), 1},
		{"jaccard", value.Of(value.Bool), null, value.BoolOf(false), 1},
		{"jaccard", vectors, vectorOf(1, 2), vectorOf(2, 3), 2.0 / 3},
		{"jaccard", tops, value.Items(topOf("a", 9), topOf("b", 4)), value.Items(topOf("b", 5), topOf("a", 3)), 0},
		{"jaccard", tops, value.Items(topOf("a", 9), topOf("b", 4)), value.Items(topOf("c", 9), topOf("b", 4)), 2.0 / 3},
		{"l2", vectors, vectorOf(1, 2, 2), vectorOf(1, -1, -2), 5},
		{"l2", vectors, vectorOf(3), vectorOf(0, 4), 5},
		{"l2", vectors, null, vectorOf(3, 4), 5},
		{"l2", vectors, null, null, 0},
		{"l2", vectors, vectorOf(3e-200, 0), vectorOf(0, 4e-200), 5e-200},
		{"l2", vectors, vectorOf(3e300, 0), vectorOf(0, 4e300), 5e300},
		{"l2", vectors, vectorOf(math.MaxFloat64, 0), vectorOf(0, math.MaxFloat64), math.MaxFloat64},
		{"l2", value.ListOf(integers), value.Items(value.Int(3)), value.Items(value.Int(0), value.Int(4)), 5},
		{"cosine", vectors, vectorOf(1, 0), vectorOf(0, 5), 1},
		{"cosine", vectors, vectorOf(2, 0), vectorOf(5), 0},
		{"cosine", vectors, vectorOf(1, 0), vectorOf(-3, 0), 2},
		{"cosine", vectors, vectorOf(0, 0), vectorOf(0), 0},
		{"cosine", vectors, null, null, 0},
		{"cosine", vectors, null, vectorOf(0.1), 1},
		{"cosine", vectors, vectorOf(0, 0), vectorOf(0, 1), 1},
		{"cosine", vectors, vectorOf(math.MaxFloat64, math.MaxFloat64), vectorOf(1e-300, 1e-300), 0},
	}
	for _, c := range cases {
		got := distance(t, c.name, c.typ)(c.a, c.b)
		if got != c.want && !(math.Abs(got-c.want) < 1e-15*c.want) {
			t.Errorf("%s(%s, %s) = %v, want %v", c.name, value.Format(c.a, c.typ), value.Format(c.b, c.typ), got, c.want)
		}
	}
}

func TestDistancesThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		name string
		typ  value.Type
		want string
	}{
		{"l2", integers, "discrepancy l2 does not fit int64: want abs, squared"},
		{"abs", words, "discrepancy abs does not fit list<string>: want jaccard"},
		{"cosine", words, "want jaccard"},
		{"squared", vectors, "want l2, cosine, jaccard"},
		{"abs", value.Of(value.Timestamp), "want jaccard"},
		{"l3", vectors, "discrepancy l3 does not fit"},
	} {
		if _, err := Of(c.name, c.typ); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s over %s: %v, want %q", c.name, c.typ, err, c.want)
		}
	}
}

// Generators of values, nulls among them. Numbers are few and small often, so
// that values are equal, or share items, now and then.

func drawNumber(t *rapid.T, typ value.Type) value.Value {
	small := rapid.Bool().Draw(t, "small")
	n := rapid.Int64().Draw(t, "n")
	if small {
		n = n % 4
	}
	switch typ.Kind {
	case value.Int64:
		return value.Int(n)
	case value.Decimal:
		if small {
			return value.Dec(value.Int128Of(n))
		}
		return value.Dec(value.Int128{Hi: rapid.Int64().Draw(t, "high"), Lo: uint64(n)})
	}
	if small {
		return value.Float(float64(n))
	}
	return value.Float(rapid.Float64().Draw(t, "x"))
}

func drawValue(t *rapid.T, typ value.Type) value.Value {
	switch {
	case rapid.IntRange(0, 9).Draw(t, "null") == 0:
		return null
	case typ.Kind == value.List && typ.Elem.Kind == value.String:
		return wordsOf(rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c"}), 0, 5).Draw(t, "words")...)
	case typ.Kind == value.List:
		v := value.Value{Kind: value.List}
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			v.L = append(v.L, drawNumber(t, *typ.Elem))
		}
		return v
	}
	return drawNumber(t, typ)
}

var every = []struct {
	name   string
	typ    value.Type
	oracle func(a, b value.Value, t value.Type) *big.Float
	metric bool
}{
	{"abs", integers, exactAbs, true}, {"abs", floats, exactAbs, true}, {"abs", money, exactAbs, true},
	{"squared", integers, exactSquared, false}, {"squared", floats, exactSquared, false}, {"squared", money, exactSquared, false},
	{"jaccard", words, exactJaccard, true}, {"jaccard", value.ListOf(integers), exactJaccard, true},
	{"l2", vectors, exactL2, true}, {"l2", value.ListOf(integers), exactL2, true}, {"l2", value.ListOf(money), exactL2, true},
	{"cosine", vectors, exactCosine, false}, {"cosine", value.ListOf(integers), exactCosine, false},
}

// TestLaws: symmetric, in range, 0 for the same value, and where it is a metric
// never longer by way of a third value.
func TestLaws(t *testing.T) {
	for _, c := range every {
		t.Run(c.name+" "+c.typ.String(), rapid.MakeCheck(func(t *rapid.T) {
			d, err := Of(c.name, c.typ)
			if err != nil {
				t.Fatal(err)
			}
			x, y, z := drawValue(t, c.typ), drawValue(t, c.typ), drawValue(t, c.typ)
			xy := d(x, y)
			if back := d(y, x); back != xy {
				t.Fatalf("d(x, y) = %v, d(y, x) = %v", xy, back)
			}
			if !(xy >= 0 && xy <= math.MaxFloat64) || d(x, x) != 0 {
				t.Fatalf("d(x, y) = %v, d(x, x) = %v", xy, d(x, x))
			}
			if way := d(x, z) + d(z, y); c.metric && xy > way*(1+1e-12) {
				t.Fatalf("d(x, y) = %v, by way of z %v", xy, way)
			}
			if from := d(x, null); c.name == "cosine" && from != 0 && from != 1 {
				t.Fatalf("d(x, null) = %v", from)
			}
		}))
	}
}

// TestDistancesAgreeWithExactArithmetic holds each distance against one of 600
// bits, or of rationals.
func TestDistancesAgreeWithExactArithmetic(t *testing.T) {
	for _, c := range every {
		t.Run(c.name+" "+c.typ.String(), rapid.MakeCheck(func(t *rapid.T) {
			d, _ := Of(c.name, c.typ)
			x, y := drawValue(t, c.typ), drawValue(t, c.typ)
			got := d(x, y)
			want, _ := c.oracle(x, y, c.typ).Float64()
			want = min(want, math.MaxFloat64)
			if slack := 1e-14 * want; math.Abs(got-want) > math.Max(slack, 5e-323) && !(c.name == "cosine" && math.Abs(got-want) < 1e-15) {
				t.Fatalf("%s(%s, %s) = %v, want %v", c.name, value.Format(x, c.typ), value.Format(y, c.typ), got, want)
			}
		}))
	}
}

const precision = 4200 // bits: the squares of any two float64 differ within them

func big0() *big.Float { return new(big.Float).SetPrec(precision) }

// exactly is the number itself.
func exactly(v value.Value, t value.Type) *big.Float {
	if v.IsNull() {
		return big0()
	}
	if t.Kind == value.Float64 {
		return big0().SetFloat64(v.Float())
	}
	return big0().Quo(big0().SetInt(v.Int128().Big()), big0().SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Scale)), nil)))
}

func exactAbs(a, b value.Value, t value.Type) *big.Float {
	d := big0().Sub(exactly(a, t), exactly(b, t))
	return d.Abs(d)
}

func exactSquared(a, b value.Value, t value.Type) *big.Float {
	d := exactAbs(a, b, t)
	return big0().Mul(d, d)
}

func exactVectors(a, b value.Value, t value.Type) (x, y []*big.Float) {
	for i := range max(len(a.L), len(b.L)) {
		var u, v value.Value
		if i < len(a.L) {
			u = a.L[i]
		}
		if i < len(b.L) {
			v = b.L[i]
		}
		x, y = append(x, exactly(u, *t.Elem)), append(y, exactly(v, *t.Elem))
	}
	return x, y
}

func dot(x, y []*big.Float) *big.Float {
	sum := big0()
	for i := range x {
		sum.Add(sum, big0().Mul(x[i], y[i]))
	}
	return sum
}

func exactL2(a, b value.Value, t value.Type) *big.Float {
	x, y := exactVectors(a, b, t)
	for i := range x {
		x[i] = big0().Sub(x[i], y[i])
	}
	return big0().Sqrt(dot(x, x))
}

func exactCosine(a, b value.Value, t value.Type) *big.Float {
	x, y := exactVectors(a, b, t)
	lengths := big0().Sqrt(big0().Mul(dot(x, x), dot(y, y)))
	if lengths.Sign() == 0 {
		if dot(x, x).Sign() == dot(y, y).Sign() {
			return big0()
		}
		return big0().SetInt64(1)
	}
	return big0().Sub(big.NewFloat(1), big0().Quo(dot(x, y), lengths))
}

func exactJaccard(a, b value.Value, _ value.Type) *big.Float {
	var union, both []value.Value
	holds := func(list []value.Value, v value.Value) bool {
		for _, x := range list {
			if value.Equal(x, v) {
				return true
			}
		}
		return false
	}
	for _, v := range append(append([]value.Value{}, a.L...), b.L...) {
		if !holds(union, v) {
			union = append(union, v)
			if holds(a.L, v) && holds(b.L, v) {
				both = append(both, v)
			}
		}
	}
	if len(union) == 0 {
		return big0()
	}
	return big0().Quo(big0().SetInt64(int64(len(union)-len(both))), big0().SetInt64(int64(len(union))))
}
