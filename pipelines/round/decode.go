package round

import (
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/stamp"
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
	d := &decoder{b: b, at: at}
	count := d.limited(maxRows)
	if d.err == nil && count > uint64(len(b)) {
		d.fail("more rows than bytes")
	}
	keys, newest := d.column(), d.column()
	groups := make([]groupDecoder, prog.Groups())
	for g := range groups {
		if g > 0 {
			groups[g].counts, groups[g].epochs = d.column(), d.column()
		}
		groups[g].seqs, groups[g].stamps = d.column(), d.column()
		groups[g].slots = make([]*decoder, prog.GroupSlots(g))
		for i := range groups[g].slots {
			groups[g].slots[i] = d.column()
		}
	}
	if d.err == nil && d.at != len(b) {
		d.fail("bytes too many")
	}
	rows := make([]Row, 0, min(count, 1<<12))
	var prev []byte
	var last stamp.Micros
	for i := uint64(0); i < count && d.err == nil; i++ {
		row := Row{Key: keys.key(prev, i > 0), Part: prog.NewPart(head.Source)}
		prev = row.Key
		last += newest.time()
		row.Part.Newest = last
		groups[0].pane(prog, 0, &row.Part, &row.Part.Life, head)
		for g := 1; g < len(groups) && firstError(keys, newest, &groups[0]) == nil; g++ {
			groups[g].panes(prog, g, &row.Part, head)
		}
		rows = append(rows, row)
		d.err = firstError(keys, newest, groupList(groups)...)
	}
	if d.err != nil {
		return nil, d.err
	}
	return rows, finished(keys, newest, groups)
}

// column reads a length and gives a decoder of that many bytes.
func (d *decoder) column() *decoder { return &decoder{b: d.bytes()} }

// key reads a key that shares a prefix with the one before; keys ascend.
func (d *decoder) key(prev []byte, ascending bool) []byte {
	shared := d.limited(uint64(len(prev)))
	suffix := d.bytes()
	key := append(append(make([]byte, 0, int(shared)+len(suffix)), prev[:shared]...), suffix...)
	if ascending && d.err == nil && string(key) <= string(prev) {
		d.fail("keys out of order")
	}
	return key
}

func (d *decoder) time() stamp.Micros {
	if d.err != nil || d.at >= len(d.b) || int(d.b[d.at]) >= len(timeUnits) {
		d.fail("bad time unit")
		return 0
	}
	unit := timeUnits[d.b[d.at]]
	d.at++
	n := stamp.Micros(d.varint())
	if n > stamp.MaxMicros/unit || n < -stamp.MaxMicros/unit {
		d.fail("time out of range")
		return 0
	}
	return n * unit
}

type groupDecoder struct {
	counts, epochs, seqs, stamps *decoder
	slots                        []*decoder
}

func (q *groupDecoder) panes(prog *fold.Program, g int, part *fold.Part, head Header) {
	n := q.counts.limited(maxPanes)
	prev := stamp.Epoch(part.Newest, prog.GroupWidth(g))
	for i := uint64(0); i < n && q.err() == nil; i++ {
		gap := q.epochs.varint()
		if i > 0 && gap <= 0 {
			q.epochs.fail("panes out of order")
		}
		prev += gap
		pane := fold.Pane{Epoch: prev}
		q.pane(prog, g, part, &pane, head)
		part.Groups[g-1] = append(part.Groups[g-1], pane)
	}
}

func (q *groupDecoder) pane(prog *fold.Program, g int, part *fold.Part, pane *fold.Pane, head Header) {
	pane.Seq = head.Hi.Next - int64(q.seqs.limited(uint64(head.Hi.Next)))
	gap := int64(q.stamps.limited(uint64(head.Hi.Stamp.Millis())))
	logical := q.stamps.limited(1<<stamp.LogicalBits - 1)
	pane.Stamp = stamp.Stamp(head.Hi.Stamp.Millis()-gap)<<stamp.LogicalBits | stamp.Stamp(logical)
	if pane.States == nil || g > 0 {
		pane.States = prog.NewStates(g)
	}
	base := prog.Base(g, part, pane)
	for i, col := range q.slots {
		if q.err() != nil {
			return
		}
		n, err := pane.States[i].Decode(col.b[col.at:], base)
		if err != nil {
			col.fail(err.Error())
			return
		}
		col.at += n
	}
}

func (q *groupDecoder) err() error {
	for _, d := range append([]*decoder{q.counts, q.epochs, q.seqs, q.stamps}, q.slots...) {
		if d != nil && d.err != nil {
			return d.err
		}
	}
	return nil
}

func groupList(groups []groupDecoder) []*groupDecoder {
	list := make([]*groupDecoder, len(groups))
	for i := range groups {
		list[i] = &groups[i]
	}
	return list
}

func firstError(keys, newest *decoder, groups ...*groupDecoder) error {
	if keys.err != nil {
		return keys.err
	}
	if newest.err != nil {
		return newest.err
	}
	for _, q := range groups {
		if err := q.err(); err != nil {
			return err
		}
	}
	return nil
}

// finished reports whether every column was read to its end.
func finished(keys, newest *decoder, groups []groupDecoder) error {
	all := []*decoder{keys, newest}
	for g := range groups {
		all = append(all, groups[g].counts, groups[g].epochs, groups[g].seqs, groups[g].stamps)
		all = append(all, groups[g].slots...)
	}
	for _, d := range all {
		if d != nil && d.at != len(d.b) {
			d.fail("column holds bytes too many")
			return d.err
		}
	}
	return nil
}
