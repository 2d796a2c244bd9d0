// Package fixedmath is the exponential and the logarithm of base 2 in integers,
// the rounding of integers to floats, and a 256-bit integer: what the kinds of
// package merge need beyond exact sums, the same bits on every machine.
//
// Contract: every function is pure integer arithmetic over constants; each says
// its units and a bound of its error, which its tests hold against math/big.
// The one float in here is made of its bits.
//
// Concurrency: all functions may be called from anywhere; values are copied.
//
// Errors: none; an argument out of its range is the caller's bug.
//
// Not here: other bases, natural logarithms, anything that needs more than 2^-60.
//
// Source: the algorithms are FORMAT.md §5 (Logarithms and powers of two);
// their shape, a table and a short series of positive terms, is as in Tang,
// "Table-driven implementation of the exponential function" (ACM TOMS 1989).
package fixedmath
