package oracle_test

import (
	"testing"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// at reads a time of 2001-01-01.
func at(t *testing.T, clock string) stamp.Micros {
	t.Helper()
	m, err := stamp.ParseTime("2001-01-01T" + clock + "Z")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func caseOf(f definition.Feature) *oracle.Case {
	return &oracle.Case{
		View: definition.View{Name: "v", Stream: "s", TTL: 2 * stamp.Hour, Features: []definition.Feature{f}},
		Stream: definition.Stream{Name: "s", EventIDHorizon: stamp.Hour, EventID: definition.EventID{Field: -1, Header: "id"}, Fields: []definition.Field{
			{Name: "x", Type: value.Of(value.Float64)}, {Name: "s", Type: value.Of(value.String)},
		}},
	}
}

func event(offset int64, time stamp.Micros, x float64, s string) asof.Event {
	return asof.Event{
		Source: position.Source{Origin: "here", Incarnation: 1}, Offset: offset, Stamp: stamp.Next(0, time.Millis()), Time: time, Created: time,
		Fields: []value.Value{value.Float(x), value.Text(s)},
	}
}

// The example of the documentation: w = 1h at 12:03:20 in panes of 5m is
// 11:00:00 <= event_timestamp <= 12:03:20.
func TestWindowOfTheDocumentation(t *testing.T) {
	c := caseOf(definition.Feature{Kind: "count", By: "1", Window: stamp.Hour, Pane: 5 * stamp.Minute})
	for clock, want := range map[string]int64{
		"10:59:59.999999": 0, "11:00:00": 1, "11:03:19": 1, "12:03:20": 1,
	} {
		got := oracle.Values(c, []asof.Event{event(0, at(t, clock), 0, "")}, at(t, "12:03:20"), &asof.Cut{})[0]
		if got.Value.N != want || got.Status != "PRESENT" {
			t.Errorf("event at %s: %+v, want %d", clock, got, want)
		}
	}
}

func TestStatuses(t *testing.T) {
	e := event(0, at(t, "10:00:00"), 1, "a")
	for name, c := range map[string]struct {
		kind   string
		where  string
		clock  string
		status string
		null   bool
	}{
		"not seen":       {"count", "", "09:59:59", "NOT_FOUND", true},
		"seen":           {"count", "", "10:00:00", "PRESENT", false},
		"at the ttl":     {"count", "", "12:00:00", "PRESENT", false},
		"beyond the ttl": {"count", "", "12:00:00.000001", "OUTSIDE_MAX_AGE", true},
		"count of none":  {"count", "none", "10:00:00", "PRESENT", false},
		"mean of none":   {"mean", "none", "10:00:00", "NULL_VALUE", true},
	} {
		cs := caseOf(definition.Feature{Kind: c.kind, By: "1", Of: "x", Where: c.where})
		cs.Functions = map[string]oracle.Function{"none": func([]value.Value) value.Value { return value.Value{} }}
		got := oracle.Values(cs, []asof.Event{e}, at(t, c.clock), &asof.Cut{})[0]
		if got.Status != c.status || got.Value.IsNull() != c.null {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestKindsByHand(t *testing.T) {
	events := []asof.Event{
		event(0, at(t, "10:00:00"), 2.675, "a"), event(1, at(t, "10:01:00"), 0.005, "b"), event(2, at(t, "10:02:00"), -1, "a"), event(3, at(t, "10:03:00"), 0.015, "c"),
	}
	list := func(items ...string) value.Value {
		var l []value.Value
		for _, s := range items {
			l = append(l, value.Text(s))
		}
		return value.Items(l...)
	}
	cRemoves := map[string]oracle.Function{"is_c": func(f []value.Value) value.Value { return value.BoolOf(string(f[1].B) == "c") }}
	for name, c := range map[string]struct {
		f    definition.Feature
		want value.Value
	}{
		"sum rounds half to even once":   {definition.Feature{Kind: "sum", Of: "x", Scale: 2}, value.Float(1.70)}, // 2.68 + 0 - 1 + 0.02
		"sum as an integer":              {definition.Feature{Kind: "sum", Of: "x", Scale: 2, As: "int64"}, value.Int(2)},
		"sum as a decimal":               {definition.Feature{Kind: "sum", Of: "x", Scale: 2, As: "decimal"}, value.Dec(value.Int128Of(170))},
		"mean":                           {definition.Feature{Kind: "mean", Of: "x", Scale: 2}, value.Float(0.425)},
		"min":                            {definition.Feature{Kind: "min", Of: "x"}, value.Float(-1)},
		"last":                           {definition.Feature{Kind: "last", Of: "s"}, value.Text("c")},
		"first":                          {definition.Feature{Kind: "first", Of: "s"}, value.Text("a")},
		"recent":                         {definition.Feature{Kind: "recent", Of: "s", K: 2}, list("c", "a")},
		"set":                            {definition.Feature{Kind: "set", Of: "s", Max: 1000}, list("a", "b", "c")},
		"set of the two touched last":    {definition.Feature{Kind: "set", Of: "s", Max: 2}, list("a", "c")},
		"set whose newest is removed":    {definition.Feature{Kind: "set", Of: "s", Max: 2, RemoveWhere: "is_c"}, list("a")},
		"distinct":                       {definition.Feature{Kind: "approx_distinct", Of: "s", Precision: 12}, value.Int(3)},
		"count of what it is told to by": {definition.Feature{Kind: "count", By: "-2"}, value.Int(-8)},
	} {
		cs := caseOf(c.f)
		cs.Functions = cRemoves
		if got := oracle.Values(cs, events, at(t, "10:03:00"), &asof.Cut{})[0]; !value.Equal(got.Value, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got.Value, c.want)
		}
	}
}

func TestCutsAndIDs(t *testing.T) {
	late := event(0, at(t, "10:00:00"), 0, "")
	late.Created, late.ID, late.HasID = at(t, "10:30:00"), []byte("i"), true
	copied := event(1, at(t, "10:05:00"), 0, "")
	copied.Created, copied.ID, copied.HasID = at(t, "10:10:00"), []byte("i"), true
	log := position.Log{Stream: "s", Source: late.Source}
	c := caseOf(definition.Feature{Kind: "first", Of: "s"})
	for name, x := range map[string]struct {
		clock  string
		cut    asof.Cut
		newest string // of the one that counts
	}{
		"the copy alone is known":  {"10:20:00", asof.Cut{}, "10:05:00"},
		"the first is known":       {"10:30:00", asof.Cut{}, "10:00:00"},
		"known a little too late":  {"10:30:00", asof.Cut{Delay: 1}, "10:05:00"},
		"by event time alone":      {"10:20:00", asof.Cut{Knowledge: asof.Off}, "10:00:00"},
		"as of before the first":   {"11:00:00", asof.Cut{AsOf: at(t, "10:29:00"), Timed: true}, "10:05:00"},
		"below a frontier":         {"11:00:00", asof.Cut{Frontier: position.Frontier{log: {Next: 1}}}, "10:00:00"},
		"below an empty frontier":  {"11:00:00", asof.Cut{Frontier: position.Frontier{}}, ""},
		"before anything happened": {"09:00:00", asof.Cut{Knowledge: asof.Off}, ""},
	} {
		want := stamp.NoTime
		if x.newest != "" {
			want = at(t, x.newest)
		}
		seen := oracle.Seen(c, []asof.Event{copied, late}, at(t, x.clock), &x.cut)
		if got := oracle.Newest(seen); got != want || len(seen) > 1 {
			t.Errorf("%s: %v", name, seen)
		}
	}
}
