package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

type quarantineCmd struct {
	List quarantineList `cmd:"" help:"List quarantined records."`
	Show quarantineShow `cmd:"" help:"Show one quarantined record, by its position."`
}

type quarantineList struct {
	where `group:"where"`

	Stream string `arg:"" optional:"" help:"Only of this stream."`
	Reason string `help:"Only of this reason." placeholder:"REASON"`
	Limit  int    `help:"At most so many, the newest." default:"1000"`
}

// Help shows an example.
func (c *quarantineList) Help() string {
	return "Example:\n  anabranch quarantine list orders --reason misrouted"
}

// quarantined is one record that was set aside.
type quarantined struct {
	Position  string            `json:"position"`
	Stream    string            `json:"stream"`
	Reason    string            `json:"reason"`
	Detail    string            `json:"detail"`
	Appended  string            `json:"append_time"`
	Key       *string           `json:"key"`
	SizeBytes int               `json:"size_bytes"`
	Headers   map[string]string `json:"headers,omitempty"`
	Value     []byte            `json:"value,omitempty"` // base64 in JSON; only in show
	appended  int64
}

// Run lists records of all reached regions.
func (c *quarantineList) Run(ctx context.Context, out *output) error {
	all, err := readQuarantine(ctx, &c.where, c.Stream)
	if err != nil {
		return err
	}
	if c.Reason != "" {
		all = slices.DeleteFunc(all, func(q quarantined) bool { return q.Reason != c.Reason })
	}
	total := len(all)
	if c.Limit > 0 && total > c.Limit {
		all = all[total-c.Limit:]
	}
	rows := [][]string{}
	for i := range all {
		all[i].Value = nil
		rows = append(rows, []string{all[i].Position, all[i].Reason, all[i].Appended, all[i].Detail})
	}
	if out.json {
		return out.result(map[string]any{"total": total, "records": all})
	}
	if total == 0 {
		out.say("nothing is quarantined")
		return nil
	}
	out.table([]string{"POSITION", "REASON", "APPENDED", "WHY"}, rows)
	if total > len(all) {
		out.say("… and %d older ones", total-len(all))
	}
	return nil
}

type quarantineShow struct {
	where `group:"where"`

	Position string `arg:"" help:"REGION/STREAM/PARTITION/OFFSET, as list prints it."`
}

// Help shows an example.
func (c *quarantineShow) Help() string {
	return "Example:\n  anabranch quarantine show us-east/flights/3/1041"
}

// Run shows one record with its bytes.
func (c *quarantineShow) Run(ctx context.Context, out *output) error {
	p, err := position.ParsePosition(c.Position)
	if err != nil {
		return usage("%v", err)
	}
	all, err := readQuarantine(ctx, &c.where, p.Stream)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(q quarantined) bool { return q.Position == p.String() })
	if i < 0 {
		return fmt.Errorf("no record is quarantined at %s: see anabranch quarantine list", p)
	}
	q := all[i]
	if out.json {
		return out.result(q)
	}
	out.say("position  %s\nreason    %s\nwhy       %s\nappended  %s", q.Position, q.Reason, q.Detail, q.Appended)
	key := "null"
	if q.Key != nil {
		key = printable([]byte(*q.Key))
	}
	out.say("key       %s\nvalue     %s (%d bytes)", key, printable(q.Value), q.SizeBytes)
	for name, v := range q.Headers {
		out.say("header    %s: %s", name, printable([]byte(v)))
	}
	return nil
}

// printable is b as text, or quoted with escapes.
func printable(b []byte) string {
	const most = 400
	cut := b[:min(len(b), most)]
	s := string(cut)
	if !utf8.Valid(cut) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 }) {
		s = strconv.Quote(s)
	}
	if len(b) > most {
		s += "…"
	}
	return s
}

