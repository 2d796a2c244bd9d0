// Package definition turns the files that a person writes into one checked,
// typed [Project], and a project into its canonical bytes and hashes.
//
// Contract: [Parse] reads strictly: what it does not know it refuses, and it
// fills in every default, so that nobody downstream has one of their own. It
// reports all problems that it finds, not only the first. [Encode] and [Decode]
// are inverses on parsed projects; equal projects have equal bytes.
// [ViewHash] and [StreamHash] cover what decides values, and nothing else.
//
// What may be written is one table (grammar.go): the reader, its messages and
// the editors' schema ([JSONSchema]) all come from it.
//
// Concurrency: everything here is a pure function; a parsed Project is
// read-only and may be shared.
//
// Errors: [Problems], each with file, line, what was found, what is allowed and
// the nearest name. What is planned but absent says "not built yet".
//
// Not here: the file system (the caller hands over [File]s), the meaning of
// expressions and their types (pipelines/expr, pipelines/fold), what the bytes of
// a basis say (pipelines/merge), decoding events
// (schemas/wire), what a change brings about (schemas/evolve). The canonical
// bytes are described in schemas/FORMAT.md.
package definition
