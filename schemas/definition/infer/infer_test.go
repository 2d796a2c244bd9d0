package infer

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
)

// flights is the head of the real sample.
func flights(t *testing.T) Sample {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "flights", "flights-20k.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := Sample{Name: "flights-20k", Columns: []string{"date", "delay", "distance", "origin", "destination", "landed"}}
	for lines := bufio.NewScanner(z); lines.Scan() && len(s.Rows) < 1000; {
		var object map[string]any
		if err := json.Unmarshal(lines.Bytes(), &object); err != nil {
			t.Fatal(err)
		}
		row := make([]any, len(s.Columns))
		for i, c := range s.Columns {
			row[i] = object[c]
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}

func parse(t interface {
	Helper()
	Fatalf(string, ...any)
}, files []definition.File) *definition.Project {
	t.Helper()
	p, err := definition.Parse(files)
	if err != nil {
		t.Fatalf("what was written does not parse: %v\n%s\n%s", err, files[0].Data, files[1].Data)
	}
	return p
}

func TestFlights(t *testing.T) {
	files, err := FromSample(flights(t))
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, files)
	s := &p.Streams[0]
	if got := p.Entities[0].JoinKeys; len(got) != 1 || got[0].Name != "destination" || got[0].Type != value.String {
		t.Errorf("join keys %v", got)
	}
	if s.Fields[s.EventTime].Name != "date" || s.EventID.Header != "ce_id" || s.Created != -1 {
		t.Errorf("stream %+v", s)
	}
	text := string(files[0].Data)
	for _, want := range []string{"could be a key: origin", "created_timestamp: landed", "no zone", "say a time: landed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the YAML does not say %q:\n%s", want, text)
		}
	}
	if got := p.Views[0].Features; len(got) < 6 || got[2].Of != "delay" || got[2].Kind != "mean" {
		t.Errorf("features %+v", got)
	}
}

func TestTextAndOddNames(t *testing.T) {
	s := Sample{Name: "My Orders (2)", Text: true, Columns: []string{"order id", "user-id", "Total $", "paid", "zip", "when", "1st", "in", "Total #"}}
	for i := range 20 {
		s.Rows = append(s.Rows, []any{fmt.Sprint("o", i), fmt.Sprint(i % 5), fmt.Sprintf("%d.%02d", i, i), "true", "01234", fmt.Sprint(1_700_000_000_123 + i), "", "x", "3"})
	}
	files, err := FromSample(s)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, files)
	stream := &p.Streams[0]
	var got []string
	for _, f := range stream.Fields {
		got = append(got, fmt.Sprint(f.Name, " ", f.Type, " ", f.Nullable))
	}
	want := []string{"order_id string false", "user_id int64 false", "Total_ float64 false", "paid boolean false", "zip string false", "when timestamp false", "_1st string true", "in string false", "Total__2 int64 false"}
	if !slices.Equal(got, want) {
		t.Errorf("fields\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p.Name != "my_orders_2" || stream.Fields[stream.EventTime].Name != "when" || p.Entities[0].Name != "user" || stream.EventID.Field != 0 {
		t.Errorf("project %q, stream %+v, entities %+v", p.Name, stream, p.Entities)
	}
	for _, want := range []string{`field user_id is column "user-id": anabranch produce my_orders_2 --map user_id=user-id`} {
		if !strings.Contains(string(files[0].Data), want) {
			t.Errorf("the YAML does not say %q:\n%s", want, files[0].Data)
		}
	}
}

func TestClasses(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 6000, time.UTC)
	cases := []struct {
		values   []any
		want     string
		nullable bool
	}{
		{[]any{1.0, 2.5}, "float64", false},
		{[]any{1.0, 2.0}, "int64", false},
		{[]any{json.Number("12"), json.Number("1e400")}, "string", false},
		{[]any{int32(1), nil}, "int64", true},
		{[]any{true, nil}, "boolean", true},
		{[]any{true, 1}, "string", false},
		{[]any{"2024-01-02", "2024-01-03"}, "date32", false},
		{[]any{"2024-01-02", "2024-01-03T10:00:00Z"}, "timestamp", false},
		{[]any{at}, "timestamp", false},
		{[]any{[]byte("a")}, "bytes", false},
		{[]any{[]any{1, 2}, []any{2.5}}, "list<float64>", false},
		{[]any{[]any{"a"}, nil}, "list<string>", true},
		{[]any{nil, nil}, "string", true},
		{nil, "string", true},
	}
	for _, c := range cases {
		s := Sample{Name: "s", Columns: []string{"x"}}
		for _, v := range c.values {
			s.Rows = append(s.Rows, []any{v})
		}
		files, err := FromSample(s)
		if err != nil {
			t.Fatal(err)
		}
		f := parse(t, files).Streams[0].Fields[0]
		if f.Type.String() != c.want || f.Nullable != c.nullable {
			t.Errorf("%v: %v nullable %v, want %s %v", c.values, f.Type, f.Nullable, c.want, c.nullable)
		}
	}
	for _, odd := range [][]any{{map[string]any{"a": 1}}, {[]any{1, nil}}, {[]any{[]any{1}}}, {"a", []any{"a"}}, {struct{}{}}} {
		s := Sample{Name: "s", Columns: []string{"x", "y"}}
		for _, v := range odd {
			s.Rows = append(s.Rows, []any{v, 1})
		}
		files, err := FromSample(s)
		if err != nil {
			t.Fatal(err)
		}
		if p := parse(t, files); p.Streams[0].Field("x") >= 0 || !strings.Contains(string(files[0].Data), `column "x" holds objects`) {
			t.Errorf("%v became a field:\n%s", odd, files[1].Data)
		}
	}
}

