package state

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// busyYAML has ten features, four of them over a day in panes of an hour.
const busyYAML = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: orders, entity: user, schema: order.avsc, event_timestamp: at, partitions: 1}
feature_views:
  - name: busy
    stream: orders
    features:
      - {name: n, kind: count}
      - {name: total, kind: sum, of: total, scale: 2}
      - {name: mean, kind: mean, of: total, scale: 2}
      - {name: most, kind: max, of: total}
      - {name: last_item, kind: last, of: item}
      - {name: items, kind: recent, of: item, k: 3}
      - {name: n_24h, kind: count, window: 24h, pane: 1h}
      - {name: total_24h, kind: sum, of: total, scale: 2, window: 24h, pane: 1h}
      - {name: most_24h, kind: max, of: total, window: 24h, pane: 1h}
      - {name: mean_24h, kind: mean, of: total, scale: 2, window: 24h, pane: 1h}
`

func busy(b *testing.B) *View {
	p, err := definition.Parse([]definition.File{{Name: "shop.yaml", Data: []byte(busyYAML)}, {Name: "order.avsc", Data: []byte(orderSchema)}})
	if err != nil {
		b.Fatal(err)
	}
	prog, err := fold.Compile(p, &p.Views[0])
	if err != nil {
		b.Fatal(err)
	}
	store, err := Open(Config{Dir: filepath.Join(b.TempDir(), "state")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	return openView(b, store, prog)
}

// BenchmarkRead10 reads ten features of one key that has 25 full panes of each
// of two regions; BenchmarkMapAccess is the limit beside it.
func BenchmarkRead10(b *testing.B) {
	v, log := busy(b), []event{}
	for i := range 26 * 6 {
		log = append(log, event{user: 7, at: i * 600, total: i, app: int64(i)})
	}
	feed(b, v.Shards[0], eu, log, 0, len(log))
	feed(b, v.Shards[0], us, log, 0, len(log))
	asks, which := []Ask{{Key: []byte("7"), At: stamp.NoTime}}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	b.ReportAllocs()
	for b.Loop() {
		if a, _, err := v.Read(asks, which, noon); err != nil || a[0].Results[9].Status != fold.Present {
			b.Fatal(a, err)
		}
	}
}

func BenchmarkMapAccess(b *testing.B) {
	m, key := map[string]*entry{}, []byte("7")
	for i := range 1_000_000 {
		m[fmt.Sprint(i)] = &entry{}
	}
	for b.Loop() {
		if m[string(key)] == nil {
			b.Fatal("not there")
		}
	}
}

// zipf is a log whose users are drawn from Zipf(1.1) over 100,000.
func zipf(n int) []event {
	log, z := make([]event, n), rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1, 100_000)
	for i := range log {
		log[i] = event{user: int(z.Uint64()), at: i / 100, total: i % 4000, app: int64(i)}
	}
	return log
}

// BenchmarkFlush writes 10,000 changed rows of ten features.
func BenchmarkFlush(b *testing.B) {
	v, log := busy(b), make([]event, 10_000)
	s := v.Shards[0]
	for i := range log {
		log[i] = event{user: i, total: i, app: int64(i)}
	}
	feed(b, s, eu, log, 0, len(log))
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range s.rows {
			s.touch(e)
		}
		if err := s.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(log)), "ns/row")
}

// raw is the events as Avro, one after the other: what a copy of the log sends.
func raw(b *testing.B, log []event) (out []byte) {
	enc, err := wire.NewEncoder(orderSchema)
	if err != nil {
		b.Fatal(err)
	}
	for i, e := range log {
		row := []value.Value{
			value.Int(int64(e.user)), value.Time(noon + stamp.Micros(e.at)*stamp.Second), value.Float(float64(e.total) / 4),
			value.Text(fmt.Sprint("item", e.total%7)), value.Text(fmt.Sprint(i)),
		}
		if out, err = enc.AppendRow(wire.AppendFrame(out, 1), row); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

func zstdSize(b *testing.B, data []byte) float64 {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer enc.Close()
	return float64(len(enc.EncodeAll(data, nil)))
}

// BenchmarkRoundEncode cuts a round of all that 100,000 events changed. Beside
// its size stands that of the same events, both with zstd.
func BenchmarkRoundEncode(b *testing.B) {
	v, log := busy(b), zipf(100_000)
	s := v.Shards[0]
	feed(b, s, eu, log, 0, len(log))
	if err := s.Link("us", eu, position.Mark{}); err != nil {
		b.Fatal(err)
	}
	var all []byte
	b.ReportAllocs()
	for b.Loop() {
		all = all[:0]
		_, pieces, err := s.Round("us", round.Header{View: "busy", Instance: instance, Source: eu}, 256<<10)
		if err != nil || len(pieces) == 0 {
			b.Fatal(err)
		}
		for _, p := range pieces {
			all = append(all, p...)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.links["us"].sent)), "ns/key")
	b.ReportMetric(zstdSize(b, all)/float64(len(log)), "zstd-B/event")
	b.ReportMetric(zstdSize(b, raw(b, log))/float64(len(log)), "raw-zstd-B/event")
}
