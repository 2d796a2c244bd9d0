package columnar

import (
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"anabranch.dev/anabranch/schemas/value"
)

// Bounds encloses the values of one column in one row group that are not null: Min <= x <= Max. A bound of a string may
// be shorter than any value and cut within a character.
type Bounds struct {
	Min, Max value.Value
}

// Bounds of the column with that name in row group i, counting from 0, out of the footer; false if it has none or is
// not an integer, date, timestamp, string or bytes.
func (f *File) Bounds(i int, name string) (b Bounds, ok bool) {
	v := f.views[name]
	if v == nil || !filterable(v.Type.Kind) {
		return b, false
	}
	var err error
	defer func() { ok = ok && err == nil }()
	defer guard(&err)
	l := v.leaves[0]
	s := f.file.Metadata().RowGroups[i].Columns[l.index].MetaData.Statistics
	b.Min, ok = l.bound(v.Type.Kind, f.leafType(l), s.MinValue)
	if ok {
		b.Max, ok = l.bound(v.Type.Kind, f.leafType(l), s.MaxValue)
	}
	return b, ok
}

func (f *File) leafType(l *source) parquet.Type {
	return f.file.RowGroups()[0].ColumnChunks()[l.index].Type()
}

func (l *source) bound(k value.Kind, t parquet.Type, plain []byte) (value.Value, bool) {
	var d dense
	switch {
	case plain == nil:
		return value.Value{}, false
	case t.Kind() == parquet.ByteArray:
		return value.Value{Kind: k, B: plain}, true
	case t.Kind() == parquet.Int64 && len(plain) == 8:
		err := l.decode(&d, encoding.Int64ValuesFromBytes(plain), 1)
		return value.Value{Kind: k, N: first(d.n)}, err == nil
	case t.Kind() == parquet.Int32 && len(plain) == 4:
		err := l.decode(&d, encoding.Int32ValuesFromBytes(plain), 1)
		return value.Value{Kind: k, N: first(d.n)}, err == nil
	}
	return value.Value{}, false
}

func first(n []int64) int64 {
	if len(n) == 0 {
		return 0
	}
	return n[0]
}

// MayContain asks the bloom filter of the column in row group i, counting from 0, for x. False means that no row has
// it; true means nothing if there is no filter that x can be asked of.
func (f *File) MayContain(i int, name string, x value.Value) (may bool, err error) {
	defer guard(&err)
	v := f.views[name]
	if v == nil || v.Type.Kind != x.Kind || !filterable(x.Kind) {
		return true, nil
	}
	stored, ok := storedAs(f.leafType(v.leaves[0]), x)
	filter := f.file.RowGroups()[i].ColumnChunks()[v.leaves[0].index].BloomFilter()
	if !ok || filter == nil {
		return true, nil
	}
	if may, err = filter.Check(stored); err != nil {
		return true, fmt.Errorf("read parquet: row group %d: column %q: bloom filter: %w", i, name, err)
	}
	return may, nil
}

// storedAs is x as the column stores it, where the view keeps what is stored.
func storedAs(t parquet.Type, x value.Value) (parquet.Value, bool) {
	if lt := t.LogicalType(); lt != nil {
		if ts, ok := lt.Value.(*format.TimestampType); ok && ts.Unit.String() != "MICROS" {
			return parquet.Value{}, false
		}
	}
	switch t.Kind() {
	case parquet.Int64:
		return parquet.Int64Value(x.N), true
	case parquet.Int32:
		return parquet.Int32Value(int32(x.N)), x.N >= math.MinInt32 && x.N <= math.MaxInt32
	case parquet.ByteArray:
		return parquet.ByteArrayValue(x.B), true
	}
	return parquet.Value{}, false
}

// Sorted lists the columns that row group i says its rows are sorted by, ascending.
func (f *File) Sorted(i int) []string {
	var names []string
	for _, s := range f.file.RowGroups()[i].SortingColumns() {
		if s.Descending() || len(s.Path()) != 1 {
			break
		}
		names = append(names, s.Path()[0])
	}
	return names
}
