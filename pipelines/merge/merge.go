package merge

import (
	"cmp"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Order is the total order of a key's events: by event timestamp, then stamp,
// then source, then offset. It is the same everywhere.
type Order struct {
	Time   stamp.Micros
	Stamp  stamp.Stamp
	Rank   uint32 // the source's place among all sources of the project, by position.Source.Compare; never stored
	Offset int64
}

// Compare is -1, 0 or 1 as o is before, the same as or after p.
func (o Order) Compare(p Order) int {
	if c := cmp.Compare(o.Time, p.Time); c != 0 {
		return c
	}
	if c := cmp.Compare(o.Stamp, p.Stamp); c != 0 {
		return c
	}
	if c := cmp.Compare(o.Rank, p.Rank); c != 0 {
		return c
	}
	return cmp.Compare(o.Offset, p.Offset)
}

// Input is one event as a kind sees it.
type Input struct {
	Order Order
	// X is the value the kind is fed. For count: an Int64, what the event adds.
	// For sum and mean: the exact integer at the slot's scale, an Int64 or a
	// Decimal. For vectors: a list of those (Spec.Feed). For the others: the value of `of`. Only last and first are fed
	// nulls; the caller skips them for the other kinds.
	X value.Value
	// W is the event's weight (mean with a weight: the exact integer at the spec's
	// WeightScale; top: an Int64, not negative), if the spec has one.
	W value.Value
	// Remove (set): the event removes X.
	Remove bool
	// Source is whose event it is (set with Observed).
	Source position.Source
	// Seen (set with Observed) is what the reader had seen that the remove acts
	// for, at most one entry for each source.
	Seen []Covered
}

// Covered says that all events of a source's log before offset Next are in,
// for the partition of the key at hand.
type Covered struct {
	Source position.Source
	Next   int64
}

// State is the component of one kind over one set of events of one source: a
// pure function of that set, never of the order in which Add saw it. The
// caller feeds each event once.
//
// A State is owned by one goroutine. Equal sets give equal bytes.
type State interface {
	// Add folds one event in. It keeps no reference to in.X's slices.
	Add(in Input)
	// Combine folds in another state of the same Spec over a disjoint set of
	// events (another pane or another source); o is not changed and shares
	// nothing with the receiver afterwards.
	//
	//	fold(a ++ b) == fold(a).Combine(fold(b))
	Combine(o State)
	// Reset makes the receiver the identity of Combine, keeping its memory.
	Reset()
	// Value reads the state; Null where nothing was folded in and the kind has
	// no value for that. Its slices are the receiver's until its next call.
	Value() value.Value
	// Append appends the canonical bytes. Times, stamps and offsets are
	// written relative to base, which the container keeps.
	Append(dst []byte, base Order) []byte
	// Decode replaces the receiver with what Append wrote with the same base
	// (whose Rank it takes) and returns the bytes used. On an error the
	// receiver is unchanged. It keeps no reference to b.
	Decode(b []byte, base Order) (int, error)
	// Size estimates the memory that the state holds, in bytes.
	Size() int
}

// Moment is when a state is read and how far back.
type Moment struct {
	At stamp.Micros // the read time
	// From is where the window begins, to the microsecond; NoTime without one.
	From stamp.Micros
	// Newest is the event timestamp of the key's newest event, of any source.
	Newest stamp.Micros
}

// Timed is a State whose value depends on when it is read. Its Value is that
// at its own newest event, without a window.
type Timed interface {
	State
	// ValueAt is Value at a moment that is not before any event in it.
	ValueAt(m Moment) value.Value
}

// Group is a State whose Combine can be undone, so that events which turn out
// to count elsewhere are taken back.
//
//	a.Combine(b); a.Subtract(b) reads as a
type Group interface {
	State
	// Subtract takes out a state of the same Spec over events that are in the
	// receiver. Only the receiver's value matters from then on, not its bytes.
	Subtract(o State)
}

// Approximate is a State whose value may be inexact.
type Approximate interface {
	State
	// Err is the relative error of what Value says now: a standard error for
	// approx_distinct, a bound for quantiles, a bound as a part of the total for
	// top. 0: it is exact.
	Err() float64
}

// Incremental is a State whose Combine is idempotent and whose parts carry
// their offsets, so that a receiver who has everything up to an offset needs
// only what came after it.
//
//	s(lo).Combine(since(s(hi), lo)) == s(hi)   for lo <= hi
type Incremental interface {
	State
	// AppendSince appends, as Append would, a state of only the parts whose
	// offset is beyond after.
	AppendSince(dst []byte, base Order, after int64) []byte
}
