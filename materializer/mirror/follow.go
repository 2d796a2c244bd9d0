package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// repairs follows the peer's requests for full rounds. Requests from before the
// start are not looked for: a receiver that still misses something asks again.
func (m *Mirror) repairs(ctx context.Context) error {
	topic := definition.RepairsTopic(m.cfg.Region.Live().Project.Name)
	tp := kafka.TopicPartition{Topic: topic}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, longestWait) {
		ends, err := m.cfg.Remote.EndOffsets(ctx, []kafka.TopicPartition{tp})
		if err == nil {
			err = m.followRepairs(ctx, topic, ends[tp].High)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.cfg.Log.Debug("follow repairs", "error", err)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

func (m *Mirror) followRepairs(ctx context.Context, topic string, from int64) error {
	reader, err := m.cfg.Remote.NewReader(
		kafka.ReaderConfig{MaxBytes: 1 << 20, MaxWait: 10 * time.Second},
		kafka.Assignment{Topic: topic, Offset: from})
	if err != nil {
		return err
	}
	defer reader.Close()
	return reader.Each(ctx, func(r *kafka.Record) error {
		m.request(r.Value)
		return nil
	})
}

func (m *Mirror) request(body []byte) {
	var want worker.Repair
	if err := json.Unmarshal(body, &want); err != nil {
		m.cfg.Log.Error("repair request does not decode", "error", err)
		return
	}
	if of, _ := (position.Source{Origin: want.Origin}).Retracts(); want.Origin != m.cfg.Name && of.Origin != m.cfg.Name {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reset[laneKey{want.Instance, want.Partition, want.Origin}] = want.Next
}

// headerOffset carries, on a copied registry record, its offset in the leading
// region's log, so that a copier finds where it was.
const headerOffset = "anabranch-offset"

// errFound ends a search.
var errFound = errors.New("found")

// copyRegistry keeps the peer's registry log the same as the own one, which
// leads.
func (m *Mirror) copyRegistry(ctx context.Context) error {
	topic := definition.RegistryTopic(m.cfg.Region.Live().Project.Name)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, longestWait) {
		next, err := m.registryNext(ctx, topic)
		if err == nil {
			err = m.copyFrom(ctx, topic, next)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.cfg.Log.Warn("copy the registry log", "error", err)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// registryNext is the first offset of the own registry log that the peer lacks.
func (m *Mirror) registryNext(ctx context.Context, topic string) (int64, error) {
	if err := worker.EnsureTopic(ctx, m.cfg.Remote, worker.RegistryTopic(m.cfg.Region.Live().Project.Name)); err != nil {
		return 0, err
	}
	tp := kafka.TopicPartition{Topic: topic}
	ends, err := m.cfg.Remote.EndOffsets(ctx, []kafka.TopicPartition{tp})
	if err != nil || ends[tp].High == 0 {
		return 0, err
	}
	reader, err := m.cfg.Remote.NewReader(kafka.ReaderConfig{MaxBytes: 8 << 20}, kafka.Assignment{Topic: topic, Offset: ends[tp].High - 1})
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	next := ends[tp].High
	err = reader.Each(ctx, func(r *kafka.Record) error {
		if v, ok := r.Header(headerOffset); ok {
			at, err := strconv.ParseInt(string(v), 10, 64)
			if err != nil {
				return err
			}
			next = at + 1
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return next, err
}

func (m *Mirror) copyFrom(ctx context.Context, topic string, next int64) error {
	reader, err := m.cfg.Local.NewReader(kafka.ReaderConfig{MaxBytes: 8 << 20}, kafka.Assignment{Topic: topic, Offset: next})
	if err != nil {
		return err
	}
	defer reader.Close()
	return reader.Each(ctx, func(r *kafka.Record) error {
		out := kafka.Record{Topic: topic, Key: r.Key, Value: r.Value, Headers: []kafka.Header{
			{Key: headerOffset, Value: strconv.AppendInt(nil, r.Offset, 10)},
		}}
		_, err := m.cfg.Remote.Produce(ctx, []kafka.Record{out})
		return err
	})
}
