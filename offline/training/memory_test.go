package training

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"anabranch.dev/anabranch/offline/columnar"
	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// memory is a history held in memory, with its events' fields compact.
type memory struct {
	events   map[string][]asof.Event // by key text
	parts    int32
	frontier position.Frontier
	fields   []int
	fail     error // of a scan
}

func (m *memory) Frontier() position.Frontier { return m.frontier.Clone() }
func (m *memory) Fields() []int               { return m.fields }

func (m *memory) Scan(_ context.Context, partition int32, keys [][]byte, fn func([]byte, []asof.Event) error) error {
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		return fmt.Errorf("keys are not sorted")
	}
	var all []string
	for k := range m.events {
		wanted := keys == nil || slices.ContainsFunc(keys, func(w []byte) bool { return string(w) == k })
		if wanted && wire.Partition([]byte(k), m.parts) == partition {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	for _, k := range all {
		events := slices.Clone(m.events[k])
		if err := fn([]byte(k), events); err != nil {
			return err
		}
		clear(events) // its own no longer
	}
	return m.fail
}

// historyOf keeps the needed fields of a world's events.
func historyOf(w *asoftest.World, needed []bool) *memory {
	m := &memory{events: map[string][]asof.Event{}, parts: w.Stream.Partitions, frontier: w.Ends()}
	for f, need := range needed {
		if need {
			m.fields = append(m.fields, f)
		}
	}
	for _, e := range w.Events {
		kept := e.Event
		kept.Fields = nil
		for _, f := range m.fields {
			kept.Fields = append(kept.Fields, e.Fields[f])
		}
		m.events[e.Key] = append(m.events[e.Key], kept)
	}
	return m
}

// opens gives each stream the history of a world.
func opens(w *asoftest.World) Histories {
	return func(_ context.Context, stream string, needed []bool) (History, error) {
		if stream != w.Stream.Name {
			return nil, fmt.Errorf("no stream %s", stream)
		}
		return historyOf(w, needed), nil
	}
}

type fataler interface {
	Fatalf(string, ...any)
	Helper()
}

func must[T any](v T, err error) func(fataler) T {
	return func(t fataler) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%v", err)
		}
		return v
	}
}

func definitions(t fataler, p *definition.Project) Definitions {
	return Definitions{Project: p, Programs: must(fold.CompileAll(p))(t)}
}

// label is a row of a spine.
type label struct {
	key  string // empty: null
	at   stamp.Micros
	note int64
}

func spineBatch(labels []label) *columnar.Batch {
	b := columnar.NewBatch(columnar.Schema{
		{Name: "note", Type: value.Of(value.Int64)}, {Name: "user", Type: value.Of(value.String), Nullable: true}, {Name: "event_timestamp", Type: value.Of(value.Timestamp)},
	})
	for _, l := range labels {
		key := value.Text(l.key)
		if l.key == "" {
			key = value.Value{}
		}
		b.Append(value.Int(l.note), key, value.Time(l.at))
	}
	return b
}

// writeSpine writes labels in a format and returns the path.
func writeSpine(t fataler, dir, format string, labels []label) string {
	var out bytes.Buffer
	b := spineBatch(labels)
	switch format {
	case "parquet":
		w := must(columnar.NewWriter(&out, b.Schema, columnar.Options{RowGroupRows: max(7, len(labels)/3)}))(t)
		must(0, w.Write(b))(t)
		must(0, w.Close())(t)
	case "arrow":
		w := must(columnar.NewArrowWriter(&out, b.Schema))(t)
		must(0, w.Write(b))(t)
		must(0, w.Close())(t)
	case "csv":
		fmt.Fprintln(&out, "note,user,event_timestamp")
		for _, l := range labels {
			fmt.Fprintf(&out, "%d,%s,%s\n", l.note, l.key, l.at)
		}
	case "jsonl":
		for _, l := range labels {
			row := map[string]any{"note": l.note, "user": l.key, "event_timestamp": l.at.String()}
			if l.key == "" {
				row["user"] = nil
			}
			text := must(json.Marshal(row))(t)
			out.Write(append(text, '\n'))
		}
	}
	path := filepath.Join(dir, "spine."+format)
	must(0, os.WriteFile(path, out.Bytes(), 0o600))(t)
	return path
}

// readTable reads a file's columns by name.
func readTable(t fataler, path string) map[string][]value.Value {
	table := must(columnar.OpenTable(path, columnar.TableOptions{}))(t)
	defer table.Close()
	columns := map[string][]value.Value{}
	names := table.Schema().Names()
	rows := must(table.Scan(names, 100))(t)
	defer rows.Close()
	var b columnar.Batch
	for rows.Next(&b) == nil {
		for i, name := range names {
			for r := range b.Rows {
				columns[name] = append(columns[name], b.Cols[i].At(r).Clone())
			}
		}
	}
	return columns
}

func readFile(t fataler, path string) []byte { return must(os.ReadFile(path))(t) }

func entries(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, e := range must(os.ReadDir(dir))(t) {
		names = append(names, e.Name())
	}
	return names
}
