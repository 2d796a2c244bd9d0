package fold

import "anabranch.dev/anabranch/schemas/stamp"

// Parts of a row's size in bytes: what a part, a group and a pane hold beside
// states, with offsets within 2^35 of each other and stamps within ten years;
// and a further pane of a collection.
const (
	partBytes   = 96
	groupBytes  = 12
	paneBytes   = 16
	sparseBytes = 64
)

// PlannedBytes is what one key may take in one region's part at the worst: all
// numbers at their widest, all panes of every window there. Text counts as 16
// bytes, a list as 128 items. The panes of a windowed collection (a kind whose
// state grows with its elements: merge.Spec.Planned) are taken to hold one full
// state together and 64 bytes each beside it: their elements spread over them.
func (p *Program) PlannedBytes() int {
	return p.bytes(func(s *slot, panes int) int {
		full, collection := s.spec.Planned()
		if collection {
			return full + (panes-1)*min(full, sparseBytes)
		}
		return panes * full
	})
}

// WorstBytes is the greatest size of one region's part of a key, with every
// pane of every collection full, text as merge.TextBytes and offsets within 2^35
// of each other.
func (p *Program) WorstBytes() int {
	return p.bytes(func(s *slot, panes int) int { return panes * s.spec.MaxBytes() })
}

// bytes adds up what the panes of each ladder take, and of each slot in them.
func (p *Program) bytes(states func(s *slot, panes int) int) int {
	total := partBytes
	for g := 0; g < len(p.groups); g = p.groups[g].coarsest + 1 {
		panes := 0
		for level := g; level <= p.groups[g].coarsest; level++ {
			panes += p.panes(level)
			total += groupBytes
		}
		total += panes * paneBytes
		for _, s := range p.groups[g].slots {
			total += states(&p.slots[s], panes)
		}
	}
	return total
}

// panes is how many panes of group g a part can hold: all from where the level
// begins to where a finer one takes over, or to the newest event, and one more
// for the edges.
func (p *Program) panes(g int) int {
	q := &p.groups[g]
	if q.width == 0 {
		return 1
	}
	finer := stamp.Micros(0)
	for f := q.finest; f < g; f++ {
		finer = max(finer, p.groups[f].keep)
	}
	return int((max(q.keep-finer, 0)+q.width-1)/q.width) + 1
}
