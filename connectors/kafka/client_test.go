package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"anabranch.dev/anabranch/connectors/kafka/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func broker(t testing.TB, cfg embedded.Config) *embedded.Broker {
	t.Helper()
	b, err := embedded.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func dial(t testing.TB, b *embedded.Broker, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Brokers: []string{b.Addr()}}
	for _, f := range change {
		f(&cfg)
	}
	c, err := Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func create(t testing.TB, c *Client, name string, partitions int32) {
	t.Helper()
	if err := c.CreateTopic(soon(t), NewTopic{Name: name, Partitions: partitions}); err != nil {
		t.Fatal(err)
	}
}

// cluster is a broker with topic "t", and a client.
func cluster(t testing.TB, partitions int32) (*embedded.Broker, *Client) {
	t.Helper()
	b := broker(t, embedded.Config{})
	c := dial(t, b)
	create(t, c, "t", partitions)
	return b, c
}

func numbered(partition int32, from, to int) []Record {
	var out []Record
	for i := from; i < to; i++ {
		out = append(out, Record{Topic: "t", Partition: partition, Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, "v", i)})
	}
	return out
}

func write(t testing.TB, c *Client, records ...Record) []Produced {
	t.Helper()
	out, err := c.Produce(soon(t), records)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestProduceSaysWhereRecordsAre(t *testing.T) {
	for _, codec := range []string{"", "none", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			b, _ := cluster(t, 3)
			c := dial(t, b, func(cfg *Config) { cfg.Compression.Codec = codec })
			for wave := range int64(3) {
				out := write(t, c, slices.Concat(numbered(2, 0, 5), numbered(0, 0, 5))...)
				for i, p := range out {
					want := Produced{Partition: 2, Offset: wave*5 + int64(i)}
					if i >= 5 {
						want = Produced{Partition: 0, Offset: wave*5 + int64(i-5)}
					}
					if p != want {
						t.Fatalf("wave %d, record %d: %+v, want %+v", wave, i, p, want)
					}
				}
			}
		})
	}
}

func TestProduceErrorsSayWhatBecameOfTheRecord(t *testing.T) {
	b, c := cluster(t, 1)
	big := Record{Topic: "t", Value: bytes.Repeat([]byte("x"), 2<<20)}
	out, err := c.Produce(soon(t), []Record{{Topic: "t"}, big})
	pe, ok := errors.AsType[*ProduceError](err)
	if !ok || pe.Unknown || pe.Topic != "t" || out[0].Offset != 0 || out[1].Offset != -1 {
		t.Errorf("too large: %+v, %v", out, err)
	}
	_, err = c.Produce(soon(t), []Record{{Topic: "absent"}})
	if pe, ok := errors.AsType[*ProduceError](err); !ok || pe.Unknown {
		t.Errorf("absent topic: %v", err)
	}
	write(t, c, Record{Topic: "t"})
	b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err = c.Produce(ctx, []Record{{Topic: "t"}})
	if pe, ok := errors.AsType[*ProduceError](err); !ok || !pe.Unknown || !IsRetriable(err) {
		t.Errorf("broker away: %v", err)
	}
}

