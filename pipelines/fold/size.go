package fold

// Parts of a row's size in bytes: what a part and a pane hold beside states,
// and a further pane of a collection.
const (
	partBytes   = 64
	paneBytes   = 8
	sparseBytes = 64
)

// PlannedBytes is what one key may take in one region's part at the worst: all
// numbers at their widest, all panes of every window there. Text counts as 16
// bytes, a list as 128 items. The panes of a windowed collection (recent, set, approx_distinct) are
// taken to hold one full state together and 64 bytes each beside it: their
// elements spread over the panes.
func (p *Program) PlannedBytes() int {
	total := partBytes
	for _, g := range p.groups {
		panes := p.panes(&g)
		total += panes * paneBytes
		for _, s := range g.slots {
			full, collection := p.slots[s].spec.Planned()
			if collection {
				total += full + (panes-1)*min(full, sparseBytes)
				continue
			}
			total += panes * full
		}
	}
	return total
}

// WorstBytes is PlannedBytes with every pane of every collection full.
func (p *Program) WorstBytes() int {
	total := partBytes
	for _, g := range p.groups {
		panes := p.panes(&g)
		total += panes * paneBytes
		for _, s := range g.slots {
			full, _ := p.slots[s].spec.Planned()
			total += panes * full
		}
	}
	return total
}

// panes is how many panes of a group a part can hold.
func (p *Program) panes(g *group) int {
	if g.width == 0 {
		return 1
	}
	return int((g.keep+g.width-1)/g.width) + 1
}
