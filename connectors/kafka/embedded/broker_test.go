package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// clock is a settable clock in milliseconds.
type clock struct{ ms atomic.Int64 }

func (c *clock) now() time.Time { return time.UnixMilli(c.ms.Load()) }

func start(t *testing.T, cfg Config) *Broker {
	t.Helper()
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func client(t *testing.T, b *Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.Addr()), kgo.MetadataMinAge(50 * time.Millisecond), kgo.DisableClientMetrics(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func createTopic(t *testing.T, b *Broker, name string, partitions int32, config map[string]*string) {
	t.Helper()
	if _, err := kadm.NewClient(client(t, b)).CreateTopic(soon(t), partitions, 1, config, name); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, c *kgo.Client, rs ...*kgo.Record) {
	t.Helper()
	if err := c.ProduceSync(soon(t), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume reads n records of a topic from its start, by partition.
func consume(t *testing.T, b *Broker, topic string, n int) map[int32][]*kgo.Record {
	t.Helper()
	c := client(t, b, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond))
	got := make(map[int32][]*kgo.Record)
	ctx := soon(t)
	for count := 0; count < n; {
		fs := c.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", count, n, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			got[r.Partition] = append(got[r.Partition], r)
			count++
		})
	}
	return got
}

func requireStamped(t *testing.T, r *kgo.Record, ms int64) {
	t.Helper()
	if got := r.Timestamp.UnixMilli(); got != ms || r.Attrs.TimestampType() != 1 {
		t.Fatalf("record %d of partition %d: time %d of type %d, want %d of type 1 (LogAppendTime)",
			r.Offset, r.Partition, got, r.Attrs.TimestampType(), ms)
	}
}

const t0 = 1_700_000_000_000

// lie is a record whose producer claims a time decades away, another for each.
func lie(partition int32, i int) *kgo.Record {
	when := time.Date(1970+i*7%130, 1, 1+i%28, 0, 0, 0, 0, time.UTC)
	return &kgo.Record{Topic: "t", Partition: partition, Key: fmt.Append(nil, i),
		Value: bytes.Repeat([]byte("x"), 50), Timestamp: when}
}

func TestConsumersSeeAppendTimeWhateverTheProducerClaims(t *testing.T) {
	producers := map[string][]kgo.Opt{
		"plain":          {kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(kgo.NoCompression())},
		"leader acks":    {kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck())},
		"idempotent":     {kgo.ProducerBatchCompression(kgo.NoCompression())},
		"gzip":           {kgo.ProducerBatchCompression(kgo.GzipCompression())},
		"snappy":         {kgo.ProducerBatchCompression(kgo.SnappyCompression())},
		"lz4":            {kgo.ProducerBatchCompression(kgo.Lz4Compression())},
		"zstd":           {kgo.ProducerBatchCompression(kgo.ZstdCompression())},
		"linger":         {kgo.ProducerLinger(20 * time.Millisecond)},
		"topics by name": {kgo.MaxVersions(olderVersions())},
	}
	for name, opts := range producers {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			c.ms.Store(t0)
			b := start(t, Config{Dir: t.TempDir(), Now: c.now})
			createTopic(t, b, "t", 3, nil)
			p := client(t, b, opts...)
			for wave := range 4 {
				c.ms.Store(t0 + int64(wave)*1000)
				var rs []*kgo.Record
				for i := range 30 {
					rs = append(rs, lie(int32(i%3), i))
				}
				produce(t, p, rs...) // one request with a batch for each partition
			}
			for part, rs := range consume(t, b, "t", 120) {
				for i, r := range rs {
					requireStamped(t, r, t0+int64(i/10)*1000)
					if r.Offset != int64(i) {
						t.Fatalf("partition %d: record %d has offset %d", part, i, r.Offset)
					}
				}
			}
		})
	}
}

