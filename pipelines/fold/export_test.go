package fold

import (
	"bytes"
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
)

// CheckTiles says which tile of a row is not the Combine of the panes below it,
// and how many tiles there are.
func (p *Program) CheckTiles(r *Row) (int, error) {
	n := 0
	for i := range r.Parts {
		part := &r.Parts[i]
		for g := 1; g < len(p.groups); g++ {
			x := part.tilingOf(g)
			if x == nil {
				continue
			}
			for level := range x {
				for j := range x[level] {
					n++
					if err := p.checkTile(part, g, level, &x[level][j]); err != nil {
						return n, fmt.Errorf("group %d, level %d, tile %d: %w", g, level, x[level][j].epoch, err)
					}
				}
			}
		}
	}
	return n, nil
}

func (p *Program) checkTile(part *Part, g, level int, t *tile) error {
	want, panes := p.NewStates(g), 0
	for i := range part.Groups[g-1] {
		if q := &part.Groups[g-1][i]; q.Epoch>>shift(level) == t.epoch {
			combine(want, q.States)
			panes++
		}
	}
	if panes == 0 {
		return fmt.Errorf("no panes")
	}
	base := merge.Order{Rank: p.Rank(part.Source)}
	for i := range want {
		if got, want := t.states[i].Append(nil, base), want[i].Append(nil, base); !bytes.Equal(got, want) {
			return fmt.Errorf("slot %d of %d panes: %x, want %x", i, panes, got, want)
		}
	}
	return nil
}

// Steps is how many states a read at t combines for a feature.
func (m *Machine) Steps(r *Row, feature int, t stamp.Micros) int {
	n := 0
	for i := range r.Parts {
		m.gather(&r.Parts[i], &m.prog.features[feature], t, func(merge.State) { n++ })
	}
	return n
}

// Panes is how many panes of group g a part can hold, as plans count.
func (p *Program) Panes(g int) int { return p.panes(g) }
