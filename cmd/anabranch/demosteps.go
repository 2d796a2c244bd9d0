package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/link"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

// produce sends every event to the region that writes it, in all regions at
// once, and kills a worker in the middle.
func (d *demo) produce(ctx context.Context) error {
	d.say("\n2. %s events of %s, written where they belong.", count(d.input.total), d.input.stream)
	d.raw = link.New(link.Config{Name: "producers"})
	var once sync.Once
	var killed error
	half := func(sent int64) {
		if sent >= d.input.total/(2*int64(len(d.defs.project.Regions))) {
			once.Do(func() {
				killed = d.child.kill(ctx, d.env)
				d.say("   The worker of %s was killed in the middle (SIGKILL) and started again.", d.child.region)
			})
		}
	}
	group, gctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for _, region := range d.defs.project.Regions {
		group.Go(func() error {
			p := d.producer(region, d.raw)
			p.after = half
			result, err := p.send(gctx, d.input.file, "")
			if err != nil {
				return fmt.Errorf("region %s: %w", region, err)
			}
			mu.Lock()
			defer mu.Unlock()
			d.input.sent[region] += result.Produced
			d.say("   %s: %s events", region, count(result.Produced))
			return nil
		})
	}
	if err := errors.Join(group.Wait(), killed); err != nil {
		return err
	}
	half(d.input.total) // too few events to reach the middle
	if killed != nil || !d.input.own {
		return killed
	}
	return d.spoil(ctx)
}

// producer makes a producer of the region's share of the events, whose Kafka
// connections cross l.
func (d *demo) producer(region string, l *link.Link) *producer {
	pl := *d.env.place(region)
	if l != nil {
		pl.kafka.Dialer = l.DialContext
	}
	quiet := *d.out
	quiet.quiet = true
	return &producer{
		place: &pl, project: d.defs.project, stream: d.input.stream, columns: d.input.columns, secret: d.state.Secret, out: &quiet,
		rate: max(5_000, float64(d.input.total)/8),
		only: func(fields map[string]any) bool { return d.input.split.region(fields) == region },
	}
}

// spoil puts in what real life does: records sent twice, and bad ones.
func (d *demo) spoil(ctx context.Context) error {
	const repeated = 200
	for _, region := range d.defs.project.Regions {
		p := d.producer(region, nil)
		p.most = repeated
		result, err := p.send(ctx, d.input.file, "")
		if err != nil {
			return err
		}
		bad, err := d.sendBad(ctx, region)
		if err != nil {
			return err
		}
		d.input.sent[region] += result.Produced + bad
		d.say("   %s: %s of them sent a second time, and %d bad records", region, count(result.Produced), bad)
	}
	return nil
}

// sendBad sends one record of every kind that a producer can get wrong.
func (d *demo) sendBad(ctx context.Context, region string) (int64, error) {
	pl := d.env.place(region)
	k, err := pl.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer k.Close()
	reg, err := registry.NewClient(pl.registry)
	if err != nil {
		return 0, err
	}
	stream := d.defs.project.Stream(d.input.stream)
	latest, err := reg.Latest(ctx, definition.Subject(stream.Topic))
	if err != nil {
		return 0, err
	}
	other, err := reg.Register(ctx, "demo-other-value", `{"type":"record","name":"Other","fields":[{"name":"x","type":"long"}]}`)
	if err != nil {
		return 0, err
	}
	enc, err := wire.NewEncoder(latest.Schema)
	if err != nil {
		return 0, err
	}
	flight := func(at time.Time) []byte {
		b, err := enc.EncodeValues(wire.AppendFrame(nil, int32(latest.ID)), map[string]any{
			"departed_at": at.UTC().Format(time.RFC3339), "landed_at": at.UTC().Format(time.RFC3339),
			"delay": 0, "distance": 1, "origin": "SFO", "destination": "LAX",
		})
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return b
	}
	good := flight(time.Date(2001, 2, 1, 0, 0, 0, 0, time.UTC))
	key := []byte("LAX")
	right := wire.Partition(key, stream.Partitions)
	foreign := binary.AppendVarint(wire.AppendFrame(nil, int32(other)), 7)
	records := []kafka.Record{
		{Partition: right, Key: key, Value: good[:len(good)-2]},                          // undecodable
		{Partition: right, Key: key},                                                     // tombstone
		{Partition: (right + 1) % stream.Partitions, Key: key, Value: good},              // misrouted
		{Partition: right, Key: key, Value: flight(time.Now().Add(30 * 24 * time.Hour))}, // future
		{Partition: right, Key: key, Value: foreign},                                     // incompatible schema
	}
	for i := range records {
		records[i].Topic = stream.Topic
	}
	_, err = k.Produce(ctx, records)
	return int64(len(records)), err
}

