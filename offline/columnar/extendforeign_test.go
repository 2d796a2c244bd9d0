package columnar

import (
	"bytes"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go/format"

	"anabranch.dev/anabranch/schemas/value"
)

// signed is a big-endian two's complement integer.
func signed(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

func TestForeignColumnsPassUnchanged(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.parquet")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		in := open(t, data)
		extra := Schema{{Name: "x", Type: int64Type}, {Name: "y", Type: value.ListOf(value.Of(value.Timestamp)), Nullable: true}}
		var out bytes.Buffer
		x, err := in.Extend(&out, extra, Options{})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		b := NewBatch(extra)
		for i := range in.Rows() {
			b.Append(value.Int(i), value.Value{})
		}
		if err := x.Write(b); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if err := x.Close(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		f := open(t, out.Bytes())
		names := in.Schema().Names()
		equalBits(t, readAll(t, f, names, 100), readAll(t, in, names, 100))
		equalElements(t, path, f.file.Metadata().Schema[1:], in.file.Metadata().Schema[1:])
		if f.RowGroups() != in.RowGroups() {
			t.Errorf("%s: %d row groups, want %d", path, f.RowGroups(), in.RowGroups())
		}
		checkArrowSchema(t, path, f)
	}
}

// equalBits is equalRows with every NaN equal to itself.
func equalBits(t *testing.T, got, want rowsOf) {
	t.Helper()
	for i := range want {
		for c := range want[i] {
			if g, w := got[i][c], want[i][c]; g.Kind != w.Kind || g.N != w.N || w.Kind != value.Float64 && !value.Equal(g, w) {
				t.Errorf("row %d column %d: %v, want %v", i, c, g, w)
			}
		}
	}
}

// equalElements compares what a file declares of its columns with how the input declared them.
func equalElements(t *testing.T, path string, got, want []format.SchemaElement) {
	t.Helper()
	for i, w := range want {
		g := got[i]
		if g.Name != w.Name || g.Type != w.Type || g.TypeLength != w.TypeLength || g.RepetitionType != w.RepetitionType ||
			g.ConvertedType != w.ConvertedType || g.LogicalType.String() != w.LogicalType.String() || g.FieldID != w.FieldID ||
			g.NumChildren != w.NumChildren || g.Precision != w.Precision || g.Scale != w.Scale {
			t.Errorf("%s: %s is declared\n%+v, want\n%+v", path, w.Name, g, w)
		}
	}
}

// checkArrowSchema wants the embedded Arrow schema to have as many fields as the file.
func checkArrowSchema(t *testing.T, path string, f *File) {
	t.Helper()
	encoded, ok := f.Metadata()[arrowSchemaKey]
	if !ok {
		t.Errorf("%s: the Arrow schema is gone", path)
		return
	}
	fields, err := arrowFieldNames(encoded)
	if err != nil || len(fields) != len(f.Names()) {
		t.Errorf("%s: Arrow schema of %q for %q: %v", path, fields, f.Names(), err)
	}
}
