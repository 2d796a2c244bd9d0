package fold

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Absorb brings what another replica knows of one source into the row. The
// part's panes are absolute for kinds whose Combine is not idempotent; for
// incremental kinds they may hold only what came after an offset that the row
// has already folded. Pane by pane the larger seq wins:
//
//	Absorb(Absorb(r, p), p) == Absorb(r, p)
//	Absorb(Absorb(r, p), q) == Absorb(Absorb(r, q), p)   for full parts p, q
//
// The row takes the part's states over. It reports whether anything changed.
func (m *Machine) Absorb(r *Row, in *Part) bool {
	p := m.prog
	part := p.part(r, in.Source)
	changed := absorbPane(&part.Life, &in.Life)
	part.Newest = max(part.Newest, in.Newest)
	for g := 1; g < len(p.groups); g++ {
		for i := range in.Groups[g-1] {
			q := &in.Groups[g-1][i]
			if q.Epoch < p.oldest(g, part.Newest) {
				continue
			}
			if absorbPane(p.pane(part, g, q.Epoch), q) {
				changed = true
			}
		}
	}
	if changed {
		p.evict(part)
	}
	return changed
}

func absorbPane(have, in *Pane) bool {
	if in.Seq <= have.Seq {
		return false
	}
	for i, s := range in.States {
		if _, ok := s.(merge.Incremental); ok && have.Seq >= 0 {
			have.States[i].Combine(s)
			continue
		}
		have.States[i] = s
	}
	have.Seq, have.Stamp = in.Seq, in.Stamp
	return true
}

// Advance drops from every part the panes that no read at or after t looks at.
// Only a reader that owns its rows and never reads before t may call it: a
// stored row keeps panes by its sources' own events alone.
func (m *Machine) Advance(r *Row, t stamp.Micros) {
	for i := range r.Parts {
		part := &r.Parts[i]
		newest := part.Newest
		part.Newest = max(newest, t)
		m.prog.evict(part)
		part.Newest = newest
	}
}