// waitEnds waits until every region has folded what all logs hold now.
func waitEnds(ctx context.Context, e *env, p *definition.Project, timeout time.Duration, out *output) error {
	f := position.Frontier{}
	for i := range e.places {
		pl := &e.places[i]
		if !p.HasRegion(pl.region) {
			continue
		}
		k, err := pl.dial(ctx)
		if err != nil {
			return err
		}
		err = logEnds(ctx, k, p, pl.region, f)
		k.Close()
		if err != nil {
			return err
		}
	}
	return waitCovered(ctx, e, p, f, timeout, out)
}

// logEnds adds the committed ends of a region's own logs to f.
func logEnds(ctx context.Context, k *kafka.Client, p *definition.Project, region string, f position.Frontier) error {
	for i := range p.Streams {
		s := &p.Streams[i]
		tps := make([]kafka.TopicPartition, s.Partitions)
		for n := range tps {
			tps[n] = kafka.TopicPartition{Topic: s.Topic, Partition: int32(n)}
		}
		ends, err := k.EndOffsets(ctx, tps)
		if err != nil {
			return err
		}
		for _, tp := range tps {
			if next := ends[tp].Stable; next > 0 {
				f[position.Log{Stream: s.Name, Source: position.Source{Origin: region, Incarnation: 1}, Partition: tp.Partition}] = position.Mark{Next: next}
			}
		}
	}
	return nil
}

// serve reads one key's vector in every region.
func (d *demo) serve(ctx context.Context) error {
	req, at, err := d.example(ctx)
	if err != nil {
		return err
	}
	d.at = at
	req.At = at.String()
	d.request = req
	d.say("\n4. One vector from each region, at the key's newest event.")
	var first *featuresAnswer
	for _, name := range d.defs.project.Regions {
		body, err := d.env.features(ctx, d.env.place(name), req, 10*time.Second)
		if err != nil {
			return err
		}
		a, err := parseAnswer(body)
		if err != nil {
			return err
		}
		if first == nil {
			first = a
			cells := []string{}
			for i, f := range a.Features {
				_, short, _ := strings.Cut(f, ":")
				cells = append(cells, fmt.Sprintf("%s=%s", short, shortJSON(a.Rows[0].Values[i])))
			}
			d.say("   %s", wrap(strings.Join(cells, "  "), 100, "   "))
		}
		same := "the same values"
		for i := range a.Features {
			if string(a.Rows[0].Values[i]) != string(first.Rows[0].Values[i]) {
				same = "OTHER VALUES"
			}
		}
		age := "unknown"
		if ms := a.Rows[0].AgeMillis[0]; ms != nil {
			age = fmt.Sprintf("%d ms", *ms)
		}
		d.say("   %-12s %s, age %s, token %s…", name, same, age, a.Token[:min(24, len(a.Token))])
	}
	return nil
}

// example is a request for one key of the first service, or view, and the time
// of that key's newest event.
func (d *demo) example(ctx context.Context) (*featuresRequest, stamp.Micros, error) {
	p := d.defs.project
	req := &featuresRequest{Features: []string{p.Views[0].Name + ":*"}}
	row, err := d.exampleEntity()
	if err != nil {
		return nil, 0, err
	}
	req.Entities = []map[string]any{row}
	body, err := d.env.features(ctx, &d.env.places[0], req, 10*time.Second)
	if err != nil {
		return nil, 0, err
	}
	a, err := parseAnswer(body)
	if err != nil {
		return nil, 0, err
	}
	if a.Rows[0].EventTimestamps[0] == nil {
		at, err := stamp.ParseTime(a.At)
		return req, at, err
	}
	at, err := stamp.ParseTime(*a.Rows[0].EventTimestamps[0])
	return req, at, err
}

// wrap breaks a text at spaces.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Split(text, "  ") {
		if i > 0 {
			if line+len(word) > width {
				b.WriteString("\n" + indent)
				line = 0
			} else {
				b.WriteString("  ")
			}
		}
		b.WriteString(word)
		line += len(word) + 2
	}
	return b.String()
}
