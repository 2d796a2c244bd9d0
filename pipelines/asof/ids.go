package asof

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"github.com/cespare/xxhash/v2"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
)

// hashed is an event that carries an id.
type hashed struct {
	hash  uint64
	event int32
}

// resolveIDs finds the records that share an event id within a source and
// settles which of them count: it marks them as repeats, or, where that
// changes with what is known, adds their spans itself. It reports whether any
// changes.
func (s *Sweeper) resolveIDs(cut *Cut) bool {
	s.ids = s.ids[:0]
	for _, i := range s.admitted {
		if e := &s.events[i]; e.HasID {
			s.ids = append(s.ids, hashed{xxhash.Sum64(e.ID), i})
		}
	}
	slices.SortFunc(s.ids, func(a, b hashed) int { return cmp.Compare(a.hash, b.hash) })
	changes := false
	for from, to := 0, 0; from < len(s.ids); from = to {
		for to = from + 1; to < len(s.ids) && s.ids[to].hash == s.ids[from].hash; to++ {
		}
		if to-from > 1 && s.resolveHash(s.ids[from:to], cut) {
			changes = true
		}
	}
	return changes
}

// resolveHash splits records of one hash by source and id.
func (s *Sweeper) resolveHash(same []hashed, cut *Cut) bool {
	at := func(h hashed) *Event { return &s.events[h.event] }
	slices.SortFunc(same, func(x, y hashed) int {
		a, b := at(x), at(y)
		return cmp.Or(a.Source.Compare(b.Source), bytes.Compare(a.ID, b.ID), cmp.Compare(a.Offset, b.Offset))
	})
	changes := false
	for from, to := 0, 0; from < len(same); from = to {
		first := at(same[from])
		for to = from + 1; to < len(same) && at(same[to]).Source == first.Source && bytes.Equal(at(same[to]).ID, first.ID); to++ {
		}
		if to-from > 1 && s.resolveID(same[from:to], cut) {
			changes = true
		}
	}
	return changes
}

// resolveID settles the records of one id, in the order of the log. Those that
// the view cannot take were quarantined and take no part.
func (s *Sweeper) resolveID(records []hashed, cut *Cut) bool {
	s.group = s.group[:0]
	for _, r := range records {
		if s.prepare(r.event) {
			s.group = append(s.group, r.event)
		}
	}
	inOrder := cut.Knowledge == Off || slices.IsSortedFunc(s.group, func(a, b int32) int {
		return cmp.Compare(s.events[a].Created, s.events[b].Created)
	})
	s.markRepeats(inOrder)
	if !inOrder {
		s.follow(cut)
	}
	return !inOrder
}

// markRepeats runs the rule over the whole group, which holds wherever all of
// it is known. Records whose place changes are left to follow: only the sweep
// without a knowledge cut takes them from here.
func (s *Sweeper) markRepeats(inOrder bool) {
	var last stamp.Stamp
	for n, i := range s.group {
		e := &s.events[i]
		counts := n == 0 || fold.Counts(last, e.Stamp, s.horizon)
		if counts {
			last = e.Stamp
		}
		if !counts || !inOrder {
			s.settled[i] = true
		}
		if counts && !inOrder {
			s.off.add(e.Time, never, i)
		}
	}
}

// follow lets the group's records become known one after another and adds a
// span for each stretch during which one counts.
func (s *Sweeper) follow(cut *Cut) {
	g := s.group
	order := make([]int, len(g))
	for p := range order {
		order[p] = p
	}
	slices.SortFunc(order, func(p, q int) int {
		return cmp.Or(cmp.Compare(s.events[g[p]].Created, s.events[g[q]].Created), cmp.Compare(p, q))
	})
	c := chain{stamps: make([]stamp.Stamp, len(g)), present: make([]bool, len(g)), since: make([]stamp.Micros, len(g)), horizon: s.horizon}
	for p, i := range g {
		c.stamps[p] = s.events[i].Stamp
	}
	c.lost = func(p int, now stamp.Micros) {
		s.asked.add(max(c.since[p], s.events[g[p]].Time), now, g[p])
	}
	for _, p := range order {
		c.learn(p, cut.known(&s.events[g[p]]))
	}
	for _, p := range c.counted {
		c.lost(p, never)
	}
}

// chain is which of an id's records count among those known so far, by their
// place in the log.
type chain struct {
	stamps  []stamp.Stamp
	present []bool
	counted []int          // ascending
	since   []stamp.Micros // of those that count: since when
	horizon stamp.Micros
	lost    func(p int, now stamp.Micros)
}

// learn makes record p known. It changes what counts only from p on, up to the
// next record that counts either way: from there the rule goes on as it did.
func (c *chain) learn(p int, now stamp.Micros) {
	c.present[p] = true
	at, _ := slices.BinarySearch(c.counted, p)
	if at > 0 && !fold.Counts(c.stamps[c.counted[at-1]], c.stamps[p], c.horizon) {
		return
	}
	var gained []int
	old, q := at, p
	for ; q >= 0; q = c.after(q) {
		old = c.drop(old, q, now)
		if old < len(c.counted) && c.counted[old] == q {
			break
		}
		gained = append(gained, q)
		c.since[q] = now
	}
	if q < 0 {
		old = c.drop(old, len(c.stamps), now)
	}
	c.counted = slices.Replace(c.counted, at, old, gained...)
}

// drop ends the counting of the records from counted[old] on that lie before
// place q, and returns the index of the first that does not.
func (c *chain) drop(old, q int, now stamp.Micros) int {
	for old < len(c.counted) && c.counted[old] < q {
		c.lost(c.counted[old], now)
		old++
	}
	return old
}

// after is the first known record that counts after q does, or -1.
func (c *chain) after(q int) int {
	rest := c.stamps[q+1:]
	n := q + 1 + sort.Search(len(rest), func(i int) bool { return fold.Counts(c.stamps[q], rest[i], c.horizon) })
	for n < len(c.stamps) && !c.present[n] {
		n++
	}
	if n == len(c.stamps) {
		return -1
	}
	return n
}
