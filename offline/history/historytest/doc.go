// Package historytest makes the logs that tests of the history view read:
// regions with a broker and a schema registry in the process, a stream with a
// field of every type, records good and bad, and an account of what was
// accepted that is kept without any of the code under test.
//
// Contract: [Region.Accepted] lists the events whose records were made to be
// good, with the stamps that FORMAT.md derives from the append times that the
// broker gave. It knows what is good because it made the records, not because
// it judged them.
//
// Concurrency: a Region is used by one test goroutine.
//
// Errors end the test.
//
// Not here: files, manifests, folds.
package historytest
