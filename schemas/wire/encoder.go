package wire

import (
	"fmt"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// Encoder writes rows as Avro bodies of one schema, without framing. It is
// read-only and may be shared.
type Encoder struct {
	fields []field
	index  map[string]int
	root   *node
}

// NewEncoder makes an encoder of a record schema. The fields named in millis,
// if they are plain longs, hold times in milliseconds and take them in every
// spelling; see [PlainTimes].
func NewEncoder(schemaJSON string, millis ...string) (*Encoder, error) {
	s, err := parseRecord(schemaJSON)
	if err != nil {
		return nil, err
	}
	e := &Encoder{fields: s.root.fields, index: make(map[string]int, len(s.root.fields)), root: s.root}
	for i := range e.fields {
		e.index[e.fields[i].name] = i
	}
	for _, name := range millis {
		if i, ok := e.index[name]; ok {
			e.fields[i].typ = e.fields[i].typ.inMillis()
		}
	}
	return e, nil
}

// inMillis is n, with a plain long made a count of milliseconds.
func (n *node) inMillis() *node {
	switch {
	case n.kind == kindLong && n.logical == "":
		return &node{kind: kindLong, logical: "timestamp-millis", unit: 1000}
	case n.some() != n:
		at := 1 - n.null()
		branches := append([]*node(nil), n.branches...)
		branches[at] = branches[at].inMillis()
		return &node{kind: kindUnion, branches: branches}
	}
	return n
}

// PlainTimes names the fields of a stream that are times by declaration alone:
// its event and created timestamps that are plain longs.
func PlainTimes(s *definition.Stream) []string {
	var list []string
	for _, i := range []int{s.EventTime, s.Created} {
		if i >= 0 && s.Fields[i].Type.Kind == value.Int64 {
			list = append(list, s.Fields[i].Name)
		}
	}
	return list
}

// Fields are the names of the schema's fields, in order.
func (e *Encoder) Fields() []string {
	list := make([]string, len(e.fields))
	for i := range e.fields {
		list[i] = e.fields[i].name
	}
	return list
}

// Field is the index of the named field, or -1.
func (e *Encoder) Field(name string) int {
	if i, ok := e.index[name]; ok {
		return i
	}
	return -1
}

// EncodeValues appends the body of a row given by field name, its values as
// decoded from JSON (numbers best as json.Number): times as RFC 3339, "2001/01/31
// 18:20" or numbers in the field's unit; 64-bit integers and decimals as
// numbers or decimal text; bytes as base64; unions plain or as Avro's
// {"type": value}. Go's own numbers, []byte, time.Time and value.Value are
// taken too. A missing field gets its default, else null. An error names the
// field, what was found and what is wanted; dst is then as long as before.
func (e *Encoder) EncodeValues(dst []byte, fields map[string]any) ([]byte, error) {
	return encodeRecord(dst, e.root, fields)
}

// AppendRow appends the body of a row given by field index. A String stands for
// any scalar in the spelling of EncodeValues; otherwise a value has the kind of
// its field (an Int64 for a time is in the field's unit, a Decimal at the
// field's scale). Null for a field that cannot be null stands for its default.
// Records, maps and unions of several types can only be null or default here.
func (e *Encoder) AppendRow(dst []byte, row []value.Value) ([]byte, error) {
	if len(row) != len(e.fields) {
		return dst, fmt.Errorf("row: found %d values, want %d", len(row), len(e.fields))
	}
	out := dst
	for i := range e.fields {
		var err error
		if out, err = appendField(out, &e.fields[i], row[i]); err != nil {
			return dst, fmt.Errorf("field %s: %w", e.fields[i].name, err)
		}
	}
	return out, nil
}

func appendField(dst []byte, f *field, v value.Value) ([]byte, error) {
	n := f.typ
	switch {
	case n.kind == kindUnion:
		null := n.null()
		switch {
		case v.IsNull() && null >= 0:
			return appendLong(dst, int64(null)), nil
		case v.IsNull() && f.hasDefault:
			return encode(dst, n, f.def)
		case n.some() != n:
			return appendValue(appendLong(dst, int64(1-null)), n.some(), v)
		}
		return encode(dst, n, v)
	case v.IsNull() && n.kind != kindNull && f.hasDefault:
		return encode(dst, n, f.def)
	}
	return appendValue(dst, n, v)
}

// appendValue appends a scalar, or a list of scalars.
func appendValue(dst []byte, n *node, v value.Value) ([]byte, error) {
	switch {
	case n.kind == kindArray && v.Kind == value.List:
		return appendList(dst, n, v.L)
	case n.kind == kindArray || n.kind == kindMap || n.kind == kindRecord:
		return dst, refuse(n, v)
	}
	return appendScalar(dst, n, v)
}

func appendList(dst []byte, n *node, items []value.Value) ([]byte, error) {
	out := dst
	if len(items) > 0 {
		out = appendLong(out, int64(len(items)))
	}
	item := field{typ: n.elem}
	for i := range items {
		var err error
		if out, err = appendField(out, &item, items[i]); err != nil {
			return dst, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return append(out, 0), nil
}
