package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// Offset is a place in a log.
type Offset struct {
	Offset      int64
	LeaderEpoch int32 // of the leader that says so, -1: unknown
}

// End is the end of a log.
type End struct {
	Stable      int64 // everything below is committed or aborted: a Reader gets this far
	High        int64 // the offset after the last record, of open transactions too
	LeaderEpoch int32
}

const (
	atEnd   = -1
	atStart = -2

	uncommitted = 0
	committed   = 1
)

// StartOffsets asks for the first offset of each partition. Any error of any
// partition is an error.
func (c *Client) StartOffsets(ctx context.Context, tps []TopicPartition) (map[TopicPartition]Offset, error) {
	out, err := listOffsets(ctx, c.kgo, tps, atStart, uncommitted)
	if err != nil {
		return nil, fmt.Errorf("ask for start offsets: %w", err)
	}
	return out, nil
}

// EndOffsets asks for the end of each partition. Any error of any partition is
// an error.
func (c *Client) EndOffsets(ctx context.Context, tps []TopicPartition) (map[TopicPartition]End, error) {
	stable, high, err := both(ctx,
		func(ctx context.Context) (map[TopicPartition]Offset, error) {
			return listOffsets(ctx, c.kgo, tps, atEnd, committed)
		},
		func(ctx context.Context) (map[TopicPartition]Offset, error) {
			return listOffsets(ctx, c.kgo, tps, atEnd, uncommitted)
		})
	if err != nil {
		return nil, fmt.Errorf("ask for end offsets: %w", err)
	}
	out := make(map[TopicPartition]End, len(tps))
	for tp, h := range high {
		out[tp] = End{Stable: min(stable[tp].Offset, h.Offset), High: h.Offset, LeaderEpoch: h.LeaderEpoch}
	}
	return out, nil
}

// listOffsets asks every leader for its partitions.
func listOffsets(ctx context.Context, k *kgo.Client, tps []TopicPartition, at int64, isolation int8) (map[TopicPartition]Offset, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = isolation
	for topic, partitions := range byTopic(tps) {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for _, p := range partitions {
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp, rp.MaxNumOffsets = p, at, 1
			t.Partitions = append(t.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, k)
	if err != nil {
		return nil, named(err)
	}
	out := make(map[TopicPartition]Offset, len(tps))
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := topicError(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("%s-%d: %w", t.Topic, p.Partition, err)
			}
			out[TopicPartition{t.Topic, p.Partition}] = Offset{Offset: p.Offset, LeaderEpoch: p.LeaderEpoch}
		}
	}
	return out, missing(tps, out)
}

// missing is an error if a partition has no answer.
func missing[V any](tps []TopicPartition, got map[TopicPartition]V) error {
	for _, tp := range tps {
		if _, ok := got[tp]; !ok {
			return fmt.Errorf("%s-%d: no answer", tp.Topic, tp.Partition)
		}
	}
	return nil
}

func byTopic(tps []TopicPartition) map[string][]int32 {
	out := make(map[string][]int32)
	for _, tp := range tps {
		out[tp.Topic] = append(out[tp.Topic], tp.Partition)
	}
	return out
}

// bounds asks for the log start and the high watermark of one partition.
func bounds(ctx context.Context, k *kgo.Client, tp TopicPartition) (start, end int64, err error) {
	list := func(at int64) func(context.Context) (map[TopicPartition]Offset, error) {
		return func(ctx context.Context) (map[TopicPartition]Offset, error) {
			return listOffsets(ctx, k, []TopicPartition{tp}, at, uncommitted)
		}
	}
	s, e, err := both(ctx, list(atStart), list(atEnd))
	return s[tp].Offset, e[tp].Offset, err
}

// both runs two questions at once.
func both[V any](ctx context.Context, f, g func(context.Context) (V, error)) (a, b V, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { a, err = f(ctx); return err })
	group.Go(func() (err error) { b, err = g(ctx); return err })
	err = group.Wait()
	return a, b, err
}

// EpochEnds asks for each partition where the given leader epoch ended: the
// first offset of the next greater epoch, or the log's end (KIP-320). Offset -1
// means that the broker does not know the epoch; LeaderEpoch is the greatest
// epoch not above the asked one. If it answers with a lower epoch, or with an
// offset below what was read in that epoch, the log was truncated.
func (c *Client) EpochEnds(ctx context.Context, epochs map[TopicPartition]int32) (map[TopicPartition]Offset, error) {
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.ReplicaID = -1
	var tps []TopicPartition
	for tp := range epochs {
		tps = append(tps, tp)
	}
	for topic, partitions := range byTopic(tps) {
		t := kmsg.NewOffsetForLeaderEpochRequestTopic()
		t.Topic = topic
		for _, p := range partitions {
			rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			rp.Partition = p
			rp.CurrentLeaderEpoch = -1
			rp.LeaderEpoch = epochs[TopicPartition{topic, p}]
			t.Partitions = append(t.Partitions, rp)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return nil, fmt.Errorf("ask for epoch ends: %w", named(err))
	}
	out := make(map[TopicPartition]Offset, len(epochs))
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("ask for epoch end of %s-%d: %w", t.Topic, p.Partition, topicError(p.ErrorCode))
			}
			out[TopicPartition{t.Topic, p.Partition}] = Offset{Offset: p.EndOffset, LeaderEpoch: p.LeaderEpoch}
		}
	}
	return out, missing(tps, out)
}
