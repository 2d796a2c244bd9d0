package columnar

import (
	"reflect"

	"github.com/parquet-go/parquet-go"

	"anabranch.dev/anabranch/schemas/value"
)

// group is a Parquet group whose members keep their order; parquet.Group sorts them by name.
type group struct {
	parquet.Group
	typ    parquet.Type
	id     int
	fields []parquet.Field
}

func (g *group) ID() int                 { return g.id }
func (g *group) Fields() []parquet.Field { return g.fields }

func (g *group) Type() parquet.Type {
	if g.typ != nil {
		return g.typ
	}
	return g.Group.Type()
}

// field is a named member of a group. Value is not used: rows are never Go structs here.
type field struct {
	parquet.Node
	name string
}

func (f *field) Name() string                      { return f.name }
func (f *field) Value(reflect.Value) reflect.Value { return reflect.Value{} }

// nodeOf is the Parquet node of a column's type, required; its list elements and members are optional.
func nodeOf(t value.Type, local, prefixed bool) parquet.Node {
	switch t.Kind {
	case value.List:
		return parquet.List(parquet.Optional(nodeOf(*t.Elem, local, false)))
	case value.Struct:
		g := &group{}
		for _, f := range t.Fields {
			g.fields = append(g.fields, &field{parquet.Optional(nodeOf(f.Type, local, false)), f.Name})
		}
		return g
	}
	return leafNode(t, local, prefixed)
}

// leafNode picks type and encoding of a scalar: deltas for integers and times, whose neighbours are close in sorted
// files; a dictionary for text that repeats, or shared prefixes where the column is sorted or has a filter; the rest as
// it is.
func leafNode(t value.Type, local, prefixed bool) parquet.Node {
	switch t.Kind {
	case value.Bool:
		return parquet.Leaf(parquet.BooleanType)
	case value.Int64:
		return parquet.Encoded(parquet.Leaf(parquet.Int64Type), &parquet.DeltaBinaryPacked)
	case value.Date:
		return parquet.Encoded(parquet.Date(), &parquet.DeltaBinaryPacked)
	case value.Timestamp:
		return parquet.Encoded(parquet.TimestampAdjusted(parquet.Microsecond, !local), &parquet.DeltaBinaryPacked)
	case value.Decimal:
		return parquet.Leaf(decimalOrder(parquet.Decimal(int(t.Scale), 38, parquet.FixedLenByteArrayType(16)).Type()))
	case value.String:
		return textNode(parquet.String(), prefixed)
	case value.Bytes:
		return textNode(parquet.Leaf(parquet.ByteArrayType), prefixed)
	}
	return parquet.Leaf(doubleOrder(parquet.DoubleType))
}

// textNode never puts a dictionary under a bloom filter: once a dictionary is full the library adds only what it holds
// to the filter, and a filter must not deny a value that is there.
func textNode(n parquet.Node, prefixed bool) parquet.Node {
	if prefixed {
		return parquet.Encoded(n, &parquet.DeltaByteArray)
	}
	return parquet.Encoded(n, &parquet.RLEDictionary)
}

// columnField is the Parquet field of one of our columns.
func columnField(c Column, prefixed bool) parquet.Field {
	n := nodeOf(c.Type, c.Local, prefixed)
	if c.Nullable {
		n = parquet.Optional(n)
	}
	return &field{n, c.Name}
}
