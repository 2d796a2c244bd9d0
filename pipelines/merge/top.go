package merge

import (
	"fmt"
	"strings"
	"unsafe"

	"anabranch.dev/anabranch/schemas/value"
)

// Bounds of top's parameters.
const (
	MaxTop      = 1000 // greatest K
	MinTopError = 0.0001
	MaxTopError = 0.5
)

// maxCandidates bounds the candidates of one state, and the items that it
// counts exactly.
const maxCandidates = 8192

// errorDigits is the decimal digits of Error that count.
const errorDigits = 9

const errorUnit = 1_000_000_000 // 10^errorDigits

var topKind = &kind{
	name:      Top,
	input:     single,
	check:     checkTop,
	result:    topResult,
	make:      func(s Spec) State { return newTop(s) },
	key:       topKey,
	bytes:     topBytes,
	planned:   func(s Spec) (int, bool) { return plannedTop(s), true },
	guarantee: func(s Spec) float64 { return s.Error },
	meet:      meetTop,
}

func checkTop(s Spec) error {
	if s.Weight.Kind != value.Null && s.Weight.Kind != value.Int64 {
		return fmt.Errorf("by is whole numbers, found %s", s.Weight)
	}
	if !(s.Error >= MinTopError && s.Error <= MaxTopError) {
		return fmt.Errorf("error is %v to %v, found %v", MinTopError, MaxTopError, s.Error)
	}
	return within("k", s.K, 1, MaxTop)
}

// topResult is a list of {item, count, error}: the item's weight lies within
// [count - error, count].
func topResult(s Spec) value.Type {
	return value.ListOf(value.Type{Kind: value.Struct, Fields: []value.Field{
		{Name: "item", Type: s.Input}, {Name: "count", Type: value.Of(value.Int64)}, {Name: "error", Type: value.Of(value.Int64)},
	}})
}

func topKey(s Spec) string {
	by := ""
	if s.Weight.Kind != value.Null {
		by = ", by"
	}
	e := value.Int128Of(int64(errorUnits(s))).FormatDecimal(errorDigits)
	return fmt.Sprintf("top(%s, %d, %s%s)", s.Input, s.K, strings.TrimRight(e, "0"), by)
}

func meetTop(budget float64) string {
	if !(budget >= MinTopError) {
		return ""
	}
	return fmt.Sprintf("error: %v", min(budget, MaxTopError))
}

// errorUnits is Error in units of 10^-errorDigits.
func errorUnits(s Spec) uint64 {
	n, _ := value.Fixed(s.Error, errorDigits)
	return n.Lo
}

// candidates is how many items a state keeps once it counts in cells, and the
// greatest number that it counts exactly.
//
// The candidates are a sample without replacement in which an item's chance goes
// by its weight (toprank.go), so one that has a part φ of all weight is missing
// with probability e^(-φ·candidates) at most: e^-8 at φ = Error, e^-16 at twice
// that.
func candidates(s Spec) int {
	n := (8*errorUnit + errorUnits(s) - 1) / errorUnits(s)
	return min(max(int(n), 2*s.K), maxCandidates)
}

// top is the weight of each item, exactly while the items are few, and beyond
// in the cells of a count-min sketch (Cormode and Muthukrishnan, "An improved
// data stream summary: the count-min sketch and its applications", 2005), with
// some items as candidates. Both parts are functions of the set of events: the
// cells are sums, and the candidates are the items of least rank, a bottom-k
// sample (Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007).
type top struct {
	total    value.Int128 // of all weights
	list     heavies      // all items, or at least the candidates
	cells    cells        // zero while exact
	dense    bool         // counts in cells
	limit    rank         // no item whose rank is beyond can be a candidate
	most     int          // candidates
	k        int
	units    uint64 // Error in units of 10^-errorDigits
	weighted bool
	picked   []pick        // what Value chose last
	out      []value.Value // what Value returned last
	fields   []value.Value // of out's items
}

