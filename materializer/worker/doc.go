// Package worker is the shell of the fold in one region: it follows the
// registry log, reads streams and delta topics, lets the pure machines judge,
// fold and absorb, and keeps the state store.
//
// Contract. A [Region] owns all partitions of one project in one region, with
// one goroutine per view and partition: read, step, apply, commit. What it
// serves from is [Region.Live], an immutable snapshot that is replaced as a
// whole when definitions change. A new or changed view is folded from the log's
// start in a pipeline of its own and is ready once it has reached what the logs
// held when it began.
//
// Nothing is skipped: a gap, another log under the same name, or bytes that do
// not decode halt the partition with a [HaltError] that says what to do; the
// other partitions go on. A schema id that the registry does not answer for
// blocks its partition's own log, with the reason in the status, until it does;
// rounds of other regions and other partitions go on. Rounds that are overdue by
// what their origin said of its log are asked for.
//
// The ids of a stream that several regions accept are worked on like a view
// without features. What they find to be a copy is appended to the own log of
// retractions, by that pipeline alone, and every view of the stream folds that
// log behind the one that it corrects.
//
// Concurrency: Run starts every goroutine in one group and joins them. Other
// methods are safe to call from anywhere while Run runs; [Region.Do] runs a
// function in the goroutine that owns a shard.
//
// Not here: sending rounds (materializer/mirror), HTTP (materializer/serve),
// history (offline).
package worker
