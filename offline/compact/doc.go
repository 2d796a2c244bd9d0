// Package compact turns a stream's log into its events table: Parquet files on
// an object store, listed by a manifest.
//
// # Contract
//
// [Compactor.RunOnce] reads the own region's log from the manifest's marks up to
// the committed ends that it finds when it starts, in cycles of bounded size.
// A cycle is: read and judge, sort, write one file, upload it under a name that
// no one else has, and commit a manifest that lists it. Only the commit counts.
// A crash before it leaves a file that no manifest names; the next run reads
// the same records again. A crash after it loses nothing. Two compactors on one
// table race for each number: the loser drops its file and goes on from the
// winner's marks. So every accepted event of the log is in the table exactly
// once, whatever fails and however often.
//
// Then small files are merged ([Plan] says which, a function of the file list
// alone), so that there are few of them and each event is written again a
// number of times that grows with the logarithm of the table; and files that
// have been retired for longer than the grace period are deleted.
//
// If the stream's definition has changed, the table is written anew from its
// start and replaces the old one in one commit.
//
// # Concurrency
//
// A Compactor is used by one goroutine. Several, in any number of processes, may
// work on one table.
//
// # Errors
//
// *kafka.GapError and *kafka.IdentityError: the log lacks what the table needs
// next, or is another log: compaction halts and a person must look; nothing is
// skipped. [*DefinitionError]: the definition has changed and the log no longer
// has the table's start. *tail.SchemaError: a partition stands still at a record
// whose schema the registry does not know; the others are compacted.
//
// # Not here
//
// Reading the table (offline/history), its format (offline/history/table,
// offline/manifest).
package compact
