package copies

import (
	"cmp"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Copy is a record that counts within its own origin's log.
type Copy struct {
	Source position.Source
	Stamp  stamp.Stamp
	Offset int64
}

// Compare orders the copies of an id: (stamp, origin, offset).
func (c Copy) Compare(d Copy) int {
	return cmp.Or(cmp.Compare(c.Stamp, d.Stamp), c.Source.Compare(d.Source), cmp.Compare(c.Offset, d.Offset))
}

// Counting appends to dst, for each of n copies of one id in ascending order,
// whether it counts. at gives their stamps.
func Counting(dst []bool, n int, at func(i int) stamp.Stamp, horizon stamp.Micros) []bool {
	last := stamp.Stamp(0)
	for i := range n {
		counts := i == 0 || fold.Counts(last, at(i), horizon)
		if counts {
			last = at(i)
		}
		dst = append(dst, counts)
	}
	return dst
}

// Settled is the time from which on copies that are not known yet cannot make
// a copy of this stamp count that does not: all before it must be known.
func Settled(s stamp.Stamp, horizon stamp.Micros) stamp.Micros { return s.Micros() - horizon }
