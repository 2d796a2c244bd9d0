//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestForeignProducers has librdkafka with its own Avro serializer, and kcat,
// write to a stream: all that they need is the partitioner. What they wrote
// reads the same in every region, and as the oracle says.
func TestForeignProducers(t *testing.T) {
	onBoth(t, ordersDir, func(t *testing.T, w *world) {
		var orders []order
		for n := range 300 {
			orders = append(orders, newOrder(int64(n%23), n))
		}
		w.produceAvro(west, "python.jsonl", "murmur2_random", orders[:200])
		w.produceAvro(east, "python-east.jsonl", "murmur2_random", orders[200:])
		w.kcat(west, newOrder(7, 300))
		w.kcat(east, newOrder(8, 301))
		for _, region := range []string{west, east} {
			eventually(t, "all events in "+region, func() error { return w.sees(region, 302) })
		}
		w.converge()
		if got := w.quarantined(west); len(got) != 0 {
			t.Errorf("quarantined: %v", got)
		}
		w.checkOrders(t, 23)
	})
}

// TestDefaultPartitionerIsSaidToBeWrong forgets the partitioner: what lands
// elsewhere is set aside, and the user is told which setting to change.
func TestDefaultPartitionerIsSaidToBeWrong(t *testing.T) {
	onBoth(t, ordersDir, func(t *testing.T, w *world) {
		var orders []order
		for n := range 40 {
			orders = append(orders, newOrder(int64(n), 0))
		}
		w.produceAvro(west, "wrong.jsonl", "consistent_random", orders)
		eventually(t, "every event counted or set aside", func() error {
			if n := len(w.quarantined(west)); n == 0 || number(at(w.status(west), "streams", 0, "accepted")) != int64(len(orders)-n) {
				return fmt.Errorf("%d quarantined, %v accepted", n, at(w.status(west), "streams", 0, "accepted"))
			}
			return nil
		})
		for p, q := range w.quarantined(west) {
			if detail, _ := q["detail"].(string); q["reason"] != "misrouted" || !strings.Contains(detail, "murmur2_random") {
				t.Errorf("%s: %v", p, q)
			}
		}
	})
}

// produceAvro sends orders with confluent-kafka's AvroSerializer.
func (w *world) produceAvro(region, file, partitioner string, orders []order) {
	w.t.Helper()
	writeLines(w.t, w.path(file), orders)
	doc := python(w.t, w.dir, "foreign.py", "produce", w.kafka[region], w.registry[region], w.ordersTopic(),
		w.path("defs/order.avsc"), "customer", file, partitioner).ok(w.t).json(w.t)
	if number(doc["produced"]) != int64(len(orders)) {
		w.t.Fatalf("produced %v of %d", doc, len(orders))
	}
}

// kcat sends one order out of a file with its Avro body.
func (w *world) kcat(region string, o order) {
	w.t.Helper()
	event, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	python(w.t, w.dir, "foreign.py", "body", w.registry[region], w.ordersTopic(), w.path("defs/order.avsc"), string(event), "body").ok(w.t)
	cmd := exec.Command("kcat", "-P", "-b", w.kafka[region], "-t", w.ordersTopic(), "-k", string(o.key()),
		"-X", "topic.partitioner=murmur2_random", filepath.Join(w.dir, "body"))
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("kcat: %v\n%s", err, out)
	}
}

// sees says what is missing until a region's view has all events of all regions.
func (w *world) sees(region string, want int64) error {
	total, users := int64(0), []object{}
	for user := range 30 {
		users = append(users, object{"user_id": user})
	}
	code, got, err := httpJSON("POST", w.http[region]+"/v1/features", object{"features": []string{"spending:orders"}, "entities": users})
	if err != nil || code != 200 {
		return fmt.Errorf("%d %v %w", code, got, err)
	}
	for i := range users {
		if n, ok := at(got, "rows", i, "values", 0).(json.Number); ok {
			total += number(n)
		}
	}
	if total != want {
		return fmt.Errorf("%d of %d events", total, want)
	}
	return nil
}

// checkOrders compares the vectors of users 0 to n in both regions with the
// oracle's.
func (w *world) checkOrders(t *testing.T, n int64) {
	t.Helper()
	log := dump(t, w.dir, "orders", w.ordersTopic(), w.path("defs/order.avsc"), w.kafka)
	when := time.Now().Add(24 * time.Hour).Truncate(time.Microsecond)
	rows, entities := []object{}, []object{}
	for user := range n {
		rows = append(rows, object{"user_id": user, "event_timestamp": when.UnixMicro()})
		entities = append(entities, object{"user_id": user})
	}
	want := judge(t, w.dir, w.path("defs"), log, rows, "off")
	var d differences
	for _, region := range []string{west, east} {
		code, got, err := httpJSON("POST", w.http[region]+"/v1/features", object{"service": "checkout", "entities": entities, "at": when.UTC().Format(time.RFC3339Nano)})
		if err != nil || code != 200 {
			t.Fatalf("%s: %d %v %v", region, code, got, err)
		}
		for i, row := range rows {
			for j, name := range got["features"].([]any) {
				view, feature, _ := strings.Cut(name.(string), ":")
				d.compare(fmt.Sprintf("%s user %d %s", region, row["user_id"], feature), at(got, "rows", i, "values", j), want[i][view].Values[feature])
			}
		}
	}
	d.check(t, "vectors", int(n)*5*2)
}
