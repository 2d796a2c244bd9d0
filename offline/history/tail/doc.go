// Package tail reads a stretch of a stream's log as the fold reads it: every
// record judged, every stamp derived, nothing skipped.
//
// # Contract
//
// [Open] is given where each partition begins (a mark, with its stamp) and
// where it ends, both fixed before the first record is read. [Reader.Read]
// hands out the accepted events of each partition in the order of the log; the
// state of a partition then says up to where it is read, and the stamp there,
// over all records, quarantined ones too. Two readers of the same stretch hand
// out the same, whatever their batches.
//
// # Concurrency
//
// A Reader belongs to one goroutine; Close joins what it started.
//
// # Errors
//
// *kafka.GapError: the log does not have, or no longer has, what is asked for.
// *kafka.IdentityError: the log is not the one that the marks count in. Both
// stop everything, since a person must look. [*SchemaError]: a record carries a
// schema id that the registry does not answer for; that partition stands still
// at the record, the others go on, and [Reader.Err] says so at the end.
// [*StalledError]: the brokers hand out nothing any more.
//
// # Not here
//
// Waiting for new records, quarantine topics, verdicts of features
// (pipelines/fold).
package tail
