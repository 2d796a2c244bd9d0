package round

import (
	"encoding/binary"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Writer builds the pieces of one round. Rows are added in ascending order of
// their keys; equal rows give equal bytes.
type Writer struct {
	prog   *fold.Program
	head   Header
	limit  int
	cols   columns
	pieces [][]byte // bodies
}

// NewWriter starts a round. Piece and Pieces of head are filled in by Finish.
// A piece grows to about limit bytes, or to one row if that is larger.
func NewWriter(prog *fold.Program, head Header, limit int) *Writer {
	w := &Writer{prog: prog, head: head, limit: limit}
	w.cols.reset(prog)
	return w
}

// Add adds the panes of one key's part whose seq is at or beyond the round's
// Lo. A part without any adds nothing.
func (w *Writer) Add(key []byte, part *fold.Part) {
	if part.Life.Seq < w.head.Lo.Next {
		return
	}
	w.cols.add(w.prog, key, part, w.head)
	if w.cols.size() >= w.limit {
		w.cut()
	}
}

func (w *Writer) cut() {
	w.pieces = append(w.pieces, w.cols.append(nil))
	w.cols.reset(w.prog)
}

// Finish returns the round's pieces, at least one: an empty round still moves
// the receiver's frontier.
func (w *Writer) Finish() [][]byte {
	if w.cols.rows > 0 || len(w.pieces) == 0 {
		w.cut()
	}
	return w.head.around(w.pieces)
}

// columns holds like with like, so that the producer's zstd finds it: keys,
// then for each group of panes its counts, epochs, seqs, stamps and one column
// for each slot.
type columns struct {
	rows   int
	prev   []byte       // the key before
	last   stamp.Micros // the newest event before
	keys   []byte
	newest []byte
	groups []groupColumns
}

type groupColumns struct {
	counts, epochs, seqs, stamps []byte
	slots                        [][]byte
}

func (c *columns) reset(p *fold.Program) {
	c.rows, c.prev, c.last, c.keys, c.newest = 0, c.prev[:0], 0, c.keys[:0], c.newest[:0]
	if c.groups == nil {
		c.groups = make([]groupColumns, p.Groups())
		for g := range c.groups {
			c.groups[g].slots = make([][]byte, p.GroupSlots(g))
		}
	}
	for g := range c.groups {
		q := &c.groups[g]
		q.counts, q.epochs, q.seqs, q.stamps = q.counts[:0], q.epochs[:0], q.seqs[:0], q.stamps[:0]
		for i := range q.slots {
			q.slots[i] = q.slots[i][:0]
		}
	}
}

func (c *columns) add(p *fold.Program, key []byte, part *fold.Part, head Header) {
	shared := 0
	for shared < len(key) && shared < len(c.prev) && key[shared] == c.prev[shared] {
		shared++
	}
	c.keys = binary.AppendUvarint(c.keys, uint64(shared))
	c.keys = appendBytes(c.keys, key[shared:])
	c.prev = append(c.prev[:0], key...)
	c.rows++
	c.newest = appendTime(c.newest, part.Newest-c.last)
	c.last = part.Newest
	c.groups[0].pane(p, 0, part, &part.Life, head)
	for g := 1; g < p.Groups(); g++ {
		q := &c.groups[g]
		n := uint64(0)
		prev := stamp.Epoch(part.Newest, p.GroupWidth(g))
		for i := range part.Groups[g-1] {
			pane := &part.Groups[g-1][i]
			if pane.Seq < head.Lo.Next {
				continue
			}
			q.epochs = binary.AppendVarint(q.epochs, pane.Epoch-prev)
			prev = pane.Epoch
			q.pane(p, g, part, pane, head)
			n++
		}
		q.counts = binary.AppendUvarint(q.counts, n)
	}
}

// pane writes the seq and stamp of a pane as gaps below the round's hi, and
// its states; incremental kinds only what came since lo.
func (q *groupColumns) pane(p *fold.Program, g int, part *fold.Part, pane *fold.Pane, head Header) {
	q.seqs = binary.AppendUvarint(q.seqs, uint64(head.Hi.Next-pane.Seq))
	gap := head.Hi.Stamp.Millis() - pane.Stamp.Millis()
	q.stamps = binary.AppendUvarint(q.stamps, uint64(gap))
	q.stamps = binary.AppendUvarint(q.stamps, uint64(pane.Stamp.Logical()))
	base := p.Base(g, part, pane)
	for i, s := range pane.States {
		if inc, ok := s.(merge.Incremental); ok && head.Lo.Next > 0 {
			q.slots[i] = inc.AppendSince(q.slots[i], base, head.Lo.Next-1)
			continue
		}
		q.slots[i] = s.Append(q.slots[i], base)
	}
}

func (c *columns) size() int {
	n := len(c.keys) + len(c.newest)
	for g := range c.groups {
		q := &c.groups[g]
		n += len(q.counts) + len(q.epochs) + len(q.seqs) + len(q.stamps)
		for i := range q.slots {
			n += len(q.slots[i])
		}
	}
	return n
}

func (c *columns) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(c.rows))
	dst = appendBytes(dst, c.keys)
	dst = appendBytes(dst, c.newest)
	for g := range c.groups {
		q := &c.groups[g]
		if g > 0 {
			dst = appendBytes(dst, q.counts)
			dst = appendBytes(dst, q.epochs)
		}
		dst = appendBytes(dst, q.seqs)
		dst = appendBytes(dst, q.stamps)
		for i := range q.slots {
			dst = appendBytes(dst, q.slots[i])
		}
	}
	return dst
}

// timeUnits are what a gap in time may be counted in: the largest that divides
// it is chosen, its index in the low two bits.
var timeUnits = [4]stamp.Micros{stamp.Minute, stamp.Second, stamp.Millisecond, stamp.Microsecond}

// appendTime writes a span in the largest unit that divides it.
func appendTime(dst []byte, gap stamp.Micros) []byte {
	for i, unit := range timeUnits {
		if gap%unit == 0 {
			return binary.AppendVarint(append(dst, byte(i)), int64(gap/unit))
		}
	}
	panic("BUG: a microsecond divides every span")
}
