package columnar

import (
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"anabranch.dev/anabranch/schemas/value"
)

// view is our reading of one column of a foreign file: its type, and the leaves that hold it.
type view struct {
	Column
	types  map[*parquet.Column]parquet.Type
	leaves []*source
}

// source is one Parquet leaf and the way from its column down to it.
type source struct {
	index   int // among the file's leaves
	name    string
	path    []way
	flat    bool // one value a row, no more than optional
	present byte // the definition level of a value that is there
	decode  decoder
}

// way is one node on the path from a column to a leaf.
type way struct {
	step
	definition byte // the least level at which this node is not null
	own        bool // this leaf is the first below the node, so it decides the node's nulls and ranges
}

// viewOf reads a top-level column; the error says why it cannot be one of ours.
func (f *File) viewOf(c *parquet.Column) (*view, error) {
	v := &view{types: f.types, Column: Column{Name: c.Name(), Nullable: !c.Required()}}
	t, err := v.walk(c, nil, 0, 0)
	v.Type = t
	for i := 1; i < len(v.leaves); i++ {
		disown(v.leaves[i-1].path, v.leaves[i].path)
	}
	return v, err
}

// disown takes from a leaf the nodes that it shares with the one before it.
func disown(before, path []way) {
	for d := range path {
		path[d].own = false
		if before[d].kind == value.Struct && before[d].member != path[d].member {
			return
		}
	}
}

// walk collects the leaves below c, reached with the given levels, and returns c's type.
func (v *view) walk(c *parquet.Column, path []way, definition, repetition byte) (value.Type, error) {
	if len(path) > 4 {
		return value.Type{}, fmt.Errorf("nested too deep")
	}
	if c.Repeated() {
		return value.Type{}, fmt.Errorf("repeated outside of a standard list")
	}
	w := way{step: step{optional: c.Optional()}, own: true}
	if w.optional {
		definition++
	}
	w.definition = definition
	if c.Leaf() {
		return v.walkLeaf(c, append(path, w), definition)
	}
	if element := v.listElement(c); element != nil {
		w.kind, w.repetition = value.List, repetition+1
		t, err := v.walk(element, append(path, w), definition+1, w.repetition)
		return value.ListOf(t), err
	}
	if lt := v.types[c].LogicalType(); lt != nil || len(c.Columns()) == 0 {
		return value.Type{}, fmt.Errorf("type %s", c.Type())
	}
	return v.walkMembers(c, path, w, definition, repetition)
}

func (v *view) walkLeaf(c *parquet.Column, path []way, definition byte) (value.Type, error) {
	t, local, decode, err := leafView(v.types[c])
	if err != nil {
		return t, err
	}
	path[len(path)-1].kind = t.Kind
	v.Local = v.Local || local
	v.leaves = append(v.leaves, &source{
		index: c.Index(), name: v.Name, path: slices.Clone(path), flat: len(path) == 1, present: definition, decode: decode,
	})
	return t, nil
}

func (v *view) walkMembers(c *parquet.Column, path []way, w way, definition, repetition byte) (value.Type, error) {
	t := value.Type{Kind: value.Struct}
	w.kind = value.Struct
	for i, member := range c.Columns() {
		w.member = i
		mt, err := v.walk(member, append(path, w), definition, repetition)
		if err != nil {
			return t, fmt.Errorf("member %q: %w", member.Name(), err)
		}
		t.Fields = append(t.Fields, value.Field{Name: member.Name(), Type: mt})
	}
	return t, nil
}

// listElement is the element of a standard three-level list, or nil.
func (v *view) listElement(c *parquet.Column) *parquet.Column {
	lt := v.types[c].LogicalType()
	if lt == nil || len(c.Columns()) != 1 {
		return nil
	}
	if _, ok := lt.Value.(*format.ListType); !ok {
		return nil
	}
	repeated := c.Columns()[0]
	if !repeated.Repeated() || repeated.Leaf() || len(repeated.Columns()) != 1 {
		return nil
	}
	return repeated.Columns()[0]
}

// leafView is our type of a Parquet type and how its pages are decoded.
func leafView(t parquet.Type) (value.Type, bool, decoder, error) {
	if lt := t.LogicalType(); lt != nil {
		if view, local, decode, ok := logicalView(t, lt.Value); ok {
			return view, local, decode, nil
		}
		return value.Type{}, false, nil, fmt.Errorf("type %s", lt)
	}
	switch t.Kind() {
	case parquet.Boolean:
		return value.Of(value.Bool), false, decodeBool, nil
	case parquet.Int32:
		return value.Of(value.Int64), false, decodeInt32, nil
	case parquet.Int64:
		return value.Of(value.Int64), false, decodeInt64, nil
	case parquet.Int96:
		return value.Of(value.Timestamp), false, decodeInt96, nil
	case parquet.Float:
		return value.Of(value.Float64), false, decodeFloat, nil
	case parquet.Double:
		return value.Of(value.Float64), false, decodeDouble, nil
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if t.ConvertedType() == nil {
			return value.Of(value.Bytes), false, decodeBytes, nil
		}
	}
	return value.Type{}, false, nil, fmt.Errorf("type %s", t)
}

func logicalView(t parquet.Type, logical any) (value.Type, bool, decoder, bool) {
	switch lt := logical.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		return value.Of(value.String), false, decodeText, t.Kind() == parquet.ByteArray
	case *format.UUIDType:
		return value.Of(value.String), false, decodeUUID, t.Kind() == parquet.FixedLenByteArray && t.Length() == 16
	case *format.BsonType:
		return value.Of(value.Bytes), false, decodeBytes, t.Kind() == parquet.ByteArray
	case *format.DateType:
		return value.Of(value.Date), false, decodeInt32, t.Kind() == parquet.Int32
	case *format.IntType:
		return value.Of(value.Int64), false, intDecoder(t.Kind(), lt.IsSigned), t.Kind() == parquet.Int32 || t.Kind() == parquet.Int64
	case *format.TimestampType:
		decode, ok := timeDecoders[lt.Unit.String()]
		return value.Of(value.Timestamp), !lt.IsAdjustedToUTC, decode, ok && t.Kind() == parquet.Int64
	case *format.DecimalType:
		decode, ok := decimalDecoders[t.Kind()]
		return value.Type{Kind: value.Decimal, Scale: lt.Scale}, false, decode, ok && lt.Scale >= 0 && lt.Scale <= value.MaxScale
	}
	return value.Type{}, false, nil, false
}

func intDecoder(k parquet.Kind, signed bool) decoder {
	switch {
	case k == parquet.Int32 && signed:
		return decodeInt32
	case k == parquet.Int32:
		return decodeUint32
	case signed:
		return decodeInt64
	}
	return decodeUint64
}
