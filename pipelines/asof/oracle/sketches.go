package oracle

import (
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strconv"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// few is how many different items a top surely counts one by one.
const few = 16

// top is the heaviest items with their exact weights.
func (c *Case) top(f *definition.Feature, in []asof.Event) Result {
	weights, items := map[string]*big.Int{}, map[string]value.Value{}
	for _, e := range in {
		x := c.eval(f.Of, &e)
		if weights[text(x)] == nil {
			weights[text(x)], items[text(x)] = new(big.Int), x
		}
		weights[text(x)].Add(weights[text(x)], big.NewInt(c.by(f, &e).N))
	}
	var order []string
	for name, w := range weights {
		if w.Sign() > 0 { // what weighs nothing is not there
			order = append(order, name)
		}
	}
	sort.Slice(order, func(i, j int) bool {
		if d := weights[order[i]].Cmp(weights[order[j]]); d != 0 {
			return d > 0
		}
		return less(items[order[i]], items[order[j]])
	})
	list := []value.Value{}
	for _, name := range order[:min(f.K, len(order))] {
		list = append(list, entry(items[name], weights[name]))
	}
	return Result{Value: value.Items(list...), accepts: func(got value.Value, _ int64) error {
		return judgeTop(f, weights, order, got)
	}}
}

func entry(item value.Value, weight *big.Int) value.Value {
	return value.Value{Kind: value.Struct, L: []value.Value{item, saturated(weight), value.Int(0)}}
}

// judgeTop: heaviest first, each true weight in [count - error, count], errors
// within the part of the total, nothing heavier left out; exact while few.
func judgeTop(f *definition.Feature, weights map[string]*big.Int, order []string, got value.Value) error {
	if got.Kind != value.List || len(got.L) != min(f.K, len(order)) {
		return fmt.Errorf("want a list of %d", min(f.K, len(order)))
	}
	allowed := allowedError(f, weights, len(order))
	left := map[string]bool{}
	for _, name := range order {
		left[name] = true
	}
	for i, x := range got.L {
		if x.Kind != value.Struct || len(x.L) != 3 || x.L[1].Kind != value.Int64 || x.L[2].Kind != value.Int64 {
			return fmt.Errorf("entry %d is not {item, count, error}", i)
		}
		name, count, wrong := text(x.L[0]), x.L[1].N, x.L[2].N
		if !left[name] {
			return fmt.Errorf("entry %d: no such item, or there twice", i)
		}
		delete(left, name)
		truth := saturated(weights[name]).N
		if wrong < 0 || wrong > allowed || truth > count || truth < count-wrong {
			return fmt.Errorf("entry %d: the count is %d, allowed error %d", i, truth, allowed)
		}
		if i > 0 && count > got.L[i-1].L[1].N {
			return fmt.Errorf("entry %d is heavier than the one before", i)
		}
	}
	for name := range left {
		if truth := saturated(weights[name]).N; len(got.L) > 0 && truth > got.L[len(got.L)-1].L[1].N+allowed {
			return fmt.Errorf("%q of weight %d is left out", name, truth)
		}
	}
	return nil
}

func allowedError(f *definition.Feature, weights map[string]*big.Int, items int) int64 {
	if items <= few {
		return 0
	}
	total := new(big.Int)
	for _, w := range weights {
		total.Add(total, w)
	}
	part, _ := new(big.Rat).SetString(strconv.FormatFloat(f.Error, 'e', -1, 64))
	return saturated(floor(part.Mul(part, new(big.Rat).SetInt(total)))).N
}

// quantiles are the items at rank floor(q*(n-1)).
func (c *Case) quantiles(f *definition.Feature, in []asof.Event) Result {
	if len(in) == 0 {
		return Result{}
	}
	numbers := make([]*big.Rat, len(in))
	for i, e := range in {
		numbers[i] = c.exactly(f, &e)
	}
	slices.SortFunc(numbers, (*big.Rat).Cmp)
	off, _ := new(big.Rat).SetString(strconv.FormatFloat(f.RelativeError, 'e', -1, 64))
	var list []value.Value
	var each []accepts
	for _, q := range f.Q {
		rank, _ := new(big.Rat).SetString(strconv.FormatFloat(q, 'e', -1, 64))
		x := numbers[floor(rank.Mul(rank, big.NewRat(int64(len(in)-1), 1))).Int64()]
		list = append(list, nearest(x))
		each = append(each, within(x, new(big.Rat).Mul(off, new(big.Rat).Abs(x))))
	}
	return Result{Value: value.Items(list...), accepts: func(got value.Value, slack int64) error {
		if got.Kind != value.List || len(got.L) != len(each) {
			return fmt.Errorf("want a list of %d", len(each))
		}
		for i, ok := range each {
			if err := ok(got.L[i], slack); err != nil {
				return fmt.Errorf("q = %v: %w", f.Q[i], err)
			}
		}
		return nil
	}}
}

// exactly is the number itself, not rounded.
func (c *Case) exactly(f *definition.Feature, e *asof.Event) *big.Rat {
	x := c.eval(f.Of, e)
	if x.Kind == value.Float64 {
		return number(x)
	}
	return new(big.Rat).SetFrac(exact(x, 0), power(c.scaleOf(f)))
}

// number is a float64 without error.
func number(v value.Value) *big.Rat { return new(big.Rat).SetFloat64(v.Float()) }