func TestSecondsAreNoTimestamps(t *testing.T) {
	files, err := FromSample(Sample{Name: "s", Columns: []string{"user_id", "ts"}, Rows: [][]any{{1, 1_700_000_000}, {1, 1_700_000_100}}})
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, files)
	if s := p.Streams[0]; s.Fields[s.EventTime].Name != "event_timestamp" || !strings.Contains(string(files[0].Data), "ts looks like seconds") {
		t.Errorf("%s", files[0].Data)
	}
}

func TestFromSchema(t *testing.T) {
	schema := `{"type":"record","name":"n","fields":[{"name":"user_id","type":"long"},{"name":"id","type":{"type":"string","logicalType":"uuid"}},{"name":"created_at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"ts","type":"long"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":4}},{"name":"m","type":{"type":"map","values":"int"}}]}`
	files, err := FromSchema("orders", "prod.orders", schema)
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, files)
	s := &p.Streams[0]
	if s.Topic != "prod.orders" || s.Fields[s.EventTime].Name != "ts" || s.Fields[s.EventID.Field].Name != "id" || p.Entities[0].JoinKeys[0].Name != "user_id" {
		t.Errorf("stream %+v, entity %+v", s, p.Entities[0])
	}
	if string(files[1].Data) != schema {
		t.Error("the schema is not as it was registered")
	}
	if _, err := FromSchema("x", "", `{"type":"record","name":"n","fields":[{"name":"a","type":"string"}]}`); err == nil || !strings.Contains(err.Error(), "no field says when") {
		t.Errorf("without a time: %v", err)
	}
	if _, err := FromSchema("x", "", `"string"`); err == nil {
		t.Error("a schema that is no record is taken")
	}
}

func TestBadSamples(t *testing.T) {
	for _, s := range []Sample{{Name: "x"}, {Name: "x", Columns: make([]string, MaxColumns+1)}} {
		if _, err := FromSample(s); err == nil {
			t.Errorf("%d columns are taken", len(s.Columns))
		}
	}
}

// anyValue draws what a reader of JSON, CSV or Parquet may hand over.
func anyValue() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(), rapid.Uint64().AsAny(), rapid.SliceOf(rapid.Int().AsAny()).AsAny(),
		rapid.SampledFrom([]any{"2024-01-02T03:04:05Z", "2001/01/31 18:20", "2024-01-02", "12.50", "007", json.Number("1e3"), 1_700_000_000_000, map[string]any{}}),
		rapid.Custom(func(t *rapid.T) any { return time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "µs")).UTC() }),
	)
}

// TestWhatIsWrittenParses: any sample, whatever its names and values, gives
// definitions that parse, the same ones each time.
func TestWhatIsWrittenParses(t *testing.T) {
	names := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"id", "user_id", "event_timestamp", "ts", "created_at", "null", "true", "in", "a b", "a-b", "a_b", "", "registry", "x\ny", "é", "# x", "__", "A",
	}))
	rapid.Check(t, func(t *rapid.T) {
		s := Sample{Name: names.Draw(t, "name"), Columns: rapid.SliceOfN(names, 1, 8).Draw(t, "columns"), Text: rapid.Bool().Draw(t, "text")}
		for range rapid.IntRange(0, 6).Draw(t, "rows") {
			s.Rows = append(s.Rows, rapid.SliceOfN(anyValue(), 0, len(s.Columns)).Draw(t, "row"))
		}
		files, err := FromSample(s)
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, files)
		if _, err := definition.Decode(definition.Encode(p)); err != nil {
			t.Fatal(err)
		}
		again, _ := FromSample(s)
		if !slices.EqualFunc(files, again, func(a, b definition.File) bool { return a.Name == b.Name && string(a.Data) == string(b.Data) }) {
			t.Fatal("the same sample gives other definitions")
		}
	})
}

// FuzzFromSchema: what is written for any schema parses.
func FuzzFromSchema(f *testing.F) {
	f.Add("orders", `{"type":"record","name":"n","fields":[{"name":"user_id","type":"long"},{"name":"ts","type":"long"}]}`)
	f.Add("x", `{"type":"record","name":"n","fields":[{"name":"in","type":["null","string"]},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"d","type":{"type":"fixed","name":"f","size":4,"logicalType":"decimal","precision":9,"scale":9}}]}`)
	f.Fuzz(func(t *testing.T, name, schema string) {
		if files, err := FromSchema(name, "", schema); err == nil {
			parse(t, files)
		}
	})
}
