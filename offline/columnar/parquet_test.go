package columnar

import (
	"bytes"
	"io"
	"math"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

func TestParquetRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySchema(t)
		rows := anyRows(t, s, 30)
		o := Options{
			Compression:  rapid.SampledFrom([]string{"snappy", "zstd", "none"}).Draw(t, "codec"),
			RowGroupRows: rapid.IntRange(1, 20).Draw(t, "group"),
			PageBytes:    rapid.IntRange(1, 200).Draw(t, "page"),
		}
		data := fileOf(t, s, rows, o, rapid.IntRange(1, 7).Draw(t, "cut"), rapid.IntRange(1, 40).Draw(t, "cut"))
		f := open(t, data)
		if len(f.Schema()) != len(s) || f.Rows() != int64(len(rows)) {
			t.Fatalf("schema %v rows %d, want %v and %d; unreadable %v", f.Schema(), f.Rows(), s, len(rows), f.Unreadable())
		}
		for i, c := range f.Schema() {
			if c.Name != s[i].Name || !c.Type.Equal(s[i].Type) || c.Nullable != s[i].Nullable || s[i].Type.Scalar() && c.Local != s[i].Local {
				t.Fatalf("column %d reads as %+v, want %+v", i, c, s[i])
			}
		}
		equalRows(t, readAll(t, f, s.Names(), rapid.IntRange(1, 25).Draw(t, "batch")), rows)
		last := s.Names()[len(s)-1]
		for i, row := range readAll(t, f, []string{last, last}, 1000) {
			equalRows(t, rowsOf{row}, rowsOf{{rows[i][len(s)-1], rows[i][len(s)-1]}})
		}
	})
}

func TestParquetBytesDependOnRowsNotOnBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySchema(t)
		rows := anyRows(t, s, 40)
		for len(rows) > 0 && len(rows) < 5000 {
			rows = append(rows, rows...)
		}
		o := Options{RowGroupRows: rapid.SampledFrom([]int{0, 3000, 4096, 7}).Draw(t, "group"), PageBytes: 4096}
		a := fileOf(t, s, rows, o)
		b := fileOf(t, s, rows, o, rapid.IntRange(1, 5000).Draw(t, "cut"), rapid.IntRange(1, 5000).Draw(t, "cut"))
		if !bytes.Equal(a, b) {
			t.Fatalf("other batches, other bytes: %d and %d", len(a), len(b))
		}
	})
}

func TestStringsThatAreNotUTF8AreErrors(t *testing.T) {
	s := Schema{{Name: "s", Type: value.Of(value.String)}}
	for _, texts := range [][]string{{"a", "\xff"}, {"\xc3", "\xa9"}, {"\xc3\xa9", "\xa9"}} {
		for _, unique := range [][]string{nil, {"s"}} {
			rows := rowsOf{}
			for _, x := range texts {
				rows = append(rows, []value.Value{value.Text(x)})
			}
			f := open(t, fileOf(t, s, rows, Options{Unique: unique}))
			if err := f.ReadRowGroup(0, []string{"s"}, &Batch{}); err == nil {
				t.Errorf("%q is read as strings", texts)
			}
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	one := Schema{{Name: "a", Type: int64Type}}
	for _, c := range []struct {
		s Schema
		o Options
	}{
		{Schema{}, Options{}}, {append(one, one...), Options{}}, {Schema{{Name: "a"}}, Options{}},
		{Schema{{Name: "a", Type: value.Type{Kind: value.Decimal, Scale: 39}}}, Options{}},
		{one, Options{Compression: "lzma"}}, {one, Options{RowGroupRows: -1}}, {one, Options{PageBytes: 1 << 30}},
		{one, Options{SortedBy: []string{"b"}}}, {one, Options{Bloom: []string{"b"}}}, {one, Options{Unique: []string{"b"}}},
		{Schema{{Name: "a", Type: value.Of(value.Float64)}}, Options{Bloom: []string{"a"}}},
	} {
		if _, err := NewWriter(io.Discard, c.s, c.o); err == nil {
			t.Errorf("%v with %+v is accepted", c.s, c.o)
		}
	}
	for _, bad := range []value.Value{{}, value.Dec(value.Pow10(38)), value.Dec(value.Int128{Hi: math.MinInt64})} {
		s := Schema{{Name: "a", Type: value.Of(value.Decimal)}}
		w, err := NewWriter(io.Discard, s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(rowsOf{{bad}}.batch(s))
		if err == nil {
			err = w.Close()
		}
		if err == nil || w.Close() == nil {
			t.Errorf("%v is written as a decimal that is not null, or the error is forgotten", bad)
		}
	}
}
