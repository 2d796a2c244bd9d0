package worker

import (
	"context"
	"errors"
	"fmt"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// assignRetractions says where the own log of retractions goes on. If it is
// another than the one folded, the partition is halted.
func (p *pipeline) assignRetractions(o *owner) []kafka.Assignment {
	id, have := p.corrections, o.shard.Retractions()
	partition := o.shard.Partition()
	if err := sameLog(p.retractions, partition, have, id, o.shard.Mark(o.source.Retractions())); err != nil {
		p.replaced = true
		p.halt(partition, o.brokenRetractions(err))
		return nil
	}
	o.shard.SetRetractions(state.Identity{ClusterID: id.ClusterID, TopicID: id.TopicID.String(), LeaderEpoch: have.LeaderEpoch})
	return []kafka.Assignment{o.retractions()}
}

// retractions is the own log of retractions from where the fold stands.
func (o *owner) retractions() kafka.Assignment {
	id, mark := o.shard.Retractions(), o.shard.Mark(o.source.Retractions())
	return kafka.Assignment{
		Topic: o.p.retractions, Partition: o.shard.Partition(), Offset: mark.Next, TopicID: o.p.corrections.TopicID,
		LeaderEpoch: id.LeaderEpoch, KnownEpoch: id.LeaderEpoch >= 0 && mark.Next > 0,
	}
}

// retract folds records of the own log of retractions. It is never ahead of the
// own log: what is taken back has been counted before.
func (o *owner) retract(ctx context.Context, recs *kafka.Records) error {
	if recs.Err != nil {
		return o.brokenRetractions(recs.Err)
	}
	src := o.source.Retractions()
	mark := o.shard.Mark(src)
	if o.held {
		return nil // on its way since before the log was let go
	}
	if recs.From > mark.Next {
		o.p.reader.Add(o.retractions())
		return nil
	}
	for r := range recs.All() {
		if r.Offset < mark.Next {
			continue
		}
		of, err := wire.DecodeRetraction(r.Value)
		if err != nil {
			return o.brokenRetractions(fmt.Errorf("%s offset %d: %w", r.Topic, r.Offset, err))
		}
		mine := of.Stream == o.p.view.Prog.Stream.Name && of.Incarnation == o.source.Incarnation
		if mine && of.Offset >= o.shard.Mark(o.source).Next {
			o.hold(of.Offset + 1)
			return nil
		}
		next := position.Mark{Next: r.Offset + 1, Stamp: stamp.Next(mark.Stamp, r.AppendTime)}
		if err := o.takeBack(ctx, r, of, mine, next); err != nil {
			return err
		}
		mark = next
	}
	mark.Next = max(mark.Next, recs.Next)
	tx := o.shard.Begin()
	tx.Advance(src, mark)
	tx.Commit()
	o.moved = true
	id := o.shard.Retractions()
	id.LeaderEpoch = max(id.LeaderEpoch, recs.LeaderEpoch)
	o.shard.SetRetractions(id)
	o.resume()
	return nil
}

// takeBack folds one retraction and moves the mark beyond it.
func (o *owner) takeBack(ctx context.Context, r *kafka.Record, of wire.Retraction, mine bool, next position.Mark) error {
	src := o.source.Retractions()
	var ev wire.Event
	if mine && !o.shard.IDs() {
		rec := of.Record(r.Key, r.Header, r.Partition)
		verdict, err := o.reader.Read(&rec, &ev)
		if err != nil {
			if verdict, err = o.retry(ctx, &rec, &ev, err); err != nil {
				return err
			}
		}
		mine = verdict.OK() // else it was quarantined, and never counted
		ev.Offset = r.Offset
	}
	tx := o.shard.Begin()
	if mine {
		if err := tx.TakeBack(src, of, &ev, next.Stamp); err != nil {
			tx.Abort(err)
			return err
		}
	}
	tx.Advance(src, next)
	tx.Commit()
	o.moved = true
	return nil
}

// hold lets the log of retractions go until the own log is folded up to next.
func (o *owner) hold(next int64) {
	o.held, o.heldFor = true, next
	o.p.reader.Remove(kafka.TopicPartition{Topic: o.p.retractions, Partition: o.shard.Partition()})
}

// brokenRetractions makes a halt of an error of the log of retractions.
func (o *owner) brokenRetractions(err error) error {
	var halt *HaltError
	if !errors.As(o.broken(err), &halt) {
		panic("BUG: a broken log halts")
	}
	halt.Next = "the log of what was taken back is another, or damaged: restore the topic " + o.p.retractions + " from a backup"
	return halt
}
