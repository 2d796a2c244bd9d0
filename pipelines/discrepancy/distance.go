package discrepancy

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// Distance is how far apart two values of one type are, either of which may be
// null. It is finite and at least 0.
type Distance func(a, b value.Value) float64

// Of is the distance of that name over values of type t. The error says which
// names fit the type.
func Of(name string, t value.Type) (Distance, error) {
	if fit := definition.Discrepancies(t); !slices.Contains(fit, name) {
		return nil, fmt.Errorf("discrepancy %s does not fit %s: want %s", name, t, strings.Join(fit, ", "))
	}
	switch name {
	case "abs":
		return func(a, b value.Value) float64 { return gap(a, b, t) }, nil
	case "squared":
		return func(a, b value.Value) float64 { d := gap(a, b, t); return saturated(d * d) }, nil
	case "l2":
		return func(a, b value.Value) float64 { return l2(a.L, b.L, *t.Elem) }, nil
	case "cosine":
		return func(a, b value.Value) float64 { return cosine(a.L, b.L, *t.Elem) }, nil
	}
	return jaccardOf(t), nil
}

// gap is |a − b| of numbers, null being 0.
func gap(a, b value.Value, t value.Type) float64 {
	if t.Kind == value.Float64 {
		return saturated(math.Abs(a.Float() - b.Float()))
	}
	x, y := a.Int128(), b.Int128()
	if d := x.Sub(y); x.Within(125) && y.Within(125) {
		return math.Abs(value.Unfix(d, t.Scale))
	}
	d := new(big.Rat).SetFrac(new(big.Int).Sub(x.Big(), y.Big()), value.Pow10(t.Scale).Big())
	f, _ := d.Float64()
	return math.Abs(f)
}

// at is item i of a list, or null behind its end.
func at(list []value.Value, i int) value.Value {
	if i < len(list) {
		return list[i]
	}
	return value.Value{}
}

// l2 is the Euclidean distance, computed in units of the greatest gap, so that
// no square is lost or out of range.
func l2(a, b []value.Value, elem value.Type) float64 {
	gaps := make([]float64, max(len(a), len(b)))
	for i := range gaps {
		gaps[i] = gap(at(a, i), at(b, i), elem)
	}
	return length(gaps)
}

// length is the Euclidean length of a vector.
func length(v []float64) float64 {
	most := 0.0
	for _, x := range v {
		most = max(most, math.Abs(x))
	}
	if most == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range v {
		unit := x / most
		sum += float64(unit * unit)
	}
	return saturated(float64(most * math.Sqrt(sum)))
}

// cosine is half the squared distance of the two directions, which is the same
// as 1 − cos and exact where they are close.
func cosine(a, b []value.Value, elem value.Type) float64 {
	n := max(len(a), len(b))
	x, y := direction(a, n, elem), direction(b, n, elem)
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil || y == nil:
		return 1
	}
	sum := 0.0
	for i := range n {
		d := x[i] - y[i]
		sum += float64(d * d)
	}
	return min(sum/2, 2)
}

// direction is the vector at length 1, with n items; nil for zeros.
func direction(list []value.Value, n int, elem value.Type) []float64 {
	v := make([]float64, n)
	most := 0.0
	for i, x := range list {
		v[i] = number(x, elem)
		most = max(most, math.Abs(v[i]))
	}
	if most == 0 {
		return nil
	}
	for i := range v {
		v[i] /= most
	}
	whole := length(v)
	for i := range v {
		v[i] /= whole
	}
	return v
}

// number is the float64 nearest to a number.
func number(v value.Value, t value.Type) float64 {
	if t.Kind == value.Float64 {
		return v.Float()
	}
	return value.Unfix(v.Int128(), t.Scale)
}

// jaccardOf is the distance of two sets of items. The items of a top are told
// apart by their first field, `item`.
func jaccardOf(t value.Type) Distance {
	identity := func(item value.Value) value.Value { return item }
	if t.Kind == value.List && t.Elem != nil && t.Elem.Kind == value.Struct {
		identity = func(item value.Value) value.Value { return item.L[0] }
	}
	return func(a, b value.Value) float64 {
		x, y := setOf(a, identity), setOf(b, identity)
		both := 0
		for item := range x {
			if y[item] {
				both++
			}
		}
		all := len(x) + len(y) - both
		if all == 0 {
			return 0
		}
		return float64(all-both) / float64(all)
	}
}

// setOf is the canonical bytes of a list's items, or of a single value.
func setOf(v value.Value, identity func(value.Value) value.Value) map[string]bool {
	items := v.L
	if v.Kind != value.List && !v.IsNull() {
		items = []value.Value{v}
	}
	set := make(map[string]bool, len(items))
	for _, item := range items {
		set[string(value.Append(nil, identity(item)))] = true
	}
	return set
}
