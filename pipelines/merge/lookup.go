package merge

import "math/bits"

// lookup finds items by value: an open-addressed table of places plus one, at
// most half full, probed linearly. It is empty while items are so few that
// looking at each is quicker.
type lookup []place

// fewItems is the greatest number of items without a lookup.
const fewItems = 16

// home is where the search for p begins.
func (x lookup) home(p parts) int {
	return int(uint64(p.n) * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(len(x)-1))))
}

func (x lookup) next(i int) int { return (i + 1) & (len(x) - 1) }

func (x lookup) find(items []touch, p parts) place {
	for i := x.home(p); x[i] != 0; i = x.next(i) {
		if t := &items[x[i]-1]; t.parts.n == p.n && t.parts.equal(p) {
			return x[i] - 1
		}
	}
	return none
}

// insert adds the item at a place, which is in no entry.
func (x lookup) insert(items []touch, at place) {
	if len(x) == 0 {
		return
	}
	i := x.home(items[at].parts)
	for x[i] != 0 {
		i = x.next(i)
	}
	x[i] = at + 1
}

// remove takes out the item at a place and moves up those that were displaced
// by it.
func (x lookup) remove(items []touch, at place) {
	if len(x) == 0 {
		return
	}
	hole := x.home(items[at].parts)
	for x[hole] != at+1 {
		hole = x.next(hole)
	}
	for i := x.next(hole); x[i] != 0; i = x.next(i) {
		mask := len(x) - 1
		if (i-x.home(items[x[i]-1].parts))&mask >= (i-hole)&mask {
			x[hole], hole = x[i], i
		}
	}
	x[hole] = 0
}

// grown is the lookup of items, of which x lacks the last.
func (x lookup) grown(items []touch) lookup {
	switch {
	case len(items) <= fewItems:
		return x
	case 2*len(items) <= len(x):
		x.insert(items, place(len(items)-1))
		return x
	}
	return x.rebuilt(items, 2*len(items))
}

// rebuilt is a lookup of items with room for n entries.
func (x lookup) rebuilt(items []touch, n int) lookup {
	n = 1 << bits.Len(uint(n-1))
	if cap(x) >= n {
		x = x[:n]
		clear(x)
	} else {
		x = make(lookup, n)
	}
	for i := range items {
		x.insert(items, place(i))
	}
	return x
}
