// Package table says what a row of the events table is: which columns, of
// which types, in which order, in which groups; and reads such rows in order.
//
// # Contract
//
// One row is one accepted event. A [Layout] has the columns: every field of the
// stream's schema under its own name, then the event's own, whose names begin
// with two underscores (more, if a field has such a name): key, event and
// created timestamp, append time, partition, offset, stamp, event id, schema
// id, and the token that the producer acted on. Rows are sorted by (partition, key, event timestamp, stamp), keys by
// their bytes, and no row group holds rows of two partitions, so that a reader
// of one partition, or of few keys, passes over the others by their bounds and
// bloom filters. The stamp is unique within a partition, so the order is total
// and a file's bytes are a function of its set of events.
//
// A field of a type that no feature can use is kept as the Avro bytes that its
// writer wrote, to be read with the writer's schema, which the column of schema
// ids names. The stamp's 64 bits are stored as an int64.
//
// A [Cursor] walks rows of one partition in that order, from a file or from
// memory; a [Merge] walks several at once.
//
// # Concurrency
//
// A Layout is read-only once made and may be shared. Cursors and merges belong
// to one goroutine.
//
// # Errors
//
// A file whose columns or groups are not those of the layout is refused before
// its rows are read.
//
// # Not here
//
// Which files there are (offline/manifest), where events come from
// (offline/history/tail).
//
// Format: FORMAT.md §8.
package table
