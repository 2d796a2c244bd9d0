package fold

import (
	"cmp"
	"slices"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Row is all features of one view for one key. The zero Row is empty.
type Row struct {
	Parts []Part // sorted by source
}

// Part is what one source contributes to a row.
type Part struct {
	Source position.Source
	// Newest is the greatest event timestamp seen: that passed the view's
	// where.
	Newest stamp.Micros
	// Life is the one pane of the lifetime features. Its Seq is the offset of
	// the last event seen.
	Life Pane
	// Groups holds the panes of each windowed group, Groups[i] for group i+1,
	// sorted by epoch. Who changes them other than by Step and Absorb does so
	// before the part is in a row.
	Groups [][]Pane

	tilings []*tiling // of each windowed group, nil where there are none
}

// Pane is one state for each slot of its group over the events of one pane.
type Pane struct {
	Epoch  int64       // index of the pane since 1970; 0 for the lifetime
	Seq    int64       // offset of the last event that touched it
	Stamp  stamp.Stamp // of that event
	States []merge.State
}

// Newest is the greatest event timestamp that any source has seen, or NoTime.
func (r *Row) Newest() stamp.Micros {
	newest := stamp.NoTime
	for i := range r.Parts {
		if !r.Parts[i].retracts() {
			newest = max(newest, r.Parts[i].Newest)
		}
	}
	return newest
}

// retracts reports whether the part holds events that are taken back: they
// count once less, and are no news of the key.
func (p *Part) retracts() bool {
	_, ok := p.Source.Retracts()
	return ok
}

// Part finds a source's part, or returns nil.
func (r *Row) Part(s position.Source) *Part {
	if i, ok := r.find(s); ok {
		return &r.Parts[i]
	}
	return nil
}

func (r *Row) find(s position.Source) (int, bool) {
	if len(r.Parts) == 1 && r.Parts[0].Source == s {
		return 0, true
	}
	return slices.BinarySearchFunc(r.Parts, s, func(p Part, s position.Source) int { return p.Source.Compare(s) })
}

// part finds or makes a source's part.
func (p *Program) part(r *Row, s position.Source) *Part {
	i, ok := r.find(s)
	if !ok {
		r.Parts = slices.Insert(r.Parts, i, p.NewPart(s))
	}
	return &r.Parts[i]
}

// NewPart makes the empty part of a source.
func (p *Program) NewPart(s position.Source) Part {
	part := Part{Source: s, Newest: stamp.NoTime, Life: Pane{Seq: -1, States: p.NewStates(0)}}
	if n := len(p.groups) - 1; n > 0 {
		part.Groups = make([][]Pane, n)
	}
	return part
}

// NewStates makes the empty states of one pane of group g.
func (p *Program) NewStates(g int) []merge.State {
	states := make([]merge.State, len(p.groups[g].slots))
	for i := range states {
		states[i] = p.NewState(g, i)
	}
	return states
}

// pane finds or makes the pane of an epoch in group g (> 0).
func (p *Program) pane(part *Part, g int, epoch int64) *Pane {
	i, ok := part.find(g, epoch)
	if !ok {
		p.insert(part, g, i, Pane{Epoch: epoch, Seq: -1, States: p.NewStates(g)})
		p.tile(part, g, i)
	}
	return &part.Groups[g-1][i]
}

// find is the place of the pane of an epoch in group g (> 0), or where it would
// be.
func (part *Part) find(g int, epoch int64) (int, bool) {
	panes := part.Groups[g-1]
	if n := len(panes); n > 0 && panes[n-1].Epoch <= epoch {
		if panes[n-1].Epoch == epoch {
			return n - 1, true
		}
		return n, false
	}
	return slices.BinarySearchFunc(panes, epoch, func(q Pane, e int64) int { return cmp.Compare(q.Epoch, e) })
}

func (p *Program) insert(part *Part, g, i int, q Pane) {
	part.Groups[g-1] = slices.Insert(part.Groups[g-1], i, q)
}

// epoch is stamp.Epoch of group g (> 0), mostly without a division: events come
// nearly in order.
func (p *Program) epoch(part *Part, g int, t stamp.Micros) int64 {
	width, panes := p.groups[g].width, part.Groups[g-1]
	if n := len(panes); n > 0 {
		if in := t - stamp.Micros(panes[n-1].Epoch)*width; in >= 0 && in < width {
			return panes[n-1].Epoch
		}
	}
	return stamp.Epoch(t, width)
}

// touch keeps the greatest offset, and its stamp, of what reached the pane.
func (q *Pane) touch(seq int64, st stamp.Stamp) {
	if seq > q.Seq {
		q.Seq, q.Stamp = seq, st
	}
}

// Size estimates the memory a row holds, in bytes.
func (r *Row) Size() int {
	const perRow, perPart, perPane, perState = 48, 128, 56, 16
	size := perRow
	for i := range r.Parts {
		part := &r.Parts[i]
		size += perPart + paneSize(&part.Life, perPane, perState)
		for _, panes := range part.Groups {
			for j := range panes {
				size += paneSize(&panes[j], perPane, perState)
			}
		}
		size += part.tilesSize(perState)
	}
	return size
}

func paneSize(p *Pane, perPane, perState int) int {
	size := perPane
	for _, s := range p.States {
		size += perState + s.Size()
	}
	return size
}