func TestTransactionsAreStamped(t *testing.T) {
	c := &clock{}
	c.ms.Store(t0)
	b := start(t, Config{Dir: t.TempDir(), Now: c.now})
	createTopic(t, b, "t", 1, nil)
	p := client(t, b, kgo.TransactionalID("tx"))
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		c.ms.Store(t0 + int64(i))
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, p, lie(0, i))
		if err := p.EndTransaction(soon(t), commit); err != nil {
			t.Fatal(err)
		}
	}
	rs := consume(t, b, "t", 2)[0]
	requireStamped(t, rs[0], t0)
	requireStamped(t, rs[1], t0+2)
	if string(rs[1].Key) != "2" {
		t.Fatalf("the aborted record was read: key %s", rs[1].Key)
	}
}

func TestAppendTimesNeverGoBack(t *testing.T) {
	c, dir := &clock{}, t.TempDir()
	c.ms.Store(t0)
	b := start(t, Config{Dir: dir, Now: c.now})
	createTopic(t, b, "t", 2, nil)
	produce(t, client(t, b), lie(0, 1))
	c.ms.Store(t0 - 5000) // the clock is set back
	produce(t, client(t, b), lie(0, 2), lie(1, 2))
	b.Close()

	c.ms.Store(t0 - 60_000) // and further, over a restart
	b = start(t, Config{Dir: dir, Now: c.now})
	produce(t, client(t, b), lie(1, 3))
	c.ms.Store(t0 + 7)
	produce(t, client(t, b), lie(1, 4))

	got := consume(t, b, "t", 5)
	requireStamped(t, got[0][0], t0)
	requireStamped(t, got[0][1], t0)
	requireStamped(t, got[1][0], t0)
	requireStamped(t, got[1][1], t0)
	requireStamped(t, got[1][2], t0+7)
}

func TestLogHoldsTheStampsAndIsReadAfterReopening(t *testing.T) {
	c, dir := &clock{}, t.TempDir()
	c.ms.Store(t0)
	b := start(t, Config{Dir: dir, Now: c.now})
	createTopic(t, b, "t", 1, nil)
	p := client(t, b, kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	for i := range 20 {
		c.ms.Store(t0 + int64(i))
		produce(t, p, lie(0, i), lie(0, i+1))
	}
	addr := b.Addr()
	b.Close()

	times := batchTimes(t, dir)
	if len(times) != 20 {
		t.Fatalf("%d batches on disk, want 20", len(times))
	}
	for i, ms := range times {
		if ms != t0+int64(i) {
			t.Errorf("batch %d on disk: max timestamp %d, want %d", i, ms, t0+i)
		}
	}
	c.ms.Store(t0 + 500)
	b = start(t, Config{Dir: dir, Addr: addr, Now: c.now})
	if b.Addr() != addr {
		t.Fatalf("reopened at %s, want %s", b.Addr(), addr)
	}
	rs := consume(t, b, "t", 40)[0]
	for i, r := range rs {
		requireStamped(t, r, t0+int64(i/2))
	}
}

// batchTimes reads the max timestamps of the one partition on disk.
func batchTimes(t *testing.T, dir string) []int64 {
	t.Helper()
	var out []int64
	for _, name := range segments(t, dir) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for len(raw) > 0 {
			size := batchSize(raw)
			if !intact(raw[:size]) {
				t.Fatalf("%s: a batch with a wrong checksum", name)
			}
			out = append(out, int64(binary.BigEndian.Uint64(raw[maxTimeAt:])))
			raw = raw[size:]
		}
	}
	return out
}

func TestWrongChecksumIsRefusedAndNotStored(t *testing.T) {
	b := start(t, Config{Dir: t.TempDir()})
	createTopic(t, b, "t", 1, nil)
	c := client(t, b)
	good := rawBatch([]byte("key"), []byte("value"))
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	twice := append(bytes.Clone(good), good...)
	for name, raw := range map[string][]byte{"flipped bit": bad, "cut": good[:len(good)-1], "two batches": twice, "header only": good[:30]} {
		if err := produceRaw(t, c, raw); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := produceRaw(t, c, bad); !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("flipped bit: %v, want CORRUPT_MESSAGE", err)
	}
	if err := produceRaw(t, c, good); err != nil {
		t.Fatal(err)
	}
	rs := consume(t, b, "t", 1)[0]
	if len(rs) != 1 || rs[0].Offset != 0 || string(rs[0].Value) != "value" {
		t.Fatalf("got %d records, first %+v", len(rs), rs[0])
	}
}

