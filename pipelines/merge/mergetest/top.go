package mergetest

import (
	"fmt"
	"math/big"
	"sort"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// WantTop is the k items with the greatest total weights, heaviest first, ties
// by item. An event without W weighs 1; items without weight are left out.
func WantTop(k int) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		items, weights := weigh(inputs)
		sort.Slice(items, func(i, j int) bool {
			if c := weights[name(items[i])].Cmp(weights[name(items[j])]); c != 0 {
				return c > 0
			}
			return smaller(items[i], items[j])
		})
		list := value.Value{Kind: value.List}
		for _, x := range items[:min(k, len(items))] {
			fields := []value.Value{x, saturated(weights[name(x)]), value.Int(0)}
			list.L = append(list.L, value.Value{Kind: value.Struct, L: fields})
		}
		return list
	}
}

// weigh is the distinct items that have weight, and the weight of each by name.
func weigh(inputs []merge.Input) ([]value.Value, map[string]*big.Int) {
	var items []value.Value
	weights := map[string]*big.Int{}
	for _, in := range inputs {
		w := big.NewInt(1)
		if !in.W.IsNull() {
			w = exact(in.W)
		}
		if w.Sign() == 0 {
			continue
		}
		if weights[name(in.X)] == nil {
			weights[name(in.X)] = new(big.Int)
			items = append(items, in.X)
		}
		weights[name(in.X)].Add(weights[name(in.X)], w)
	}
	return items, weights
}

// TopNear accepts, for the list of all items, one of at most k whose bounds
// hold, in order, with every item that is heavier than what is listed by more
// than twice the error.
func TopNear(s merge.Spec) func(got, want value.Value) error {
	return func(got, want value.Value) error {
		if len(got.L) > s.K {
			return fmt.Errorf("%d items, of at most %d", len(got.L), s.K)
		}
		left, total := map[string]int64{}, int64(0)
		for _, x := range want.L {
			left[name(x.L[0])] = x.L[1].N
			total += x.L[1].N
		}
		lightest := int64(0)
		for i, x := range got.L {
			item, count, off := x.L[0], x.L[1].N, x.L[2].N
			weight, known := left[name(item)]
			if known {
				left[name(item)] = -1
			}
			switch {
			case weight < 0:
				return fmt.Errorf("item %d is there twice", i)
			case count <= 0 || off < 0 || weight > count || weight < count-off:
				return fmt.Errorf("item %d weighs %d, not %d less %d", i, weight, count, off)
			case off > count || float64(off) > s.Error*float64(total)+1:
				return fmt.Errorf("item %d: error %d of a total of %d", i, off, total)
			case i > 0 && !lighter(x, got.L[i-1]):
				return fmt.Errorf("item %d is out of order", i)
			}
			if len(got.L) == s.K {
				lightest = count
			}
		}
		for item, weight := range left {
			if float64(weight) > float64(lightest)+2*s.Error*float64(total) {
				return fmt.Errorf("%s weighs %d and is not there", item, weight)
			}
		}
		return nil
	}
}

// lighter reports whether a comes after b.
func lighter(a, b value.Value) bool {
	if a.L[1].N != b.L[1].N {
		return a.L[1].N < b.L[1].N
	}
	return smaller(b.L[0], a.L[0])
}
