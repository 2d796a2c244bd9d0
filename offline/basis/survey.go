package basis

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// survey counts rows by their length.
type survey struct {
	null    int64
	lengths map[int]*ofLength
	dim     int // the length that most have
}

type ofLength struct {
	rows     int64
	greatest float64 // size of an item
}

func (s *survey) add(x []float64) {
	if x == nil {
		s.null++
		return
	}
	if s.lengths == nil {
		s.lengths = map[int]*ofLength{}
	}
	l := s.lengths[len(x)]
	if l == nil {
		l = &ofLength{}
		s.lengths[len(x)] = l
	}
	l.rows++
	for _, v := range x {
		l.greatest = max(l.greatest, math.Abs(v))
	}
}

// settle fixes the length that counts: that of most rows, the least of equally
// many.
func (s *survey) settle(skip bool) error {
	byRows := slices.SortedFunc(maps.Keys(s.lengths), func(a, b int) int {
		return cmp.Or(cmp.Compare(s.lengths[b].rows, s.lengths[a].rows), cmp.Compare(a, b))
	})
	if len(byRows) == 0 {
		return errors.New("no rows that are not null")
	}
	s.dim = byRows[0]
	if s.dim == 0 {
		return errors.New("most rows are empty lists")
	}
	if len(byRows) > 1 && !skip {
		return fmt.Errorf("%d of %d rows have another length than %d: %s; leave them out with --skip, or mend the events", s.other(), s.other()+s.rows(), s.dim, s.others(byRows[1:]))
	}
	return nil
}

// others lists the first of some lengths with their rows.
func (s *survey) others(lengths []int) string {
	const most = 5
	var parts []string
	for _, n := range lengths[:min(most, len(lengths))] {
		parts = append(parts, fmt.Sprintf("%d rows of %d", s.lengths[n].rows, n))
	}
	if len(lengths) > most {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

func (s *survey) rows() int64       { return s.lengths[s.dim].rows }
func (s *survey) greatest() float64 { return s.lengths[s.dim].greatest }

func (s *survey) other() int64 {
	var n int64
	for length, l := range s.lengths {
		if length != s.dim {
			n += l.rows
		}
	}
	return n
}
