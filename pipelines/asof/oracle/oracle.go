package oracle

import (
	"sort"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Function is an expression or a condition over an event's fields, by index in
// the stream's Fields. Null stands for null and for run-time errors; a
// condition holds if it gives true.
type Function func(fields []value.Value) value.Value

// Case is one view to be judged.
type Case struct {
	View   definition.View
	Stream definition.Stream
	// Functions holds what each text of where, of, by and remove_where means,
	// besides plain field names and whole numbers.
	Functions map[string]Function
	// OfType is the type of each text of `of` in Functions.
	OfType map[string]value.Type
	// Bases are those that features name.
	Bases []definition.Basis
}

// Result is the value of one feature and its status in Feast's words. Where a
// kind may answer with a tolerance, Value is the exact one and [Result.Check]
// knows the tolerance.
type Result struct {
	Value       value.Value
	Status      string
	Approximate bool
	accepts     accepts
	used        []place // which events it is made of, by Order
}

// place tells events apart.
type place struct {
	source    position.Source
	partition int32
	offset    int64
}

// Values are the view's features for one key at time t, in declared order. The
// events are all those of the key, of every source, in any order.
func Values(c *Case, events []asof.Event, t stamp.Micros, cut *asof.Cut) []Result {
	seen := Seen(c, events, t, cut)
	back := takenBack(events, c.Stream.Name, cut)
	results := make([]Result, len(c.View.Features))
	for i := range c.View.Features {
		switch {
		case len(seen) == 0:
			results[i].Status = "NOT_FOUND"
		case c.View.TTL > 0 && Newest(seen) < t-c.View.TTL:
			results[i].Status = "OUTSIDE_MAX_AGE"
		default:
			results[i] = c.value(&c.View.Features[i], without(back, &c.View.Features[i], seen), Newest(seen), t)
		}
	}
	return results
}

// Newest is the greatest event timestamp, or stamp.NoTime.
func Newest(events []asof.Event) stamp.Micros {
	newest := stamp.NoTime
	for _, e := range events {
		if e.Time > newest {
			newest = e.Time
		}
	}
	return newest
}

// Seen picks the events that count at t and pass the view's where.
func Seen(c *Case, events []asof.Event, t stamp.Micros, cut *asof.Cut) []asof.Event {
	var in []asof.Event
	for _, e := range events {
		if retracts(&e) {
			continue
		}
		if inCut(c, &e, t, cut) && !c.overBound(&e) {
			in = append(in, e)
		}
	}
	var seen []asof.Event
	for _, e := range c.firsts(in, cut.Served) {
		if e.Time <= t && (c.View.Where == "" || c.holds(c.View.Where, &e)) {
			seen = append(seen, e)
		}
	}
	return seen
}

func inCut(c *Case, e *asof.Event, t stamp.Micros, cut *asof.Cut) bool {
	if cut.Knowledge == asof.ByLabel && e.Created > t-cut.Delay {
		return false
	}
	if cut.Timed && e.Created > cut.AsOf {
		return false
	}
	if cut.Frontier != nil {
		mark, ok := cut.Frontier[position.Log{Stream: c.Stream.Name, Source: e.Source, Partition: e.Partition}]
		return ok && e.Offset < mark.Next
	}
	return true
}

// firsts drops records whose id was counted before in the same log, and then,
// unless each region's copies count on their own, those whose id was counted
// before in any.
func (c *Case) firsts(in []asof.Event, alone bool) []asof.Event {
	if c.Stream.EventID.Field < 0 && c.Stream.EventID.Header == "" {
		return in
	}
	in = append([]asof.Event(nil), in...)
	sort.Slice(in, func(i, j int) bool {
		a, b := in[i], in[j]
		switch {
		case a.Stamp != b.Stamp:
			return a.Stamp < b.Stamp
		case a.Source.Origin != b.Source.Origin:
			return a.Source.Origin < b.Source.Origin
		}
		return a.Offset < b.Offset
	})
	in = c.once(in, func(e asof.Event) string { return e.Source.Origin + "/" + string(e.ID) })
	if alone {
		return in
	}
	return c.once(in, func(e asof.Event) string { return string(e.ID) })
}

// once drops records of whose name one was counted within the horizon before.
func (c *Case) once(in []asof.Event, name func(asof.Event) string) []asof.Event {
	counted := map[string]int64{} // milliseconds of the stamp of the last that counted
	var out []asof.Event
	for _, e := range in {
		if e.HasID {
			who, ms := name(e), int64(e.Stamp>>16)
			if last, known := counted[who]; known && (ms-last)*1000 <= int64(c.Stream.EventIDHorizon) {
				continue
			}
			counted[who] = ms
		}
		out = append(out, e)
	}
	return out
}

// window keeps the events at or after floor(t - window, pane).
func window(events []asof.Event, f *definition.Feature, t stamp.Micros) []asof.Event {
	if f.Window == 0 {
		return events
	}
	start := int64(t - f.Window)
	for start%int64(f.Pane) != 0 {
		step := start % int64(f.Pane)
		if step < 0 {
			step += int64(f.Pane)
		}
		start -= step
	}
	if f.Exact {
		start = int64(t - f.Window)
	}
	var in []asof.Event
	for _, e := range events {
		if int64(e.Time) >= start {
			in = append(in, e)
		}
	}
	return in
}

// before is the total order of events.
func before(a, b *asof.Event) bool {
	switch {
	case a.Time != b.Time:
		return a.Time < b.Time
	case a.Stamp != b.Stamp:
		return a.Stamp < b.Stamp
	case a.Source.Origin != b.Source.Origin:
		return a.Source.Origin < b.Source.Origin
	case a.Source.Incarnation != b.Source.Incarnation:
		return a.Source.Incarnation < b.Source.Incarnation
	}
	return a.Offset < b.Offset
}

func sorted(events []asof.Event) []asof.Event {
	events = append([]asof.Event(nil), events...)
	sort.Slice(events, func(i, j int) bool { return before(&events[i], &events[j]) })
	return events
}
