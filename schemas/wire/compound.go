package wire

import (
	"math"

	"anabranch.dev/anabranch/schemas/value"
)

// compound walks a value that holds others.
func (m *machine) compound(o *op, b []byte, at int, slots []value.Value, depth int) int {
	switch o.code {
	case opCall:
		return m.run(o.sub.ops, b, at, slots, depth+1)
	case opUnion:
		start := at
		n, at := varlong(b, at)
		if at < 0 {
			return m.badLong(b, start)
		}
		if n < 0 || n >= o.n {
			return m.fail(start, badBranch)
		}
		return m.run(o.subs[n].ops, b, at, slots, depth+1)
	case opMap:
		return m.blocks(o, b, at, func(at int) int { return m.entry(o, b, at, depth) })
	case opArray:
		return m.blocks(o, b, at, func(at int) int { return m.run(o.sub.ops, b, at, nil, depth+1) })
	case opList:
		return m.list(o, b, at, slots, depth)
	}
	panic("BUG: unknown step")
}

func (m *machine) entry(o *op, b []byte, at, depth int) int {
	start := at
	n, at := length(b, at)
	if at < 0 {
		return m.badLength(b, start)
	}
	if !valid(b[at : at+int(n)]) {
		return m.fail(start, notUTF8)
	}
	return m.run(o.sub.ops, b, at+int(n), nil, depth+1)
}

// list walks an array that a feature may use: at most value.MaxListItems, which
// are stored in the arena if the list has a slot.
func (m *machine) list(o *op, b []byte, at int, slots []value.Value, depth int) int {
	from, start, count := len(m.arena), at, 0
	at = m.blocks(o, b, at, func(at int) int {
		if count++; count > value.MaxListItems {
			m.over.note(start, overList)
		} else if o.slot >= 0 {
			m.arena = append(m.arena, value.Value{})
			return m.run(o.sub.ops, b, at, m.arena[len(m.arena)-1:], depth+1)
		}
		return m.run(o.sub.ops, b, at, m.spare[:], depth+1)
	})
	if o.slot >= 0 && at >= 0 {
		slots[o.slot] = value.Value{Kind: value.List, L: m.arena[from:len(m.arena):len(m.arena)]}
	}
	return at
}

// blocks walks the blocks of an array or a map: a count of items, or a
// negative one and the block's size in bytes; a count of 0 ends them.
func (m *machine) blocks(o *op, b []byte, at int, item func(at int) int) int {
	for {
		start := at
		count, end := int64(0), -1
		if count, at = varlong(b, at); at < 0 {
			return m.badLong(b, start)
		}
		if count == 0 {
			return at
		}
		if count < 0 {
			var size int64
			if size, at = length(b, at); at < 0 || count == math.MinInt64 {
				return m.fail(start, badBlock)
			}
			count, end = -count, at+int(size)
		}
		if at = m.items(o, b, at, count, item); at < 0 {
			return -1
		}
		if end >= 0 && at != end {
			return m.fail(start, badBlock)
		}
	}
}

// items walks count items. Any number of items without bytes has nothing to see.
func (m *machine) items(o *op, b []byte, at int, count int64, item func(at int) int) int {
	if o.empty {
		return at
	}
	if count > int64(len(b)-at) {
		return m.fail(at, torn)
	}
	for ; count > 0 && at >= 0; count-- {
		at = item(at)
	}
	return at
}
