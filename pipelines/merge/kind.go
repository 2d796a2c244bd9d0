package merge

import (
	"fmt"

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
	Top            = "top"
	ApproxDistinct = "approx_distinct"
	Quantiles      = "quantiles"
	DecayedSum     = "decayed_sum"
	EMA            = "ema"
	VectorSum      = "vector_sum"
	VectorMean     = "vector_mean"
	LowRank        = "low_rank"
)

// kind says what one kind of feature takes and makes. Each kind's file declares
// its own; kinds lists them.
type kind struct {
	name string
	// input says why a type is not one that the kind takes, or nil.
	input func(in value.Type) error
	// check says what is wrong with the parameters; nil: there are none.
	check func(s Spec) error
	// result is the type of Value besides null.
	result func(s Spec) value.Type
	// make makes an empty state.
	make func(s Spec) State
	// key is canonical text of kind, input and parameters.
	key func(s Spec) string
	// bytes is MaxBytes.
	bytes func(s Spec) int
	// planned is the size that a plan counts for one full state, and whether its
	// elements spread over a window's panes; nil: bytes, and they do not.
	planned func(s Spec) (int, bool)
	// guarantee is the relative error that the parameters allow; nil: none.
	guarantee func(s Spec) float64
	// meet is the parameter, as it is written in a definition, that keeps the
	// error within a budget, or empty if none does; nil with guarantee.
	meet  func(budget float64) string
	feed  Feed
	nulls bool // events whose `of` is null are added
	joins bool // Combine is idempotent
}

// kinds are all kinds, in the order of the documentation.
var kinds []*kind

func init() { // not above, since the kinds' own functions look here
	kinds = []*kind{
		countKind, sumKind, meanKind, minKind, maxKind, lastKind, firstKind, recentKind, setKind, topKind,
		distinctKind, quantilesKind, decayedSumKind, emaKind,
		vectorSumKind, vectorMeanKind, lowRankKind,
	}
}

// Kinds lists the kinds in the order of the documentation. The caller owns it.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

func kindOf(name string) *kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// Feed is what a kind is fed as X.
type Feed uint8

// The feeds.
const (
	Plain     Feed = iota // the value of `of` as it is
	Exact                 // the exact integer at Spec.Scale: an Int64 or a Decimal
	ExactList             // a list of Spec.Dim such integers
)

// Inputs that several kinds take.

func single(in value.Type) error {
	if !in.Scalar() {
		return fmt.Errorf("wants a single value, found %s", in)
	}
	return nil
}

func singleOrList(in value.Type) error {
	if in.Kind == value.List && in.Elem != nil && in.Elem.Scalar() {
		return nil
	}
	if !in.Scalar() {
		return fmt.Errorf("wants a single value or a list of them, found %s", in)
	}
	return nil
}

func numeric(in value.Type) error {
	if !in.Numeric() {
		return fmt.Errorf("wants numbers, found %s", in)
	}
	return nil
}

// Results that several kinds have.

func wholeNumber(Spec) value.Type { return value.Of(value.Int64) }
func ownInput(s Spec) value.Type  { return s.Input }
func itsList(s Spec) value.Type   { return value.ListOf(s.Input) }

// keyOfInput is the key of a kind that has no parameters.
func keyOfInput(s Spec) string { return fmt.Sprintf("%s(%s)", s.Kind, s.Input) }

func within(name string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s is %d to %d, found %d", name, least, most, n)
	}
	return nil
}

// checkScale checks the scale of an input.
func checkScale(s Spec) error {
	switch {
	case s.Input.Kind == value.Int64 && s.Scale != 0:
		return fmt.Errorf("scale of whole numbers is 0, found %d", s.Scale)
	case s.Input.Kind == value.Decimal && s.Scale != s.Input.Scale:
		return fmt.Errorf("scale of %s is its own, found %d", s.Input, s.Scale)
	}
	return within("scale", int(s.Scale), 0, value.MaxScale)
}
