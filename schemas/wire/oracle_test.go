package wire

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"
	"pgregory.net/rapid"
)

// sample is one value in three spellings.
type sample struct {
	native any         // goavro's
	row    any         // the encoder's
	want   value.Value // the reader's, for usable types
}

// shape is a type and how to draw its values.
type shape struct {
	schema string
	branch string // its name in a union
	usable bool
	draw   func(t *rapid.T) sample
}

func same(x any, want value.Value) sample { return sample{x, x, want} }

// primitives are the types without parameters.
var primitives = []shape{
	{`"boolean"`, "boolean", true, func(t *rapid.T) sample {
		b := rapid.Bool().Draw(t, "b")
		return same(b, value.BoolOf(b))
	}},
	{`"int"`, "int", true, func(t *rapid.T) sample {
		n := rapid.Int32().Draw(t, "n")
		return same(n, value.Int(int64(n)))
	}},
	{`"long"`, "long", true, func(t *rapid.T) sample {
		n := rapid.Int64().Draw(t, "n")
		return same(n, value.Int(n))
	}},
	{`"float"`, "float", true, func(t *rapid.T) sample {
		f := rapid.Float32().Draw(t, "f")
		return same(f, value.Float(float64(f)))
	}},
	{`"double"`, "double", true, func(t *rapid.T) sample {
		f := rapid.Float64().Draw(t, "f")
		return same(f, value.Float(f))
	}},
	{`"string"`, "string", true, func(t *rapid.T) sample {
		s := rapid.String().Draw(t, "s")
		return same(s, value.Text(s))
	}},
	{`"bytes"`, "bytes", true, func(t *rapid.T) sample {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "raw")
		return same(b, value.Raw(b))
	}},
	{millisType, "long.timestamp-millis", true, func(t *rapid.T) sample {
		ms := rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms")
		return same(time.UnixMilli(ms).UTC(), value.Value{Kind: value.Timestamp, N: ms * 1000})
	}},
	{microsType, "long.timestamp-micros", true, func(t *rapid.T) sample {
		us := rapid.Int64Range(-62135596800000000, 253402300799999999).Draw(t, "us")
		return same(time.UnixMicro(us).UTC(), value.Value{Kind: value.Timestamp, N: us})
	}},
	{`{"type":"int","logicalType":"date"}`, "int.date", true, func(t *rapid.T) sample {
		days := rapid.Int64Range(-719162, 2932896).Draw(t, "days")
		day := time.Unix(days*86400, 0).UTC()
		return sample{day, day.Format("2006-01-02"), value.DateOf(days)}
	}},
	{`{"type":"bytes","logicalType":"decimal","precision":20,"scale":3}`, "bytes.decimal", true, func(t *rapid.T) sample {
		n := rapid.Int64().Draw(t, "unscaled")
		d := value.Int128Of(n)
		return sample{big.NewRat(n, 1000), d.FormatDecimal(3), value.Dec(d)}
	}},
}

// named makes types that have a name, each of its own.
type named struct{ count int }

func (g *named) next() string { g.count++; return fmt.Sprintf("T%d", g.count) }

func (g *named) fixed(t *rapid.T) shape {
	name, size := g.next(), rapid.IntRange(1, 9).Draw(t, "size")
	return shape{fmt.Sprintf(`{"type":"fixed","name":%q,"size":%d}`, name, size), name, true, func(t *rapid.T) sample {
		b := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "raw")
		return same(b, value.Raw(b))
	}}
}

func (g *named) enum(*rapid.T) shape {
	name, symbols := g.next(), []string{"A", "B", "C"}
	return shape{fmt.Sprintf(`{"type":"enum","name":%q,"symbols":["A","B","C"]}`, name), name, true, func(t *rapid.T) sample {
		s := rapid.SampledFrom(symbols).Draw(t, "symbol")
		return same(s, value.Text(s))
	}}
}

func (g *named) scalar(t *rapid.T) shape {
	switch i := rapid.IntRange(0, len(primitives)+1).Draw(t, "scalar"); i {
	case len(primitives):
		return g.fixed(t)
	case len(primitives) + 1:
		return g.enum(t)
	default:
		return primitives[i]
	}
}

