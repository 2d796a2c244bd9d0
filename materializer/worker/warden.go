package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// Headers of a quarantined record, beside those that it came with.
const (
	HeaderReason   = "anabranch-reason"
	HeaderDetail   = "anabranch-detail"
	HeaderPosition = "anabranch-position"
	HeaderStream   = "anabranch-stream"
	HeaderAppended = "anabranch-append-time"
	HeaderCut      = "anabranch-cut" // the value was too large to be copied: its bytes
)

// warden reads one stream of its own region, judges every record as the folds
// do, and copies those that are quarantined, with reason and position, to the
// quarantine topic. A crash between the copy and the note of it copies again:
// readers tell copies by their position.
type warden struct {
	r      *Region
	key    string
	stream *definition.Stream
	parts  []*wardenPart
	reader *kafka.Reader
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	stats []StreamStats // by partition
}

// StreamStats counts the verdicts on one stream's own log.
type StreamStats struct {
	Next        int64            `json:"next"`
	Newest      stamp.Micros     `json:"newest"` // event timestamp; stamp.NoTime: none
	Accepted    int64            `json:"accepted"`
	Late        int64            `json:"late"` // older than 1 h before the newest of the partition
	Quarantined map[string]int64 `json:"quarantined"`
}

type wardenPart struct {
	reader *wire.Reader
	checks []*fold.Machine // one for each view of the stream
}

// lateAfter is how far behind the newest of its partition an event must be to
// count as late.
const lateAfter = stamp.Hour

// watch makes the set of wardens that the definitions ask for.
func (r *Region) watch(ctx context.Context, p *definition.Project, programs map[string]*fold.Program) error {
	keys := map[string]string{}
	for i := range p.Streams {
		keys[p.Streams[i].Name] = wardenKey(p, &p.Streams[i])
	}
	next := map[string]*warden{}
	for name, w := range r.wardens {
		if w.key == keys[name] {
			next[name] = w
			continue
		}
		w.stop()
	}
	r.setWardens(maps.Clone(next))
	for i := range p.Streams {
		s := &p.Streams[i]
		if next[s.Name] != nil {
			continue
		}
		w, err := r.openWarden(ctx, keys[s.Name], p, s, programs)
		if err != nil {
			return fmt.Errorf("stream %s: %w", s.Name, err)
		}
		next[s.Name] = w
		r.setWardens(maps.Clone(next))
	}
	return nil
}

func (r *Region) setWardens(m map[string]*warden) {
	r.mu.Lock()
	r.wardens = m
	r.mu.Unlock()
}

// wardenKey changes when the verdicts on a stream's records may change.
func wardenKey(p *definition.Project, s *definition.Stream) string {
	key := definition.StreamHash(p, s)
	for i := range p.Views {
		if p.Views[i].Stream == s.Name {
			key += "/" + definition.ViewHash(p, &p.Views[i])
		}
	}
	return key
}

func (r *Region) openWarden(ctx context.Context, key string, p *definition.Project, s *definition.Stream, programs map[string]*fold.Program) (*warden, error) {
	w := &warden{r: r, key: key, stream: s, done: make(chan struct{}), stats: make([]StreamStats, s.Partitions)}
	var assignments []kafka.Assignment
	for n := range s.Partitions {
		part, err := newWardenPart(p, s, programs)
		if err != nil {
			return nil, err
		}
		w.parts = append(w.parts, part)
		if w.stats[n], err = w.noted(n); err != nil {
			return nil, err
		}
		assignments = append(assignments, kafka.Assignment{Topic: s.Topic, Partition: n, Offset: w.stats[n].Next})
	}
	var err error
	if w.reader, err = r.cfg.Kafka.NewReader(kafka.ReaderConfig{MaxBytes: 4 << 20, MaxPartitionBytes: 1 << 20}, assignments...); err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(ctx)
	w.cancel = cancel
	go w.run(run)
	return w, nil
}

func newWardenPart(p *definition.Project, s *definition.Stream, programs map[string]*fold.Program) (*wardenPart, error) {
	part := &wardenPart{}
	needed := make([]bool, len(s.Fields))
	for i := range p.Views {
		if p.Views[i].Stream != s.Name {
			continue
		}
		prog := programs[p.Views[i].Name]
		part.checks = append(part.checks, prog.New())
		for f, n := range prog.Needed() {
			needed[f] = needed[f] || n
		}
	}
	var err error
	part.reader, err = wire.NewReader(s, p.Entity(s.Entity), needed)
	return part, err
}

func (w *warden) note(partition int32) string {
	return fmt.Sprintf("warden/%s/%d", w.stream.Name, partition)
}

func (w *warden) noted(partition int32) (StreamStats, error) {
	stats := StreamStats{Newest: stamp.NoTime, Quarantined: map[string]int64{}}
	b, err := w.r.cfg.Store.Noted(w.note(partition))
	if err != nil || b == nil {
		return stats, err
	}
	return stats, json.Unmarshal(b, &stats)
}

func (w *warden) stop() {
	w.cancel()
	<-w.done
}

// run reads until ctx ends. Errors of the log are the folds' to halt on; the
// warden says them and stands still.
func (w *warden) run(ctx context.Context) {
	defer close(w.done)
	defer w.reader.Close()
	for {
		batch, err := w.reader.Poll(ctx, 0)
		if err != nil {
			return
		}
		for i := range batch.Partitions {
			recs := &batch.Partitions[i]
			if recs.Err != nil {
				w.r.cfg.Log.Error("quarantine stands still", "stream", w.stream.Name, "partition", recs.Partition, "error", recs.Err)
				continue
			}
			if err := w.take(ctx, recs); err != nil && ctx.Err() == nil {
				w.r.cfg.Log.Error("quarantine stopped", "stream", w.stream.Name, "error", err)
				return
			}
		}
	}
}

