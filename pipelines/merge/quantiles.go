package merge

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

// Bounds of the parameters of quantiles.
const (
	MaxQuantiles     = 64 // greatest number of quantiles
	MinRelativeError = 0.0001
	MaxRelativeError = 0.5
)

var quantilesKind = &kind{
	name:      Quantiles,
	input:     numeric,
	check:     checkQuantiles,
	result:    func(Spec) value.Type { return value.ListOf(value.Of(value.Float64)) },
	make:      newQuantiles,
	key:       quantilesKey,
	bytes:     quantilesBytes,
	planned:   plannedQuantiles,
	guarantee: func(s Spec) float64 { return s.Error },
	meet:      meetQuantiles,
}

func checkQuantiles(s Spec) error {
	if err := within("the number of quantiles", len(s.Q), 1, MaxQuantiles); err != nil {
		return err
	}
	for _, q := range s.Q {
		if !(q >= 0 && q <= 1) {
			return fmt.Errorf("q is 0 to 1, found %v", q)
		}
	}
	if !(s.Error >= MinRelativeError && s.Error <= MaxRelativeError) {
		return fmt.Errorf("relative_error is %v to %v, found %v", MinRelativeError, MaxRelativeError, s.Error)
	}
	return nil
}

func quantilesKey(s Spec) string {
	qs := make([]string, len(s.Q))
	for i, q := range s.Q {
		qs[i] = shortest(value.Float(q).Float()) // no -0
	}
	return fmt.Sprintf("quantiles(%s, [%s], %v)", s.Input, strings.Join(qs, " "), s.Error)
}

// meetQuantiles is the budget itself, or the greatest error that may be asked
// for.
func meetQuantiles(budget float64) string {
	if !(budget >= MinRelativeError) {
		return ""
	}
	return "relative_error: " + shortest(min(budget, MaxRelativeError))
}

// quantiles is how many events lie in each place of a grid: a DDSketch with
// integer counts that never collapses.
type quantiles struct {
	grid   grid
	places []int32 // signed, ascending, those with a count
	counts []int64 // none is 0; below 0 only what was taken out before it was put in
	q      []float64
	ranks  []uint64 // the quantiles in units of 10^-18, once they were needed
	list   []value.Value
	err    float64
	scale  int32 // of a decimal
}

func newQuantiles(s Spec) State {
	return &quantiles{grid: newGrid(s.Error, s.Input.Kind), q: s.Q, err: s.Error, scale: s.Input.Scale}
}

func (s *quantiles) Add(in Input) {
	place := s.grid.signed(in.X)
	i, found := slices.BinarySearch(s.places, place)
	if !found {
		s.places = slices.Insert(s.places, i, place)
		s.counts = slices.Insert(s.counts, i, 1)
		return
	}
	if s.counts[i]++; s.counts[i] == 0 {
		s.places = slices.Delete(s.places, i, i+1)
		s.counts = slices.Delete(s.counts, i, i+1)
	}
}

func (s *quantiles) Combine(o State)  { s.merge(same[*quantiles](o), 1) }
func (s *quantiles) Subtract(o State) { s.merge(same[*quantiles](o), -1) }

// merge adds sign times the counts of o, from the greatest place down.
func (s *quantiles) merge(o *quantiles, sign int64) {
	n := len(s.places) + len(o.places) - common(s.places, o.places)
	i, j := len(s.places)-1, len(o.places)-1
	s.places = slices.Grow(s.places, n-len(s.places))[:n]
	s.counts = slices.Grow(s.counts, n-len(s.counts))[:n]
	zero := false
	for k := n - 1; j >= 0; k-- {
		switch {
		case i >= 0 && s.places[i] > o.places[j]:
			s.places[k], s.counts[k], i = s.places[i], s.counts[i], i-1
		case i >= 0 && s.places[i] == o.places[j]:
			s.places[k], s.counts[k] = s.places[i], s.counts[i]+sign*o.counts[j]
			zero = zero || s.counts[k] == 0
			i, j = i-1, j-1
		default:
			s.places[k], s.counts[k], j = o.places[j], sign*o.counts[j], j-1
		}
	}
	if zero {
		s.drop()
	}
}

// drop takes out the places whose count is 0.
func (s *quantiles) drop() {
	kept := 0
	for i, n := range s.counts {
		if n != 0 {
			s.places[kept], s.counts[kept] = s.places[i], n
			kept++
		}
	}
	s.places, s.counts = s.places[:kept], s.counts[:kept]
}

func (s *quantiles) Reset() { s.places, s.counts = s.places[:0], s.counts[:0] }

func (s *quantiles) Size() int {
	return int(unsafe.Sizeof(*s)) + 4*cap(s.places) + 8*cap(s.counts) + 8*cap(s.ranks) + cap(s.list)*int(unsafe.Sizeof(value.Value{}))
}

// Err is the relative error of each quantile.
func (s *quantiles) Err() float64 {
	if len(s.places) == 0 {
		return 0
	}
	return s.err
}

// total is the number of events, and of places that have some.
func (s *quantiles) total() (events int64, places int) {
	for _, n := range s.counts {
		if n > 0 {
			events += n
			places++
		}
	}
	return events, places
}

// Value is the estimate of the item of rank floor(q*(n-1)), for each q.
func (s *quantiles) Value() value.Value {
	n, _ := s.total()
	if n <= 0 {
		return value.Value{}
	}
	if s.ranks == nil {
		s.rank()
	}
	s.list = s.list[:0]
	i, before := 0, uint64(0)
	for _, q := range s.ranks {
		rank := portion(q, uint64(n-1))
		if rank < before {
			i, before = 0, 0
		}
		for ; s.counts[i] <= 0 || rank-before >= uint64(s.counts[i]); i++ {
			before += uint64(max(s.counts[i], 0))
		}
		s.list = append(s.list, value.Float(s.grid.estimate(s.places[i], s.scale)))
	}
	return value.Value{Kind: value.List, L: s.list}
}

// rankScale is the decimal digits that are kept of a quantile: all of any in
// 0.01 to 1 that is written with up to 17.
const rankScale = 18

// rank takes each quantile by its shortest decimal form, so that 0.7 of 11
// events is the eighth.
func (s *quantiles) rank() {
	s.ranks = make([]uint64, len(s.q))
	for i, q := range s.q {
		n, _ := value.Fixed(q, rankScale)
		s.ranks[i] = n.Lo
	}
}

// portion is q*10^-18*n rounded down, for q up to 10^18.
func portion(q, n uint64) uint64 {
	hi, lo := bits.Mul64(q, n)
	whole, _ := bits.Div64(hi, lo, 1e18)
	return whole
}
