package kafka

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ReaderConfig tunes a Reader. The zero value is good for most.
type ReaderConfig struct {
	// MaxBytes bounds one answer of one broker; a Reader holds at most two
	// per broker. Default 16 MiB. A larger batch is still read, alone.
	MaxBytes int32

	// MaxPartitionBytes bounds one partition's part of an answer. Default 4 MiB.
	MaxPartitionBytes int32

	// MaxWait is how long a broker waits for a first record. It also bounds how
	// long an added partition waits for its first fetch. Default 250 ms.
	MaxWait time.Duration

	// GoneAfter is how long a topic must be missing before that is an
	// *IdentityError and no longer an interruption. Default 3 s.
	GoneAfter time.Duration
}

func (c ReaderConfig) withDefaults() ReaderConfig {
	if c.MaxBytes <= 0 {
		c.MaxBytes = 16 << 20
	}
	if c.MaxPartitionBytes <= 0 {
		c.MaxPartitionBytes = 4 << 20
	}
	if c.MaxWait <= 0 {
		c.MaxWait = 250 * time.Millisecond
	}
	if c.GoneAfter <= 0 {
		c.GoneAfter = 3 * time.Second
	}
	return c
}

// Assignment is a partition to read, and from where.
type Assignment struct {
	Topic     string
	Partition int32
	Offset    int64 // the first wanted

	// TopicID, if not zero, is the topic that must be found under the name;
	// zero takes the one that is found first and holds on to it.
	TopicID TopicID

	// LeaderEpoch is the epoch of the last record read before Offset, with
	// KnownEpoch true. A broker that keeps epochs then says at once if the log
	// was truncated and written anew below Offset.
	LeaderEpoch int32
	KnownEpoch  bool
}

// Batch is what one Poll returns.
type Batch struct {
	Partitions []Records
}

// Reader reads partitions from given offsets.
//
// One goroutine per broker fetches the next answer while the last one is
// worked on; one more learns who leads which partition. They own the fetching
// state of the partitions under mu and never hold it across IO.
type Reader struct {
	kgo *kgo.Client
	cfg ReaderConfig

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	ready  chan struct{} // something may be in a source's buffer
	stale  chan struct{} // leaders must be looked up

	mu      sync.Mutex
	parts   map[TopicPartition]*part
	sources map[int32]*source
	turn    []*source // the sources in the order in which Poll looks at them
	first   int       // with which one it begins, modulo their number
	last    error
	lastAt  time.Time
}

// part is the state of one partition.
type part struct {
	TopicPartition
	id       TopicID
	pinned   bool // id is known
	next     int64
	epoch    int32 // of the last batch read, -1 unknown
	leader   int32 // node, -1 unknown
	leadEp   int32 // the leader's epoch, -1 unknown
	inflight bool
	stopped  bool      // an error was found
	missing  time.Time // since when the topic is not found, zero: it is found
}

// NewReader returns a reader of the assignments, with its own connections.
func (c *Client) NewReader(cfg ReaderConfig, assignments ...Assignment) (*Reader, error) {
	opts, err := c.cfg.options()
	if err != nil {
		return nil, err
	}
	k, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("open reader: %w", err)
	}
	r := &Reader{
		kgo:     k,
		cfg:     cfg.withDefaults(),
		ready:   make(chan struct{}, 1),
		stale:   make(chan struct{}, 1),
		parts:   make(map[TopicPartition]*part),
		sources: make(map[int32]*source),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.tasks.Go(r.follow)
	r.Add(assignments...)
	return r, nil
}

// Add starts reading more partitions. A partition that is read already starts
// again from the given offset.
func (r *Reader) Add(assignments ...Assignment) {
	r.mu.Lock()
	for _, a := range assignments {
		p := &part{
			TopicPartition: TopicPartition{a.Topic, a.Partition},
			id:             a.TopicID, pinned: !a.TopicID.IsZero(),
			next: a.Offset, epoch: -1, leader: -1, leadEp: -1,
		}
		if a.KnownEpoch {
			p.epoch = a.LeaderEpoch
		}
		r.parts[p.TopicPartition] = p
	}
	r.mu.Unlock()
	signal(r.stale)
}

// Remove stops reading partitions; nothing of them is in a later Poll.
func (r *Reader) Remove(tps ...TopicPartition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tp := range tps {
		delete(r.parts, tp)
	}
}

// Poll waits for records, progress or errors, and returns them: at most max
// records, or one batch that is larger; max ≤ 0 means all that is there. It ends with
// ctx's error, or with ErrClosed. While brokers are away it waits: LastError
// says why.
func (r *Reader) Poll(ctx context.Context, max int) (Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Batch{}, err
		}
		if b := r.take(max); len(b.Partitions) > 0 {
			return b, nil
		}
		select {
		case <-r.ready:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		case <-r.ctx.Done():
			return Batch{}, ErrClosed
		}
	}
}

// Each polls and calls fn with every record, until fn fails, a partition is
// stopped by its error, or ctx ends; that error it returns. The *Record is one
// variable, as with Records.All.
func (r *Reader) Each(ctx context.Context, fn func(*Record) error) error {
	for {
		batch, err := r.Poll(ctx, 0)
		if err != nil {
			return err
		}
		for i := range batch.Partitions {
			if err := batch.Partitions[i].Err; err != nil {
				return err
			}
			for rec := range batch.Partitions[i].All() {
				if err := fn(rec); err != nil {
					return err
				}
			}
		}
	}
}

// take empties buffers up to max records. Each call begins with another source.
func (r *Reader) take(max int) Batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b Batch
	room := max
	if max <= 0 {
		room = math.MaxInt
	}
	r.first++
	for i := range r.turn {
		s := r.turn[(r.first+i)%len(r.turn)]
		for len(s.buffer) > 0 {
			c, ok := s.pop(room, len(b.Partitions) == 0)
			if !ok {
				break
			}
			if r.parts[c.part.TopicPartition] != c.part {
				continue // removed, or started again
			}
			room -= c.Count
			b.Partitions = append(b.Partitions, c.Records)
		}
		if len(s.buffer) == 0 {
			signal(s.wake)
		}
	}
	return b
}

// LastError is the last trouble with brokers or metadata and when it was met;
// nil once something was fetched after it. It stops nothing by itself.
func (r *Reader) LastError() (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lastAt, r.last
}

func (r *Reader) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.lastAt = err, time.Now()
}

// Close ends reading and joins the goroutines.
func (r *Reader) Close() {
	r.cancel()
	r.kgo.Close()
	r.tasks.Wait()
}

// signal wakes the channel's one receiver, now or when it next looks.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits for d and reports whether the reader is still open.
func (r *Reader) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}
