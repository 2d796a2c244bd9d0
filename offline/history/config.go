package history

import (
	"errors"
	"fmt"
	"time"

	"anabranch.dev/anabranch/connectors/blob"
	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// Config says what to read.
type Config struct {
	Project *definition.Project
	Stream  string
	// Needed are the fields to read, by index in the stream's Fields; nil: none. A field that no feature can use cannot be
	// needed.
	Needed []bool
	// Observed asks for the tokens that producers acted on.
	Observed bool
	// Retractions asks for what the regions took back of a stream whose ids they
	// share, from their logs alone: events of the sources that
	// position.Source.Retractions names.
	Retractions bool
	Origins     []Origin // each source once
	// Upto is the cut: of each log the events below its mark are read; a log that is not in it is not read. Nil: what is
	// committed when Open is called, or without brokers what the files cover. A mark beyond what there is, is no error:
	// see History.Frontier.
	Upto position.Frontier
	// MemoryBytes bounds what is kept of the logs' tails in memory. Default 256 MiB.
	MemoryBytes int64
	// TempDir holds what exceeds that. Default the system's.
	TempDir string
	// Progress is told while tails are read, from Open alone. Default: nobody is.
	Progress func(Stats)
	// Patience is how long brokers may hand out nothing. Default 30 s.
	Patience time.Duration
}

// Origin is one source of the stream and where its events are found.
type Origin struct {
	Region      string
	Incarnation uint32           // default 1
	Store       blob.Store       // of its files; nil: there are none
	Kafka       *kafka.Client    // of its log; nil: files only
	Registry    *registry.Client // of its log's schemas; needed with Kafka
}

func (o Origin) source() position.Source {
	return position.Source{Origin: o.Region, Incarnation: max(o.Incarnation, 1)}
}

// Validate reports what is missing.
func (c Config) Validate() error {
	if c.Project == nil || c.Project.Stream(c.Stream) == nil {
		return fmt.Errorf("history: no stream %q in the project", c.Stream)
	}
	s := c.Project.Stream(c.Stream)
	if c.Needed != nil && len(c.Needed) != len(s.Fields) {
		return fmt.Errorf("history: %d fields are marked as needed or not, stream %s has %d", len(c.Needed), s.Name, len(s.Fields))
	}
	for i, needed := range c.Needed {
		if needed && s.Fields[i].Type.Kind == value.Null {
			return fmt.Errorf("history: field %s: a field of Avro type %s cannot be read", s.Fields[i].Name, s.Fields[i].AvroType)
		}
	}
	if len(c.Origins) == 0 {
		return errors.New("history: no origins")
	}
	seen := map[position.Source]bool{}
	for _, o := range c.Origins {
		switch {
		case o.Region == "" || seen[o.source()]:
			return fmt.Errorf("history: origin %q is missing its region or given twice", o.Region)
		case o.Store == nil && o.Kafka == nil:
			return fmt.Errorf("history: origin %s has neither files nor a log", o.Region)
		case o.Kafka != nil && o.Registry == nil:
			return fmt.Errorf("history: origin %s has a log and no registry", o.Region)
		}
		seen[o.source()] = true
	}
	if c.MemoryBytes < 0 {
		return fmt.Errorf("history: %d bytes of memory", c.MemoryBytes)
	}
	return nil
}

// Keys is a set of keys in ascending order of their bytes; nil stands for all.
type Keys = table.Keys

// Event is one accepted event.
type Event struct {
	Source    position.Source
	Partition int32
	Offset    int64
	Stamp     stamp.Stamp
	Time      stamp.Micros // event_timestamp
	Created   stamp.Micros // created_timestamp
	ID        []byte       // event_id, if HasID
	HasID     bool
	Observed  []byte // the token that its producer acted on, if Config.Observed; nil if it has none
	// Fields are the needed fields' values, in the order of History.Fields, and no others: an event takes as much memory
	// as it must. See Spread.
	Fields []value.Value
}

// Stats counts what was read.
type Stats struct {
	Rows        int64 // handed out by scans
	Files       int64 // opened
	Bytes       int64 // length of the files opened
	TailEvents  int64 // accepted events read from logs
	TailOffsets int64 // offsets read from logs, of TailTotal
	TailTotal   int64
	Quarantined int64 // records of the tails that are no events
	SpilledRows int64 // rows of tails kept in temporary files
}

// Spread makes of e, an event of a key, what the fold takes: dst.Fields is by index of the stream's fields and made as long
// as it must be; fields that were not needed are null. dst shares memory with key and e.
func (h *History) Spread(dst *wire.Event, key []byte, e *Event) {
	if len(dst.Fields) != len(h.stream.Fields) {
		dst.Fields = make([]value.Value, len(h.stream.Fields))
	}
	dst.Key, dst.Time, dst.Created = key, e.Time, e.Created
	dst.Partition, dst.Offset, dst.SchemaID = e.Partition, e.Offset, 0
	dst.ID, dst.HasID, dst.Observed = e.ID, e.HasID, e.Observed
	for i, f := range h.layout.Fields() {
		dst.Fields[f] = e.Fields[i]
	}
}
