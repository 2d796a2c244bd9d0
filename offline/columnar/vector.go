package columnar

import (
	"fmt"

	"anabranch.dev/anabranch/schemas/value"
)

// Vector is one column of values of one type, or the items of a list column. Its slices are exported for loops that
// touch every row; whoever writes them keeps the shapes below. The zero Vector with a Type is empty and ready.
//
//	Nulls: empty (no nulls) or one entry a row; the other slices hold a zero or an empty range at a null
//	N:     one entry a row for Bool (0, 1), Int64, Date, Timestamp, Float64 (its bits), Decimal (low 64 bits)
//	H:     one entry a row for Decimal (high 64 bits)
//	Off:   rows+1 entries for String, Bytes (into Data) and List (into Elem); Off[0] is 0; empty means no rows
//	Elem:  the items of all rows of a List, in order
//	Sub:   one Vector of the same length for each member of a Struct; at a null their rows are null too
//
// A Float64 here may be NaN or infinite when it comes from a user's file.
type Vector struct {
	Type  value.Type
	Nulls []bool
	N     []int64
	H     []int64
	Off   []int64
	Data  []byte
	Elem  *Vector
	Sub   []Vector
}

// NewVector makes an empty vector with its children.
func NewVector(t value.Type) Vector {
	v := Vector{Type: t}
	switch t.Kind {
	case value.List:
		e := NewVector(*t.Elem)
		v.Elem = &e
	case value.Struct:
		v.Sub = make([]Vector, len(t.Fields))
		for i, f := range t.Fields {
			v.Sub[i] = NewVector(f.Type)
		}
	}
	return v
}

// Len is the number of rows.
func (v *Vector) Len() int {
	switch v.Type.Kind {
	case value.String, value.Bytes, value.List:
		return max(len(v.Off)-1, 0)
	case value.Struct:
		return v.Sub[0].Len()
	}
	return len(v.N)
}

// Reset empties v and keeps its memory.
func (v *Vector) Reset() {
	v.Nulls, v.N, v.H, v.Off, v.Data = v.Nulls[:0], v.N[:0], v.H[:0], v.Off[:0], v.Data[:0]
	if v.Elem != nil {
		v.Elem.Reset()
	}
	for i := range v.Sub {
		v.Sub[i].Reset()
	}
}

// Null reports whether row i is null.
func (v *Vector) Null(i int) bool { return len(v.Nulls) != 0 && v.Nulls[i] }

// Bytes is row i of a String or Bytes vector; it aliases v until the next change. A null is empty.
func (v *Vector) Bytes(i int) []byte { return v.Data[v.Off[i]:v.Off[i+1]:v.Off[i+1]] }

// At is row i. Strings and bytes alias v until its next change; the items of lists and structs are in a slice of
// their own.
func (v *Vector) At(i int) value.Value {
	k := v.Type.Kind
	switch {
	case v.Null(i):
		return value.Value{}
	case k == value.String || k == value.Bytes:
		return value.Value{Kind: k, B: v.Bytes(i)}
	case k == value.Decimal:
		return value.Value{Kind: k, N: v.N[i], H: v.H[i]}
	case k == value.List:
		return value.Value{Kind: k, L: v.items(i)}
	case k == value.Struct:
		members := make([]value.Value, len(v.Sub))
		for m := range v.Sub {
			members[m] = v.Sub[m].At(i)
		}
		return value.Value{Kind: k, L: members}
	}
	return value.Value{Kind: k, N: v.N[i]}
}

func (v *Vector) items(i int) []value.Value {
	from, to := v.Off[i], v.Off[i+1]
	items := make([]value.Value, to-from)
	for j := range items {
		items[j] = v.Elem.At(int(from) + j)
	}
	return items
}

// Append adds one row and copies what x shares. A null is AppendNull; a kind other than the vector's is a bug.
func (v *Vector) Append(x value.Value) {
	if x.Kind == value.Null {
		v.AppendNull()
		return
	}
	if x.Kind != v.Type.Kind {
		panic(fmt.Sprintf("BUG: append of %s to a column of %s", x.Kind, v.Type))
	}
	switch x.Kind {
	case value.String, value.Bytes:
		v.AppendBytes(x.B)
		return
	case value.List:
		for _, item := range x.L {
			v.Elem.Append(item)
		}
		v.closeRange(v.Elem.Len())
	case value.Struct:
		for m := range v.Sub {
			v.Sub[m].Append(x.L[m])
		}
	case value.Decimal:
		v.N, v.H = append(v.N, x.N), append(v.H, x.H)
	default:
		v.N = append(v.N, x.N)
	}
	v.present()
}

// AppendInt adds one row to a vector of Bool, Int64, Date, Timestamp or Float64 (its bits).
func (v *Vector) AppendInt(n int64) {
	v.N = append(v.N, n)
	v.present()
}

// AppendBytes adds one row to a vector of String (valid UTF-8) or Bytes; b is copied.
func (v *Vector) AppendBytes(b []byte) {
	v.Data = append(v.Data, b...)
	v.closeRange(len(v.Data))
	v.present()
}

// AppendNull adds one null row.
func (v *Vector) AppendNull() {
	if len(v.Nulls) == 0 {
		v.Nulls = append(v.Nulls, make([]bool, v.Len())...)
	}
	v.Nulls = append(v.Nulls, true)
	switch v.Type.Kind {
	case value.String, value.Bytes:
		v.closeRange(len(v.Data))
	case value.List:
		v.closeRange(v.Elem.Len())
	case value.Struct:
		for m := range v.Sub {
			v.Sub[m].AppendNull()
		}
	case value.Decimal:
		v.N, v.H = append(v.N, 0), append(v.H, 0)
	default:
		v.N = append(v.N, 0)
	}
}

// present marks the row just added as not null.
func (v *Vector) present() {
	if len(v.Nulls) != 0 {
		v.Nulls = append(v.Nulls, false)
	}
}

// closeRange ends the row just added to a vector with ranges.
func (v *Vector) closeRange(end int) {
	if len(v.Off) == 0 {
		v.Off = append(v.Off, 0)
	}
	v.Off = append(v.Off, int64(end))
}
