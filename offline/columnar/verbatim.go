package columnar

import (
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

// verbatim is the node of a foreign column as its file declares it: names, types, repetition and field ids, nested or
// not. Only encodings are ours.
func verbatim(c *parquet.Column) parquet.Field {
	var n parquet.Node
	if c.Leaf() {
		n = parquet.Leaf(orderOf(c.Type()))
		if e := encodingFor(c.Type()); e != nil {
			n = parquet.Encoded(n, e)
		}
		if c.ID() != 0 {
			n = parquet.FieldID(n, c.ID())
		}
	} else {
		g := &group{typ: c.Type(), id: c.ID()}
		for _, member := range c.Columns() {
			g.fields = append(g.fields, verbatim(member))
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
