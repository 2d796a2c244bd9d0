//go:build integration

package integration

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// bad is one record that must be set aside, and why.
type bad struct {
	reason string
	detail string // part of what the user is told
	record func(w *world, id int64) *kgo.Record
}

// changed makes a record of an order after a change, keyed as before it.
func changed(user int64, change func(*order)) func(*world, int64) *kgo.Record {
	return func(_ *world, id int64) *kgo.Record {
		o := newOrder(user, 0)
		key := o.key()
		change(&o)
		return &kgo.Record{Key: key, Value: framed(id, o.avro()), Partition: partitionOf(key)}
	}
}

// rewritten makes a record whose value was damaged.
func rewritten(user int64, damage func(value []byte) []byte) func(*world, int64) *kgo.Record {
	return func(_ *world, id int64) *kgo.Record {
		r := newOrder(user, 0).good(id)
		r.Value = damage(r.Value)
		return r
	}
}

var badRecords = []bad{
	{"undecodable", "", rewritten(101, func(v []byte) []byte { return v[:len(v)-3] })},
	{"undecodable", "", rewritten(102, func(v []byte) []byte { return append(v, 0) })},
	{"undecodable", "", rewritten(103, func(v []byte) []byte { return append([]byte{1}, v[1:]...) })},
	{"undecodable", "", rewritten(104, func([]byte) []byte { return []byte("{}") })},
	{"undecodable", "", changed(105, func(o *order) { o.Item = "\xff\xfe" })},
	{"incompatible schema", "", func(w *world, _ int64) *kgo.Record {
		o := newOrder(106, 0)
		return &kgo.Record{Key: o.key(), Value: framed(w.foreignSchema(), []byte{2}), Partition: partitionOf(o.key())}
	}},
	{"null key field", "customer", changed(107, func(o *order) { o.Customer = nil })},
	{"misrouted", "murmur2_random", func(_ *world, id int64) *kgo.Record {
		r := newOrder(108, 0).good(id)
		r.Partition = (r.Partition + 1) % orderPartitions
		return r
	}},
	{"future", "max_future", changed(109, func(o *order) { o.OrderedAt = time.Now().Add(time.Hour).UnixMilli() })},
	{"not finite", "total", changed(110, func(o *order) { o.Total = math.NaN() })},
	{"not finite", "total", changed(111, func(o *order) { o.Total = math.Inf(-1) })},
	{"over bound", "total", changed(112, func(o *order) { o.Total = 1e30 })},
	{"tombstone", "", func(*world, int64) *kgo.Record {
		o := newOrder(113, 0)
		return &kgo.Record{Key: o.key(), Partition: partitionOf(o.key())}
	}},
}

