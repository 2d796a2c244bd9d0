package asoftest

import (
	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// DrawCut draws a cut of every sort.
func (w *World) DrawCut(t *rapid.T) asof.Cut {
	var c asof.Cut
	if rapid.IntRange(0, 3).Draw(t, "off") == 0 {
		c.Knowledge = asof.Off
	} else {
		c.Delay = rapid.SampledFrom([]stamp.Micros{0, 0, 1, 5 * stamp.Minute, 2 * stamp.Hour}).Draw(t, "delay")
	}
	if rapid.Bool().Draw(t, "frontier?") {
		c.Frontier = w.DrawFrontier(t)
	}
	if rapid.Bool().Draw(t, "as-of?") {
		c.AsOf, c.Timed = DrawTime(t, "as-of"), true
	}
	return c
}

// DrawFrontier draws how far each log was folded; a log may be missing.
func (w *World) DrawFrontier(t *rapid.T) position.Frontier {
	ends, f := w.Ends(), position.Frontier{}
	for _, log := range ends.Logs() {
		if next := int64(rapid.IntRange(-1, int(ends[log].Next)).Draw(t, "next")); next >= 0 {
			f[log] = position.Mark{Next: next}
		}
	}
	return f
}

// Ends is the frontier that covers all events of the world.
func (w *World) Ends() position.Frontier {
	f := position.Frontier{}
	for _, e := range w.Events {
		f.Join(position.Frontier{position.Log{Stream: w.Stream.Name, Source: e.Source, Partition: e.Partition}: {Next: e.Offset + 1, Stamp: e.Stamp}})
	}
	return f
}

// DrawLabels draws times to ask at: instants of events and their becoming
// known, beside them, edges of panes and far away.
func (w *World) DrawLabels(t *rapid.T, n int) []stamp.Micros {
	labels := make([]stamp.Micros, rapid.IntRange(0, n).Draw(t, "labels"))
	for i := range labels {
		labels[i] = w.drawLabel(t)
	}
	return labels
}

func (w *World) drawLabel(t *rapid.T) stamp.Micros {
	switch rapid.IntRange(0, 5).Draw(t, "label") {
	case 0:
		return rapid.SampledFrom([]stamp.Micros{stamp.MinMicros, stamp.MaxMicros, Start - stamp.Day, Start + 3*stamp.Day}).Draw(t, "far")
	case 1:
		return DrawTime(t, "any")
	}
	if len(w.Events) == 0 {
		return Start
	}
	e := rapid.SampledFrom(w.Events).Draw(t, "event")
	f := rapid.SampledFrom(w.View.Features).Draw(t, "feature") // the ends of its window and of the ttl
	at := rapid.SampledFrom([]stamp.Micros{e.Time, e.Created, e.Created + 5*stamp.Minute, e.Time + w.View.TTL, e.Time + f.Window, e.Time + f.Window + f.Pane}).Draw(t, "instant")
	return at + stamp.Micros(rapid.IntRange(-1, 1).Draw(t, "beside"))
}
