package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"anabranch.dev/anabranch/connectors/kafka/embedded"
)

func read(t testing.TB, c *Client, as ...Assignment) *Reader {
	t.Helper()
	return readWith(t, c, ReaderConfig{MaxWait: 50 * time.Millisecond, GoneAfter: 500 * time.Millisecond}, as...)
}

func readWith(t testing.TB, c *Client, cfg ReaderConfig, as ...Assignment) *Reader {
	t.Helper()
	r, err := c.NewReader(cfg, as...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// gather polls until n records came, by topic-partition.
func gather(t testing.TB, r *Reader, n int) map[string][]Record {
	t.Helper()
	got := make(map[string][]Record)
	for n > 0 {
		b, err := r.Poll(soon(t), 0)
		if err != nil {
			_, last := r.LastError()
			t.Fatalf("%d records missing: %v (%v)", n, err, last)
		}
		for i := range b.Partitions {
			p := &b.Partitions[i]
			if p.Err != nil {
				t.Fatal(p.Err)
			}
			if rs := p.Collect(); len(rs) != p.Count {
				t.Fatalf("%d records, Count is %d", len(rs), p.Count)
			} else if len(rs) > 0 && p.Next <= rs[len(rs)-1].Offset {
				t.Fatalf("Next is %d after offset %d", p.Next, rs[len(rs)-1].Offset)
			}
			id := fmt.Sprint(p.Topic, "-", p.Partition)
			got[id] = append(got[id], p.Collect()...)
			n -= p.Count
		}
	}
	return got
}

// failure polls until a partition reports an error.
func failure(t testing.TB, r *Reader) Records {
	t.Helper()
	for {
		b, err := r.Poll(soon(t), 0)
		if err != nil {
			_, last := r.LastError()
			t.Fatalf("no error of a partition: %v (%v)", err, last)
		}
		for _, p := range b.Partitions {
			if p.Err != nil {
				return p
			}
		}
	}
}

func TestReaderReadsWhatWasProduced(t *testing.T) {
	for _, codec := range []string{"none", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			b, _ := cluster(t, 3)
			c := dial(t, b, func(cfg *Config) { cfg.Compression.Codec = codec })
			began := time.Now().UnixMilli()
			write(t, c, slices.Concat(numbered(0, 0, 100), numbered(1, 0, 50), numbered(2, 0, 10))...)
			r := read(t, c, Assignment{Topic: "t"}, Assignment{Topic: "t", Partition: 1, Offset: 20}, Assignment{Topic: "t", Partition: 2, Offset: 10})
			got := gather(t, r, 130)
			write(t, c, numbered(2, 10, 11)...)
			for id, rs := range gather(t, r, 1) {
				got[id] = append(got[id], rs...)
			}
			for id, first := range map[string]int{"t-0": 0, "t-1": 20, "t-2": 10} {
				for i, r := range got[id] {
					n := first + i
					if r.Offset != int64(n) || string(r.Key) != fmt.Sprint("k", n) || string(r.Value) != fmt.Sprint("v", n) {
						t.Fatalf("%s: record %d is %+v", id, n, r)
					}
					if !r.LogAppend || r.AppendTime < began || r.AppendTime > time.Now().UnixMilli() || r.LeaderEpoch != 0 {
						t.Fatalf("%s: record %d has time %d (log's: %v), epoch %d", id, n, r.AppendTime, r.LogAppend, r.LeaderEpoch)
					}
				}
			}
			if len(got["t-0"]) != 100 || len(got["t-1"]) != 30 || len(got["t-2"]) != 1 {
				t.Errorf("%d, %d, %d records", len(got["t-0"]), len(got["t-1"]), len(got["t-2"]))
			}
		})
	}
}

