// Package statetest is a disk in memory for tests of what stands on
// materializer/state: it is fast, and it can crash.
//
// Contract. A [Disk] holds one store. [Disk.Crash] is what a machine that stops
// at that instant would find afterwards; the disk itself goes on as before.
//
// Concurrency: safe. Not here: faults while reading or writing.
package statetest
