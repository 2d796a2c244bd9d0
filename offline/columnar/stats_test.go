package columnar

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

// events is a sorted file of keys with several rows each.
func events(t fataler, groupRows int) ([]byte, rowsOf) {
	t.Helper()
	s := Schema{{Name: "key", Type: value.Of(value.String), Nullable: true}, {Name: "n", Type: int64Type}, {Name: "at", Type: value.Of(value.Timestamp)},
		{Name: "id", Type: value.Of(value.String)}}
	rows := rowsOf{}
	for i := range int64(10_000) {
		rows = append(rows, []value.Value{value.Text(fmt.Sprintf("user%05d", i/10)), value.Int(-i), value.Time(0), value.Text(fmt.Sprintf("%x", i*7919))})
		rows[i][2].N = i * 1000
	}
	for range 10 {
		rows = append(rows, []value.Value{{}, value.Int(7), value.Time(0), value.Text("")})
	}
	o := Options{SortedBy: []string{"key", "at"}, Bloom: []string{"key", "n"}, Unique: []string{"id"}, RowGroupRows: groupRows, PageBytes: 1000, CreatedBy: "test 1"}
	return fileOf(t, s, rows, o), rows
}

func TestFilesCarryOrderBoundsAndFilters(t *testing.T) {
	data, rows := events(t, 2500)
	f := open(t, data)
	if f.RowGroups() != 5 || f.CreatedBy() != "test 1" {
		t.Fatalf("%d row groups by %q", f.RowGroups(), f.CreatedBy())
	}
	equalRows(t, readAll(t, f, f.Names(), 999), rows)
	at := 0
	for g := range f.RowGroups() {
		if got := f.Sorted(g); !slices.Equal(got, []string{"key", "at"}) {
			t.Errorf("row group %d is sorted by %q", g, got)
		}
		group := rows[at : at+int(f.GroupRows(g))]
		at += len(group)
		for c, name := range []string{"key", "n", "at"} {
			checkGroup(t, f, g, name, group, c)
		}
	}
	if may, err := f.MayContain(0, "id", value.Text("absent")); err != nil || !may {
		t.Errorf("a column without filter: %v, %v", may, err)
	}
}

// checkGroup compares what a row group says of a column with its rows.
func checkGroup(t *testing.T, f *File, g int, name string, rows rowsOf, column int) {
	t.Helper()
	var lo, hi value.Value
	here := map[string]bool{}
	for _, row := range rows {
		x := row[column]
		if x.IsNull() {
			continue
		}
		here[fmt.Sprint(x)] = true
		if lo.IsNull() || value.Compare(x, lo) < 0 {
			lo = x
		}
		if hi.IsNull() || value.Compare(x, hi) > 0 {
			hi = x
		}
		if may, err := f.MayContain(g, name, x); !may || err != nil {
			t.Fatalf("row group %d, %s: filter denies %v: %v", g, name, x, err)
		}
	}
	b, ok := f.Bounds(g, name)
	if ok != !lo.IsNull() || ok && (!value.Equal(b.Min, lo) || !value.Equal(b.Max, hi)) {
		t.Errorf("row group %d, %s: bounds %v, %v, want %v to %v", g, name, b, ok, lo, hi)
	}
	if name == "at" || len(here) == 0 {
		return
	}
	wrong := 0
	for i := range int64(1000) {
		x := value.Int(i + 1_000_000)
		if name == "key" {
			x = value.Text(fmt.Sprint("nobody", i))
		}
		if may, err := f.MayContain(g, name, x); err != nil {
			t.Fatal(err)
		} else if may {
			wrong++
		}
	}
	if wrong > 60 {
		t.Errorf("row group %d, %s: filter lets %d of 1000 strangers pass", g, name, wrong)
	}
}

func TestFiltersAreSizedByDistinctValues(t *testing.T) {
	for _, k := range []value.Kind{value.String, value.Bytes, value.Int64, value.Date, value.Timestamp} {
		s := Schema{{Name: "x", Type: value.Of(k)}}
		b := NewBatch(s)
		for i := range 10_000 {
			x := value.Value{Kind: k, N: int64(i * 7919 % 1000)}
			if k == value.String || k == value.Bytes {
				x.B = fmt.Append(nil, x.N)
			}
			b.Append(x)
		}
		f := open(t, fileOf(t, s, rowsIn(b), Options{Bloom: []string{"x"}}))
		size := f.file.Metadata().RowGroups[0].Columns[0].MetaData.BloomFilterLength
		if size < 1000*filterBits/8 || size > 1000*filterBits/8+200 {
			t.Errorf("%s: filter of 1000 values in 10,000 rows takes %d bytes", k, size)
		}
		if may, err := f.MayContain(0, "x", b.Cols[0].At(5)); !may || err != nil {
			t.Errorf("%s: filter denies a value: %v", k, err)
		}
	}
}

// TestBoundsEncloseDecimalsAndFloats reads statistics and the column index as other programs do: by physical bytes.
func TestBoundsEncloseDecimalsAndFloats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schema{{Name: "d", Type: value.Type{Kind: value.Decimal, Scale: 2}, Nullable: true}, {Name: "f", Type: value.Of(value.Float64), Nullable: true}}
		b := NewBatch(s)
		for range rapid.IntRange(1, 40).Draw(t, "rows") {
			f := value.Value{Kind: value.Float64, N: int64(math.Float64bits(rapid.SampledFrom([]float64{math.NaN(), 0, math.Copysign(0, -1), 1, -1.5, math.Inf(1)}).Draw(t, "f")))}
			b.Append(anyOf(t, s[0].Type, true), f)
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, s, Options{PageBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for c := range s {
			stats := file.Metadata().RowGroups[0].Columns[c].MetaData.Statistics
			index := file.ColumnIndexes()[c]
			for i := range b.Rows {
				x := b.Cols[c].At(i)
				if x.IsNull() || c == 1 && math.IsNaN(x.Float()) {
					continue
				}
				if !enclosed(x, stats.MinValue, stats.MaxValue) || !enclosed(x, index.MinValues[0], index.MaxValues[0]) {
					t.Fatalf("%v is not within %x to %x", x, stats.MinValue, stats.MaxValue)
				}
			}
		}
	})
}

func enclosed(x value.Value, lo, hi []byte) bool {
	if x.Kind == value.Decimal {
		least, _ := int128(lo)
		most, _ := int128(hi)
		return len(lo) == 16 && x.Int128().Cmp(least) >= 0 && x.Int128().Cmp(most) <= 0
	}
	bits := func(b []byte) float64 {
		return parquet.Double.Value(b).Double()
	}
	least, most := bits(lo), bits(hi)
	zero := x.Float() != 0 || (least != 0 || math.Signbit(least)) && (most != 0 || !math.Signbit(most))
	return x.Float() >= least && x.Float() <= most && zero
}

func TestCompareSigned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 1, 18)
		a, b := raw.Draw(t, "a"), raw.Draw(t, "b")
		if got, want := compareSigned(a, b), signed(a).Cmp(signed(b)); got != want {
			t.Fatalf("%x and %x: %d, want %d", a, b, got, want)
		}
		n, ok := int128(a)
		want := signed(a)
		magnitude := want
		if want.Sign() < 0 {
			magnitude = new(big.Int).Not(want) // -2^127 fits, 2^127 does not
		}
		if fits := magnitude.BitLen() <= 127; ok != fits || fits && n.String() != want.String() {
			t.Fatalf("%x: %v, %v, want %v, %v", a, n, ok, want, fits)
		}
	})
}
