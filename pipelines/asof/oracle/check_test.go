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

func floats(items ...float64) value.Value {
	var l []value.Value
	for _, x := range items {
		l = append(l, value.Float(x))
	}
	return value.Items(l...)
}

func heavy(item string, count, wrong int64) value.Value {
	return value.Value{Kind: value.Struct, L: []value.Value{value.Text(item), value.Int(count), value.Int(wrong)}}
}

// judge is what the oracle says of an answer about four events: 2.675 a,
// 0.005 b, -1 a and 0.015 c, a minute apart and the last at 10:03.
func judge(t *testing.T, f definition.Feature, clock string, got value.Value) error {
	t.Helper()
	events := []asof.Event{
		event(0, at(t, "10:00:00"), 2.675, "a"), event(1, at(t, "10:01:00"), 0.005, "b"), event(2, at(t, "10:02:00"), -1, "a"), event(3, at(t, "10:03:00"), 0.015, "c"),
	}
	for i := range events {
		x := events[i].Fields[0]
		events[i].Fields = append(events[i].Fields, value.Items(x, value.Float(1)), value.Int(int64(i)-1))
	}
	cs := caseOf(f)
	cs.Stream.Fields = append(cs.Stream.Fields, definition.Field{Name: "v", Type: value.ListOf(value.Of(value.Float64))}, definition.Field{Name: "w", Type: value.Of(value.Int64)})
	r := oracle.Values(cs, events, at(t, clock), &asof.Cut{Knowledge: asof.Off})[0]
	return r.Check(got)
}

