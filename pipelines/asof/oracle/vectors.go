package oracle

import (
	"encoding/binary"
	"math/big"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// isVector reports whether x has dim items and none of them is null.
func isVector(x value.Value, dim int) bool {
	if x.Kind != value.List || len(x.L) != dim {
		return false
	}
	for _, item := range x.L {
		if item.Kind == value.Null {
			return false
		}
	}
	return true
}

// items are a vector's items in units of the feature's scale.
func (c *Case) items(f *definition.Feature, x value.Value) []*big.Int {
	items := make([]*big.Int, len(x.L))
	for i := range x.L {
		items[i] = exact(x.L[i], c.scaleOf(f))
	}
	return items
}

// vector is the sum of the events' vectors, or their mean.
func (c *Case) vector(f *definition.Feature, in []asof.Event) value.Value {
	if len(in) == 0 {
		return value.Value{}
	}
	totals := make([]*big.Int, f.Dim)
	for i := range totals {
		totals[i] = new(big.Int)
	}
	for _, e := range in {
		for i, x := range coarse(c.items(f, c.eval(f.Of, &e)), f.Bits) {
			totals[i].Add(totals[i], x)
		}
	}
	unit := power(c.scaleOf(f))
	if f.Kind == "vector_mean" {
		unit.Mul(unit, big.NewInt(int64(len(in))))
	}
	var list []value.Value
	for _, n := range totals {
		list = append(list, nearest(new(big.Rat).SetFrac(n, unit)))
	}
	return value.Items(list...)
}

// dim is how many items a feature's vectors have, 0 if it has none.
func (c *Case) dim(f *definition.Feature) int {
	if f.Basis == "" {
		return f.Dim
	}
	return len(c.basis(f.Basis))
}

// basis reads the rows of a basis: a version byte, dim and rank, both below
// 128 here, and dim rows of rank items, four bytes each.
func (c *Case) basis(ref string) [][]*big.Int {
	for _, b := range c.Bases {
		if b.Ref() != ref {
			continue
		}
		dim, rank, rest := int(b.Data[1]), int(b.Data[2]), b.Data[3:]
		rows := make([][]*big.Int, dim)
		for i := range rows {
			for range rank {
				rows[i] = append(rows[i], big.NewInt(int64(int32(binary.LittleEndian.Uint32(rest)))))
				rest = rest[4:]
			}
		}
		return rows
	}
	panic("BUG: oracle: no basis " + ref)
}

// lowRank is U times the sum of the vectors' coefficients. Items of U are in
// units of 2^-30, each event's coefficients are rounded to units of 2^-16.
func (c *Case) lowRank(f *definition.Feature, in []asof.Event) value.Value {
	if len(in) == 0 {
		return value.Value{}
	}
	u := c.basis(f.Basis)
	totals := make([]*big.Int, len(u[0]))
	for j := range totals {
		totals[j] = new(big.Int)
		for _, e := range in {
			z := new(big.Int)
			for i, x := range c.items(f, c.eval(f.Of, &e)) {
				z.Add(z, new(big.Int).Mul(u[i][j], x))
			}
			totals[j].Add(totals[j], roundEven(new(big.Rat).SetFrac(z, big.NewInt(1<<14))))
		}
	}
	unit := new(big.Int).Lsh(power(c.scaleOf(f)), 46)
	var list []value.Value
	for _, row := range u {
		n := new(big.Int)
		for j, item := range row {
			n.Add(n, new(big.Int).Mul(item, totals[j]))
		}
		list = append(list, nearest(new(big.Rat).SetFrac(n, unit)))
	}
	return value.Items(list...)
}

// coarse keeps so many bits of the greatest item, and of the others what lies
// at or above its last bit; 0 keeps all.
func coarse(items []*big.Int, bits int) []*big.Int {
	if bits == 0 {
		return items
	}
	most := new(big.Int)
	for _, x := range items {
		if x.CmpAbs(most) > 0 {
			most.Abs(x)
		}
	}
	step, reach := big.NewInt(1), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1))
	for most.Cmp(new(big.Int).Mul(reach, step)) > 0 {
		step.Lsh(step, 1)
	}
	out := make([]*big.Int, len(items))
	for i, x := range items {
		out[i] = roundEven(new(big.Rat).SetFrac(x, step))
		out[i].Mul(out[i], step)
	}
	return out
}
