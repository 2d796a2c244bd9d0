package kafka

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// source fetches from one broker. Its buffer holds one answer; the next is
// asked for once Poll has taken it.
type source struct {
	r      *Reader
	node   int32
	wake   chan struct{} // the buffer is empty, or there are other partitions
	buffer []chunk       // under Reader.mu
}

// chunk is a part of an answer: what it says about one partition.
type chunk struct {
	Records
	part *part
}

// pop takes the first chunk, or as many of its batches as hold at most room
// records; the first batch in any case if must. The caller holds mu and has seen
// that the buffer is not empty.
func (s *source) pop(room int, must bool) (chunk, bool) {
	c := s.buffer[0]
	if c.Count <= room || must && len(c.batches) < 2 {
		s.buffer[0] = chunk{} // let go of the bytes
		s.buffer = s.buffer[1:]
		return c, true
	}
	n, count := 0, 0
	for n < len(c.batches) && (must && n == 0 || count+c.batches[n].wanted <= room) {
		count += c.batches[n].wanted
		n++
	}
	if n == 0 {
		return chunk{}, false
	}
	rest := &s.buffer[0]
	rest.batches, rest.Count = c.batches[n:], c.Count-count
	last := c.batches[n-1]
	c.batches, c.Count, c.Next, c.LeaderEpoch = c.batches[:n:n], count, last.last+1, last.epoch
	rest.From = c.Next
	return c, true
}

func (s *source) run() {
	failed := 0
	for {
		parts := s.fetchable()
		if len(parts) == 0 {
			select {
			case <-s.wake:
				continue
			case <-s.r.ctx.Done():
				return
			}
		}
		err := s.fetch(parts)
		if s.r.ctx.Err() != nil {
			return
		}
		if err == nil {
			failed = 0
			continue
		}
		// A broker that is away may have lost its partitions to another.
		s.r.note(fmt.Errorf("fetch from broker %d: %w", s.node, err))
		signal(s.r.stale)
		if failed++; !s.r.pause(backoff(failed)) {
			return
		}
	}
}

// fetchable claims the partitions to ask for, none while the buffer is full.
func (s *source) fetchable() []*part {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if len(s.buffer) > 0 {
		return nil
	}
	var out []*part
	for _, p := range s.r.parts {
		if p.leader == s.node && !p.stopped && !p.inflight {
			p.inflight = true
			out = append(out, p)
		}
	}
	// A broker fills its answer in the order asked: no partition may always
	// come last. The rest of the order keeps topics together.
	slices.SortFunc(out, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	if len(out) > 1 {
		n := rand.IntN(len(out))
		out = slices.Concat(out[n:], out[:n])
	}
	return out
}

// fetch asks for the partitions and buffers the answer. The caller has claimed
// them.
func (s *source) fetch(parts []*part) error {
	req := s.request(parts)
	answer, err := s.r.kgo.Broker(int(s.node)).Request(s.r.ctx, req)
	if err == nil {
		resp := answer.(*kmsg.FetchResponse)
		if err = kerr.ErrorForCode(resp.ErrorCode); err == nil {
			s.digest(parts, resp)
			return nil
		}
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, p := range parts {
		p.inflight = false
	}
	return err
}

func (s *source) request(parts []*part) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(s.r.cfg.MaxWait.Milliseconds())
	req.MinBytes = 1
	req.MaxBytes = s.r.cfg.MaxBytes
	req.IsolationLevel = 1 // read committed
	req.SessionEpoch = -1  // no session: every request names its partitions
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, p := range parts {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].TopicID != p.id {
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = p.Topic, p.id
			req.Topics = append(req.Topics, t)
		}
		t := &req.Topics[len(req.Topics)-1]
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition = p.Partition
		rp.CurrentLeaderEpoch = p.leadEp
		rp.LastFetchedEpoch = p.epoch
		rp.FetchOffset = p.next
		rp.PartitionMaxBytes = s.r.cfg.MaxPartitionBytes
		t.Partitions = append(t.Partitions, rp)
	}
	return req
}

// digest decodes an answer outside the lock, then publishes it.
func (s *source) digest(parts []*part, resp *kmsg.FetchResponse) {
	byID := make(map[TopicID]map[int32]*kmsg.FetchResponseTopicPartition)
	byName := make(map[string]map[int32]*kmsg.FetchResponseTopicPartition)
	for i := range resp.Topics {
		t := &resp.Topics[i]
		ps := make(map[int32]*kmsg.FetchResponseTopicPartition, len(t.Partitions))
		for j := range t.Partitions {
			ps[t.Partitions[j].Partition] = &t.Partitions[j]
		}
		byID[t.TopicID], byName[t.Topic] = ps, ps
	}
	var chunks []chunk
	for _, p := range parts {
		ps := byName[p.Topic]
		if resp.Version >= 13 {
			ps = byID[p.id]
		}
		if c, ok := s.r.digest(p, ps[p.Partition]); ok {
			chunks = append(chunks, c)
		}
	}
	s.publish(parts, chunks)
}

func (s *source) publish(parts []*part, chunks []chunk) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	for _, c := range chunks {
		c.part.next, c.part.epoch = c.Next, c.LeaderEpoch
	}
	for _, p := range parts {
		p.inflight = false
		if p.leader != s.node {
			if other := s.r.sources[p.leader]; other != nil {
				signal(other.wake) // it could not have it meanwhile
			}
		}
	}
	s.r.last = nil
	s.buffer = append(s.buffer, chunks...)
	if len(chunks) > 0 {
		signal(s.r.ready)
	}
}

