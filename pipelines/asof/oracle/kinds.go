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
func (c *Case) value(f *definition.Feature, seen []asof.Event, newest, t stamp.Micros) Result {
	in := sorted(c.fed(f, seen, newest, t))
	r := c.kind(f, in, t)
	r.Status = "PRESENT"
	if r.Value.Kind == value.Null {
		r.Status = "NULL_VALUE"
	}
	r.used = make([]place, len(in))
	for i, e := range in {
		r.used[i] = place{e.Source, e.Partition, e.Offset}
	}
	return r
}

// fed picks the events that the feature is made of; newest is that of the key,
// also if it was taken back.
func (c *Case) fed(f *definition.Feature, seen []asof.Event, newest, t stamp.Micros) []asof.Event {
	var in []asof.Event
	for _, e := range window(seen, f, t) {
		switch {
		case f.Where != "" && !c.holds(f.Where, &e):
		case f.Kind != "last" && f.Kind != "first" && f.Of != "" && c.skips(f, &e):
		case f.HalfLife > 0 && faded(e.Time, newest, f.HalfLife):
		default:
			in = append(in, e)
		}
	}
	return in
}

// skips reports whether an event gives the feature nothing to take: a null, or
// what fails at run time.
func (c *Case) skips(f *definition.Feature, e *asof.Event) bool {
	x := c.eval(f.Of, e)
	switch {
	case x.Kind == value.Null:
		return true
	case f.Weight != "":
		return c.eval(f.Weight, e).Kind == value.Null
	case f.Kind == "top":
		by := c.by(f, e)
		return by.Kind == value.Null || by.N < 0
	case c.dim(f) > 0:
		return !isVector(x, c.dim(f))
	}
	return false
}

func (c *Case) by(f *definition.Feature, e *asof.Event) value.Value {
	if f.By == "" {
		return value.Int(1)
	}
	return c.eval(f.By, e)
}

func (c *Case) kind(f *definition.Feature, in []asof.Event, t stamp.Micros) Result {
	switch f.Kind {
	case "count":
		return Result{Value: c.count(f, in)}
	case "last", "first":
		return Result{Value: c.end(f, in)}
	case "sum":
		return Result{Value: c.sum(f, in)}
	case "mean":
		return Result{Value: c.mean(f, in)}
	case "min", "max":
		return Result{Value: c.extreme(f, in)}
	case "set", "recent":
		return Result{Value: c.list(f, in)}
	case "approx_distinct":
		return c.approxDistinct(f, in)
	case "top":
		return c.top(f, in)
	case "quantiles":
		return c.quantiles(f, in)
	case "decayed_sum", "ema":
		return c.decayed(f, in, t)
	case "vector_sum", "vector_mean":
		return Result{Value: c.vector(f, in)}
	case "low_rank":
		return Result{Value: c.lowRank(f, in)}
	}
	panic("BUG: oracle: kind " + f.Kind)
}

func (c *Case) approxDistinct(f *definition.Feature, in []asof.Event) Result {
	n := int64(len(c.distinct(f, in)))
	return Result{Value: value.Int(n), Approximate: n > (int64(1)<<f.Precision)*6/64}
}

func (c *Case) count(f *definition.Feature, in []asof.Event) value.Value {
	total := new(big.Int)
	for _, e := range in {
		if by := c.by(f, &e); by.Kind != value.Null {
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

// total is the exact sum of the values, in units of their scale.
func (c *Case) total(f *definition.Feature, in []asof.Event) *big.Int {
	total := new(big.Int)
	for _, e := range in {
		total.Add(total, exact(c.eval(f.Of, &e), c.scaleOf(f)))
	}
	return total
}

func (c *Case) sum(f *definition.Feature, in []asof.Event) value.Value {
	return c.as(f, new(big.Rat).SetFrac(c.total(f, in), power(c.scaleOf(f))))
}

// as rounds an exact number once, to the type that the feature gives.
func (c *Case) as(f *definition.Feature, r *big.Rat) value.Value {
	as := f.As
	switch {
	case as == "" && f.Kind == "mean":
		as = "float64"
	case as == "":
		as = map[value.Kind]string{value.Int64: "int64", value.Float64: "float64", value.Decimal: "decimal"}[c.typeOf(f.Of).Kind]
	}
	switch as {
	case "int64":
		return saturated(roundEven(r))
	case "float64":
		return nearest(r)
	}
	n := roundEven(new(big.Rat).Mul(r, new(big.Rat).SetInt(power(c.scaleOf(f)))))
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

// mean is the sum of w*x over the sum of w.
func (c *Case) mean(f *definition.Feature, in []asof.Event) value.Value {
	total, weights := new(big.Rat), new(big.Rat)
	for _, e := range in {
		w := c.weight(f, &e)
		x := new(big.Rat).SetFrac(exact(c.eval(f.Of, &e), c.scaleOf(f)), power(c.scaleOf(f)))
		total.Add(total, x.Mul(x, w))
		weights.Add(weights, w)
	}
	if weights.Sign() == 0 {
		return value.Value{}
	}
	return c.as(f, total.Quo(total, weights))
}

// weight is what an event weighs in a mean.
func (c *Case) weight(f *definition.Feature, e *asof.Event) *big.Rat {
	if f.Weight == "" {
		return big.NewRat(1, 1)
	}
	scale := c.weightScale(f)
	return new(big.Rat).SetFrac(exact(c.eval(f.Weight, e), scale), power(scale))
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
	if f.Observed {
		in = c.remembered(f, in)
	}
	for i := len(in) - 1; i >= 0 && len(touched) < limit; i-- {
		x := c.eval(f.Of, &in[i])
		if touched[text(x)] {
			continue
		}
		touched[text(x)] = true
		if c.keeps(f, in, i) {
			items = append(items, x)
		}
	}
	if f.Kind == "set" {
		sort.Slice(items, func(i, j int) bool { return less(items[i], items[j]) })
	}
	return value.Items(items...)
}

// keeps reports whether the item that the i-th event touches last is listed.
func (c *Case) keeps(f *definition.Feature, in []asof.Event, i int) bool {
	switch {
	case f.Kind == "recent" || f.RemoveWhere == "":
		return true
	case f.Observed:
		return c.survives(f, in, text(c.eval(f.Of, &in[i])))
	}
	return !c.holds(f.RemoveWhere, &in[i])
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
