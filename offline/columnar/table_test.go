package columnar

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"anabranch.dev/anabranch/schemas/value"
)

// tableOf writes text to a file of that name and opens it.
func tableOf(t *testing.T, name, content string, o TableOptions) (*Table, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	var packed bytes.Buffer
	var w io.WriteCloser
	switch filepath.Ext(name) {
	case ".gz":
		w = gzip.NewWriter(&packed)
	case ".zst":
		w, _ = zstd.NewWriter(&packed)
	}
	data := []byte(content)
	if w != nil {
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		data = packed.Bytes()
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := OpenTable(path, o)
	if err == nil {
		t.Cleanup(func() { _ = table.Close() })
	}
	return table, err
}

// printed is a table as text: its schema and then its rows, in JSON.
func printed(t *testing.T, table *Table, batchRows int, names ...string) string {
	t.Helper()
	if names == nil {
		names = table.Schema().Names()
	}
	r, err := table.Scan(names, batchRows)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out strings.Builder
	for _, c := range r.Schema() {
		fmt.Fprintf(&out, "%s:%s ", c.Name, c.Type)
	}
	out.WriteByte('\n')
	for _, row := range drainRows(t, r) {
		for i, v := range row {
			if v.Kind == value.Float64 && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
				fmt.Fprint(&out, v.Float(), " ")
				continue
			}
			out.Write(value.AppendJSON(nil, v, r.Schema()[i].Type))
			out.WriteByte(' ')
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func TestTextTablesInferTypes(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"a.csv", "i,f,b,s,e\n1,1.5,true,x,\n-2,3,FALSE,\"a,\n\"\"b\",\n,,,,\n",
			"i:int64 f:float64 b:boolean s:string e:string \n1 1.5 true \"x\" null \n-2 3.0 false \"a,\\n\\\"b\" null \nnull null null null null \n"},
		{"zip.csv", "zip,big,mix,neg0,exp\n007,9007199254740993,1,-0,1e3\n12,1,9007199254740993,1,.5\n",
			"zip:string big:int64 mix:int64 neg0:float64 exp:float64 \n\"007\" 9007199254740993 1 -0.0 1000.0 \n\"12\" 1 9007199254740993 1.0 0.5 \n"},
		{"lossy.csv", "a,b,c,\n9007199254740993,99999999999999999999,1e999,+1\n0.5,1,1,1_000\n",
			"a:string b:string c:string column_4:string \n\"9007199254740993\" \"99999999999999999999\" \"1e999\" \"+1\" \n\"0.5\" \"1\" \"1\" \"1_000\" \n"},
		{"mixed.csv", "\xef\xbb\xbfa,b\ntrue,1\n1,x\n", "a:string b:string \n\"true\" \"1\" \n\"1\" \"x\" \n"},
		{"header.csv", "a,b\n", "a:string b:string \n"},
		{"z.csv.gz", "a\n1\n", "a:int64 \n1 \n"},
		{"z.csv.zst", "a\n1\n", "a:int64 \n1 \n"},
		{"a.jsonl", "{\"i\":1,\"s\":\"007\"}\n\n {\"f\" : 2.5 , \"i\":null,\"n\":{\"x\":[1,\"}\"]}}\r\n{\"f\":3,\"s\":\"\\u00e9\\n\",\"m\":1,\"b\":true}\n{\"m\":\"1\",\"n\":[ ]}",
			"i:int64 s:string f:float64 n:string m:string b:boolean \n1 \"007\" null null null null \n" +
				"null null 2.5 \"{\\\"x\\\":[1,\\\"}\\\"]}\" null null \nnull \"é\\n\" 3.0 null \"1\" true \nnull null null \"[ ]\" \"1\" null \n"},
		{"true.jsonl", "{\"a\":\"true\",\"b\":\"1\"}\n{}\n", "a:string b:string \n\"true\" \"1\" \nnull null \n"},
	} {
		table, err := tableOf(t, c.name, c.content, TableOptions{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, batch := range []int{1, 1000} {
			if got := printed(t, table, batch); got != c.want {
				t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
			}
		}
		if want := int64(strings.Count(c.want, "\n") - 1); table.Rows() != want {
			t.Errorf("%s: %d rows, want %d", c.name, table.Rows(), want)
		}
	}
}

func TestForcedTypesKeepTheText(t *testing.T) {
	o := TableOptions{Types: map[string]value.Kind{"k": value.String, "n": value.Int64, "raw": value.Bytes, "absent": value.String}}
	for name, content := range map[string]string{
		"a.csv":   "k,n,raw\n12,5,AP8=\n007,-1,\n",
		"a.jsonl": "{\"k\":\"12\",\"n\":5,\"raw\":\"AP8=\"}\n{\"k\":\"007\",\"n\":\"-1\"}\n",
	} {
		table, err := tableOf(t, name, content, o)
		if err != nil {
			t.Fatal(err)
		}
		want := "k:string n:int64 raw:bytes \n\"12\" 5 \"AP8=\" \n\"007\" -1 null \n"
		if got := printed(t, table, 10); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		if got, want := printed(t, table, 10, "raw", "k", "k"), "raw:bytes k:string k:string \n\"AP8=\" \"12\" \"12\" \nnull \"007\" \"007\" \n"; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestBadTextTablesSayWhere(t *testing.T) {
	for _, c := range []struct {
		name, content, want string
		o                   TableOptions
	}{
		{"a.csv", "", "no header", TableOptions{}},
		{"a.csv", "a,a\n", `two columns named "a"`, TableOptions{}},
		{"a.csv", "a,b\n1,2\n3\n", "row 2", TableOptions{}},
		{"a.csv", "a\n\"x\n", "row 1", TableOptions{}},
		{"a.csv", "a\nx\n", `row 1: column "a": "x" is no int64`, TableOptions{Types: map[string]value.Kind{"a": value.Int64}}},
		{"a.csv", "a\n\xff\n", "UTF-8", TableOptions{}},
		{"a.csv", "a\n1\n", "cannot be read as timestamp", TableOptions{Types: map[string]value.Kind{"a": value.Timestamp}}},
		{"a.jsonl", "{\"a\":1}\n\n{\"a\":}\n", "line 3", TableOptions{}},
		{"a.jsonl", "{\"a\":1,\"a\":2}\n", `key "a" twice`, TableOptions{}},
		{"a.jsonl", "[1]\n", "not a JSON object", TableOptions{}},
		{"a.txt", "a\n", "extension does not tell", TableOptions{}},
		{"a.csv", "a\n", `format "xls"`, TableOptions{Format: "xls"}},
		{"a.parquet", "PAR1 nothing here", "open parquet", TableOptions{}},
		{"a.arrow", "ARROW1 nothing here", "read arrow", TableOptions{}},
		{"a.csv.gz", "", "", TableOptions{}},
	} {
		table, err := tableOf(t, c.name, c.content, c.o)
		if err == nil {
			var r Rows
			if r, err = table.Scan(table.Schema().Names(), 10); err == nil {
				for b := (&Batch{}); err == nil; {
					err = r.Next(b)
				}
				r.Close()
			}
		}
		if err == nil || err == io.EOF || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: error %v, want %q", c.name, c.content, err, c.want)
		}
	}
}

func TestTablesOfEveryFormatComeBackWhole(t *testing.T) {
	s := Schema{{Name: "k", Type: value.Of(value.String), Nullable: true}, {Name: "n", Type: int64Type, Nullable: true}}
	rows := rowsOf{}
	var csv, jsonl strings.Builder
	csv.WriteString("k,n\n")
	for i := range 5000 {
		k, n := fmt.Sprintf("k%d", i%7), int64(i*i)
		rows = append(rows, []value.Value{value.Text(k), value.Int(n)})
		fmt.Fprintf(&csv, "%s,%d\n", k, n)
		fmt.Fprintf(&jsonl, "{\"k\":%q,\"n\":%d}\n", k, n)
	}
	var stream bytes.Buffer
	if err := WriteArrow(&stream, rows.batch(s)); err != nil {
		t.Fatal(err)
	}
	extra := Schema{{Name: "x", Type: value.Of(value.Float64)}}
	for name, content := range map[string]string{
		"a.csv": csv.String(), "a.jsonl": jsonl.String(), "a.arrow": stream.String(),
		"a.parquet": string(fileOf(t, s, rows, Options{RowGroupRows: 1700})),
	} {
		table, err := tableOf(t, name, content, TableOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		x, err := table.Extend(&out, extra, Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, want := NewBatch(extra), rowsOf{}
		for i, row := range rows {
			b.Append(value.Float(float64(i) / 2))
			want = append(want, append(append([]value.Value(nil), row...), value.Float(float64(i)/2)))
			if b.Rows == 999 || i == len(rows)-1 {
				if err := x.Write(b); err != nil {
					t.Fatal(err)
				}
				b.Reset()
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		f := open(t, out.Bytes())
		equalRows(t, readAll(t, f, []string{"k", "n", "x"}, 1024), want)
		if _, err := table.Extend(&out, s[:1], Options{}); err == nil {
			t.Errorf("%s: a clash of names is no error", name)
		}
		if x, err := table.Extend(&out, extra, Options{}); err != nil {
			t.Error(err)
		} else if err := x.Close(); err == nil {
			t.Errorf("%s: missing rows are no error", name)
		}
	}
}
