package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errNoTopicID = errors.New("the cluster gives topics no ids: Kafka 2.8 or newer is needed")

// follow looks up leaders whenever someone found them stale.
func (r *Reader) follow() {
	failed := 0
	for {
		select {
		case <-r.stale:
		case <-r.ctx.Done():
			return
		}
		settled, err := r.lookup()
		switch {
		case err != nil:
			r.note(fmt.Errorf("look up leaders: %w", err))
			failed++
		case settled:
			failed = 0
		default:
			failed++
		}
		// Never faster than metadata can change: a partition that is refused
		// again and again must not turn into a storm of lookups.
		if !r.pause(max(metadataMinAge, backoff(min(failed, 4)))) {
			return
		}
		if failed > 0 {
			signal(r.stale)
		}
	}
}

// lookup asks for the topics of all partitions and assigns each partition that
// has a leader to its source. It reports whether all have one.
func (r *Reader) lookup() (settled bool, err error) {
	topics := r.topics()
	if len(topics) == 0 {
		return true, nil
	}
	resp, err := metadata(r.ctx, r.kgo, topics)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found := make(map[string]*kmsg.MetadataResponseTopic, len(resp.Topics))
	for i := range resp.Topics {
		if t := &resp.Topics[i]; t.Topic != nil {
			found[*t.Topic] = t
		}
	}
	settled = true
	for _, p := range r.parts {
		if !p.stopped && !r.place(p, found[p.Topic]) {
			settled = false
		}
	}
	return settled, nil
}

func (r *Reader) topics() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := make(map[string]bool)
	var out []string
	for tp, p := range r.parts {
		if !p.stopped && !seen[tp.Topic] {
			seen[tp.Topic] = true
			out = append(out, tp.Topic)
		}
	}
	return out
}

// place gives p to the source of its leader, or stops it. It reports whether
// nothing more needs to be looked up for it.
func (r *Reader) place(p *part, t *kmsg.MetadataResponseTopic) bool {
	err := kerr.UnknownTopicOrPartition
	if t != nil {
		err = kerr.TypedErrorForCode(t.ErrorCode)
	}
	switch {
	case err == kerr.UnknownTopicOrPartition, err == kerr.UnknownTopicID:
		return r.lost(p, "the topic does not exist")
	case err != nil && !err.Retriable:
		r.stop(p, fmt.Errorf("read %s-%d: %w", p.Topic, p.Partition, err))
		return true
	case err != nil:
		return false
	case TopicID(t.TopicID).IsZero():
		r.stop(p, fmt.Errorf("read %s-%d: %w", p.Topic, p.Partition, errNoTopicID))
		return true
	case p.pinned && p.id != t.TopicID:
		r.stop(p, &IdentityError{Topic: p.Topic, Partition: p.Partition,
			Reason: fmt.Sprintf("the topic was created anew (id was %v, is %v)", p.id, TopicID(t.TopicID))})
		return true
	}
	for i := range t.Partitions {
		if m := &t.Partitions[i]; m.Partition == p.Partition {
			if !p.pinned { // from now on the id is read without the lock
				p.id, p.pinned = t.TopicID, true
			}
			return r.lead(p, m)
		}
	}
	return r.lost(p, fmt.Sprintf("the topic has %d partitions", len(t.Partitions)))
}

// lead moves p to its leader's source. Metadata may be older than what is
// known: an older epoch changes nothing.
func (r *Reader) lead(p *part, m *kmsg.MetadataResponseTopicPartition) bool {
	if m.Leader < 0 {
		return false
	}
	if m.LeaderEpoch < p.leadEp {
		return r.lost(p, fmt.Sprintf("its leader epoch went back from %d to %d", p.leadEp, m.LeaderEpoch))
	}
	p.missing = time.Time{}
	p.leader, p.leadEp = m.Leader, m.LeaderEpoch
	s := r.sources[m.Leader]
	if s == nil {
		s = &source{r: r, node: m.Leader, wake: make(chan struct{}, 1)}
		r.sources[m.Leader] = s
		r.turn = append(r.turn, s)
		r.tasks.Go(s.run)
	}
	signal(s.wake)
	return true
}

// lost stops p if its topic has been missing for long enough that this is no
// election or lagging broker. It reports whether p is stopped.
func (r *Reader) lost(p *part, reason string) bool {
	p.leader = -1
	if p.missing.IsZero() {
		p.missing = time.Now()
	}
	if time.Since(p.missing) < r.cfg.GoneAfter {
		return false
	}
	r.stop(p, &IdentityError{Topic: p.Topic, Partition: p.Partition, Reason: reason})
	return true
}

// stop ends the reading of p and hands its error to the next Poll.
func (r *Reader) stop(p *part, err error) {
	if p.stopped {
		return
	}
	p.stopped = true
	s := r.sources[errorSource]
	if s == nil {
		s = &source{r: r, node: errorSource, wake: make(chan struct{}, 1)}
		r.sources[errorSource] = s
		r.turn = append(r.turn, s)
	}
	s.buffer = append(s.buffer, chunk{part: p, Records: Records{
		Topic: p.Topic, Partition: p.Partition, Next: p.next, LeaderEpoch: p.epoch, Err: err,
		HighWatermark: -1, LastStable: -1, LogStart: -1,
	}})
	signal(r.ready)
}

// errorSource is the node number of the buffer that holds errors: it fetches
// nothing.
const errorSource = -2
