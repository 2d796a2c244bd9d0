package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// ErrStopped is the error of Do on a partition that is not worked on: it
// halted, or its view was replaced.
var ErrStopped = errors.New("the partition is not being worked on")

// owner is the one goroutine that changes a shard.
type owner struct {
	p      *pipeline
	shard  *state.Shard
	reader *wire.Reader
	source position.Source // the own log

	work  chan kafka.Records
	inbox chan func()
	done  chan struct{} // closed when run has returned

	receivers map[string]*round.Receiver // by origin, also of retractions
	asked     map[string]time.Time       // when a full round was last asked for, likewise
	moved     bool                       // the frontier or a delta offset moved since the last flush
	parked    bool                       // records of the own log were let go, and it is not read
	held      bool                       // those of the log of retractions, likewise
	heldFor   int64                      // up to where the own log must be folded for it to be read again
	awaited   map[string]awaited         // what was last seen to be missing, by origin
	folded    atomic.Int64               // own records folded since the start
	busy      atomic.Int64               // nanoseconds spent folding
	blocked   atomic.Pointer[string]     // why the partition waits
}

func newOwner(p *pipeline, shard *state.Shard) (*owner, error) {
	reader, err := wire.NewReader(p.view.Prog.Stream, p.view.Prog.Entity, p.view.Prog.Needed())
	if err != nil {
		return nil, err
	}
	return &owner{
		p: p, shard: shard, reader: reader, source: p.r.own(),
		work: make(chan kafka.Records, 2), inbox: make(chan func()), done: make(chan struct{}),
		receivers: map[string]*round.Receiver{}, asked: map[string]time.Time{}, awaited: map[string]awaited{},
	}, nil
}

// run works until ctx ends or the partition halts. What is in memory and not
// flushed at a halt is dropped: it may be ahead of its frontier.
func (o *owner) run(ctx context.Context) error {
	defer close(o.done)
	flush := time.NewTicker(o.p.r.cfg.FlushEvery)
	defer flush.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return o.flush()
		case recs := <-o.work:
			if err = o.take(ctx, &recs); err == nil && o.shard.Crowded() {
				err = o.flush()
			}
		case fn := <-o.inbox:
			fn()
		case <-flush.C:
			o.miss(ctx)
			if err = o.flush(); err == nil {
				err = o.shard.Warm()
			}
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			// Interrupted between two records. What waits in the queue lies
			// beyond the one it stopped at, and must not be folded.
			return o.flush()
		default:
			return err
		}
	}
}

func (o *owner) flush() error {
	if !o.moved && o.shard.Unflushed() == 0 {
		return nil
	}
	o.moved = false
	return o.shard.Flush()
}

