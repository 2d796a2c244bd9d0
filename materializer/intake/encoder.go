package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// Encoder turns rows of one stream into records. It is owned by one goroutine.
type Encoder struct {
	stream *definition.Stream
	entity *definition.Entity
	latest registry.Registered
	enc    *wire.Encoder
	reader *wire.Reader // judges what was encoded
	keyAt  []int        // by join key: index in the schema's fields, or -1
	keys   []value.Value
	key    []byte
	buf    []byte
	event  wire.Event
}

func newEncoder(stream *definition.Stream, entity *definition.Entity, latest registry.Registered) (*Encoder, error) {
	fail := func(err error) (*Encoder, error) {
		return nil, fmt.Errorf("intake of stream %s: schema version %d of %s: %w", stream.Name, latest.Version, latest.Subject, err)
	}
	enc, err := wire.NewEncoder(latest.Schema, wire.PlainTimes(stream)...)
	if err != nil {
		return fail(err)
	}
	reader, err := wire.NewReader(stream, entity, make([]bool, len(stream.Fields)))
	if err != nil {
		return fail(err)
	}
	if err := reader.AddSchema(int32(latest.ID), latest.Schema); err != nil {
		return fail(err)
	}
	e := &Encoder{stream: stream, entity: entity, latest: latest, enc: enc, reader: reader, keys: make([]value.Value, len(entity.JoinKeys))}
	for _, f := range stream.Key {
		e.keyAt = append(e.keyAt, enc.Field(stream.Fields[f].Name))
	}
	return e, nil
}

// Stream is the stream that the records belong to.
func (e *Encoder) Stream() *definition.Stream { return e.stream }

// Schema is what the registry says of the schema in use.
func (e *Encoder) Schema() registry.Registered { return e.latest }

// Fields are the schema's fields in the order of EncodeValues' values.
func (e *Encoder) Fields() []string { return e.enc.Fields() }

// Encode makes the record of a row. The record has slices of its own.
func (e *Encoder) Encode(row Row) (kafka.Record, error) {
	var err error
	if e.buf, err = e.enc.EncodeValues(e.frame(), row.Fields); err != nil {
		return kafka.Record{}, err
	}
	for i, f := range e.stream.Key {
		e.keys[i] = guess(row.Fields[e.stream.Fields[f].Name], e.entity.JoinKeys[i].Type)
	}
	rec, err := e.record(row.ID)
	if err == nil && row.Observed != "" {
		rec.Headers = append(rec.Headers, kafka.Header{Key: wire.ObservedHeader, Value: []byte(row.Observed)})
	}
	return rec, err
}

// EncodeJSON makes the record of a row that is one JSON object.
func (e *Encoder) EncodeJSON(object []byte, id string) (kafka.Record, error) {
	row := Row{ID: id}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if err := d.Decode(&row.Fields); err != nil {
		return kafka.Record{}, fmt.Errorf("JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return kafka.Record{}, fmt.Errorf("JSON: more than one object")
	}
	if row.Fields == nil {
		return kafka.Record{}, fmt.Errorf("JSON: found null, want an object")
	}
	return e.Encode(row)
}

// EncodeValues makes the record of a row given by Fields, with values as
// wire.Encoder.AppendRow takes them.
func (e *Encoder) EncodeValues(values []value.Value, id string) (kafka.Record, error) {
	var err error
	if e.buf, err = e.enc.AppendRow(e.frame(), values); err != nil {
		return kafka.Record{}, err
	}
	for i, at := range e.keyAt {
		e.keys[i] = value.Value{}
		if at >= 0 {
			e.keys[i] = guess(values[at], e.entity.JoinKeys[i].Type)
		}
	}
	return e.record(id)
}

func (e *Encoder) frame() []byte { return wire.AppendFrame(e.buf[:0], int32(e.latest.ID)) }

// record routes what is in buf. The reader has the last word on the key and on
// whether the record would count: it reads what was written.
func (e *Encoder) record(id string) (kafka.Record, error) {
	guessed := int32(0)
	if e.guessed() {
		e.key = wire.AppendKey(e.key[:0], e.entity.JoinKeys, e.keys)
		guessed = wire.Partition(e.key, e.stream.Partitions)
	}
	verdict, err := e.judge(guessed)
	for p := int32(0); p < e.stream.Partitions && err == nil && verdict.Reason == wire.Misrouted; p++ {
		guessed = p
		verdict, err = e.judge(p)
	}
	if err != nil {
		return kafka.Record{}, err
	}
	if !verdict.OK() {
		return kafka.Record{}, fmt.Errorf("would be quarantined as %s", verdict)
	}
	both := make([]byte, 0, len(e.event.Key)+len(e.buf))
	both = append(append(both, e.event.Key...), e.buf...)
	n := len(e.event.Key)
	rec := kafka.Record{Topic: e.stream.Topic, Partition: guessed, Key: both[:n:n], Value: both[n:]}
	if id != "" {
		rec.Headers = []kafka.Header{{Key: IDHeader, Value: []byte(id)}}
	}
	return rec, nil
}

// judge is the verdict on buf in a partition, whenever it is appended.
func (e *Encoder) judge(partition int32) (wire.Verdict, error) {
	rec := wire.Record{Value: e.buf, Partition: partition, AppendMillis: math.MaxInt64}
	return e.reader.Read(&rec, &e.event)
}

func (e *Encoder) guessed() bool {
	for i := range e.keys {
		if e.keys[i].Kind != e.entity.JoinKeys[i].Type {
			return false
		}
	}
	return true
}

// guess is a key field as the reader will most likely read it; null if it is
// written in some other way.
func guess(v any, kind value.Kind) value.Value {
	switch x := v.(type) {
	case string:
		return fromText(x, kind)
	case json.Number:
		return fromText(string(x), kind)
	case int:
		return ofKind(value.Int(int64(x)), kind)
	case int32:
		return ofKind(value.Int(int64(x)), kind)
	case int64:
		return ofKind(value.Int(x), kind)
	case []byte:
		return ofKind(value.Raw(x), kind)
	case value.Value:
		if x.Kind == value.String {
			return fromText(string(x.B), kind)
		}
		return ofKind(x, kind)
	}
	return value.Value{}
}

func ofKind(v value.Value, kind value.Kind) value.Value {
	if v.Kind == kind {
		return v
	}
	return value.Value{}
}

func fromText(s string, kind value.Kind) value.Value {
	switch kind {
	case value.Int64:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return value.Int(n)
		}
	case value.Bytes:
		if b, err := base64.StdEncoding.Strict().DecodeString(s); err == nil {
			return value.Raw(b)
		}
	case value.String:
		return value.Text(s)
	}
	return value.Value{}
}
