package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

func parseAnswer(body []byte) (*featuresAnswer, error) {
	var a featuresAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if len(a.Rows) == 0 || len(a.Features) == 0 {
		return nil, errors.New("answer: it has no rows")
	}
	return &a, nil
}

// decoded calls fn with the key and the event time of every event of the
// input, as the fold sees it.
func (d *demo) decoded(ctx context.Context, fn func(row inputRow, ev *wire.Event) error) error {
	pl := &d.env.places[0]
	k, err := pl.dial(ctx)
	if err != nil {
		return err
	}
	defer k.Close()
	reg, err := registry.NewClient(pl.registry)
	if err != nil {
		return err
	}
	p := &producer{stream: d.input.stream, columns: d.input.columns, ignored: map[string]bool{}}
	if p.enc, err = intake.New(intake.Config{Kafka: k, Registry: reg, Project: d.defs.project, Region: pl.region}).Stream(ctx, d.input.stream); err != nil {
		return err
	}
	stream := d.defs.project.Stream(d.input.stream)
	reader, err := wire.NewReader(stream, d.defs.project.Entity(stream.Entity), nil)
	if err != nil {
		return err
	}
	latest := p.enc.Schema()
	if err := reader.AddSchema(int32(latest.ID), latest.Schema); err != nil {
		return err
	}
	var ev wire.Event
	return d.input.file.each(func(r inputRow) error {
		row, err := p.row(r)
		if err != nil {
			return err
		}
		rec, err := p.enc.Encode(row)
		if err != nil {
			return err
		}
		verdict, err := reader.Read(&wire.Record{Value: rec.Value, Partition: rec.Partition, AppendMillis: 1 << 50}, &ev)
		if err != nil || !verdict.OK() {
			return errors.Join(err, fmt.Errorf("line %d: %s", r.Line, verdict))
		}
		return fn(r, &ev)
	})
}

// exampleEntity is the key of the entity with the most events.
func (d *demo) exampleEntity() (map[string]any, error) {
	seen := map[string]int{}
	best := ""
	err := d.decoded(context.Background(), func(_ inputRow, ev *wire.Event) error {
		if key := string(ev.Key); seen[key] < 1<<30 {
			seen[key]++
			if seen[key] > seen[best] || seen[key] == seen[best] && key < best {
				best = key
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	entity := d.entity()
	parts, err := wire.ParseKey([]byte(best), entity.JoinKeys)
	if err != nil {
		return nil, err
	}
	row := map[string]any{}
	for i, k := range entity.JoinKeys {
		row[k.Name] = json.RawMessage(value.AppendJSON(nil, parts[i], value.Of(k.Type)))
	}
	return row, nil
}

func (d *demo) entity() *definition.Entity {
	return d.defs.project.Entity(d.defs.project.Stream(d.input.stream).Entity)
}

// exampleRequest is the body for the curl line.
func (d *demo) exampleRequest() string {
	b, err := json.Marshal(d.request)
	if err != nil {
		return "{}"
	}
	return string(b)
}

// spineRows is about how many labels the training set has.
const spineRows = 2500

// writeSpine writes labels spread over all events: every other one at the very
// instant of an event, the others some minutes after one. Flights carry the
// delay as their label.
func (d *demo) writeSpine(ctx context.Context, path string) (int64, error) {
	entity := d.entity()
	schema := columnar.Schema{}
	for _, k := range entity.JoinKeys {
		schema = append(schema, columnar.Column{Name: k.Name, Type: value.Of(k.Type)})
	}
	schema = append(schema, columnar.Column{Name: "event_timestamp", Type: value.Of(value.Timestamp)})
	label := -1
	if d.input.own {
		label = d.defs.project.Stream(d.input.stream).Field("delay")
		schema = append(schema, columnar.Column{Name: "label_delay", Type: value.Of(value.Int64)})
	}
	batch := columnar.NewBatch(schema)
	every, n := max(1, d.input.total/spineRows), int64(0)
	err := d.decoded(ctx, func(_ inputRow, ev *wire.Event) error {
		n++
		if (n-1)%every != 0 {
			return nil
		}
		parts, err := wire.ParseKey(ev.Key, entity.JoinKeys)
		if err != nil {
			return err
		}
		at := ev.Time
		if pick := (n - 1) / every; pick%2 == 1 {
			at += stamp.Micros(pick*7919%1440) * stamp.Minute
		}
		row := append(parts, value.Time(at))
		if label >= 0 {
			row = append(row, ev.Fields[label])
		}
		for i, v := range row {
			batch.Cols[i].Append(v)
		}
		batch.Rows++
		return nil
	})
	if err != nil {
		return 0, err
	}
	return int64(batch.Rows), writeTable(path, schema, batch)
}

func writeTable(path string, schema columnar.Schema, batch *columnar.Batch) error {
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := columnar.NewWriter(f, schema, columnar.Options{})
	if err != nil {
		return err
	}
	if err := w.Write(batch); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
