package kafka

import (
	"context"
	"fmt"
	"math"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"
)

// Span is what a Bulk wrote to one partition.
type Span struct {
	Count int64 // records acknowledged
	First int64 // the least offset
	Next  int64 // the greatest offset + 1
}

// Bulk is a producer for many records: it does not wait for each, and bounds
// what is under way.
type Bulk struct {
	kgo  *kgo.Client
	size int64               // bound on the bytes under way
	room *semaphore.Weighted // what is left of it

	mu    sync.Mutex
	spans map[TopicPartition]Span
	err   error
}

// NewBulk returns a producer with its own connections.
func (c *Client) NewBulk(cfg ProducerConfig) (*Bulk, error) {
	size := orElse(cfg.MaxBufferedBytes, 32<<20)
	// The Bulk waits for room itself: the library's own wait would either
	// ignore the caller's context or bind the record's fate to it.
	cfg.MaxBufferedRecords, cfg.MaxBufferedBytes = math.MaxInt32, math.MaxInt32
	k, err := open(c.cfg, cfg)
	if err != nil {
		return nil, err
	}
	return &Bulk{
		kgo:   k,
		size:  int64(size),
		room:  semaphore.NewWeighted(int64(size)),
		spans: make(map[TopicPartition]Span),
	}, nil
}

// recordOverhead is what a record costs in memory beside its bytes.
const recordOverhead = 256

// weight is a record's share of the bound; a record beyond it goes alone.
func (b *Bulk) weight(key, value []byte) int64 {
	return min(int64(len(key)+len(value)+recordOverhead), b.size)
}

// Add sends a record, and waits while the bound on what is under way is
// reached. Its slices belong to the Bulk until Flush returns. An error is the
// first that any record met, a *ProduceError; nothing is sent after one.
func (b *Bulk) Add(ctx context.Context, r Record) error {
	if err := b.Err(); err != nil {
		return err
	}
	if err := b.room.Acquire(ctx, b.weight(r.Key, r.Value)); err != nil {
		return &ProduceError{Topic: r.Topic, Partition: r.Partition, Err: fmt.Errorf("wait for room: %w", err)}
	}
	// The record's own context must not end with the call's: the record is
	// under way when Add has returned.
	b.kgo.Produce(context.Background(), outgoing(&r), b.settle)
	return b.Err()
}

func (b *Bulk) settle(r *kgo.Record, err error) {
	b.room.Release(b.weight(r.Key, r.Value))
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		forget(b.kgo, r.Topic, err)
		if b.err == nil {
			b.err = produceError(r.Topic, r.Partition, err)
		}
		return
	}
	tp := TopicPartition{r.Topic, r.Partition}
	s, ok := b.spans[tp]
	if !ok {
		s = Span{First: r.Offset, Next: r.Offset}
	}
	b.spans[tp] = Span{Count: s.Count + 1, First: min(s.First, r.Offset), Next: max(s.Next, r.Offset+1)}
}

// Err is the first error of any record, nil if there was none.
func (b *Bulk) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Flush waits until everything added is acknowledged, or failed.
func (b *Bulk) Flush(ctx context.Context) error {
	if err := b.kgo.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %d records not acknowledged: %w", b.kgo.BufferedProduceRecords(), err)
	}
	return b.Err()
}

// Spans says what was acknowledged so far, by partition. The map is a copy.
func (b *Bulk) Spans() map[TopicPartition]Span {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[TopicPartition]Span, len(b.spans))
	for tp, s := range b.spans {
		out[tp] = s
	}
	return out
}

// Close drops what is not flushed, and the connections.
func (b *Bulk) Close() { b.kgo.Close() }
