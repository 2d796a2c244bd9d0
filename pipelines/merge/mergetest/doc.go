// Package mergetest is the law suite of merge: what every kind must hold,
// checked over generated histories against a naive model.
//
// Contract: [Run] takes a [Case], which is a merge.Spec, a generator of what
// its events carry and an oracle that computes the value from the plain list
// of events. It checks, on the same histories:
//
//	Add in any order                      same bytes
//	fold(a ++ b) == fold(a).Combine(fold(b)), in any tree, any order
//	a.Combine(zero) == a == zero.Combine(a)
//	a.Combine(a) == a, overlapping sets   for kinds that join
//	decode(encode(a)) == a                and no other bytes decode
//	s(f).Combine(since(s(hi), lo)) == s(hi)   for lo <= f <= hi
//	len(bytes) <= MaxBytes
//	replicas that exchange states or increments, duplicated, reordered, lost
//	and replayed after crashes, hold the same bytes and the oracle's value
//
// [Exhaust] checks small histories in every order of Add and under every
// sequence of deliveries; [Worlds] every sequence of a few operations on three
// replicas; [Night] draws histories by the million. The number of histories of
// Run is rapid's: 100 by default, -rapid.checks=N or RAPID_CHECKS=N for long runs.
//
// A suite that misses a fault proves nothing: the package's own tests put
// seeded faults into states and assert that [Broken] names the law each breaks.
//
// Not here: the states (package merge), benchmarks and golden bytes (its tests).
package mergetest
