package mirror_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/kafka/embedded"
	"anabranch.dev/anabranch/connectors/link"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/mirror"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

const yaml = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - name: orders
    entity: user
    schema: order.avsc
    event_timestamp: at
    event_id: header:ce_id
    partitions: 3
feature_views:
  - name: spending
    stream: orders
    features:
      - {name: n, kind: count}
      - {name: total_1h, kind: sum, of: total, scale: 2, window: 1h}
      - {name: last_item, kind: last, of: item}
      - {name: recent_items, kind: recent, of: item, k: 3}
      - {name: items_1h, kind: approx_distinct, of: item, window: 1h}
`

const avsc = `{"type":"record","name":"Order","fields":[
 {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"user_id","type":"long"},{"name":"total","type":"double"},{"name":"item","type":["null","string"]}]}`

// world is two regions with embedded parts, a worker and a mirror each.
type world struct {
	t       *testing.T
	project *definition.Project
	regions map[string]*region
}

type region struct {
	name   string
	dir    string
	broker *embedded.Broker
	schema *httptest.Server
	kafka  *kafka.Client
	reg    *registry.Client
	id     int
	store  *state.Store
	worker *worker.Region
	mirror *mirror.Mirror
	link   *link.Link
	remote *kafka.Client
	cancel context.CancelFunc
	ended  chan struct{}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	p, err := definition.Parse([]definition.File{{Name: "a.yaml", Data: []byte(yaml)}, {Name: "order.avsc", Data: []byte(avsc)}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, project: p, regions: map[string]*region{}}
	for _, name := range p.Regions {
		w.regions[name] = w.open(name)
	}
	return w
}

func (w *world) open(name string) *region {
	t := w.t
	r := &region{name: name, dir: t.TempDir()}
	var err error
	if r.broker, err = embedded.Open(embedded.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.broker.Close)
	schemas, err := registry.OpenServer(registry.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	r.schema = httptest.NewServer(schemas)
	t.Cleanup(r.schema.Close)
	if r.kafka, err = kafka.Dial(kafka.Config{Brokers: []string{r.broker.Addr()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kafka.Close)
	if r.reg, err = registry.NewClient(registry.Config{URL: r.schema.URL}); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := worker.EnsureTopics(ctx, r.kafka, w.project, name); err != nil {
		t.Fatal(err)
	}
	if r.id, err = r.reg.Register(ctx, definition.Subject("shop.orders"), w.project.Streams[0].Schema); err != nil {
		t.Fatal(err)
	}
	return r
}

// apply appends the project to the leading region's registry log.
func (w *world) apply() {
	cmd := &catalogue.Command{ID: "first", Kind: catalogue.Apply, Project: w.project, Secret: make([]byte, 32)}
	b, err := cmd.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.regions["eu"].kafka.Produce(w.t.Context(), []kafka.Record{{Topic: definition.RegistryTopic("shop"), Value: b}}); err != nil {
		w.t.Fatal(err)
	}
}

// start runs a region's worker and its mirror to the other region.
func (w *world) start(name string) {
	t := w.t
	r := w.regions[name]
	other := w.regions[map[string]string{"eu": "us", "us": "eu"}[name]]
	var err error
	if r.store, err = state.Open(state.Config{Dir: filepath.Join(r.dir, "state"), RowBytes: 1 << 16}); err != nil {
		t.Fatal(err)
	}
	if r.worker, err = worker.New(worker.Config{Region: name, Project: "shop", Kafka: r.kafka, Registry: r.reg, Store: r.store, FlushEvery: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	r.link = link.New(link.Config{Name: name, Delay: 5 * time.Millisecond})
	if r.remote, err = kafka.Dial(kafka.Config{Brokers: []string{other.broker.Addr()}, Dialer: r.link.DialContext, Compression: kafka.Compression{Codec: "zstd"}}); err != nil {
		t.Fatal(err)
	}
	r.mirror = mirror.New(mirror.Config{
		Region: r.worker, Name: name, Peer: other.name, Remote: r.remote, Local: r.kafka, Link: r.link, Store: r.store,
		Interval: 20 * time.Millisecond, CloseEvery: 50 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.ended = cancel, make(chan struct{})
	go func() {
		defer close(r.ended)
		done := make(chan struct{})
		go func() { defer close(done); _ = r.mirror.Run(ctx) }()
		if err := r.worker.Run(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("worker %s: %v", name, err)
		}
		<-done
	}()
}

// stop ends a region's worker and mirror.
func (w *world) stop(name string) {
	r := w.regions[name]
	r.cancel()
	<-r.ended
	r.remote.Close()
	_ = r.link.Close()
	if err := r.store.Close(); err != nil {
		w.t.Error(err)
	}
}

var base = stamp.FromMillis(978307200000) // 2001-01-01

// order is the i-th event: user, total and item are functions of i.
func (w *world) order(r *region, i int) kafka.Record {
	enc, err := wire.NewEncoder(w.project.Streams[0].Schema)
	if err != nil {
		w.t.Fatal(err)
	}
	user := int64(i % 17)
	item := value.Value{}
	if i%5 != 0 {
		item = value.Text(fmt.Sprint("item", i%7))
	}
	body, err := enc.AppendRow(wire.AppendFrame(nil, int32(r.id)), []value.Value{
		value.Time(base + stamp.Micros(i)*stamp.Minute), value.Int(user), value.Float(float64(i) / 4), item,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	key := wire.AppendKey(nil, w.project.Entities[0].JoinKeys, []value.Value{value.Int(user)})
	return kafka.Record{
		Topic: "shop.orders", Partition: wire.Partition(key, 3), Key: key, Value: body,
		Headers: []kafka.Header{{Key: "ce_id", Value: fmt.Appendf(nil, "o-%d", i)}},
	}
}

func (w *world) produce(name string, from, to int) {
	r := w.regions[name]
	var list []kafka.Record
	for i := from; i < to; i++ {
		list = append(list, w.order(r, i))
	}
	if _, err := r.kafka.Produce(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			for _, r := range w.regions {
				w.t.Logf("%s: %+v %+v", r.name, r.worker.Status(), r.mirror.Status())
			}
			w.t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// converged waits until both regions have folded the same number of events.
func (w *world) converged() {
	w.eventually("equal digests at the end of all logs", func() bool {
		var digests []string
		for _, r := range w.regions {
			v := r.worker.Live().Views["spending"]
			if v == nil || r.worker.Ready() != nil {
				return false
			}
			for _, src := range r.worker.Live().Sources {
				end := w.ends(src.Origin)
				for p, s := range v.Shards {
					if s.Mark(src).Next < end[p] {
						return false
					}
				}
			}
			d, n, err := r.worker.Digest(w.t.Context())
			if err != nil || n == 0 {
				return false
			}
			digests = append(digests, d)
		}
		if digests[0] != digests[1] {
			w.t.Fatalf("equal frontiers, other bytes: %v", digests)
		}
		return true
	})
}

func (w *world) ends(name string) []int64 {
	tps := []kafka.TopicPartition{{Topic: "shop.orders", Partition: 0}, {Topic: "shop.orders", Partition: 1}, {Topic: "shop.orders", Partition: 2}}
	ends, err := w.regions[name].kafka.EndOffsets(w.t.Context(), tps)
	if err != nil {
		w.t.Fatal(err)
	}
	list := make([]int64, 3)
	for i, tp := range tps {
		list[i] = ends[tp].Stable
	}
	return list
}

func TestTwoRegionsConverge(t *testing.T) {
	w := newWorld(t)
	w.start("eu")
	w.start("us")
	w.apply()
	w.eventually("both ready", func() bool {
		return w.regions["eu"].worker.Ready() == nil && w.regions["us"].worker.Ready() == nil
	})
	w.produce("eu", 0, 300)
	w.produce("us", 150, 500)
	w.converged()
	w.stop("us")
	w.produce("eu", 500, 700)
	w.produce("us", 600, 800)
	w.start("us")
	w.converged()
	w.stop("eu")
	w.stop("us")
}
