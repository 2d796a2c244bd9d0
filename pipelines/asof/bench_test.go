package asof_test

import (
	"fmt"
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// history is a key's events over three months from two origins, known an hour
// after they happened, and a label for every ten.
func history(events int) ([]asof.Event, []stamp.Micros) {
	out, labels := make([]asof.Event, events), make([]stamp.Micros, events/10)
	step := 90 * stamp.Day / stamp.Micros(events)
	origins := []position.Source{{Origin: "east", Incarnation: 1}, {Origin: "west", Incarnation: 1}}
	places := make([]value.Value, 300)
	for i := range places {
		places[i] = value.Text(fmt.Sprintf("P%02d", i))
	}
	for i := range out {
		at := 11323*stamp.Day + stamp.Micros(i)*step
		out[i] = asof.Event{
			Source: origins[i%2], Offset: int64(i / 2), Stamp: stamp.Next(0, at.Millis()+int64(i)), Time: at, Created: at + stamp.Hour,
			ID: []byte(fmt.Sprintf("file:%d", i)), HasID: true,
			Fields: []value.Value{value.Text("ATL"), value.Time(at), value.Int(int64(i*7919%200 - 60)), places[i*104729%300]},
		}
		if i%10 == 0 {
			labels[i/10] = at + 30*stamp.Minute
		}
	}
	return out, labels
}

func flights(b *testing.B) *fold.Program {
	of := func(name string) definition.Field {
		return definition.Field{Name: name, Type: value.Of(value.Int64)}
	}
	p := &definition.Project{
		Name: "bench", Regions: []string{"west", "east"}, Entities: []definition.Entity{{Name: "airport", JoinKeys: []definition.JoinKey{{Name: "airport", Type: value.String}}}},
		Streams: []definition.Stream{{
			Name: "flights", Entity: "airport", Key: []int{0}, EventTime: 1, Created: -1, EventID: definition.EventID{Field: -1, Header: "ce_id"}, EventIDHorizon: 7 * stamp.Day,
			Partitions: 1, MaxFuture: 5 * stamp.Minute,
			Fields: []definition.Field{{Name: "airport", Type: value.Of(value.String)}, {Name: "at", Type: value.Of(value.Timestamp)}, of("delay"), {Name: "origin", Type: value.Of(value.String)}},
		}},
		Views: []definition.View{{Name: "arrivals", Stream: "flights", TTL: 90 * stamp.Day, Features: []definition.Feature{
			{Name: "flights_1h", Kind: "count", By: "1", Window: stamp.Hour, Pane: 5 * stamp.Minute, Scale: -1},
			{Name: "flights_7d", Kind: "count", By: "1", Window: 7 * stamp.Day, Pane: stamp.Hour, Scale: -1},
			{Name: "late_24h", Kind: "count", By: "1", Where: "delay > 15", Window: stamp.Day, Pane: stamp.Hour, Scale: -1},
			{Name: "mean_delay_24h", Kind: "mean", Of: "delay", Window: stamp.Day, Pane: stamp.Hour, Scale: -1},
			{Name: "max_delay_24h", Kind: "max", Of: "delay", Window: stamp.Day, Pane: stamp.Hour, Scale: -1},
			{Name: "last_origin", Kind: "last", Of: "origin", Scale: -1},
			{Name: "recent_origins", Kind: "recent", Of: "origin", K: 10, Scale: -1},
			{Name: "total", Kind: "sum", Of: "delay", Scale: -1},
		}}},
	}
	prog, err := fold.Compile(p, &p.Views[0])
	if err != nil {
		b.Fatal(err)
	}
	return prog
}

// BenchmarkSweep is one million events and a hundred thousand labels, as a
// thousand keys or as a single hot one, with the leak count and without.
func BenchmarkSweep(b *testing.B) {
	const events = 1_000_000
	for _, c := range []struct {
		name string
		keys int
		cut  asof.Cut
	}{{"keys=1000/label", 1000, asof.Cut{}}, {"keys=1000/off", 1000, asof.Cut{Knowledge: asof.Off}}, {"keys=1/label", 1, asof.Cut{}}} {
		b.Run(c.name, func(b *testing.B) {
			prog := flights(b)
			log, labels := history(events / c.keys)
			s, which, answers := asof.New(prog), all(prog), 0
			for b.Loop() {
				for range c.keys {
					s.Key(log, labels, which, &c.cut, func(*asof.Answer) { answers++ })
				}
			}
			if answers == 0 {
				b.Fatal("no answers")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}
