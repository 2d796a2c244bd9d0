package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// streamOf is a stream of schema with a string key field "k" and an event time
// field "t".
func streamOf(t testing.TB, schema string) (*definition.Stream, *definition.Entity) {
	t.Helper()
	fields, err := definition.SchemaFields(schema)
	if err != nil {
		t.Fatal(err)
	}
	s := &definition.Stream{Name: "s", Entity: "e", Schema: schema, Fields: fields, Created: -1,
		EventID: definition.EventID{Field: -1}, MaxFuture: 5 * stamp.Minute, Partitions: 8}
	s.EventTime, s.Key = s.Field("t"), []int{s.Field("k")}
	return s, &definition.Entity{Name: "e", JoinKeys: []definition.JoinKey{{Name: "k", Type: s.Fields[s.Key[0]].Type.Kind}}}
}

// record is a schema of the fields given as JSON, after key and time.
func record(fields ...string) string {
	return `{"type":"record","name":"E","fields":[{"name":"k","type":"string"},{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}}` +
		strings.Join(append([]string{""}, fields...), ",") + `]}`
}

const append0 = 1_700_000_000_000

func newReader(t testing.TB, s *definition.Stream, e *definition.Entity, writers ...string) *Reader {
	t.Helper()
	r, err := NewReader(s, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range writers {
		if err := r.AddSchema(int32(i+1), w); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// recordOf frames a body under schema id 1 in the partition of key.
func recordOf(body []byte, key string) *Record {
	return &Record{Value: append(AppendFrame(nil, 1), body...), Partition: Partition([]byte(key), 8), Offset: 42, AppendMillis: append0}
}

func encodeJSON(t testing.TB, schema, row string) []byte {
	t.Helper()
	e, err := NewEncoder(schema)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.EncodeValues(nil, parseRow(t, row))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseRow(t testing.TB, row string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(row))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// readAs decodes one row, given as JSON, written by writer and read as reader,
// and returns the fields after key and time.
func readAs(t testing.TB, writer, reader, row string) ([]value.Value, Verdict) {
	t.Helper()
	s, e := streamOf(t, reader)
	r := newReader(t, s, e, writer)
	var ev Event
	v, err := r.Read(recordOf(encodeJSON(t, writer, row), "a"), &ev)
	if err != nil {
		t.Fatal(err)
	}
	if !v.OK() {
		return nil, v
	}
	return ev.Fields[2:], v
}

const base = `"k":"a","t":1000`

func TestResolution(t *testing.T) {
	for _, c := range []struct {
		name, writer, reader string
		row                  string
		want                 string // canonical JSON-ish of the value, or a reason
	}{
		{"int to long", `{"name":"x","type":"int"}`, `{"name":"x","type":"long"}`, `"x":-3`, "-3"},
		{"int to double", `{"name":"x","type":"int"}`, `{"name":"x","type":"double"}`, `"x":-3`, "-3.0"},
		{"long to float rounds as a float", `{"name":"x","type":"long"}`, `{"name":"x","type":"float"}`, `"x":16777217`, "16777216.0"},
		{"long to double", `{"name":"x","type":"long"}`, `{"name":"x","type":"double"}`, `"x":16777217`, "16777217.0"},
		{"float to double", `{"name":"x","type":"float"}`, `{"name":"x","type":"double"}`, `"x":0.5`, "0.5"},
		{"string to bytes", `{"name":"x","type":"string"}`, `{"name":"x","type":"bytes"}`, `"x":"hi"`, `"aGk="`},
		{"bytes to string", `{"name":"x","type":"bytes"}`, `{"name":"x","type":"string"}`, `"x":"aGk="`, `"hi"`},
		{"bytes to string, not UTF-8", `{"name":"x","type":"bytes"}`, `{"name":"x","type":"string"}`, `"x":"/w=="`, "undecodable"},
		{"double to long", `{"name":"x","type":"double"}`, `{"name":"x","type":"long"}`, `"x":1`, "incompatible schema"},
		{"null first to null last", `{"name":"x","type":["null","int"]}`, `{"name":"x","type":["long","null"]}`, `"x":5`, "5"},
		{"null through swapped unions", `{"name":"x","type":["null","int"]}`, `{"name":"x","type":["long","null"]}`, `"x":null`, "null"},
		{"plain to nullable", `{"name":"x","type":"int"}`, `{"name":"x","type":["null","long"]}`, `"x":5`, "5"},
		{"three branches to nullable", `{"name":"x","type":["int","null","long"]}`, `{"name":"x","type":["null","long"]}`, `"x":{"long":7}`, "7"},
		{"nullable to plain", `{"name":"x","type":["null","int"]}`, `{"name":"x","type":"int"}`, `"x":5`, "incompatible schema"},
		{"alias", `{"name":"old","type":"int"}`, `{"name":"x","type":"long","aliases":["old"]}`, `"old":5`, "5"},
		{"default", `{"name":"y","type":"int"}`, `{"name":"x","type":"long","default":9}`, `"y":5`, "9"},
		{"null default", `{"name":"y","type":"int"}`, `{"name":"x","type":["null","long"],"default":null}`, `"y":5`, "null"},
		{"default of a nullable", `{"name":"y","type":"int"}`, `{"name":"x","type":["long","null"],"default":3}`, `"y":5`, "3"},
		{"list default", `{"name":"y","type":"int"}`, `{"name":"x","type":{"type":"array","items":"int"},"default":[1,2]}`, `"y":5`, "[1,2]"},
		{"missing without default", `{"name":"y","type":"int"}`, `{"name":"x","type":"long"}`, `"y":5`, "incompatible schema"},
		{"enum", `{"name":"x","type":{"type":"enum","name":"C","symbols":["B","A"]}}`, `{"name":"x","type":{"type":"enum","name":"C","symbols":["A","B"]}}`, `"x":"B"`, `"B"`},
		{"enum default", `{"name":"x","type":{"type":"enum","name":"C","symbols":["Z","A"]}}`, `{"name":"x","type":{"type":"enum","name":"C","symbols":["A","B"],"default":"B"}}`, `"x":"Z"`, `"B"`},
		{"enum without default", `{"name":"x","type":{"type":"enum","name":"C","symbols":["Z","A"]}}`, `{"name":"x","type":{"type":"enum","name":"C","symbols":["A"]}}`, `"x":"A"`, "incompatible schema"},
		{"millis to micros", `{"name":"x","type":{"type":"long","logicalType":"timestamp-millis"}}`, `{"name":"x","type":{"type":"long","logicalType":"timestamp-micros"}}`, `"x":1`, `"1970-01-01T00:00:00.001Z"`},
		{"micros to millis", `{"name":"x","type":{"type":"long","logicalType":"timestamp-micros"}}`, `{"name":"x","type":{"type":"long","logicalType":"timestamp-millis"}}`, `"x":1`, `"1970-01-01T00:00:00.000001Z"`},
		{"nanos floored", `{"name":"x","type":{"type":"long","logicalType":"timestamp-nanos"}}`, `{"name":"x","type":{"type":"long","logicalType":"timestamp-micros"}}`, `"x":-1`, `"1969-12-31T23:59:59.999999Z"`},
		{"long to millis", `{"name":"x","type":"long"}`, `{"name":"x","type":{"type":"long","logicalType":"timestamp-millis"}}`, `"x":1`, `"1970-01-01T00:00:00.001Z"`},
		{"int to millis", `{"name":"x","type":"int"}`, `{"name":"x","type":{"type":"long","logicalType":"timestamp-millis"}}`, `"x":1`, `"1970-01-01T00:00:00.001Z"`},
		{"year 10000", `{"name":"x","type":"long"}`, `{"name":"x","type":{"type":"long","logicalType":"timestamp-millis"}}`, `"x":253402300800000`, "undecodable"},
		{"decimal", `{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}`, `{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}`, `"x":"-0.05"`, `"-0.05"`},
		{"decimal of another scale", `{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":1}}`, `{"name":"x","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}`, `"x":1`, "incompatible schema"},
		{"decimal at the bound", decimal, decimal, `"x":39614081257132168796771975168`, `"39614081257132168796771975168"`},
		{"decimal beyond the bound", decimal, decimal, `"x":"-39614081257132168796771975169"`, "over bound"},
		{"date", `{"name":"x","type":{"type":"int","logicalType":"date"}}`, `{"name":"x","type":{"type":"int","logicalType":"date"}}`, `"x":"2001-03-31"`, `"2001-03-31"`},
		{"list with promotion", `{"name":"x","type":{"type":"array","items":"int"}}`, `{"name":"x","type":{"type":"array","items":"double"}}`, `"x":[1,-2]`, `[1.0,-2.0]`},
		{"empty list", `{"name":"x","type":{"type":"array","items":"string"}}`, `{"name":"x","type":["null",{"type":"array","items":"string"}]}`, `"x":[]`, `[]`},
		{"a map is walked", `{"name":"x","type":{"type":"map","values":"double"}}`, `{"name":"x","type":{"type":"map","values":"double"}}`, `"x":{"a":1,"b":2}`, `null`},
	} {
		got, verdict := readAs(t, record(c.writer), record(c.reader), "{"+base+","+c.row+"}")
		have := string(verdict.Reason)
		if verdict.OK() {
			fields, _ := definition.SchemaFields(record(c.reader))
			have = string(value.AppendJSON(nil, got[0], fields[2].Type))
		}
		if have != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, have, verdict.Detail, c.want)
		}
	}
}

const decimal = `{"name":"x","type":{"type":"fixed","name":"D","size":16,"logicalType":"decimal","precision":38,"scale":0}}`

func TestVerdictOrder(t *testing.T) {
	schema := record(`{"name":"f","type":"double"}`, decimal)
	s, e := streamOf(t, record(`{"name":"f","type":"double"}`, decimal))
	s.Fields[0].Nullable = true
	writer := strings.Replace(schema, `"string"`, `["null","string"]`, 1)
	s.Schema = writer
	s.Fields, _ = definition.SchemaFields(writer)
	r := newReader(t, s, e, writer, strings.Replace(writer, `"double"`, `"string"`, 1))

	body := func(key any, at int64, f float64, big bool) []byte {
		b := appendLong(nil, 0)
		if key != nil {
			b = appendBytes(appendLong(nil, 1), []byte(key.(string)))
		}
		b = appendLong(b, at)
		b, _ = appendScalar(b, &node{kind: kindDouble}, value.Value{Kind: value.Float64, N: int64(math.Float64bits(0))})
		copy(b[len(b)-8:], leBytes(f))
		d := make([]byte, 16)
		if big {
			d[0] = 1
		}
		return append(b, d...)
	}
	nan := math.NaN()
	late := int64(append0 + 5*60*1000 + 1)
	for _, c := range []struct {
		name   string
		rec    *Record
		reason Reason
		detail string
	}{
		{"all is well", recordOf(body("a", append0, 1, false), "a"), "", ""},
		{"at the limit of the future", recordOf(body("a", late-1, 1, false), "a"), "", ""},
		{"null before all", &Record{ValueNull: true}, Tombstone, "null"},
		{"size before framing", &Record{Value: append([]byte{9}, make([]byte, MaxEventSize)...)}, OverBound, "1048577 bytes"},
		{"exactly the size limit", &Record{Value: append([]byte{9}, make([]byte, MaxEventSize-1)...)}, Undecodable, "byte 9"},
		{"empty", &Record{Value: []byte{}}, Undecodable, "0 bytes"},
		{"short", &Record{Value: []byte{0, 0, 0, 1}}, Undecodable, "4 bytes"},
		{"no magic", &Record{Value: []byte("{\"a\":1}")}, Undecodable, "byte 123"},
		{"incompatible before undecodable", &Record{Value: []byte{0, 0, 0, 0, 2}}, IncompatibleSchema, "schema id 2"},
		{"trailing before not finite", recordOf(append(body("a", append0, nan, false), 0), "a"), Undecodable, "follow the end"},
		{"torn before not finite", recordOf(body("a", append0, nan, false)[:20], "a"), Undecodable, "field x"},
		{"no calendar before not finite", recordOf(body("a", math.MaxInt64, nan, false), "a"), Undecodable, "field t"},
		{"not finite before null key", recordOf(body(nil, append0, nan, false), ""), NotFinite, "field f"},
		{"infinite", recordOf(body("a", append0, math.Inf(-1), false), "a"), NotFinite, "field f"},
		{"null key before misrouted", recordOf(body(nil, late, 1, true), "zz"), NullKeyField, "field k"},
		{"misrouted before future", elsewhere(recordOf(body("a", late, 1, true), "a")), Misrouted, "partitioner=murmur2_random"},
		{"future before over bound", recordOf(body("a", late, 1, true), "a"), Future, "max_future 5m"},
		{"over bound", recordOf(body("a", append0, 1, true), "a"), OverBound, "field x"},
	} {
		var ev Event
		v, err := r.Read(c.rec, &ev)
		if err != nil || v.Reason != c.reason || !strings.Contains(v.Detail, c.detail) {
			t.Errorf("%s: %v, %v, want %q with %q", c.name, v, err, c.reason, c.detail)
		}
	}
	var unknown *UnknownSchemaError
	if _, err := r.Read(&Record{Value: []byte{0, 0, 0, 0, 77}}, new(Event)); !errors.As(err, &unknown) || unknown.ID != 77 {
		t.Errorf("unknown schema: %v", err)
	}
	if r.Known(77) || !r.Known(2) {
		t.Error("Known is wrong")
	}
}

func elsewhere(r *Record) *Record {
	r.Partition = (r.Partition + 1) % 8
	return r
}

func leBytes(f float64) []byte {
	u := math.Float64bits(f)
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(u >> (8 * i))
	}
	return b
}

func TestAddSchema(t *testing.T) {
	s, e := streamOf(t, record())
	r := newReader(t, s, e, record())
	if err := r.AddSchema(1, record()); err != nil {
		t.Errorf("the same text again: %v", err)
	}
	if err := r.AddSchema(1, `"string"`); err == nil {
		t.Error("another text for a known id is accepted")
	}
	for i, text := range []string{`"string"`, `syntax = "proto3";`, ``, `{"type":"object"}`} {
		id := int32(10 + i)
		if err := r.AddSchema(id, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		v, err := r.Read(&Record{Value: AppendFrame(nil, id)}, new(Event))
		if err != nil || v.Reason != IncompatibleSchema || v.Detail == "" {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
}

func TestEventTimesAndIDs(t *testing.T) {
	schema := `{"type":"record","name":"E","fields":[{"name":"k","type":"long"},{"name":"t","type":["null","long"]},
		{"name":"c","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
		{"name":"id","type":["null","bytes","string"]},{"name":"amount","type":["null",{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}]}]}`
	s, e := streamOf(t, schema)
	s.Created = s.Field("c")
	s.EventID.Field = s.Field("amount")
	read := func(row string, header func(string) ([]byte, bool)) (Event, Verdict) {
		r := newReader(t, s, e, schema)
		rec := recordOf(encodeJSON(t, schema, row), "7")
		rec.Header = header
		var ev Event
		v, err := r.Read(rec, &ev)
		if err != nil {
			t.Fatal(err)
		}
		return ev, v
	}
	ev, v := read(`{"k":7,"t":1000,"c":5,"id":null,"amount":"-1.50"}`, nil)
	if !v.OK() || ev.Time != stamp.Second || ev.Created != 5 || string(ev.Key) != "7" || ev.Offset != 42 || ev.SchemaID != 1 ||
		!ev.HasID || string(ev.ID) != `"-1.50"` {
		t.Errorf("event %+v, %v", ev, v)
	}
	ev, v = read(`{"k":7,"t":1000,"c":null,"id":null,"amount":null}`, nil)
	if !v.OK() || ev.Created != stamp.FromMillis(append0) || ev.HasID {
		t.Errorf("event %+v, %v: want the append time and no id", ev, v)
	}
	if _, v = read(`{"k":7,"t":null,"c":null,"id":null,"amount":null}`, nil); v.Reason != Undecodable || !strings.Contains(v.Detail, "event_timestamp is null") {
		t.Errorf("null event time: %v", v)
	}
	if _, v = read(fmt.Sprintf(`{"k":7,"t":%d,"c":null,"id":null,"amount":null}`, math.MinInt64), nil); v.Reason != Undecodable {
		t.Errorf("event time before year 1: %v", v)
	}
	s.EventID = definition.EventID{Field: -1, Header: "ce_id"}
	for _, c := range []struct {
		header []byte
		given  bool
		has    bool
	}{{[]byte("x"), true, true}, {[]byte{}, true, true}, {nil, true, false}, {nil, false, false}} {
		ev, v = read(`{"k":7,"t":1,"c":null,"id":null,"amount":null}`, func(name string) ([]byte, bool) { return c.header, c.given && name == "ce_id" })
		if !v.OK() || ev.HasID != c.has || string(ev.ID) != string(c.header) {
			t.Errorf("header %v, %v: %+v, %v", c.header, c.given, ev, v)
		}
	}
}

func TestGlobalEntityAndSeveralKeys(t *testing.T) {
	s, e := streamOf(t, record(`{"name":"n","type":"int"}`))
	s.Key, e.JoinKeys = nil, nil
	r := newReader(t, s, e, s.Schema)
	body := encodeJSON(t, s.Schema, `{"k":"a\"","t":1,"n":5}`)
	var ev Event
	if v, _ := r.Read(recordOf(body, ""), &ev); !v.OK() || len(ev.Key) != 0 {
		t.Errorf("global: %v, key %q", v, ev.Key)
	}
	s.Key, e.JoinKeys = []int{2, 0}, []definition.JoinKey{{Name: "n", Type: value.Int64}, {Name: "k", Type: value.String}}
	r = newReader(t, s, e, s.Schema)
	if v, _ := r.Read(recordOf(body, `[5,"a\""]`), &ev); !v.OK() || string(ev.Key) != `[5,"a\""]` {
		t.Errorf("two keys: %v, key %q", v, ev.Key)
	}
}
