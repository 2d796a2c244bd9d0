package merge

import (
	"cmp"
	"math/bits"
	"slices"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

// heavies are items with their weights and ranks, each once, in an array whose
// order means nothing.
type heavies struct {
	items []heavy
	index []uint32 // places plus one, open-addressed, at most half full; empty while items are few
	cell  cellType
}

type heavy struct {
	parts  parts // marked
	weight value.Int128
	rank   rank
}

// marked gives texts their hash in n.
func (l *heavies) marked(p parts, hash uint64) parts {
	if l.cell.kind == value.String || l.cell.kind == value.Bytes {
		p.n = int64(hash)
	}
	return p
}

// hash is hashOf of a marked item.
func (l *heavies) hash(p parts) uint64 {
	if l.cell.kind == value.String || l.cell.kind == value.Bytes {
		return uint64(p.n)
	}
	return hashOf(p.value(l.cell))
}

func (l *heavies) reset() { l.items, l.index = l.items[:0], l.index[:0] }

// at is the item of p, which is added if it is not there; its rank falls to r.
func (l *heavies) at(p parts, r rank) *heavy {
	i := l.find(p)
	if i < 0 {
		i = l.extend(p)
	}
	h := &l.items[i]
	h.rank = min(h.rank, r)
	return h
}

// find is the place of the item of p, or -1.
func (l *heavies) find(p parts) int {
	if len(l.index) == 0 {
		for i := range l.items {
			if l.items[i].parts.equal(p) {
				return i
			}
		}
		return -1
	}
	for i := l.home(p); l.index[i] != 0; i = (i + 1) & (len(l.index) - 1) {
		if at := int(l.index[i] - 1); l.items[at].parts.equal(p) {
			return at
		}
	}
	return -1
}

// home is where the search for p begins.
func (l *heavies) home(p parts) int {
	return int(uint64(p.n) * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(len(l.index)-1))))
}

// extend adds an item, whose buffer may be one left by reset or cut.
func (l *heavies) extend(p parts) int {
	n := len(l.items)
	if n < cap(l.items) {
		l.items = l.items[:n+1]
	} else {
		l.items = append(l.items, heavy{})
	}
	h := &l.items[n]
	h.parts.set(p)
	h.weight, h.rank = value.Int128{}, maxRank
	l.placed(n)
	return n
}

// placed puts the last item, at n, into the index.
func (l *heavies) placed(n int) {
	switch {
	case n < fewItems:
	case 2*(n+1) <= len(l.index):
		l.insert(n)
	default:
		l.rebuild()
	}
}

// own gives the items texts of their own, in one piece.
func (l *heavies) own() {
	text := 0
	for i := range l.items {
		text += len(l.items[i].parts.b)
	}
	all := make([]byte, 0, text)
	for i := range l.items {
		p, start := &l.items[i].parts, len(all)
		all = append(all, p.b...)
		p.b = all[start:len(all):len(all)]
	}
}

func (l *heavies) insert(at int) {
	i := l.home(l.items[at].parts)
	for l.index[i] != 0 {
		i = (i + 1) & (len(l.index) - 1)
	}
	l.index[i] = uint32(at + 1)
}

// rebuild makes the index anew, with room for as many items again.
func (l *heavies) rebuild() {
	l.index = l.index[:0]
	if len(l.items) <= fewItems {
		return
	}
	n := 1 << bits.Len(uint(4*len(l.items)-1))
	if cap(l.index) >= n {
		l.index = l.index[:n]
		clear(l.index)
	} else {
		l.index = make([]uint32, n)
	}
	for i := range l.items {
		l.insert(i)
	}
}

// before orders items by rank, then value.
func (l *heavies) before(a, b *heavy) int {
	if c := cmp.Compare(a.rank, b.rank); c != 0 {
		return c
	}
	return l.cell.compare(&a.parts, &b.parts)
}

// cut keeps the n items of least rank.
func (l *heavies) cut(n int) {
	slices.SortFunc(l.items, func(a, b heavy) int { return l.before(&a, &b) })
	l.items = l.items[:n]
	l.rebuild()
}

// least is the places of the n items of least rank, in order.
func (l *heavies) least(n int) []int32 {
	places := make([]int32, len(l.items))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortFunc(places, func(a, b int32) int { return l.before(&l.items[a], &l.items[b]) })
	return places[:min(n, len(places))]
}

// subtract takes out weights and drops the items that are left without.
func (l *heavies) subtract(m *heavies) {
	for i := range m.items {
		if at := l.find(m.items[i].parts); at >= 0 {
			l.items[at].weight = l.items[at].weight.Sub(m.items[i].weight)
		}
	}
	n := 0
	for i := range l.items {
		if l.items[i].weight.Sign() > 0 {
			l.items[i], l.items[n] = l.items[n], l.items[i]
			n++
		}
	}
	l.items = l.items[:n]
	l.rebuild()
}

func (l *heavies) size() int {
	n := cap(l.items)*int(unsafe.Sizeof(heavy{})) + 4*cap(l.index)
	for i := range l.items {
		n += cap(l.items[i].parts.b)
	}
	return n
}
