package columnar

import (
	"bytes"
	"fmt"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/value"
)

// rowsOf is a table as plain rows, the model that files are judged by.
type rowsOf [][]value.Value

var scalarKinds = []value.Kind{value.Bool, value.Int64, value.Float64, value.String, value.Bytes, value.Date, value.Timestamp, value.Decimal}

func anyType(t *rapid.T, depth int) value.Type {
	k := rapid.IntRange(0, len(scalarKinds)+1).Draw(t, "kind")
	switch {
	case k == len(scalarKinds) && depth > 0:
		return value.ListOf(anyType(t, depth-1))
	case k == len(scalarKinds)+1 && depth > 0:
		s := value.Type{Kind: value.Struct}
		for i := range rapid.IntRange(1, 3).Draw(t, "members") {
			s.Fields = append(s.Fields, value.Field{Name: fmt.Sprintf("m%d", 9-i), Type: anyType(t, depth-1)})
		}
		return s
	}
	scalar := value.Of(scalarKinds[k%len(scalarKinds)])
	if scalar.Kind == value.Decimal {
		scalar.Scale = rapid.Int32Range(0, 38).Draw(t, "scale")
	}
	return scalar
}

func anySchema(t *rapid.T) Schema {
	s := make(Schema, rapid.IntRange(1, 5).Draw(t, "columns"))
	for i := range s {
		s[i] = Column{Name: fmt.Sprintf("c%d", 9-i), Type: anyType(t, 2), Nullable: rapid.Bool().Draw(t, "nullable")}
		s[i].Local = s[i].Type.Kind == value.Timestamp && rapid.Bool().Draw(t, "local")
	}
	return s
}

func anyOf(t *rapid.T, typ value.Type, nullable bool) value.Value {
	if nullable && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		return value.Value{}
	}
	switch typ.Kind {
	case value.Bool:
		return value.BoolOf(rapid.Bool().Draw(t, "b"))
	case value.Float64:
		return value.Float(rapid.Float64().Draw(t, "f"))
	case value.String:
		return value.Text(rapid.StringN(0, 6, 24).Draw(t, "s"))
	case value.Bytes:
		return value.Raw(rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "raw"))
	case value.Date:
		return value.DateOf(int64(rapid.Int32().Draw(t, "date")))
	case value.Decimal:
		n := value.Int128{Hi: rapid.Int64Range(-5e18, 5e18).Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		if rapid.Bool().Draw(t, "small") {
			n = value.Int128Of(n.Hi >> 50)
		}
		return value.Dec(n)
	case value.List:
		items := make([]value.Value, rapid.IntRange(0, 3).Draw(t, "len"))
		for i := range items {
			items[i] = anyOf(t, *typ.Elem, true)
		}
		return value.Items(items...)
	case value.Struct:
		v := value.Value{Kind: value.Struct}
		for _, f := range typ.Fields {
			v.L = append(v.L, anyOf(t, f.Type, true))
		}
		return v
	}
	return value.Value{Kind: typ.Kind, N: rapid.Int64().Draw(t, "n")}
}

func anyRows(t *rapid.T, s Schema, most int) rowsOf {
	rows := make(rowsOf, rapid.IntRange(0, most).Draw(t, "rows"))
	for i := range rows {
		for _, c := range s {
			rows[i] = append(rows[i], anyOf(t, c.Type, c.Nullable))
		}
	}
	return rows
}

func (rows rowsOf) batch(s Schema) *Batch {
	b := NewBatch(s)
	for _, row := range rows {
		b.Append(row...)
	}
	return b
}

// rowsIn copies a batch out by its public accessors.
func rowsIn(b *Batch) rowsOf {
	rows := make(rowsOf, b.Rows)
	for i := range rows {
		for c := range b.Cols {
			rows[i] = append(rows[i], b.Cols[c].At(i).Clone())
		}
	}
	return rows
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func equalRows(t fataler, got, want rowsOf) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		for c := range want[i] {
			if !value.Equal(got[i][c], want[i][c]) {
				t.Fatalf("row %d column %d: %v, want %v", i, c, got[i][c], want[i][c])
			}
		}
	}
}

// fileOf writes rows in batches cut at the given lengths, cycled.
func fileOf(t fataler, s Schema, rows rowsOf, o Options, cuts ...int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, s, o)
	if err != nil {
		t.Fatalf("new writer: %v", err)
	}
	for i := 0; len(rows) > 0; i++ {
		n := len(rows)
		if len(cuts) > 0 {
			n = min(n, max(cuts[i%len(cuts)], 1))
		}
		if err := w.Write(rows[:n].batch(s)); err != nil {
			t.Fatalf("write: %v", err)
		}
		rows = rows[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return out.Bytes()
}

func open(t fataler, data []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return f
}

func readAll(t fataler, f *File, names []string, batchRows int) rowsOf {
	t.Helper()
	s, err := f.Scan(names, batchRows)
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	defer s.Close()
	return drainRows(t, s)
}

func drainRows(t fataler, s interface{ Next(*Batch) error }) rowsOf {
	t.Helper()
	rows, b := rowsOf{}, &Batch{}
	for {
		err := s.Next(b)
		if err != nil {
			if err.Error() != "EOF" {
				t.Fatalf("next: %v", err)
			}
			return rows
		}
		rows = append(rows, rowsIn(b)...)
	}
}

var int64Type = value.Of(value.Int64)

func ints(n ...int64) []value.Value {
	row := make([]value.Value, len(n))
	for i := range n {
		row[i] = value.Int(n[i])
	}
	return row
}
