// Package blackbox judges the whole program from outside: random projects,
// random events and a brute-force oracle that knows the meaning of values and
// nothing of this code.
//
// Contract: generate.py draws a project and its events from a seed, oracle.py
// says what every feature is worth, run.py drives the binary through its
// commands, HTTP and Kafka and compares cell by cell, with types, before and
// after kill -9. The test, with the build tag "integration", runs a few seeds:
//
//	go test -tags integration -count=1 -v ./ops/integration/blackbox
//
// Errors: a failed seed keeps its directory, and the message names the cell.
//
// Concurrency: seeds run one after the other.
//
// Not here: real parts outside of the program (ops/integration).
package blackbox
