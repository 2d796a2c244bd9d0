// Package intake turns rows into a stream's records: what any producer with an
// Avro serializer does, for rows that come by HTTP or from a file.
//
// Contract. A row is encoded by the latest schema that the region's registry
// holds for the stream, in the Confluent wire format; its key is the canonical
// text of its join keys and its partition the one that key belongs to
// (FORMAT.md §4.2), so a record from here is never misrouted. A row that the
// schema cannot hold, or with a null join key, is refused before anything is
// sent. [Intake.Push] returns when all in-sync replicas have acknowledged.
//
// Concurrency. An [Intake] is safe for concurrent use; an [Encoder] is owned by
// one goroutine.
//
// Errors. [*RowError] names the row that is to blame; errors of Kafka and of
// the registry come as they are.
//
// Not here: reading files (cmd), the encoding itself (schemas/wire), what makes
// a record count (the verdict of wire.Reader).
package intake
