package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// receive takes records of a delta topic: pieces of rounds of one origin.
func (o *owner) receive(ctx context.Context, recs *kafka.Records) error {
	origin := o.p.origins[recs.Topic]
	if recs.Err != nil {
		return o.lostDeltas(origin, recs)
	}
	for r := range recs.All() {
		if r.Offset < o.shard.Delta(origin) {
			continue
		}
		if err := o.piece(ctx, origin, r); err != nil {
			halt := &HaltError{
				View: o.p.view.Name, Partition: o.shard.Partition(), Err: err,
				Next: "the delta topic holds what this version cannot read: upgrade this region, or delete the topic to have it sent again",
			}
			if errors.As(err, new(*replacedError)) {
				halt.Next = "delete the topic " + recs.Topic + " and this region's data directory to fold the new log from its start"
			}
			return halt
		}
		if !o.staged(origin) {
			o.shard.SetDelta(origin, r.Offset+1)
			o.moved = true
		}
	}
	return nil
}

// receiver is that of one log.
func (o *owner) receiver(src position.Source) *round.Receiver {
	if o.receivers[src.Origin] == nil {
		o.receivers[src.Origin] = &round.Receiver{}
	}
	return o.receivers[src.Origin]
}

// both are the names of a region's two logs.
func both(origin string) [2]string {
	return [2]string{origin, position.Source{Origin: origin}.Retractions().Origin}
}

// staged reports whether pieces of an unfinished round of a region are held.
func (o *owner) staged(origin string) bool {
	for _, name := range both(origin) {
		if r := o.receivers[name]; r != nil && r.Staged() {
			return true
		}
	}
	return false
}

func (o *owner) piece(ctx context.Context, origin string, r *kafka.Record) error {
	head, _, err := round.DecodeHeader(r.Value)
	if err != nil {
		return fmt.Errorf("%s offset %d: %w", r.Topic, r.Offset, err)
	}
	if head.Instance != o.p.view.Instance {
		return nil
	}
	corrects, _ := head.Source.Retracts()
	if head.Source.Origin != origin && corrects.Origin != origin || head.Partition != o.shard.Partition() {
		o.p.r.cfg.Log.Error("piece of a round in a wrong place", "topic", r.Topic, "offset", r.Offset, "origin", head.Source.Origin)
		return nil
	}
	mark := o.shard.Mark(head.Source)
	if err := sameHistory(mark, head); err != nil {
		return err
	}
	receiver := o.receiver(head.Source)
	switch receiver.Step(head, r.Value, mark.Next, o.shard.Mark(corrects).Next) {
	case round.Gap:
		o.askFull(ctx, head.Source)
	case round.TooLarge:
		return fmt.Errorf("round %d of %s has more than %d bytes: cut the view into more partitions", head.Round, head.Source.Origin, round.MaxStagedBytes)
	case round.Apply:
		defer receiver.Done()
		return o.absorb(head, receiver.Ready())
	}
	return nil
}

// absorb applies a whole round: all rows, then the frontier, as one change.
func (o *owner) absorb(head round.Header, pieces [][]byte) error {
	if o.shard.IDs() {
		return o.hear(head, pieces)
	}
	var rows []round.Row
	for _, b := range pieces {
		h, at, err := round.DecodeHeader(b)
		if err != nil {
			return err
		}
		part, err := round.Decode(o.p.view.Prog, h, b, at)
		if err != nil {
			return fmt.Errorf("round %d of %s: %w", head.Round, head.Source.Origin, err)
		}
		rows = append(rows, part...)
	}
	tx := o.shard.Begin()
	for i := range rows {
		if err := tx.Absorb(rows[i].Key, &rows[i].Part); err != nil {
			tx.Abort(err)
			return err
		}
	}
	tx.Advance(head.Source, head.Hi)
	tx.Commit()
	o.moved = true
	return nil
}

// hear takes a round of ids. They may be flushed before the frontier moves:
// an id that comes again is known.
func (o *owner) hear(head round.Header, pieces [][]byte) error {
	for _, b := range pieces {
		h, at, err := round.DecodeHeader(b)
		if err != nil {
			return err
		}
		ids, err := round.DecodeIDs(h, b, at)
		if err != nil {
			return fmt.Errorf("round %d of %s: %w", head.Round, head.Source.Origin, err)
		}
		tx := o.shard.Begin()
		if err := tx.Hear(head.Source, ids); err != nil {
			tx.Abort(err)
			return err
		}
		tx.Commit()
		if o.shard.Crowded() {
			if err := o.shard.Flush(); err != nil {
				return err
			}
		}
	}
	tx := o.shard.Begin()
	tx.Advance(head.Source, head.Hi)
	tx.Commit()
	o.moved = true
	return nil
}

