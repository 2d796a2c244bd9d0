// Package columnar reads and writes typed, column-major tables: Parquet files of events, snapshots and training sets,
// the spines that users bring (Parquet, CSV, JSONL, Arrow), and Arrow streams. It is the only door to parquet-go and,
// beside the serving codec, to Arrow.
//
// # Contract
//
// A [Vector] is one column of a [Batch]: dense typed slices, nulls beside them, reused from batch to batch. A [Writer]
// turns batches into one Parquet file whose bytes depend on the sequence of rows, the schema and the options alone: not
// on how the rows were cut into batches, on time or on chance. A [File] gives a typed view of any Parquet file: columns
// of our types are readable, others are listed by [File.Unreadable] and refused only when they are asked for. A [Table] is
// an input whose rows come back in their order, all of them: [Table.Extend] writes its columns followed by new ones.
//
// Times are microseconds since 1970-01-01T00:00:00Z; finer ones are floored. [Column.Local] marks readings of a wall clock
// without a zone; [Times] turns them into instants.
//
// # Types on disk
//
//	boolean BOOLEAN · int64 INT64 · float64 DOUBLE · string BYTE_ARRAY (STRING) · bytes BYTE_ARRAY
//	date32 INT32 (DATE) · timestamp INT64 (TIMESTAMP MICROS) · decimal(38, s) FIXED_LEN_BYTE_ARRAY(16) (DECIMAL)
//	list: 3-level LIST with optional elements · struct: group with optional members
//
// # Concurrency
//
// A Vector, Batch, Writer, Scanner or Extender belongs to one goroutine. A File and a Table may be scanned from several
// goroutines, each with its own Scanner.
//
// # Errors
//
// Input is never trusted: a corrupt file is an error that names the column, and a panic of a decoder becomes one; lengths
// are checked before the libraries believe them where that is possible (a run of dictionary indexes can still make
// parquet-go allocate some GiB for a moment). Errors about a user's row carry its number, counting from 1.
//
// # Not here
//
// Where files lie (connectors/blob), which files make a table (offline/manifest), what rows mean.
//
// Sources: the Apache Parquet format and its LogicalTypes, the Arrow columnar format, RFC 4180, RFC 8259, RFC 3339.
package columnar
