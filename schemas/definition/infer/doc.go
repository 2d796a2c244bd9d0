// Package infer writes definitions to start from, out of a sample of someone's
// events or a registered Avro schema.
//
// Contract: what [FromSample] and [FromSchema] write parses
// (definition.Parse), and is the same for the same input. It guesses: which
// column keys the events, which one says when they happened, which may be null;
// each guess is a comment in the YAML, so that a person can correct it.
//
// Concurrency: everything is a pure function.
//
// Errors: a sample without columns, or a schema in which nothing can be an event
// timestamp.
//
// Not here: reading files, asking a schema registry (cmd), and what definitions
// mean (package definition).
package infer