func TestNullIsNotEmpty(t *testing.T) {
	_, c := cluster(t, 1)
	in := []Record{
		{Topic: "t"},
		{Topic: "t", Key: []byte{}, Value: []byte{}},
		{Topic: "t", Key: []byte("k"), Headers: []Header{{"a", []byte("1")}, {"b", nil}, {"a", []byte{}}}},
		{Topic: "t", Value: []byte("v"), Headers: []Header{{"a", []byte("2")}}},
		{Topic: "t", Value: []byte("v")},
	}
	write(t, c, in...)
	for i, r := range gather(t, read(t, c, Assignment{Topic: "t"}), len(in))["t-0"] {
		want := in[i]
		if r.KeyNull != (want.Key == nil) || r.ValueNull != (want.Value == nil) || (r.Key == nil) != r.KeyNull || (r.Value == nil) != r.ValueNull {
			t.Errorf("record %d: %+v", i, r)
		}
		if !bytes.Equal(r.Key, want.Key) || !bytes.Equal(r.Value, want.Value) {
			t.Errorf("record %d: %q %q", i, r.Key, r.Value)
		}
		if !slices.EqualFunc(r.Headers, want.Headers, func(a, b Header) bool {
			return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
		}) {
			t.Errorf("record %d: headers %v, want %v", i, r.Headers, want.Headers)
		}
	}
	if v, ok := in[2].Header("a"); !ok || string(v) != "" {
		t.Errorf("the last of two headers: %q, %v", v, ok)
	}
}

func TestPollIsBounded(t *testing.T) {
	_, c := cluster(t, 2)
	for i := range 50 {
		write(t, c, slices.Concat(numbered(0, i*10, i*10+10), numbered(1, i*10, i*10+10))...)
	}
	r := read(t, c, Assignment{Topic: "t"}, Assignment{Topic: "t", Partition: 1})
	next := make(map[int32]int64)
	for total := 0; total < 1000; {
		b, err := r.Poll(soon(t), 37)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for i := range b.Partitions {
			p := &b.Partitions[i]
			if p.From != next[p.Partition] {
				t.Fatalf("partition %d: from %d, want %d", p.Partition, p.From, next[p.Partition])
			}
			for r := range p.All() {
				if r.Offset != next[p.Partition] {
					t.Fatalf("partition %d: offset %d, want %d", p.Partition, r.Offset, next[p.Partition])
				}
				next[p.Partition]++
			}
			if p.Next != next[p.Partition] {
				t.Fatalf("partition %d: Next is %d after %d", p.Partition, p.Next, next[p.Partition]-1)
			}
			count += p.Count
		}
		if total += count; count > 37 {
			t.Fatalf("%d records in one poll", count)
		}
	}
}

