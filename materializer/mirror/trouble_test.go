package mirror_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

var (
	eu = position.Source{Origin: "eu", Incarnation: 1}
	us = position.Source{Origin: "us", Incarnation: 1}
)

// quarantined reads a region's quarantine of the orders: reason by position.
func (w *world) quarantined(name string) map[string]string {
	w.t.Helper()
	r, topic := w.regions[name], definition.QuarantineTopic("shop.orders")
	found := map[string]string{}
	for p := range int32(3) {
		tp := kafka.TopicPartition{Topic: topic, Partition: p}
		ends, err := r.kafka.EndOffsets(w.t.Context(), []kafka.TopicPartition{tp})
		if err != nil {
			w.t.Fatal(err)
		}
		reader, err := r.kafka.NewReader(kafka.ReaderConfig{}, kafka.Assignment{Topic: topic, Partition: p})
		if err != nil {
			w.t.Fatal(err)
		}
		for next := int64(0); next < ends[tp].High; {
			batch, err := reader.Poll(w.t.Context(), 0)
			if err != nil {
				w.t.Fatal(err)
			}
			for i := range batch.Partitions {
				for rec := range batch.Partitions[i].All() {
					at, _ := rec.Header(worker.HeaderPosition)
					reason, _ := rec.Header(worker.HeaderReason)
					if found[string(at)] != "" {
						w.t.Errorf("%s is quarantined twice", at)
					}
					found[string(at)] = string(reason)
				}
				next = batch.Partitions[i].Next
			}
		}
		reader.Close()
	}
	return found
}

