package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/schemas/value"
	"github.com/linkedin/goavro/v2"
)

const (
	millisType = `{"type":"long","logicalType":"timestamp-millis"}`
	microsType = `{"type":"long","logicalType":"timestamp-micros"}`
	moneyType  = `{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`
	colourType = `{"type":"enum","name":"Colour","symbols":["RED","GREEN"]}`
)

// encodeAs encodes one JSON value as one type and returns the body.
func encodeAs(t *testing.T, typ, v string) ([]byte, error) {
	t.Helper()
	e, err := NewEncoder(`{"type":"record","name":"E","fields":[{"name":"x","type":` + typ + `}]}`)
	if err != nil {
		t.Fatal(err)
	}
	return e.EncodeValues(nil, parseRow(t, `{"x":`+v+`}`))
}

func TestEncodeConversions(t *testing.T) {
	for _, c := range []struct{ typ, v, want string }{
		{`"int"`, `-1`, "\x01"}, {`"int"`, `"12"`, "\x18"}, {`"int"`, `1e1`, "\x14"}, {`"int"`, `2.0`, "\x04"},
		{`"long"`, `"9223372036854775807"`, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{`"boolean"`, `true`, "\x01"}, {`"boolean"`, `"false"`, "\x00"},
		{`"double"`, `1`, string(leBytes(1))}, {`"double"`, `"-0.5"`, string(leBytes(-0.5))},
		{`"float"`, `0.5`, "\x00\x00\x00\x3f"},
		{`"string"`, `"é"`, "\x04é"}, {`"string"`, `"NaN"`, "\x06NaN"},
		{`"bytes"`, `"AP8="`, "\x04\x00\xff"},
		{`{"type":"fixed","name":"F","size":2}`, `"AP8="`, "\x00\xff"},
		{`{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, `"00112233-4455-6677-8899-aabbccddeeff"`, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"},
		{colourType, `"GREEN"`, "\x02"},
		{moneyType, `"1.5"`, "\x04\x00\x96"}, {moneyType, `-0.01`, "\x02\xff"}, {moneyType, `1.50e2`, "\x04\x3a\x98"}, {moneyType, `0`, "\x02\x00"},
		{moneyType, `"-999.99"`, "\x06\xfe\x79\x61"},
		{millisType, `"1970-01-01T00:00:01.0019Z"`, "\xd2\x0f"}, {millisType, `"1970/01/01 00:01"`, "\xc0\xa9\x07"},
		{millisType, `"1970-01-01 00:00:01"`, "\xd0\x0f"}, {millisType, `"1970-01-01T00:00:01+01:00"`, string(appendLong(nil, -3_599_000))},
		{millisType, `"1969-12-31T23:59:59.9999Z"`, "\x01"}, {millisType, `5`, "\x0a"}, {millisType, `"5"`, "\x0a"},
		{microsType, `"1970-01-01T00:00:00.000007Z"`, "\x0e"},
		{`{"type":"int","logicalType":"date"}`, `"1970-01-03"`, "\x04"}, {`{"type":"int","logicalType":"date"}`, `-1`, "\x01"},
		{`["null","long"]`, `null`, "\x00"}, {`["null","long"]`, `3`, "\x02\x06"}, {`["long","null"]`, `{"long":3}`, "\x00\x06"},
		{`["null",` + millisType + `]`, `{"long.timestamp-millis":3}`, "\x02\x06"},
		{`["null","string","long"]`, `"3"`, "\x02\x023"}, {`["null","long","string"]`, `"3"`, "\x04\x023"}, {`["null","double","long"]`, `3`, "\x04\x06"},
		{`["null","double","long"]`, `3.0`, "\x02" + string(leBytes(3))}, {`["null","double"]`, `3`, "\x02" + string(leBytes(3))},
		{`["null",{"type":"map","values":"int"}]`, `{"map":{"map":1}}`, "\x02\x02\x06map\x02\x00"}, {`["null",{"type":"map","values":"int"}]`, `{"map":1}`, "\x02\x02\x06map\x02\x00"},
		{`["string",` + colourType + `]`, `{"Colour":"RED"}`, "\x02\x00"},
		{`{"type":"array","items":"int"}`, `[1,2]`, "\x04\x02\x04\x00"}, {`{"type":"array","items":"int"}`, `[]`, "\x00"},
		{`{"type":"map","values":"int"}`, `{"b":1,"a":2,"e":3,"d":4,"c":5}`, "\x0a\x02a\x04\x02b\x02\x02c\x0a\x02d\x08\x02e\x06\x00"},
		{`{"type":"record","name":"R","namespace":"n.s","fields":[{"name":"a","type":"int","default":7},{"name":"b","type":["null","int"]}]}`, `{}`, "\x0e\x00"},
		{`["null",{"type":"record","name":"R","namespace":"n.s","fields":[{"name":"a","type":"int"}]}]`, `{"n.s.R":{"a":1}}`, "\x02\x02"},
		{`["null",{"type":"record","name":"R","namespace":"n.s","fields":[{"name":"a","type":"int"}]}]`, `{"a":1}`, "\x02\x02"},
	} {
		got, err := encodeAs(t, c.typ, c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("%s as %s: %x, %v, want %x", c.v, c.typ, got, err, c.want)
		}
	}
}

func TestEncodeRefusals(t *testing.T) {
	for _, c := range []struct{ typ, v, want string }{
		{`"int"`, `2147483648`, "32 bits"}, {`"int"`, `1.5`, "found \"1.5\""}, {`"int"`, `"x"`, "whole number"}, {`"int"`, `null`, "found null"},
		{`"int"`, `true`, "found boolean true"}, {`"long"`, `9223372036854775808`, "64 bits"}, {`"long"`, `1e400`, "64 bits"}, {`"long"`, `"+1"`, "64 bits"},
		{`"boolean"`, `1`, "the number 1"}, {`"boolean"`, `"t"`, "true or false"},
		{`"double"`, `"NaN"`, "finite"}, {`"double"`, `"Inf"`, "finite"}, {`"double"`, `1e999`, "finite"}, {`"double"`, `"0x1p3"`, "finite"}, {`"float"`, `1e39`, "finite"},
		{`"string"`, `7`, "the number 7"}, {`"string"`, `{}`, "an object"}, {`"bytes"`, `"A"`, "base64"}, {`"bytes"`, `7`, "the number 7"},
		{`{"type":"fixed","name":"F","size":2}`, `"AA=="`, "2 bytes"},
		{colourType, `"BLUE"`, "RED, GREEN"}, {colourType, `0`, "the number 0"},
		{moneyType, `"1.005"`, "decimal(5, 2)"}, {moneyType, `1000`, "decimal(5, 2)"}, {moneyType, `"1.2.3"`, "decimal(5, 2)"}, {moneyType, `"."`, "decimal(5, 2)"}, {moneyType, `""`, "decimal(5, 2)"},
		{millisType, `"yesterday"`, "RFC 3339"}, {millisType, `"2001-02-30T00:00:00Z"`, "milliseconds"}, {millisType, `1.5`, "milliseconds"},
		{`{"type":"int","logicalType":"date"}`, `"2001-02-30"`, "2001-01-31"},
		{`["null","long"]`, `"x"`, "64 bits"}, {`["long","double"]`, `null`, "found null"}, {`["null","long","boolean"]`, `"x"`, "one of"},
		{`{"type":"array","items":"int"}`, `[1,"x"]`, "item 1"}, {`{"type":"array","items":"int"}`, `{}`, "an object"},
		{`{"type":"map","values":"int"}`, `{"a":1,"b":null}`, `key "b"`}, {`{"type":"map","values":"int"}`, `[]`, "an array"},
		{`{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`, `{}`, "field x: field a: missing"},
		{`{"type":"record","name":"R","fields":[{"name":"amount","type":"int"},{"name":"b","type":"int"}]}`, `{"amount":1,"b":2,"amuont":3}`, "field amuont: not in the schema; the nearest is amount"},
	} {
		got, err := encodeAs(t, c.typ, c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "field x: ") || len(got) != 0 {
			t.Errorf("%s as %s: %x, %v, want an error with %q", c.v, c.typ, got, err, c.want)
		}
	}
}

func TestEncodeGoValues(t *testing.T) {
	e, err := NewEncoder(record(`{"name":"x","type":["null","int","long","float","double","bytes",`+colourType+`]}`, `{"name":"y","type":`+microsType+`}`))
	if err != nil {
		t.Fatal(err)
	}
	codec, _ := goavro.NewCodec(record(`{"name":"x","type":["null","int","long","float","double","bytes",`+colourType+`]}`, `{"name":"y","type":"long"}`))
	for _, c := range []struct {
		v    any
		want any
	}{
		{nil, nil}, {int32(1), map[string]any{"int": int32(1)}}, {int64(1), map[string]any{"int": int32(1)}}, {1 << 40, map[string]any{"long": int64(1 << 40)}},
		{float32(1), map[string]any{"float": float32(1)}}, {0.5, map[string]any{"double": 0.5}}, {[]byte{1}, map[string]any{"bytes": []byte{1}}},
		{"RED", map[string]any{"Colour": "RED"}},
	} {
		b, err := e.EncodeValues(nil, map[string]any{"k": "a", "t": time.UnixMicro(1999), "x": c.v, "y": time.UnixMicro(-1)})
		if err != nil {
			t.Errorf("%T: %v", c.v, err)
			continue
		}
		native, rest, err := codec.NativeFromBinary(b)
		got, want := native.(map[string]any)["x"], c.want
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if err != nil || len(rest) > 0 || !bytes.Equal(g, w) || native.(map[string]any)["y"] != int64(-1) {
			t.Errorf("%T: %v (%s), %v, want %s", c.v, native, g, err, w)
		}
	}
	for _, bad := range []any{math.NaN(), math.Inf(1), float32(math.Inf(-1)), struct{}{}, uint8(1)} {
		if b, err := e.EncodeValues(nil, map[string]any{"k": "a", "t": 1, "x": bad, "y": 1}); err == nil {
			t.Errorf("%v (%T) is encoded as %x", bad, bad, b)
		}
	}
}

func TestPlainLongTimes(t *testing.T) {
	schema := `{"type":"record","name":"E","fields":[{"name":"k","type":"string"},{"name":"t","type":"long"},{"name":"c","type":["null","long"]},{"name":"n","type":"long"}]}`
	s, _ := streamOf(t, schema)
	s.Created = 2
	e, err := NewEncoder(schema, PlainTimes(s)...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.EncodeValues(nil, parseRow(t, `{"k":"","t":"1970-01-01T00:00:01Z","c":"1970/01/01 00:01","n":3}`))
	if want := "\x00\xd0\x0f\x02\xc0\xa9\x07\x06"; err != nil || string(b) != want {
		t.Errorf("%x, %v, want %x", b, err, want)
	}
	if _, err := e.EncodeValues(nil, parseRow(t, `{"k":"","t":1,"c":1,"n":"1970-01-01T00:00:01Z"}`)); err == nil {
		t.Error("a plain long takes a time")
	}
}

func TestAppendRow(t *testing.T) {
	schema := record(`{"name":"a","type":["null","int"],"default":null}`, `{"name":"b","type":"double","default":2}`, `{"name":"m","type":`+moneyType+`}`,
		`{"name":"l","type":{"type":"array","items":["null","string"]}}`, `{"name":"map","type":{"type":"map","values":"int"},"default":{"z":1}}`, `{"name":"e","type":`+colourType+`}`)
	e, err := NewEncoder(schema)
	if err != nil {
		t.Fatal(err)
	}
	if f := e.Fields(); strings.Join(f, " ") != "k t a b m l map e" || e.Field("m") != 4 || e.Field("nope") != -1 {
		t.Errorf("fields %v", f)
	}
	row := []value.Value{value.Text("k"), value.Time(1999), value.Int(5), value.Float(1), value.Dec(value.Int128Of(150)),
		value.Items(value.Text("x"), value.Value{}), {}, value.Text("GREEN")}
	text := []value.Value{value.Text("k"), value.Text("1"), value.Text("5"), value.Text("1"), value.Text("1.5"), row[5], {}, row[7]}
	want := "\x02k\x02\x02\x0a" + string(leBytes(1)) + "\x04\x00\x96" + "\x04\x02\x02x\x00\x00" + "\x02\x02z\x02\x00" + "\x02"
	for _, r := range [][]value.Value{row, text} {
		if b, err := e.AppendRow([]byte("-"), r); err != nil || string(b) != "-"+want {
			t.Errorf("%x, %v, want %x", b, err, want)
		}
	}
	row[2], row[3] = value.Value{}, value.Value{}
	if b, err := e.AppendRow(nil, row); err != nil || string(b) != "\x02k\x02\x00"+string(leBytes(2))+want[13:] {
		t.Errorf("nulls: %x, %v", b, err)
	}
	for i, v := range map[int]value.Value{0: {}, 1: value.Float(1), 2: value.Int(1 << 31), 4: value.Text("x"), 5: value.Int(1), 6: value.Int(1), 7: value.Text("x")} {
		bad := append([]value.Value(nil), row...)
		bad[i] = v
		if b, err := e.AppendRow(nil, bad); err == nil || !strings.HasPrefix(err.Error(), "field "+e.Fields()[i]+": found") {
			t.Errorf("field %d as %v: %x, %v", i, v, b, err)
		}
	}
	wide, err := NewEncoder(record(`{"name":"u","type":["int","string"],"default":3}`))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := wide.AppendRow(nil, []value.Value{value.Text("k"), value.Int(1), {}}); err != nil || string(b) != "\x02k\x02\x00\x06" {
		t.Errorf("default of a wide union: %x, %v", b, err)
	}
	if _, err := e.AppendRow(nil, row[1:]); err == nil {
		t.Error("a short row is encoded")
	}
}

func TestParseTimestamp(t *testing.T) {
	for s, want := range map[string]string{
		"2001-01-31T18:20:00Z": "2001-01-31T18:20:00Z", "2001/01/31 18:20": "2001-01-31T18:20:00Z", "2001-01-31 18:20:05": "2001-01-31T18:20:05Z",
		"2001-01-31T18:20:05.1234567": "2001-01-31T18:20:05.123456Z", "2001/01/31T18:20:05": "2001-01-31T18:20:05Z", "2001-01-31T18:20:00+02:00": "2001-01-31T16:20:00Z",
		"2001-01-31": "", "31/01/2001 18:20": "", "": "", "2001-13-01 00:00": "", "12": "",
	} {
		got, err := ParseTimestamp(s)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v, want %s", s, got, err, want)
		}
	}
}

func TestCanonicalSchema(t *testing.T) {
	got, err := CanonicalSchema("{ \"type\" : \"record\",\n\"name\":\"E\", \"doc\":\"a  <b>\\u00e9\", \"fields\":[ ] , \"x\": 1.50}")
	if want := `{"type":"record","name":"E","doc":"a  <b>\u00e9","fields":[],"x":1.50}`; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for _, bad := range []string{"", "{", `{"type":"what"}`, `"int" "int"`, "\"\xff\""} {
		if got, err := CanonicalSchema(bad); err == nil {
			t.Errorf("%q is canonical as %q", bad, got)
		}
	}
	if err := Compatible(record(`{"name":"x","type":"int"}`), record(`{"name":"x","type":"long"}`)); err != nil {
		t.Error(err)
	}
	if err := Compatible(record(`{"name":"x","type":"long"}`), record(`{"name":"x","type":"int"}`)); err == nil {
		t.Error("long reads as int")
	}
}
