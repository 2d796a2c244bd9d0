package wire

import (
	"fmt"
	"strconv"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Reader judges and decodes the records of one stream. It is owned by one
// goroutine. The zero Reader is not usable.
type Reader struct {
	stream   *definition.Stream
	keys     []definition.JoinKey
	schema   *schema
	targets  []target
	programs map[int32]*program
	texts    map[int32]string
	live     *program // whose defaults are in slots
	liveID   int32
	machine  machine
	slots    []value.Value
	parts    []value.Value // of the key
	key      []byte
	id       []byte
}

// NewReader makes a reader of a stream, whose entity it is given. The fields
// that needed names by index (nil: all) are decoded, besides those that the
// reader itself looks at: keys, times and id. It reports an error if the
// stream's schema does not parse or does not hold what stream.Fields says.
func NewReader(stream *definition.Stream, entity *definition.Entity, needed []bool) (*Reader, error) {
	s, err := parseRecord(stream.Schema)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", stream.Name, err)
	}
	if len(s.root.fields) != len(stream.Fields) {
		return nil, fmt.Errorf("stream %s: schema has %d fields, the definition %d", stream.Name, len(s.root.fields), len(stream.Fields))
	}
	r := &Reader{stream: stream, keys: entity.JoinKeys, schema: s, programs: map[int32]*program{}, texts: map[int32]string{},
		slots: make([]value.Value, len(stream.Fields)), parts: make([]value.Value, len(entity.JoinKeys))}
	r.targets = targets(stream, needed)
	for _, t := range r.targets {
		if t.wanted && t.typ.Kind == value.Null {
			r.machine.spans = make([]span, len(stream.Fields))
		}
	}
	if p := compile(s, s, r.targets); p.bad != "" {
		return nil, fmt.Errorf("stream %s: schema: %s", stream.Name, p.bad)
	}
	return r, nil
}

// targets are the fields to decode: the needed ones and the reader's own.
func targets(s *definition.Stream, needed []bool) []target {
	out := make([]target, len(s.Fields))
	for i := range out {
		out[i] = target{typ: s.Fields[i].Type, wanted: needed == nil || needed[i]}
	}
	for _, i := range append([]int{s.EventTime, s.Created, s.EventID.Field}, s.Key...) {
		if i >= 0 {
			out[i].wanted = true
		}
	}
	return out
}

// AddSchema tells the reader the text of a schema id, which never changes. A
// schema that is not Avro or not compatible with the stream's is remembered as
// such: its records get the verdict. Another text for a known id is an error.
func (r *Reader) AddSchema(id int32, writerSchema string) error {
	if old, ok := r.texts[id]; ok {
		if old != writerSchema {
			return fmt.Errorf("schema id %d: a second, different text", id)
		}
		return nil
	}
	r.texts[id] = writerSchema
	w, err := parseRecord(writerSchema)
	if err != nil {
		r.programs[id] = &program{bad: err.Error()}
		return nil
	}
	r.programs[id] = compile(w, r.schema, r.targets)
	return nil
}

// Known reports whether AddSchema was told id.
func (r *Reader) Known(id int32) bool { return r.programs[id] != nil }

// Read judges rec and, if it is accepted, fills ev. The error is nil or an
// [*UnknownSchemaError]. The rules are tried in the order of FORMAT.md §4.4;
// the first that holds is the verdict.
func (r *Reader) Read(rec *Record, ev *Event) (Verdict, error) {
	if rec.ValueNull {
		return Verdict{Tombstone, "the value is null"}, nil
	}
	if len(rec.Value) > MaxEventSize {
		return Verdict{OverBound, fmt.Sprintf("the event has %d bytes, the limit is %d", len(rec.Value), MaxEventSize)}, nil
	}
	id, _, ok := Frame(rec.Value)
	if !ok {
		return Verdict{Undecodable, badFrame(rec.Value)}, nil
	}
	p := r.program(id)
	if p == nil {
		return Verdict{}, &UnknownSchemaError{id}
	}
	if p.bad != "" {
		return Verdict{IncompatibleSchema, fmt.Sprintf("schema id %d: %s", id, p.bad)}, nil
	}
	r.machine.body(p, rec.Value, FrameSize, r.slots)
	ev.Partition, ev.Offset, ev.SchemaID, ev.Fields = rec.Partition, rec.Offset, id, r.slots
	return r.judge(rec, ev), nil
}

func badFrame(v []byte) string {
	if len(v) < FrameSize {
		return fmt.Sprintf("the value has %d bytes, want magic byte 0, 4 bytes of schema id and an Avro body", len(v))
	}
	return fmt.Sprintf("the value begins with byte %d, want magic byte 0 (Confluent wire format)", v[0])
}

// program is the one for id, with its defaults in the slots.
func (r *Reader) program(id int32) *program {
	if r.live != nil && id == r.liveID {
		return r.live
	}
	p := r.programs[id]
	if p == nil || p.bad != "" {
		return p
	}
	for _, d := range p.defaults {
		r.slots[d.slot] = d.v
	}
	r.live, r.liveID = p, id
	return p
}

