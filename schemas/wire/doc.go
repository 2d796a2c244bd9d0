// Package wire says what a record on a stream's log means: its framing, its
// schema, its key and partition, the values of its fields, and whether it
// counts at all.
//
// Contract: [Reader.Read] is the one verdict on a record. It walks the whole
// body whatever fields are asked for, so every reader of a log (the fold, the
// compactor, a test) reaches the same verdict; the order in which the rules
// are tried is part of the format (FORMAT.md §4.4). A record is decoded by a
// program compiled once per writer schema: resolution, promotions, aliases
// and defaults cost nothing per record, and scalar fields cost no allocation.
// [Encoder] is the other direction, for what Anabranch itself produces.
//
// Concurrency: a Reader is owned by one goroutine; the event that it fills
// shares memory with the record and with the Reader until the next Read. An
// Encoder may be shared.
//
// Errors: a bad record is a [Verdict], never an error. The one error of Read is
// [*UnknownSchemaError]: nobody has told the reader that schema yet.
//
// Not here: fetching schemas (connectors/registry), stamps and positions
// (packages stamp and position), bounds of features at their scale
// (pipelines/fold), copying to quarantine (materializer).
//
// Source: Apache Avro 1.12 specification, sections "Binary Encoding" and
// "Schema Resolution"; Confluent wire format (magic 0, big-endian schema id);
// partitions as Apache Kafka's default partitioner.
package wire
