package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// close asks, again and again, for the ends of the region's own logs: all that
// was acknowledged before the question lies below the answer.
func (r *Region) close(ctx context.Context) error {
	tick := time.NewTicker(r.cfg.CloseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		p := r.Live().Project
		if p == nil {
			continue
		}
		if err := errors.Join(r.closeRetractions(ctx, p), r.askEnds(ctx, p)); err != nil && ctx.Err() == nil {
			r.cfg.Log.Debug("ask for ends", "error", err)
			if err := pause(ctx, time.Second); err != nil {
				return err
			}
		}
	}
}

// askEnds closes the logs of all streams. If one is in trouble, that must not
// keep the others open: then each is asked for alone. The error is the last, if
// none could be closed.
func (r *Region) askEnds(ctx context.Context, p *definition.Project) error {
	err := r.closeStreams(ctx, p.Streams)
	if err == nil || len(p.Streams) == 1 {
		return err
	}
	open := 0
	for i := range p.Streams {
		if one := r.closeStreams(ctx, p.Streams[i:i+1]); one != nil {
			r.cfg.Log.Debug("log is not closed", "stream", p.Streams[i].Name, "error", one)
			open, err = open+1, one
		}
	}
	if open < len(p.Streams) {
		return nil
	}
	return err
}

// closeStreams asks for the ends of the logs of some streams.
func (r *Region) closeStreams(ctx context.Context, streams []definition.Stream) error {
	var tps []kafka.TopicPartition
	for i := range streams {
		for n := range streams[i].Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: streams[i].Topic, Partition: n})
		}
	}
	if len(tps) == 0 {
		return nil
	}
	closed := r.now() - stamp.Micros(r.cfg.Epsilon.Microseconds())
	ends, err := r.cfg.Kafka.EndOffsets(ctx, tps)
	if err != nil {
		return err
	}
	for i := range streams {
		s := &streams[i]
		if same, err := r.sameStream(ctx, s, ends); err != nil || !same {
			r.cfg.Log.Debug("log is not closed", "stream", s.Name, "error", err)
			continue
		}
		c := state.Closing{Stream: s.Name, Source: r.own(), Closed: closed, Ends: make([]int64, s.Partitions)}
		for n := range s.Partitions {
			c.Ends[n] = ends[kafka.TopicPartition{Topic: s.Topic, Partition: n}].High
		}
		r.closings.Add(c)
	}
	return nil
}

// closeRetractions says how far the own logs of retractions go, so that a
// region that misses the last of them asks for it.
func (r *Region) closeRetractions(ctx context.Context, p *definition.Project) error {
	var tps []kafka.TopicPartition
	for i := range p.Streams {
		if s := &p.Streams[i]; p.SharesIDs(s) {
			for n := range s.Partitions {
				tps = append(tps, kafka.TopicPartition{Topic: definition.RetractionsTopic(s.Topic), Partition: n})
			}
		}
	}
	if len(tps) == 0 {
		return nil
	}
	closed := r.now() - stamp.Micros(r.cfg.Epsilon.Microseconds())
	ends, err := r.cfg.Kafka.EndOffsets(ctx, tps)
	if err != nil {
		return err
	}
	for i := range p.Streams {
		s := &p.Streams[i]
		if !p.SharesIDs(s) {
			continue
		}
		c := state.Closing{Stream: s.Name, Source: r.own().Retractions(), Closed: closed, Ends: make([]int64, s.Partitions)}
		for n := range s.Partitions {
			c.Ends[n] = ends[kafka.TopicPartition{Topic: definition.RetractionsTopic(s.Topic), Partition: n}].High
		}
		r.closings.Add(c)
	}
	return nil
}

