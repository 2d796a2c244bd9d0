// Package embedded is a Kafka broker inside the process: it listens on real
// TCP, keeps its log in a directory and stamps every batch with the time at
// which it was appended, whatever the producer claims.
//
// It wraps franz-go's kfake, which speaks the protocol but ignores
// message.timestamp.type. The stamp is made in two places, because kfake
// overwrites the timestamps of a batch that carries the LogAppendTime bit
// without mending its checksum:
//
//   - on produce, in the order in which batches enter the log, the batch's
//     first and max timestamp become the broker's clock and the checksum is
//     computed anew; the log on disk holds these bytes;
//   - on fetch, the LogAppendTime bit is set in the answer and the checksum is
//     computed anew, so that every client reads the batch's max timestamp as
//     the time of each of its records.
//
// Contract. Append times are milliseconds, never decrease in a broker's
// life, and never start below what the log already holds. A batch with a wrong
// checksum is refused and never stored. An acknowledged batch survives
// kill -9: each append is fsynced. The cluster id, topic ids and topic
// configurations survive too. What does not survive kill -9: the sequence
// windows of idempotent producers (a retry across the crash can be appended
// twice), open transactions (they are aborted), and the low watermark of
// DeleteRecords (deleted records may show again).
//
// Concurrency. Every method of Broker is safe for concurrent use.
//
// Errors. Open says which directory is held, and by which process.
//
// Not here: retention and compaction. The log is the only truth and a log whose
// last batch is trimmed would restart at offset 0, so the cleaner never runs
// (cleanup.policy, retention.ms and retention.bytes are stored and reported,
// nothing more), and DeleteRecords keeps the last record of a partition.
// Replication, quotas and min.insync.replicas have no effect. Topics are never
// created by asking for them.
package embedded
