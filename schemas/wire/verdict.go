package wire

import (
	"fmt"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Reason is why a record is quarantined. Empty: it is not.
type Reason string

// The reasons, in the words that users see.
const (
	Accepted           Reason = ""
	Tombstone          Reason = "tombstone"           // the value is null
	OverBound          Reason = "over bound"          // a value over MaxEventSize, a decimal beyond 2^95, a list over value.MaxListItems
	Undecodable        Reason = "undecodable"         // framing or body are not what the schema says, or a time that no calendar has
	IncompatibleSchema Reason = "incompatible schema" // the writer's schema cannot be read as the stream's
	NotFinite          Reason = "not finite"          // a float that is NaN or infinite, anywhere in the body
	NullKeyField       Reason = "null key field"      // a join key's field is null
	Misrouted          Reason = "misrouted"           // not in the partition of its key
	Future             Reason = "future"              // event_timestamp beyond append time + max_future
)

// Verdict is the judgement of one record: a function of the record, its
// writer's schema and the stream's definition, and of nothing else.
type Verdict struct {
	Reason Reason
	Detail string // one line for a person: where, found, wanted
}

// OK reports whether the record counts.
func (v Verdict) OK() bool { return v.Reason == Accepted }

// String is the reason and the detail.
func (v Verdict) String() string {
	switch {
	case v.OK():
		return "accepted"
	case v.Detail == "":
		return string(v.Reason)
	}
	return string(v.Reason) + ": " + v.Detail
}

// UnknownSchemaError says that a record carries a schema id that the reader
// has not been told: ask the registry, AddSchema, and Read again.
type UnknownSchemaError struct{ ID int32 }

func (e *UnknownSchemaError) Error() string { return fmt.Sprintf("schema id %d is not known", e.ID) }

// Record is one record of a stream's log, as it came.
type Record struct {
	Key, Value   []byte
	ValueNull    bool                             // the value is null, which is not an empty one
	Header       func(name string) ([]byte, bool) // the last header of that name; nil: there are none
	Partition    int32
	Offset       int64
	AppendMillis int64 // the log's append time, milliseconds since the epoch
}

// Event is what an accepted record says. Its slices share memory with the
// record and the Reader, until the next Read; it is read-only. After a verdict
// other than Accepted its content is unspecified.
type Event struct {
	Key       []byte       // canonical key text (AppendKey), built from the value's fields
	Time      stamp.Micros // event_timestamp
	Created   stamp.Micros // created_timestamp: the declared field, else (or if null) the append time
	Partition int32
	Offset    int64
	SchemaID  int32 // of the writer, in the origin's registry
	// ID is the event's id, if HasID: the declared header's bytes, or the
	// field's text (FORMAT.md §4.5).
	ID    []byte
	HasID bool
	// Observed is the header anabranch-observed: the token of the read that the
	// producer acted on (FORMAT.md §4.6), or nil.
	Observed []byte
	// Fields are the values by index in the stream's Fields. Those that were
	// not asked for may be null.
	Fields []value.Value
}
