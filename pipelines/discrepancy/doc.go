// Package discrepancy says how far a served feature vector is from the true
// one, and what that costs a model.
//
// # Contract
//
// A feature declares a discrepancy d and a sensitivity s, the growth of the
// model's loss for one unit of d. The inconsistency cost of a served vector
// against a reference is
//
//	cost = Σ s · d(served, reference)
//
// over the features that declare both; see [Measure.Cost]. The distances, for
// values a and b:
//
//	abs       |a − b|, of numbers
//	squared   (a − b)², of numbers
//	jaccard   1 − |A ∩ B| / |A ∪ B|, of lists as sets of their items, order and
//	          repetition aside; a single value is a list of one; of the items of
//	          a top only `item` counts; 0 for two empty lists
//	l2        √Σ (aᵢ − bᵢ)², of lists of numbers; the shorter one goes on with 0
//	cosine    1 − a·b / (|a|·|b|), of lists of numbers, from 0 to 2; a vector of
//	          zeros is at 1 from every other, and at 0 from one of zeros
//
// A null is the zero of numbers, the empty list, the vector of zeros: null and
// null are at 0; null and a value are as far apart as that value and nothing,
// by cosine at 1.
//
// All are symmetric, never negative, never NaN, and at most the greatest finite
// float64, where they saturate. d(a, a) is 0. abs, l2 and jaccard satisfy the
// triangle inequality up to rounding; squared and cosine do not. Differences of
// integers and decimals are exact before they are rounded once.
//
// # Concurrency
//
// Everything is a pure function; a [Measure] may be shared.
//
// # Errors
//
// A discrepancy that does not fit the values' type is an error of [New] or [Of].
//
// # Not here
//
// Where vectors come from (cmd, offline/training); which distance is the
// default of a type (schemas/definition).
package discrepancy
