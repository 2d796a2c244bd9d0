package wire

import (
	"testing"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"
)

// order is an event of ten fields and about 80 bytes.
const order = `{"type":"record","name":"Order","fields":[
	{"name":"customer","type":"long"},{"name":"ordered_at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"total","type":"double"},{"name":"quantity","type":"int"},{"name":"item","type":"string"},
	{"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","PAID","CANCELLED"]}},
	{"name":"discount","type":["null","double"],"default":null},{"name":"gift","type":"boolean"},
	{"name":"note","type":["null","string"],"default":null},{"name":"session","type":"string"}]}`

const orderRow = `{"customer":123456,"ordered_at":1700000000123,"total":42.5,"quantity":3,"item":"sku-0042-blue-large",
	"status":"PAID","discount":0.15,"gift":false,"note":null,"session":"8f14e45fceea167a5a36dedd4bea"}`

func orders(tb testing.TB, needed ...string) (*Reader, *Record) {
	fields, err := definition.SchemaFields(order)
	if err != nil {
		tb.Fatal(err)
	}
	s := &definition.Stream{Name: "orders", Schema: order, Fields: fields, Key: []int{0}, EventTime: 1, Created: -1,
		EventID: definition.EventID{Field: -1}, MaxFuture: 5 * stamp.Minute, Partitions: 8}
	e := &definition.Entity{Name: "user", JoinKeys: intKey}
	want := make([]bool, len(fields))
	for i := range want {
		want[i] = len(needed) == 0
	}
	for _, name := range needed {
		want[s.Field(name)] = true
	}
	r, err := NewReader(s, e, want)
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.AddSchema(1, order); err != nil {
		tb.Fatal(err)
	}
	rec := recordOf(encodeJSON(tb, order, orderRow), "123456")
	rec.AppendMillis = 1700000000123
	return r, rec
}

func TestReadDoesNotAllocate(t *testing.T) {
	list := record(`{"name":"y","type":{"type":"array","items":"long"}}`, `{"name":"m","type":{"type":"map","values":["null","double","string"]}}`, decimal)
	s, e := streamOf(t, list)
	s.EventID.Field = s.Field("k")
	lists := newReader(t, s, e, list)
	listed := recordOf(encodeJSON(t, list, `{`+base+`,"y":[1,2,3],"m":{"a":1.5,"b":"c"},"x":"-5"}`), "a")
	all, rec := orders(t)
	some, _ := orders(t, "total")
	var ev Event
	for name, read := range map[string]func() (Verdict, error){
		"all fields": func() (Verdict, error) { return all.Read(rec, &ev) },
		"one field":  func() (Verdict, error) { return some.Read(rec, &ev) },
		"lists":      func() (Verdict, error) { return lists.Read(listed, &ev) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if v, err := read(); err != nil || !v.OK() {
				t.Fatal(v, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a record", name, n)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name   string
		needed []string
	}{{"all", nil}, {"projected", []string{"customer", "ordered_at", "total"}}} {
		b.Run(c.name, func(b *testing.B) {
			r, rec := orders(b, c.needed...)
			b.SetBytes(int64(len(rec.Value)))
			b.ReportAllocs()
			var ev Event
			for b.Loop() {
				if v, err := r.Read(rec, &ev); err != nil || !v.OK() {
					b.Fatal(v, err)
				}
			}
		})
	}
}

// BenchmarkDecode is decoding alone, without key, partition and times.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name   string
		needed []string
	}{{"all", nil}, {"projected", []string{"customer", "ordered_at", "total"}}} {
		b.Run(c.name, func(b *testing.B) {
			r, rec := orders(b, c.needed...)
			b.ReportAllocs()
			p := r.program(1)
			for b.Loop() {
				r.machine.body(p, rec.Value, FrameSize, r.slots)
			}
		})
	}
	_, rec := orders(b)
	b.Run("goavro", func(b *testing.B) {
		codec, err := goavro.NewCodec(order)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := codec.NativeFromBinary(rec.Value[FrameSize:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("twmb", func(b *testing.B) {
		type row struct {
			Customer  int64    `avro:"customer"`
			OrderedAt int64    `avro:"ordered_at"`
			Total     float64  `avro:"total"`
			Quantity  int32    `avro:"quantity"`
			Item      string   `avro:"item"`
			Status    string   `avro:"status"`
			Discount  *float64 `avro:"discount"`
			Gift      bool     `avro:"gift"`
			Note      *string  `avro:"note"`
			Session   string   `avro:"session"`
		}
		schema := avro.MustParse(order)
		b.ReportAllocs()
		for b.Loop() {
			var r row
			if _, err := schema.Decode(rec.Value[FrameSize:], &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPartition(b *testing.B) {
	for b.Loop() {
		Partition([]byte("123456789"), 8)
	}
}

func BenchmarkEncode(b *testing.B) {
	e, err := NewEncoder(order)
	if err != nil {
		b.Fatal(err)
	}
	fields := parseRow(b, orderRow)
	r, rec := orders(b)
	var ev Event
	if v, err := r.Read(rec, &ev); err != nil || !v.OK() {
		b.Fatal(v, err)
	}
	var buf []byte
	b.Run("values", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if buf, err = e.EncodeValues(buf[:0], fields); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("row", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if buf, err = e.AppendRow(buf[:0], ev.Fields); err != nil {
				b.Fatal(err)
			}
		}
	})
}