func TestLargeRecordsNeedLargerBounds(t *testing.T) {
	b, _ := cluster(t, 1)
	c := dial(t, b, func(cfg *Config) { cfg.MaxBatchBytes = 4 << 20 })
	big := []Record{{Topic: "big", Value: bytes.Repeat([]byte("x"), 3<<20)}}
	err := c.CreateTopic(soon(t), NewTopic{Name: "big", Partitions: 1, Config: map[string]string{"max.message.bytes": "4194304"}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, big...)
	r := readWith(t, c, ReaderConfig{MaxBytes: 1 << 16, MaxPartitionBytes: 1 << 16}, Assignment{Topic: "big"})
	if rs := gather(t, r, 1)["big-0"]; len(rs[0].Value) != 3<<20 {
		t.Errorf("read %d bytes", len(rs[0].Value))
	}
}

func TestBulkBoundsWhatIsUnderWay(t *testing.T) {
	b, c := cluster(t, 2)
	k, err := c.NewBulk(ProducerConfig{MaxBufferedBytes: 4096, Linger: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	const n = 2000
	for i := range n {
		if err := k.Add(soon(t), Record{Topic: "t", Partition: int32(i % 2), Value: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
		if buffered := k.kgo.BufferedProduceRecords(); buffered > 4096/recordOverhead {
			t.Fatalf("%d records under way", buffered)
		}
	}
	if err := k.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	want := Span{Count: n / 2, First: 0, Next: n / 2}
	for p := range int32(2) {
		if got := k.Spans()[TopicPartition{"t", p}]; got != want {
			t.Errorf("partition %d: %+v, want %+v", p, got, want)
		}
	}
	b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	for err == nil {
		err = k.Add(ctx, Record{Topic: "t"})
	}
	if pe, ok := errors.AsType[*ProduceError](err); !ok || pe.Unknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no room: %v", err)
	}
}

func TestBulkKeepsTheFirstError(t *testing.T) {
	_, c := cluster(t, 1)
	k, err := c.NewBulk(ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	k.Add(soon(t), Record{Topic: "t", Value: make([]byte, 2<<20)})
	err = k.Flush(soon(t))
	if pe, ok := errors.AsType[*ProduceError](err); !ok || pe.Unknown {
		t.Fatalf("flush: %v", err)
	}
	if again := k.Add(soon(t), Record{Topic: "t"}); again != err {
		t.Errorf("add after an error: %v", again)
	}
}

func TestTopicsAreDescribed(t *testing.T) {
	b, c := cluster(t, 3)
	topic, err := c.Topic(soon(t), "t")
	if err != nil || topic.Name != "t" || topic.ID.IsZero() || len(topic.Partitions) != 3 || topic.Partitions[2].Partition != 2 {
		t.Fatalf("%+v, %v", topic, err)
	}
	if _, err := c.Topic(soon(t), "absent"); !errors.Is(err, ErrNoTopic) {
		t.Errorf("absent topic: %v", err)
	}
	if err := c.CreateTopic(soon(t), NewTopic{Name: "t", Partitions: 1}); !errors.Is(err, ErrTopicExists) {
		t.Errorf("create twice: %v", err)
	}
	if err := c.DeleteTopic(soon(t), "absent"); !errors.Is(err, ErrNoTopic) {
		t.Errorf("delete absent: %v", err)
	}
	err = c.CreateTopic(soon(t), NewTopic{Name: "conf", Partitions: 2, Config: map[string]string{"cleanup.policy": "delete", "retention.ms": "123"}})
	if err != nil {
		t.Fatal(err)
	}
	conf, err := c.TopicConfig(soon(t), "conf")
	if err != nil || conf["retention.ms"] != "123" || conf["message.timestamp.type"] != "LogAppendTime" || conf["cleanup.policy"] != "delete" {
		t.Errorf("configuration %v, %v", conf, err)
	}
	if _, err := c.TopicConfig(soon(t), "absent"); !errors.Is(err, ErrNoTopic) {
		t.Errorf("configuration of absent: %v", err)
	}
	names, err := c.TopicNames(soon(t))
	if err != nil || !slices.Equal(names, []string{"conf", "t"}) {
		t.Errorf("names %v, %v", names, err)
	}
	id, err := c.ClusterID(soon(t))
	if err != nil || id == "" {
		t.Errorf("cluster id %q, %v", id, err)
	}
	if other, _ := dial(t, b).ClusterID(soon(t)); other != id {
		t.Errorf("another client sees cluster %q, not %q", other, id)
	}
}

func TestOffsetsAreListed(t *testing.T) {
	_, c := cluster(t, 2)
	tps := []TopicPartition{{"t", 0}, {"t", 1}}
	write(t, c, numbered(1, 0, 10)...)
	if err := c.DeleteRecords(soon(t), map[TopicPartition]int64{tps[1]: 4}); err != nil {
		t.Fatal(err)
	}
	starts, err := c.StartOffsets(soon(t), tps)
	if err != nil || starts[tps[0]].Offset != 0 || starts[tps[1]].Offset != 4 {
		t.Errorf("starts %v, %v", starts, err)
	}
	ends, err := c.EndOffsets(soon(t), tps)
	if err != nil || ends[tps[0]] != (End{0, 0, 0}) || ends[tps[1]] != (End{10, 10, 0}) {
		t.Errorf("ends %v, %v", ends, err)
	}
	epochs, err := c.EpochEnds(soon(t), map[TopicPartition]int32{tps[0]: 0, tps[1]: 0})
	if err != nil || epochs[tps[1]] != (Offset{10, 0}) || epochs[tps[0]] != (Offset{0, 0}) {
		t.Errorf("epoch ends %v, %v", epochs, err)
	}
	if _, err := c.EndOffsets(soon(t), []TopicPartition{{"absent", 0}}); !errors.Is(err, ErrNoTopic) {
		t.Errorf("end of absent topic: %v", err)
	}
	if _, err := c.EndOffsets(soon(t), []TopicPartition{{"t", 7}}); err == nil {
		t.Error("end of absent partition: no error")
	}
}

func TestIdentityTellsRecreation(t *testing.T) {
	_, c := cluster(t, 2)
	was, err := c.Identity(soon(t), "t")
	if err != nil || len(was.LeaderEpochs) != 2 {
		t.Fatal(was, err)
	}
	if err := was.Compare("t", was); err != nil {
		t.Errorf("the same: %v", err)
	}
	if err := c.DeleteTopic(soon(t), "t"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Identity(soon(t), "t"); !errors.Is(err, ErrNoTopic) {
		t.Errorf("deleted: %v", err)
	}
	create(t, c, "t", 2)
	is, err := c.Identity(soon(t), "t")
	if err != nil {
		t.Fatal(err)
	}
	ie, ok := errors.AsType[*IdentityError](was.Compare("t", is))
	if !ok || ie.Partition != -1 || !strings.Contains(ie.Error(), "created anew") {
		t.Errorf("recreated: %v", ie)
	}
	write(t, c, numbered(0, 0, 3)...) // the client does not stay on the old id
}

func TestIdentityComparesEverything(t *testing.T) {
	was := Identity{ClusterID: "c", TopicID: TopicID{1}, LeaderEpochs: []int32{3, 4}}
	for name, c := range map[string]struct {
		now  Identity
		want string
	}{
		"later epochs, more partitions": {Identity{"c", TopicID{1}, []int32{3, 9, 0}}, ""},
		"other cluster":                 {Identity{"d", TopicID{1}, []int32{3, 4}}, "another cluster"},
		"other topic":                   {Identity{"c", TopicID{2}, []int32{3, 4}}, "created anew"},
		"fewer partitions":              {Identity{"c", TopicID{1}, []int32{3}}, "it had 2 partitions"},
		"epoch went back":               {Identity{"c", TopicID{1}, []int32{3, 2}}, "went back from 4 to 2"},
	} {
		err := was.Compare("t", c.now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestDialerCarriesEverything(t *testing.T) {
	b := broker(t, embedded.Config{})
	var dials atomic.Int32
	const delay = 30 * time.Millisecond
	c := dial(t, b, func(cfg *Config) {
		cfg.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials.Add(1)
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return slow{conn, delay}, err
		}
	})
	create(t, c, "t", 1)
	write(t, c, numbered(0, 0, 1)...)
	began := time.Now()
	write(t, c, numbered(0, 1, 2)...)
	if took := time.Since(began); took < delay {
		t.Errorf("produced in %v through a link of %v", took, delay)
	}
	r := read(t, c, Assignment{Topic: "t"})
	if got := gather(t, r, 2); len(got["t-0"]) != 2 {
		t.Errorf("read %v", got)
	}
	if dials.Load() < 3 {
		t.Errorf("%d connections through the dialer", dials.Load())
	}
}

// slow delays what is written.
type slow struct {
	net.Conn
	delay time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	time.Sleep(s.delay)
	return s.Conn.Write(p)
}
