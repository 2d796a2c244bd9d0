package wire

import (
	"fmt"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
	"github.com/twmb/avro"
	"pgregory.net/rapid"
)

// promotions are the primitives that each primitive can be read as.
var promotions = map[string][]string{
	"int": {"int", "long", "float", "double"}, "long": {"long", "float", "double"}, "float": {"float", "double"}, "double": {"double"},
	"string": {"string", "bytes"}, "bytes": {"bytes", "string"}, "boolean": {"boolean"},
}

var primitiveNames = []string{"int", "long", "float", "double", "string", "bytes", "boolean"}

// evolve draws a writer's field type and a reader's.
func evolve(t *rapid.T) (w, r string) {
	w = rapid.SampledFrom(primitiveNames).Draw(t, "writer type")
	r = rapid.SampledFrom(promotions[w]).Draw(t, "reader type")
	w, r = `"`+w+`"`, `"`+r+`"`
	if rapid.IntRange(0, 3).Draw(t, "list") == 0 {
		w, r = `{"type":"array","items":`+w+`}`, `{"type":"array","items":`+r+`}`
	}
	union := func(s string) string {
		return rapid.SampledFrom([]string{`["null",` + s + `]`, `[` + s + `,"null"]`}).Draw(t, "order")
	}
	switch rapid.IntRange(0, 3).Draw(t, "nullable") {
	case 0:
		w, r = union(w), union(r)
	case 1:
		r = union(r)
	}
	return w, r
}

// evolution draws a writer's and a reader's schema with fields kept (perhaps
// renamed), dropped and added, in another order.
func evolution(t *rapid.T) (writer, reader string) {
	ws, rs := []string{`{"name":"k","type":"string"}`, `{"name":"t","type":"long"}`}, []string{`{"name":"k","type":"string"}`, `{"name":"t","type":"long"}`}
	for i := range rapid.IntRange(0, 6).Draw(t, "fields") {
		w, r := evolve(t)
		switch rapid.IntRange(0, 4).Draw(t, "change") {
		case 0:
			ws = append(ws, fmt.Sprintf(`{"name":"gone%d","type":%s}`, i, w))
		case 1:
			def := rapid.SampledFrom([][2]string{{`"long"`, `-7`}, {`["null","string"]`, `null`}, {`["string","null"]`, `"é"`}, {`"double"`, `1.5`},
				{`{"type":"array","items":"int"}`, `[3,4]`}, {`"bytes"`, `"\u00ff"`}, {`["float","null"]`, `0.25`}}).Draw(t, "default")
			rs = append(rs, fmt.Sprintf(`{"name":"new%d","type":%s,"default":%s}`, i, def[0], def[1]))
		case 2:
			ws = append(ws, fmt.Sprintf(`{"name":"old%d","type":%s}`, i, w))
			rs = append(rs, fmt.Sprintf(`{"name":"f%d","aliases":["old%d"],"type":%s}`, i, i, r))
		default:
			ws = append(ws, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, w))
			rs = append(rs, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, r))
		}
	}
	ws, rs = rapid.Permutation(ws).Draw(t, "writer order"), rapid.Permutation(rs).Draw(t, "reader order")
	const shape = `{"type":"record","name":"E","fields":[%s]}`
	return fmt.Sprintf(shape, strings.Join(ws, ",")), fmt.Sprintf(shape, strings.Join(rs, ","))
}

// drawFor draws a plain value of a primitive, list or nullable type.
func drawFor(t *rapid.T, n *node) any {
	switch n.kind {
	case kindUnion:
		if rapid.Bool().Draw(t, "null") {
			return nil
		}
		return drawFor(t, n.some())
	case kindArray:
		items := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			items = append(items, drawFor(t, n.elem))
		}
		return items
	}
	for _, p := range primitives {
		if p.branch == n.kind.String() {
			v := p.draw(t).native
			if b, ok := v.([]byte); ok && !valid(b) {
				return []byte{}
			}
			return v
		}
	}
	panic("BUG: " + n.String())
}

// plain is what the peer's value means here.
func plain(v any) value.Value {
	switch x := v.(type) {
	case nil:
		return value.Value{}
	case bool:
		return value.BoolOf(x)
	case int32:
		return value.Int(int64(x))
	case int64:
		return value.Int(x)
	case float32:
		return value.Float(float64(x))
	case float64:
		return value.Float(x)
	case string:
		return value.Text(x)
	case []byte:
		return value.Raw(x)
	case []any:
		list := value.Items()
		for _, item := range x {
			list.L = append(list.L, plain(item))
		}
		return list
	}
	panic(fmt.Sprintf("BUG: %T", v))
}

func TestResolutionAgreesWithAPeer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		writer, reader := evolution(t)
		w, _ := avro.Parse(writer)
		rd, _ := avro.Parse(reader)
		resolved, err := avro.Resolve(w, rd)
		if err != nil {
			t.Fatalf("%v: %s as %s", err, writer, reader)
		}
		s, _ := parseRecord(writer)
		row := map[string]any{}
		for _, f := range s.root.fields {
			row[f.name] = drawFor(t, f.typ)
		}
		row["k"], row["t"] = "a", int64(1)
		e, _ := NewEncoder(writer)
		body, err := e.EncodeValues(nil, row)
		if err != nil {
			t.Fatal(err)
		}
		var native any
		if _, err := resolved.Decode(body, &native); err != nil {
			t.Fatalf("%v: %x by %s as %s", err, body, writer, reader)
		}
		fields, _ := definition.SchemaFields(reader)
		stream := &definition.Stream{Schema: reader, Fields: fields, Created: -1, EventID: definition.EventID{Field: -1}, Partitions: 8}
		stream.EventTime, stream.Key = stream.Field("t"), []int{stream.Field("k")}
		r, err := NewReader(stream, &definition.Entity{JoinKeys: stringKey}, nil)
		if err != nil {
			t.Fatal(err)
		}
		// Another schema in between must leave nothing behind.
		for id, text := range []string{reader, writer} {
			if err := r.AddSchema(int32(id), text); err != nil {
				t.Fatal(err)
			}
		}
		var ev Event
		for range 2 {
			rec := recordOf(body, "a")
			v, err := r.Read(rec, &ev)
			if err != nil || !v.OK() {
				t.Fatalf("%v, %v: %x by %s as %s", v, err, body, writer, reader)
			}
			for i, f := range fields {
				if want := plain(native.(map[string]any)[f.Name]); !value.Equal(ev.Fields[i], want) {
					t.Fatalf("field %s: %v, want %v by %s as %s", f.Name, ev.Fields[i], want, writer, reader)
				}
			}
			rec.Value[4] = 0
			if _, err := r.Read(rec, &ev); err != nil {
				t.Fatal(err)
			}
		}
	})
}
