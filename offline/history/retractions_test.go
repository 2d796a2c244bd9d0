package history

import (
	"fmt"
	"slices"
	"testing"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/offline/history/historytest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// takeBack appends a retraction of every seventh event that a region accepted,
// and beside each one of another stream that has the same topic.
func takeBack(t *testing.T, w *world, r *historytest.Region) (back map[[2]int64]bool) {
	t.Helper()
	s := w.project.Stream("orders")
	topic := definition.RetractionsTopic(s.Topic)
	if err := r.Kafka.CreateTopic(t.Context(), kafka.NewTopic{Name: topic, Partitions: s.Partitions, Config: map[string]string{"message.timestamp.type": "LogAppendTime"}}); err != nil {
		t.Fatal(err)
	}
	back = map[[2]int64]bool{}
	var list []kafka.Record
	for i, ev := range r.Accepted(t) {
		if i%7 != 0 {
			continue
		}
		rec := recordAt(t, r, s.Topic, ev.Partition, ev.Offset)
		for _, stream := range []string{"orders", "others"} {
			of := wire.Retraction{Stream: stream, Incarnation: 1, Offset: ev.Offset, Stamp: stamp.Stamp(ev.Stamp), AppendMillis: rec.AppendTime, Value: rec.Value}
			list = append(list, kafka.Record{Topic: topic, Partition: ev.Partition, Key: rec.Key, Value: of.Append(nil), Headers: rec.Headers})
		}
		back[[2]int64{int64(ev.Partition), ev.Offset}] = true
	}
	if _, err := r.Kafka.Produce(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	return back
}

func recordAt(t *testing.T, r *historytest.Region, topic string, partition int32, offset int64) kafka.Record {
	t.Helper()
	reader, err := r.Kafka.NewReader(kafka.ReaderConfig{}, kafka.Assignment{Topic: topic, Partition: partition, Offset: offset})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	batch, err := reader.Poll(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for rec := range batch.Partitions[0].All() {
		if rec.Offset == offset {
			return kafka.Record{Key: slices.Clone(rec.Key), Value: slices.Clone(rec.Value), Headers: slices.Clone(rec.Headers), AppendTime: rec.AppendTime}
		}
	}
	t.Fatalf("no record at %d", offset)
	return kafka.Record{}
}

// What was taken back is handed out as the events that it was, at the places of
// the retractions, and only to those who ask for it.
func TestWhatWasTakenBackIsReadAsTheEventsThatItWas(t *testing.T) {
	w := newWorld(t, historytest.Project(t, ""), 11)
	us := w.regions[0]
	us.Send(t, w.rng, 120)
	w.compact(t, 0, 50) // retractions are in no file
	us.Send(t, w.rng, 60)
	back := takeBack(t, w, us)
	cfg := w.config(t)
	cfg.Retractions = true
	got, counted := map[[2]int64]bool{}, map[[2]int64]string{}
	src := position.Source{Origin: "us", Incarnation: 1}
	scan := func(fn func(string, *Event)) position.Frontier {
		h, err := Open(historytest.Soon(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		for p := range h.Partitions() {
			err := h.Scan(t.Context(), p, nil, func(key []byte, events []Event) error {
				for i := range events {
					fn(string(key), &events[i])
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return h.Frontier()
	}
	text := func(key string, e *Event) string { return fmt.Sprint(key, e.Time, e.Created, e.Fields) }
	reached := scan(func(key string, e *Event) {
		if e.Source == src {
			counted[[2]int64{int64(e.Partition), e.Offset}] = text(key, e)
		}
	})
	scan(func(key string, e *Event) {
		if of, ok := e.Source.Retracts(); !ok || of != src {
			return
		}
		offset, ok := wire.Retracted(e.ID)
		at := [2]int64{int64(e.Partition), offset}
		if !ok || got[at] || counted[at] != text(key, e) || e.Offset%2 != 0 {
			t.Errorf("at %d, of %v: %s, want %s", e.Offset, at, text(key, e), counted[at])
		}
		got[at] = true
	})
	if len(got) != len(back) || len(back) < 10 {
		t.Errorf("%d retractions, want %d", len(got), len(back))
	}
	total := int64(0)
	for log, mark := range reached {
		if log.Source == src.Retractions() {
			total += mark.Next
		}
	}
	if total != 2*int64(len(back)) {
		t.Errorf("the frontier covers %d of %d retractions", total, 2*len(back))
	}
	cfg.Retractions = false
	for log := range scan(func(key string, e *Event) {
		if _, ok := e.Source.Retracts(); ok {
			t.Errorf("nobody asked for %s", text(key, e))
		}
	}) {
		if _, ok := log.Retracts(); ok {
			t.Errorf("nobody asked for %v", log)
		}
	}
}