// take judges the records of one partition, has the bad ones acknowledged by
// the quarantine topic, and then notes how far it is.
func (w *warden) take(ctx context.Context, recs *kafka.Records) error {
	stats := w.copyStats(recs.Partition)
	if recs.From > stats.Next {
		return nil // on its way since before the partition was parked
	}
	var bad []kafka.Record
	next := recs.Next
	for r := range recs.All() {
		if r.Offset < stats.Next {
			continue
		}
		verdict, ev, err := w.judge(ctx, r)
		if _, unknown := errors.AsType[*wire.UnknownSchemaError](err); unknown {
			next = r.Offset
			w.park(recs, next)
			break
		}
		if err != nil {
			return err
		}
		if verdict.OK() {
			stats.Accepted++
			if stats.Newest != stamp.NoTime && ev.Time < stats.Newest-lateAfter {
				stats.Late++
			}
			stats.Newest = max(stats.Newest, ev.Time)
			continue
		}
		stats.Quarantined[string(verdict.Reason)]++
		w.r.metrics.quarantined.WithLabelValues(string(verdict.Reason)).Inc()
		bad = append(bad, w.copyOf(r, verdict))
	}
	if len(bad) > 0 {
		if err := w.quarantine(ctx, bad); err != nil {
			return err
		}
	}
	stats.Next = max(stats.Next, next)
	return w.keep(recs.Partition, stats)
}

// park leaves a partition alone for a second, from the record on whose schema
// the registry does not answer for; the others go on.
func (w *warden) park(recs *kafka.Records, next int64) {
	w.reader.Remove(kafka.TopicPartition{Topic: recs.Topic, Partition: recs.Partition})
	w.later(kafka.Assignment{Topic: recs.Topic, Partition: recs.Partition, Offset: next})
}

func (w *warden) later(a kafka.Assignment) {
	time.AfterFunc(time.Second, func() { w.reader.Add(a) })
}

// quarantine has copies acknowledged. One that the topic refuses as it is, being
// too large with its reason beside it, goes without its value: that is still in
// the stream.
func (w *warden) quarantine(ctx context.Context, bad []kafka.Record) error {
	err := w.produce(ctx, bad)
	if !refused(err) {
		return err
	}
	for i := range bad {
		one := bad[i : i+1]
		if err = w.produce(ctx, one); refused(err) {
			size := strconv.Itoa(len(one[0].Value))
			one[0].Headers = append(one[0].Headers, kafka.Header{Key: HeaderCut, Value: []byte(size)})
			one[0].Value = nil
			err = w.produce(ctx, one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refused reports whether a record was definitely not written.
func refused(err error) bool {
	produce, ok := errors.AsType[*kafka.ProduceError](err)
	return ok && !produce.Unknown
}

func (w *warden) produce(ctx context.Context, records []kafka.Record) error {
	return w.r.retrying(ctx, "copy to quarantine", func() error {
		_, err := w.r.cfg.Kafka.Produce(ctx, records)
		return err
	})
}

func (w *warden) copyStats(partition int32) StreamStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	stats := w.stats[partition]
	quarantined := make(map[string]int64, len(stats.Quarantined))
	for k, v := range stats.Quarantined {
		quarantined[k] = v
	}
	stats.Quarantined = quarantined
	return stats
}

func (w *warden) keep(partition int32, stats StreamStats) error {
	w.mu.Lock()
	w.stats[partition] = stats
	w.mu.Unlock()
	b, err := json.Marshal(stats)
	if err != nil {
		return err
	}
	return w.r.cfg.Store.Note(w.note(partition), b)
}

// judge is the verdict of the stream, then of every view on it. The error is a
// wire.UnknownSchemaError while the registry does not answer for the schema.
func (w *warden) judge(ctx context.Context, r *kafka.Record) (wire.Verdict, *wire.Event, error) {
	part := w.parts[r.Partition]
	rec := wire.Record{
		Key: r.Key, Value: r.Value, ValueNull: r.ValueNull, Header: r.Header,
		Partition: r.Partition, Offset: r.Offset, AppendMillis: r.AppendTime,
	}
	ev := &wire.Event{}
	verdict, err := part.reader.Read(&rec, ev)
	if unknown, ok := errors.AsType[*wire.UnknownSchemaError](err); ok {
		text, cause := w.r.cfg.Registry.Schema(ctx, int(unknown.ID))
		if cause != nil {
			return verdict, nil, err
		}
		if err = part.reader.AddSchema(unknown.ID, text); err == nil {
			verdict, err = part.reader.Read(&rec, ev)
		}
	}
	if err != nil {
		return verdict, nil, err
	}
	for _, m := range part.checks {
		if verdict.OK() {
			verdict = m.Prepare(ev)
		}
	}
	return verdict, ev, nil
}

// copyOf is what the quarantine keeps of a record.
func (w *warden) copyOf(r *kafka.Record, v wire.Verdict) kafka.Record {
	at := position.Position{
		Log:    position.Log{Stream: w.stream.Name, Source: w.r.own(), Partition: r.Partition},
		Offset: r.Offset,
	}
	c := kafka.Record{Topic: definition.QuarantineTopic(w.stream.Topic), Partition: r.Partition, Key: r.Key, Value: r.Value}
	c.Headers = append(c.Headers, r.Headers...)
	for _, h := range [][2]string{
		{HeaderReason, string(v.Reason)}, {HeaderDetail, v.Detail}, {HeaderPosition, at.String()},
		{HeaderStream, w.stream.Name}, {HeaderAppended, strconv.FormatInt(r.AppendTime, 10)},
	} {
		c.Headers = append(c.Headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	return c
}