// sameStream reports whether the ends that were just read are those of the log
// that the views fold. An end of another log under the same name would claim
// events to be folded that are not.
func (r *Region) sameStream(ctx context.Context, s *definition.Stream, ends map[kafka.TopicPartition]kafka.End) (bool, error) {
	now, err := r.cfg.Kafka.Identity(ctx, s.Topic)
	if err != nil {
		return false, err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, p := range r.pipelines {
		if p.topic != s.Topic {
			continue
		}
		if p.replaced || p.identity.ClusterID != now.ClusterID || p.identity.TopicID != now.TopicID {
			return false, nil
		}
		for n, shard := range p.view.Shards {
			if ends[kafka.TopicPartition{Topic: s.Topic, Partition: int32(n)}].High < shard.Mark(r.own()).Next {
				return false, nil
			}
		}
	}
	return true, nil
}

// hear follows what other regions say of their logs. Older words are of no use,
// so it begins at the end.
func (r *Region) hear(ctx context.Context) error {
	for r.Live().Project == nil {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	tp := kafka.TopicPartition{Topic: definition.ClosedTopic(r.project())}
	var end int64
	err := r.retrying(ctx, "follow closings", func() error {
		ends, err := r.cfg.Kafka.EndOffsets(ctx, []kafka.TopicPartition{tp})
		end = ends[tp].High
		return err
	})
	if err != nil {
		return err
	}
	reader, err := r.cfg.Kafka.NewReader(kafka.ReaderConfig{MaxBytes: 1 << 20}, kafka.Assignment{Topic: tp.Topic, Offset: end})
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		batch, err := reader.Poll(ctx, 0)
		if err != nil {
			return err
		}
		for i := range batch.Partitions {
			r.heard(reader, &batch.Partitions[i])
		}
	}
}

func (r *Region) heard(reader *kafka.Reader, recs *kafka.Records) {
	if recs.Err != nil {
		r.cfg.Log.Warn("closings lost", "error", recs.Err)
		time.AfterFunc(time.Second, func() {
			reader.Add(kafka.Assignment{Topic: recs.Topic, Partition: recs.Partition, Offset: recs.LogStart})
		})
		return
	}
	for rec := range recs.All() {
		list, err := DecodeClosings(rec.Value)
		if err != nil {
			r.cfg.Log.Error("closing does not decode", "offset", rec.Offset, "error", err)
			continue
		}
		for _, c := range list {
			of, _ := c.Source.Retracts()
			if c.Source.Origin != r.cfg.Region && of.Origin != r.cfg.Region {
				r.closings.Add(c)
			}
		}
	}
}

const closingVersion = 1

// AppendClosings appends the bytes of closings of one origin, as they cross to
// other regions (FORMAT.md §7.3).
func AppendClosings(dst []byte, list []state.Closing) []byte {
	dst = append(dst, closingVersion)
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, c := range list {
		dst = append(binary.AppendUvarint(dst, uint64(len(c.Stream))), c.Stream...)
		dst = append(binary.AppendUvarint(dst, uint64(len(c.Source.Origin))), c.Source.Origin...)
		dst = binary.AppendUvarint(dst, uint64(c.Source.Incarnation))
		dst = binary.AppendVarint(dst, int64(c.Closed))
		dst = binary.AppendUvarint(dst, uint64(len(c.Ends)))
		for _, e := range c.Ends {
			dst = binary.AppendUvarint(dst, uint64(e))
		}
	}
	return dst
}

// DecodeClosings reads what AppendClosings wrote.
func DecodeClosings(b []byte) ([]state.Closing, error) {
	if len(b) == 0 || b[0] != closingVersion {
		return nil, fmt.Errorf("closings: not version %d", closingVersion)
	}
	d := closingReader{b: b, at: 1}
	list := make([]state.Closing, d.count())
	for i := range list {
		c := &list[i]
		c.Stream = d.text()
		c.Source = position.Source{Origin: d.text(), Incarnation: uint32(d.uvarint())}
		u := d.uvarint()
		c.Closed = stamp.Micros(int64(u>>1) ^ -int64(u&1))
		c.Ends = make([]int64, d.count())
		for j := range c.Ends {
			c.Ends[j] = int64(d.uvarint())
		}
	}
	if d.err == nil && d.at != len(b) {
		d.err = fmt.Errorf("bytes too many")
	}
	if d.err != nil {
		return nil, fmt.Errorf("closings at %d: %w", d.at, d.err)
	}
	return list, nil
}

type closingReader struct {
	b   []byte
	at  int
	err error
}

func (d *closingReader) uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	u, n, err := value.Uvarint(d.b[d.at:])
	if err != nil {
		d.err = err
	}
	d.at += n
	return u
}

func (d *closingReader) count() int {
	n := d.uvarint()
	if d.err == nil && n > uint64(len(d.b)-d.at) {
		d.err = fmt.Errorf("count out of range")
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

func (d *closingReader) text() string {
	n := d.count()
	s := string(d.b[d.at : d.at+n])
	d.at += n
	return s
}