func TestClaimedLogAppendTimeBitIsNotBelieved(t *testing.T) {
	c := &clock{}
	c.ms.Store(t0)
	b := start(t, Config{Dir: t.TempDir(), Now: c.now})
	createTopic(t, b, "t", 1, nil)
	raw := rawBatch([]byte("k"), []byte("v"))
	raw[attributesLowByte] |= logAppendTimeBit
	seal(raw)
	if err := produceRaw(t, client(t, b), raw); err != nil {
		t.Fatal(err)
	}
	requireStamped(t, consume(t, b, "t", 1)[0][0], t0)
}

// rawBatch is a batch of one record as a simple client would write it.
func rawBatch(key, value []byte) []byte {
	r := kmsg.NewRecord()
	r.Key, r.Value = key, value
	r.TimestampDelta64 = 99
	r.Length = int32(len(r.AppendTo(nil)) - 1)
	rb := kmsg.NewRecordBatch()
	rb.PartitionLeaderEpoch = -1
	rb.Magic = 2
	rb.FirstTimestamp, rb.MaxTimestamp = 12345, 99999999999999
	rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = -1, -1, -1
	rb.NumRecords = 1
	rb.Records = r.AppendTo(nil)
	raw := rb.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[lengthAt:], uint32(len(raw)-lengthPrefix))
	seal(raw)
	return raw
}

func produceRaw(t *testing.T, c *kgo.Client, raw []byte) error {
	t.Helper()
	info, err := kadm.NewClient(c).ListTopics(soon(t), "t")
	if err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 1000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID = "t", info["t"].ID
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = raw
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(soon(t), c)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

func TestDirectoryIsHeldByOneBroker(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	_, err := Open(Config{Dir: dir})
	var held *InUseError
	if !errors.As(err, &held) || held.PID != os.Getpid() || held.Dir != dir {
		t.Fatalf("second open: %v", err)
	}
	if want := fmt.Sprint("process ", os.Getpid()); !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %q names neither the directory nor %q", err, want)
	}
	b.Close()
	start(t, Config{Dir: dir}).Close()
}

func TestIdentitySurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	identity := func(b *Broker) string {
		md, err := kadm.NewClient(client(t, b)).Metadata(soon(t), "t")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(md.Cluster, " ", md.Topics["t"].ID, " ", len(md.Topics["t"].Partitions))
	}
	b := start(t, Config{Dir: dir})
	createTopic(t, b, "t", 3, nil)
	before := identity(b)
	b.Close()
	b = start(t, Config{Dir: dir})
	if after := identity(b); after != before {
		t.Errorf("identity %s, was %s", after, before)
	}
	other := start(t, Config{})
	createTopic(t, other, "t", 3, nil)
	if identity(other) == before {
		t.Error("two clusters have the same identity")
	}
}

func TestStrangersAreDisconnected(t *testing.T) {
	b := start(t, Config{})
	for _, hello := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x00\x00\x00\x10\x7f\xff\x00\x00\x00\x00\x00\x01........",
		"\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01",
	} {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		io.WriteString(conn, hello)
		if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: read %d bytes, %v, want a closed connection", hello, n, err)
		}
		conn.Close()
	}
	createTopic(t, b, "t", 1, nil) // the broker lives on
}

func TestShareGroupsSeeAppendTime(t *testing.T) {
	c := &clock{}
	c.ms.Store(t0)
	b := start(t, Config{Now: c.now})
	createTopic(t, b, "t", 1, nil)
	s := client(t, b, kgo.ShareGroup("g"), kgo.ConsumeTopics("t"))
	p := client(t, b)
	ctx := soon(t)
	for i := 0; ; i++ { // a share group begins at the end, so go on until it reads
		produce(t, p, lie(0, i))
		poll, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		fs := s.PollFetches(poll)
		cancel()
		if err := ctx.Err(); err != nil {
			t.Fatal("the share group reads nothing")
		}
		if rs := fs.Records(); len(rs) > 0 {
			requireStamped(t, rs[0], t0)
			return
		}
	}
}
