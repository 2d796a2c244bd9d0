// Package training makes training sets and snapshots out of history: a spine of
// labelled rows goes in, the same rows with one column per feature come out,
// each value as of its row's time.
//
// Contract. [Run] gives every row of the spine back in its place. A row's values
// are those of package asof at the row's time, through the cut of the request:
// what the label could have known. The output is a function of the spine, the
// definitions, the cut and the frontier of the histories: same request, same
// frontier, same bytes, however the spine was chunked and by how many workers it
// was swept. [Snapshot] writes a view's values of all keys at one time.
// [Recompute] gives what a served vector should have been: copies of an event
// that two regions accepted are out of a training set by the rule over what is in
// the cut, and out of what was served once a region had taken them back.
//
// The spine is worked through in chunks. A chunk's rows are sorted by partition,
// key and time, swept once for each stream and key mapping, and written in the
// order of the spine. Memory is bounded by a chunk's keys and values.
//
// Files. Output and manifest are written beside their places and renamed when
// they are whole, the old manifest going first: a manifest that is there
// describes the output that is there. A crash leaves at most files named
// *.partial.
//
// Concurrency: the functions may be called from several goroutines. Histories
// are scanned by several workers at once, each its own partition.
//
// Errors name the row (from 1) and the column where one is to blame, and say
// what to do.
//
// Not here: where events lie (offline/history), the sweep itself
// (pipelines/asof), file formats (offline/columnar).
package training
