package fold

import (
	"cmp"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
)

// A slot may be read through windows of several pane widths. Where each width
// is a multiple of the one before, they are the levels of a ladder, and an event
// lives in exactly one pane of it: that of the finest level which keeps it. For
// a part whose newest event is at n, a level of width w and longest window k
// keeps
//
//	the panes from floor(n - k, w) on
//
// so where an event lives is a function of its time and of n. When n grows,
// what a level no longer keeps rolls, pane by pane, into the next coarser level
// that does; what none keeps is gone. Edges nest, so that a window over panes of
// width p, which begins at floor(t - window, p), is cut cleanly from all levels
// up to p, and for t >= n needs none above it.

// span is what one slot needs of panes of one width.
type span struct {
	width stamp.Micros
	keep  stamp.Micros // the longest window over them
}

// arrange puts slots into groups and features over them, in the order of their
// first use.
func (p *Program) arrange() {
	p.groups = make([]group, 1)
	first := map[string]int{} // of a ladder's groups, by its widths
	for i := range p.features {
		f := &p.features[i]
		if f.window == 0 {
			f.index = p.join(0, f.slot)
			continue
		}
		ladder, level := climb(p.spans(f.slot), f.pane)
		g := p.ladder(first, ladder)
		for j, s := range ladder {
			p.groups[g+j].keep = max(p.groups[g+j].keep, s.keep)
			f.index = p.join(g+j, f.slot)
		}
		f.group = g + level
		p.nested = p.nested || len(ladder) > 1 || f.pane != ladder[level].width
	}
	for g := 1; g < len(p.groups); g++ {
		p.groups[g].crowded = p.panes(g) > fewPanes
	}
}

// spans are what a slot's windows need, by width.
func (p *Program) spans(slot int) []span {
	var all []span
	for i := range p.features {
		f := &p.features[i]
		if f.slot != slot || f.window == 0 {
			continue
		}
		at, ok := slices.BinarySearchFunc(all, f.pane, func(s span, width stamp.Micros) int { return cmp.Compare(s.width, width) })
		if !ok {
			all = slices.Insert(all, at, span{width: f.pane})
		}
		all[at].keep = max(all[at].keep, f.window)
	}
	return all
}

// climb finds the ladder, from fine to coarse, and the level in it that serve a
// slot's windows over panes of a width.
func climb(spans []span, width stamp.Micros) ([]span, int) {
	var ladders [][]span
	for i, s := range spans {
		if h := host(spans, i); h != i {
			if s.width == width {
				width = spans[h].width
			}
			continue
		}
		n := slices.IndexFunc(ladders, func(l []span) bool { return s.width%l[len(l)-1].width == 0 })
		if n < 0 {
			ladders = append(ladders, []span{s})
			continue
		}
		ladders[n] = append(ladders[n], s)
	}
	for _, l := range ladders {
		if at := slices.IndexFunc(l, func(s span) bool { return s.width == width }); at >= 0 {
			return l, at
		}
	}
	panic(fmt.Sprintf("BUG: fold: no panes of %d µs", width))
}

// host is the finest of the spans whose panes are kept for at least as long as
// any that span i needs, which then needs none of its own. Mostly it is i.
//
//	floor(n - keep, w) <= floor(n - keep', w')  for all n,  if  keep' + w' - w <= keep  and w divides w'
func host(spans []span, i int) int {
	s := spans[i]
	return slices.IndexFunc(spans, func(h span) bool {
		return h == s || s.width%h.width == 0 && s.keep+s.width-h.width <= h.keep
	})
}

// ladder finds or makes the groups of a ladder and returns the first.
func (p *Program) ladder(first map[string]int, ladder []span) int {
	key := ""
	for _, s := range ladder {
		key += fmt.Sprint(s.width, " ")
	}
	g, ok := first[key]
	if !ok {
		g = len(p.groups)
		first[key] = g
		for _, s := range ladder {
			p.groups = append(p.groups, group{width: s.width, finest: g, coarsest: g + len(ladder) - 1})
		}
	}
	return g
}

// join makes the slot one of the group's and returns its place there.
func (p *Program) join(g, slot int) int {
	slots := p.groups[g].slots
	if at := slices.Index(slots, slot); at >= 0 {
		return at
	}
	p.groups[g].slots = append(slots, slot)
	return len(slots)
}

// keeps reports whether group g (> 0) of a part whose newest event is at newest
// keeps the pane of an epoch:
//
//	epoch >= Epoch(newest - keep, width)
func (p *Program) keeps(g int, epoch int64, newest stamp.Micros) bool {
	q := &p.groups[g]
	return stamp.Micros(epoch+1)*q.width > newest-q.keep
}

// placed reports whether group g (> 0) of a part whose newest event is at
// newest may hold a pane of the epoch: it keeps it, no event of it is in the
// future, and no finer level keeps all of it.
func (p *Program) placed(g int, epoch int64, newest stamp.Micros) bool {
	q := &p.groups[g]
	start := stamp.Micros(epoch) * q.width
	if start > newest || !p.keeps(g, epoch, newest) {
		return false
	}
	for f := q.finest; f < g; f++ {
		if p.keeps(f, int64(start/p.groups[f].width), newest) {
			return false
		}
	}
	return true
}

// evict takes the panes that their level no longer keeps out of it, and rolls
// them into the next that does.
func (p *Program) evict(part *Part) {
	for g := 1; g < len(p.groups); g++ {
		panes, n := part.Groups[g-1], 0
		for n < len(panes) && !p.keeps(g, panes[n].Epoch, part.Newest) {
			p.roll(part, g, &panes[n])
			n++
		}
		if n > 0 {
			part.drop(g, n)
			part.trim(g, stamp.Epoch(part.Newest-p.groups[g].keep, p.groups[g].width))
		}
	}
}

// drop forgets the first n panes of group g (> 0). Many panes are not moved: the
// room before them goes when there is none left behind.
func (part *Part) drop(g, n int) {
	panes := part.Groups[g-1]
	if len(panes) <= fewPanes {
		part.Groups[g-1] = slices.Delete(panes, 0, n)
		return
	}
	clear(panes[:n])
	part.Groups[g-1] = panes[n:]
}

// roll moves what a pane of group g holds into the next coarser level that
// keeps it, if any.
func (p *Program) roll(part *Part, g int, from *Pane) {
	start := stamp.Micros(from.Epoch) * p.groups[g].width
	for c := g + 1; c <= p.groups[g].coarsest; c++ {
		epoch := stamp.Epoch(start, p.groups[c].width)
		if !p.keeps(c, epoch, part.Newest) {
			continue
		}
		part.each(c, epoch, func(tile []merge.State) { combine(tile, from.States) })
		i, ok := part.find(c, epoch)
		if ok {
			to := &part.Groups[c-1][i]
			combine(to.States, from.States)
			to.touch(from.Seq, from.Stamp)
			return
		}
		p.insert(part, c, i, Pane{Epoch: epoch, Seq: from.Seq, Stamp: from.Stamp, States: from.States})
		p.tile(part, c, i)
		return
	}
}

// combine folds the states of one pane into those of another of the same slots.
func combine(to, from []merge.State) {
	for i := range to {
		to[i].Combine(from[i])
	}
}
