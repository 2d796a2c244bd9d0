package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/wire"
)

// dueAtOnce bounds the records of a partition that are taken back at a time.
const dueAtOnce = 500

// takeBack appends, again and again, what the pipeline of a stream's ids found
// to be a copy to the own log of retractions. Nothing is noted of it but by that
// log: whoever crashes in between finds the copies again, and looks first at
// what the log has.
func (p *pipeline) takeBack(ctx context.Context) error {
	tick := time.NewTicker(max(p.r.cfg.CloseEvery, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		for _, o := range p.owners {
			if err := p.takeBackDue(ctx, o); err != nil && ctx.Err() == nil && !errors.Is(err, ErrStopped) {
				p.r.cfg.Log.Warn("take back copies", "stream", p.view.Prog.Stream.Name, "partition", o.shard.Partition(), "error", err)
				if err := pause(ctx, time.Second); err != nil {
					return err
				}
			}
		}
	}
}

// takeBackDue appends what is due in one partition. Only this goroutine appends
// to the log of retractions; while the shard has not folded all of it, it may
// have what is due already.
func (p *pipeline) takeBackDue(ctx context.Context, o *owner) error {
	if o.shard.Due() == 0 {
		return nil
	}
	tp := kafka.TopicPartition{Topic: p.retractions, Partition: o.shard.Partition()}
	ends, err := p.r.cfg.Kafka.EndOffsets(ctx, []kafka.TopicPartition{tp})
	if err != nil {
		return err
	}
	var due []state.Due
	err = o.do(ctx, func(s *state.Shard) error {
		if s.Mark(o.source.Retractions()).Next < ends[tp].High {
			return nil
		}
		var err error
		due, err = s.DueNow(p.r.closings, p.r.Live().Sources, dueAtOnce)
		return err
	})
	if err != nil || len(due) == 0 {
		return err
	}
	records, err := p.retractionsOf(ctx, o, due)
	if len(records) > 0 {
		if _, e := p.r.cfg.Kafka.Produce(ctx, records); e != nil {
			return e
		}
	}
	return err
}

// retractionsOf reads the records that are due from the own log.
func (p *pipeline) retractionsOf(ctx context.Context, o *owner, due []state.Due) ([]kafka.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	at := kafka.Assignment{Topic: p.topic, Partition: o.shard.Partition(), Offset: due[0].Offset, TopicID: p.identity.TopicID}
	reader, err := p.r.cfg.Kafka.NewReader(kafka.ReaderConfig{MaxBytes: 1 << 20, MaxPartitionBytes: 256 << 10}, at)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var list []kafka.Record
	for len(due) > 0 {
		batch, err := reader.Poll(ctx, 0)
		if err != nil {
			return list, err
		}
		for i := range batch.Partitions {
			recs := &batch.Partitions[i]
			if recs.Err != nil {
				return list, recs.Err
			}
			for r := range recs.All() {
				for len(due) > 0 && due[0].Offset < r.Offset {
					due = due[1:] // the log does not have it any more
				}
				if len(due) > 0 && due[0].Offset == r.Offset {
					list, due = append(list, p.retraction(r, due[0])), due[1:]
				}
			}
			if len(due) > 0 && due[0].Offset > recs.Next+farApart {
				at.Offset = due[0].Offset
				reader.Add(at)
			}
		}
	}
	return list, nil
}

// farApart is how many records are rather passed over than read.
const farApart = 4096

// retraction is the record that takes r back.
func (p *pipeline) retraction(r *kafka.Record, due state.Due) kafka.Record {
	of := wire.Retraction{
		Stream: p.view.Prog.Stream.Name, Incarnation: p.r.own().Incarnation, Offset: r.Offset, Stamp: due.Stamp,
		AppendMillis: r.AppendTime, Value: r.Value,
	}
	out := kafka.Record{Topic: p.retractions, Partition: r.Partition, Key: slices.Clone(r.Key), Value: of.Append(nil)}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, kafka.Header{Key: h.Key, Value: slices.Clone(h.Value)})
	}
	return out
}
