package tail

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/offline/manifest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/wire"
)

// Config says what to read.
type Config struct {
	Kafka    *kafka.Client
	Registry *registry.Client
	Stream   *definition.Stream
	Entity   *definition.Entity
	Needed   []bool       // fields to decode, by index; nil: all
	Log      manifest.Log // the log that the marks count in, from Identify
	// Retractions says that the topic is a log of retractions of the stream: what
	// is handed out are the events that were taken back, at the places of their
	// retractions, with wire.RetractedID for an id.
	Retractions bool
	From        []From  // by partition
	Ends        []int64 // by partition: the first offset not to read; at or below From: nothing is read
	// Patience is how long the brokers may hand out nothing before that is a *StalledError. Default 30 s.
	Patience time.Duration
}

// From is where the reading of a partition begins.
type From struct {
	Mark  position.Mark
	Epoch int32 // leader epoch of the last record below the mark, -1 if unknown
}

// SchemaError says that a record cannot be judged, because its schema is not known.
type SchemaError struct {
	Topic     string
	Partition int32
	Offset    int64
	ID        int32
	Err       error // what the registry said; registry.ErrNotFound in it is definite
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("%s-%d: offset %d: schema id %d: the registry does not answer for it, and nothing beyond the record is read: %v",
		e.Topic, e.Partition, e.Offset, e.ID, e.Err)
}

func (e *SchemaError) Unwrap() error { return e.Err }

// StalledError says that the brokers hand out nothing although the log goes on.
type StalledError struct {
	Topic string
	After time.Duration
	Err   error // the last trouble, if there was any
}

func (e *StalledError) Error() string {
	return fmt.Sprintf("%s: brokers hand out nothing for %s: %v", e.Topic, e.After, e.Err)
}

func (e *StalledError) Unwrap() error { return e.Err }

// Identify says which log a stream's topic is now, and checks that it has the stream's partitions.
func Identify(ctx context.Context, c *kafka.Client, s *definition.Stream) (manifest.Log, error) {
	id, err := c.Identity(ctx, s.Topic)
	if err != nil {
		return manifest.Log{}, err
	}
	if len(id.LeaderEpochs) != int(s.Partitions) {
		return manifest.Log{}, &kafka.IdentityError{Topic: s.Topic, Partition: -1,
			Reason: fmt.Sprintf("the topic has %d partitions, stream %s declares %d", len(id.LeaderEpochs), s.Name, s.Partitions)}
	}
	return manifest.Log{ClusterID: id.ClusterID, Topic: s.Topic, TopicID: id.TopicID.String()}, nil
}

// Same is a *kafka.IdentityError if a topic is now another log than it was.
func Same(was, now manifest.Log) error {
	fail := func(format string, args ...any) error {
		return &kafka.IdentityError{Topic: now.Topic, Partition: -1, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case was.Topic != now.Topic:
		return fail("the history was written from topic %s", was.Topic)
	case was.ClusterID != now.ClusterID:
		return fail("another cluster (id was %s, is %s)", was.ClusterID, now.ClusterID)
	case was.TopicID != now.TopicID:
		return fail("the topic was created anew (id was %s, is %s)", was.TopicID, now.TopicID)
	}
	return nil
}

// Ends are the committed ends of a topic's partitions, as they are now.
func Ends(ctx context.Context, c *kafka.Client, topic string, partitions int32) ([]int64, error) {
	ends, err := c.EndOffsets(ctx, every(topic, partitions))
	if err != nil {
		return nil, err
	}
	list := make([]int64, partitions)
	for tp, end := range ends {
		list[tp.Partition] = end.Stable
	}
	return list, nil
}

func every(topic string, partitions int32) []kafka.TopicPartition {
	tps := make([]kafka.TopicPartition, partitions)
	for i := range tps {
		tps[i] = kafka.TopicPartition{Topic: topic, Partition: int32(i)}
	}
	return tps
}

// Open checks that the log has what is asked for, and starts to read it.
func Open(ctx context.Context, cfg Config) (*Reader, error) {
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	if err := cfg.inLog(ctx); err != nil {
		return nil, err
	}
	decoder, err := wire.NewReader(cfg.Stream, cfg.Entity, cfg.Needed)
	if err != nil {
		return nil, err
	}
	id, err := topicID(cfg.Log.TopicID)
	if err != nil {
		return nil, err
	}
	cfg.Ends = slices.Clone(cfg.Ends)
	r := &Reader{cfg: cfg, decoder: decoder, states: make([]State, len(cfg.From))}
	r.look()
	var assignments []kafka.Assignment
	for p, from := range cfg.From {
		r.states[p] = State{Mark: from.Mark, Epoch: from.Epoch}
		if from.Mark.Next >= cfg.Ends[p] {
			continue
		}
		r.open++
		assignments = append(assignments, kafka.Assignment{
			Topic: cfg.Stream.Topic, Partition: int32(p), Offset: from.Mark.Next, TopicID: id,
			LeaderEpoch: from.Epoch, KnownEpoch: from.Epoch >= 0 && from.Mark.Next > 0,
		})
	}
	if len(assignments) == 0 {
		return r, nil
	}
	r.log, err = cfg.Kafka.NewReader(kafka.ReaderConfig{MaxBytes: 8 << 20, MaxPartitionBytes: 2 << 20}, assignments...)
	return r, err
}

func topicID(text string) (id kafka.TopicID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("topic id %q: want 32 hexadecimal digits", text)
	}
	copy(id[:], b)
	return id, nil
}

// inLog is a *kafka.GapError if a partition's log begins after, or ends before, where its reading begins.
func (cfg *Config) inLog(ctx context.Context) error {
	tps := every(cfg.Stream.Topic, int32(len(cfg.From)))
	starts, err := cfg.Kafka.StartOffsets(ctx, tps)
	if err != nil {
		return err
	}
	ends, err := cfg.Kafka.EndOffsets(ctx, tps)
	if err != nil {
		return err
	}
	for p, tp := range tps {
		want, start, end := cfg.From[p].Mark.Next, starts[tp].Offset, ends[tp].High
		if want > end || want < start && want < cfg.Ends[p] {
			return &kafka.GapError{Topic: tp.Topic, Partition: tp.Partition, Want: want, LogStart: start, LogEnd: end}
		}
	}
	return nil
}
