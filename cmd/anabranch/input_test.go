package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/value"
)

// rowsOf reads a file: each row as line and JSON, or line and error.
func rowsOf(t *testing.T, path, format string) ([]string, error) {
	t.Helper()
	in, err := openInputFile(path, format)
	if err != nil {
		return nil, err
	}
	defer in.close()
	list := []string{}
	err = in.each(func(r inputRow) error {
		text := fmt.Sprintf("%d %s", r.Line, r.text())
		if r.Err != nil {
			text = fmt.Sprintf("%d error: %v", r.Line, r.Err)
		}
		list = append(list, text)
		return nil
	})
	return list, err
}

func TestRowsOfTextFiles(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
		err        string
	}{
		{"a.jsonl", "{\"a\":1}\n\n  {\"a\":\"x\"}  \r\n", []string{`1 {"a":1}`, `3 {"a":"x"}`}, ""},
		{"b.ndjson", "\ufeff{\"a\":12345678901234567890.5}", []string{`1 {"a":12345678901234567890.5}`}, ""},
		{"c.jsonl", "{\"a\":1} {\"a\":2}\nnull\n", []string{"1 error: more than one JSON object on the line", "2 error: not a JSON object: null"}, ""},
		{"d.jsonl", "", []string{}, ""},
		{"e.csv", "\ufeffa,b\n1,\n\"x\ny\",2\n", []string{`2 {"a":"1","b":null}`, `3 {"a":"x\ny","b":"2"}`}, ""},
		{"f.csv", "a,b\n1\n1,2,3\n\"x\"y,1\n4,5\n", []string{
			"2 error: found 1 cells, want 2 as in the first line", "3 error: found 3 cells, want 2 as in the first line",
			`4 error: extraneous or missing " in quoted-field`, `5 {"a":"4","b":"5"}`,
		}, ""},
		{"g.csv", "a,a\n1,2\n", []string{}, `two columns are named "a"`},
		{"h.csv", "", []string{}, "the first line must name the columns"},
		{"i.jsonl.gz", "not gzip", []string{}, "i.jsonl.gz"},
		{"j.jsonl.zst", "not zstd", []string{}, "j.jsonl.zst"},
		{"k.avro", "not avro", []string{}, "k.avro"},
		{"l.parquet", "not parquet", []string{}, "l.parquet"},
	} {
		path := writeFile(t, filepath.Join(t.TempDir(), c.name), c.text)
		found, err := rowsOf(t, path, "")
		if !slices.Equal(found, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, found, c.want)
		}
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: found error %v, want %q", c.name, err, c.err)
		}
	}
}

func TestFormatIsGivenOrKnownByTheName(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, filepath.Join(dir, "events.txt"), "a\n1\n")
	if rows, err := rowsOf(t, path, "csv"); err != nil || !slices.Equal(rows, []string{`2 {"a":"1"}`}) {
		t.Errorf("found %q, %v", rows, err)
	}
	for _, format := range []string{"", "xml"} {
		if _, err := rowsOf(t, path, format); err == nil || !strings.Contains(err.Error(), "--format jsonl, csv, parquet or avro") {
			t.Errorf("--format %q: found %v", format, err)
		}
	}
	if _, err := rowsOf(t, dir, "csv"); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory: found %v", err)
	}
	for name, want := range map[string]string{"a.jsonl": "jsonl", "a.json.gz": "jsonl", "a.csv.zst": "csv", "a.parquet": "parquet", "a.pq": "parquet", "a.avro": "avro", "csv": "", "a.gz": ""} {
		if found := formatOf(name); found != want {
			t.Errorf("%s: found %q, want %q", name, found, want)
		}
	}
}

func TestTruncatedArchiveIsAnError(t *testing.T) {
	whole := packed(t, strings.Repeat("{\"a\":1}\n", 1000), "gz")
	path := writeFile(t, filepath.Join(t.TempDir(), "a.jsonl.gz"), whole[:len(whole)-9])
	if _, err := rowsOf(t, path, ""); err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("found %v", err)
	}
}

func TestRejectedRowsAreJSONInEveryFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	b := columnar.NewBatch(columnar.Schema{
		{Name: "i", Type: value.Of(value.Int64)}, {Name: "d", Type: value.Of(value.Date)}, {Name: "t", Type: value.Of(value.Timestamp)},
		{Name: "f", Type: value.Of(value.Float64)}, {Name: "b", Type: value.Of(value.Bytes)}, {Name: "n", Type: value.Of(value.Bool), Nullable: true},
		{Name: "m", Type: value.Type{Kind: value.Decimal, Scale: 2}}, {Name: "l", Type: value.ListOf(value.Of(value.Int64))},
	})
	b.Append(value.Int(1<<53+1), value.DateOf(19844), value.Time(1714557660000001), value.Float(0.5), value.Raw([]byte{0, 1}), value.Value{},
		value.Dec(value.Int128Of(-105)), value.Items(value.Int(1), value.Int(2)))
	parquetFile(t, path, b)
	rows, err := rowsOf(t, path, "")
	want := `1 {"b":"AAE=","d":"2024-05-01","f":0.5,"i":9007199254740993,"l":[1,2],"m":"-1.05","n":null,"t":"2024-05-01T10:01:00.000001Z"}`
	if err != nil || !slices.Equal(rows, []string{want}) {
		t.Errorf("found %q, %v, want %s", rows, err, want)
	}
	if !json.Valid([]byte(want[2:])) {
		t.Errorf("not JSON: %s", want)
	}
}

func TestEntities(t *testing.T) {
	for text, want := range map[string]string{
		"user_id=7":                `{"user_id":"7"}`,
		`a=x\,y,b=`:                `{"a":"x,y","b":""}`,
		`a=b=c,d=\\`:               `{"a":"b=c","d":"\\"}`,
		"":                         `{}`,
		"{}":                       `{}`,
		"user_id=9007199254740993": `{"user_id":"9007199254740993"}`,
	} {
		row, err := parseEntity(text)
		if found, _ := json.Marshal(row); err != nil || string(found) != want {
			t.Errorf("%q: found %s, %v, want %s", text, found, err, want)
		}
	}
	for _, text := range []string{"a", "=1", "a=1,", "a=1,a=2"} {
		if row, err := parseEntity(text); err == nil {
			t.Errorf("%q: found %v", text, row)
		}
	}
}

func TestRates(t *testing.T) {
	for text, want := range map[string]perSecond{"500": 500, "500/s": 500, "0.5/s": 0.5, "0": 0} {
		var r perSecond
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%q: found %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "fast", "-1", "5/m", "NaN", "Inf"} {
		var r perSecond
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: found %v", text, r)
		}
	}
}
