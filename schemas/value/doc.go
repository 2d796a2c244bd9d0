// Package value holds what a field, a feature and a join key can be: its
// types, one value of them, exact 128-bit numbers, and their canonical bytes,
// order and JSON.
//
// Contract: a [Value] is a plain struct, safe to copy; its B and L slices are
// shared with whoever made it until [Value.Clone]. Equal values have equal
// canonical bytes ([Append]) and the reverse. Floats are never NaN or infinite
// and never -0 once made by [Float].
//
// Concurrency: values are data; share them read-only.
//
// Errors: [Decode] says offset and reason and returns the zero Value.
//
// Not here: Avro (package wire), Parquet and Arrow (offline/columnar), how
// values merge (pipelines/merge). The canonical bytes are FORMAT.md §2.
package value
