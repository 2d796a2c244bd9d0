package fold

import (
	"encoding/binary"
	"fmt"

	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// version is that of the program's rows: 2 if windows share panes, so that
// groups are levels of ladders; else 1, which says the same as it always did.
func (p *Program) version() byte {
	if p.nested {
		return 2
	}
	return 1
}

// maxParts and maxPanes bound what a decoder accepts.
const (
	maxParts = 1 << 10
	maxPanes = 1 << 20
)

// Append appends the canonical bytes of a row (FORMAT.md §6): equal rows have
// equal bytes, whatever order or batches made them.
func (p *Program) Append(dst []byte, r *Row) []byte {
	dst = append(dst, p.version())
	dst = binary.AppendUvarint(dst, uint64(len(r.Parts)))
	for i := range r.Parts {
		part := &r.Parts[i]
		dst = binary.AppendUvarint(dst, uint64(len(part.Source.Origin)))
		dst = append(dst, part.Source.Origin...)
		dst = binary.AppendUvarint(dst, uint64(part.Source.Incarnation))
		dst = p.appendPart(dst, part)
	}
	return dst
}

func (p *Program) appendPart(dst []byte, part *Part) []byte {
	dst = binary.AppendVarint(dst, int64(part.Newest))
	dst = binary.AppendUvarint(dst, uint64(part.Life.Seq+1))
	dst = binary.AppendUvarint(dst, uint64(part.Life.Stamp))
	dst = p.appendStates(dst, 0, part, &part.Life)
	for g := 1; g < len(p.groups); g++ {
		panes := part.Groups[g-1]
		dst = binary.AppendUvarint(dst, uint64(len(panes)))
		prev := int64(0)
		for i := range panes {
			q := &panes[i]
			dst = binary.AppendVarint(dst, q.Epoch-prev)
			dst = binary.AppendUvarint(dst, uint64(part.Life.Seq-q.Seq))
			dst = binary.AppendUvarint(dst, uint64(part.Life.Stamp-q.Stamp))
			dst = p.appendStates(dst, g, part, q)
			prev = q.Epoch
		}
	}
	return dst
}

func (p *Program) appendStates(dst []byte, g int, part *Part, q *Pane) []byte {
	base := p.Base(g, part, q)
	for _, s := range q.States {
		dst = s.Append(dst, base)
	}
	return dst
}

// Base is what a pane's states are written relative to: the pane's start (for
// the lifetime, the newest event), its last stamp and its seq.
func (p *Program) Base(g int, part *Part, q *Pane) merge.Order {
	t := part.Newest
	if g > 0 {
		t = stamp.Micros(q.Epoch) * p.groups[g].width
	}
	return merge.Order{Time: t, Stamp: q.Stamp, Rank: p.Rank(part.Source), Offset: q.Seq}
}

// Decode reads a row that Append wrote. It keeps no reference to b. An error
// names the offset.
func (p *Program) Decode(b []byte) (*Row, error) {
	if len(b) == 0 || b[0] != p.version() {
		return nil, fmt.Errorf("row: not version %d", p.version())
	}
	d := decoder{Cursor: value.NewCursor(b, 1), p: p}
	r := &Row{}
	for range d.Count(maxParts) {
		part := d.part()
		if n := len(r.Parts); n > 0 && r.Parts[n-1].Source.Compare(part.Source) >= 0 {
			d.Fail("parts out of order")
		}
		if d.Err() != nil {
			break
		}
		r.Parts = append(r.Parts, part)
	}
	d.End()
	if d.Err() != nil {
		return nil, fmt.Errorf("row: %w", d.Err())
	}
	return r, nil
}

type decoder struct {
	*value.Cursor
	p *Program
}

func (d *decoder) part() Part {
	part := d.p.NewPart(position.Source{Origin: d.Text(), Incarnation: uint32(d.Limited(1 << 31))})
	part.Newest = stamp.Micros(d.Varint())
	part.Life.Seq = int64(d.Limited(1<<62)) - 1
	part.Life.Stamp = stamp.Stamp(d.Uvarint())
	d.states(0, &part, &part.Life)
	for g := 1; g < len(d.p.groups); g++ {
		part.Groups[g-1] = d.panes(g, &part)
	}
	return part
}

func (d *decoder) panes(g int, part *Part) []Pane {
	count := d.Count(maxPanes)
	if count == 0 {
		return nil
	}
	if part.Life.Seq < 0 {
		d.Fail("panes of a part that has seen nothing")
		return nil
	}
	panes := make([]Pane, 0, count)
	prev := int64(0)
	for i := 0; i < count && d.Err() == nil; i++ {
		gap := d.Varint()
		if i > 0 && gap <= 0 {
			d.Fail("panes out of order")
		}
		prev += gap
		if !d.p.placed(g, prev, part.Newest) {
			d.Fail("a pane that its level does not keep")
		}
		q := Pane{Epoch: prev, States: d.p.NewStates(g)}
		q.Seq = part.Life.Seq - int64(d.Limited(uint64(part.Life.Seq)))
		q.Stamp = part.Life.Stamp - stamp.Stamp(d.Limited(uint64(part.Life.Stamp)))
		d.states(g, part, &q)
		panes = append(panes, q)
	}
	return panes
}

func (d *decoder) states(g int, part *Part, q *Pane) {
	base := d.p.Base(g, part, q)
	for i, s := range q.States {
		n, err := s.Decode(d.Rest(), base)
		if err != nil {
			d.Fail(fmt.Sprintf("slot %d of group %d: %v", i, g, err))
			return
		}
		d.Skip(n)
	}
}
