package tail

import (
	"context"
	"errors"
	"fmt"
	"io"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/offline/history/table"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// State is how far a partition is read.
type State struct {
	Mark        position.Mark
	Epoch       int32 // leader epoch of the last record below the mark, -1 if unknown
	Accepted    int64 // records handed out
	Quarantined int64 // records read and not handed out, because of their verdict
}

// Reader reads a stretch of a log; see Open.
type Reader struct {
	cfg     Config
	decoder *wire.Reader
	log     *kafka.Reader // nil: there is nothing to read
	states  []State
	open    int // partitions left to read
	stuck   []error
	event   wire.Event

	// The present record, and what looks into it; made once, not for each record.
	rec    *kafka.Record
	in     wire.Record
	header func(string) ([]byte, bool)
	raw    func(int) ([]byte, bool)
}

// States is how far each partition is read, by number. The slice is shared and changes with Read.
func (r *Reader) States() []State { return r.states }

// Err joins the errors of the partitions that stand still before their end; nil if none does.
func (r *Reader) Err() error { return errors.Join(r.stuck...) }

// Close ends the reading.
func (r *Reader) Close() {
	if r.log != nil {
		r.log.Close()
	}
}

// Read hands out what the brokers have next, at most max records or one batch that is larger. The row and what it refers
// to are the caller's until take returns. io.EOF: nothing is left to read, as far as Err does not say otherwise.
func (r *Reader) Read(ctx context.Context, max int, take func(table.Row)) error {
	if r.open == 0 {
		return io.EOF
	}
	batch, err := r.poll(ctx, max)
	if err != nil {
		return err
	}
	for i := range batch.Partitions {
		if err := r.partition(ctx, &batch.Partitions[i], take); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) poll(ctx context.Context, max int) (kafka.Batch, error) {
	patient, cancel := context.WithTimeout(ctx, r.cfg.Patience)
	defer cancel()
	batch, err := r.log.Poll(patient, max)
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return batch, err
	}
	_, last := r.log.LastError()
	return batch, &StalledError{Topic: r.cfg.Stream.Topic, After: r.cfg.Patience, Err: last}
}

func (r *Reader) partition(ctx context.Context, recs *kafka.Records, take func(table.Row)) error {
	s, end := &r.states[recs.Partition], r.cfg.Ends[recs.Partition]
	if s.Mark.Next >= end {
		return nil // it is read; this came with it
	}
	if recs.Err != nil {
		return recs.Err
	}
	for rec := range recs.All() {
		if rec.Offset < s.Mark.Next {
			continue
		}
		if rec.Offset >= end {
			break
		}
		if err := r.record(ctx, s, rec, take); err != nil {
			return r.hold(recs.Partition, err)
		}
	}
	s.Mark.Next = max(s.Mark.Next, min(recs.Next, end))
	if s.Mark.Next >= end {
		r.finish(recs.Partition)
	}
	return nil
}

// record judges one record and moves the partition's state beyond it.
func (r *Reader) record(ctx context.Context, s *State, rec *kafka.Record, take func(table.Row)) error {
	r.rec = rec
	r.in = wire.Record{
		Key: rec.Key, Value: rec.Value, ValueNull: rec.ValueNull, Header: r.header,
		Partition: rec.Partition, Offset: rec.Offset, AppendMillis: rec.AppendTime,
	}
	of, mine, err := r.retraction(rec)
	if err != nil {
		return err
	}
	mark := position.Mark{Next: rec.Offset + 1, Stamp: stamp.Next(s.Mark.Stamp, rec.AppendTime)}
	if !mine {
		s.Mark, s.Epoch = mark, rec.LeaderEpoch
		return nil
	}
	verdict, err := r.decoder.Read(&r.in, &r.event)
	if unknown := (*wire.UnknownSchemaError)(nil); errors.As(err, &unknown) {
		if err := r.learn(ctx, rec, unknown.ID); err != nil {
			return err
		}
		verdict, err = r.decoder.Read(&r.in, &r.event)
	}
	if err != nil {
		return err
	}
	s.Mark, s.Epoch = mark, rec.LeaderEpoch
	if !verdict.OK() {
		s.Quarantined++
		return nil
	}
	s.Accepted++
	if r.cfg.Retractions {
		r.event.Offset, r.event.ID, r.event.HasID = rec.Offset, wire.RetractedID(of.Offset), true
	}
	take(table.Row{Event: &r.event, Stamp: s.Mark.Stamp, AppendMillis: rec.AppendTime, Size: len(rec.Value), Raw: r.raw})
	return nil
}

// retraction makes of a record of a log of retractions the one that it takes
// back. It reports false if that is of another stream.
func (r *Reader) retraction(rec *kafka.Record) (of wire.Retraction, mine bool, err error) {
	if !r.cfg.Retractions {
		return of, true, nil
	}
	if of, err = wire.DecodeRetraction(rec.Value); err != nil {
		return of, false, fmt.Errorf("%s-%d: offset %d: %w", rec.Topic, rec.Partition, rec.Offset, err)
	}
	r.in = of.Record(rec.Key, r.header, rec.Partition)
	return of, of.Stream == r.cfg.Stream.Name, nil
}

// look sets what looks into the present record.
func (r *Reader) look() {
	r.header = func(name string) ([]byte, bool) { return r.rec.Header(name) }
	r.raw = func(field int) ([]byte, bool) {
		from, to, ok := r.decoder.Span(field)
		return r.in.Value[from:to], ok
	}
}

func (r *Reader) learn(ctx context.Context, rec *kafka.Record, id int32) error {
	text, err := r.cfg.Registry.Schema(ctx, int(id))
	if err != nil {
		return &SchemaError{Topic: r.cfg.Stream.Topic, Partition: rec.Partition, Offset: rec.Offset, ID: id, Err: err}
	}
	return r.decoder.AddSchema(id, text)
}

// hold keeps a partition at its mark, for a reason that concerns it alone; any other error ends the reading.
func (r *Reader) hold(partition int32, err error) error {
	if unknown := (*SchemaError)(nil); !errors.As(err, &unknown) {
		return err
	}
	r.stuck = append(r.stuck, err)
	r.finish(partition)
	r.cfg.Ends[partition] = r.states[partition].Mark.Next
	return nil
}

func (r *Reader) finish(partition int32) {
	r.open--
	r.log.Remove(kafka.TopicPartition{Topic: r.cfg.Stream.Topic, Partition: partition})
}
