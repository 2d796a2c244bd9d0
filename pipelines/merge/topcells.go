package merge

import (
	"encoding/binary"
	"slices"
)

// cells are a count-min sketch: depth rows of width sums. Each item adds its
// weight to one cell of each row; no cell of an item is less than its weight,
// and the least is an estimate of it.
//
// In one row the other items add (total - weight) / width on average. So with
// width = 4.217 / ε, Markov's inequality gives a chance of at most 1 / 4.217
// that they add more than ε·(total - weight), and of at most 4.217^-8 < 10^-5
// that they do in all eight.
type cells struct {
	rows  []uint64 // depth · width; a sum that reaches full stays there
	width uint64
}

const (
	depth = 8 // rows; even
	// widthUnits is width times Error, in units of 10^-errorDigits, at least
	// 10^(5/depth).
	widthUnits = 4_217_000_000
	full       = 1<<64 - 1
)

// cellWidth is the width for an error in units of 10^-errorDigits.
func cellWidth(units uint64) uint64 { return (widthUnits + units - 1) / units }

// clear makes all cells 0.
func (c *cells) clear(units uint64) {
	c.width = cellWidth(units)
	n := int(depth * c.width)
	c.rows = slices.Grow(c.rows[:0], n)[:n]
	clear(c.rows)
}

// of is the cells of an item, one in each row. Rows 2i and 2i+1 go by the upper
// and the lower half of the i-th number of SplitMix64 from the item's hash.
func (c *cells) of(hash uint64) (at [depth]uint64) {
	for row := uint64(0); row < depth; row += 2 {
		hash += 0x9e3779b97f4a7c15
		z := (hash ^ hash>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		at[row] = row*c.width + z>>32*c.width>>32
		at[row+1] = (row+1)*c.width + z&(1<<32-1)*c.width>>32
	}
	return at
}

func (c *cells) add(hash, weight uint64) {
	for _, i := range c.of(hash) {
		c.rows[i] = raised(c.rows[i], weight)
	}
}

func (c *cells) subtract(hash, weight uint64) {
	for _, i := range c.of(hash) {
		c.rows[i] = lowered(c.rows[i], weight)
	}
}

func (c *cells) addAll(d *cells) {
	for i, n := range d.rows {
		c.rows[i] = raised(c.rows[i], n)
	}
}

func (c *cells) subtractAll(d *cells) {
	for i, n := range d.rows {
		c.rows[i] = lowered(c.rows[i], n)
	}
}

func raised(n, by uint64) uint64 {
	if n += by; n < by {
		return full
	}
	return n
}

func lowered(n, by uint64) uint64 {
	if n == full {
		return full
	}
	return n - min(n, by)
}

// estimate is the least cell of an item.
func (c *cells) estimate(hash uint64) uint64 {
	least := uint64(full)
	for _, i := range c.of(hash) {
		least = min(least, c.rows[i])
	}
	return least
}

// append appends the cells row by row: each as a uvarint, and zeros as a 0 and
// how many more follow (FORMAT.md §5, top).
func (c *cells) append(dst []byte) []byte {
	for i := 0; i < len(c.rows); i++ {
		dst = binary.AppendUvarint(dst, c.rows[i])
		if c.rows[i] != 0 {
			continue
		}
		first := i
		for i+1 < len(c.rows) && c.rows[i+1] == 0 {
			i++
		}
		dst = binary.AppendUvarint(dst, uint64(i-first))
	}
	return dst
}

// decode reads what append wrote into cells that are clear.
func (c *cells) decode(r *reader) {
	zero := false // the one before was 0
	for i := 0; i < len(c.rows) && r.err == nil; i++ {
		c.rows[i] = r.uvarint()
		if c.rows[i] != 0 {
			zero = false
			continue
		}
		more := r.uvarint()
		if zero || more >= uint64(len(c.rows)-i) {
			r.fail("zeros out of range")
			return
		}
		i, zero = i+int(more), true
	}
}