func TestTransactionsLeaveHolesThatAreNoGaps(t *testing.T) {
	b, c := cluster(t, 1)
	tx, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.TransactionalID("x"), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic("t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tx.Close)
	within := func(end kgo.TransactionEndTry, values ...string) {
		t.Helper()
		if err := tx.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if err := tx.ProduceSync(soon(t), kgo.StringRecord(v)).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.EndTransaction(soon(t), end); err != nil {
			t.Fatal(err)
		}
	}
	within(kgo.TryCommit, "a", "b")                         // 0 1, marker 2
	within(kgo.TryAbort, "lost", "lost")                    // 3 4, marker 5
	write(t, c, Record{Topic: "t", Value: []byte("plain")}) // 6
	within(kgo.TryCommit, "c")                              // 7, marker 8
	within(kgo.TryAbort, "lost")                            // 9, marker 10

	r := read(t, c, Assignment{Topic: "t"})
	var got []string
	next := int64(0)
	for next < 11 {
		b, err := r.Poll(soon(t), 0)
		if err != nil {
			t.Fatalf("read up to %d: %v", next, err)
		}
		for _, p := range b.Partitions {
			for r := range p.All() {
				got = append(got, fmt.Sprint(r.Offset, string(r.Value)))
			}
			next = p.Next
		}
	}
	if want := []string{"0a", "1b", "6plain", "7c"}; next != 11 || !slices.Equal(got, want) {
		t.Errorf("got %v up to %d, want %v up to 11", got, next, want)
	}
	ends, err := c.EndOffsets(soon(t), []TopicPartition{{"t", 0}})
	if end := ends[TopicPartition{"t", 0}]; err != nil || end.Stable != 11 || end.High != 11 {
		t.Errorf("ends %+v, %v", ends, err)
	}

	if err := tx.BeginTransaction(); err != nil { // an open transaction holds back the stable end
		t.Fatal(err)
	}
	if err := tx.ProduceSync(soon(t), kgo.StringRecord("open")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ends, err = c.EndOffsets(soon(t), []TopicPartition{{"t", 0}})
	if end := ends[TopicPartition{"t", 0}]; err != nil || end.Stable != 11 || end.High != 12 {
		t.Errorf("ends with an open transaction %+v, %v", ends, err)
	}
	if err := tx.EndTransaction(soon(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func TestReaderStartsInTheMiddleOfABatch(t *testing.T) {
	_, c := cluster(t, 1)
	write(t, c, numbered(0, 0, 100)...)
	for _, from := range []int64{1, 50, 99} {
		rs := gather(t, read(t, c, Assignment{Topic: "t", Offset: from}), 100-int(from))["t-0"]
		if rs[0].Offset != from || len(rs) != 100-int(from) {
			t.Errorf("from %d: %d records, first %d", from, len(rs), rs[0].Offset)
		}
	}
}

func TestGapsStopOnlyTheirPartition(t *testing.T) {
	_, c := cluster(t, 3)
	for i := range 10 {
		write(t, c, slices.Concat(numbered(0, i, i+1), numbered(1, i, i+1), numbered(2, i, i+1))...)
	}
	if err := c.DeleteRecords(soon(t), map[TopicPartition]int64{{"t", 0}: 5}); err != nil {
		t.Fatal(err)
	}
	r := read(t, c, Assignment{Topic: "t", Offset: 3}, Assignment{Topic: "t", Partition: 1, Offset: 77}, Assignment{Topic: "t", Partition: 2, Offset: 10})
	want := map[int32]GapError{
		0: {"t", 0, 3, 5, 10},
		1: {"t", 1, 77, 0, 10},
	}
	for range 2 {
		p := failure(t, r)
		gap, ok := errors.AsType[*GapError](p.Err)
		if !ok || *gap != want[p.Partition] {
			t.Fatalf("partition %d: %v", p.Partition, p.Err)
		}
		delete(want, p.Partition)
	}
	write(t, c, numbered(2, 10, 12)...)
	if rs := gather(t, r, 2)["t-2"]; len(rs) != 2 {
		t.Errorf("the partition without a gap: %v", rs)
	}
	r.Add(Assignment{Topic: "t", Offset: 5}) // the operator decided to go on
	if rs := gather(t, r, 5)["t-0"]; rs[0].Offset != 5 {
		t.Errorf("after going on: %v", rs)
	}
}

func TestRecreatedTopicIsAnIdentityError(t *testing.T) {
	_, c := cluster(t, 1)
	write(t, c, numbered(0, 0, 5)...)
	id, err := c.Identity(soon(t), "t")
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, c, Assignment{Topic: "t"})
	gather(t, r, 5)
	if err := c.DeleteTopic(soon(t), "t"); err != nil {
		t.Fatal(err)
	}
	create(t, c, "t", 1)
	write(t, c, numbered(0, 100, 120)...)
	p := failure(t, r)
	if _, ok := errors.AsType[*IdentityError](p.Err); !ok || p.Next != 5 || !strings.Contains(p.Err.Error(), "created anew") {
		t.Errorf("while reading: %v, next %d", p.Err, p.Next)
	}
	p = failure(t, read(t, c, Assignment{Topic: "t", Offset: 5, TopicID: id.TopicID}))
	if _, ok := errors.AsType[*IdentityError](p.Err); !ok {
		t.Errorf("at the start: %v", p.Err)
	}
}

func TestDeletedTopicIsAnIdentityError(t *testing.T) {
	_, c := cluster(t, 1)
	write(t, c, numbered(0, 0, 5)...)
	r := read(t, c, Assignment{Topic: "t"})
	gather(t, r, 5)
	if err := c.DeleteTopic(soon(t), "t"); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Reader{
		"while reading":   r,
		"never there":     read(t, c, Assignment{Topic: "absent"}),
		"other partition": func() *Reader { create(t, c, "t", 1); return read(t, c, Assignment{Topic: "t", Partition: 3}) }(),
	} {
		if err := failure(t, r).Err; !isIdentity(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func isIdentity(err error) bool {
	_, ok := errors.AsType[*IdentityError](err)
	return ok
}

func TestReaderGoesOnWhenTheBrokerComesBack(t *testing.T) {
	dir := t.TempDir()
	b := broker(t, embedded.Config{Dir: dir})
	c := dial(t, b)
	create(t, c, "t", 2)
	write(t, c, slices.Concat(numbered(0, 0, 5), numbered(1, 0, 5))...)
	r := read(t, c, Assignment{Topic: "t"}, Assignment{Topic: "t", Partition: 1})
	gather(t, r, 10)
	addr := b.Addr()
	b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := r.Poll(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("poll without a broker: %v", err)
	}
	if at, err := r.LastError(); err == nil || time.Since(at) > time.Minute {
		t.Errorf("last error: %v at %v", err, at)
	}
	b = broker(t, embedded.Config{Dir: dir, Addr: addr})
	write(t, dial(t, b), slices.Concat(numbered(0, 5, 10), numbered(1, 5, 10))...)
	got := gather(t, r, 10)
	for _, id := range []string{"t-0", "t-1"} {
		if rs := got[id]; len(rs) != 5 || rs[0].Offset != 5 {
			t.Errorf("%s after the restart: %v", id, rs)
		}
	}
	if _, err := r.LastError(); err != nil {
		t.Errorf("last error after recovery: %v", err)
	}
}

func TestAddAndRemove(t *testing.T) {
	_, c := cluster(t, 3)
	write(t, c, slices.Concat(numbered(0, 0, 5), numbered(1, 0, 5), numbered(2, 0, 5))...)
	r := read(t, c, Assignment{Topic: "t"})
	gather(t, r, 5)
	r.Add(Assignment{Topic: "t", Partition: 1})
	gather(t, r, 5)
	r.Remove(TopicPartition{"t", 0}, TopicPartition{"t", 1})
	r.Add(Assignment{Topic: "t", Partition: 2})
	write(t, c, slices.Concat(numbered(0, 5, 9), numbered(1, 5, 9))...)
	if got := gather(t, r, 5); len(got) != 1 || len(got["t-2"]) != 5 {
		t.Errorf("after removing: %v", got)
	}
}

func TestPollHonoursItsContextAndClose(t *testing.T) {
	_, c := cluster(t, 1)
	r := read(t, c, Assignment{Topic: "t"})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := r.Poll(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, r.Close)
	if _, err := r.Poll(context.Background(), 0); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func BenchmarkRead(b *testing.B) {
	br := broker(b, embedded.Config{})
	c := dial(b, br)
	create(b, c, "t", 1)
	k, err := c.NewBulk(ProducerConfig{Linger: 5 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	const n = 400_000
	value := make([]byte, 80)
	for range n {
		k.Add(context.Background(), Record{Topic: "t", Key: []byte("12345678"), Value: value})
	}
	if err := k.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := readWith(b, c, ReaderConfig{}, Assignment{Topic: "t"})
		count, bytes := 0, 0
		for count < n {
			batch, err := r.Poll(context.Background(), 0)
			if err != nil {
				b.Fatal(err)
			}
			for i := range batch.Partitions {
				for r := range batch.Partitions[i].All() {
					bytes += len(r.Value)
					count++
				}
			}
		}
		r.Close()
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkBulk produces to a broker that fsyncs each batch.
func BenchmarkBulk(b *testing.B) {
	br := broker(b, embedded.Config{Dir: b.TempDir()})
	c := dial(b, br)
	create(b, c, "t", 4)
	k, err := c.NewBulk(ProducerConfig{Linger: 5 * time.Millisecond, Compression: Compression{Codec: "lz4"}})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	value, i := make([]byte, 80), 0
	for b.Loop() {
		k.Add(context.Background(), Record{Topic: "t", Partition: int32(i % 4), Key: []byte("12345678"), Value: value})
		i++
	}
	if err := k.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
