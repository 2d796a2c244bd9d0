package historytest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

func schema(more string) string { return fmt.Sprintf(Schema, more) }

// baseFields is the number of fields in Schema.
const baseFields = 14

// writer is a program that writes events with a schema of its own.
type writer struct {
	encoder *wire.Encoder
	more    bool // it has the field note
}

// sent is one record of the log and what it means.
type sent struct {
	partition int32
	offset    int64
	good      bool
	event     Event
}

// Event is an accepted event as the test made it.
type Event struct {
	Origin    string
	Partition int32
	Offset    int64
	Stamp     uint64 // 48 bits of milliseconds, 16 of counter
	Key       string
	Time      int64 // microseconds
	Created   int64 // microseconds; 0 until the log's append time is known
	ID        string
	HasID     bool
	// Values by name of the field, of those that a feature can use; a null has no entry.
	Values map[string]value.Value
	// Extra is the Avro map of the unusable field.
	Extra    []byte
	SchemaID int32
}

// Writer registers a schema with more fields, under which Send then writes as well.
func (r *Region) Writer(t testing.TB, more string) {
	t.Helper()
	id, err := r.Registry.Register(Soon(t), r.stream.Topic+"-value", schema(more))
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := wire.NewEncoder(schema(more))
	if err != nil {
		t.Fatal(err)
	}
	r.ids, r.writers = append(r.ids, id), append(r.writers, writer{encoder, more != ""})
}

// Send appends n records, a fifth of them bad in one way or another, over few keys, with times in no order.
func (r *Region) Send(t testing.TB, rng *rand.Rand, n int) {
	t.Helper()
	for n > 0 {
		size := min(n, 1+rng.IntN(20))
		n -= size
		var batch []kafka.Record
		var meant []sent
		for range size {
			rec, s := r.record(t, rng)
			batch, meant = append(batch, rec), append(meant, s)
		}
		r.clock.Add(rng.Int64N(3) * 1000) // often the same: the stamp's counter counts
		r.append(t, batch, meant)
	}
}

// SendValue appends a record with this value, which is bad, to a partition.
func (r *Region) SendValue(t testing.TB, partition int32, v []byte) {
	t.Helper()
	r.append(t, []kafka.Record{{Topic: r.stream.Topic, Partition: partition, Value: v}}, []sent{{partition: partition}})
}

