// Package registry is the schema registry: a client for any registry that
// speaks Confluent's REST interface, and a small registry of our own that speaks
// it too.
//
// Server answers the part of the interface that producers' and consumers'
// clients use (subjects, versions, ids, lookup, configuration, mode,
// compatibility, soft and permanent deletion) for Avro schemas without
// references, and checks compatibility for real. It keeps its state in one file
// of JSON lines, which is fsynced before a change is answered. Client works with
// it, with Confluent's registry and with Apicurio's /apis/ccompat/v7; package
// registrytest is the suite that all of them pass.
//
// Contract. An id names one schema for ever: the same schema, registered under
// any subjects, has one id, also after deletion and restart. Two texts are the
// same schema if they differ in white space, in the order of attributes, in
// whether a namespace is spelled out, or in whether {"type": "string"} is
// written for "string"; documentation, defaults, aliases and other attributes
// count.
//
// Concurrency. Server and Client are safe for concurrent use. Server serializes
// changes; reading never waits for the disk.
//
// Errors. Client returns *Error for what a registry said. ErrNotFound is in it
// when the registry says definitely that the thing does not exist, which a proxy,
// a wrong path or a registry that is starting never cause; IsRetriable tells what
// may pass by itself.
//
// Not here: Protobuf and JSON schemas, references, contexts, metadata and rule
// sets, which are refused; modes other than READWRITE.
package registry
