// Package history is the events of a stream, of all origins, as they were
// accepted: from the files of their tables and the tails of their logs.
//
// # Contract
//
// [Open] fixes what is read: for each origin and partition the events below a
// cut, which is a given frontier, or what the log had committed when it was
// opened. Files cover the log up to a mark; what lies between that mark and the
// cut is read from the log, judged and stamped as the fold does it, and kept:
// in memory, and beyond a bound in a temporary file. Without brokers the cut is
// what the files cover. Without files everything comes from the log, which must
// then begin at offset 0. [History.Frontier] says what was reached.
//
// [History.Scan] hands out one partition, key by key in ascending order of the
// keys' bytes, each key once with all its events of all origins, ordered by
// (source, offset): as each log took them. What a scan hands out is a function
// of the logs and the cut alone, not of how they are cut into files, of when
// they were compacted, or of what was kept where. Only the columns that are
// needed are read; with a set of keys, row groups that cannot hold any of them
// are passed over.
//
// Memory is bounded by the largest key, a batch of each file, and
// Config.MemoryBytes.
//
// # Concurrency
//
// Scan may be called from several goroutines at once. What fn is given belongs
// to the scan and is valid until fn returns.
//
// # Errors
//
// *kafka.GapError: neither files nor log have some of the events. An
// *kafka.IdentityError: files and log do not belong together. *tail.SchemaError:
// a record cannot be judged. Nothing is ever left out without an error.
//
// # Not here
//
// Deduplication by event id, filters, features: they are the fold's
// (pipelines/fold). Compaction (offline/compact).
package history
