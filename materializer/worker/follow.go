package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
)

// follow reads the registry log of its region and adopts what it says. Trouble
// with definitions does not end the worker: what was at work goes on.
func (r *Region) follow(ctx context.Context) error {
	topic, err := r.findRegistry(ctx)
	if err != nil {
		return err
	}
	reader, err := r.cfg.Kafka.NewReader(kafka.ReaderConfig{MaxBytes: 16 << 20, GoneAfter: 24 * time.Hour}, kafka.Assignment{Topic: topic})
	if err != nil {
		return err
	}
	defer reader.Close()
	end, err := r.registryEnd(ctx, topic)
	if err != nil {
		return err
	}
	var s catalogue.State
	next, adopted := int64(0), uint64(0)
	for {
		// What was superseded before this worker started is never put to work:
		// that would drop the state of what is in force.
		if err := r.read(ctx, reader, &s, &next, next >= end && adopted != s.Version); err != nil {
			return err
		}
		if s.Project == nil || adopted == s.Version || next < end {
			continue
		}
		if err := r.adopt(ctx, adoptionOf(s, r.cfg.Region)); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.setTrouble(fmt.Sprintf("definitions of version %d: %v", s.Version, err))
			continue
		}
		adopted = s.Version
		r.clearTrouble()
		r.cfg.Log.Info("definitions adopted", "version", s.Version, "project", s.Project.Name)
	}
}

// registryEnd is how far the registry log goes at the start.
func (r *Region) registryEnd(ctx context.Context, topic string) (end int64, err error) {
	tp := kafka.TopicPartition{Topic: topic}
	err = r.retrying(ctx, "ask for the end of the registry log", func() error {
		ends, err := r.cfg.Kafka.EndOffsets(ctx, []kafka.TopicPartition{tp})
		end = ends[tp].Stable
		return err
	})
	return end, err
}

// read takes the next records of the registry log into the catalogue, up to
// next. While something waits to be adopted it returns after two seconds without
// any.
func (r *Region) read(ctx context.Context, reader *kafka.Reader, s *catalogue.State, next *int64, waiting bool) error {
	poll, cancel := ctx, context.CancelFunc(func() {})
	if waiting {
		poll, cancel = context.WithTimeout(ctx, 2*time.Second)
	}
	defer cancel()
	batch, err := reader.Poll(poll, 0)
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	}
	for i := range batch.Partitions {
		recs := &batch.Partitions[i]
		if recs.Err != nil {
			return fmt.Errorf("follow the registry log: %w", recs.Err)
		}
		for rec := range recs.All() {
			if err := r.step(s, rec); err != nil {
				return err
			}
		}
		*next = max(*next, recs.Next)
	}
	return nil
}

// step takes one record into the catalogue. A command of a newer version ends
// following: passing it over would make this region's catalogue differ from the
// others'.
func (r *Region) step(s *catalogue.State, rec *kafka.Record) error {
	cmd, err := catalogue.Decode(rec.Value)
	if errors.Is(err, catalogue.ErrNewer) {
		return fmt.Errorf("registry log offset %d: %w", rec.Offset, err)
	}
	if err != nil {
		r.cfg.Log.Error("registry record is no command", "offset", rec.Offset, "error", err)
		*s = s.Skip(rec.Offset)
		return nil
	}
	next, verdict := s.Step(cmd, rec.Offset)
	*s = next
	r.cfg.Log.Debug("registry command", "offset", rec.Offset, "id", cmd.ID, "outcome", verdict.Outcome.String())
	return nil
}

// findRegistry waits for the registry log of the project, or for the only one
// that there is.
func (r *Region) findRegistry(ctx context.Context) (string, error) {
	for {
		names, err := r.cfg.Kafka.TopicNames(ctx)
		if err == nil {
			topic, err := pickRegistry(names, r.cfg.Project)
			if err == nil && topic != "" {
				return topic, nil
			}
			if err != nil {
				r.setTrouble(err.Error())
			}
		} else if ctx.Err() == nil {
			r.setTrouble(err.Error())
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
}

func pickRegistry(topics []string, project string) (string, error) {
	if project != "" {
		for _, t := range topics {
			if t == definition.RegistryTopic(project) {
				return t, nil
			}
		}
		return "", nil
	}
	var found []string
	for _, t := range topics {
		if name, ok := strings.CutSuffix(t, ".registry"); ok && !strings.Contains(name, ".") {
			found = append(found, t)
		}
	}
	if len(found) > 1 {
		return "", fmt.Errorf("found the registry logs %s: say which with --project", strings.Join(found, ", "))
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return "", nil
}

func (r *Region) setTrouble(why string) {
	if old := r.trouble.Swap(&why); old == nil || *old != why {
		r.cfg.Log.Warn("definitions", "trouble", why)
	}
}

func (r *Region) clearTrouble() { r.trouble.Store(nil) }
