package wire

import (
	"math"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/value"
	"pgregory.net/rapid"
)

func TestSpanOfWhatNoFeatureCanUse(t *testing.T) {
	schema := record(`{"name":"m","type":{"type":"map","values":"int"}}`, `{"name":"u","type":["null","int","string"]}`, `{"name":"x","type":"int"}`)
	s, e := streamOf(t, schema)
	older := strings.Replace(schema, `{"name":"u"`, `{"name":"v"`, 1)
	s.Schema = strings.Replace(schema, `"string"]`, `"string"],"default":null`, 1)
	r := newReader(t, s, e, schema, older)
	rec := recordOf(encodeJSON(t, schema, `{`+base+`,"m":{"a":1},"u":"hi","x":7}`), "a")
	var ev Event
	if v, err := r.Read(rec, &ev); !v.OK() || err != nil {
		t.Fatal(v, err)
	}
	for name, want := range map[string]string{"m": "\x02\x02a\x02\x00", "u": "\x04\x04hi"} {
		from, to, ok := r.Span(s.Field(name))
		if !ok || string(rec.Value[from:to]) != want {
			t.Errorf("span of %s: %q, %v, want %q", name, rec.Value[from:to], ok, want)
		}
	}
	if _, _, ok := r.Span(s.Field("x")); ok || ev.Fields[s.Field("x")].N != 7 || !ev.Fields[s.Field("u")].IsNull() {
		t.Errorf("a usable field has a span, or an unusable one a value: %v", ev.Fields)
	}
	rec.Value[4] = 2
	if v, err := r.Read(rec, &ev); !v.OK() || err != nil {
		t.Fatal(v, err)
	}
	if _, _, ok := r.Span(s.Field("u")); ok {
		t.Error("a field that the writer does not have has a span")
	}
}

func TestListBounds(t *testing.T) {
	schema := record(`{"name":"x","type":{"type":"array","items":"int"}}`)
	s, e := streamOf(t, schema)
	r := newReader(t, s, e, schema)
	enc, _ := NewEncoder(schema)
	for _, c := range []struct {
		items  int
		reason Reason
	}{{value.MaxListItems, ""}, {value.MaxListItems + 1, OverBound}, {100_000, OverBound}} {
		items := make([]any, c.items)
		for i := range items {
			items[i] = i
		}
		body, err := enc.EncodeValues(nil, map[string]any{"k": "a", "t": 1, "x": items})
		if err != nil {
			t.Fatal(err)
		}
		var ev Event
		v, _ := r.Read(recordOf(body, "a"), &ev)
		if v.Reason != c.reason || v.OK() && (len(ev.Fields[2].L) != c.items || ev.Fields[2].L[c.items-1].N != int64(c.items-1)) {
			t.Errorf("%d items: %v", c.items, v)
		}
	}
}

