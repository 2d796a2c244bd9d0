// Package manifest is the truth about the history files of one table: the
// events of one stream, one origin and one incarnation.
//
// # Contract
//
// A [Manifest] is an immutable numbered document that lists the files of the
// table, the exact intervals of offsets that each of them covers, and per
// partition the mark up to which all of them together cover the log: from the
// table's start to the mark, every offset lies in exactly one interval of
// exactly one file. Manifest N+1 is made from N by [Next], a function of its
// arguments alone, and published by [Commit], which creates its object if the
// number is free. So of any number of writers one wins each number, the others
// see it and plan again; nothing that was committed is ever lost. Numbers are
// never reused and manifests never deleted. The newest is found by probing
// forward from a hint, never by listing.
//
// Names below the store's root (FORMAT.md §8):
//
//	<project>/events/<stream>/<origin>/<incarnation>/<file>.parquet
//	<project>/manifests/<stream>/<origin>/<incarnation>/<N, 12 digits>.json
//	<project>/manifests/<stream>/<origin>/<incarnation>/head
//
// Files that a manifest no longer lists stay named as retired until they are
// deleted, which no one may do before the grace period is over: a reader that
// loaded the manifest before holds their names. A file that was uploaded and
// never committed is an orphan: it is in no manifest, harms nothing, and
// [Orphans] reports it.
//
// # Concurrency
//
// Manifests are values; nothing here changes one that was handed out. Load,
// Commit and Update may be called by any number of processes at once.
//
// # Errors
//
// [ErrConflict]: another writer took the number; load and plan again.
// blob.ErrUnknown: it is not known whether the commit happened; nothing may be
// deleted, and whoever comes next loads and plans again. [*OverlapError]: what
// is to be added is, in part or as a whole, there already.
//
// # Not here
//
// What is in the files (offline/history/table), who writes them
// (offline/compact), who reads them (offline/history), clocks and random
// names, which callers bring along.
package manifest
