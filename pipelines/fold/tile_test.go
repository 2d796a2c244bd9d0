package fold_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// crowded is a world whose view keeps thousands of panes, of kinds that add,
// that join and that are read at a time.
func crowded(t testing.TB) (*asoftest.World, *fold.Program) {
	w := asoftest.Base()
	v := definition.View{Name: "view", Stream: "events"}
	for i, f := range []definition.Feature{
		{Kind: "count", By: "1", Window: 2 * stamp.Day, Pane: stamp.Minute}, {Kind: "count", By: "1", Window: 3 * stamp.Hour, Pane: stamp.Minute},
		{Kind: "count", By: "1", Window: 9 * stamp.Day, Pane: stamp.Hour}, {Kind: "max", Of: "n", Window: 2 * stamp.Day, Pane: stamp.Minute, Exact: true},
		{Kind: "recent", Of: "s", K: 3, Window: 2 * stamp.Day, Pane: stamp.Minute}, {Kind: "sum", Of: "n", Where: "b", Window: 9 * stamp.Day, Pane: stamp.Hour},
		{Kind: "last", Of: "n", Window: 30 * stamp.Hour, Pane: stamp.Minute},
	} {
		f.Name, f.Scale = fmt.Sprint("f", i), -1
		v.Features = append(v.Features, f)
	}
	w.Project.Views = []definition.View{v}
	w.View = &w.Project.Views[0]
	prog, err := fold.Compile(w.Project, w.View)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return w, prog
}

// history draws a log with bursts of one event a minute, late events, jumps and
// long silences.
func history(t *rapid.T, origin string, n int) []asof.Event {
	var events []asof.Event
	at := asoftest.Start
	for len(events) < n {
		run := rapid.IntRange(1, 120).Draw(t, "run")
		gap := rapid.SampledFrom([]stamp.Micros{20 * stamp.Second, stamp.Minute, stamp.Minute, 3 * stamp.Minute, 10 * stamp.Minute}).Draw(t, "gap")
		late := rapid.SampledFrom([]stamp.Micros{0, 0, 30 * stamp.Minute, 5 * stamp.Hour, 3 * stamp.Day}).Draw(t, "late")
		for i := range run {
			e := numbered(len(events), origin)
			e.Source.Incarnation = 0
			at += gap
			if e.Time = at; i%3 == 0 {
				e.Time -= late
			}
			events = append(events, e)
		}
		at += rapid.SampledFrom([]stamp.Micros{0, stamp.Minute, 4 * stamp.Hour, stamp.Day, 5 * stamp.Day}).Draw(t, "silence")
	}
	return events
}

// TestTilesAreTheirPanes folds, absorbs, restores and advances, and holds each
// tile to the panes below it, and each read to that of the same row without
// tiles.
func TestTilesAreTheirPanes(t *testing.T) {
	w, prog := crowded(t)
	most := 0
	rapid.Check(t, func(t *rapid.T) {
		west, east, reader := newRegion(w, prog), newRegion(w, prog), newRegion(w, prog)
		from := stamp.NoTime // which reader never reads before
		for i, e := range history(t, "west", 250) {
			west.fold(&e)
			reader.fold(&e)
			if i%67 == 0 {
				east.absorb(t, west)
			}
			switch rapid.IntRange(0, 99).Draw(t, "act") {
			case 0:
				west.row = *copyOf(t, prog, &west.row)
				prog.Tile(&west.row)
			case 1:
				west.row = *copyOf(t, prog, &west.row)
			case 2:
				from = max(from, reader.row.Newest()) + rapid.SampledFrom([]stamp.Micros{0, stamp.Minute, stamp.Hour, stamp.Day}).Draw(t, "advance")
				reader.mach.Advance(&reader.row, from)
			}
		}
		east.absorb(t, west)
		plain := newRegion(w, prog)
		plain.row = *copyOf(t, prog, &west.row)
		at := max(from, west.row.Newest()) + rapid.SampledFrom([]stamp.Micros{0, 1, stamp.Hour, stamp.Day, 2 * stamp.Day}).Draw(t, "after")
		want := fmt.Sprint(results(plain.mach, &plain.row, at))
		for name, r := range map[string]*region{"folded": west, "absorbed": east, "advanced": reader} {
			n, err := prog.CheckTiles(&r.row)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			most = max(most, n)
			if name == "advanced" {
				r.mach.Advance(&r.row, at)
			}
			if got := fmt.Sprint(results(r.mach, &r.row, at)); got != want {
				t.Fatalf("%s with %d tiles, at %v:\n%s, want\n%s", name, n, at, got, want)
			}
		}
		if a, b := prog.Append(nil, &west.row), prog.Append(nil, &east.row); !bytes.Equal(a, b) {
			t.Fatalf("tiles changed bytes:\n%x\n%x", a, b)
		}
	})
	if most < 20 {
		t.Fatalf("at most %d tiles in a row: the histories drawn say little", most)
	}
}

