package fold

import (
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// Machine runs a program. It holds scratch memory and is owned by one
// goroutine.
type Machine struct {
	prog    *Program
	conds   []bool
	xs      []*value.Value  // of the prepared event: its fields, or what is in made
	made    []value.Value   // what inputs evaluate to
	lists   [][]value.Value // of exact lists in made: their items
	seen    []merge.Covered // what the prepared event's reader had seen
	takes   []bool          // which slots the prepared event is one of
	source  position.Source
	rank    uint32        // of source
	read    []merge.State // one scratch state for each slot
	changed []int64       // epochs of panes that a part brought
	Errors  int64         // expressions that failed at run time and counted as null
}

// New makes a machine for the program.
func (p *Program) New() *Machine {
	m := &Machine{
		prog: p, conds: make([]bool, len(p.conds)), xs: make([]*value.Value, len(p.inputs)),
		made: make([]value.Value, len(p.inputs)), lists: make([][]value.Value, len(p.inputs)), takes: make([]bool, len(p.slots)),
	}
	m.read = make([]merge.State, len(p.slots))
	for i := range p.slots {
		m.read[i] = p.slots[i].spec.New()
	}
	return m
}

// Program is the program that the machine runs.
func (m *Machine) Program() *Program { return m.prog }

// Prepare evaluates the program's expressions over an accepted event, as Step
// needs them; the event must stay as it is until then. The verdict is OverBound
// if a number is too large for its scale: then the event is quarantined and must
// not be stepped.
func (m *Machine) Prepare(ev *wire.Event) wire.Verdict {
	for i, c := range m.prog.conds {
		ok, err := c.Cond(ev.Fields)
		if err != nil {
			m.Errors++
		}
		m.conds[i] = ok
	}
	for i := range m.prog.inputs {
		if !m.evaluate(i, ev.Fields) {
			return wire.Verdict{Reason: wire.OverBound, Detail: m.overBound(i)}
		}
	}
	for i := range m.prog.slots {
		if s := &m.prog.slots[i]; s.weight >= 0 && !m.weighable(s) {
			return wire.Verdict{Reason: wire.OverBound, Detail: m.overBound(s.x) + ", weighed"}
		}
	}
	m.seen = m.seen[:0]
	if m.prog.observes && len(ev.Observed) > 0 {
		m.observe(ev)
	}
	return wire.Verdict{}
}

// Step folds the event that was last prepared into the row: the event at ev of
// source s, whose stamp is st. It reports whether the event was seen, that is,
// whether it passed the view's where and changed the row.
func (m *Machine) Step(r *Row, s position.Source, ev *wire.Event, st stamp.Stamp) bool {
	p := m.prog
	if p.where >= 0 && !m.conds[p.where] {
		return false
	}
	for i := range p.slots {
		m.takes[i] = m.taken(&p.slots[i])
	}
	order := merge.Order{Time: ev.Time, Stamp: st, Rank: m.rankOf(s), Offset: ev.Offset}
	part := p.part(r, s)
	part.Life.touch(order.Offset, st)
	m.add(0, part.Life.States, order)
	advanced := ev.Time > part.Newest
	part.Newest = max(part.Newest, ev.Time)
	for g := 1; g < len(p.groups); g = p.groups[g].coarsest + 1 {
		if m.wanted(g) {
			m.place(part, g, order)
		}
	}
	if advanced {
		p.evict(part)
	}
	return true
}

// place adds the prepared event to the pane of the finest level that keeps it,
// of the ladder whose first group is g.
func (m *Machine) place(part *Part, g int, order merge.Order) {
	for last := m.prog.groups[g].coarsest; g <= last; g++ {
		epoch := m.prog.epoch(part, g, order.Time)
		if !m.prog.keeps(g, epoch, part.Newest) {
			continue
		}
		pane := m.prog.pane(part, g, epoch)
		pane.touch(order.Offset, order.Stamp)
		m.add(g, pane.States, order)
		if part.tilings != nil {
			part.each(g, epoch, func(tile []merge.State) { m.add(g, tile, order) })
		}
		return
	}
}

// rankOf is Program.Rank, remembered for the source of the last event.
func (m *Machine) rankOf(s position.Source) uint32 {
	if s != m.source {
		m.source, m.rank = s, m.prog.Rank(s)
	}
	return m.rank
}

// taken reports whether the prepared event is one of the slot's.
func (m *Machine) taken(s *slot) bool {
	if s.where >= 0 && !m.conds[s.where] || s.present >= 0 && m.xs[s.present].IsNull() {
		return false
	}
	if s.weight >= 0 && m.xs[s.weight].IsNull() {
		return false
	}
	return !s.skipsNull || !m.xs[s.x].IsNull()
}

func (m *Machine) wanted(g int) bool {
	for _, i := range m.prog.groups[g].slots {
		if m.takes[i] {
			return true
		}
	}
	return false
}

func (m *Machine) add(g int, states []merge.State, order merge.Order) {
	for j, i := range m.prog.groups[g].slots {
		if m.takes[i] {
			s := &m.prog.slots[i]
			in := merge.Input{Order: order, X: *m.xs[s.x], Remove: s.remove >= 0 && m.conds[s.remove]}
			if s.weight >= 0 {
				in.W = *m.xs[s.weight]
			}
			if s.spec.Observed {
				in.Source, in.Seen = m.source, m.seen
			}
			states[j].Add(in)
		}
	}
}

// Counts is the rule of event ids within one origin: whether a record counts
// whose id was counted before at stamp first. It counts again once more than
// horizon of append time has passed.
func Counts(first, now stamp.Stamp, horizon stamp.Micros) bool {
	return stamp.FromMillis(now.Millis()-first.Millis()) > horizon
}