func (g *named) any(t *rapid.T, depth int) shape {
	kinds := []func(*rapid.T, int) shape{
		func(t *rapid.T, _ int) shape { return g.scalar(t) }, g.nullable, g.array, g.mapping, g.record, g.union,
	}
	if depth == 0 {
		kinds = kinds[:1]
	}
	return rapid.SampledFrom(kinds).Draw(t, "kind")(t, depth)
}

func (g *named) nullable(t *rapid.T, _ int) shape {
	s, first := g.scalar(t), rapid.Bool().Draw(t, "null first")
	order := []string{"null", s.schema}
	if first {
		order[0] = `"null"`
	} else {
		order[0], order[1] = s.schema, `"null"`
	}
	return shape{"[" + strings.Join(order, ",") + "]", "", s.usable, func(t *rapid.T) sample {
		if rapid.Bool().Draw(t, "null") {
			return sample{}
		}
		v := s.draw(t)
		if rapid.Bool().Draw(t, "tagged") {
			v.row = map[string]any{s.branch: v.row}
		}
		v.native = goavro.Union(s.branch, v.native)
		return v
	}}
}

func (g *named) union(t *rapid.T, depth int) shape {
	branches := []shape{primitives[0], g.record(t, depth-1), primitives[5], g.array(t, depth-1)}
	var schemas []string
	for _, b := range branches {
		schemas = append(schemas, b.schema)
	}
	return shape{"[" + strings.Join(schemas, ",") + "]", "", false, func(t *rapid.T) sample {
		b := rapid.SampledFrom(branches).Draw(t, "branch")
		v := b.draw(t)
		return sample{goavro.Union(b.branch, v.native), map[string]any{b.branch: v.row}, value.Value{}}
	}}
}

func (g *named) array(t *rapid.T, depth int) shape {
	item := g.any(t, max(0, depth-1))
	plain := item.usable && item.branch != "" && item.branch != "array"
	return shape{`{"type":"array","items":` + item.schema + `}`, "array", plain, func(t *rapid.T) sample {
		native, row, want := []any{}, []any{}, value.Items()
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			v := item.draw(t)
			native, row, want.L = append(native, v.native), append(row, v.row), append(want.L, v.want)
		}
		return sample{native, row, want}
	}}
}

func (g *named) mapping(t *rapid.T, depth int) shape {
	item := g.any(t, max(0, depth-1))
	return shape{`{"type":"map","values":` + item.schema + `}`, "map", false, func(t *rapid.T) sample {
		native, row := map[string]any{}, map[string]any{}
		for _, k := range rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "keys") {
			v := item.draw(t)
			native[k], row[k] = v.native, v.row
		}
		return sample{native, row, value.Value{}}
	}}
}

func (g *named) record(t *rapid.T, depth int) shape {
	name := g.next()
	var fields []string
	var shapes []shape
	for i := range rapid.IntRange(0, 3).Draw(t, "fields") {
		s := g.any(t, max(0, depth-1))
		shapes = append(shapes, s)
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, s.schema))
	}
	return shape{fmt.Sprintf(`{"type":"record","name":%q,"fields":[%s]}`, name, strings.Join(fields, ",")), name, false, func(t *rapid.T) sample {
		native, row := map[string]any{}, map[string]any{}
		for i, s := range shapes {
			v := s.draw(t)
			native[fmt.Sprintf("f%d", i)], row[fmt.Sprintf("f%d", i)] = v.native, v.row
		}
		return sample{native, row, value.Value{}}
	}}
}

// event is a random schema with one event of it.
type event struct {
	schema string
	shapes []shape
	native map[string]any
	row    map[string]any
	want   []value.Value
	body   []byte // goavro's
	codec  *goavro.Codec
}