// judge applies the rules that follow decoding.
func (r *Reader) judge(rec *Record, ev *Event) Verdict {
	bad := r.machine.bad()
	if bad == Undecodable {
		return Verdict{bad, r.machine.why()}
	}
	if v := r.times(rec, ev); !v.OK() {
		return v
	}
	if bad == NotFinite {
		return Verdict{bad, r.machine.why()}
	}
	if v := r.route(rec, ev); !v.OK() {
		return v
	}
	if limit := appended(rec) + r.stream.MaxFuture; ev.Time > limit {
		return Verdict{Future, fmt.Sprintf("event_timestamp %s is beyond append time %s + max_future %s",
			ev.Time, appended(rec), stamp.FormatSpan(r.stream.MaxFuture))}
	}
	if bad == OverBound {
		return Verdict{bad, r.machine.why()}
	}
	r.identify(rec, ev)
	return Verdict{}
}

// times sets the event's times; without an event time it is undecodable.
func (r *Reader) times(rec *Record, ev *Event) Verdict {
	var v Verdict
	if ev.Time, v = r.at(r.stream.EventTime); !v.OK() {
		return v
	}
	if ev.Time == stamp.NoTime {
		return Verdict{Undecodable, fmt.Sprintf("field %s: event_timestamp is null", r.stream.Fields[r.stream.EventTime].Name)}
	}
	ev.Created = stamp.NoTime
	if r.stream.Created >= 0 {
		if ev.Created, v = r.at(r.stream.Created); !v.OK() {
			return v
		}
	}
	if ev.Created == stamp.NoTime {
		ev.Created = appended(rec)
	}
	return v
}

// at is the time in a field: microseconds, or a plain long of milliseconds.
func (r *Reader) at(slot int) (stamp.Micros, Verdict) {
	switch v := &r.slots[slot]; v.Kind {
	case value.Timestamp:
		return stamp.Micros(v.N), Verdict{}
	case value.Int64:
		if t, ok := micros(v.N, 1000); ok {
			return t, Verdict{}
		}
		return 0, Verdict{Undecodable, fmt.Sprintf("field %s: %s: %d ms", r.stream.Fields[slot].Name, noCalendar, v.N)}
	}
	return stamp.NoTime, Verdict{}
}

// appended is the record's append time, within the calendar.
func appended(rec *Record) stamp.Micros {
	if t, ok := micros(rec.AppendMillis, 1000); ok {
		return t
	}
	if rec.AppendMillis < 0 {
		return stamp.MinMicros
	}
	return stamp.MaxMicros
}

// route builds the key and checks the record's partition.
func (r *Reader) route(rec *Record, ev *Event) Verdict {
	for i, slot := range r.stream.Key {
		if r.slots[slot].IsNull() {
			return Verdict{NullKeyField, fmt.Sprintf("field %s, join key %s, is null", r.stream.Fields[slot].Name, r.keys[i].Name)}
		}
		r.parts[i] = r.slots[slot]
	}
	r.key = AppendKey(r.key[:0], r.keys, r.parts)
	ev.Key = r.key
	want := Partition(r.key, r.stream.Partitions)
	if want == rec.Partition {
		return Verdict{}
	}
	return Verdict{Misrouted, fmt.Sprintf("partition %d, want %d of %d for key %q: produce with record key %s and the murmur2 partitioner "+
		"(Java's default; librdkafka and kcat: partitioner=murmur2_random)", rec.Partition, want, r.stream.Partitions, clip(string(r.key)), r.keyHint())}
}

func (r *Reader) keyHint() string {
	switch len(r.keys) {
	case 0:
		return "empty (not null)"
	case 1:
		return "the plain text of " + r.keys[0].Name
	}
	return "a JSON array of " + names(r.keys)
}

// ObservedHeader is the record header that carries the token of the read that
// the producer acted on.
const ObservedHeader = "anabranch-observed"

// identify sets the event's id and what its producer had seen.
func (r *Reader) identify(rec *Record, ev *Event) {
	ev.ID, ev.HasID, ev.Observed = nil, false, nil
	if rec.Header != nil {
		ev.Observed, _ = rec.Header(ObservedHeader)
	}
	switch id := r.stream.EventID; {
	case id.None():
	case id.Header != "":
		if rec.Header != nil {
			b, ok := rec.Header(id.Header)
			ev.ID, ev.HasID = b, ok && b != nil
		}
	case !r.slots[id.Field].IsNull():
		r.id = appendID(r.id[:0], r.slots[id.Field], r.stream.Fields[id.Field].Type)
		ev.ID, ev.HasID = r.id, true
	}
}

// appendID is the text that identifies a value among those of its type.
func appendID(dst []byte, v value.Value, t value.Type) []byte {
	switch v.Kind {
	case value.String, value.Bytes:
		return append(dst, v.B...)
	case value.Int64, value.Date, value.Timestamp:
		return strconv.AppendInt(dst, v.N, 10)
	}
	return value.AppendJSON(dst, v, t)
}

// Span is where the last record's value holds a field that no feature can use
// (Type.Kind Null) and that was needed: its Avro bytes as the writer wrote them,
// a union's branch included. It reports false for any other field, and for one
// that the writer does not have.
func (r *Reader) Span(slot int) (from, to int, ok bool) {
	if slot >= len(r.machine.spans) {
		return 0, 0, false
	}
	s := r.machine.spans[slot]
	return s.from, s.to, s.from > 0
}
