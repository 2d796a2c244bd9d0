package fold_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/merge"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// small is a feature of each kind that can be full within few events.
func small() []definition.Feature {
	all := []definition.Feature{
		{Kind: "count", By: "n"}, {Kind: "sum", Of: "d"}, {Kind: "mean", Of: "d"}, {Kind: "min", Of: "n"}, {Kind: "max", Of: "s"}, {Kind: "last", Of: "s"},
		{Kind: "first", Of: "n"}, {Kind: "recent", Of: "s", K: 3}, {Kind: "set", Of: "s", Max: 4}, {Kind: "approx_distinct", Of: "s", Precision: 4},
		{Kind: "top", Of: "s", K: 2, By: "1", Error: 0.5}, {Kind: "quantiles", Of: "n", Q: []float64{0.5}, RelativeError: 0.5},
		{Kind: "decayed_sum", Of: "d", HalfLife: stamp.Hour}, {Kind: "ema", Of: "d", HalfLife: stamp.Hour},
		{Kind: "vector_sum", Of: "ints", Dim: 2}, {Kind: "vector_mean", Of: "ints", Dim: 2},
	}
	return slices.DeleteFunc(all, func(f definition.Feature) bool { return !slices.Contains(merge.Kinds(), f.Kind) })
}

// TestRowsStayWithinTheirWorstBytes fills views of random kinds and windows: an
// event or more in every pane, numbers at their widest, text of 32 bytes.
func TestRowsStayWithinTheirWorstBytes(t *testing.T) {
	kinds := small()
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Base()
		v := definition.View{Name: "view", Stream: "events"}
		for range rapid.IntRange(1, 3).Draw(t, "kinds") {
			f := rapid.SampledFrom(kinds).Draw(t, "kind")
			f.Scale = -1
			for range rapid.IntRange(1, 3).Draw(t, "windows") {
				f.Window = rapid.SampledFrom([]stamp.Micros{0, stamp.Minute, 7 * stamp.Minute, stamp.Hour, 90 * stamp.Minute, 5 * stamp.Hour}).Draw(t, "window")
				f.Pane = min(f.Window, rapid.SampledFrom([]stamp.Micros{stamp.Minute, 5 * stamp.Minute, stamp.Hour}).Draw(t, "pane"))
				f.Name = fmt.Sprint("f", len(v.Features))
				v.Features = append(v.Features, f)
			}
		}
		w.Project.Views = []definition.View{v}
		w.View = &w.Project.Views[0]
		prog := compile(t, w)
		r, random := newRegion(w, prog), rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for i := range 400 {
			r.fold(widest(i, random))
			part := &r.row.Parts[0]
			for g, panes := range part.Groups {
				if len(panes) > prog.Panes(g+1) {
					t.Fatalf("%d panes in group %d, planned %d", len(panes), g+1, prog.Panes(g+1))
				}
			}
			if n := len(prog.Append(nil, &r.row)); n > prog.WorstBytes() {
				t.Fatalf("%d bytes after %d events, at worst %d: %+v", n, i, prog.WorstBytes(), v.Features)
			}
		}
		if prog.PlannedBytes() > prog.WorstBytes() {
			t.Fatalf("planned %d, at worst %d", prog.PlannedBytes(), prog.WorstBytes())
		}
	})
}

// widest is an event whose numbers take as many bytes as they can.
func widest(i int, random *rand.Rand) *asof.Event {
	at := asoftest.Start + stamp.Micros(i)*stamp.Minute + stamp.Micros(random.IntN(60_000_000))
	if random.IntN(4) == 0 {
		at -= stamp.Micros(random.Int64N(int64(7 * stamp.Hour)))
	}
	e := numbered(i, "a-region-whose-name-is-as-long-as-the-names-of-regions-can-be-yes")
	e.Offset, e.Stamp, e.Time = int64(i)<<26, stamp.Next(0, int64(1e12)+int64(i)*3e8)|stamp.Stamp(i), at
	e.Fields[1] = value.Time(at)
	e.Fields[4] = value.Int(math.MinInt64 + int64(random.IntN(9)))
	e.Fields[16] = value.Items(e.Fields[4], value.Int(math.MaxInt64-int64(random.IntN(9))))
	e.Fields[6] = value.Dec(value.Int128{Hi: 1<<31 - 1, Lo: random.Uint64()})
	e.Fields[7] = value.Text(fmt.Sprintf("%032x", random.Uint64()))
	return &e
}

// TestPlansCountThePanesThatThereAre drives windows to the most panes that
// they can have.
func TestPlansCountThePanesThatThereAre(t *testing.T) {
	for text, want := range map[string][]int{
		"1h/5m": {13}, "24h/5m": {289}, "24h/1h": {25}, "1h/5m 24h/1h": {13, 24}, "1h/5m 24h/1h 10d/1d": {13, 24, 10},
		"7m/5m": {3}, "63m/1m 1h/5m": {64, 1},
	} {
		w, prog := windows(t, text)
		r, most := newRegion(w, prog), make([]int, len(want))
		for i := range 12 * 1440 {
			at := asoftest.Start + stamp.Micros(i)*stamp.Minute
			r.fold(&asof.Event{Source: position.Source{Origin: "west"}, Offset: int64(i), Time: at, Fields: fieldsAt(at)})
			for g := range most {
				most[g] = max(most[g], len(r.row.Parts[0].Groups[g]))
			}
		}
		for g := range most {
			if most[g] != want[g] || prog.Panes(g+1) != want[g] {
				t.Errorf("%s, group %d: at most %d panes, planned %d, want %d", text, g+1, most[g], prog.Panes(g+1), want[g])
			}
		}
	}
}

func TestPlannedBytesOfNestedWindows(t *testing.T) {
	bytes := func(text string) int {
		_, prog := windows(t, text)
		if prog.PlannedBytes() != prog.WorstBytes() {
			t.Errorf("%s: counts take %d at worst, planned %d", text, prog.WorstBytes(), prog.PlannedBytes())
		}
		return prog.WorstBytes()
	}
	const part, group, pane, count = 96, 12, 16, 19
	lifetime := part + group + pane
	if got, want := bytes("1h/5m"), lifetime+group+13*(pane+count); got != want {
		t.Errorf("1h: %d, want %d", got, want)
	}
	if got, want := bytes("1h/5m 24h/1h"), lifetime+2*group+(13+24)*(pane+count); got != want {
		t.Errorf("1h and 24h: %d, want %d", got, want)
	}
	if got, want := bytes("1h/5m sum 24h/1h"), lifetime+2*group+(13+25)*(pane+count); got != want {
		t.Errorf("two kinds: %d, want %d", got, want)
	}
}