func TestAnswersThatAreRightAndOnesThatAreNot(t *testing.T) {
	top := definition.Feature{Kind: "top", Of: "s", K: 2, Error: 0.1}
	sum := definition.Feature{Kind: "decayed_sum", Of: "x", Scale: 2, HalfLife: stamp.Minute}
	for name, c := range map[string]struct {
		f     definition.Feature
		got   value.Value
		right bool
	}{
		"top":                           {top, value.Items(heavy("a", 2, 0), heavy("c", 1, 0)), true},
		"another of equal weight":       {top, value.Items(heavy("a", 2, 0), heavy("b", 1, 0)), true},
		"lightest first":                {top, value.Items(heavy("b", 1, 0), heavy("a", 2, 0)), false},
		"an item twice":                 {top, value.Items(heavy("a", 2, 0), heavy("a", 2, 0)), false},
		"one too few":                   {top, value.Items(heavy("a", 2, 0)), false},
		"inexact among few":             {top, value.Items(heavy("a", 3, 1), heavy("b", 1, 0)), false},
		"weighed, -1 skipped":           {definition.Feature{Kind: "top", Of: "s", By: "w", K: 5}, value.Items(heavy("c", 2, 0), heavy("a", 1, 0)), true},
		"mean by weight":                {definition.Feature{Kind: "mean", Of: "x", Scale: 2, Weight: "w"}, value.Float(-1.82), true}, // (-2.68 + 0 - 1 + 0.04) / 2
		"mean of unweighed":             {definition.Feature{Kind: "mean", Of: "x", Scale: 2}, value.Float(0.425), true},
		"mean as an integer":            {definition.Feature{Kind: "mean", Of: "x", Scale: 2, Weight: "w", As: "int64"}, value.Int(-2), true},
		"quantiles":                     {definition.Feature{Kind: "quantiles", Of: "x", Q: []float64{0, 0.34, 1}, RelativeError: 0.01}, floats(-1.0099, 0.00505, 2.7), true},
		"a quantile too far off":        {definition.Feature{Kind: "quantiles", Of: "x", Q: []float64{0.34}, RelativeError: 0.01}, floats(0.0051), false},
		"decayed":                       {sum, value.Float(-0.145), true}, // 2.68/8 + 0/4 - 1/2 + 0.02
		"decayed too far off":           {sum, value.Float(-0.14501), false},
		"ema":                           {definition.Feature{Kind: "ema", Of: "x", Scale: 2, HalfLife: stamp.Minute}, value.Float(-0.145 / 1.875), true},
		"what faded":                    {definition.Feature{Kind: "decayed_sum", Of: "x", Scale: 2, HalfLife: 1}, value.Float(0.02), true},
		"vector sum":                    {definition.Feature{Kind: "vector_sum", Of: "v", Dim: 2, Scale: 2}, floats(1.7, 4), true},
		"vector mean":                   {definition.Feature{Kind: "vector_mean", Of: "v", Dim: 2, Scale: 2}, floats(0.425, 1), true},
		"vectors of another length":     {definition.Feature{Kind: "vector_mean", Of: "v", Dim: 3, Scale: 2}, value.Value{}, true},
		"vectors of a bit":              {definition.Feature{Kind: "vector_sum", Of: "v", Dim: 2, Scale: 0, Bits: 1}, floats(4+0-1+0, 0+1+1+1), true}, // (3, 1) in steps of 4 is (4, 0)
		"the least, to the microsecond": {definition.Feature{Kind: "min", Of: "x", Exact: true, Window: 30 * stamp.Second, Pane: 10 * stamp.Minute}, value.Float(0.015), true},
		"the least, by panes":           {definition.Feature{Kind: "min", Of: "x", Window: 30 * stamp.Second, Pane: 10 * stamp.Minute}, value.Float(-1), true},
	} {
		if err := judge(t, c.f, "10:03:00", c.got); (err == nil) != c.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnObservedRemoveUndoesWhatItsTokenCovers(t *testing.T) {
	removes := map[string]oracle.Function{"negative": func(f []value.Value) value.Value { return value.BoolOf(f[0].Float() < 0) }}
	log := position.Log{Stream: "s", Source: position.Source{Origin: "here", Incarnation: 1}}
	token := func(view string, next int64) []byte {
		return []byte(position.Token{Parts: []position.Part{{View: view, Version: 1, Frontier: position.Frontier{log: {Next: next}}}}}.Sign(nil))
	}
	for name, c := range map[string]struct {
		observed []byte
		there    bool
	}{
		"both adds seen":         {token("v", 2), false},
		"the second not seen":    {token("v", 1), true},
		"seen by a write":        {token("", 2), false},
		"seen in another view":   {token("u", 2), true},
		"nothing seen":           {nil, true},
		"no token":               {[]byte("t"), true},
		"seen before it was add": {token("v", 9), false},
	} {
		cs := caseOf(definition.Feature{Kind: "set", Of: "s", Max: 9, RemoveWhere: "negative", Observed: true})
		cs.Functions = removes
		events := []asof.Event{event(0, at(t, "10:00:00"), 1, "a"), event(1, at(t, "10:05:00"), 1, "a"), event(2, at(t, "10:01:00"), -1, "a")}
		events[2].Observed = c.observed
		r := oracle.Values(cs, events, at(t, "11:00:00"), &asof.Cut{Knowledge: asof.Off})[0]
		if there := len(r.Value.L) == 1; there != c.there {
			t.Errorf("%s: %v", name, r.Value)
		}
	}
}

func TestWhetherAValueLeakedIsToldWhereItCan(t *testing.T) {
	values := func(x float64, offset int64, where string) oracle.Result {
		cs := caseOf(definition.Feature{Kind: "ema", Of: "x", Scale: 9, HalfLife: stamp.Hour, Where: where})
		cs.Functions = map[string]oracle.Function{"never": func([]value.Value) value.Value { return value.BoolOf(false) }}
		return oracle.Values(cs, []asof.Event{event(offset, at(t, "10:00:00"), x, "")}, at(t, "10:00:00"), &asof.Cut{Knowledge: asof.Off})[0]
	}
	one, near, far, none := values(1, 0, ""), values(1.0000001, 1, ""), values(2, 2, ""), values(1, 0, "never")
	for name, c := range map[string]struct {
		a, b          oracle.Result
		differ, known bool
	}{
		"the same events": {one, one, false, true}, "far apart": {one, far, true, true}, "too near to tell": {one, near, false, false},
		"none": {one, none, true, true}, "none twice": {none, none, false, true},
	} {
		if differ, known := oracle.Differ(&c.a, &c.b); differ != c.differ || known != c.known {
			t.Errorf("%s: %t %t", name, differ, known)
		}
	}
}