// TestLongWindowsReadTensOfStates has an event in each pane of 30 days of 5
// minutes, folded, absorbed at once, absorbed as it grew, and restored.
func TestLongWindowsReadTensOfStates(t *testing.T) {
	w, prog := windows(t, "30d/5m")
	west, grown := newRegion(w, prog), newRegion(w, prog)
	source := position.Source{Origin: "west"}
	const panes = 30 * 288
	for i := range panes + 100 {
		at := asoftest.Start + stamp.Micros(i)*5*stamp.Minute
		west.fold(&asof.Event{Source: source, Offset: int64(i), Stamp: stamp.Stamp(i), Time: at, Fields: fieldsAt(at)})
		if i%50 == 49 {
			grown.mach.Absorb(&grown.row, since(prog, west.row.Part(source), int64(i-49)))
		}
	}
	grown.mach.Absorb(&grown.row, since(prog, west.row.Part(source), panes+50))
	at := west.row.Newest() + 4*stamp.Minute
	plain, err := prog.Decode(prog.Append(nil, &west.row))
	if err != nil {
		t.Fatal(err)
	}
	if n := west.mach.Steps(plain, 0, at); n != panes+1 {
		t.Fatalf("%d states without tiles, want %d", n, panes+1)
	}
	restored, _ := prog.Decode(prog.Append(nil, &west.row))
	prog.Tile(restored)
	whole := fold.Row{}
	received, _ := prog.Decode(prog.Append(nil, &west.row))
	west.mach.Absorb(&whole, &received.Parts[0])
	for name, row := range map[string]*fold.Row{"folded": &west.row, "restored": restored, "absorbed at once": &whole, "absorbed as it grew": &grown.row} {
		for after := stamp.Micros(0); after < 2*stamp.Day; after += 35 * stamp.Minute {
			if n := west.mach.Steps(row, 0, at+after); n > 92 {
				t.Fatalf("%s: %d states, %v later", name, n, after)
			}
		}
		if got := results(west.mach, row, at)[0].Value.N; got != panes+1 {
			t.Errorf("%s: counts %d", name, got)
		}
	}
	if tiled, size := west.row.Size(), plain.Size(); tiled < size || tiled > size*11/10 {
		t.Errorf("%d bytes of memory with tiles, %d without", tiled, size)
	}
}

// since is a copy of a part with only the panes whose seq is at or beyond lo.
func since(prog *fold.Program, part *fold.Part, lo int64) *fold.Part {
	row, err := prog.Decode(prog.Append(nil, &fold.Row{Parts: []fold.Part{*part}}))
	if err != nil {
		panic(err)
	}
	c := &row.Parts[0]
	for g, panes := range c.Groups {
		var kept []fold.Pane
		for _, q := range panes {
			if q.Seq >= lo {
				kept = append(kept, q)
			}
		}
		c.Groups[g] = kept
	}
	return c
}

// TestAPaneRollsIntoATile has a reader who advanced be given an event that a
// finer level still keeps, and advance again.
func TestAPaneRollsIntoATile(t *testing.T) {
	w, prog := windows(t, "1h/1m 10d/1h")
	r, n := newRegion(w, prog), 0
	step := func(at stamp.Micros) {
		r.fold(&asof.Event{Source: position.Source{Origin: "west"}, Offset: int64(n), Stamp: stamp.Stamp(n), Time: at, Fields: fieldsAt(at)})
		n++
	}
	newest := stamp.Floor(asoftest.Start, 16*stamp.Hour) + 208*stamp.Hour + 5*stamp.Minute // 5 minutes into a tile's stretch
	for at := newest - 200*stamp.Hour; at <= newest; at += 30 * stamp.Minute {
		step(at)
	}
	from := newest + 2*stamp.Hour
	r.mach.Advance(&r.row, from)
	before, err := prog.CheckTiles(&r.row)
	if err != nil || before < 12 {
		t.Fatalf("%d tiles: %v", before, err)
	}
	step(newest - 10*stamp.Minute)
	if len(r.row.Parts[0].Groups[0]) != 1 {
		t.Fatalf("panes %v", r.row.Parts[0].Groups[0])
	}
	r.mach.Advance(&r.row, from)
	if after, err := prog.CheckTiles(&r.row); err != nil || after != before || len(r.row.Parts[0].Groups[0]) != 0 {
		t.Fatalf("%d tiles, then %d: %v", before, after, err)
	}
	if got := results(r.mach, &r.row, from)[1].Value.N; got != int64(n) {
		t.Fatalf("counts %d of %d", got, n)
	}
}
