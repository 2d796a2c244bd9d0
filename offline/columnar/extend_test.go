package columnar

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestExtendKeepsEveryRowAndColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, extra := anySchema(t), anySchema(t)
		for i := range extra {
			extra[i].Name = "x" + extra[i].Name
		}
		rows := anyRows(t, s, 25)
		input := open(t, fileOf(t, s, rows, Options{RowGroupRows: rapid.IntRange(1, 30).Draw(t, "group"), PageBytes: 30,
			Metadata: map[string]string{"a": "1", "b": "2"}}))
		more := make(rowsOf, len(rows))
		want := make(rowsOf, len(rows))
		for i := range more {
			for _, c := range extra {
				more[i] = append(more[i], anyOf(t, c.Type, c.Nullable))
			}
			want[i] = append(append(want[i], rows[i]...), more[i]...)
		}
		var out bytes.Buffer
		x, err := input.Extend(&out, extra, Options{PageBytes: 30, Metadata: map[string]string{"b": "3"}})
		if err != nil {
			t.Fatal(err)
		}
		for left := more; len(left) > 0; {
			n := rapid.IntRange(1, len(left)).Draw(t, "cut")
			if err := x.Write(left[:n].batch(extra)); err != nil {
				t.Fatal(err)
			}
			left = left[n:]
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		f := open(t, out.Bytes())
		if m := f.Metadata(); m["a"] != "1" || m["b"] != "3" {
			t.Fatalf("metadata %v", m)
		}
		for i, c := range append(append(Schema(nil), s...), extra...) {
			if got := f.Schema()[i]; got.Name != c.Name || !got.Type.Equal(c.Type) || got.Nullable != c.Nullable {
				t.Fatalf("column %d is %+v, want %+v", i, got, c)
			}
		}
		equalRows(t, readAll(t, f, f.Names(), 10), want)
	})
}

func TestExtendRefusesMissingAndSurplusRows(t *testing.T) {
	s := Schema{{Name: "a", Type: int64Type}}
	extra := Schema{{Name: "b", Type: int64Type}}
	input := open(t, fileOf(t, s, rowsOf{ints(1), ints(2)}, Options{}))
	for n, name := range map[int]string{1: "missing", 3: "surplus"} {
		x, err := input.Extend(&bytes.Buffer{}, extra, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rows := rowsOf{ints(1), ints(2), ints(3)}[:n]
		err = x.Write(rows.batch(extra))
		if err == nil {
			err = x.Close()
		}
		if err == nil {
			t.Errorf("%s rows: no error", name)
		}
	}
	if _, err := input.Extend(&bytes.Buffer{}, s, Options{}); err == nil {
		t.Error("a clash of names is no error")
	}
}

func TestExtendKeepsRowsOfManyPages(t *testing.T) {
	data, rows := events(t, 4000)
	input := open(t, data)
	extra := Schema{{Name: "x", Type: int64Type}}
	var out bytes.Buffer
	x, err := input.Extend(&out, extra, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := NewBatch(extra)
	for i := range rows {
		b.Append(ints(int64(i))...)
		rows[i] = append(rows[i], ints(int64(i))...)
	}
	if err := x.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, out.Bytes())
	equalRows(t, readAll(t, f, f.Names(), 500), rows)
}
