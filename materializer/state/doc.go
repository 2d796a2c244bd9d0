// Package state is the online store of one region: rows of feature views in a
// bounded memory tier over Pebble, and the frontier that says what is in them.
//
// Contract. A [View] is one instance of a feature view, cut into [Shard]s, one
// a partition. One goroutine owns a shard: it alone folds, absorbs and flushes.
// Rows and frontier change together for readers (one lock per shard) and on
// disk (one batch per flush), so what is read at a frontier is exactly what was
// folded up to it. A flush needs no fsync: the log is the journal, and after a
// crash the fold resumes from the frontier that the store holds.
//
// The ids of a stream that several regions accept are a View without rows
// ([Store.OpenIDs]): its shards know which records of an id count in each
// region's log, and which own ones are copies ([Shard.DueNow]). What a region took
// back is folded by [Tx.TakeBack] into a part of its own.
//
// Concurrency: readers use [View.Read], [View.Age], [View.Frontier] and
// [View.Wait] from any goroutine; everything that changes a shard belongs to
// its owner.
//
// Errors are of the disk or of bytes that do not decode; the owner aborts the
// change, after which nothing of the shard is read, flushed or shipped. A view
// that is replaced is retired: reads of it fail with [ErrRetired]. Not here: where records come from (materializer/worker),
// what they mean (pipelines/fold). The keys and values on disk are FORMAT.md §6.
package state
