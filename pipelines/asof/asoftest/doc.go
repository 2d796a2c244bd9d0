// Package asoftest draws worlds for property tests of everything that folds: a
// project of one view with features of every kind, the events of a few keys in
// several origins' logs, and times and cuts at which the edges lie.
//
// Contract. A [World] is valid input: its project compiles, its events are
// accepted ones in the order of their logs, with stamps as a log gives them.
// Times are drawn so that ties, pane edges and instants of events are common.
// [World.Case] judges it by the brute-force oracle, whose Go functions stand
// beside the expressions here.
//
// Pure, like every draw of rapid: a world is a function of the draws. Errors:
// none; what cannot be drawn is a bug. Not here: running the code under test.
package asoftest