func drawEvent(t *rapid.T) *event {
	g, ev := &named{}, &event{native: map[string]any{"k": "a", "t": time.UnixMilli(1000).UTC()}, row: map[string]any{"k": "a", "t": 1000}}
	var fields []string
	for i := range rapid.IntRange(0, 6).Draw(t, "width") {
		s, name := g.any(t, 2), fmt.Sprintf("x%d", i)
		v := s.draw(t)
		ev.shapes, ev.want = append(ev.shapes, s), append(ev.want, v.want)
		ev.native[name], ev.row[name] = v.native, v.row
		fields = append(fields, fmt.Sprintf(`{"name":%q,"type":%s}`, name, s.schema))
	}
	ev.schema = record(fields...)
	var err error
	if ev.codec, err = goavro.NewCodec(ev.schema); err != nil {
		t.Fatalf("goavro: %v in %s", err, ev.schema)
	}
	if ev.body, err = ev.codec.BinaryFromNative(nil, ev.native); err != nil {
		t.Fatalf("goavro: %v in %s of %v", err, ev.schema, ev.native)
	}
	return ev
}

func (ev *event) reader(t *rapid.T, needed []bool) (*Reader, *definition.Stream) {
	fields, err := definition.SchemaFields(ev.schema)
	if err != nil {
		t.Fatal(err)
	}
	s := &definition.Stream{Name: "s", Schema: ev.schema, Fields: fields, Key: []int{0}, EventTime: 1, Created: -1,
		EventID: definition.EventID{Field: -1}, Partitions: 8}
	r, err := NewReader(s, &definition.Entity{JoinKeys: stringKey}, needed)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddSchema(1, ev.schema); err != nil {
		t.Fatal(err)
	}
	return r, s
}

func TestDecodesWhatGoavroEncodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawEvent(t)
		r, s := want.reader(t, nil)
		var got Event
		v, err := r.Read(recordOf(want.body, "a"), &got)
		if err != nil || !v.OK() {
			t.Fatalf("%v, %v of %x by %s", v, err, want.body, want.schema)
		}
		for i, shape := range want.shapes {
			usable := s.Fields[2+i].Type.Kind != value.Null
			if usable != shape.usable {
				t.Fatalf("field of type %s: usable %v, want %v", shape.schema, usable, shape.usable)
			}
			if x := got.Fields[2+i]; usable && !value.Equal(x, want.want[i]) || !usable && !x.IsNull() {
				t.Fatalf("%s: %v, want %v", shape.schema, x, want.want[i])
			}
			if from, to, ok := r.Span(2 + i); ok == usable || from > to {
				t.Fatalf("%s: span %d to %d, %v", shape.schema, from, to, ok)
			}
		}
	})
}

func TestGoavroDecodesWhatWeEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		e, err := NewEncoder(ev.schema)
		if err != nil {
			t.Fatal(err)
		}
		body, err := e.EncodeValues([]byte("-"), ev.row)
		if err != nil {
			t.Fatalf("%v: %v by %s", err, ev.row, ev.schema)
		}
		got, rest, err := ev.codec.NativeFromBinary(body[1:])
		if err != nil || len(rest) > 0 {
			t.Fatalf("goavro: %v, %d bytes left of %x", err, len(rest), body)
		}
		if want, _, _ := ev.codec.NativeFromBinary(ev.body); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, want %v by %s", got, want, ev.schema)
		}
	})
}

// A typed row encodes to what the same row as plain values encodes to.
func TestAppendRowAgreesWithEncodeValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		for _, s := range ev.shapes {
			if !s.usable {
				return
			}
		}
		e, _ := NewEncoder(ev.schema)
		want, _ := e.EncodeValues(nil, ev.row)
		row := append([]value.Value{value.Text("a"), value.Time(1_000_999)}, ev.want...)
		got, err := e.AppendRow(nil, row)
		if err != nil || hex.EncodeToString(got) != hex.EncodeToString(want) {
			t.Fatalf("%x, %v, want %x of %v by %s", got, err, want, row, ev.schema)
		}
	})
}

// The verdict is the same whatever fields are asked for, the values too.
func TestVerdictDoesNotDependOnWhatIsNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		body := ev.body
		for range rapid.IntRange(0, 3).Draw(t, "flips") {
			body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] ^= rapid.Byte().Draw(t, "mask")
		}
		all, s := ev.reader(t, nil)
		needed := rapid.SliceOfN(rapid.Bool(), len(s.Fields), len(s.Fields)).Draw(t, "needed")
		some, _ := ev.reader(t, needed)
		var a, b Event
		rec := recordOf(body, "a")
		va, _ := all.Read(rec, &a)
		vb, _ := some.Read(rec, &b)
		if va != vb {
			t.Fatalf("%v with all fields, %v with some", va, vb)
		}
		for i := range needed {
			if va.OK() && needed[i] && !value.Equal(a.Fields[i], b.Fields[i]) {
				t.Fatalf("field %d: %v and %v", i, a.Fields[i], b.Fields[i])
			}
		}
	})
}

