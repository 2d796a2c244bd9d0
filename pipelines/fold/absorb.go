package fold

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Absorb brings what another replica knows of one source into the row. The
// row has folded the source up to some offset f, the part up to some hi, and it
// holds at least the panes that events at or beyond some lo <= f are in: those
// panes as they are, but of incremental kinds maybe only what came at or after
// lo. For hi <= f nothing changes.
//
// First the row's own panes roll to where the part's newest event puts them.
// Then both replicas hold the same events up to f in the same panes, so that a
// pane whose seq is below f is the same in both, and pane by pane the larger
// seq wins:
//
//	Absorb(Absorb(r, p), p) == Absorb(r, p)
//	Absorb(Absorb(r, p), q) == Absorb(Absorb(r, q), p)   for full parts p, q
//
// The row takes the part's states over. It reports whether anything changed.
func (m *Machine) Absorb(r *Row, in *Part) bool {
	p := m.prog
	part := p.part(r, in.Source)
	if in.Life.Seq <= part.Life.Seq {
		return false
	}
	part.Newest = max(part.Newest, in.Newest)
	p.evict(part)
	absorbPane(&part.Life, &in.Life)
	for g := 1; g < len(p.groups); g++ {
		m.absorbPanes(part, g, in.Groups[g-1])
	}
	return true
}

func (m *Machine) absorbPanes(part *Part, g int, in []Pane) {
	p, changed := m.prog, m.changed[:0]
	for i := range in {
		q := &in[i]
		if !p.keeps(g, q.Epoch, part.Newest) {
			continue
		}
		at, ok := part.find(g, q.Epoch)
		if !ok {
			p.insert(part, g, at, *q)
		} else if !absorbPane(&part.Groups[g-1][at], q) {
			continue
		}
		changed = append(changed, q.Epoch)
	}
	p.retile(part, g, changed)
	m.changed = changed
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

// Advance rolls and drops the panes of every part as if an event at t had come.
// Only a reader that owns its rows and never reads before t may call it: its
// reads need nothing at the place where it was, but a stored row keeps panes by
// its sources' own events alone.
func (m *Machine) Advance(r *Row, t stamp.Micros) {
	for i := range r.Parts {
		part := &r.Parts[i]
		newest := part.Newest
		part.Newest = max(newest, t)
		m.prog.evict(part)
		part.Newest = newest
	}
}
