// Package blob keeps immutable named objects in a directory or in an S3 bucket, and is the only door to the AWS SDK.
//
// # Contract
//
// An object is a name and bytes that never change under that name. Small objects that decide something (manifests, hints,
// claims) are written by Create, which succeeds for exactly one of any number of writers of a name. Large objects are
// written by Upload under names that are unique by construction (they hold a writer's random id), so no two writers ever
// mean different bytes by one name. There is no rename, no append and no overwrite that a reader could see half of.
//
// Truth is never found by List: a reader that must know the newest of a numbered series probes forward with Get until
// ErrNotFound. List is for tools and for cleaning up.
//
// # Consistency
//
// Every operation on one name is linearizable: once Create or Upload has returned nil, each later Get, Open, Create and List,
// from any process, sees the whole object; nobody ever sees a part of it. An object that is replaced or deleted while a
// reader holds it open is read to its end (directory) or fails the read (S3, where each range is pinned to the entity tag);
// it is never a mixture.
//
// # Durability
//
// A nil from Create and Upload means that the object survives a power cut: the directory store has synced file and
// directory, S3 has answered. Objects of one directory become durable in the order of their creation, so a durable
// object N+1 implies a durable N. ErrExists from Create means that the winner's object is durable too.
//
// # Concurrency
//
// A Store may be used from any number of goroutines and processes. No lock is held across IO.
//
// # Errors
//
// ErrExists, ErrNotFound and ErrUnknown are found by errors.Is. ErrUnknown means that the outcome of a write is not known
// (a reply was lost): the caller re-reads the name, compares what it finds with what it meant to write, and never assumes.
// Any other error of Create means that nothing was written. A bucket that does not exist, or credentials without the right
// to list it, is never ErrNotFound: a missing permission must not look like an empty table.
//
// # Not here
//
// Retention, caching of whole objects, manifests and their numbering, digests, credentials (the AWS chain finds them).
package blob
