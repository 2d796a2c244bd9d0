package training

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// BenchmarkRun is a spine of 100,000 rows over 200,000 events of a thousand
// keys and eight features, from Parquet to Parquet.
func BenchmarkRun(b *testing.B) {
	const rows, events, keys = 100_000, 200_000, 1000
	w := asoftest.Base()
	v := definition.View{Name: "view", Stream: "events", Features: []definition.Feature{
		{Name: "a", Kind: "count", By: "1", Window: stamp.Hour, Pane: 5 * stamp.Minute}, {Name: "b", Kind: "count", By: "1", Window: 7 * stamp.Day, Pane: stamp.Hour},
		{Name: "c", Kind: "mean", Of: "n", Window: stamp.Day, Pane: stamp.Hour}, {Name: "d", Kind: "max", Of: "n", Window: stamp.Day, Pane: stamp.Hour},
		{Name: "e", Kind: "last", Of: "s"}, {Name: "f", Kind: "recent", Of: "s", K: 10}, {Name: "g", Kind: "sum", Of: "n"}, {Name: "h", Kind: "approx_distinct", Of: "s", Precision: 12},
	}}
	for i := range v.Features {
		v.Features[i].Scale = -1
	}
	w.Project.Views, w.Stream.Partitions = []definition.View{v}, 8
	h := &memory{events: map[string][]asof.Event{}, parts: 8, frontier: position.Frontier{}}
	for i := range events {
		key := fmt.Sprintf("k%d", i%keys)
		at := stamp.Micros(i) * 40 * stamp.Second
		e := asof.Event{Source: position.Source{Origin: "west", Incarnation: 1}, Offset: int64(i), Stamp: stamp.Next(0, at.Millis()), Time: at, Created: at + stamp.Minute, Fields: make([]value.Value, asoftest.FieldCount)}
		e.Fields[4], e.Fields[7] = value.Int(int64(i%100)), value.Text(fmt.Sprintf("s%d", i*7919%300))
		h.events[key] = append(h.events[key], e)
	}
	labels := make([]label, rows)
	for i := range labels {
		labels[i] = label{fmt.Sprintf("k%d", i*7%keys), stamp.Micros(i*7919%rows) * 80 * stamp.Second, int64(i)}
	}
	dir := b.TempDir()
	r := &Request{
		Definitions: definitions(b, w.Project), Features: []string{"view:*"}, Spine: writeSpine(b, dir, "parquet", labels), Out: filepath.Join(dir, "out.parquet"),
		Histories: func(context.Context, string, []bool) (History, error) { return h, nil },
	}
	for b.Loop() {
		must(Run(context.Background(), r))(b)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
