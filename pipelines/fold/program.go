package fold

import (
	"anabranch.dev/anabranch/pipelines/expr"
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Program is one compiled feature view. It is immutable and may be shared.
type Program struct {
	View   *definition.View
	Stream *definition.Stream
	Entity *definition.Entity

	regions  []string // sorted; a source's rank is the place of its origin
	conds    []*expr.Expr
	inputs   []input
	where    int // index in conds, or -1
	slots    []slot
	groups   []group // groups[0] is the lifetime; then ladder by ladder, from fine to coarse
	nested   bool    // some slot's windows share panes
	features []feature
	needed   []bool
	observes bool // some slot wants what an event's producer had seen
}

// input is one distinct value that slots are fed.
type input struct {
	expr    *expr.Expr // nil: the constant
	literal value.Value
	field   int // a plain field's index, or -1
	feed    merge.Feed
	scale   int32 // of Exact and ExactList
	dim     int   // of ExactList
	natural bool  // an integer that must not be negative
}

// slot is one distinct (kind, input, condition, parameters).
type slot struct {
	spec      merge.Spec
	skipsNull bool
	x         int // index in inputs
	weight    int // index in inputs, or -1
	present   int // index in inputs that must not be null (count with of), or -1
	where     int // index in conds, or -1
	remove    int // index in conds, or -1
}

// group is the slots that share panes of one width: one level of a ladder.
type group struct {
	width    stamp.Micros // 0: lifetime
	keep     stamp.Micros // the longest window that needs this width
	slots    []int        // the same on each level of a ladder
	finest   int          // the first group of its ladder
	coarsest int          // the last
	crowded  bool         // it may hold more panes than are read one by one
}

// feature is one declared feature: a window over a slot.
type feature struct {
	name   string
	typ    value.Type
	slot   int
	group  int // the coarsest level that may hold events of its window
	index  int // of the slot within its group
	window stamp.Micros
	pane   stamp.Micros // on whose edges the window begins
	exact  bool         // the window slides to the microsecond
}

// Needed tells by field index which fields of the stream the program reads.
func (p *Program) Needed() []bool { return p.needed }

// Observes reports whether the program reads wire.Event.Observed.
func (p *Program) Observes() bool { return p.observes }

// Features is how many features the view has, in declared order.
func (p *Program) Features() int { return len(p.features) }

// FeatureName is the name of feature i.
func (p *Program) FeatureName(i int) string { return p.features[i].name }

// FeatureType is the type of the values of feature i.
func (p *Program) FeatureType(i int) value.Type { return p.features[i].typ }

// FeatureGuarantee is the greatest error that the parameters of feature i allow
// (merge.Spec.Guarantee); 0: its values are exact.
func (p *Program) FeatureGuarantee(i int) float64 {
	return p.slots[p.features[i].slot].spec.Guarantee()
}

// FeatureIndex finds a feature by name, or returns -1.
func (p *Program) FeatureIndex(name string) int {
	for i := range p.features {
		if p.features[i].name == name {
			return i
		}
	}
	return -1
}

// Groups is how many groups of panes a part has, the lifetime included. Each is
// the lifetime or one level of a ladder.
func (p *Program) Groups() int { return len(p.groups) }

// GroupSlots is how many states each pane of group g holds.
func (p *Program) GroupSlots(g int) int { return len(p.groups[g].slots) }

// GroupWidth is the pane width of group g; 0 for the lifetime.
func (p *Program) GroupWidth(g int) stamp.Micros { return p.groups[g].width }

// Keep is how long before a part's newest event group g keeps panes: the longest
// window that needs its width.
func (p *Program) Keep(g int) stamp.Micros { return p.groups[g].keep }

// NewState makes an empty state for slot i of group g.
func (p *Program) NewState(g, i int) merge.State { return p.slots[p.groups[g].slots[i]].spec.New() }

// Rank places a source among all sources of the project, in the order of
// position.Source.Compare. Retractions rank as the log that they correct. A
// source of an unknown region ranks last.
func (p *Program) Rank(s position.Source) uint32 {
	if of, ok := s.Retracts(); ok {
		s = of
	}
	for i, r := range p.regions {
		if r == s.Origin {
			return uint32(i)<<16 | s.Incarnation&0xffff
		}
	}
	return uint32(len(p.regions)) << 16
}
