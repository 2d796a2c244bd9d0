package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
	"github.com/linkedin/goavro/v2"
)

// every is a schema with every type that a body can hold.
var every = record(`{"name":"m","type":{"type":"map","values":["null","double",{"type":"array","items":"bytes"}]}}`,
	`{"name":"l","type":["null",{"type":"array","items":"double"}]}`, `{"name":"d","type":`+moneyType+`}`, `{"name":"day","type":{"type":"int","logicalType":"date"}}`,
	`{"name":"tree","type":{"type":"record","name":"Tree","fields":[{"name":"v","type":"float"},{"name":"kids","type":{"type":"array","items":"Tree"}}]}}`,
	`{"name":"e","type":`+colourType+`}`, `{"name":"f","type":{"type":"fixed","name":"F","size":3}}`, `{"name":"b","type":"boolean"}`, `{"name":"u","type":["int","string"]}`)

const everyRow = `{"k":"a","t":1000,"m":{"x":null,"y":1.5,"z":["AA=="]},"l":[1,2.5],"d":"1.25","day":"2001-03-31",
	"tree":{"v":1,"kids":[{"v":2,"kids":[]}]},"e":"GREEN","f":"AAEC","b":true,"u":"hi"}`

// The verdict on any bytes is reached without panic and does not depend on
// what is needed; what is accepted survives encoding again.
func FuzzRead(f *testing.F) {
	for _, c := range [][2]string{{every, everyRow}, {order, orderRow}} {
		e, _ := NewEncoder(c[0])
		d := json.NewDecoder(strings.NewReader(c[1]))
		d.UseNumber()
		var row map[string]any
		if err := d.Decode(&row); err != nil {
			f.Fatal(err)
		}
		body, err := e.EncodeValues(nil, row)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(body[:len(body)/2])
	}
	s, e := streamOf(f, every)
	all := newReader(f, s, e, every)
	none, err := NewReader(s, e, make([]bool, len(s.Fields)))
	if err != nil {
		f.Fatal(err)
	}
	if err := none.AddSchema(1, every); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var ev, less Event
		a, errA := all.Read(recordOf(body, "a"), &ev)
		b, errB := none.Read(recordOf(body, "a"), &less)
		if errA != nil || errB != nil || a != b {
			t.Fatalf("%v, %v with all fields, %v, %v with none", a, errA, b, errB)
		}
		sameAgain(t, body)
	})
}

// sameAgain reads body as an order, if it is one, encodes and reads again.
func sameAgain(t *testing.T, body []byte) {
	r, _ := orders(t)
	rec := recordOf(body, "")
	var ev Event
	if v, _ := r.Read(rec, &ev); v.Reason != Accepted && v.Reason != Misrouted && v.Reason != Future {
		return
	}
	e, _ := NewEncoder(order)
	again, err := e.AppendRow(nil, ev.Fields)
	if err != nil {
		t.Fatalf("%v: %v", err, ev.Fields)
	}
	fields := make([]value.Value, len(ev.Fields))
	for i, v := range ev.Fields {
		fields[i] = v.Clone()
	}
	if v, _ := r.Read(recordOf(again, ""), &ev); v.Reason == Undecodable {
		t.Fatalf("%v of %x", v, again)
	}
	for i := range fields {
		if !value.Equal(fields[i], ev.Fields[i]) {
			t.Fatalf("field %d: %v, then %v", i, fields[i], ev.Fields[i])
		}
	}
}

// Whatever row the encoder takes, goavro and the reader can read.
func FuzzEncode(f *testing.F) {
	f.Add(everyRow)
	f.Add(`{"k":"a","t":"2001/01/31 18:20","m":{},"d":-1e1,"day":3,"tree":{"v":"0.5","kids":[]},"e":"RED","f":"////","b":"false","u":{"int":3}}`)
	e, err := NewEncoder(every)
	if err != nil {
		f.Fatal(err)
	}
	codec, err := goavro.NewCodec(every)
	if err != nil {
		f.Fatal(err)
	}
	s, entity := streamOf(f, every)
	r := newReader(f, s, entity, every)
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var row map[string]any
		if d.Decode(&row) != nil {
			return
		}
		body, err := e.EncodeValues([]byte("x"), row)
		if err != nil {
			if string(body) != "x" || err.Error() == "" {
				t.Fatalf("an error leaves %x", body)
			}
			return
		}
		if _, rest, err := codec.NativeFromBinary(body[1:]); err != nil || len(rest) > 0 {
			t.Fatalf("goavro: %v, %d bytes left of %x", err, len(rest), body)
		}
		v, err := r.Read(recordOf(body[1:], "a"), new(Event))
		if err != nil || v.Reason == NotFinite || v.Reason == Undecodable && !strings.Contains(v.Detail, noCalendar) {
			t.Fatalf("%v, %v", v, err)
		}
	})
}

// Any text for a schema is remembered, and its records judged.
func FuzzWriterSchema(f *testing.F) {
	f.Add(every, []byte{0})
	f.Add(order, []byte{0, 1, 2})
	f.Add(`{"type":"record","name":"E","fields":[{"name":"k","type":"string"},{"name":"t","type":"long"},{"name":"r","type":["null","E"]}]}`, []byte("\x02a\x02\x02\x02a\x02\x00"))
	f.Fuzz(func(t *testing.T, text string, body []byte) {
		s, e := streamOf(t, record(`{"name":"x","type":["null","string"],"default":null}`))
		r := newReader(t, s, e)
		if err := r.AddSchema(1, text); err != nil || !r.Known(1) {
			t.Fatal(err)
		}
		if _, err := r.Read(recordOf(body, "a"), new(Event)); err != nil {
			t.Fatal(err)
		}
		_, _ = definition.SchemaFields(text)
		_, _ = CanonicalSchema(text)
	})
}
