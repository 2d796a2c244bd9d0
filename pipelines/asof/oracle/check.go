package oracle

import (
	"fmt"
	"math/big"
	"slices"

	"anabranch.dev/anabranch/schemas/value"
)

// accepts says why got is not a right answer where several are right. With a
// slack of n, so is what is n times as far off as the kind may be.
type accepts func(got value.Value, slack int64) error

// Check says why got is not what the feature is worth, or nil. Exact kinds have
// one right answer; the others are held to what they promise.
func (r *Result) Check(got value.Value) error {
	if r.accepts == nil {
		if !value.Equal(got, r.Value) {
			return fmt.Errorf("%v, want %v", got, r.Value)
		}
		return nil
	}
	if err := r.accepts(got, 1); err != nil {
		return fmt.Errorf("%v, want about %v: %w", got, r.Value, err)
	}
	return nil
}

// Differ reports whether right answers to a and b, two results of one feature
// at one time, are different values, and whether that can be told: of two
// answers that may be off by more than what lies between them, it cannot.
func Differ(a, b *Result) (differ, known bool) {
	switch {
	case a.Value.IsNull() || b.Value.IsNull() || a.accepts == nil:
		return !value.Equal(a.Value, b.Value), true
	case slices.Equal(a.used, b.used):
		return false, true
	case a.accepts(b.Value, 2) != nil && b.accepts(a.Value, 2) != nil:
		return true, true
	}
	return false, false
}

// within accepts a float64 that is off by at most tolerance.
func within(want, tolerance *big.Rat) accepts {
	return func(got value.Value, slack int64) error {
		if got.Kind != value.Float64 {
			return fmt.Errorf("not a float64")
		}
		allowed := new(big.Rat).Mul(tolerance, big.NewRat(slack, 1))
		off := new(big.Rat).Sub(number(got), want)
		if off.Abs(off).Cmp(allowed) > 0 {
			return fmt.Errorf("off by %s, allowed %s", off.FloatString(12), allowed.FloatString(12))
		}
		return nil
	}
}
