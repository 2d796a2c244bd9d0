package asof_test

import (
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// takeBack appends retractions of some events of a key to the logs of
// retractions of their regions: of copies, of others, of some twice.
func takeBack(t *rapid.T, events []asof.Event) []asof.Event {
	next := map[position.Source]int64{}
	all := events
	for _, e := range events {
		for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "retractions") {
			r := e
			r.Source, r.ID, r.HasID = e.Source.Retractions(), wire.RetractedID(e.Offset), true
			r.Offset = next[r.Source]
			r.Stamp = stamp.Next(stamp.Stamp(r.Offset)<<stamp.LogicalBits, asoftest.Start.Millis()+1e7+r.Offset)
			next[r.Source]++
			all = append(all, r)
		}
	}
	return all
}

func frontierOf(t *rapid.T, stream string, events []asof.Event) position.Frontier {
	f := position.Frontier{}
	for _, e := range events {
		log := position.Log{Stream: stream, Source: e.Source, Partition: e.Partition}
		if rapid.IntRange(0, 3).Draw(t, "folded") > 0 && e.Offset >= f[log].Next {
			f[log] = position.Mark{Next: e.Offset + 1}
		}
	}
	return f
}

// What a region served is without what it had taken back, and nothing else is.
func TestWhatWasServedIsWithoutWhatWasTakenBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1, MaxEvents: 12})
		prog := compile(t, w)
		events := takeBack(t, w.Of(w.Keys[0]))
		cut := asof.Cut{Knowledge: asof.Off, Served: true, Frontier: frontierOf(t, w.Stream.Name, events)}
		at := w.DrawLabels(t, 4)
		for i, got := range sweep(asof.New(prog), events, at, all(prog), &cut) {
			want := oracle.Values(w.Case(), events, at[i], &cut)
			for j, r := range got.results {
				if err := want[j].Check(r.Value); err != nil || r.Status.String() != want[j].Status {
					t.Fatalf("%+v at %v: %s, want %s: %v", w.View.Features[j], at[i], r.Status, want[j].Status, err)
				}
			}
		}
	})
}

// Training sets follow the rule, whatever was written about it.
func TestRetractionsMatterOnlyToWhatWasServed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1, MaxEvents: 12})
		prog := compile(t, w)
		events := w.Of(w.Keys[0])
		cut, at := w.DrawCut(t), w.DrawLabels(t, 4)
		more := takeBack(t, events)
		want, got := sweep(asof.New(prog), events, at, all(prog), &cut), sweep(asof.New(prog), more, at, all(prog), &cut)
		for i := range got {
			for j, r := range got[i].results {
				if w := want[i].results[j]; r.Status != w.Status || !value.Equal(r.Value, w.Value) {
					t.Fatalf("feature %d at %v: %v, without retractions %v", j, at[i], r, w)
				}
			}
		}
	})
}