// foreignSchema is the id of a schema that cannot be read as the stream's.
func (w *world) foreignSchema() int64 {
	w.t.Helper()
	id, err := registerAt(w.registry[west], w.project+"-other-value", `{"type": "record", "name": "Other", "fields": [{"name": "n", "type": "int"}]}`)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// TestBadRecordsAreSetAside sends one record of every bad sort between good
// ones: each is quarantined with its reason, and nothing waits for it.
func TestBadRecordsAreSetAside(t *testing.T) {
	onBoth(t, ordersDir, func(t *testing.T, w *world) {
		c, id := w.client(west), w.schemaID(west)
		want := map[string]bad{}
		for i, b := range badRecords {
			w.send(c, west, newOrder(7, 2*i).good(id))
			want[w.send(c, west, b.record(w, id))[0]] = b
		}
		last := w.send(c, west, newOrder(7, 1000).good(id))
		for _, region := range []string{west, east} {
			if n := number(w.vector(region, 7, last...)["spending:orders"]); n != int64(len(badRecords)+1) {
				t.Errorf("%s counts %d orders of user 7, want %d", region, n, len(badRecords)+1)
			}
			for user := int64(101); user <= 113; user++ {
				if v := w.vector(region, user)["spending:orders"]; v != nil {
					t.Errorf("%s has %v orders of user %d, who only sent bad ones", region, v, user)
				}
			}
		}
		w.checkQuarantine(t, want)
		w.checkMetrics(t, west)
	})
}

func (w *world) checkQuarantine(t *testing.T, want map[string]bad) {
	t.Helper()
	var got map[string]object
	eventually(t, "the quarantine", func() error {
		if got = w.quarantined(west); len(got) < len(want) {
			return fmt.Errorf("%d of %d records are there", len(got), len(want))
		}
		return nil
	})
	for p, b := range want {
		detail, _ := got[p]["detail"].(string)
		if got[p]["reason"] != b.reason || detail == "" || !strings.Contains(detail, b.detail) {
			t.Errorf("%s: %v, want %s with %q", p, got[p], b.reason, b.detail)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d records in quarantine, want %d", len(got), len(want))
	}
	for _, p := range sortedKeys(want)[:1] {
		if doc := w.cli(west, "quarantine", "show", p).ok(t).json(t); doc["reason"] != want[p].reason {
			t.Errorf("show %s: %v", p, doc)
		}
	}
}

// TestUnknownSchemaBlocksUntilItIsRegistered sends a record whose schema id no
// registry knows yet: its partition waits and says so, the others go on, and the
// answer of the registry is all it takes.
func TestUnknownSchemaBlocksUntilItIsRegistered(t *testing.T) {
	onBoth(t, ordersDir, func(t *testing.T, w *world) {
		c, id := w.client(west), w.schemaID(west)
		w.vector(west, 7, w.send(c, west, newOrder(7, 0).good(id))...)
		unknown := id + 20
		held := newOrder(7, 1).good(id)
		held.Value = framed(unknown, append(newOrder(7, 1).avro(), 2, 'x')) // the next version has one more field
		w.send(c, west, held)
		last := w.send(c, west, newOrder(7, 2).good(id))

		eventually(t, "the status of the blocked partition", func() error {
			text := fmt.Sprint(at(w.status(west), "views", 0, "blocked"))
			if !strings.Contains(text, fmt.Sprint("schema id ", unknown)) || !strings.Contains(text, "register") {
				return fmt.Errorf("blocked: %s", text)
			}
			return nil
		})
		other := int64(8)
		for partitionOf(newOrder(other, 0).key()) == held.Partition {
			other++
		}
		if n := number(w.vector(west, other, w.send(c, west, newOrder(other, 0).good(id))...)["spending:orders"]); n != 1 {
			t.Errorf("the other partitions stand still: user %d has %d orders", other, n)
		}
		if n := number(w.vector(west, 7)["spending:orders"]); n != 1 {
			t.Errorf("user 7 has %d orders while the partition is blocked, want 1", n)
		}
		if got := w.quarantined(west); len(got) != 0 {
			t.Errorf("quarantined: %v", got)
		}
		w.registerAs(unknown)
		if n := number(w.vector(east, 7, last...)["spending:orders"]); n != 3 {
			t.Errorf("user 7 has %d orders in the end, want 3", n)
		}
	})
}

// registerAs registers the next version of the schema so that it has an id, by
// using up those before it.
func (w *world) registerAs(id int64) {
	w.t.Helper()
	schema := string(readFile(w.t, w.path("defs/order.avsc")))
	end := strings.LastIndex(schema, "]")
	next := schema[:end] + `,{"name": "note", "type": "string", "default": ""}` + schema[end:]
	for n := 0; ; n++ {
		filler := fmt.Sprintf(`{"type": "record", "name": "Filler%d", "fields": [{"name": "%s", "type": "int"}]}`, n, w.project)
		got, err := registerAt(w.registry[west], fmt.Sprintf("%s-filler-%d-value", w.project, n), filler)
		if err != nil || got >= id {
			w.t.Fatalf("filler %d got id %d, want below %d: %v", n, got, id, err)
		}
		if got == id-1 {
			break
		}
	}
	got, err := registerAt(w.registry[west], w.ordersTopic()+"-value", next)
	if err != nil || got != id {
		w.t.Fatalf("the next version got id %d, want %d: %v", got, id, err)
	}
}