func (r *Region) append(t testing.TB, batch []kafka.Record, meant []sent) {
	t.Helper()
	places, err := r.Kafka.Produce(Soon(t), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range places {
		meant[i].partition, meant[i].offset = p.Partition, p.Offset
	}
	r.sent = append(r.sent, meant...)
}

// record makes one record and says what it means.
func (r *Region) record(t testing.TB, rng *rand.Rand) (kafka.Record, sent) {
	t.Helper()
	ev, row := r.event(rng)
	w := rng.IntN(len(r.writers))
	if r.writers[w].more {
		row = append(row, value.Value{Kind: value.String, B: []byte("later")})
	}
	ev.SchemaID = int32(r.ids[w])
	body, err := r.writers[w].encoder.AppendRow(wire.AppendFrame(nil, ev.SchemaID), row)
	if err != nil {
		t.Fatal(err)
	}
	ev.Extra = []byte{0} // an empty map
	rec := kafka.Record{Topic: r.stream.Topic, Partition: kafka.Partition([]byte(ev.Key), r.stream.Partitions), Key: []byte(ev.Key), Value: body}
	bad := rng.IntN(25)
	switch bad {
	case 0:
		rec.Value = nil // tombstone
	case 1:
		rec.Value = body[:len(body)-1]
	case 2:
		rec.Partition = (rec.Partition + 1) % r.stream.Partitions
	case 3:
		rec.Value = append(body, 0)
	case 4:
		rec.Value = []byte("plain text")
	}
	return rec, sent{good: bad > 4, event: ev}
}

// event makes the content of a record: what it means, and a row for the encoder.
func (r *Region) event(rng *rand.Rand) (Event, []value.Value) {
	user := int64(rng.IntN(12)) * 7
	at := r.clock.Load() - rng.Int64N(int64(48*time.Hour/time.Microsecond))
	if rng.IntN(4) == 0 {
		at = r.clock.Load() - 1000 // ties
	}
	ev := Event{Origin: r.Name, Key: strconv.FormatInt(user, 10), Time: at}
	text := func(s string) value.Value { return value.Value{Kind: value.String, B: []byte(s)} }
	num := func(n int64) value.Value { return value.Value{Kind: value.Int64, N: n} }
	ev.Values = map[string]value.Value{
		"customer": num(user), "ordered_at": {Kind: value.Timestamp, N: at},
		"price": {Kind: value.Decimal, N: rng.Int64N(10000)}, "item": text(fmt.Sprint("item-", rng.IntN(50))),
		"raw": {Kind: value.Bytes, B: binary.BigEndian.AppendUint64(nil, rng.Uint64())}, "gift": {Kind: value.Bool, N: rng.Int64N(2)},
		"day": {Kind: value.Date, N: rng.Int64N(20000)}, "status": text([]string{"open", "cancelled"}[rng.IntN(2)]),
		"tags":     {Kind: value.List, L: []value.Value{text("a"), text(fmt.Sprint(rng.IntN(9)))}[:rng.IntN(3)]},
		"__offset": num(rng.Int64N(100)),
	}
	if rng.IntN(3) > 0 {
		ev.ID, ev.HasID = fmt.Sprint("order-", rng.IntN(200)), true // repeated now and then
		ev.Values["order_id"] = text(ev.ID)
	}
	if rng.IntN(2) == 0 {
		ev.Values["total"] = value.Float(rng.Float64() * 100)
	}
	known := (at/1000 + rng.Int64N(1000)) * 1000
	ev.Values["known_at"] = value.Value{Kind: value.Timestamp, N: known}
	if r.stream.Created >= 0 {
		ev.Created = known
	}
	row := make([]value.Value, len(r.stream.Fields))
	for i := range row {
		row[i] = ev.Values[r.stream.Fields[i].Name]
	}
	return ev, row[:baseFields]
}

// Accepted lists the accepted events of the log in its order, partition by partition, with what the log added to them.
func (r *Region) Accepted(t testing.TB) []Event {
	t.Helper()
	records := r.readBack(t)
	var out []Event
	stamps := map[int32]uint64{}
	for _, rec := range records {
		s := r.sentAt(t, rec.Partition, rec.Offset)
		stamps[rec.Partition] = max(uint64(rec.AppendTime)<<16, stamps[rec.Partition]+1)
		if !s.good {
			continue
		}
		ev := s.event
		ev.Partition, ev.Offset, ev.Stamp = rec.Partition, rec.Offset, stamps[rec.Partition]
		if ev.Created == 0 {
			ev.Created = rec.AppendTime * 1000
		}
		out = append(out, ev)
	}
	return out
}

func (r *Region) sentAt(t testing.TB, partition int32, offset int64) sent {
	t.Helper()
	for _, s := range r.sent {
		if s.partition == partition && s.offset == offset {
			return s
		}
	}
	t.Fatalf("partition %d, offset %d: nobody sent that", partition, offset)
	return sent{}
}

// readBack reads the whole log, sorted by partition and offset.
func (r *Region) readBack(t testing.TB) []kafka.Record {
	t.Helper()
	var assignments []kafka.Assignment
	for p := range r.stream.Partitions {
		assignments = append(assignments, kafka.Assignment{Topic: r.stream.Topic, Partition: p})
	}
	reader, err := r.Kafka.NewReader(kafka.ReaderConfig{MaxWait: 10 * time.Millisecond}, assignments...)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var all []kafka.Record
	for len(all) < len(r.sent) {
		b, err := reader.Poll(Soon(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Partitions {
			if b.Partitions[i].Err != nil {
				t.Fatal(b.Partitions[i].Err)
			}
			all = append(all, b.Partitions[i].Collect()...)
		}
	}
	slices.SortFunc(all, func(a, b kafka.Record) int {
		if a.Partition != b.Partition {
			return int(a.Partition - b.Partition)
		}
		return int(a.Offset - b.Offset)
	})
	r.log = all
	return all
}

// Ends are the marks of a log that is read whole: its end, and the stamp of its last record.
func (r *Region) Ends(t testing.TB) []position.Mark {
	t.Helper()
	ends := make([]position.Mark, r.stream.Partitions)
	for _, rec := range r.readBack(t) {
		m := &ends[rec.Partition]
		m.Next, m.Stamp = rec.Offset+1, max(stamp.Stamp(rec.AppendTime)<<16, m.Stamp+1)
	}
	return ends
}

// MarkAt is the mark of a fold that has read a partition up to an offset; Accepted or Ends must have been called since
// the last Send.
func (r *Region) MarkAt(partition int32, next int64) position.Mark {
	m := position.Mark{Next: next}
	for _, rec := range r.log {
		if rec.Partition == partition && rec.Offset < next {
			m.Stamp = max(stamp.Stamp(rec.AppendTime)<<16, m.Stamp+1)
		}
	}
	return m
}

// Load appends n good records over keys quickly, for benchmarks; Accepted cannot account for them.
func (r *Region) Load(t testing.TB, rng *rand.Rand, n, keys int) {
	t.Helper()
	bulk, err := r.Kafka.NewBulk(kafka.ProducerConfig{Linger: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer bulk.Close()
	_, row := r.event(rng)
	for range n {
		key := strconv.AppendInt(nil, rng.Int64N(int64(keys)), 10)
		user, _ := strconv.ParseInt(string(key), 10, 64)
		row[1], row[2] = value.Value{Kind: value.Int64, N: user}, value.Value{Kind: value.Timestamp, N: r.clock.Load() - rng.Int64N(1<<36)}
		body, err := r.writers[0].encoder.AppendRow(wire.AppendFrame(nil, int32(r.ids[0])), row)
		if err != nil {
			t.Fatal(err)
		}
		rec := kafka.Record{Topic: r.stream.Topic, Partition: kafka.Partition(key, r.stream.Partitions), Key: key, Value: body}
		if err := bulk.Add(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := bulk.Flush(Soon(t)); err != nil {
		t.Fatal(err)
	}
}
