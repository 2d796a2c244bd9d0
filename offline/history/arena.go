package history

import "anabranch.dev/anabranch/schemas/value"

// Sizes of an arena's chunks.
const (
	chunkBytes  = 64 << 10
	chunkValues = 4 << 10
)

// arena holds what the events of one key refer to, in chunks that the next key uses again.
type arena struct {
	text  chunks[byte]
	cells chunks[value.Value]
}

func (a *arena) reset() {
	a.text.reset()
	a.cells.reset()
}

func (a *arena) bytes(b []byte) []byte {
	out := a.text.take(len(b), chunkBytes)
	copy(out, b)
	return out
}

// values is n cells, whose content is that of whoever had them before.
func (a *arena) values(n int) []value.Value { return a.cells.take(n, chunkValues) }

func (a *arena) copyOf(v value.Value) value.Value {
	if v.B != nil {
		v.B = a.bytes(v.B)
	}
	if v.L != nil {
		items := a.values(len(v.L))
		for i, item := range v.L {
			items[i] = a.copyOf(item)
		}
		v.L = items
	}
	return v
}

// chunks hands out slices of its chunks, none of which moves.
type chunks[T any] struct {
	all  [][]T
	used int // chunks that are full, or being filled if it is the last of them
	free []T
}

func (c *chunks[T]) reset() { c.used, c.free = 0, nil }

func (c *chunks[T]) take(n, size int) []T {
	for n > len(c.free) {
		if n > size {
			return make([]T, n)
		}
		if c.used == len(c.all) {
			c.all = append(c.all, make([]T, size))
		}
		c.free = c.all[c.used]
		c.used++
	}
	out := c.free[:n:n]
	c.free = c.free[n:]
	return out
}