// do runs fn in the owner's goroutine and waits for it.
func (o *owner) do(ctx context.Context, fn func(*state.Shard) error) error {
	result := make(chan error, 1)
	select {
	case o.inbox <- func() { result <- fn(o.shard) }:
		return <-result
	case <-o.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *owner) take(ctx context.Context, recs *kafka.Records) error {
	begin := time.Now()
	defer func() { o.busy.Add(int64(time.Since(begin))) }()
	switch recs.Topic {
	case o.p.topic:
		return o.fold(ctx, recs)
	case o.p.retractions:
		return o.retract(ctx, recs)
	}
	return o.receive(ctx, recs)
}

// fold takes records of the own log: verdict, fold, frontier.
func (o *owner) fold(ctx context.Context, recs *kafka.Records) error {
	if recs.Err != nil {
		return o.broken(recs.Err)
	}
	mark := o.shard.Mark(o.source)
	if recs.From > mark.Next {
		// On its way since before the partition was read anew from the mark.
		o.p.reader.Add(o.assignment())
		return nil
	}
	var ev wire.Event
	var current *kafka.Record
	rec := wire.Record{Header: func(name string) ([]byte, bool) { return current.Header(name) }}
	tx, n := o.shard.Begin(), 0
	for r := range recs.All() {
		if r.Offset < mark.Next {
			continue
		}
		if n++; n > chunk || tx.Lookups() >= lookups {
			tx.Advance(o.source, mark)
			tx.Commit()
			o.folded.Add(int64(n - 1))
			tx, n = o.shard.Begin(), 1
		}
		current = r
		rec.Key, rec.Value, rec.ValueNull = r.Key, r.Value, r.ValueNull
		rec.Partition, rec.Offset, rec.AppendMillis = r.Partition, r.Offset, r.AppendTime
		verdict, err := o.reader.Read(&rec, &ev)
		if err != nil {
			tx.Advance(o.source, mark)
			tx.Commit()
			o.moved = true
			if verdict, err = o.retry(ctx, &rec, &ev, err); err != nil {
				return err
			}
			tx = o.shard.Begin()
		}
		st := stamp.Next(mark.Stamp, r.AppendTime)
		if err == nil && verdict.OK() {
			_, err = tx.Event(o.source, &ev, st)
		}
		if err != nil {
			tx.Abort(err)
			return err
		}
		mark = position.Mark{Next: r.Offset + 1, Stamp: st}
	}
	mark.Next = max(mark.Next, recs.Next)
	tx.Advance(o.source, mark)
	tx.Commit()
	o.moved = true
	o.folded.Add(int64(n))
	id := o.shard.Identity()
	id.LeaderEpoch = max(id.LeaderEpoch, recs.LeaderEpoch)
	o.shard.SetIdentity(id)
	o.resume()
	return nil
}

// retry learns the schema that a record needs and reads it again.
func (o *owner) retry(ctx context.Context, rec *wire.Record, ev *wire.Event, cause error) (wire.Verdict, error) {
	for {
		var unknown *wire.UnknownSchemaError
		if !errors.As(cause, &unknown) {
			return wire.Verdict{}, cause
		}
		if err := o.learn(ctx, unknown.ID, rec.Offset); err != nil {
			return wire.Verdict{}, err
		}
		var v wire.Verdict
		if v, cause = o.reader.Read(rec, ev); cause == nil {
			return v, nil
		}
	}
}

// learn asks the schema registry for a writer's schema until it answers. The
// own log stands still meanwhile: guessing would make the fold depend on when
// the registry was up. Everything else goes on.
func (o *owner) learn(ctx context.Context, id int32, offset int64) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		text, err := o.p.r.cfg.Registry.Schema(ctx, int(id))
		if err == nil {
			o.blocked.Store(nil)
			return o.reader.AddSchema(id, text)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		why := fmt.Sprintf("offset %d carries schema id %d, which the schema registry does not answer for (%v); "+
			"the partition goes on as soon as it does: register the schema, or restore the registry", offset, id, err)
		if o.blocked.Swap(&why) == nil {
			o.p.r.cfg.Log.Warn("partition blocked", "view", o.p.view.Name, "partition", o.shard.Partition(), "reason", why)
		}
		if err := o.rest(ctx, wait); err != nil {
			return err
		}
	}
}

// rest waits with the own log and meanwhile does everything else: answers those
// who ask, takes rounds of other regions, and lets no records queue up, so that
// the one reader of all partitions is not held back by this one.
func (o *owner) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case fn := <-o.inbox:
			fn()
		case recs := <-o.work:
			switch {
			case recs.Topic == o.p.retractions:
				o.hold(0)
			case recs.Topic != o.p.topic:
				err = o.receive(ctx, &recs)
			case !o.parked:
				o.parked = true
				o.p.reader.Remove(kafka.TopicPartition{Topic: o.p.topic, Partition: o.shard.Partition()})
			}
		case <-timer.C:
			return o.flush()
		}
		if err != nil {
			return err
		}
	}
}

// resume reads on where the fold stands, if records were let go meanwhile.
func (o *owner) resume() {
	if o.parked {
		o.parked = false
		o.p.reader.Add(o.assignment())
	}
	if o.held && o.shard.Mark(o.source).Next >= o.heldFor {
		o.held = false
		o.p.reader.Add(o.retractions())
	}
}

// assignment is the own log from where the fold stands.
func (o *owner) assignment() kafka.Assignment {
	id, mark := o.shard.Identity(), o.shard.Mark(o.source)
	return kafka.Assignment{
		Topic: o.p.topic, Partition: o.shard.Partition(), Offset: mark.Next, TopicID: o.p.identity.TopicID,
		LeaderEpoch: id.LeaderEpoch, KnownEpoch: id.LeaderEpoch >= 0 && mark.Next > 0,
	}
}

// broken makes a halt of an error of the own log.
func (o *owner) broken(err error) error {
	halt := &HaltError{View: o.p.view.Name, Partition: o.shard.Partition(), Err: err, Next: "see ops/runbooks/halted-partition.md"}
	var gap *kafka.GapError
	var identity *kafka.IdentityError
	switch {
	case errors.As(err, &gap) && gap.Want < gap.LogStart:
		halt.Next = "events were deleted before they were folded: restore the topic from a backup, or remove the region's data directory to fold what is left"
	case errors.As(err, &gap), errors.As(err, &identity):
		halt.Next = "the log was replaced: restore it from a backup, or remove the region's data directory to fold the new log from its start"
	}
	return halt
}