func TestEverySortOfBadRecordIsQuarantinedOnceAndBlocksNothing(t *testing.T) {
	w := run(t, shop)
	r := w.regions["eu"]
	other, err := r.reg.Register(t.Context(), "other-value", `{"type":"record","name":"Other","fields":[{"name":"x","type":"string"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	large, err := kafka.Dial(kafka.Config{Brokers: []string{r.broker.Addr()}, MaxBatchBytes: 4 << 20, Compression: kafka.Compression{Codec: "zstd"}})
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	want := map[string]string{}
	for i, bad := range []struct {
		reason string
		spoil  func(rec *kafka.Record)
	}{
		{"tombstone", func(rec *kafka.Record) { rec.Value = nil }},
		{"undecodable", func(rec *kafka.Record) { rec.Value = []byte("hello") }},
		{"undecodable", func(rec *kafka.Record) { rec.Value = rec.Value[:len(rec.Value)-1] }},
		{"undecodable", func(rec *kafka.Record) { rec.Value = append(rec.Value, 0) }},
		{"incompatible schema", func(rec *kafka.Record) {
			rec.Value = wire.AppendFrame(nil, int32(other))
			rec.Value = append(rec.Value, 2, 'x')
		}},
		{"misrouted", func(rec *kafka.Record) { rec.Partition = (rec.Partition + 1) % 3 }},
		{"not finite", func(rec *kafka.Record) { // 12345.5 becomes infinite
			*rec = w.record(r, "shop.orders", 3, 1, value.Float(12345.5), value.Value{})
			old, inf := binary.LittleEndian.AppendUint64(nil, math.Float64bits(12345.5)), binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Inf(1)))
			rec.Value = bytes.Replace(rec.Value, old, inf, 1)
		}},
		{"over bound", func(rec *kafka.Record) {
			*rec = w.record(r, "shop.orders", 3, 1, value.Float(1e300), value.Value{})
		}},
		{"future", func(rec *kafka.Record) { *rec = w.order(r, 60*24*366*1000) }},
		{"over bound", func(rec *kafka.Record) { rec.Value = append(rec.Value, make([]byte, 1<<20)...) }},
	} {
		rec := w.order(r, 1000+i)
		bad.spoil(&rec)
		before := w.ends("eu", w.project.Stream("orders"), "shop.orders")[rec.Partition]
		if _, err := large.Produce(t.Context(), []kafka.Record{rec}); err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprintf("eu/orders/%d/%d", rec.Partition, before)] = bad.reason
		w.produce("eu", 10*i, 10*i+10)
	}
	digest := w.converged()
	if n := w.events("us", "spending"); n != 100 {
		t.Fatalf("%d events, want 100", n)
	}
	w.eventually("all are quarantined", func() bool { return sum(w.regions["eu"].worker.Status().Streams[0].Quarantined) == int64(len(want)) })
	compare(t, w.quarantined("eu"), want)
	w.forget("eu", "spending")
	if w.converged() != digest {
		t.Fatal("another digest after folding anew")
	}
	compare(t, w.quarantined("eu"), want)
}

// forget has a region fold a view anew from the start of the log.
func (w *world) forget(name, view string) {
	w.t.Helper()
	instance := w.view(name, view).Instance
	w.stop(name)
	store, err := w.regions[name].disk.Open(state.Config{})
	if err == nil {
		err = errors.Join(store.Drop(instance), store.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.start(name)
}

func sum(m map[string]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}

func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for at, reason := range want {
		if got[at] != reason {
			t.Errorf("%s is quarantined as %q, want %q", at, got[at], reason)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d records are quarantined, want %d: %v", len(got), len(want), got)
	}
}

// unknownID puts another schema id into a framed value.
func unknownID(rec kafka.Record, id int) kafka.Record {
	rec.Value = slices.Clone(rec.Value)
	binary.BigEndian.PutUint32(rec.Value[1:], uint32(id))
	return rec
}

func TestAnUnknownSchemaBlocksItsPartitionAloneUntilItIsKnown(t *testing.T) {
	w := run(t, shop)
	r := w.regions["eu"]
	w.produce("eu", 0, 50)
	w.converged()
	next := r.schema + 1
	blocked := unknownID(w.order(r, 3), next)
	bad := w.order(r, 4)
	bad.Value = []byte("bad")
	for bad.Partition == blocked.Partition {
		bad.Partition = (bad.Partition + 1) % 3
	}
	w.append("eu", blocked)
	w.produce("eu", 50, 100)
	// Many batches, so that queues fill.
	for i := 100; i < 160; i++ {
		w.produce("eu", i, i+1)
	}
	w.append("eu", bad)
	bad.Partition = blocked.Partition // behind the one that blocks: its turn will come
	w.append("eu", bad)
	w.produce("us", 0, 100)
	w.eventually("a status that says so", func() bool {
		list := w.view("eu", "spending").Blocked
		return says(list, fmt.Sprintf("partition %d", blocked.Partition)) && says(list, fmt.Sprintf("schema id %d", next))
	})
	w.eventually("the other partitions and the other region go on", func() bool {
		v := r.worker.Live().Views["spending"]
		for p, s := range v.Shards {
			if s.Mark(us).Next < w.ends("us", w.project.Stream("orders"), "shop.orders")[p] {
				return false
			}
			if int32(p) != blocked.Partition && s.Mark(eu).Next < w.ends("eu", w.project.Stream("orders"), "shop.orders")[p] {
				return false
			}
		}
		return sum(r.worker.Status().Streams[0].Quarantined) == 1
	})
	w.restart("eu") // in the middle of it
	w.eventually("blocked again", func() bool { return len(w.view("eu", "spending").Blocked) == 1 })
	id, err := r.reg.Register(t.Context(), "another", strings.Replace(orderSchema, `"Order"`, `"Order","doc":"the same again"`, 1))
	if err != nil || id != next {
		t.Fatalf("registered as %d, want %d: %v", id, next, err)
	}
	w.converged()
	w.eventually("the other bad record is quarantined", func() bool { return len(w.quarantined("eu")) == 2 })
	if n := w.events("us", "spending"); n != 160 { // the blocked one is a copy of o-3, and those of us of the first hundred
		t.Fatalf("%d events, want 160", n)
	}
	if len(w.view("eu", "spending").Blocked) != 0 {
		t.Fatal("still says that it is blocked")
	}
}

// age is the worst age of a region's view, and whether it is known.
func (w *world) age(name, view string) (stamp.Micros, bool) {
	live := w.regions[name].worker.Live()
	worst := stamp.Micros(0)
	for p := range live.Views[view].Shards {
		age, ok := live.Age(live.Views[view], int32(p), stamp.FromTime(time.Now()), 0)
		if !ok {
			return 0, false
		}
		worst = max(worst, age)
	}
	return worst, true
}

func (w *world) recreate(name, topic string, partitions int32) {
	w.t.Helper()
	k := w.regions[name].kafka
	if err := k.DeleteTopic(w.t.Context(), topic); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the topic is there anew", func() bool {
		err := k.CreateTopic(w.t.Context(), kafka.NewTopic{Name: topic, Partitions: partitions, Config: map[string]string{
			"message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}})
		return err == nil || errors.Is(err, kafka.ErrTopicExists)
	})
}

func TestARecreatedTopicHaltsItsViewsAndNothingElse(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 100)
	w.converged()
	w.recreate("eu", "shop.orders", 3)
	w.produce("eu", 500, 530) // reuses the offsets, and does not get as far
	w.eventually("all partitions halted", func() bool { return len(w.view("eu", "spending").Halted) == 3 })
	if list := w.view("eu", "spending").Halted; !says(list, "created anew") && !says(list, "deleted") && !says(list, "another") {
		t.Errorf("halted because %v", list)
	}
	if n := w.events("eu", "spending"); n != 100 {
		t.Errorf("%d events, want the 100 of the former log", n)
	}
	w.append("eu", w.visit(w.regions["eu"], 1), w.visit(w.regions["eu"], 2))
	w.eventually("the other stream arrives", func() bool { return w.events("us", "visiting") == 2 })
	halted := time.Now()
	w.restart("eu")
	w.eventually("halted again", func() bool { return len(w.view("eu", "spending").Halted) == 3 })
	w.append("eu", w.visit(w.regions["eu"], 3))
	w.eventually("the other stream arrives", func() bool { return w.events("us", "visiting") == 3 })
	// The new log's events are nowhere, so nobody may claim to have them. The
	// other stream's age shows that eu has spoken since.
	since := func() stamp.Micros { return stamp.Micros(time.Since(halted).Microseconds()) }
	w.eventually("eu speaks of the other stream", func() bool { age, ok := w.age("us", "visiting"); return ok && age < since() })
	limit := since()
	if age, ok := w.age("us", "spending"); ok && age < limit {
		t.Fatalf("us says that its answers are %v µs old, and eu halted %v µs ago", age, limit)
	}
}

// An operator makes eu forget the log that was replaced. What us holds of it is
// of the former log: it must not be taken for the new one.
func TestAReplacedLogIsNotMixedWithTheFormer(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 300)
	w.converged()
	w.stop("eu")
	w.recreate("eu", "shop.orders", 3)
	w.produce("eu", 1000, 1050) // fewer than before
	w.wipe("eu")
	w.start("eu")
	w.eventually("us halts", func() bool { return len(w.view("us", "spending").Halted) == 3 })
	if list := w.view("us", "spending").Halted; !says(list, "another log") || !says(list, "data directory") {
		t.Errorf("halted because %v", list)
	}
}

func TestEventsDeletedBeforeTheyWereFoldedHalt(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 100)
	w.converged()
	w.stop("eu")
	w.produce("eu", 100, 200)
	ends := w.ends("eu", w.project.Stream("orders"), "shop.orders")
	at := kafka.TopicPartition{Topic: "shop.orders", Partition: 1}
	if err := w.regions["eu"].kafka.DeleteRecords(t.Context(), map[kafka.TopicPartition]int64{at: ends[1] - 2}); err != nil {
		t.Fatal(err)
	}
	w.start("eu")
	w.eventually("one partition halted", func() bool { return len(w.view("eu", "spending").Halted) == 1 })
	if list := w.view("eu", "spending").Halted; !says(list, "partition 1 ") || !says(list, "deleted before they were folded") {
		t.Errorf("halted because %v", list)
	}
	w.eventually("the others arrive in us", func() bool {
		v := w.regions["us"].worker.Live().Views["spending"]
		return v.Shards[0].Mark(eu).Next == ends[0] && v.Shards[2].Mark(eu).Next == ends[2]
	})
	if v := w.regions["us"].worker.Live().Views["spending"]; v.Shards[1].Mark(eu).Next >= ends[1] {
		t.Fatal("the gap was passed over")
	}
}

func TestADeletedTopicDoesNotAgeTheOtherStreams(t *testing.T) {
	w := run(t, shop)
	w.produce("eu", 0, 20)
	w.append("eu", w.visit(w.regions["eu"], 1))
	w.converged()
	if err := w.regions["eu"].kafka.DeleteTopic(t.Context(), "shop.orders"); err != nil {
		t.Fatal(err)
	}
	w.eventually("halted", func() bool { return len(w.view("eu", "spending").Halted) == 3 })
	w.append("eu", w.visit(w.regions["eu"], 2))
	w.eventually("the other stream goes on", func() bool { return w.events("us", "visiting") == 2 })
	gone := time.Now()
	w.eventually("the other stream's age is of now", func() bool {
		age, ok := w.age("us", "visiting")
		return ok && age < stamp.Micros(time.Since(gone).Microseconds())
	})
	if v := w.regions["eu"].worker.Live().Views["visiting"]; v.Halted() != nil {
		t.Fatal(v.Halted())
	}
}
