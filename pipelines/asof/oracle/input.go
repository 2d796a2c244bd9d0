package oracle

import (
	"math/big"
	"strconv"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// eval is what a text of a definition gives for an event.
func (c *Case) eval(text string, e *asof.Event) value.Value {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return value.Int(n)
	}
	for i := range c.Stream.Fields {
		if c.Stream.Fields[i].Name == text {
			return e.Fields[i]
		}
	}
	f := c.Functions[text]
	if f == nil {
		panic("BUG: oracle: no function for " + text)
	}
	return f(e.Fields)
}

func (c *Case) holds(text string, e *asof.Event) bool {
	v := c.eval(text, e)
	return v.Kind == value.Bool && v.N == 1
}

// typeOf is the type of a text of `of`.
func (c *Case) typeOf(text string) value.Type {
	for i := range c.Stream.Fields {
		if c.Stream.Fields[i].Name == text {
			return c.Stream.Fields[i].Type
		}
	}
	t, ok := c.OfType[text]
	if !ok {
		panic("BUG: oracle: no type for " + text)
	}
	return t
}

// scaleOf is how many digits after the point a feature keeps of `of`, or of its
// items.
func (c *Case) scaleOf(f *definition.Feature) int64 { return scale(f, c.typeOf(f.Of)) }

// weightScale is how many a mean keeps of its weights.
func (c *Case) weightScale(f *definition.Feature) int64 {
	if _, err := strconv.ParseInt(f.Weight, 10, 64); err == nil {
		return 0
	}
	return scale(f, c.typeOf(f.Weight))
}

func scale(f *definition.Feature, t value.Type) int64 {
	if t.Kind == value.List {
		t = *t.Elem
	}
	switch t.Kind {
	case value.Decimal:
		return int64(t.Scale)
	case value.Float64:
		return int64(f.Scale)
	}
	return 0
}

func power(scale int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(scale), nil) }

// exact is a number in units of 10^-scale, rounded half to even by its shortest
// decimal form.
func exact(v value.Value, scale int64) *big.Int {
	switch v.Kind {
	case value.Int64:
		return big.NewInt(v.N)
	case value.Decimal:
		n := new(big.Int).Lsh(big.NewInt(v.H), 64)
		return n.Add(n, new(big.Int).SetUint64(uint64(v.N)))
	}
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(v.Float(), 'e', -1, 64))
	return roundEven(r.Mul(r, new(big.Rat).SetInt(power(scale))))
}

func roundEven(r *big.Rat) *big.Int {
	half := big.NewRat(1, 2)
	low := floor(new(big.Rat).Sub(r, half)) // low < r + 1/2 <= low + 1, or equal below
	for _, n := range []*big.Int{low, new(big.Int).Add(low, big.NewInt(1)), new(big.Int).Add(low, big.NewInt(2))} {
		away := new(big.Rat).Sub(r, new(big.Rat).SetInt(n))
		switch c := away.Abs(away).Cmp(half); {
		case c < 0, c == 0 && n.Bit(0) == 0:
			return n
		}
	}
	panic("BUG: oracle: no nearest integer")
}

func floor(r *big.Rat) *big.Int { return new(big.Int).Div(r.Num(), r.Denom()) }

// overBound reports whether any feature that keeps exact numbers is given one
// beyond 2^95 at its scale: then the view does not take the event at all.
func (c *Case) overBound(e *asof.Event) bool {
	bound := new(big.Int).Lsh(big.NewInt(1), 95)
	for i := range c.View.Features {
		f := &c.View.Features[i]
		for _, n := range c.bounded(f, e) {
			if n.CmpAbs(bound) > 0 {
				return true
			}
		}
	}
	return false
}

// bounded are the integers that an event gives a feature of exact numbers.
func (c *Case) bounded(f *definition.Feature, e *asof.Event) []*big.Int {
	switch f.Kind {
	case "sum", "mean", "decayed_sum", "ema", "vector_sum", "vector_mean", "low_rank":
	default:
		return nil
	}
	x := c.eval(f.Of, e)
	if x.Kind == value.Null || c.dim(f) > 0 && !isVector(x, c.dim(f)) {
		return nil
	}
	if c.dim(f) > 0 {
		return c.items(f, x)
	}
	n := exact(x, c.scaleOf(f))
	if f.Weight == "" || c.eval(f.Weight, e).Kind == value.Null {
		return []*big.Int{n}
	}
	w := exact(c.eval(f.Weight, e), c.weightScale(f))
	return []*big.Int{n, w, new(big.Int).Mul(n, w)}
}