func TestTruncationAtEveryByteIsUndecodable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		r, _ := ev.reader(t, nil)
		rec := recordOf(ev.body, "a")
		whole := rec.Value
		for n := range whole {
			rec.Value = whole[:n:n]
			v, err := r.Read(rec, new(Event))
			if err != nil || v.Reason != Undecodable {
				t.Fatalf("%d of %d bytes: %v, %v by %s", n, len(whole), v, err, ev.schema)
			}
		}
		rec.Value = append(whole, 0)
		if v, _ := r.Read(rec, new(Event)); v.Reason != Undecodable {
			t.Fatalf("one byte too many: %v", v)
		}
	})
}

// No flip of a bit panics, and a second library, made to read the whole body,
// agrees on what can be read, but for what it does not look at.
func TestEveryBitFlipIsJudged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := drawEvent(t)
		peer, err := avro.Parse(ev.schema)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := ev.reader(t, nil)
		rec := recordOf(ev.body, "a")
		for bit := range 8 * min(len(ev.body), 60) {
			at := FrameSize + bit/8
			rec.Value[at] ^= 1 << (bit % 8)
			v, err := r.Read(rec, new(Event))
			if err != nil {
				t.Fatal(err)
			}
			var native any
			rest, err := peer.Decode(rec.Value[FrameSize:], &native)
			bad := err != nil || len(rest) > 0
			if err != nil && peerAlone(err) {
				bad = v.Reason == Undecodable // no opinion
			}
			if (v.Reason == Undecodable) != bad && !peerLetsPass(v) {
				t.Fatalf("bit %d: %v, but the peer says %v, %d bytes left of %x by %s", bit, v, err, len(rest), rec.Value, ev.schema)
			}
			rec.Value[at] ^= 1 << (bit % 8)
		}
	})
}

// peerAlone reports a bound of the peer's own: on items without bytes, and on the
// bytes of an int, which may be longer than needed.
func peerAlone(err error) bool {
	return strings.Contains(err.Error(), "zero-byte items") || strings.Contains(err.Error(), "overflows 32 bits")
}

func peerLetsPass(v Verdict) bool {
	for _, what := range []string{noCalendar, notUTF8, notBool, badBlock} {
		if strings.Contains(v.Detail, what) {
			return true
		}
	}
	return false
}

func TestNonFiniteAnywhere(t *testing.T) {
	for _, typ := range []string{`"double"`, `"float"`, `["null","double"]`, `["double","string"]`, `{"type":"array","items":"float"}`,
		`{"type":"map","values":"double"}`, `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":["null","double"]}}]}`} {
		for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			schema := record(`{"name":"x","type":` + typ + `}`)
			codec, err := goavro.NewCodec(schema)
			if err != nil {
				t.Fatal(err)
			}
			var x any = f
			switch {
			case strings.HasPrefix(typ, "["):
				x = goavro.Union("double", f)
			case strings.Contains(typ, "record"):
				x = map[string]any{"a": []any{nil, goavro.Union("double", f)}}
			case strings.Contains(typ, "array"):
				x = []any{0.5, f}
			case strings.Contains(typ, "map"):
				x = map[string]any{"k": f}
			}
			body, err := codec.BinaryFromNative(nil, map[string]any{"k": "a", "t": time.UnixMilli(0), "x": x})
			if err != nil {
				t.Fatal(err)
			}
			s, e := streamOf(t, record())
			for _, reader := range []string{schema, record()} {
				s.Schema = reader
				s.Fields, _ = definition.SchemaFields(reader)
				r := newReader(t, s, e, schema)
				if v, _ := r.Read(recordOf(body, "a"), new(Event)); v.Reason != NotFinite || !strings.Contains(v.Detail, "field x") {
					t.Errorf("%v in %s: %v", f, typ, v)
				}
			}
		}
	}
}
