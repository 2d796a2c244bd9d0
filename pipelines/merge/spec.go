package merge

import (
	"fmt"
	"strings"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Bounds of parameters.
const (
	MaxItems     = value.MaxListItems // greatest K and Max: what they hold is read as a list
	MinPrecision = 4
	MaxPrecision = 18
)

// Spec is one kind with its parameters: what a slot holds. Only the fields
// that its kind names are set.
type Spec struct {
	Kind string
	// Input is the type of `of`; for count, of `by`: int64, or left out.
	Input value.Type
	// Scale (sum, mean, decayed_sum, ema, vectors, low_rank) is how many decimal
	// digits of a float are kept: 0 to 38; 0 for integers, the type's own for
	// decimals.
	Scale int32
	// Weight (mean: of `weight`; top: of `by`, int64) is the type of what comes as
	// Input.W; Null: every event weighs 1.
	Weight value.Type
	// WeightScale is Weight's scale, as Scale is Input's.
	WeightScale int32
	// As (sum, mean) is the result's type: int64, float64, decimal, or empty for the
	// kind's own default.
	As string
	// K (recent, top) is how many items are kept or answered, 1 to MaxItems.
	K int
	// Max (set) is how many elements are kept, 1 to MaxItems.
	Max int
	// Precision (approx_distinct): 2^Precision registers, MinPrecision to
	// MaxPrecision.
	Precision int
	// Remove (set): some events remove. A set takes removals either way; this
	// only makes its Key another.
	Remove bool
	// Observed (set): a remove undoes the adds that its reader had seen.
	Observed bool
	// Exact (min, max): events are told apart by time, so that a window may slide
	// to the microsecond (Moment.From). Without a window it costs memory for
	// nothing.
	Exact bool
	// Q (quantiles) are the quantiles asked for, each in [0, 1].
	Q []float64
	// Error is the greatest relative error: of a quantile (quantiles), or as a
	// part of the total weight (top).
	Error float64
	// HalfLife (decayed_sum, ema) is in microseconds, above 0.
	HalfLife stamp.Micros
	// Dim (vectors) is how many items `of` has.
	Dim int
	// Bits (vectors) is how many bits of an event's greatest item, sign not
	// counted, are kept of each item; 0: all.
	Bits int
	// Basis (low_rank) is what vectors are projected on.
	Basis *Basis
}

// Validate says whether the kind exists, takes the input and has its
// parameters in range. The error starts with the kind.
func (s Spec) Validate() error {
	k := kindOf(s.Kind)
	if k == nil {
		return fmt.Errorf("%s: unknown kind; the kinds are %s", s.Kind, strings.Join(Kinds(), ", "))
	}
	if err := k.input(s.Input); err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	if k.check == nil {
		return nil
	}
	if err := k.check(s); err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	return nil
}

// must is the kind of a valid spec.
func (s Spec) must() *kind {
	k := kindOf(s.Kind)
	if k == nil {
		panic("BUG: merge: spec of unknown kind " + s.Kind)
	}
	return k
}

// Result is the type of Value, besides null.
func (s Spec) Result() value.Type { return s.must().result(s) }

// New makes an empty state. s is valid.
func (s Spec) New() State { return s.must().make(s) }

// Key is canonical text: equal exactly if two specs mean the same.
func (s Spec) Key() string { return s.must().key(s) }

// SkipsNull reports whether events whose `of` is null are not added: all kinds
// but last and first.
func (s Spec) SkipsNull() bool { return !s.must().nulls }

// Joins reports whether Combine is idempotent: the same event may be in both.
func (s Spec) Joins() bool { return s.must().joins }

// Feed says what X is.
func (s Spec) Feed() Feed { return s.must().feed }

// Guarantee is the greatest relative error that the parameters allow (a
// standard error for approx_distinct, a bound for the others), 0 for exact
// kinds.
func (s Spec) Guarantee() float64 {
	k := s.must()
	if k.guarantee == nil {
		return 0
	}
	return k.guarantee(s)
}

// Meet is the parameter, as a definition writes it, that keeps the kind's
// Guarantee within a budget and costs least, like "precision: 13". It is empty
// if none does, or if the kind is exact.
func (s Spec) Meet(budget float64) string {
	k := s.must()
	if k.meet == nil {
		return ""
	}
	return k.meet(budget)
}
