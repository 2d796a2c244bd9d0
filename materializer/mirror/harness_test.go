package mirror_test

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/kafka/embedded"
	"anabranch.dev/anabranch/connectors/link"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/mirror"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/materializer/state/statetest"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

const shop = `
project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - {name: orders, entity: user, schema: order.avsc, event_timestamp: at, event_id: header:ce_id, partitions: 3}
  - {name: visits, entity: user, schema: order.avsc, event_timestamp: at, partitions: 2}
feature_views:
  - name: spending
    stream: orders
    features:
      - {name: n, kind: count}
      - {name: total_1h, kind: sum, of: total, scale: 2, window: 1h}
      - {name: last_item, kind: last, of: item}
      - {name: recent_items, kind: recent, of: item, k: 3}
      - {name: items_1h, kind: approx_distinct, of: item, window: 1h}
  - name: visiting
    stream: visits
    features: [{name: visits, kind: count}]
`

const orderSchema = `{"type":"record","name":"Order","fields":[
 {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"user_id","type":"long"},{"name":"total","type":"double"},{"name":"item","type":["null","string"]}]}`

func parse(t testing.TB, yaml string) *definition.Project {
	t.Helper()
	p, err := definition.Parse([]definition.File{{Name: "a.yaml", Data: []byte(yaml)}, {Name: "order.avsc", Data: []byte(orderSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestMain runs more tests at once than there are processors: they wait for
// one another's intervals more than they work.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
		panic("BUG: " + err.Error())
	}
	os.Exit(m.Run())
}

// world is some regions with embedded parts, each with a worker and a mirror to
// each of the others.
type world struct {
	t       *testing.T
	project *definition.Project
	version uint64 // of the definitions
	regions map[string]*region

	delay  time.Duration // of links
	budget int64         // of links, bytes per second
}

// region outlives its worker: broker, schema registry and disk stay.
type region struct {
	name   string
	broker *embedded.Broker
	kafka  *kafka.Client
	reg    *registry.Client
	schema int
	disk   *statetest.Disk

	store   *state.Store
	worker  *worker.Region
	mirrors map[string]*mirror.Mirror
	links   map[string]*link.Link
	stop    func()
}

func newWorld(t *testing.T, yaml string) *world {
	t.Helper()
	w := &world{t: t, project: parse(t, yaml), regions: map[string]*region{}, delay: 2 * time.Millisecond}
	for _, name := range w.project.Regions {
		w.regions[name] = w.open(name)
	}
	t.Cleanup(func() {
		for name := range w.regions {
			w.stop(name)
		}
	})
	return w
}

// run is a world in which everything runs and definitions are applied.
func run(t *testing.T, yaml string) *world {
	t.Helper()
	t.Parallel()
	w := newWorld(t, yaml)
	for name := range w.regions {
		w.start(name)
	}
	w.apply()
	w.ready()
	return w
}

func (w *world) open(name string) *region {
	t := w.t
	r := &region{name: name, disk: statetest.NewDisk(), stop: func() {}}
	var err error
	if r.broker, err = embedded.Open(embedded.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.broker.Close)
	schemas, err := registry.OpenServer(registry.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(schemas)
	t.Cleanup(server.Close)
	if r.kafka, err = kafka.Dial(kafka.Config{Brokers: []string{r.broker.Addr()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kafka.Close)
	if r.reg, err = registry.NewClient(registry.Config{URL: server.URL}); err != nil {
		t.Fatal(err)
	}
	if r.schema, err = r.reg.Register(t.Context(), definition.Subject("shop.orders"), orderSchema); err != nil {
		t.Fatal(err)
	}
	if name == w.project.Regions[0] {
		if err := worker.EnsureTopic(t.Context(), r.kafka, worker.RegistryTopic("shop")); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// apply appends the project to the leading region's registry log.
func (w *world) apply() {
	w.t.Helper()
	cmd := &catalogue.Command{ID: fmt.Sprint("apply-", w.version), Expected: w.version, Kind: catalogue.Apply, Project: w.project, Secret: make([]byte, 32)}
	b, err := cmd.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.version++
	w.append(w.project.Regions[0], kafka.Record{Topic: definition.RegistryTopic("shop"), Value: b})
}

// change applies other definitions.
func (w *world) change(yaml string) { w.project = parse(w.t, yaml); w.apply() }

func (w *world) append(region string, list ...kafka.Record) {
	w.t.Helper()
	if _, err := w.regions[region].kafka.Produce(w.t.Context(), list); err != nil {
		w.t.Fatal(err)
	}
}

// start runs a region's worker and its mirrors.
func (w *world) start(name string) {
	t, r := w.t, w.regions[name]
	var err error
	if r.store, err = r.disk.Open(state.Config{CacheBytes: 1 << 20, RowBytes: 1 << 16}); err != nil {
		t.Fatal(err)
	}
	if r.worker, err = worker.New(worker.Config{
		Region: name, Project: "shop", Kafka: r.kafka, Registry: r.reg, Store: r.store,
		FlushEvery: 10 * time.Millisecond, CloseEvery: 20 * time.Millisecond, RepairAfter: 200 * time.Millisecond,
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	tasks := make(chan error, 1+len(w.regions))
	running := 1
	go func() { tasks <- r.worker.Run(ctx) }()
	r.mirrors, r.links = map[string]*mirror.Mirror{}, map[string]*link.Link{}
	var close []func()
	for peer := range w.regions {
		if peer == name {
			continue
		}
		m, end := w.mirror(r, w.regions[peer])
		close = append(close, end)
		running++
		go func() { tasks <- m.Run(ctx) }()
	}
	r.stop = func() {
		cancel()
		for range running {
			if err := <-tasks; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, end := range close {
			end()
		}
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
		r.stop = func() {}
	}
}

func (w *world) mirror(r, peer *region) (m *mirror.Mirror, end func()) {
	l := link.New(link.Config{Name: r.name + "→" + peer.name, Delay: w.delay, StallTimeout: 500 * time.Millisecond})
	remote, err := kafka.Dial(kafka.Config{Brokers: []string{peer.broker.Addr()}, Dialer: l.DialContext, Compression: kafka.Compression{Codec: "zstd"}})
	if err != nil {
		w.t.Fatal(err)
	}
	m = mirror.New(mirror.Config{
		Region: r.worker, Name: r.name, Peer: peer.name, Remote: remote, Local: r.kafka, Link: l, Store: r.store,
		Interval: 10 * time.Millisecond, CloseEvery: 30 * time.Millisecond, BytesPerSecond: w.budget,
	})
	r.mirrors[peer.name], r.links[peer.name] = m, l
	return m, func() { remote.Close(); _ = l.Close() }
}

// stop ends a region's worker and mirrors in good order.
func (w *world) stop(name string) { w.regions[name].stop() }

// kill ends them as a crash of the machine would: of what was not synced to
// disk, keep percent of the blocks are there afterwards.
func (w *world) kill(name string, keep int) {
	r := w.regions[name]
	image := r.disk.Crash(keep, uint64(keep))
	r.stop()
	r.disk = image
}

// wipe loses a stopped region's disk.
func (w *world) wipe(name string) { w.regions[name].disk = statetest.NewDisk() }

func (w *world) restart(name string) { w.stop(name); w.start(name) }

var base = stamp.FromMillis(978307200000) // 2001-01-01

// order is the i-th event: user, total and item are functions of i.
func (w *world) order(r *region, i int) kafka.Record {
	item := value.Value{}
	if i%5 != 0 {
		item = value.Text(fmt.Sprint("item", i%7))
	}
	return w.record(r, "shop.orders", 3, i, value.Float(float64(i)/4), item)
}

func (w *world) visit(r *region, i int) kafka.Record {
	return w.record(r, "shop.visits", 2, i, value.Float(0), value.Value{})
}

func (w *world) record(r *region, topic string, partitions int32, i int, total, item value.Value) kafka.Record {
	enc, err := wire.NewEncoder(orderSchema)
	if err != nil {
		w.t.Fatal(err)
	}
	user := value.Int(int64(i % 17))
	body, err := enc.AppendRow(wire.AppendFrame(nil, int32(r.schema)), []value.Value{value.Time(base + stamp.Micros(i)*stamp.Minute), user, total, item})
	if err != nil {
		w.t.Fatal(err)
	}
	key := wire.AppendKey(nil, w.project.Entities[0].JoinKeys, []value.Value{user})
	return kafka.Record{
		Topic: topic, Partition: wire.Partition(key, partitions), Key: key, Value: body,
		Headers: []kafka.Header{{Key: "ce_id", Value: fmt.Appendf(nil, "o-%d", i)}},
	}
}

// produce sends the orders [from, to) to a region.
func (w *world) produce(name string, from, to int) {
	w.t.Helper()
	var list []kafka.Record
	for i := from; i < to; i++ {
		list = append(list, w.order(w.regions[name], i))
	}
	w.append(name, list...)
}

// eventually fails the test if ok does not come to hold. The deadline is for a
// machine that is busy with other things.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, r := range w.regions {
				w.t.Logf("%s: %+v", r.name, r.worker.Status())
				for _, m := range r.mirrors {
					w.t.Logf("%s: %+v", r.name, m.Status())
				}
			}
			w.t.Fatalf("never: %s", what)
		}
	}
}

// ready waits until every region serves the definitions that were applied last.
func (w *world) ready() {
	w.t.Helper()
	w.eventually("all ready", func() bool {
		for _, r := range w.regions {
			if r.worker.Live().Catalogue != w.version || r.worker.Ready() != nil {
				return false
			}
		}
		return true
	})
}

// converged waits until every region has folded all logs to their ends, and
// returns the digest that they all have.
func (w *world) converged(names ...string) string {
	w.t.Helper()
	if len(names) == 0 {
		names = w.project.Regions
	}
	digest := ""
	w.eventually("equal digests at the end of all logs", func() bool {
		for _, name := range names {
			if !w.settled(w.regions[name]) {
				return false
			}
		}
		digests := map[string]string{}
		for _, name := range names {
			r := w.regions[name]
			if r.worker.Ready() != nil || !w.atEnd(r) {
				return false
			}
			d, _, err := r.worker.Digest(w.t.Context())
			if err != nil {
				return false
			}
			digests[d] = name
			digest = d
		}
		if len(digests) > 1 {
			w.t.Fatalf("equal frontiers, other bytes: %v", digests)
		}
		return true
	})
	return digest
}

// settled reports whether no region finds copies any more that it must take
// back: all know the ids of all logs.
func (w *world) settled(r *region) bool {
	for _, l := range r.worker.Lanes() {
		if l.View.IDs() && !w.covers(r, l.View, false) {
			return false
		}
	}
	for _, ids := range r.worker.Status().IDs {
		if ids.Due > 0 {
			return false
		}
	}
	return true
}

// atEnd reports whether a region has folded everything that any log holds.
func (w *world) atEnd(r *region) bool {
	live := r.worker.Live()
	for _, v := range live.Views {
		if !w.covers(r, v, live.Project.SharesIDs(v.Prog.Stream)) {
			return false
		}
	}
	return len(live.Views) > 0
}

// covers reports whether a view has folded the logs of its stream, and of what
// was taken back.
func (w *world) covers(r *region, v *state.View, back bool) bool {
	for _, src := range r.worker.Live().Sources {
		for p, end := range w.ends(src.Origin, v.Prog.Stream, v.Prog.Stream.Topic) {
			if v.Shards[p].Mark(src).Next < end {
				return false
			}
		}
		if !back {
			continue
		}
		for p, end := range w.ends(src.Origin, v.Prog.Stream, definition.RetractionsTopic(v.Prog.Stream.Topic)) {
			if v.Shards[p].Mark(src.Retractions()).Next < end {
				return false
			}
		}
	}
	return true
}

func (w *world) ends(region string, s *definition.Stream, topic string) []int64 {
	tps := make([]kafka.TopicPartition, s.Partitions)
	for p := range tps {
		tps[p] = kafka.TopicPartition{Topic: topic, Partition: int32(p)}
	}
	ends, err := w.regions[region].kafka.EndOffsets(w.t.Context(), tps)
	if err != nil {
		w.t.Fatal(err)
	}
	list := make([]int64, len(tps))
	for p, tp := range tps {
		list[p] = ends[tp].Stable
	}
	return list
}

// events is how many events of all origins a region counts in a view's feature
// that is a plain count.
func (w *world) events(name, view string) int64 {
	v, total := w.regions[name].worker.Live().Views[view], int64(0)
	for user := range int64(17) {
		key := fmt.Append(nil, user)
		answers, _, err := v.Read([]state.Ask{{Key: key, Partition: wire.Partition(key, int32(len(v.Shards))), At: stamp.NoTime}}, []int{0}, base)
		if err != nil {
			w.t.Fatal(err)
		}
		total += answers[0].Results[0].Value.N
	}
	return total
}

// view is what a region's status says of a view.
func (w *world) view(name, view string) worker.ViewStatus {
	for _, v := range w.regions[name].worker.Status().Views {
		if v.View == view {
			return v
		}
	}
	return worker.ViewStatus{}
}

func says(list []string, word string) bool { return strings.Contains(strings.Join(list, "\n"), word) }
