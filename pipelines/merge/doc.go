// Package merge holds what a kind of feature remembers of a set of events, and
// how two such memories become one.
//
// Contract: a [State] is a pure function of the set of events that were added,
// never of their order or of how the set was split:
//
//	fold(a ++ b)    == fold(a).Combine(fold(b))
//	a.Combine(b)    == b.Combine(a)
//	a.Combine(zero) == a
//
// Equal sets give equal bytes. The bytes are FORMAT.md §5; all numbers in them
// are exact. Nothing is rounded between the origin and [State.Value]: there is
// no float addition outside the estimator of approx_distinct, whose operations
// are pinned so that every machine computes the same bits. A [Spec] names a
// kind with its parameters, checks them and makes its states.
//
// Between regions states are not combined but replaced, by the greater
// sequence number of the same source and pane. A kind that joins
// ([Spec.Joins]) may also be sent in parts ([Incremental]).
//
// Concurrency: one goroutine owns a State.
//
// Errors: [Spec.Validate] says which inputs a kind takes; decoders say offset
// and reason and leave the receiver unchanged. A panic is a bug.
//
// Not here: windows, panes and conditions (package fold), which of two replicas
// is newer (packages fold and round), the laws as tests (package mergetest).
package merge
