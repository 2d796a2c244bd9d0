package asof

import (
	"bytes"
	"cmp"
	"slices"
	"sort"

	"github.com/cespare/xxhash/v2"

	"anabranch.dev/anabranch/pipelines/copies"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// hashed is an event that carries an id.
type hashed struct {
	hash  uint64
	event int32
}

// resolveIDs finds the records that share an event id and settles which of them count: it marks them as repeats, or, where that
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

// resolveHash splits records of one hash by id, and by source if each region's
// copies count on their own.
func (s *Sweeper) resolveHash(same []hashed, cut *Cut) bool {
	at := func(h hashed) *Event { return &s.events[h.event] }
	slices.SortFunc(same, func(x, y hashed) int {
		a, b := at(x), at(y)
		return cmp.Or(bytes.Compare(a.ID, b.ID), a.Source.Compare(b.Source), cmp.Compare(a.Offset, b.Offset))
	})
	changes := false
	for from, to := 0, 0; from < len(same); from = to {
		first := at(same[from])
		for to = from + 1; to < len(same) && bytes.Equal(at(same[to]).ID, first.ID) && (!cut.Served || at(same[to]).Source == first.Source); to++ {
		}
		if to-from > 1 && s.resolveID(same[from:to], cut) {
			changes = true
		}
	}
	return changes
}

// resolveID settles the records of one id. Those that the view cannot take were
// quarantined and take no part.
func (s *Sweeper) resolveID(records []hashed, cut *Cut) bool {
	s.group = s.group[:0]
	for _, r := range records {
		if s.prepare(r.event) {
			s.group = append(s.group, r.event)
		}
	}
	slices.SortFunc(s.group, func(i, j int32) int { return copyOf(&s.events[i]).Compare(copyOf(&s.events[j])) })
	inOrder := cut.Knowledge == Off || slices.IsSortedFunc(s.group, func(a, b int32) int {
		return cmp.Compare(s.events[a].Created, s.events[b].Created)
	})
	s.markRepeats(inOrder)
	if !inOrder {
		s.follow(cut)
	}
	return !inOrder
}

func copyOf(e *Event) copies.Copy {
	return copies.Copy{Source: e.Source, Stamp: e.Stamp, Offset: e.Offset}
}

// markRepeats runs the rule over the whole group, which holds wherever all of
// it is known. Records whose place changes are left to follow: only the sweep
// without a knowledge cut takes them from here.
func (s *Sweeper) markRepeats(inOrder bool) {
	var lasts []lastCounted
	var last stamp.Stamp // of those that count over all logs
	any := false
	for _, i := range s.group {
		e := &s.events[i]
		counts := s.countsInLog(&lasts, e)
		if counts && (!any || fold.Counts(last, e.Stamp, s.horizon)) {
			last, any = e.Stamp, true
		} else {
			counts = false
		}
		if !counts || !inOrder {
			s.settled[i] = true
		}
		if counts && !inOrder {
			s.off.add(e.Time, never, i)
		}
	}
}

// lastCounted is the last record of an id that counts within a log.
type lastCounted struct {
	source position.Source
	stamp  stamp.Stamp
}

// countsInLog reports whether the next record of a group counts within its own
// log.
func (s *Sweeper) countsInLog(lasts *[]lastCounted, e *Event) bool {
	at := slices.IndexFunc(*lasts, func(l lastCounted) bool { return l.source == e.Source })
	if at < 0 {
		*lasts = append(*lasts, lastCounted{e.Source, e.Stamp})
		return true
	}
	counts := fold.Counts((*lasts)[at].stamp, e.Stamp, s.horizon)
	if counts {
		(*lasts)[at].stamp = e.Stamp
	}
	return counts
}

// follow lets the group's records become known one after another and adds a
// span for each stretch during which one counts: within its own log, and then
// among those that do.
func (s *Sweeper) follow(cut *Cut) {
	g := s.group
	order := make([]int, len(g))
	stamps := make([]stamp.Stamp, len(g))
	for p, i := range g {
		order[p], stamps[p] = p, s.events[i].Stamp
	}
	slices.SortFunc(order, func(p, q int) int {
		return cmp.Or(cmp.Compare(s.events[g[p]].Created, s.events[g[q]].Created), cmp.Compare(p, q))
	})
	all := newChain(stamps, s.horizon)
	all.lost = func(p int, now stamp.Micros) {
		s.asked.add(max(all.since[p], s.events[g[p]].Time), now, g[p])
	}
	logs := map[position.Source]*chain{}
	for _, p := range order {
		e := &s.events[g[p]]
		if logs[e.Source] == nil {
			// Places are those of the whole group: the others are never present.
			c := newChain(stamps, s.horizon)
			c.gained, c.lost = all.learn, all.forget
			logs[e.Source] = c
		}
		logs[e.Source].learn(p, cut.known(e))
	}
	for _, p := range all.counted {
		all.lost(p, never)
	}
}

// chain is which of an id's records count among those known so far, by their
// place in the order of copies.
type chain struct {
	stamps  []stamp.Stamp
	present []bool
	counted []int          // ascending
	since   []stamp.Micros // of those that count: since when
	horizon stamp.Micros
	gained  func(p int, now stamp.Micros) // nil: nobody is told
	lost    func(p int, now stamp.Micros)
}

func newChain(stamps []stamp.Stamp, horizon stamp.Micros) *chain {
	return &chain{stamps: stamps, present: make([]bool, len(stamps)), since: make([]stamp.Micros, len(stamps)), horizon: horizon}
}

// learn makes record p known. It changes what counts only from p on, up to the
// next record that counts either way: from there the rule goes on as it did.
func (c *chain) learn(p int, now stamp.Micros) {
	c.present[p] = true
	at, _ := slices.BinarySearch(c.counted, p)
	if at > 0 && !fold.Counts(c.stamps[c.counted[at-1]], c.stamps[p], c.horizon) {
		return
	}
	c.rerun(at, p, now)
}

// forget makes record p unknown: it does not count in its own log any more.
func (c *chain) forget(p int, now stamp.Micros) {
	c.present[p] = false
	at, counts := slices.BinarySearch(c.counted, p)
	if !counts {
		return
	}
	c.rerun(at, c.next(p+1), now)
}

// rerun runs the rule anew behind counted[at-1]; the first record that counts
// there is q, or none if it is -1.
func (c *chain) rerun(at, q int, now stamp.Micros) {
	var gained []int
	old := at
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
	if c.gained != nil {
		for _, p := range gained {
			c.gained(p, now)
		}
	}
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
	return c.next(q + 1 + sort.Search(len(rest), func(i int) bool { return fold.Counts(c.stamps[q], rest[i], c.horizon) }))
}

// next is the first known record at place n or behind, or -1.
func (c *chain) next(n int) int {
	for n < len(c.stamps) && !c.present[n] {
		n++
	}
	if n == len(c.stamps) {
		return -1
	}
	return n
}
