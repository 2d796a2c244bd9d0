package historytest

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/kafka/embedded"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/schemas/definition"
)

// Schema is the Avro schema of the stream: a field of every usable type, one of an unusable type, and one that a later
// writer adds.
const Schema = `{"type": "record", "name": "Order", "fields": [
  {"name": "order_id", "type": ["null", "string"], "default": null},
  {"name": "customer", "type": ["null", "long"], "default": null},
  {"name": "ordered_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
  {"name": "known_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
  {"name": "total", "type": ["null", "double"], "default": null},
  {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}},
  {"name": "item", "type": "string"},
  {"name": "raw", "type": "bytes"},
  {"name": "gift", "type": "boolean"},
  {"name": "day", "type": {"type": "int", "logicalType": "date"}},
  {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["open", "cancelled"]}},
  {"name": "tags", "type": {"type": "array", "items": "string"}},
  {"name": "extra", "type": {"type": "map", "values": "long"}, "default": {}},
  {"name": "__offset", "type": "int"}%s
]}`

const yaml = `project: shop
regions: [{name: eu}, {name: us}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
streams:
  - name: orders
    entity: user
    schema: order.avsc
    key: {user_id: customer}
    event_timestamp: ordered_at
    created_timestamp: append
    event_id: order_id
    partitions: 3
feature_views:
  - name: spending
    stream: orders
    features:
      - {name: orders, kind: count}
`

// Project is the project shop with the stream orders. more are further fields of its schema, each beginning with a comma.
func Project(t testing.TB, more string) *definition.Project {
	t.Helper()
	return parse(t, yaml, more)
}

// Imported is Project with events that say themselves when they were known.
func Imported(t testing.TB) *definition.Project {
	t.Helper()
	return parse(t, strings.Replace(yaml, "created_timestamp: append", "created_timestamp: known_at", 1), "")
}

func parse(t testing.TB, yaml, more string) *definition.Project {
	t.Helper()
	p, err := definition.Parse([]definition.File{
		{Name: "shop.yaml", Data: []byte(yaml)}, {Name: "order.avsc", Data: []byte(schema(more))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Region is a broker and a schema registry, and what was sent to them.
type Region struct {
	Name     string
	Kafka    *kafka.Client
	Registry *registry.Client
	Broker   *embedded.Broker
	stream   *definition.Stream
	clock    atomic.Int64 // the broker's, microseconds since the epoch
	ids      []int        // of the writers' schemas
	writers  []writer
	sent     []sent
	log      []kafka.Record // as last read back
}

// Soon is a context that ends a test that hangs.
func Soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Start starts a region of a project, with the topic of its stream.
func Start(t testing.TB, p *definition.Project, name string) *Region {
	t.Helper()
	r := &Region{Name: name, stream: p.Stream("orders")}
	r.clock.Store(time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC).UnixMicro())
	var err error
	if r.Broker, err = embedded.Open(embedded.Config{Now: func() time.Time { return time.UnixMicro(r.clock.Load()) }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Broker.Close)
	if r.Kafka, err = kafka.Dial(kafka.Config{Brokers: []string{r.Broker.Addr()}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kafka.Close)
	server, err := registry.OpenServer(registry.ServerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	if r.Registry, err = registry.NewClient(registry.Config{URL: web.URL}); err != nil {
		t.Fatal(err)
	}
	if err := r.Kafka.CreateTopic(Soon(t), kafka.NewTopic{Name: r.stream.Topic, Partitions: r.stream.Partitions}); err != nil {
		t.Fatal(err)
	}
	r.Writer(t, "")
	r.Writer(t, `, {"name": "note", "type": "string", "default": ""}`)
	return r
}

// Recreate deletes the stream's topic and creates it anew, empty.
func (r *Region) Recreate(t testing.TB) {
	t.Helper()
	if err := r.Kafka.DeleteTopic(Soon(t), r.stream.Topic); err != nil {
		t.Fatal(err)
	}
	if err := r.Kafka.CreateTopic(Soon(t), kafka.NewTopic{Name: r.stream.Topic, Partitions: r.stream.Partitions}); err != nil {
		t.Fatal(err)
	}
	r.sent = nil
}

// Trim deletes the log of a partition below an offset.
func (r *Region) Trim(t testing.TB, partition int32, below int64) {
	t.Helper()
	at := kafka.TopicPartition{Topic: r.stream.Topic, Partition: partition}
	if err := r.Kafka.DeleteRecords(Soon(t), map[kafka.TopicPartition]int64{at: below}); err != nil {
		t.Fatal(err)
	}
}