// digest decodes what a broker says about p, and reports whether that is
// anything to tell. Only the source that claimed p calls it.
func (r *Reader) digest(p *part, rp *kmsg.FetchResponseTopicPartition) (chunk, bool) {
	if rp == nil {
		return chunk{}, false
	}
	if rp.ErrorCode != 0 {
		r.refused(p, kerr.ErrorForCode(rp.ErrorCode))
		return chunk{}, false
	}
	if d := rp.DivergingEpoch; d.EndOffset >= 0 {
		r.fail(p, &IdentityError{Topic: p.Topic, Partition: p.Partition,
			Reason: fmt.Sprintf("it was truncated to offset %d and written anew; it had been read up to %d", d.EndOffset, p.next)})
		return chunk{}, false
	}
	c := chunk{part: p, Records: Records{
		Topic: p.Topic, Partition: p.Partition, From: p.next, Next: p.next, LeaderEpoch: p.epoch,
		HighWatermark: rp.HighWatermark, LastStable: rp.LastStableOffset, LogStart: rp.LogStartOffset,
	}}
	err := c.decode(rp)
	if err != nil && c.Next == p.next {
		r.fail(p, &CorruptError{Topic: p.Topic, Partition: p.Partition, Offset: p.next, Reason: err})
	}
	return c, c.Next > p.next // what is behind an error is asked for again
}

// refused handles a partition's error code.
func (r *Reader) refused(p *part, err error) {
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		r.outOfRange(p)
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID), kerr.IsRetriable(err):
		// Let the lookup say what became of it; until then do not ask again.
		r.mu.Lock()
		p.leader = -1
		r.mu.Unlock()
		r.note(fmt.Errorf("fetch %s-%d: %w", p.Topic, p.Partition, err))
		signal(r.stale)
	default:
		r.fail(p, fmt.Errorf("read %s-%d: %w", p.Topic, p.Partition, err))
	}
}

func (r *Reader) fail(p *part, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop(p, err)
}

// outOfRange asks for the log's bounds to tell a gap from a passing confusion,
// such as a leader that does not know its high watermark yet.
func (r *Reader) outOfRange(p *part) {
	start, end, err := bounds(r.ctx, r.kgo, p.TopicPartition)
	if err != nil {
		r.note(fmt.Errorf("ask for the bounds of %s-%d: %w", p.Topic, p.Partition, err))
		r.pause(backoff(1))
		return
	}
	if p.next >= start && p.next <= end {
		r.pause(backoff(1))
		return
	}
	r.fail(p, &GapError{Topic: p.Topic, Partition: p.Partition, Want: p.next, LogStart: start, LogEnd: end})
}

var decompressor = kgo.DefaultDecompressor()

// decode appends the committed records of an answer and moves Next beyond all
// that the answer covers.
func (c *chunk) decode(rp *kmsg.FetchResponseTopicPartition) error {
	aborted := newAborted(rp.AbortedTransactions)
	for in := rp.RecordBatches; len(in) > 0; {
		d, rest, err := nextBatch(in, c.Next, decompressor)
		if err == errCut && len(in) < len(rp.RecordBatches) {
			return nil
		}
		if err != nil {
			return err
		}
		in = rest
		if d.last < c.Next {
			continue
		}
		if aborted.keeps(&d) && d.wanted > 0 {
			c.batches = append(c.batches, d)
			c.Count += d.wanted
		}
		c.Next, c.LeaderEpoch = d.last+1, d.epoch
	}
	return nil
}

// aborted follows the aborted transactions of an answer (KIP-98).
type aborted struct {
	begun []kmsg.FetchResponseTopicPartitionAbortedTransaction // to come, by first offset
	open  map[int64]int16                                      // producer to the epoch it aborted in
}

func newAborted(txns []kmsg.FetchResponseTopicPartitionAbortedTransaction) *aborted {
	slices.SortFunc(txns, func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	return &aborted{begun: txns, open: make(map[int64]int16)}
}

// anyEpoch marks a producer whose aborted batches have not been met yet.
const anyEpoch = -1

// keeps reports whether the batch holds committed records. Batches must come in
// order.
func (a *aborted) keeps(d *batch) bool {
	for len(a.begun) > 0 && a.begun[0].FirstOffset <= d.last {
		a.open[a.begun[0].ProducerID] = anyEpoch
		a.begun = a.begun[1:]
	}
	if d.control {
		if d.abortMarker() {
			delete(a.open, d.producer)
		}
		return false
	}
	if !d.transaction {
		return true
	}
	epoch, ok := a.open[d.producer]
	if !ok {
		return true
	}
	if epoch == anyEpoch {
		a.open[d.producer] = d.prodEpoch
		return false
	}
	if d.prodEpoch > epoch {
		// A later life of the producer: the embedded broker aborts what a crash
		// left open without writing a marker.
		delete(a.open, d.producer)
		return true
	}
	return false
}

// abortMarker reports whether a control batch ends a transaction by aborting:
// the key is version and type, two bytes each.
func (d *batch) abortMarker() bool {
	var r Record
	c := cursor{b: d.raw}
	return d.count > 0 && d.read(&c, &r) && len(r.Key) >= 4 && binary.BigEndian.Uint16(r.Key[2:]) == 0
}
