// Package copies is the rule of event ids across regions: which of the records
// that carry one id count, when several regions accepted one.
//
// Contract. Within one origin's log the first record of an id counts, and a
// later one only beyond the horizon of the one that counted before
// (fold.Counts). Among the records that count so, of all origins, the same rule
// is run once more, in the order of (stamp, origin, offset):
//
//	a copy counts if no copy that counts lies within the horizon before it
//
// [Counting] is that rule. It is final for a copy c once all copies older than
// [Settled] are known:
//
//	c is out in Counting(K)  ⇒  c is out in Counting(K ∪ U)   for any U not before Settled(c)
//
// because what is known before Settled(c) does not change, and whatever comes
// between it and c leaves at least one copy there that counts: the first that
// lies beyond the horizon of the last one before. It lies within the horizon
// before c. So a copy that is taken back once stays out, whatever else comes to
// light, and all regions agree on it.
//
// Pure. Not here: where copies come from (materializer/state), what becomes of
// those that are out (fold, asof).
package copies
