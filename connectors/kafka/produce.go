package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ProducerConfig tunes a producer.
type ProducerConfig struct {
	Compression Compression

	// Linger is how long a batch waits for more records. Default 0.
	Linger time.Duration

	// MaxBufferedRecords and MaxBufferedBytes bound what is not yet
	// acknowledged; producing more blocks. Defaults 10,000 and 32 MiB. A Bulk
	// looks at the bytes only.
	MaxBufferedRecords int
	MaxBufferedBytes   int

	// MaxBatchBytes bounds one batch. Default 1,000,012, just what brokers
	// accept by default.
	MaxBatchBytes int32
}

func (p ProducerConfig) options() ([]kgo.Opt, error) {
	codec, err := p.Compression.codec()
	if err != nil {
		return nil, err
	}
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(p.Linger),
		kgo.MaxBufferedRecords(orElse(p.MaxBufferedRecords, 10_000)),
		kgo.MaxBufferedBytes(orElse(p.MaxBufferedBytes, 32<<20)),
	}
	if p.MaxBatchBytes > 0 {
		opts = append(opts, kgo.ProducerBatchMaxBytes(p.MaxBatchBytes))
	}
	return opts, nil
}

func orElse(v, otherwise int) int {
	if v > 0 {
		return v
	}
	return otherwise
}

// Produced says where a record is.
type Produced struct {
	Partition int32
	Offset    int64 // -1: see the error
}

// Produce appends the records and waits until all are acknowledged by all
// in-sync replicas. Records of one partition keep their order. The result has
// one entry per record. An error is the first *ProduceError in order of the
// records; the entries of those that failed have Offset -1. If ctx ends first,
// the fate of what was under way is unknown, and the records' slices must not
// be changed afterwards.
func (c *Client) Produce(ctx context.Context, records []Record) ([]Produced, error) {
	w := newWave(records)
	for i := range records {
		c.kgo.Produce(ctx, outgoing(&records[i]), func(r *kgo.Record, err error) { w.settle(i, r, err) })
	}
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	out, errs := w.result(records, ctx.Err())
	for i, err := range errs {
		if err != nil {
			forget(c.kgo, records[i].Topic, err)
			return out, produceError(records[i].Topic, records[i].Partition, err)
		}
	}
	return out, nil
}

func outgoing(r *Record) *kgo.Record {
	k := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		k.Headers = append(k.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return k
}

// forget drops what the client knows of a topic that the cluster does not know:
// a recreated topic would otherwise be addressed by its old id for ever.
func forget(k *kgo.Client, topic string, err error) {
	if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		k.PurgeTopicsFromProducing(topic)
	}
}

// wave is a set of records under way. It outlives the call that started it if
// the call's context ends.
type wave struct {
	mu   sync.Mutex
	out  []Produced
	errs []error
	open []bool
	left int
	done chan struct{}
}

func newWave(records []Record) *wave {
	w := &wave{
		out:  make([]Produced, len(records)),
		errs: make([]error, len(records)),
		open: make([]bool, len(records)),
		left: len(records),
		done: make(chan struct{}),
	}
	for i := range records {
		w.out[i] = Produced{Partition: records[i].Partition, Offset: -1}
		w.open[i] = true
	}
	if len(records) == 0 {
		close(w.done)
	}
	return w
}

func (w *wave) settle(i int, r *kgo.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[i] = false
	if w.errs[i] = err; err == nil {
		w.out[i].Offset = r.Offset
	}
	if w.left--; w.left == 0 {
		close(w.done)
	}
}

// result copies what is known now; what is still under way failed with cause.
func (w *wave) result(records []Record, cause error) ([]Produced, []error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	errs := append([]error(nil), w.errs...)
	for i := range records {
		if w.open[i] {
			errs[i] = fmt.Errorf("no answer yet: %w", cause)
		}
	}
	return append([]Produced(nil), w.out...), errs
}
