package columnar

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// readEverything uses a file in every way that touches its bytes. Errors are fine; panics are not.
func readEverything(data []byte) {
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	for g := range f.RowGroups() {
		for _, c := range f.Schema() {
			b := &Batch{}
			if err := f.ReadRowGroup(g, []string{c.Name}, b); err == nil {
				rowsIn(b)
			}
			f.Bounds(g, c.Name)
			_, _ = f.MayContain(g, c.Name, value.Value{Kind: c.Type.Kind, B: []byte("x")})
		}
		f.Sorted(g)
	}
	x, err := f.Extend(io.Discard, Schema{{Name: "\x00extra", Type: int64Type}}, Options{})
	if err != nil || f.Rows() > 1000 {
		return
	}
	b := NewBatch(Schema{{Name: "\x00extra", Type: int64Type}})
	for range f.Rows() {
		b.Append(value.Int(1))
	}
	if x.Write(b) == nil {
		_ = x.Close()
	}
}

func smallFiles(t testing.TB) [][]byte {
	s := Schema{{Name: "k", Type: value.Of(value.String), Nullable: true}, {Name: "n", Type: int64Type}, {Name: "l", Type: value.ListOf(value.Type{Kind: value.Struct, Fields: []value.Field{
		{Name: "d", Type: value.Type{Kind: value.Decimal, Scale: 1}}, {Name: "b", Type: value.Of(value.Bool)}}}), Nullable: true}}
	member := value.Value{Kind: value.Struct, L: []value.Value{value.Dec(value.Int128Of(-3)), {}}}
	rows := rowsOf{{value.Text("a"), value.Int(1), value.Items(member, value.Value{})}, {{}, value.Int(-5), {}}, {value.Text("b"), value.Int(7), value.Items()}}
	files := [][]byte{
		fileOf(t, s, rows, Options{RowGroupRows: 2, Bloom: []string{"k"}, SortedBy: []string{"n"}}),
		fileOf(t, s, rows, Options{Compression: "none", Unique: []string{"k"}}),
	}
	for _, name := range []string{"int96.parquet", "foreign_v1.parquet", "v2.parquet", "lz4.parquet"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	return files
}

func FuzzOpen(f *testing.F) {
	for _, data := range smallFiles(f) {
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) { readEverything(data) })
}

func TestDamagedFilesDoNotPanic(t *testing.T) {
	files := smallFiles(t)
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Clone(files[rapid.IntRange(0, len(files)-1).Draw(t, "file")])
		for range rapid.IntRange(1, 3).Draw(t, "blows") {
			data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		readEverything(data)
		readEverything(data[:rapid.IntRange(0, len(data)).Draw(t, "cut")])
	})
}

func arrowFiles(t testing.TB) [][]byte {
	data, err := os.ReadFile("testdata/foreign.feather")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := Schema{{Name: "k", Type: value.Of(value.String), Nullable: true}, {Name: "l", Type: value.ListOf(int64Type)}}
	if err := WriteArrow(&out, rowsOf{{value.Text("a"), value.Items(value.Int(1))}, {{}, value.Items()}}.batch(s)); err != nil {
		t.Fatal(err)
	}
	return [][]byte{data, out.Bytes()}
}

func readArrowBytes(data []byte) {
	r, err := readArrowFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	defer r.Close()
	for b := (&Batch{}); r.Next(b) == nil; {
		rowsIn(b)
	}
}

func FuzzReadArrow(f *testing.F) {
	for _, data := range arrowFiles(f) {
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) { readArrowBytes(data) })
}

func TestDamagedArrowFilesDoNotPanic(t *testing.T) {
	files := arrowFiles(t)
	rapid.Check(t, func(t *rapid.T) {
		data := bytes.Clone(files[rapid.IntRange(0, len(files)-1).Draw(t, "file")])
		for range rapid.IntRange(1, 4).Draw(t, "blows") {
			data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		readArrowBytes(data)
		readArrowBytes(data[:rapid.IntRange(0, len(data)).Draw(t, "cut")])
	})
}

func FuzzTextLines(f *testing.F) {
	f.Add([]byte("a,b\n1,\"x\"\"\n\"\n"))
	f.Add([]byte("{\"a\":[1,{\"b\":\"}\\\"\"}],\"c\" : -0.5e3 }\n{\"a\":null}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, start := range []func(io.Reader) (lines, error){newCSV, newJSONL} {
			l, err := start(bytes.NewReader(data))
			if err != nil {
				continue
			}
			for err == nil {
				err = l.next(func(column int, s []byte, literal classes) error {
					if column >= len(l.names()) {
						t.Fatalf("column %d of %q", column, l.names())
					}
					c := literal
					if c == 0 {
						c = classOf(s)
					}
					v := NewVector(value.Of(c.kind()))
					if err := appendText(&v, s); err != nil && c.kind() != value.String {
						t.Fatalf("%q looks like %s: %v", s, c.kind(), err)
					}
					return nil
				})
			}
		}
	})
}

func FuzzParseTime(f *testing.F) {
	f.Add("2001-03-31 23:00:00.1234569+02:00")
	f.Add("2001/01/31 18:20")
	f.Fuzz(func(t *testing.T, s string) {
		m, zoned, err := parseTime([]byte(s))
		if want, wantErr := time.Parse(time.RFC3339Nano, s); wantErr == nil && s[10] == 'T' && want.Year() > 0 {
			if err != nil || !zoned || m != stamp.FromTime(want) {
				t.Fatalf("%q: %v, %v, %v, want %v", s, m, zoned, err, want)
			}
		}
		if err == nil && m.Valid() {
			if back, zoned, err := parseTime([]byte(m.String())); err != nil || !zoned || back != m {
				t.Fatalf("%q is %v, which reads as %v, %v", s, m, back, err)
			}
		}
	})
}