// readQuarantine reads the quarantine topics of all reached regions, each record
// once, in order of append time.
func readQuarantine(ctx context.Context, w *where, stream string) ([]quarantined, error) {
	e, err := w.find(ctx)
	if err != nil {
		return nil, err
	}
	s, err := currentCatalogue(ctx, e, w.Project)
	if err != nil {
		return nil, err
	}
	if stream != "" && s.Project.Stream(stream) == nil {
		return nil, fmt.Errorf("project %s has no stream %s", s.Project.Name, stream)
	}
	byPosition := map[string]quarantined{}
	for i := range e.places {
		if len(e.places[i].kafka.Brokers) == 0 {
			continue
		}
		if err := readRegionQuarantine(ctx, &e.places[i], s.Project, stream, byPosition); err != nil {
			return nil, err
		}
	}
	all := []quarantined{}
	for _, q := range byPosition {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b quarantined) int {
		if a.appended != b.appended {
			return int(a.appended - b.appended)
		}
		return strings.Compare(a.Position, b.Position)
	})
	return all, nil
}

func readRegionQuarantine(ctx context.Context, pl *place, p *definition.Project, stream string, into map[string]quarantined) error {
	k, err := pl.dial(ctx)
	if err != nil {
		return err
	}
	defer k.Close()
	seen := map[string]bool{}
	for i := range p.Streams {
		topic := definition.QuarantineTopic(p.Streams[i].Topic)
		if seen[topic] || stream != "" && p.Streams[i].Name != stream {
			continue
		}
		seen[topic] = true
		err := readTopic(ctx, k, topic, p.Streams[i].Partitions, func(r *kafka.Record) {
			q := quarantinedOf(r)
			if stream == "" || q.Stream == stream {
				into[q.Position] = q
			}
		})
		if err != nil && !errors.Is(err, kafka.ErrNoTopic) {
			return fmt.Errorf("region %s: %w", pl.region, err)
		}
	}
	return nil
}

// readTopic calls fn with every record that a topic holds now.
func readTopic(ctx context.Context, k *kafka.Client, topic string, partitions int32, fn func(*kafka.Record)) error {
	tps := make([]kafka.TopicPartition, partitions)
	for i := range tps {
		tps[i] = kafka.TopicPartition{Topic: topic, Partition: int32(i)}
	}
	starts, err := k.StartOffsets(ctx, tps)
	if err != nil {
		return err
	}
	ends, err := k.EndOffsets(ctx, tps)
	if err != nil {
		return err
	}
	var assignments []kafka.Assignment
	for _, tp := range tps {
		if starts[tp].Offset < ends[tp].Stable {
			assignments = append(assignments, kafka.Assignment{Topic: topic, Partition: tp.Partition, Offset: starts[tp].Offset})
		}
	}
	if len(assignments) == 0 {
		return nil
	}
	reader, err := k.NewReader(kafka.ReaderConfig{}, assignments...)
	if err != nil {
		return err
	}
	defer reader.Close()
	left := map[int32]bool{}
	for _, a := range assignments {
		left[a.Partition] = true
	}
	for len(left) > 0 {
		batch, err := reader.Poll(ctx, 0)
		if err != nil {
			return err
		}
		for i := range batch.Partitions {
			recs := &batch.Partitions[i]
			if recs.Err != nil {
				return recs.Err
			}
			end := ends[kafka.TopicPartition{Topic: topic, Partition: recs.Partition}].Stable
			for r := range recs.All() {
				if r.Offset < end {
					fn(r)
				}
			}
			if recs.Next >= end {
				delete(left, recs.Partition)
			}
		}
	}
	return nil
}

func quarantinedOf(r *kafka.Record) quarantined {
	q := quarantined{SizeBytes: len(r.Value), Value: append([]byte{}, r.Value...), Headers: map[string]string{}}
	if !r.KeyNull {
		key := string(r.Key)
		q.Key = &key
	}
	for _, h := range r.Headers {
		switch v := string(h.Value); h.Key {
		case worker.HeaderReason:
			q.Reason = v
		case worker.HeaderDetail:
			q.Detail = v
		case worker.HeaderPosition:
			q.Position = v
		case worker.HeaderStream:
			q.Stream = v
		case worker.HeaderAppended:
			q.appended, _ = strconv.ParseInt(v, 10, 64)
			q.Appended = stamp.FromMillis(q.appended).String()
		default:
			q.Headers[h.Key] = v
		}
	}
	return q
}
