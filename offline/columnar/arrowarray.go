package columnar

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// appendArrow adds rows i to j (not included) of an Arrow array to a vector of its type.
func appendArrow(v *Vector, a arrow.Array, i, j int) error {
	switch a := a.(type) {
	case *array.Dictionary:
		return appendDictionary(v, a, i, j)
	case array.ExtensionArray:
		return appendArrow(v, a.Storage(), i, j)
	case array.ListLike:
		return appendList(v, a, i, j)
	case *array.Struct:
		return appendStruct(v, a, i, j)
	}
	read, err := reader(a)
	if err != nil {
		return err
	}
	for ; i < j; i++ {
		if a.IsNull(i) {
			v.AppendNull()
			continue
		}
		if err := read(v, i); err != nil {
			return fmt.Errorf("row %d of the record batch: %w", i+1, err)
		}
	}
	return nil
}

func appendDictionary(v *Vector, a *array.Dictionary, i, j int) error {
	for ; i < j; i++ {
		if a.IsNull(i) {
			v.AppendNull()
			continue
		}
		at := a.GetValueIndex(i)
		if at < 0 || at >= a.Dictionary().Len() {
			return fmt.Errorf("index %d into a dictionary of %d", at, a.Dictionary().Len())
		}
		if err := appendArrow(v, a.Dictionary(), at, at+1); err != nil {
			return err
		}
	}
	return nil
}

// appendList copies the items of each list. Lists may not share items, or a few of them could mean billions.
func appendList(v *Vector, a array.ListLike, i, j int) error {
	left := int64(a.ListValues().Len())
	for ; i < j; i++ {
		if a.IsNull(i) {
			v.AppendNull()
			continue
		}
		from, to := a.ValueOffsets(i)
		if from < 0 || from > to || to > int64(a.ListValues().Len()) {
			return fmt.Errorf("list %d lies outside of its items", i+1)
		}
		if left -= to - from; left < 0 {
			return fmt.Errorf("lists share their items")
		}
		if err := appendArrow(v.Elem, a.ListValues(), int(from), int(to)); err != nil {
			return err
		}
		v.closeRange(v.Elem.Len())
		v.present()
	}
	return nil
}

func appendStruct(v *Vector, a *array.Struct, i, j int) error {
	for ; i < j; i++ {
		if a.IsNull(i) {
			v.AppendNull()
			continue
		}
		v.mark(false)
		for m := range v.Sub {
			if err := appendArrow(&v.Sub[m], a.Field(m), i, i+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// reader appends one row that is not null.
func reader(a arrow.Array) (func(*Vector, int) error, error) {
	ints := func(get func(int) int64) (func(*Vector, int) error, error) {
		return func(v *Vector, i int) error { v.AppendInt(get(i)); return nil }, nil
	}
	floats := func(get func(int) float64) (func(*Vector, int) error, error) {
		return ints(func(i int) int64 { return int64(math.Float64bits(get(i))) })
	}
	switch a := a.(type) {
	case *array.Boolean:
		return ints(func(i int) int64 { return bit(a.Value(i)) })
	case *array.Int8:
		return ints(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int16:
		return ints(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int32:
		return ints(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Int64:
		return ints(a.Value)
	case *array.Uint8:
		return ints(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Uint16:
		return ints(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Uint32:
		return ints(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Float16:
		return floats(func(i int) float64 { return float64(a.Value(i).Float32()) })
	case *array.Float32:
		return floats(func(i int) float64 { return float64(a.Value(i)) })
	case *array.Float64:
		return floats(a.Value)
	case *array.Date32:
		return ints(func(i int) int64 { return int64(a.Value(i)) })
	case *array.Date64:
		return ints(func(i int) int64 { return floorDiv(int64(a.Value(i)), 86_400_000) })
	case *array.Null:
		return func(v *Vector, _ int) error { v.AppendNull(); return nil }, nil
	}
	return wideReader(a)
}

// wideReader is reader for text, bytes and numbers that may not fit.
func wideReader(a arrow.Array) (func(*Vector, int) error, error) {
	switch a := a.(type) {
	case *array.Uint64:
		return func(v *Vector, i int) error {
			v.AppendInt(int64(a.Value(i)))
			return outOfRange(a.Value(i) > math.MaxInt64, a.Value(i))
		}, nil
	case *array.Timestamp:
		return timestamps(a), nil
	case *array.Decimal128:
		return func(v *Vector, i int) error {
			n := a.Value(i)
			v.N, v.H = append(v.N, int64(n.LowBits())), append(v.H, n.HighBits())
			v.present()
			return nil
		}, nil
	case *array.FixedSizeBinary:
		return func(v *Vector, i int) error { v.AppendBytes(a.Value(i)); return nil }, nil
	case interface{ Value(int) []byte }:
		return func(v *Vector, i int) error { v.AppendBytes(a.Value(i)); return nil }, nil
	case array.StringLike:
		return func(v *Vector, i int) error {
			if s := a.Value(i); !utf8.ValidString(s) {
				return fmt.Errorf("string is not UTF-8")
			}
			v.AppendBytes([]byte(a.Value(i)))
			return nil
		}, nil
	}
	return nil, fmt.Errorf("reading %s is not built yet", a.DataType())
}

func timestamps(a *array.Timestamp) func(*Vector, int) error {
	unit := a.DataType().(*arrow.TimestampType).Unit
	return func(v *Vector, i int) error {
		n, ok := micros(int64(a.Value(i)), unit.String())
		v.AppendInt(n)
		return outOfRange(!ok, a.Value(i))
	}
}

// micros converts a count of s, ms, us or ns to microseconds, flooring the finer; false if it does not fit.
func micros(n int64, unit string) (int64, bool) {
	switch unit {
	case "s":
		return n * 1e6, n*1e6/1e6 == n
	case "ms":
		return n * 1000, n*1000/1000 == n
	case "ns":
		return floorDiv(n, 1000), true
	}
	return n, unit == "us"
}

func outOfRange(out bool, x any) error {
	if out {
		return fmt.Errorf("value %v is out of range", x)
	}
	return nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