func TestBlocksWithSizes(t *testing.T) {
	schema := record(`{"name":"x","type":{"type":"array","items":"int"}}`, `{"name":"m","type":{"type":"map","values":"int"}}`)
	s, e := streamOf(t, schema)
	r := newReader(t, s, e, schema)
	head := "\x02a\x02"
	for _, c := range []struct {
		body   string
		reason Reason
	}{
		{head + "\x03\x04\x02\x04\x02\x06\x00" + "\x00", ""}, // -2 items in 2 bytes, then one more
		{head + "\x03\x06\x02\x04\x02\x06\x00" + "\x00", Undecodable},
		{head + "\x03\x02\x02\x04\x02\x06\x00" + "\x00", Undecodable},
		{head + "\x03\x03\x02\x04\x00" + "\x00", Undecodable}, // size -2
		{head + "\x00" + "\x01\x06\x02b\x04\x00", ""},
		{head + "\x00" + "\x01\x06\x02\xff\x04\x00", Undecodable},
		{head + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x02\x00\x00", Undecodable}, // -2^63 items
		{head + "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x00\x00", Undecodable},     // 2^63-1 items
		{head + "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x03\x02\x00\x00", Undecodable},     // no such number
		{head + "\x80\x00\x00", ""},                                                      // a long way to say 0
	} {
		var ev Event
		v, err := r.Read(recordOf([]byte(c.body), "a"), &ev)
		if err != nil || v.Reason != c.reason {
			t.Errorf("%x: %v, %v, want %q", c.body, v, err, c.reason)
		}
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	schema := record(`{"name":"x","type":{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}}`)
	s, e := streamOf(t, schema)
	r := newReader(t, s, e, schema)
	for _, c := range []struct {
		deep   int
		reason Reason
	}{{50, ""}, {100_000, Undecodable}} {
		body := append([]byte("\x02a\x02"), strings.Repeat("\x02", c.deep)...)
		v, err := r.Read(recordOf(append(body, 0), "a"), new(Event))
		if err != nil || v.Reason != c.reason {
			t.Errorf("%d deep: %v, %v", c.deep, v, err)
		}
	}
}

// A million items without bytes take no time, nested or not.
func TestItemsWithoutBytes(t *testing.T) {
	schema := record(`{"name":"x","type":{"type":"array","items":{"type":"array","items":"null"}}}`)
	s, e := streamOf(t, schema)
	r := newReader(t, s, e, schema)
	inner := append(appendLong(nil, math.MaxInt64), 0)
	body := appendLong([]byte("\x02a\x02"), 50_000)
	for range 50_000 {
		body = append(body, inner...)
	}
	if v, err := r.Read(recordOf(append(body, 0), "a"), new(Event)); err != nil || !v.OK() {
		t.Errorf("%v, %v", v, err)
	}
}

func TestNewReaderRefusesADefinitionThatDoesNotFit(t *testing.T) {
	s, e := streamOf(t, record(`{"name":"x","type":"int"}`))
	s.Fields[2].Type = value.Of(value.String)
	if _, err := NewReader(s, e, nil); err == nil || !strings.Contains(err.Error(), "field x") {
		t.Errorf("int as string: %v", err)
	}
	s, e = streamOf(t, record(`{"name":"x","type":`+moneyType+`}`))
	s.Fields[2].Type.Scale = 3
	if _, err := NewReader(s, e, nil); err == nil || !strings.Contains(err.Error(), "field x") {
		t.Errorf("decimal of scale 2 as of scale 3: %v", err)
	}
	s.Fields = s.Fields[:2]
	if _, err := NewReader(s, e, nil); err == nil {
		t.Error("too few fields are accepted")
	}
	s.Schema = "{"
	if _, err := NewReader(s, e, nil); err == nil {
		t.Error("no schema is accepted")
	}
}

func TestVarlong(t *testing.T) {
	for _, c := range []struct {
		b    string
		want int64
		next int
	}{
		{"", 0, -1}, {"\x80", 0, -1}, {"\x00", 0, 1}, {"\x01", -1, 1}, {"\x80\x01", 64, 2}, {"\x80\x00", 0, 2},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", math.MinInt64, 10}, {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", math.MaxInt64, 10},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0, -1}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03", 0, -1},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 0, -1}, {"\x80\x80\x80\x80\x80\x80\x80\x80\x80", 0, -1},
	} {
		for _, tail := range []string{"", "\x00", "\xff\xff\xff\xff\xff\xff\xff\xff"} {
			if next := c.next; tail == "" || next > 0 {
				if got, at := varlong([]byte("-"+c.b+tail), 1); at >= 0 && (got != c.want || at != next+1) || at < 0 && next > 0 {
					t.Errorf("%x: %d, %d, want %d, %d", c.b+tail, got, at, c.want, next+1)
				}
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		b := appendLong(nil, n)
		size := len(b)
		b = append(b, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "tail")...)
		if got, at := varlong(b, 0); got != n || at != size {
			t.Fatalf("%x: %d, %d, want %d, %d", b, got, at, n, size)
		}
	})
}

func TestBytesThatNoWriterMeans(t *testing.T) {
	schema := record(`{"name":"b","type":"boolean"}`, `{"name":"i","type":"int"}`, `{"name":"f","type":"float"}`)
	s, e := streamOf(t, schema)
	for _, needed := range [][]bool{nil, make([]bool, 5)} {
		r, err := NewReader(s, e, needed)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.AddSchema(1, schema); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			body   string
			reason Reason
			detail string
		}{
			{"\x02a\x02\x01\xff\xff\xff\xff\x0f\x00\x00\x00\x00", "", ""},
			{"\x02a\x02\x02\x00\x00\x00\x00\x00", Undecodable, "field b: " + notBool},
			{"\x02a\x02\x01\x80\x80\x80\x80\x10\x00\x00\x00\x00", Undecodable, "field i: " + notInt},
			{"\x02\xff\x02\x01\x00\x00\x00\x00\x00", Undecodable, "field k: " + notUTF8},
			{"\x01a\x02\x01\x00\x00\x00\x00\x00", Undecodable, "field k: " + badLength},
			{"\x02a\x02\x01\x00\x00\x00\x80\x7f", NotFinite, "field f: " + notFinite},
		} {
			v, err := r.Read(recordOf([]byte(c.body), "a"), new(Event))
			if err != nil || v.Reason != c.reason || !strings.HasPrefix(v.Detail, c.detail) {
				t.Errorf("%x: %v, %v, want %s: %s", c.body, v, err, c.reason, c.detail)
			}
		}
	}
}

// Equal floats have equal bits, or canonical bytes would differ.
func TestNegativeZeroIsZero(t *testing.T) {
	for _, typ := range []string{`"float"`, `"double"`, `["null","double"]`} {
		got, v := readAs(t, record(`{"name":"x","type":`+typ+`}`), record(`{"name":"x","type":`+typ+`}`), `{`+base+`,"x":"-0"}`)
		if !v.OK() || got[0].Kind != value.Float64 || got[0].N != 0 {
			t.Errorf("%s: %v with bits %x, %v", typ, got, got[0].N, v)
		}
	}
}
