package merge

import (
	"encoding/binary"
	"fmt"
)

// Leading numbers of the bytes: 0 is empty, 1 is cells, n+1 is n items.
const cellsTag = 1

// topBytes is the greatest size: of all items at their widest, or of cells.
func topBytes(s Spec) int {
	n, content := candidates(s), contentBytes(s.Input)
	exact := countBytes(n+1) + n*(rankBytes+content+int128Bytes)
	dense := 1 + int128Bytes + n*(rankBytes+content) + depth*int(cellWidth(errorUnits(s)))*int64Bytes
	return max(exact, dense)
}

// rankBytes is the greatest size of a rank.
const rankBytes = 4

// plannedTop takes weights and cells to be below 2^21.
func plannedTop(s Spec) int {
	n := candidates(s)
	return n*(3+plannedContent(s.Input)) + 3*max(n, depth*int(cellWidth(errorUnits(s))))
}

func (s *top) Append(dst []byte, _ Order) []byte {
	if len(s.list.items) == 0 && !s.dense {
		return append(dst, 0)
	}
	if !s.dense {
		dst = binary.AppendUvarint(dst, uint64(len(s.list.items))+1)
	} else {
		dst = s.total.AppendVarint(append(dst, cellsTag))
	}
	ref := oneRank
	for i, at := range s.list.least(s.most) {
		h := &s.list.items[at]
		if i == 0 {
			dst = binary.AppendVarint(dst, int64(h.rank)-int64(ref))
		} else {
			dst = binary.AppendUvarint(dst, uint64(h.rank-ref))
		}
		ref = h.rank
		dst = h.parts.append(dst, s.list.cell)
		if !s.dense {
			dst = h.weight.AppendVarint(dst)
		}
	}
	if s.dense {
		dst = s.cells.append(dst)
	}
	return dst
}

func (s *top) Decode(b []byte, _ Order) (int, error) {
	r := reader{b: b}
	in := top{list: heavies{cell: s.list.cell}}
	switch n := r.uvarint(); {
	case r.err != nil || n == 0:
	case n == cellsTag:
		s.decodeDense(&r, &in)
	default:
		s.decodeItems(&r, &in, n-1)
	}
	if r.err == nil {
		s.total, s.list, s.dense, s.limit = in.total, in.list, in.dense, maxRank
		if in.dense {
			s.cells = in.cells
			s.limit = in.list.items[s.most-1].rank
		}
	}
	return r.done(Top)
}

func (s *top) decodeDense(r *reader, in *top) {
	in.dense, in.total = true, r.int128()
	if in.total.Sign() <= 0 {
		r.fail("no weight")
	}
	s.decodeItems(r, in, uint64(s.most))
	if r.err == nil {
		in.cells.clear(s.units)
		in.cells.decode(r)
	}
}

// leastHeavy is the least size of an item: of its rank and its content.
const leastHeavy = 2

// decodeItems reads n items, of ascending rank and, for equal ranks, value.
func (s *top) decodeItems(r *reader, in *top, n uint64) {
	if r.err != nil {
		return
	}
	if n > uint64(s.most) || n > uint64(len(r.b)-r.at)/leastHeavy {
		r.fail(fmt.Sprintf("%d items, of at most %d, in %d bytes", n, s.most, len(r.b)-r.at))
		return
	}
	in.list.items = make([]heavy, 0, n)
	for range n {
		if r.err == nil {
			in.decodeItem(r)
		}
	}
	if r.err == nil {
		in.list.own()
	}
}

func (s *top) decodeItem(r *reader) {
	n := len(s.list.items)
	h := heavy{rank: s.decodeRank(r)}
	h.parts = r.parts(s.list.cell)
	if r.err != nil {
		return
	}
	h.parts = s.list.marked(h.parts, hashOf(h.parts.value(s.list.cell)))
	switch {
	case s.list.find(h.parts) >= 0:
		r.fail("an item twice")
	case n > 0 && s.list.before(&s.list.items[n-1], &h) >= 0:
		r.fail("items out of order")
	}
	if !s.dense {
		if h.weight = r.int128(); h.weight.Sign() <= 0 {
			r.fail("no weight")
		}
		s.total = s.total.Add(h.weight)
	}
	if r.err == nil {
		s.list.items = append(s.list.items, h)
		s.list.placed(n)
	}
}

// decodeRank reads the rank of the next item: relative to 1, or to the one
// before.
func (s *top) decodeRank(r *reader) rank {
	u := r.uvarint()
	ref, gap := oneRank, unzigzag(u)
	if n := len(s.list.items); n > 0 {
		ref, gap = s.list.items[n-1].rank, int64(min(u, uint64(maxRank)+1))
	}
	if gap < -int64(ref) || gap > int64(maxRank-ref) {
		r.fail("rank out of range")
		return 0
	}
	return ref + rank(gap)
}
