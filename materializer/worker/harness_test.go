package worker

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/kafka/embedded"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

const saleSchema = `{"type":"record","name":"Sale","fields":[
 {"name":"user_id","type":"long"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
 {"name":"total","type":"double"},{"name":"pieces","type":"int"},{"name":"item","type":"string"},
 {"name":"shop","type":"string"},{"name":"country","type":"string"},{"name":"paid","type":"boolean"},
 {"name":"session","type":"long"},{"name":"note","type":["null","string"]}]}`

// sales has 8 features in one view: five lifetime scalars, a count and a sum
// over an hour in panes of five minutes, and the last item.
const sales = `
project: shop
regions: [{name: eu}]
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

var base = stamp.FromMillis(978307200000) // 2001-01-01

// stand is one region's parts, without anything running.
type stand struct {
	project *definition.Project
	kafka   *kafka.Client
	region  *Region
	schema  int
}

func newStand(t testing.TB, store *state.Store) *stand {
	t.Helper()
	p, err := definition.Parse([]definition.File{{Name: "a.yaml", Data: []byte(sales)}, {Name: "sale.avsc", Data: []byte(saleSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	broker, err := embedded.Open(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	schemas, err := registry.OpenServer(registry.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(schemas)
	t.Cleanup(server.Close)
	k, err := kafka.Dial(kafka.Config{Brokers: []string{broker.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	reg, err := registry.NewClient(registry.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	id, err := reg.Register(t.Context(), definition.Subject("shop.sales"), saleSchema)
	if err != nil {
		t.Fatal(err)
	}
	if err := EnsureTopics(t.Context(), k, p, "eu"); err != nil {
		t.Fatal(err)
	}
	s := &stand{project: p, kafka: k, schema: id}
	s.region = s.newRegion(t, store, reg)
	return s
}

func (s *stand) newRegion(t testing.TB, store *state.Store, reg *registry.Client) *Region {
	t.Helper()
	r, err := New(Config{Region: "eu", Project: "shop", Kafka: s.kafka, Registry: reg, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sale is an event of a user at a time; the rest are functions of i.
func (s *stand) sale(enc *wire.Encoder, i int, user int64, at stamp.Micros) kafka.Record {
	total, note := float64(i%100_000)/100, value.Value{}
	body, err := enc.AppendRow(wire.AppendFrame(make([]byte, 0, 96), int32(s.schema)), []value.Value{
		value.Int(user), value.Time(at), value.Float(total), value.Int(int64(i % 9)), value.Text("item-" + strconv.Itoa(i%5000)),
		value.Text("shop-of-" + strconv.Itoa(i%300)), value.Text("DE"), {Kind: value.Bool, N: int64(i % 2)}, value.Int(int64(i) << 30), note,
	})
	if err != nil {
		panic(err)
	}
	key := strconv.AppendInt(nil, user, 10)
	return kafka.Record{Topic: "shop.sales", Partition: wire.Partition(key, 2), Key: key, Value: body}
}

// sell appends n events of users drawn from Zipf(1.1) over a million.
func (s *stand) sell(t testing.TB, n int) (bytes int) {
	t.Helper()
	enc, err := wire.NewEncoder(saleSchema)
	if err != nil {
		t.Fatal(err)
	}
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1, 1_000_000)
	var list []kafka.Record
	for i := range n {
		rec := s.sale(enc, i, int64(zipf.Uint64()), base+stamp.Micros(i)*10*stamp.Millisecond)
		bytes += len(rec.Value)
		if list = append(list, rec); len(list) == 10_000 || i == n-1 {
			if _, err := s.kafka.Produce(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			list = list[:0]
		}
	}
	return bytes
}

// begin starts the pipeline of the one view on a store.
func (s *stand) begin(t testing.TB, store *state.Store) *pipeline {
	t.Helper()
	a, view, prog := s.adoption(t, store)
	p, err := s.region.begin(context.Background(), a, view.Name, prog)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// owner makes the owner of partition 0, of a pipeline that does not run.
func (s *stand) owner(t testing.TB) *owner {
	t.Helper()
	a, def, prog := s.adoption(t, memStore(t))
	view, err := s.region.cfg.Store.OpenView(def.Name, a.instances[def.Name], 1, "eu", prog)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.region.openPipeline(t.Context(), "k", view, s.project, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.reader.Close)
	return p.owners[0]
}

func (s *stand) adoption(t testing.TB, store *state.Store) (adoption, *definition.View, *fold.Program) {
	t.Helper()
	programs, err := fold.CompileAll(s.project)
	if err != nil {
		t.Fatal(err)
	}
	s.region.cfg.Store = store
	view := &s.project.Views[0]
	a := adoption{
		project: s.project, version: 1, versions: map[string]int{view.Name: 1},
		instances: map[string]string{view.Name: definition.ViewHash(s.project, view)}, keys: map[string]string{view.Name: "k"},
	}
	return a, view, programs[view.Name]
}

// folded waits until the pipeline has folded n records.
func folded(t testing.TB, p *pipeline, n int64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		total := int64(0)
		for _, o := range p.owners {
			total += o.shard.Mark(o.source).Next
		}
		if total >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d records folded", total, n)
		}
	}
}