func newTop(s Spec) *top {
	return &top{
		list: heavies{cell: typeOf(s.Input)}, most: candidates(s), k: s.K,
		units: errorUnits(s), weighted: s.Weight.Kind != value.Null,
	}
}

// Add folds in one event. An event without weight changes nothing.
func (s *top) Add(in Input) {
	w := int64(1)
	if s.weighted {
		w = in.W.N
	}
	if w <= 0 {
		return
	}
	var buf [8]byte
	hash := hashOf(in.X)
	p := s.list.marked(take(in.X, buf[:0]), hash)
	s.fold(p, hash, value.Int128Of(w), exponential(luck(hash, in.Order), uint64(w)))
}

// fold adds the weight of events of one item, of which r is the least rank.
func (s *top) fold(p parts, hash uint64, weight value.Int128, r rank) {
	s.total = s.total.Add(weight)
	if s.dense {
		s.cells.add(hash, saturated(weight))
		s.offer(p, r)
		return
	}
	h := s.list.at(p, r)
	h.weight = h.weight.Add(weight)
	if len(s.list.items) > s.most {
		s.thicken()
	}
}

// offer makes an item a candidate, if its rank is low enough. Some more than are
// needed are kept for a while, so that they need not be sorted each time.
func (s *top) offer(p parts, r rank) {
	if r > s.limit {
		return
	}
	s.list.at(p, r)
	if len(s.list.items) >= 2*s.most {
		s.prune()
	}
}

// prune drops what is not among the candidates: each has that many others below
// it, whose ranks only fall.
func (s *top) prune() {
	if s.dense && len(s.list.items) > s.most {
		s.list.cut(s.most)
		s.limit = s.list.items[s.most-1].rank
	}
}

// thicken turns the exact weights into cells.
func (s *top) thicken() {
	s.cells.clear(s.units)
	for i := range s.list.items {
		h := &s.list.items[i]
		s.cells.add(s.list.hash(h.parts), saturated(h.weight))
		h.weight = value.Int128{}
	}
	s.dense, s.limit = true, maxRank
}

// saturated is a weight as a cell holds it.
func saturated(w value.Int128) uint64 {
	switch {
	case w.Hi > 0:
		return full
	case w.Hi < 0:
		return 0
	}
	return w.Lo
}

func (s *top) Combine(o State) {
	t := same[*top](o)
	if !t.dense {
		for i := range t.list.items {
			h := &t.list.items[i]
			s.fold(h.parts, s.list.hash(h.parts), h.weight, h.rank)
		}
		return
	}
	if !s.dense {
		s.thicken()
	}
	s.total = s.total.Add(t.total)
	s.cells.addAll(&t.cells)
	for i := range t.list.items {
		s.offer(t.list.items[i].parts, t.list.items[i].rank)
	}
}

// Subtract takes weights out. Ranks stay, so an item that those events made a
// candidate stays one, in the place of another.
func (s *top) Subtract(o State) {
	t := same[*top](o)
	if t.dense && !s.dense {
		s.thicken()
	}
	s.total = s.total.Sub(t.total)
	switch {
	case t.dense:
		s.cells.subtractAll(&t.cells)
	case s.dense:
		for i := range t.list.items {
			s.cells.subtract(s.list.hash(t.list.items[i].parts), saturated(t.list.items[i].weight))
		}
	default:
		s.list.subtract(&t.list)
	}
}

func (s *top) Reset() {
	s.total, s.dense = value.Int128{}, false
	s.list.reset()
}

func (s *top) Size() int {
	const each = int(unsafe.Sizeof(value.Value{}))
	return int(unsafe.Sizeof(*s)) + s.list.size() + 8*cap(s.cells.rows) +
		cap(s.picked)*int(unsafe.Sizeof(pick{})) + (cap(s.out)+cap(s.fields))*each
}

// Err is the greatest error of a count as a part of all weight.
func (s *top) Err() float64 {
	if !s.dense {
		return 0
	}
	return unitError(s.units)
}

var (
	_ Group       = (*top)(nil)
	_ Approximate = (*top)(nil)
)
