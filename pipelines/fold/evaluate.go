package fold

import (
	"fmt"
	"slices"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// evaluate points the machine at the value of an input, and reports whether it
// is within bounds.
func (m *Machine) evaluate(i int, fields []value.Value) bool {
	in := &m.prog.inputs[i]
	x := &in.literal
	switch {
	case in.field >= 0:
		x = &fields[in.field]
	case in.expr != nil:
		var err error
		x = &m.made[i]
		if *x, err = in.expr.Eval(fields); err != nil {
			m.Errors++
			*x = value.Value{}
		}
	}
	m.xs[i] = x
	switch {
	case x.Kind == value.Null:
		return true
	case in.feed == merge.Exact:
		return m.fix(i, x)
	case in.feed == merge.ExactList:
		return m.fixList(i, x)
	case in.natural && x.N < 0:
		m.fail(i)
	}
	return true
}

// fail counts an input's value as a failure and makes it null.
func (m *Machine) fail(i int) {
	m.Errors++
	m.made[i] = value.Value{}
	m.xs[i] = &m.made[i]
}

// fix makes an input the exact integer at its scale.
func (m *Machine) fix(i int, x *value.Value) bool {
	n, ok := exact(x, m.prog.inputs[i].scale)
	if n.Kind != x.Kind {
		m.made[i] = n
		m.xs[i] = &m.made[i]
	}
	return ok
}

// fixList makes an input the exact integers at its scale. A list of another
// length, or with a null in it, is a failure.
func (m *Machine) fixList(i int, x *value.Value) bool {
	in := &m.prog.inputs[i]
	if len(x.L) != in.dim {
		m.fail(i)
		return true
	}
	items := m.lists[i][:0]
	for j := range x.L {
		if x.L[j].IsNull() {
			m.fail(i)
			return true
		}
		n, ok := exact(&x.L[j], in.scale)
		if !ok {
			return false
		}
		items = append(items, n)
	}
	m.lists[i] = items
	m.made[i] = value.Items(items...)
	m.xs[i] = &m.made[i]
	return true
}

// exact is a number as an Int64 or a Decimal in units of 10^-scale, and whether
// it is within bounds.
func exact(x *value.Value, scale int32) (value.Value, bool) {
	switch x.Kind {
	case value.Int64:
		return *x, true
	case value.Float64:
		n, ok := value.Fixed(x.Float(), scale)
		return value.Dec(n), ok
	}
	return *x, x.Int128().Within(value.BoundBits)
}

// weighable reports whether weight times value is within bounds.
func (m *Machine) weighable(s *slot) bool {
	x, w := m.xs[s.x], m.xs[s.weight]
	if s.spec.Feed() != merge.Exact || x.IsNull() || w.IsNull() {
		return true
	}
	n, ok := x.Int128().Mul(w.Int128())
	return ok && n.Within(value.BoundBits)
}

func (m *Machine) overBound(input int) string {
	for _, f := range m.prog.features {
		if s := &m.prog.slots[f.slot]; s.x == input || s.weight == input {
			return fmt.Sprintf("%s:%s: beyond 2^%d at scale %d", m.prog.View.Name, f.name, value.BoundBits, m.prog.inputs[input].scale)
		}
	}
	return fmt.Sprintf("%s: beyond 2^%d", m.prog.View.Name, value.BoundBits)
}

// observe reads what the event's producer had seen of its key's partition: the
// token of a read of this view, or of a write. A token that cannot be read is a
// failure: the event has seen nothing.
func (m *Machine) observe(ev *wire.Event) {
	t, err := position.Inspect(string(ev.Observed))
	if err != nil {
		m.Errors++
		return
	}
	for _, p := range t.Parts {
		if p.View != "" && p.View != m.prog.View.Name {
			continue
		}
		for log, mark := range p.Frontier {
			if log.Stream == m.prog.Stream.Name && log.Partition == ev.Partition {
				m.cover(log.Source, mark.Next)
			}
		}
	}
	sortCovered(m.seen)
}

// cover keeps the greatest mark of a source.
func (m *Machine) cover(s position.Source, next int64) {
	for i := range m.seen {
		if m.seen[i].Source == s {
			m.seen[i].Next = max(m.seen[i].Next, next)
			return
		}
	}
	m.seen = append(m.seen, merge.Covered{Source: s, Next: next})
}

func sortCovered(seen []merge.Covered) {
	slices.SortFunc(seen, func(a, b merge.Covered) int { return a.Source.Compare(b.Source) })
}
