// Package fold is the one meaning of a feature view: a definition compiled
// into a program that folds events into rows and reads values out of them. The
// online store and the training sets run this same program, so a served value
// can be recomputed from history bit for bit.
//
// Contract. A [Program] is immutable. A [Machine] runs it with scratch memory
// of its own and is owned by one goroutine. A [Row] is all features of one view
// for one key: one [Part] for each source (one life of one region's log), each
// a pure function of the set of that source's events,
//
//	Step(Step(row, a), b) == Step(Step(row, b), a)   in canonical bytes
//
// for events a, b of one source, except that a pane's seq is the greatest
// offset that touched it. Each event is stepped once; who feeds the machine
// sees to that (frontiers, event ids). Parts of other sources arrive by
// [Machine.Absorb] and replace pane by pane what has a smaller seq.
//
// Panes of a source are evicted by that source's own newest event: a read is
// never before it, so no read misses what is gone, and a part stays a function
// of its own events.
//
// Errors: [Compile] returns every problem of a view, with file and line.
// Decoding says offset and reason.
//
// Pure: no clock, no goroutine, no IO. Not here: verdicts on records
// (schemas/wire), what a kind does (pipelines/merge), when to fold
// (materializer/worker), windows' panes beyond the floor (schemas/stamp). The
// bytes of a row are FORMAT.md §6.
package fold
