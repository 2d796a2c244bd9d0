package columnar

import (
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

// verbatim is the node of a foreign column as its file declares it: names, types, repetition and field ids, nested or
// not. Only encodings are ours.
func (f *File) verbatim(c *parquet.Column) parquet.Field {
	var n parquet.Node
	if c.Leaf() {
		n = parquet.Leaf(orderOf(f.types[c]))
		if e := encodingFor(f.types[c]); e != nil {
			n = parquet.Encoded(n, e)
		}
		if c.ID() != 0 {
			n = parquet.FieldID(n, c.ID())
		}
	} else {
		g := &group{typ: f.types[c], id: c.ID()}
		for _, member := range c.Columns() {
			g.fields = append(g.fields, f.verbatim(member))
		}
		n = g
	}
	switch {
	case c.Optional():
		n = parquet.Optional(n)
	case c.Repeated():
		n = parquet.Repeated(n)
	}
	return &field{n, c.Name()}
}

// declared is a Parquet type under the annotations that its file gives it. The library reads some of them as another
// type (FLOAT16 as mere bytes, a column of NULL as no physical type at all) and would write others that were not there.
type declared struct {
	parquet.Type
	length    int
	logical   *format.LogicalType
	converted *deprecated.ConvertedType
}

func (d *declared) Length() int                              { return d.length }
func (d *declared) LogicalType() *format.LogicalType         { return d.logical }
func (d *declared) ConvertedType() *deprecated.ConvertedType { return d.converted }

func declaredType(t parquet.Type, leaf bool, e *format.SchemaElement) parquet.Type {
	d := &declared{Type: t}
	if e.TypeLength.Valid {
		d.length = int(e.TypeLength.V)
	}
	if e.ConvertedType.Valid {
		d.converted, d.logical = &e.ConvertedType.V, t.LogicalType()
	}
	if e.LogicalType.Value != nil {
		d.logical = &e.LogicalType
	}
	if _, null := e.LogicalType.Value.(*format.NullType); null && leaf && e.Type.Valid {
		d.Type = physicalType(parquet.Kind(e.Type.V), d.length)
	}
	return d
}

func physicalType(k parquet.Kind, length int) parquet.Type {
	switch k {
	case parquet.Boolean:
		return parquet.BooleanType
	case parquet.Int64:
		return parquet.Int64Type
	case parquet.Int96:
		return parquet.Int96Type
	case parquet.Float:
		return parquet.FloatType
	case parquet.Double:
		return parquet.DoubleType
	case parquet.ByteArray:
		return parquet.ByteArrayType
	case parquet.FixedLenByteArray:
		return parquet.FixedLenByteArrayType(length)
	}
	return parquet.Int32Type
}

// declare finds the types of c and all below it, whose schema elements come first in rest, and returns what is left.
func (f *File) declare(c *parquet.Column, rest []format.SchemaElement) []format.SchemaElement {
	f.types[c] = declaredType(c.Type(), c.Leaf(), &rest[0])
	rest = rest[1:]
	for _, member := range c.Columns() {
		rest = f.declare(member, rest)
	}
	return rest
}

// orderOf gives the types that the library cannot rank their order.
func orderOf(t parquet.Type) parquet.Type {
	if lt := t.LogicalType(); lt != nil {
		switch lt.Value.(type) {
		case *format.DecimalType:
			if t.Kind() == parquet.ByteArray || t.Kind() == parquet.FixedLenByteArray {
				return decimalOrder(t)
			}
		case *format.Float16Type:
			return halfOrder(t)
		}
	}
	switch t.Kind() {
	case parquet.Float:
		return floatOrder(t)
	case parquet.Double:
		return doubleOrder(t)
	}
	return t
}

// encodingFor is nil for the types that are stored plain. Decimals stay plain, since a dictionary would rank them.
func encodingFor(t parquet.Type) encoding.Encoding {
	if lt := t.LogicalType(); lt != nil {
		if _, decimal := lt.Value.(*format.DecimalType); decimal && t.Kind() == parquet.ByteArray {
			return &parquet.Plain
		}
	}
	switch t.Kind() {
	case parquet.Int32, parquet.Int64:
		return &parquet.DeltaBinaryPacked
	case parquet.ByteArray:
		return &parquet.RLEDictionary
	}
	return nil
}