// sameHistory compares a round with what was folded of its log. A stamp is a
// function of the log up to an offset and grows with it: a round that ends
// before the mark with a later stamp, or after it with an earlier one, is of
// another log under the same name.
func sameHistory(mark position.Mark, head round.Header) error {
	hi := head.Hi
	if mark.Next > 0 && (hi.Next <= mark.Next && hi.Stamp > mark.Stamp || hi.Next >= mark.Next && hi.Stamp < mark.Stamp) {
		return &replacedError{head.Source, hi, mark}
	}
	return nil
}

// replacedError: the log of another region is not the one that was folded.
type replacedError struct {
	source position.Source
	hi     position.Mark
	mark   position.Mark
}

func (e *replacedError) Error() string {
	return fmt.Sprintf("region %s folded another log than before: it says offset %d has stamp %d, here offset %d had %d",
		e.source.Origin, e.hi.Next, e.hi.Stamp, e.mark.Next, e.mark.Stamp)
}

// lostDeltas goes on from the start of what is left of a delta topic; if
// rounds are missing, the next one shows a gap and a full one is asked for.
func (o *owner) lostDeltas(origin string, recs *kafka.Records) error {
	next := int64(0)
	var gap *kafka.GapError
	if errors.As(recs.Err, &gap) {
		next = gap.LogStart
	}
	o.p.r.cfg.Log.Warn("delta topic lost records", "topic", recs.Topic, "partition", recs.Partition, "error", recs.Err)
	for _, name := range both(origin) {
		delete(o.receivers, name)
	}
	o.shard.SetDelta(origin, next)
	o.moved = true
	time.AfterFunc(time.Second, func() {
		o.p.reader.Add(kafka.Assignment{Topic: recs.Topic, Partition: recs.Partition, Offset: next})
	})
	return nil
}

// Repair asks an origin for a full round: everything it holds of a view's
// partition. It is a record of the project's repairs topic in the receiving
// region.
type Repair struct {
	Origin    string `json:"origin"`
	Stream    string `json:"stream"`
	View      string `json:"view"`
	Instance  string `json:"instance"`
	Partition int32  `json:"partition"`
	Next      int64  `json:"next"` // how far the receiver has folded the origin's log
}

// awaited is what an origin said that its log holds and that is not here yet.
type awaited struct {
	next  int64 // where the own fold of it stands
	since time.Time
}

// miss looks for rounds that are overdue. A gap shows only when the next round
// comes; if the last one before a quiet time was lost, nothing would. So if an
// origin has said that its log goes further, and nothing has moved for long,
// the rest is asked for.
func (o *owner) miss(ctx context.Context) {
	for _, src := range o.p.others() {
		c, ok := o.p.r.closings.Latest(o.p.view.Prog.Stream.Name, src)
		next, p := o.shard.Mark(src).Next, int(o.shard.Partition())
		if !ok || p >= len(c.Ends) || c.Ends[p] <= next {
			delete(o.awaited, src.Origin)
			continue
		}
		a, waiting := o.awaited[src.Origin]
		if !waiting || a.next != next {
			o.awaited[src.Origin] = awaited{next: next, since: time.Now()}
		} else if time.Since(a.since) > o.p.r.cfg.RepairAfter {
			o.askFull(ctx, src)
		}
	}
}

// askFull asks for a full round, at most once in RepairAfter.
func (o *owner) askFull(ctx context.Context, src position.Source) {
	if at, ok := o.asked[src.Origin]; ok && time.Since(at) < o.p.r.cfg.RepairAfter {
		return
	}
	o.asked[src.Origin] = time.Now()
	stream := o.p.view.Prog.Stream.Name
	body, err := json.Marshal(Repair{
		Origin: src.Origin, Stream: stream, View: o.p.view.Name, Instance: o.p.view.Instance,
		Partition: o.shard.Partition(), Next: o.shard.Mark(src).Next,
	})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	topic := definition.RepairsTopic(o.p.project)
	o.p.r.cfg.Log.Info("rounds are missing: asking for a full one", "origin", src.Origin, "view", o.p.view.Name, "partition", o.shard.Partition())
	o.p.r.spawn(func() {
		if _, err := o.p.r.cfg.Kafka.Produce(ctx, []kafka.Record{{Topic: topic, Value: body}}); err != nil && ctx.Err() == nil {
			o.p.r.cfg.Log.Error("ask for a full round", "error", err)
		}
	})
}
