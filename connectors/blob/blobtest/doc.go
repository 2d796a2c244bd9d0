// Package blobtest proves stores: a conformance suite that takes a constructor (Run), a store in memory (NewMemory), and
// a store that fails on purpose (Faulty) with a sweep over every point at which a program can fail (EachFault).
//
// # Contract
//
// Run holds a store to the contract of package blob. EachFault runs a scenario once without faults to count its
// operations, then again for every operation and every fault, each time on a store of its own; faults come in the
// variants that a caller must tell apart or survive alike: see Fault.
//
// # Concurrency
//
// Memory and Faulty may be used from many goroutines. The numbering of Faulty's operations is the order of their calls.
//
// # Errors
//
// Injected errors are found by errors.Is(err, ErrInjected); those that stand for a lost request or a lost reply are
// also blob.ErrUnknown.
//
// # Not here
//
// Servers. The suite for S3 runs in the integration tests against a real one.
package blobtest
