package merge

import (
	"math/bits"

	"anabranch.dev/anabranch/schemas/value"
)

// Numbers too long for a product in 64 bits are taken apart into limbs, of which
// all but the highest are not negative. Sums of products of limbs with items of a
// basis fit into 64 bits by the inequality of Cauchy and Schwarz: a column's length
// is 2^30 to within 10^-6, that of a row at most 1.0002 times as much, and
//
//	a vector's:  sqrt(MaxItems) · 2^26 = 2^32
//	Σ z's:       sqrt(maxDirections)  · 2^28 = 2^32
//
// so each is below 2^63. (What a sum is on the way there wraps and does not
// matter.)
const (
	itemBits = 26
	sumBits  = 28
	// maxDirections is the greatest rank: rank <= dim, and both give at most MaxBasisItems.
	maxDirections = 256
	// maxLimbs of sumBits hold an int192.
	maxLimbs = 7
)

// coefficientBits is how many bits after the point z has, in units of 10^-scale.
const coefficientBits = 16

// project adds z = UᵀX to sums, in units of 2^-coefficientBits · 10^-scale: for each
// direction the exact Σ U x, rounded once, half to even. items are within
// 2^value.BoundBits.
func (b *Basis) project(items []value.Value, sums []int192) {
	var exact [maxDirections]int192
	top := itemLimbs(items) - 1
	for limb := top; limb >= 0; limb-- {
		var sum [maxDirections]int64
		mask := int64(1<<itemBits - 1)
		if limb == top {
			mask = -1 // above it there is nothing but the sign
		}
		b.addProducts(sum[:b.Rank], items, uint(itemBits*limb), mask)
		for j := range sums {
			exact[j] = exact[j].shiftLeft(itemBits).add(widen(value.Int128Of(sum[j])))
		}
	}
	for j := range sums {
		sums[j] = sums[j].add(exact[j].halved(BasisBits - coefficientBits))
	}
}

// itemLimbs is how many limbs items have.
func itemLimbs(items []value.Value) int {
	var hi, lo uint64
	for i := range items {
		h, l := items[i].Int128().Abs()
		hi, lo = hi|h, lo|l
	}
	if hi != 0 {
		return (64+bits.Len64(hi))/itemBits + 1
	}
	return bits.Len64(lo)/itemBits + 1
}

// addProducts adds U times one limb of each item to sum.
func (b *Basis) addProducts(sum []int64, items []value.Value, shift uint, mask int64) {
	for i := range items {
		x := int64(shiftedRight(items[i].Int128(), shift).Lo) & mask
		if x == 0 {
			continue
		}
		row := b.U[i*b.Rank:][:len(sum)]
		for j := range sum {
			sum[j] += int64(row[j]) * x
		}
	}
}

// limbs is Σ z taken apart: items[k] has the k-th limb of each.
type limbs struct {
	items [maxLimbs][maxDirections]int32
	n     int
}

func limbsOf(sums []int192) limbs {
	var all int192
	for _, z := range sums {
		if z.negative() {
			z = z.neg()
		}
		all = int192{all[0] | z[0], all[1] | z[1], all[2] | z[2]}
	}
	l := limbs{n: all.length()/sumBits + 1}
	for j, z := range sums {
		for k := range l.n - 1 {
			l.items[k][j] = int32(z[0] & (1<<sumBits - 1))
			z = z.shiftRight(sumBits)
		}
		l.items[l.n-1][j] = int32(z[0])
	}
	return l
}

// item is the i-th item of U·Σz, in units of 2^-(BasisBits+coefficientBits) ·
// 10^-scale.
func (b *Basis) item(i int, z *limbs) int192 {
	var n int192
	row := b.U[i*b.Rank:][:b.Rank]
	for k := z.n - 1; k >= 0; k-- {
		sum, limb := int64(0), z.items[k][:len(row)]
		for j, u := range row {
			sum += int64(u) * int64(limb[j])
		}
		n = n.shiftLeft(sumBits).add(widen(value.Int128Of(sum)))
	}
	return n
}
