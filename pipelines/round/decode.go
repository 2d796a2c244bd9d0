package round

import (
	"fmt"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Row is what a piece says of one key.
type Row struct {
	Key  []byte
	Part fold.Part
}

// maxRows and maxPanes bound what a decoder makes of one piece.
const (
	maxRows  = 1 << 22
	maxPanes = 1 << 20
)

// Decode reads the rows of a piece whose header was read from b[:at]. It keeps
// no reference to b.
func Decode(prog *fold.Program, head Header, b []byte, at int) ([]Row, error) {
	c := value.NewCursor(b, at)
	count := c.Count(maxRows)
	d := newBody(prog, head, c)
	c.End()
	if c.Err() != nil {
		return nil, fmt.Errorf("piece: %w", c.Err())
	}
	rows := make([]Row, 0, min(count, 1<<12))
	var prev []byte
	for i := range count {
		row := Row{Key: d.key(prev, i > 0), Part: prog.NewPart(head.Source)}
		d.part(&row.Part)
		if err := d.err(); err != nil {
			return nil, fmt.Errorf("piece: row %d: %w", i, err)
		}
		rows, prev = append(rows, row), row.Key
	}
	for _, col := range d.all {
		col.End()
	}
	if err := d.err(); err != nil {
		return nil, fmt.Errorf("piece: %w", err)
	}
	return rows, nil
}

// body is the columns of a piece.
type body struct {
	prog         *fold.Program
	head         Header
	keys, newest *value.Cursor
	groups       []groupBody
	all          []*value.Cursor
	last         stamp.Micros // the newest event of the row before
}

type groupBody struct {
	counts, epochs, seqs, stamps *value.Cursor
	slots                        []*value.Cursor
}

func newBody(prog *fold.Program, head Header, c *value.Cursor) *body {
	d := &body{prog: prog, head: head, groups: make([]groupBody, prog.Groups())}
	column := func() *value.Cursor {
		col := value.NewCursor(c.Bytes(), 0)
		d.all = append(d.all, col)
		return col
	}
	d.keys, d.newest = column(), column()
	for g := range d.groups {
		q := &d.groups[g]
		if g > 0 {
			q.counts, q.epochs = column(), column()
		}
		q.seqs, q.stamps = column(), column()
		for range prog.GroupSlots(g) {
			q.slots = append(q.slots, column())
		}
	}
	return d
}

// err is the first error of any column.
func (d *body) err() error {
	for _, col := range d.all {
		if col.Err() != nil {
			return col.Err()
		}
	}
	return nil
}

// key reads a key that shares a prefix with the one before; keys ascend.
func (d *body) key(prev []byte, ascending bool) []byte {
	shared := int(d.keys.Limited(uint64(len(prev))))
	suffix := d.keys.Bytes()
	key := append(append(make([]byte, 0, shared+len(suffix)), prev[:shared]...), suffix...)
	if ascending && string(key) <= string(prev) {
		d.keys.Fail("keys out of order")
	}
	return key
}

func (d *body) part(part *fold.Part) {
	d.last += readTime(d.newest)
	part.Newest = d.last
	d.pane(0, part, &part.Life)
	for g := 1; g < len(d.groups); g++ {
		d.panes(g, part)
	}
}

func (d *body) panes(g int, part *fold.Part) {
	q := &d.groups[g]
	epoch := stamp.Epoch(part.Newest, d.prog.GroupWidth(g))
	n := q.counts.Limited(maxPanes)
	for i := uint64(0); i < n && q.epochs.Err() == nil && q.seqs.Err() == nil; i++ {
		gap := q.epochs.Varint()
		if i > 0 && gap <= 0 {
			q.epochs.Fail("panes out of order")
		}
		epoch += gap
		pane := fold.Pane{Epoch: epoch, States: d.prog.NewStates(g)}
		d.pane(g, part, &pane)
		part.Groups[g-1] = append(part.Groups[g-1], pane)
	}
}

// pane reads seq, stamp and states of a pane that has its epoch and empty
// states.
func (d *body) pane(g int, part *fold.Part, pane *fold.Pane) {
	q, hi := &d.groups[g], d.head.Hi
	pane.Seq = hi.Next - int64(q.seqs.Limited(uint64(hi.Next)))
	millis := hi.Stamp.Millis() - int64(q.stamps.Limited(uint64(hi.Stamp.Millis())))
	pane.Stamp = stamp.Stamp(millis)<<stamp.LogicalBits | stamp.Stamp(q.stamps.Limited(1<<stamp.LogicalBits-1))
	base := d.prog.Base(g, part, pane)
	for i, col := range q.slots {
		n, err := pane.States[i].Decode(col.Rest(), base)
		if err != nil {
			col.Fail(err.Error())
			return
		}
		col.Skip(n)
	}
}

// readTime reads what appendTime wrote.
func readTime(c *value.Cursor) stamp.Micros {
	i := c.Byte()
	if int(i) >= len(timeUnits) {
		c.Fail("bad time unit")
		return 0
	}
	n := stamp.Micros(c.Varint())
	unit := timeUnits[i]
	if n > stamp.MaxMicros/unit || n < -stamp.MaxMicros/unit {
		c.Fail("time out of range")
		return 0
	}
	gap := n * unit
	if i > 0 && gap%timeUnits[i-1] == 0 {
		c.Fail("a larger unit divides the time")
	}
	return gap
}
