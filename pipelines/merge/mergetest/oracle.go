package mergetest

import (
	"fmt"
	"math"
	"math/big"
	"sort"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/value"
)

// The oracles compute values from the plain list of events with lists, sorts,
// maps and rationals. They share nothing with package merge but its types.

func total(inputs []merge.Input) *big.Int {
	n := new(big.Int)
	for _, in := range inputs {
		n.Add(n, exact(in.X))
	}
	return n
}

func exact(v value.Value) *big.Int {
	if v.Kind == value.Int64 {
		return big.NewInt(v.N)
	}
	n := new(big.Int).Lsh(big.NewInt(v.H), 64)
	return n.Add(n, new(big.Int).SetUint64(uint64(v.N)))
}

func pow10(n int32) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
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

func nearest(num, den *big.Int) value.Value {
	f, _ := new(big.Rat).SetFrac(num, den).Float64()
	return value.Float(f)
}

// WantCount is Σ by.
func WantCount(inputs []merge.Input) value.Value { return saturated(total(inputs)) }

// WantSum is Σ x at scale, as kind.
func WantSum(scale int32, as value.Kind) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		n := total(inputs)
		switch as {
		case value.Float64:
			return nearest(n, pow10(scale))
		case value.Decimal:
			lo, hi := new(big.Int), new(big.Int)
			hi.DivMod(n, new(big.Int).Lsh(big.NewInt(1), 64), lo)
			return value.Value{Kind: value.Decimal, N: int64(lo.Uint64()), H: hi.Int64()}
		}
		return saturated(halfEven(n, pow10(scale)))
	}
}

// halfEven is the integer nearest to n/d, ties to even.
func halfEven(n, d *big.Int) *big.Int {
	twice := new(big.Int).Lsh(n, 1)
	q, r := new(big.Int).DivMod(twice.Add(twice, d), new(big.Int).Lsh(d, 1), new(big.Int))
	if r.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// smaller orders two values of one scalar type.
func smaller(a, b value.Value) bool {
	switch a.Kind {
	case value.Float64:
		return math.Float64frombits(uint64(a.N)) < math.Float64frombits(uint64(b.N))
	case value.String, value.Bytes:
		return string(a.B) < string(b.B)
	case value.Decimal:
		return exact(a).Cmp(exact(b)) < 0
	}
	return a.N < b.N
}

func sortedValues(inputs []merge.Input) []value.Value {
	var out []value.Value
	for _, in := range inputs {
		out = append(out, in.X)
	}
	sort.SliceStable(out, func(i, j int) bool { return smaller(out[i], out[j]) })
	return out
}

// WantMin and WantMax are the ends of the sorted values.
func WantMin(inputs []merge.Input) value.Value {
	if len(inputs) == 0 {
		return value.Value{}
	}
	return sortedValues(inputs)[0]
}

// WantMax is the last of the sorted values.
func WantMax(inputs []merge.Input) value.Value {
	if len(inputs) == 0 {
		return value.Value{}
	}
	return sortedValues(inputs)[len(inputs)-1]
}

// inOrder sorts by time, stamp, source, offset.
func inOrder(inputs []merge.Input) []merge.Input {
	out := append([]merge.Input(nil), inputs...)
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].Order, out[j].Order
		if a.Time != b.Time {
			return a.Time < b.Time
		}
		if a.Stamp != b.Stamp {
			return a.Stamp < b.Stamp
		}
		if a.Rank != b.Rank {
			return a.Rank < b.Rank
		}
		return a.Offset < b.Offset
	})
	return out
}

// WantFirst is the value of the first event, null of nothing.
func WantFirst(inputs []merge.Input) value.Value {
	if len(inputs) == 0 {
		return value.Value{}
	}
	return inOrder(inputs)[0].X
}

// WantLast is the value of the last event, null of nothing.
func WantLast(inputs []merge.Input) value.Value {
	if len(inputs) == 0 {
		return value.Value{}
	}
	return inOrder(inputs)[len(inputs)-1].X
}

func name(v value.Value) string { return fmt.Sprintf("%d %d %q", v.N, v.H, v.B) }

// newestTouches is the events that touched each item last, newest first, of at
// most n items.
func newestTouches(inputs []merge.Input, n int) []merge.Input {
	seen := map[string]bool{}
	var out []merge.Input
	sorted := inOrder(inputs)
	for i := len(sorted) - 1; i >= 0 && len(out) < n; i-- {
		if !seen[name(sorted[i].X)] {
			seen[name(sorted[i].X)] = true
			out = append(out, sorted[i])
		}
	}
	return out
}

// WantRecent is the k distinct items touched last, newest first.
func WantRecent(k int) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		list := value.Value{Kind: value.List}
		for _, in := range newestTouches(inputs, k) {
			list.L = append(list.L, in.X)
		}
		return list
	}
}

// WantSet is those of the most recently touched elements that were last added.
func WantSet(most int) func([]merge.Input) value.Value {
	return func(inputs []merge.Input) value.Value {
		var added []merge.Input
		for _, in := range newestTouches(inputs, most) {
			if !in.Remove {
				added = append(added, in)
			}
		}
		return value.Value{Kind: value.List, L: sortedValues(added)}
	}
}
