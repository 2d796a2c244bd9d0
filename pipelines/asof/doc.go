// Package asof is the sweep machine: what the features of one view were worth
// for one key at any number of past times, computed in one pass over the key's
// events with the same fold that serves online.
//
// Contract. The value at time t through a cut is a function of the set
//
//	E = { e : e.Time <= t, e in the cut, where(e), e not over bound,
//	          e the first of its event id among those in the cut }
//
// An event enters E when it becomes visible, at
//
//	v(e) = max(e.Time, e.Created + delay)    cut by label
//	v(e) = e.Time                            knowledge cut off
//
// and since every kind's state is a function of a set, folding in order of
// visibility is exact although windows look at e.Time. [Sweeper.Key] takes
// events and labels in any order. Two facts make the fold's own eviction exact
// here as well. Every folded event has e.Time <= v(e) <= t, so a label is never
// before the newest event folded. And what the fold drops or skips lies before
// floor(newest - window, pane), where no label at or after newest looks.
//
// Event ids. In one origin's log the first record of an id counts, and a later
// one only when its stamp is more than the horizon after the one that counted
// before; among those that count so, of all origins, the same rule runs once more
// (pipelines/copies). Where records of an id become known in the order of their
// stamps, whether one counts never changes. Where they do not (created timestamps
// out of a field, or a clock that was set back), a record that counted can lose
// its place to one that becomes known later, and make room for others; the row is
// folded anew at the first label after such a loss.
//
// What a region served is another matter ([Cut].Served): there a copy counts until
// its retraction is folded, which is an event of a log of its own.
//
// Concurrency: one goroutine owns a [Sweeper]. Pure: no clock, no goroutine, no
// IO. Errors: none; events are accepted ones.
//
// Not here: where events come from (offline/history), spines and files
// (offline/training). The naive model that judges this package is asof/oracle.
package asof
