// Package tidy holds the house rules of this repository as a test: run
// `go test ./ops/tidy`.
//
// Contract: [Check] reads a source tree and returns every violation with its
// file and line, sorted. It parses Go and never type-checks or builds, so that
// it works offline, in a second or two, also while other packages are broken.
// Each [Rule] is a pure function of the [Tree] and has a seeded violation in
// the tests of this package: a rule that cannot fail is itself a failure.
//
// Concurrency: a Tree is read-only after [Load].
//
// Errors: only an unreadable or unparsable file is an error; everything else
// is a [Violation].
//
// Not here: gofmt, vet and staticcheck, which the build runs on their own.
package tidy
