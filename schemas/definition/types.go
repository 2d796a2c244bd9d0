package definition

import (
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Project is a whole set of definitions, merged and checked. It is read-only
// once parsed.
type Project struct {
	Name     string
	Regions  []string // in the order given; the first leads the registry
	Entities []Entity
	Streams  []Stream
	Views    []View
	Services []Service
	Bases    []Basis
}

// Basis is a shared set of directions that vectors are projected on.
type Basis struct {
	Pos     Pos `json:"-"`
	Name    string
	Version int // from 1
	// Data is the file's content; what it says is for pipelines/merge.
	Data []byte
}

// Pos is where a definition was written, for messages. It carries no meaning
// and enters no hash.
type Pos struct {
	File string
	Line int
}

// Entity is what features are about. No join keys: the one global entity.
type Entity struct {
	Pos         Pos `json:"-"`
	Name        string
	JoinKeys    []JoinKey
	Description string
}

// JoinKey is one part of an entity's key: String, Int64 or Bytes.
type JoinKey struct {
	Name string
	Type value.Kind
}

// Stream is a changelog: one Kafka topic of Avro events keyed by one entity.
type Stream struct {
	Pos    Pos `json:"-"`
	Name   string
	Entity string
	Topic  string // default <project>.<stream>
	// Schema is the reader schema, Avro JSON with whitespace removed.
	Schema string
	// Fields are the reader schema's top-level fields, in order.
	Fields []Field
	// Key holds the index in Fields of each join key, in the entity's order.
	Key []int
	// EventTime is the index in Fields of the event timestamp.
	EventTime int
	// Created is the index in Fields of the created timestamp, or -1: the
	// log's append time.
	Created int
	// EventID says where an event's id is found.
	EventID EventID
	// EventIDHorizon is how long an id is remembered, by append time.
	EventIDHorizon stamp.Micros
	// MaxFuture is how far beyond its append time an event timestamp may lie.
	MaxFuture   stamp.Micros
	Partitions  int32
	Owner       string
	Description string
	Tags        map[string]string
}

// Field is one top-level field of a stream's schema.
type Field struct {
	Name     string
	Type     value.Type // Kind Null: a type that no feature can use
	Nullable bool
	// AvroType is the field's Avro type for messages, like "map" or "union".
	AvroType string
	// Millis: a Timestamp that the schema holds in milliseconds.
	Millis bool
}

// EventID names the place of an event's id: nowhere, a field, or a header.
type EventID struct {
	Field  int    // index in Fields, or -1
	Header string // name of a record header, or empty
}

// None reports whether the stream declares no event id.
func (e EventID) None() bool { return e.Field < 0 && e.Header == "" }

// View is a feature view: features of one entity over one stream.
type View struct {
	Pos         Pos `json:"-"`
	Name        string
	Stream      string
	TTL         stamp.Micros // 0: never
	Where       string       // CEL, or empty
	Features    []Feature
	Policy      Policy
	MaxBytes    int // max_bytes_per_key; 0: the default limit
	Owner       string
	Description string
	Tags        map[string]string
}

// Feature is one declared feature with all defaults filled in.
type Feature struct {
	Pos    Pos `json:"-"`
	Name   string
	Kind   string       // one of Kinds
	Of     string       // a field or a CEL expression, or empty (plain count)
	By     string       // count, top: an integer, a field or a CEL expression; default "1"
	Where  string       // CEL, or empty
	Window stamp.Micros // 0: lifetime
	Pane   stamp.Micros // 0 without a window
	Scale  int32        // fixed-point digits of sums, means and vectors; -1: not given
	As     string       // sum, mean: int64, float64, decimal or empty
	K      int          // recent, top
	Max    int          // set; default 1000
	// RemoveWhere (set) is CEL: an event for which it holds removes.
	RemoveWhere string
	Precision   int // approx_distinct; default 12
	// Weight (mean) is an integer, a decimal, a field or a CEL expression; empty:
	// every event weighs 1.
	Weight string
	// Exact (min, max): the window slides to the microsecond, not by panes.
	Exact bool
	// Observed (set): a remove undoes the adds that its reader had seen, not all
	// that are older.
	Observed      bool
	Error         float64      // top: greatest error as a part of the total, 0.0001 to 0.5; default 0.01
	Q             []float64    // quantiles: which, each in [0, 1], no two alike; default 0.5 and 0.99
	RelativeError float64      // quantiles: greatest relative error, 0.0001 to 0.5; default 0.01
	HalfLife      stamp.Micros // decayed_sum, ema: above 0
	Dim           int          // vectors: how many items `of` has, 1 to 4096
	// Bits (vectors) is how many bits, 1 to 32, are kept of each item; 0: all.
	Bits  int
	Basis string // low_rank: NAME@VERSION of a basis of the project
	// ErrorBudget is the greatest relative error that is accepted, in (0, 1); 0:
	// none. Not semantic, like the next two.
	ErrorBudget float64
	// Sensitivity is by how much a model's loss grows with one unit of
	// discrepancy between the value served and the true one; 0: not declared.
	Sensitivity float64
	// Discrepancy is how far apart two values are: abs, squared, jaccard, cosine,
	// l2; empty: not declared. With a sensitivity it is always there.
	Discrepancy string
	Description string
	Tags        map[string]string
}

// Policy holds the read budgets of a view or a service.
type Policy struct {
	MaxStaleness stamp.Micros // 0: not set
	Mode         string       // eventual, session, bounded or empty
	Deadline     stamp.Micros // 0: not set
	Partial      *bool
	Residency    []string // regions that may hold the view; empty: all
}

// Service is a feature service: an ordered list of features for a model.
type Service struct {
	Pos         Pos `json:"-"`
	Name        string
	Features    []Selection
	Policy      Policy
	Owner       string
	Description string
	Tags        map[string]string
}

// Selection is one entry of a service: features of one view, under one alias,
// with its join keys read from columns of other names.
type Selection struct {
	Pos      Pos `json:"-"`
	View     string
	Version  int               // 0: the version live at apply
	As       string            // alias, or empty: the view's name
	Keys     map[string]string // join key → request column; absent: its own name
	Features []string          // names, or "*"
}
