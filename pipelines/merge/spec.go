package merge

import (
	"fmt"
	"strings"

	"anabranch.dev/anabranch/schemas/value"
)

// The kinds.
const (
	Count          = "count"
	Sum            = "sum"
	Mean           = "mean"
	Min            = "min"
	Max            = "max"
	Last           = "last"
	First          = "first"
	Recent         = "recent"
	Set            = "set"
	ApproxDistinct = "approx_distinct"
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
	// Scale (sum, mean) is how many decimal digits of a float are kept: 0 to
	// 38; 0 for integers, the type's own for decimals.
	Scale int32
	// As (sum) is the result's type: int64, float64, decimal, or empty for the
	// input's own default.
	As string
	// K (recent) is how many items are kept, 1 to MaxItems.
	K int
	// Max (set) is how many elements are kept, 1 to MaxItems.
	Max int
	// Precision (approx_distinct): 2^Precision registers, MinPrecision to
	// MaxPrecision.
	Precision int
	// Remove (set): some events remove. A set takes removals either way; this
	// only makes its Key another.
	Remove bool
}

// Validate says whether the kind exists, takes the input and has its
// parameters in range. The error starts with the kind.
func (s Spec) Validate() error {
	if err := s.validateInput(); err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	if err := s.validateParameters(); err != nil {
		return fmt.Errorf("%s: %w", s.Kind, err)
	}
	return nil
}

func (s Spec) validateInput() error {
	in := s.Input
	switch s.Kind {
	case Count:
		if in.Kind != value.Null && in.Kind != value.Int64 {
			return fmt.Errorf("adds up whole numbers, found %s", in)
		}
	case Sum, Mean:
		if !in.Numeric() {
			return fmt.Errorf("wants numbers, found %s", in)
		}
	case Last, First:
		if in.Kind == value.List && in.Elem != nil && in.Elem.Scalar() {
			return nil
		}
		if !in.Scalar() {
			return fmt.Errorf("wants a single value or a list of them, found %s", in)
		}
	case Min, Max, Recent, Set, ApproxDistinct:
		if !in.Scalar() {
			return fmt.Errorf("wants a single value, found %s", in)
		}
	default:
		return s.unknown()
	}
	return nil
}

func (s Spec) unknown() error {
	switch s.Kind {
	case "top", "quantiles", "decayed_sum", "ema", "vector_sum", "vector_mean", "low_rank":
		return fmt.Errorf("not built yet")
	}
	return fmt.Errorf("unknown kind; the kinds are %s", strings.Join(Kinds(), ", "))
}

// Kinds lists the kinds in the order of the documentation. The caller owns it.
func Kinds() []string {
	return []string{Count, Sum, Mean, Min, Max, Last, First, Recent, Set, ApproxDistinct}
}

func (s Spec) validateParameters() error {
	switch s.Kind {
	case Sum, Mean:
		return s.validateScale()
	case Recent:
		return within("k", s.K, 1, MaxItems)
	case Set:
		return within("max", s.Max, 1, MaxItems)
	case ApproxDistinct:
		return within("precision", s.Precision, MinPrecision, MaxPrecision)
	}
	return nil
}

func (s Spec) validateScale() error {
	switch {
	case s.Input.Kind == value.Int64 && s.Scale != 0:
		return fmt.Errorf("scale of whole numbers is 0, found %d", s.Scale)
	case s.Input.Kind == value.Decimal && s.Scale != s.Input.Scale:
		return fmt.Errorf("scale of %s is its own, found %d", s.Input, s.Scale)
	}
	if err := within("scale", int(s.Scale), 0, value.MaxScale); err != nil {
		return err
	}
	switch s.As {
	case "", "int64", "float64", "decimal":
		return nil
	}
	return fmt.Errorf("as is int64, float64 or decimal, found %q", s.As)
}

func within(name string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s is %d to %d, found %d", name, least, most, n)
	}
	return nil
}

// Result is the type of Value, besides null.
func (s Spec) Result() value.Type {
	switch s.Kind {
	case Count, ApproxDistinct:
		return value.Of(value.Int64)
	case Sum:
		return s.sumType()
	case Mean:
		return value.Of(value.Float64)
	case Recent, Set:
		return value.ListOf(s.Input)
	}
	return s.Input
}

func (s Spec) sumType() value.Type {
	kind := s.Input.Kind
	switch s.As {
	case "int64":
		kind = value.Int64
	case "float64":
		kind = value.Float64
	case "decimal":
		kind = value.Decimal
	}
	if kind == value.Decimal {
		return value.Type{Kind: kind, Scale: s.Scale}
	}
	return value.Of(kind)
}

// New makes an empty state. s is valid.
func (s Spec) New() State {
	switch s.Kind {
	case Count:
		return &count{}
	case Sum:
		return &sum{scale: uint8(s.Scale), as: s.sumType().Kind}
	case Mean:
		return &mean{scale: uint8(s.Scale)}
	case Min, Max:
		return s.newExtreme()
	case Last:
		return &latest{cell: typeOf(s.Input)}
	case First:
		return &latest{cell: typeOf(s.Input), first: true}
	case Recent:
		return &recent{touches: newTouches(s.Input, s.K)}
	case Set:
		return &set{touches: newTouches(s.Input, s.Max)}
	case ApproxDistinct:
		return &distinct{precision: uint8(s.Precision)}
	}
	panic("BUG: merge: state of unknown kind " + s.Kind)
}

// Key is canonical text: equal exactly if two specs mean the same.
func (s Spec) Key() string {
	switch s.Kind {
	case Count:
		return Count
	case Sum:
		return fmt.Sprintf("sum(%s, %d) %s", s.Input, s.Scale, s.sumType())
	case Mean:
		return fmt.Sprintf("mean(%s, %d)", s.Input, s.Scale)
	case Recent:
		return fmt.Sprintf("recent(%s, %d)", s.Input, s.K)
	case Set:
		return fmt.Sprintf("set(%s, %d, %t)", s.Input, s.Max, s.Remove)
	case ApproxDistinct:
		return fmt.Sprintf("approx_distinct(%s, %d)", s.Input, s.Precision)
	}
	return fmt.Sprintf("%s(%s)", s.Kind, s.Input)
}

// SkipsNull reports whether events whose `of` is null are not added: all kinds
// but last and first.
func (s Spec) SkipsNull() bool { return s.Kind != Last && s.Kind != First }

// Joins reports whether Combine is idempotent: the same event may be in both.
func (s Spec) Joins() bool { return s.Kind != Count && s.Kind != Sum && s.Kind != Mean }

// Fixed reports whether X is an exact integer at Scale instead of the value of
// `of` itself.
func (s Spec) Fixed() bool { return s.Kind == Sum || s.Kind == Mean }
