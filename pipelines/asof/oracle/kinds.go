package oracle

import (
	"bytes"
	"math"
	"math/big"
	"sort"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// value is one feature over the events seen.
func (c *Case) value(f *definition.Feature, seen []asof.Event, t stamp.Micros) Result {
	var in []asof.Event
	for _, e := range window(seen, f, t) {
		if f.Where == "" || c.holds(f.Where, &e) {
			in = append(in, e)
		}
	}
	r := Result{Value: c.kind(f, sorted(in)), Status: "PRESENT"}
	if r.Value.Kind == value.Null {
		r.Status = "NULL_VALUE"
	}
	r.Approximate = f.Kind == "approx_distinct" && r.Value.N > (int64(1)<<f.Precision)*6/64
	return r
}

func (c *Case) kind(f *definition.Feature, in []asof.Event) value.Value {
	switch f.Kind {
	case "count":
		return c.count(f, in)
	case "last", "first":
		return c.end(f, in)
	}
	var some []asof.Event
	for _, e := range in {
		if c.eval(f.Of, &e).Kind != value.Null {
			some = append(some, e)
		}
	}
	switch f.Kind {
	case "sum":
		return c.sum(f, some)
	case "mean":
		return c.mean(f, some)
	case "min", "max":
		return c.extreme(f, some)
	case "set", "recent":
		return c.list(f, some)
	case "approx_distinct":
		return value.Int(int64(len(c.distinct(f, some))))
	}
	panic("BUG: oracle: kind " + f.Kind)
}

func (c *Case) count(f *definition.Feature, in []asof.Event) value.Value {
	total := new(big.Int)
	for _, e := range in {
		if f.Of != "" && c.eval(f.Of, &e).Kind == value.Null {
			continue
		}
		if by := c.eval(f.By, &e); by.Kind != value.Null {
			total.Add(total, big.NewInt(by.N))
		}
	}
	return saturated(total)
}

func saturated(n *big.Int) value.Value {
	switch {
	case n.IsInt64():
		return value.Int(n.Int64())
	case n.Sign() < 0:
		return value.Int(math.MinInt64)
	}
	return value.Int(math.MaxInt64)
}

func (c *Case) total(f *definition.Feature, in []asof.Event) *big.Rat {
	total := new(big.Int)
	for _, e := range in {
		total.Add(total, exact(c.eval(f.Of, &e), c.scaleOf(f)))
	}
	return new(big.Rat).SetFrac(total, power(c.scaleOf(f)))
}

func (c *Case) sum(f *definition.Feature, in []asof.Event) value.Value {
	total, as := c.total(f, in), f.As
	if as == "" {
		as = map[value.Kind]string{value.Int64: "int64", value.Float64: "float64", value.Decimal: "decimal"}[c.typeOf(f.Of).Kind]
	}
	switch as {
	case "int64":
		return saturated(roundEven(total))
	case "float64":
		return nearest(total)
	}
	n := new(big.Rat).Mul(total, new(big.Rat).SetInt(power(c.scaleOf(f)))).Num()
	most := new(big.Int).Sub(power(38), big.NewInt(1))
	if n.CmpAbs(most) > 0 {
		n = new(big.Int).Mul(most, big.NewInt(int64(n.Sign())))
	}
	return decimal(n)
}

func decimal(n *big.Int) value.Value {
	high := new(big.Int).Rsh(n, 64) // floors
	low := new(big.Int).Sub(n, new(big.Int).Lsh(high, 64))
	return value.Value{Kind: value.Decimal, N: int64(low.Uint64()), H: high.Int64()}
}

func nearest(r *big.Rat) value.Value {
	f, _ := r.Float64()
	return value.Float(f)
}

func (c *Case) mean(f *definition.Feature, in []asof.Event) value.Value {
	if len(in) == 0 {
		return value.Value{}
	}
	total := c.total(f, in)
	return nearest(total.Quo(total, new(big.Rat).SetInt64(int64(len(in)))))
}

func (c *Case) extreme(f *definition.Feature, in []asof.Event) value.Value {
	var best value.Value
	for _, e := range in {
		x := c.eval(f.Of, &e)
		if best.Kind == value.Null || f.Kind == "min" && less(x, best) || f.Kind == "max" && less(best, x) {
			best = x
		}
	}
	return best
}

// less orders single values of one kind.
func less(a, b value.Value) bool {
	switch a.Kind {
	case value.Float64:
		return a.Float() < b.Float()
	case value.String, value.Bytes:
		return bytes.Compare(a.B, b.B) < 0
	case value.Decimal:
		return exact(a, 0).Cmp(exact(b, 0)) < 0
	}
	return a.N < b.N
}

// end is the value of the last event, or the first; null counts as one.
func (c *Case) end(f *definition.Feature, in []asof.Event) value.Value {
	switch {
	case len(in) == 0:
		return value.Value{}
	case f.Kind == "first":
		return c.eval(f.Of, &in[0])
	}
	return c.eval(f.Of, &in[len(in)-1])
}

// list is the items by their newest event, newest first: the k of recent, or
// the max of a set without those that a remove touched last, sorted.
func (c *Case) list(f *definition.Feature, in []asof.Event) value.Value {
	items, touched := []value.Value{}, map[string]bool{}
	limit := f.K
	if f.Kind == "set" {
		limit = f.Max
	}
	for i := len(in) - 1; i >= 0 && len(touched) < limit; i-- {
		x := c.eval(f.Of, &in[i])
		if touched[text(x)] {
			continue
		}
		touched[text(x)] = true
		if f.Kind == "recent" || f.RemoveWhere == "" || !c.holds(f.RemoveWhere, &in[i]) {
			items = append(items, x)
		}
	}
	if f.Kind == "set" {
		sort.Slice(items, func(i, j int) bool { return less(items[i], items[j]) })
	}
	return value.Items(items...)
}

func (c *Case) distinct(f *definition.Feature, in []asof.Event) map[string]bool {
	items := map[string]bool{}
	for _, e := range in {
		items[text(c.eval(f.Of, &e))] = true
	}
	return items
}

// text tells single values apart.
func text(v value.Value) string {
	switch v.Kind {
	case value.String, value.Bytes:
		return string(v.B)
	}
	return exact(value.Value{Kind: value.Decimal, N: v.N, H: v.H}, 0).String()
}
