package table

import (
	"slices"
	"strings"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// The names of the columns that are not fields, after the layout's prefix.
const (
	nameKey        = "key"
	nameTime       = "event_timestamp"
	nameCreated    = "created_timestamp"
	nameAppendTime = "append_time"
	namePartition  = "partition"
	nameOffset     = "offset"
	nameStamp      = "stamp"
	nameEventID    = "event_id"
	nameSchemaID   = "schema_id"
	nameObserved   = "observed"
)

var systemNames = []string{
	nameKey, nameTime, nameCreated, nameAppendTime, namePartition, nameOffset, nameStamp, nameEventID, nameSchemaID, nameObserved,
}

// optionalNames are the columns that not every event has.
var optionalNames = []string{nameEventID, nameObserved}

// Layout is the columns of rows of one stream: all of them, or those that a reader needs.
type Layout struct {
	Schema columnar.Schema
	prefix string
	fields []int // of the stream, of the first columns
	at     struct{ key, time, created, appendTime, partition, offset, stamp, eventID, schemaID, observed int }
}

// Full is the layout of files: every field, and every column of the event's own.
func Full(s *definition.Stream, e *definition.Entity) *Layout {
	return newLayout(s, e, func(int) bool { return true }, systemNames)
}

// Project is the layout of a reader: the fields that needed names by index (nil: none) and that a feature can use, and
// what makes an event: key, times, position, stamp, the id if the stream has ids, and, if observed, what its producer had
// seen.
func Project(s *definition.Stream, e *definition.Entity, needed []bool, observed bool) *Layout {
	system := []string{nameKey, nameTime, nameCreated, namePartition, nameOffset, nameStamp}
	if !s.EventID.None() {
		system = append(system, nameEventID)
	}
	if observed {
		system = append(system, nameObserved)
	}
	return newLayout(s, e, func(i int) bool {
		return needed != nil && needed[i] && s.Fields[i].Type.Kind != value.Null
	}, system)
}

func newLayout(s *definition.Stream, e *definition.Entity, has func(field int) bool, system []string) *Layout {
	l := &Layout{prefix: prefixFor(s)}
	for i := range s.Fields {
		if has(i) {
			l.fields = append(l.fields, i)
			l.Schema = append(l.Schema, fieldColumn(&s.Fields[i]))
		}
	}
	place := map[string]int{}
	for _, name := range systemNames {
		place[name] = -1
		if slices.Contains(system, name) {
			place[name] = len(l.Schema)
			l.Schema = append(l.Schema, columnar.Column{Name: l.prefix + name, Type: systemType(name, e), Nullable: slices.Contains(optionalNames, name)})
		}
	}
	at := &l.at
	at.key, at.time, at.created, at.appendTime = place[nameKey], place[nameTime], place[nameCreated], place[nameAppendTime]
	at.partition, at.offset, at.stamp = place[namePartition], place[nameOffset], place[nameStamp]
	at.eventID, at.schemaID, at.observed = place[nameEventID], place[nameSchemaID], place[nameObserved]
	return l
}

// fieldColumn is the column of a field; one that no feature can use is bytes.
func fieldColumn(f *definition.Field) columnar.Column {
	if f.Type.Kind == value.Null {
		return columnar.Column{Name: f.Name, Type: value.Of(value.Bytes), Nullable: true}
	}
	return columnar.Column{Name: f.Name, Type: f.Type, Nullable: f.Nullable}
}

func systemType(name string, e *definition.Entity) value.Type {
	switch name {
	case nameKey:
		if len(e.JoinKeys) == 1 && e.JoinKeys[0].Type == value.Bytes {
			return value.Of(value.Bytes)
		}
		return value.Of(value.String)
	case nameTime, nameCreated, nameAppendTime:
		return value.Of(value.Timestamp)
	case nameEventID, nameObserved:
		return value.Of(value.Bytes)
	}
	return value.Of(value.Int64)
}

// prefixFor is two underscores, or as many as it takes for no field to have such a name in any case of its letters,
// since some engines do not tell them apart.
func prefixFor(s *definition.Stream) string {
	prefix := "__"
	for clashes(s, prefix) {
		prefix += "_"
	}
	return prefix
}

func clashes(s *definition.Stream, prefix string) bool {
	for i := range s.Fields {
		for _, name := range systemNames {
			if strings.EqualFold(s.Fields[i].Name, prefix+name) {
				return true
			}
		}
	}
	return false
}

// Fields are the indexes of the stream's fields that the layout's first columns hold, ascending. Read-only.
func (l *Layout) Fields() []int { return l.fields }

// Key is the name of the key's column.
func (l *Layout) Key() string { return l.prefix + nameKey }

// SortedBy are the names of the columns that rows are sorted by.
func (l *Layout) SortedBy() []string {
	return []string{l.prefix + namePartition, l.prefix + nameKey, l.prefix + nameTime, l.prefix + nameStamp}
}

// Row is an accepted event with what its log adds to it.
type Row struct {
	Event        *wire.Event
	Stamp        stamp.Stamp
	AppendMillis int64
	Size         int // bytes of the record's value
	// Raw are the Avro bytes of a field that no feature can use; false if the record has none.
	Raw func(field int) ([]byte, bool)
}

// Append adds one row to a batch of the layout's schema; what the row shares is copied.
func (l *Layout) Append(b *columnar.Batch, r Row) {
	ev := r.Event
	for c, f := range l.fields {
		if v := ev.Fields[f]; !v.IsNull() {
			b.Cols[c].Append(v)
		} else if raw, ok := r.raw(f); ok {
			b.Cols[c].AppendBytes(raw)
		} else {
			b.Cols[c].AppendNull()
		}
	}
	ints := func(c int, n int64) {
		if c >= 0 {
			b.Cols[c].AppendInt(n)
		}
	}
	b.Cols[l.at.key].AppendBytes(ev.Key)
	ints(l.at.time, int64(ev.Time))
	ints(l.at.created, int64(ev.Created))
	ints(l.at.appendTime, int64(appendTime(r.AppendMillis)))
	ints(l.at.partition, int64(ev.Partition))
	ints(l.at.offset, ev.Offset)
	ints(l.at.stamp, int64(r.Stamp))
	ints(l.at.schemaID, int64(ev.SchemaID))
	option := func(c int, has bool, content []byte) {
		switch {
		case c < 0:
		case has:
			b.Cols[c].AppendBytes(content)
		default:
			b.Cols[c].AppendNull()
		}
	}
	option(l.at.eventID, ev.HasID, ev.ID)
	option(l.at.observed, ev.Observed != nil, ev.Observed)
	b.Rows++
}

func (r *Row) raw(field int) ([]byte, bool) {
	if r.Raw == nil {
		return nil, false
	}
	return r.Raw(field)
}

// appendTime is a log's time within the calendar.
func appendTime(ms int64) stamp.Micros {
	return stamp.FromMillis(min(max(ms, stamp.MinMicros.Millis()), stamp.MaxMicros.Millis()))
}
