// Package expr compiles CEL expressions over one event's fields and evaluates
// them; it is the only door to cel-go.
//
// Contract: [Compile] parses, checks and plans once. What is refused is
// refused there: unknown fields (with the nearest name), types that cannot be
// read or returned, functions outside the list below. A bare field name is no
// CEL at all ([Expr.Plain]) and may be of any type that a feature can use.
//
// Types: int64, float64, string, boolean, bytes, timestamp and lists of them
// read as CEL's int, double, string, bool, bytes, timestamp and list. A date
// reads as the timestamp of its midnight in UTC. Decimals can only be used as
// a bare field name. A result is one of the same types; a timestamp is floored
// to microseconds, -0 is 0.
//
// Numbers: int and double mix in arithmetic, comparisons, branches of ?:, in
// list and map literals and in `in`; the int is converted as by double().
// Everything else is CEL's: int/int is an integer division, doubles follow
// IEEE 754 between operators.
//
// Nulls: a null field makes what reads it null, except that `x == null` and
// `x != null` test for it, and || and && are Kleene's:
//
//	false && null == false    true || null == true    !null == null
//
// `null` may be a branch of ?:. A null item of a list is null when it is read;
// `in` finds no null. A null condition does not hold ([Expr.Cond]).
//
// Errors: overflow, division of an int by zero, an index out of range, a
// result that is NaN, infinite or out of its type's range, and a comprehension
// that costs too much are run-time errors. [Expr.Eval] and [Expr.Cond] return
// them beside null or false, so that the caller counts them; their text may
// quote values and is not for logs. || and && absorb them as they absorb nulls;
// of a null and an error, the one met first from the left decides.
//
// Functions: CEL's operators, size, contains, startsWith, endsWith, matches
// (RE2, the pattern a literal), the conversions int, double, string, bytes,
// bool, timestamp and duration, the accessors of timestamps and durations (a
// time zone only as a literal UTC or ±hh:mm: no zone database), the macros
// all, exists, exists_one, map and filter over lists, and of the strings
// extension charAt, indexOf, join, lastIndexOf, lowerAscii, replace, split,
// substring, trim and upperAscii. Nothing reads a clock, a file or a random
// source. Work is bounded by the size of the source and by a cost limit.
//
// Concurrency: an [Expr] is immutable and may be used by many goroutines.
//
// Not here: which kind takes which type (pipelines/fold), decoding of events
// (schemas/wire). Source: the CEL language definition, github.com/google/cel-spec.
package expr
