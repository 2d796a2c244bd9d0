package asof

import (
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Event is one accepted event of a key, from any source's log. It is
// read-only.
//
// An event of a log of retractions is the one that was taken back, at the place
// of the retraction in that log; its ID is wire.RetractedID.
type Event struct {
	Source    position.Source
	Partition int32
	Offset    int64
	Stamp     stamp.Stamp
	Time      stamp.Micros // event_timestamp
	Created   stamp.Micros // created_timestamp
	ID        []byte       // the event id, if HasID
	HasID     bool
	Observed  []byte // the token that its producer acted on, or nil
	// Fields are by index in the stream's Fields, those that no program needs may
	// be null; or as Sweeper.Compact was told.
	Fields []value.Value
}

// Knowledge is how the events that a label may see are cut by when they became
// known.
type Knowledge uint8

// The cuts in knowledge time.
const (
	ByLabel Knowledge = iota // created_timestamp <= t - Delay
	Off                      // none: by event time alone
)

// Cut says which events are in. The zero Cut is by label, without delay and
// without a cut of the whole query.
type Cut struct {
	Knowledge Knowledge
	Delay     stamp.Micros // ByLabel; not negative
	// Frontier, unless nil, lets in only what lies below its marks; a log that
	// it does not have lets in nothing.
	Frontier position.Frontier
	// AsOf, if Timed, lets in only what was created at or before it.
	AsOf  stamp.Micros
	Timed bool
	// Served gives what a region served that had folded up to the frontier: a
	// copy that another region had accepted before is taken back by what lies
	// below the frontier's marks of the logs of retractions, instead of by the
	// rule over all events in the cut. Without it events of such logs are passed
	// over.
	Served bool
}

// Admits reports whether an event of the stream passes the cuts of the whole
// query: frontier and as-of time.
func (c *Cut) Admits(stream string, e *Event) bool {
	if c.Timed && e.Created > c.AsOf {
		return false
	}
	if c.Frontier == nil {
		return true
	}
	return e.Offset < c.Frontier[position.Log{Stream: stream, Source: e.Source, Partition: e.Partition}].Next
}

// known is when an event is in the knowledge cut: at or after it.
func (c *Cut) known(e *Event) stamp.Micros {
	if c.Knowledge == Off {
		return stamp.NoTime
	}
	return e.Created + c.Delay
}
