package columnar

import (
	"fmt"
	"math"
	"strconv"

	"anabranch.dev/anabranch/schemas/value"
)

// Keys reads a column as a join key of a declared kind: Int64, String or Bytes. Integers of any width are int64; text in
// decimal is an int64 key and an integer a string key in decimal; a float64 counts as the integer that it equals, and as
// null if it is NaN, since that is how data frames hold integers with nulls. A string column of a CSV or JSONL file keeps
// "007" only if TableOptions.Types or the file itself makes it a string.
type Keys struct {
	column Column
	kind   value.Kind
}

// NewKeys checks that the column can be read as a key of that kind.
func NewKeys(c Column, kind value.Kind) (*Keys, error) {
	from := c.Type.Kind
	number := from == value.Int64 || from == value.Float64
	ok := false
	switch kind {
	case value.Int64:
		ok = number || from == value.String
	case value.String:
		ok = number || from == value.String
	case value.Bytes:
		ok = from == value.Bytes
	}
	if !ok {
		return nil, fmt.Errorf("column %q: %s cannot be a key of %s", c.Name, c.Type, kind)
	}
	return &Keys{column: c, kind: kind}, nil
}

// Append adds the keys of v to dst, a vector of the declared kind; a null stays one. row is the number of v's first row
// in its table, counting from 1, for errors.
func (k *Keys) Append(dst, v *Vector, row int64) error {
	if v.Type.Kind == k.kind {
		dst.AppendRange(v, 0, v.Len())
		return nil
	}
	for i := range v.Len() {
		if v.Null(i) {
			dst.AppendNull()
			continue
		}
		if err := k.one(dst, v, i); err != nil {
			return fmt.Errorf("row %d: column %q: key %s: %w", row+int64(i), k.column.Name, value.Format(v.At(i), v.Type), err)
		}
	}
	return nil
}

func (k *Keys) one(dst, v *Vector, i int) error {
	n := v.N
	switch v.Type.Kind {
	case value.String:
		parsed, err := strconv.ParseInt(string(v.Bytes(i)), 10, 64)
		if err != nil {
			return fmt.Errorf("not an int64")
		}
		dst.AppendInt(parsed)
		return nil
	case value.Float64:
		f := math.Float64frombits(uint64(n[i]))
		if math.IsNaN(f) {
			dst.AppendNull()
			return nil
		}
		if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return fmt.Errorf("not an integer that float64 holds exactly")
		}
		k.integer(dst, int64(f))
		return nil
	}
	k.integer(dst, n[i])
	return nil
}

func (k *Keys) integer(dst *Vector, n int64) {
	if k.kind == value.String {
		dst.AppendBytes(strconv.AppendInt(nil, n, 10))
		return
	}
	dst.AppendInt(n)
}
