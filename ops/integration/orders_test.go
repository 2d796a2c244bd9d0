//go:build integration

package integration

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const ordersDir = "ops/integration/testdata/orders"

// order is an event of testdata/orders. A nil customer is a null key.
type order struct {
	Customer  *int64  `json:"customer"`
	Total     float64 `json:"total"`
	Item      string  `json:"item"`
	OrderID   string  `json:"order_id"`
	OrderedAt int64   `json:"ordered_at"` // milliseconds
}

// avro writes the order by hand: this suite uses no encoder of the code it tests.
func (o order) avro() []byte {
	var b []byte
	if o.Customer == nil {
		b = binary.AppendVarint(b, 0)
	} else {
		b = binary.AppendVarint(binary.AppendVarint(b, 1), *o.Customer)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(o.Total))
	for _, s := range []string{o.Item, o.OrderID} {
		b = append(binary.AppendVarint(b, int64(len(s))), s...)
	}
	return binary.AppendVarint(b, o.OrderedAt)
}

// framed puts the Confluent header before a body.
func framed(id int64, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), body...)
}

func (o order) key() []byte { return fmt.Append(nil, *o.Customer) }

const orderPartitions = 4

// partitionOf is where Java's producer puts a key, by a client that is not ours.
func partitionOf(key []byte) int32 {
	return int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: key}, orderPartitions))
}

// client is a plain Kafka client that sends records where they say.
func (w *world) client(region string) *kgo.Client {
	w.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.kafka[region]), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

func (w *world) ordersTopic() string { return w.project + ".orders" }

// send appends raw records and returns their positions, as the commands print
// them.
func (w *world) send(c *kgo.Client, region string, records ...*kgo.Record) []string {
	w.t.Helper()
	var positions []string
	for _, r := range records {
		r.Topic = w.ordersTopic()
		if err := c.ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
		positions = append(positions, fmt.Sprintf("%s/orders/%d/%d", region, r.Partition, r.Offset))
	}
	return positions
}

// good is a record that nothing is wrong with.
func (o order) good(id int64) *kgo.Record {
	return &kgo.Record{Key: o.key(), Value: framed(id, o.avro()), Partition: partitionOf(o.key())}
}

// schemaID is the id of the stream's schema in a region's registry.
func (w *world) schemaID(region string) int64 {
	w.t.Helper()
	id, err := registerAt(w.registry[region], w.ordersTopic()+"-value", string(readFile(w.t, w.path("defs/order.avsc"))))
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// vector reads one user's features in a region once the position is folded there.
func (w *world) vector(region string, user int64, after ...string) object {
	w.t.Helper()
	var answer object
	eventually(w.t, fmt.Sprintf("features of user %d in %s", user, region), func() error {
		code, got, err := httpJSON("POST", w.http[region]+"/v1/features", object{
			"service": "checkout", "entities": []object{{"user_id": user}}, "after": after, "deadline": "10s",
		})
		if err != nil || code != 200 {
			return fmt.Errorf("%d %v %w", code, got, err)
		}
		answer = got
		return nil
	})
	values := object{}
	for i, name := range answer["features"].([]any) {
		values[name.(string)] = at(answer, "rows", 0, "values", i)
	}
	return values
}

// quarantined are the quarantined records by position.
func (w *world) quarantined(region string) map[string]object {
	w.t.Helper()
	doc := w.cli(region, "quarantine", "list").ok(w.t).json(w.t)
	all := map[string]object{}
	list, _ := doc["records"].([]any)
	for _, r := range list {
		all[at(r, "position").(string)] = r.(object)
	}
	return all
}

func newOrder(user int64, n int) order {
	return order{
		Customer: &user, Total: float64(n) + 0.25, Item: fmt.Sprintf("item %d", n%7),
		OrderID: fmt.Sprintf("%d/%d", user, n), OrderedAt: time.Now().Add(-time.Hour).UnixMilli() + int64(n)*1000,
	}
}
