package asof_test

import (
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// counts is a world with a count, and one id in the logs of three regions.
func counts(horizon stamp.Micros) *asoftest.World {
	w := asoftest.Base()
	w.Project.Regions = []string{"east", "north", "west"}
	w.Stream.EventID, w.Stream.EventIDHorizon = definition.EventID{Field: -1, Header: "id"}, horizon
	w.Project.Views = []definition.View{{Name: "view", Stream: "events", Features: []definition.Feature{{Name: "n", Kind: "count", By: "1", Scale: -1}}}}
	w.View = &w.Project.Views[0]
	return w
}

// Late, doubled and crossed copies that become known in any order.
func TestCopiesOfOneIDInThreeRegions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := counts(stamp.Micros(rapid.IntRange(0, 12).Draw(t, "horizon")) * stamp.Minute)
		prog := compile(t, w)
		var events []asof.Event
		var labels []stamp.Micros
		for _, region := range w.Project.Regions {
			ms, last := int64(asoftest.Start.Millis()), stamp.Stamp(0)
			for i := range rapid.IntRange(0, 5).Draw(t, "copies") {
				ms += 60_000 * int64(rapid.IntRange(0, 9).Draw(t, "gap"))
				last = stamp.Next(last, ms)
				e := asof.Event{
					Source: position.Source{Origin: region, Incarnation: 1}, Offset: int64(i), Stamp: last, Time: asoftest.Start, ID: []byte("i"), HasID: true,
					Created: asoftest.Start + stamp.Micros(rapid.IntRange(0, 20).Draw(t, "known"))*stamp.Minute, Fields: make([]value.Value, asoftest.FieldCount),
				}
				events, labels = append(events, e), append(labels, e.Created)
			}
		}
		cut := asof.Cut{}
		for i, got := range sweep(asof.New(prog), events, labels, all(prog), &cut) {
			want := oracle.Values(w.Case(), events, labels[i], &cut)
			if !value.Equal(got.results[0].Value, want[0].Value) {
				t.Fatalf("at %v: %v, want %v", labels[i], got.results[0].Value, want[0].Value)
			}
		}
	})
}
