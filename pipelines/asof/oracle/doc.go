// Package oracle says what features are worth by brute force, straight from
// the definition of a value: it picks the set of events and computes each kind
// over it with maps, sorting and rational numbers.
//
// Contract. It is naive on purpose and shares no code with what it judges:
// nothing of the fold, the merge kinds, the windows or the expressions.
// Expressions and conditions are given as Go functions beside their CEL text.
// [Values] costs a pass over all events for each call. Results of
// approx_distinct are exact counts; [Result.Approximate] marks those where the
// real kind may only estimate.
//
// Concurrency: functions without state. Pure. Errors: a kind or an expression
// that the oracle was not told about is a panic.
//
// Not here: drawing cases (asof/asoftest), verdicts on records (schemas/wire).
package oracle
