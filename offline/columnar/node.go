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

// storage is how a column is laid out beside what its type says.
type storage uint8

const (
	ordinary storage = iota
	sorted           // the rows come sorted by it
	unique           // its values hardly repeat
	filtered         // it has a bloom filter
)

// nodeOf is the Parquet node of a column's type, required; its list elements and members are optional.
func nodeOf(t value.Type, local bool, how storage) parquet.Node {
	switch t.Kind {
	case value.List:
		return parquet.List(parquet.Optional(nodeOf(*t.Elem, local, how)))
	case value.Struct:
		g := &group{}
		for _, f := range t.Fields {
			g.fields = append(g.fields, &field{parquet.Optional(nodeOf(f.Type, local, how)), f.Name})
		}
		return g
	}
	return leafNode(t, local, how)
}

// leafNode picks type and encoding of a scalar: deltas for integers and times, whose neighbours are close in sorted
// files, a dictionary for text, which repeats; the rest as it is.
func leafNode(t value.Type, local bool, how storage) parquet.Node {
	switch t.Kind {
	case value.Bool:
		return parquet.Leaf(parquet.BooleanType)
	case value.Int64:
		return numberNode(parquet.Leaf(parquet.Int64Type), how)
	case value.Date:
		return numberNode(parquet.Date(), how)
	case value.Timestamp:
		return numberNode(parquet.TimestampAdjusted(parquet.Microsecond, !local), how)
	case value.Decimal:
		return parquet.Leaf(decimalOrder(parquet.Decimal(int(t.Scale), 38, parquet.FixedLenByteArrayType(16)).Type()))
	case value.String:
		return textNode(parquet.String(), how)
	case value.Bytes:
		return textNode(parquet.Leaf(parquet.ByteArrayType), how)
	}
	return parquet.Leaf(doubleOrder(parquet.DoubleType))
}

func numberNode(n parquet.Node, how storage) parquet.Node {
	if how == filtered {
		return parquet.Encoded(n, &parquet.RLEDictionary)
	}
	return parquet.Encoded(n, &parquet.DeltaBinaryPacked)
}

func textNode(n parquet.Node, how storage) parquet.Node {
	switch how {
	case sorted:
		return parquet.Encoded(n, &parquet.DeltaByteArray)
	case unique:
		return parquet.Encoded(n, &parquet.DeltaLengthByteArray)
	}
	return parquet.Encoded(n, &parquet.RLEDictionary)
}

// columnField is the Parquet field of one of our columns.
func columnField(c Column, how storage) parquet.Field {
	n := nodeOf(c.Type, c.Local, how)
	if c.Nullable {
		n = parquet.Optional(n)
	}
	return &field{n, c.Name}
}
