package training

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

const flightsDir = "../../testdata/flights/"

type flight struct {
	Date, Origin, Destination, Landed string
	Delay, Distance                   int64
}

// flights are the real ones as two regions' logs took them, each tenth sent
// twice, and the view's features as the oracle knows them.
func flights(t *testing.T) *asoftest.World {
	t.Helper()
	var files []definition.File
	for _, name := range []string{"anabranch.yaml", "flights.avsc"} {
		files = append(files, definition.File{Name: name, Data: readFile(t, flightsDir+name)})
	}
	w := &asoftest.World{Project: must(definition.Parse(files))(t)}
	w.View, w.Stream = &w.Project.Views[0], &w.Project.Streams[0]
	packed := must(os.Open(flightsDir + "flights-20k.jsonl.gz"))(t)
	defer packed.Close()
	lines := bufio.NewScanner(must(gzip.NewReader(packed))(t))
	next := map[position.Log]position.Mark{}
	for n := 0; lines.Scan(); n++ {
		var f flight
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		for range 1 + n%10/9 {
			w.Events = append(w.Events, flightEvent(t, w, &f, n, next))
		}
	}
	return w
}

// flightEvent is a flight as the next record of its region's log. Its id is
// its line, so that one sent twice counts once.
func flightEvent(t *testing.T, w *asoftest.World, f *flight, line int, next map[position.Log]position.Mark) asoftest.Keyed {
	t.Helper()
	origin := "us-east"
	if f.Origin[0] < 'M' {
		origin = "us-west"
	}
	departed, landed := must(wire.ParseTimestamp(f.Date))(t), must(wire.ParseTimestamp(f.Landed))(t)
	log := position.Log{Stream: w.Stream.Name, Source: position.Source{Origin: origin, Incarnation: 1}, Partition: wire.Partition([]byte(f.Destination), w.Stream.Partitions)}
	mark := next[log]
	e := asof.Event{
		Source: log.Source, Partition: log.Partition, Offset: mark.Next, Stamp: stamp.Next(mark.Stamp, 1_700_000_000_000+int64(line)), Time: departed, Created: landed,
		ID: fmt.Appendf(nil, "line:%d", line), HasID: true,
		Fields: []value.Value{value.Time(departed), value.Time(landed), value.Int(f.Delay), value.Int(f.Distance), value.Text(f.Origin), value.Text(f.Destination)},
	}
	next[log] = position.Mark{Next: e.Offset + 1, Stamp: e.Stamp}
	return asoftest.Keyed{Key: f.Destination, Event: e}
}

// TestTheFlightsEqualTheOracle is the documentation's training set on real
// events: labels at the instants of flights and between them, two cuts.
func TestTheFlightsEqualTheOracle(t *testing.T) {
	w := flights(t)
	byKey := map[string][]asof.Event{}
	for _, e := range w.Events {
		byKey[e.Key] = append(byKey[e.Key], e.Event)
	}
	c := &oracle.Case{View: *w.View, Stream: *w.Stream, Functions: map[string]oracle.Function{
		"delay > 15": func(f []value.Value) value.Value { return value.BoolOf(f[2].N > 15) },
	}}
	var labels []label
	for i := 0; i < len(w.Events); i += 41 {
		e := &w.Events[i]
		labels = append(labels, label{e.Key, e.Time + stamp.Micros(i%3)*17*stamp.Minute, int64(i)})
	}
	dir := t.TempDir()
	spine := strings.NewReplacer("user,", "airport,").Replace(string(readFile(t, writeSpine(t, dir, "csv", labels))))
	path := filepath.Join(dir, "flights.csv")
	must(0, os.WriteFile(path, []byte(spine), 0o600))(t)
	for _, known := range []string{"label", "off"} {
		r := &Request{Definitions: definitions(t, w.Project), Service: "delay_model", Spine: path, Histories: opens(w), Out: filepath.Join(dir, known+".parquet"), ChunkRows: 200}
		must(0, ParseKnownAt(known, &r.Cut))(t)
		rep := must(Run(context.Background(), r))(t)
		got := readTable(t, r.Out)
		for row, l := range labels {
			for f, want := range oracle.Values(c, byKey[l.key], l.at, &r.Cut) {
				if v := got[w.View.Features[f].Name][row]; want.Approximate || !value.Equal(v, want.Value) {
					t.Fatalf("known at %s, %s at %v, %s: %v, want %+v", known, l.key, l.at, w.View.Features[f].Name, v, want)
				}
			}
		}
		if leaks := rep.Leaked > 0; leaks != (known == "label") || rep.Rows != int64(len(labels)) {
			t.Fatalf("known at %s: %d leaked in %d rows", known, rep.Leaked, rep.Rows)
		}
	}
}
