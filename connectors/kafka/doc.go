// Package kafka is the only door to Kafka: a narrow, typed client for producing
// to, reading from and describing logs, in terms that name no Kafka library.
//
// A Client holds the connections for producing and for administration. A Reader
// reads partitions from given offsets, without consumer groups, and hands out
// the brokers' batches without copying them. A Bulk is a producer for streams
// of records with a bound on what is in flight. Package embedded has a broker.
//
// Contract.
//
//   - Reading is read-committed and never resets: an offset that the log does
//     not have is a *GapError, a log that is not the one it was is an
//     *IdentityError, damaged bytes are a *CorruptError; each stops that one
//     partition and no other. Offsets without records (transaction markers,
//     aborted or compacted records) are not gaps: Next says how far a
//     partition is read.
//   - Producing is idempotent with acks=all, to the partition that the caller
//     names. A *ProduceError says whether the record is definitely not in the
//     log or whether that is unknown.
//   - Append times are what the broker says. With LogAppendTime a produce
//     answer does not carry the time: read it back.
//
// Concurrency. A Client is safe for concurrent use. A Reader is polled by one
// goroutine; Add, Remove and LastError may be called from any. Close joins every
// goroutine that was started.
//
// Errors. IsRetriable tells what may pass by itself.
//
// Not here: consumer groups, what a record means, schemas, retries beyond the
// protocol's own.
package kafka
