package columnar

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
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
