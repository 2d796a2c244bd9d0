// Package stamp holds the two clocks of a changelog: event time in
// microseconds and the hybrid stamp that a log assigns.
//
// Contract: everything here is a pure function of its arguments; no wall clock
// is read. [Micros] is signed microseconds since 1970-01-01T00:00:00Z, finer
// input is floored. [Stamp] is a function of one partition's log alone:
//
//	stamp(n) = max(append_time(n) << 16, stamp(n-1) + 1)
//
// so every reader of the log derives the same stamps, whatever its batch sizes
// or starting point, as long as it starts from a known (offset, stamp).
//
// Not here: who asks for the time (cmd and the shells), and positions in a log
// (package position).
package stamp
