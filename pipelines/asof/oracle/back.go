package oracle

import (
	"encoding/binary"
	"strings"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
)

// retracts reports whether an event is one of a log of retractions.
func retracts(e *asof.Event) bool { return strings.HasSuffix(e.Source.Origin, "^") }

// takenBack are the places of the events that a region had taken back, as of a
// served cut.
func takenBack(events []asof.Event, stream string, cut *asof.Cut) map[place]bool {
	back := map[place]bool{}
	for _, e := range events {
		mark, known := cut.Frontier[position.Log{Stream: stream, Source: e.Source, Partition: e.Partition}]
		if !retracts(&e) || !cut.Served || cut.Frontier != nil && (!known || e.Offset >= mark.Next) {
			continue
		}
		source := e.Source
		source.Origin = strings.TrimSuffix(source.Origin, "^")
		back[place{source, e.Partition, int64(binary.BigEndian.Uint64(e.ID))}] = true
	}
	return back
}

// without leaves out what was taken back, for the kinds that can: what the
// others say of a copy, the first one says as well.
func without(back map[place]bool, f *definition.Feature, seen []asof.Event) []asof.Event {
	switch f.Kind {
	case "count", "sum", "mean", "top", "quantiles", "decayed_sum", "ema", "vector_sum", "vector_mean", "low_rank":
	default:
		return seen
	}
	if len(back) == 0 {
		return seen
	}
	var left []asof.Event
	for _, e := range seen {
		if !back[place{e.Source, e.Partition, e.Offset}] {
			left = append(left, e)
		}
	}
	return left
}
