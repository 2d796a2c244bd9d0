// Package registrytest is the suite that every schema registry we work with
// passes: it takes the address of a running one.
//
// It writes subjects with random names and sets their own compatibility levels,
// so it may run against a registry that is in use, and again. It checks what
// clients rely on: ids, versions, lookup, compatibility at every level, and the
// kinds of errors. What only our own server promises is tested beside it.
package registrytest
