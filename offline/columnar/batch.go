package columnar

import (
	"fmt"

	"anabranch.dev/anabranch/schemas/value"
)

// AppendRange adds rows i to j (not included) of src, a vector of the same type.
func (v *Vector) AppendRange(src *Vector, i, j int) {
	if i >= j {
		return
	}
	v.appendNulls(src, i, j)
	switch v.Type.Kind {
	case value.String, value.Bytes:
		from := src.Off[i]
		v.shiftRanges(src.Off[i+1:j+1], int64(len(v.Data))-from)
		v.Data = append(v.Data, src.Data[from:src.Off[j]]...)
	case value.List:
		from := src.Off[i]
		v.shiftRanges(src.Off[i+1:j+1], int64(v.Elem.Len())-from)
		v.Elem.AppendRange(src.Elem, int(from), int(src.Off[j]))
	case value.Struct:
		for m := range v.Sub {
			v.Sub[m].AppendRange(&src.Sub[m], i, j)
		}
	case value.Decimal:
		v.N, v.H = append(v.N, src.N[i:j]...), append(v.H, src.H[i:j]...)
	default:
		v.N = append(v.N, src.N[i:j]...)
	}
}

func (v *Vector) appendNulls(src *Vector, i, j int) {
	switch {
	case len(src.Nulls) != 0:
		if len(v.Nulls) == 0 {
			v.Nulls = append(v.Nulls, make([]bool, v.Len())...)
		}
		v.Nulls = append(v.Nulls, src.Nulls[i:j]...)
	case len(v.Nulls) != 0:
		v.Nulls = append(v.Nulls, make([]bool, j-i)...)
	}
}

func (v *Vector) shiftRanges(ends []int64, by int64) {
	if len(v.Off) == 0 {
		v.Off = append(v.Off, 0)
	}
	for _, end := range ends {
		v.Off = append(v.Off, end+by)
	}
}

// Batch is rows of a table, column by column. Rows is the length of every vector.
type Batch struct {
	Schema Schema
	Cols   []Vector
	Rows   int
}

// NewBatch makes an empty batch of a valid schema.
func NewBatch(s Schema) *Batch {
	b := &Batch{}
	b.shape(s)
	return b
}

// shape empties b and gives it the columns of s, keeping memory where types stay.
func (b *Batch) shape(s Schema) {
	if len(b.Cols) != len(s) {
		b.Cols = make([]Vector, len(s))
	}
	for i, c := range s {
		if !same(b.Cols[i].Type, c.Type) {
			b.Cols[i] = NewVector(c.Type)
		}
	}
	b.Schema = s
	b.Reset()
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	for i := range b.Cols {
		b.Cols[i].Reset()
	}
	b.Rows = 0
}

// Append adds one row, a value for each column in order; what values share is copied.
func (b *Batch) Append(row ...value.Value) {
	for i := range b.Cols {
		b.Cols[i].Append(row[i])
	}
	b.Rows++
}

// Column is the vector of the column with that name, or nil.
func (b *Batch) Column(name string) *Vector {
	if i := b.Schema.Index(name); i >= 0 {
		return &b.Cols[i]
	}
	return nil
}

// fits reports a batch that does not have the columns of s, whole and of one length.
func (b *Batch) fits(s Schema) error {
	if len(b.Cols) != len(s) {
		return fmt.Errorf("batch of %d columns for a schema of %d", len(b.Cols), len(s))
	}
	for i := range s {
		v := &b.Cols[i]
		if !same(v.Type, s[i].Type) {
			return fmt.Errorf("column %q: batch has %s, schema %s", s[i].Name, v.Type, s[i].Type)
		}
		if n := v.Len(); n != b.Rows {
			return fmt.Errorf("column %q: %d rows in a batch of %d", s[i].Name, n, b.Rows)
		}
		if !s[i].Nullable {
			if at := firstNull(v.Nulls); at >= 0 {
				return fmt.Errorf("column %q: null in row %d of the batch, and the column is not nullable", s[i].Name, at+1)
			}
		}
	}
	return nil
}

// same is Type.Equal without printing the common types.
func same(a, b value.Type) bool {
	return a.Kind == b.Kind && a.Scale == b.Scale && (a.Scalar() || a.Equal(b))
}

func firstNull(nulls []bool) int {
	for i, null := range nulls {
		if null {
			return i
		}
	}
	return -1
}
