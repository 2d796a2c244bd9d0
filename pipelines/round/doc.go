// Package round is what a mirror sends and what it accepts, as a pure machine.
//
// A round is a consistent cut of one view's partition at a mark hi of the
// sender's own log: for each key that changed since a mark lo, the panes of the
// sender's own part whose seq is at or beyond lo. It is cut into pieces that fit a
// record of a delta topic; the receiver stages them and applies rows and
// frontier together when the last one is there.
//
// Contract of the receiver, whose frontier for that log stands at f:
//
//	hi <= f        drop: all of it is folded already
//	lo <= f < hi   apply, then f = hi; overlaps are harmless (fold.Absorb)
//	lo > f         gap: nothing is applied, a full round (lo = 0) is needed
//
// A round of an older sender epoch than one already seen is dropped. Pieces of
// a round that never completes are forgotten when another begins.
//
// A round of retractions is a gap as well while the log that they correct is
// folded less far than the sender had. Rounds of ids ([IDWriter]) have no rows.
//
// Pure. Errors of decoders name the offset and the reason. Not here: when to
// send (materializer/mirror), Kafka, compression (the producer's). The bytes
// are FORMAT.md §7.
package round
