// Command anabranch is the one binary of Anabranch: the embedded regions of
// dev and demo, the production worker and compactor, and every client command.
//
// Contract: exit 0 done, 1 failed, 2 wrong usage, 3 a check did not hold. With
// --json stdout carries one JSON document and progress goes to stderr. Settings
// come from flags over environment over --config file; a client command
// without any finds the dev server of the directory it is started in.
//
// Layout: main.go (flags and exit codes), settings.go (where things run), env.go
// (which regions there are), output.go (tables, JSON, progress), node.go (one
// running region), and one file a command.
package main
