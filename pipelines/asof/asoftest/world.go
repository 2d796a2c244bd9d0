package asoftest

import (
	"fmt"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// World is a project with one view, and events.
type World struct {
	Project *definition.Project
	View    *definition.View
	Stream  *definition.Stream
	Keys    []string // canonical key texts
	// Events are all events of the keys, log by log, each in the log's order.
	Events []Keyed
}

// Keyed is an event and its key.
type Keyed struct {
	Key string
	asof.Event
}

// Of are the events of one key.
func (w *World) Of(key string) []asof.Event {
	var events []asof.Event
	for _, e := range w.Events {
		if e.Key == key {
			events = append(events, e.Event)
		}
	}
	return events
}

// Case is the view as the oracle sees it.
func (w *World) Case() *oracle.Case {
	fs, types := functions()
	return &oracle.Case{View: *w.View, Stream: *w.Stream, Functions: fs, OfType: types, Bases: w.Project.Bases}
}

// Options narrow what is drawn.
type Options struct {
	MaxEvents int // of a log; default 30
	Keys      int // default 2
	// NoIDs draws streams without event ids.
	NoIDs bool
}

// Start is about where the times of a world lie: an edge of every pane.
const Start = 11323 * stamp.Day // 2001-01-01

var regions = []string{"west", "east"} // not in order, so that ranks are not places

// Draw draws a world.
func Draw(t *rapid.T, o Options) *World {
	if o.MaxEvents == 0 {
		o.MaxEvents = 30
	}
	if o.Keys == 0 {
		o.Keys = 2
	}
	w := Base()
	w.Keys = []string{"u0", "u1", "7", "ü", "u4", "u5"}[:o.Keys]
	drawStream(t, o, w.Stream)
	w.Project.Views = []definition.View{drawView(t)}
	w.View = &w.Project.Views[0]
	for _, r := range regions {
		for p := range w.Stream.Partitions {
			w.drawLog(t, position.Source{Origin: r, Incarnation: 1}, p, rapid.IntRange(0, o.MaxEvents).Draw(t, "events"))
		}
	}
	return w
}

func drawStream(t *rapid.T, o Options, s *definition.Stream) {
	s.Partitions = int32(rapid.IntRange(1, 2).Draw(t, "partitions"))
	s.EventIDHorizon = rapid.SampledFrom([]stamp.Micros{stamp.Millisecond, 2 * stamp.Minute, 20 * stamp.Minute, 7 * stamp.Day}).Draw(t, "horizon")
	if rapid.Bool().Draw(t, "created field") {
		s.Created = fieldKnown
	}
	if !o.NoIDs && rapid.Bool().Draw(t, "event ids") {
		s.EventID = rapid.SampledFrom([]definition.EventID{{Field: fieldID}, {Field: -1, Header: "ce_id"}}).Draw(t, "id place")
	}
}

var spans = []stamp.Micros{10 * stamp.Second, stamp.Minute, 5 * stamp.Minute, 7 * stamp.Minute, 30 * stamp.Minute, 2 * stamp.Hour, 36 * stamp.Hour}

func drawView(t *rapid.T) definition.View {
	v := definition.View{Name: "view", Stream: "events", Where: maybe(t, "view where")}
	if rapid.Bool().Draw(t, "has ttl") {
		v.TTL = rapid.SampledFrom(spans).Draw(t, "ttl")
	}
	for i := range rapid.IntRange(1, 10).Draw(t, "features") {
		f := drawFeature(t)
		f.Name = fmt.Sprintf("f%d", i)
		v.Features = append(v.Features, f)
	}
	nest(t, &v)
	return v
}

func maybe(t *rapid.T, label string) string {
	if rapid.IntRange(0, 2).Draw(t, label+"?") > 0 {
		return ""
	}
	return rapid.SampledFrom(conditionTexts).Draw(t, label)
}

// drawLog appends the events of one log.
func (w *World) drawLog(t *rapid.T, src position.Source, partition int32, n int) {
	var keys []string
	for _, k := range w.Keys {
		if wire.Partition([]byte(k), w.Stream.Partitions) == partition {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return
	}
	offset, ms, last := int64(0), int64(Start.Millis()), stamp.Stamp(0)
	for range n {
		offset += int64(rapid.IntRange(1, 3).Draw(t, "gap"))
		ms += rapid.SampledFrom([]int64{0, 0, 1, 1000, 60_000, 61_000, 600_000, -90_000}).Draw(t, "append")
		last = stamp.Next(last, ms)
		key := rapid.SampledFrom(keys).Draw(t, "key")
		e := asof.Event{Source: src, Partition: partition, Offset: offset - 1, Stamp: last, Created: stamp.FromMillis(ms)}
		w.drawBody(t, key, &e)
		w.Events = append(w.Events, Keyed{key, e})
	}
}

func (w *World) drawBody(t *rapid.T, key string, e *asof.Event) {
	e.Time = DrawTime(t, "event time")
	f := drawFields(t)
	f[fieldUser], f[fieldAt] = value.Text(key), value.Time(e.Time)
	if w.Stream.Created >= 0 && rapid.IntRange(0, 3).Draw(t, "created?") > 0 {
		e.Created = rapid.OneOf(rapid.Just(e.Time), rapid.Custom(func(t *rapid.T) stamp.Micros { return DrawTime(t, "known") })).Draw(t, "created")
		f[fieldKnown] = value.Time(e.Created)
	}
	if !w.Stream.EventID.None() && rapid.IntRange(0, 3).Draw(t, "id?") > 0 {
		e.ID, e.HasID = []byte(rapid.SampledFrom([]string{"", "i", "j"}).Draw(t, "id")), true
		f[fieldID] = value.Raw(e.ID)
		f[fieldID].Kind = value.String
	}
	e.Fields = f
	e.Observed = w.drawObserved(t, e)
}

// DrawTime draws a time near Start, often on or beside an edge of panes.
func DrawTime(t *rapid.T, label string) stamp.Micros {
	minute := stamp.Micros(rapid.IntRange(-10, 80).Draw(t, label))
	step := rapid.SampledFrom([]stamp.Micros{stamp.Minute, stamp.Minute, 5 * stamp.Minute, 7 * stamp.Minute}).Draw(t, label+" step")
	return Start + minute*step + stamp.Micros(rapid.IntRange(-1, 1).Draw(t, label+" beside"))
}

// Base is a world without views and events: its project, entity and stream,
// without event ids and created timestamps, in one partition.
func Base() *World {
	w := &World{Project: &definition.Project{
		Name: "world", Regions: regions, Bases: bases(),
		Entities: []definition.Entity{{Name: "user", JoinKeys: []definition.JoinKey{{Name: "user", Type: value.String}}}},
		Streams: []definition.Stream{{
			Name: "events", Entity: "user", Topic: "world.events", Fields: fields(), Key: []int{fieldUser}, EventTime: fieldAt, Created: -1,
			EventID: definition.EventID{Field: -1}, EventIDHorizon: 7 * stamp.Day, Partitions: 1, MaxFuture: 5 * stamp.Minute,
		}},
	}}
	w.Stream = &w.Project.Streams[0]
	return w
}
