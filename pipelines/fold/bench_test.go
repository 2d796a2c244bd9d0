package fold_test

import (
	"math/rand/v2"
	"testing"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// BenchmarkStep prepares and steps events of 8 features (five lifetime scalars,
// a count and a sum over an hour in panes of five minutes, the last item) into
// the rows of 10,000 keys, drawn from Zipf(1.1), that are at hand.
func BenchmarkStep(b *testing.B) {
	const yaml = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: sales, entity: user, schema: sale.avsc, event_timestamp: at, partitions: 2}
feature_views:
  - name: selling
    stream: sales
    features:
      - {name: n, kind: count}
      - {name: total, kind: sum, of: total, scale: 2}
      - {name: mean, kind: mean, of: total, scale: 2}
      - {name: least, kind: min, of: total}
      - {name: most, kind: max, of: total}
      - {name: n_1h, kind: count, window: 1h, pane: 5m}
      - {name: total_1h, kind: sum, of: total, scale: 2, window: 1h, pane: 5m}
      - {name: last_item, kind: last, of: item}
`
	const schema = `{"type":"record","name":"Sale","fields":[{"name":"user_id","type":"long"},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"total","type":"double"},{"name":"item","type":"string"}]}`
	p, err := definition.Parse([]definition.File{{Name: "a.yaml", Data: []byte(yaml)}, {Name: "sale.avsc", Data: []byte(schema)}})
	if err != nil {
		b.Fatal(err)
	}
	prog, err := fold.Compile(p, &p.Views[0])
	if err != nil {
		b.Fatal(err)
	}
	fields := map[string]int{}
	for i, f := range p.Streams[0].Fields {
		fields[f.Name] = i
	}
	const keys = 10_000
	m, rows := prog.New(), make([]fold.Row, keys)
	draw := rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1, keys-1)
	users := make([]uint64, 1<<16)
	for i := range users {
		users[i] = draw.Uint64()
	}
	total := fields["total"]
	src := position.Source{Origin: "eu", Incarnation: 1}
	ev := wire.Event{Fields: make([]value.Value, len(p.Streams[0].Fields))}
	ev.Fields[fields["item"]] = value.Text("item-17")
	st, n := stamp.Stamp(0), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		ev.Time, ev.Offset = stamp.Micros(n)*10*stamp.Millisecond, n
		ev.Fields[total] = value.Float(float64(n%100_000) / 100)
		st = stamp.Next(st, n/100)
		if v := m.Prepare(&ev); !v.OK() {
			b.Fatal(v)
		}
		m.Step(&rows[users[n&(1<<16-1)]], src, &ev, st)
		n++
	}
}
