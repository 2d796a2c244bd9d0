package fold_test

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/asof/oracle"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/wire"
)

func compile(t *rapid.T, w *asoftest.World) *fold.Program {
	prog, err := fold.Compile(w.Project, w.View)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return prog
}

// region folds the logs of some sources as a worker does: in the order of each
// log, the first record of an id counting.
type region struct {
	w    *asoftest.World
	mach *fold.Machine
	ids  map[string]stamp.Stamp
	row  fold.Row
}

func newRegion(w *asoftest.World, prog *fold.Program) *region {
	return &region{w: w, mach: prog.New(), ids: map[string]stamp.Stamp{}}
}

func (r *region) fold(e *asof.Event) {
	ev := wire.Event{Time: e.Time, Partition: e.Partition, Offset: e.Offset, Observed: e.Observed, Fields: e.Fields}
	if !r.mach.Prepare(&ev).OK() {
		return
	}
	if e.HasID && !r.w.Stream.EventID.None() {
		id := e.Source.Origin + "/" + string(e.ID)
		if first, known := r.ids[id]; known && !fold.Counts(first, e.Stamp, r.w.Stream.EventIDHorizon) {
			return
		}
		r.ids[id] = e.Stamp
	}
	r.mach.Step(&r.row, e.Source, &ev, e.Stamp)
}

// absorb takes all parts of another region's row.
func (r *region) absorb(t *rapid.T, o *region) {
	for _, part := range copyOf(t, r.mach.Program(), &o.row).Parts {
		r.mach.Absorb(&r.row, &part)
	}
}

// copyOf is a row that shares nothing with r.
func copyOf(t *rapid.T, prog *fold.Program, r *fold.Row) *fold.Row {
	c, err := prog.Decode(prog.Append(nil, r))
	if err != nil {
		t.Fatalf("decode what was encoded: %v", err)
	}
	return c
}

func results(m *fold.Machine, r *fold.Row, t stamp.Micros) []fold.Result {
	which := make([]int, m.Program().Features())
	for i := range which {
		which[i] = i
	}
	out := make([]fold.Result, len(which))
	m.Read(r, t, which, out)
	return out
}

// readTime draws a time that is not before the row's newest event.
func readTime(t *rapid.T, w *asoftest.World, r *fold.Row) stamp.Micros {
	newest := r.Newest()
	if newest != stamp.NoTime && rapid.Bool().Draw(t, "by the newest event") {
		f := rapid.SampledFrom(w.View.Features).Draw(t, "feature")
		return newest + rapid.SampledFrom([]stamp.Micros{0, w.View.TTL, w.View.TTL + 1, f.Window, f.Window + f.Pane}).Draw(t, "after")
	}
	return max(append(w.DrawLabels(t, 1), asoftest.Start)[0], newest)
}

func TestRegionsThatExchangePartsEqualTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1})
		prog := compile(t, w)
		frontier := w.DrawFrontier(t)
		west, east := newRegion(w, prog), newRegion(w, prog)
		for _, e := range w.Of(w.Keys[0]) {
			r := west
			if e.Source.Origin == "east" {
				r = east
			}
			if e.Offset < frontier[position.Log{Stream: w.Stream.Name, Source: e.Source, Partition: e.Partition}].Next {
				r.fold(&e)
			}
			if rapid.IntRange(0, 9).Draw(t, "round") == 0 {
				west.absorb(t, east)
			}
		}
		west.absorb(t, east)
		east.absorb(t, west)
		if a, b := prog.Append(nil, &west.row), prog.Append(nil, &east.row); !bytes.Equal(a, b) {
			t.Fatalf("regions differ at one frontier:\n%x\n%x", a, b)
		}
		cut := asof.Cut{Knowledge: asof.Off, Frontier: frontier, Served: true} // without retractions: each region's copies count
		for range 3 {
			at := readTime(t, w, &west.row)
			want := oracle.Values(w.Case(), w.Of(w.Keys[0]), at, &cut)
			for i, got := range results(west.mach, &west.row, at) {
				if err := want[i].Check(got.Value); err != nil || got.Status.String() != want[i].Status {
					t.Fatalf("at %v, %+v: %s, want %s: %v", at, w.View.Features[i], got.Status, want[i].Status, err)
				}
			}
		}
	})
}

func TestTheOrderOfASourcesEventsLeavesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1, NoIDs: true})
		prog := compile(t, w)
		events := w.Of(w.Keys[0])
		a, b := newRegion(w, prog), newRegion(w, prog)
		for _, e := range events {
			a.fold(&e)
		}
		for _, e := range rapid.Permutation(events).Draw(t, "order") {
			b.fold(&e)
		}
		if x, y := prog.Append(nil, &a.row), prog.Append(nil, &b.row); !bytes.Equal(x, y) {
			t.Fatalf("another order, other bytes:\n%x\n%x", x, y)
		}
	})
}

func TestRowsSurviveTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1})
		prog := compile(t, w)
		r := newRegion(w, prog)
		events := w.Of(w.Keys[0])
		half := rapid.IntRange(0, len(events)).Draw(t, "half")
		for _, e := range events[:half] {
			r.fold(&e)
		}
		restored := newRegion(w, prog)
		restored.ids, restored.row = r.ids, *copyOf(t, prog, &r.row)
		at := readTime(t, w, &r.row)
		if a, b := results(r.mach, &r.row, at), results(restored.mach, &restored.row, at); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("restored row reads %v, want %v", b, a)
		}
		for _, e := range events[half:] {
			ids := restored.ids
			restored.ids = map[string]stamp.Stamp{}
			for k, v := range ids {
				restored.ids[k] = v
			}
			restored.fold(&e)
			r.fold(&e)
		}
		if x, y := prog.Append(nil, &r.row), prog.Append([]byte("x"), &restored.row); !bytes.Equal(x, y[1:]) {
			t.Fatalf("restored and folded on:\n%x, want\n%x", y[1:], x)
		}
	})
}

func TestAbsorbIsIdempotentAndKeepsTheNewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1, NoIDs: true})
		prog := compile(t, w)
		sender := newRegion(w, prog)
		var states [][]byte // the sender's row over time
		for _, e := range w.Of(w.Keys[0]) {
			if e.Source.Origin == "west" {
				sender.fold(&e)
				states = append(states, prog.Append(nil, &sender.row))
			}
		}
		if len(states) == 0 {
			return
		}
		receiver := newRegion(w, prog)
		newest := 0
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(states)-1), 1, 8).Draw(t, "arrivals") {
			row, err := prog.Decode(states[i])
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			before := prog.Append(nil, &receiver.row)
			for _, part := range row.Parts {
				receiver.mach.Absorb(&receiver.row, &part)
			}
			newest = max(newest, i)
			after := prog.Append(nil, &receiver.row)
			if len(row.Parts) > 0 && !bytes.Equal(after, states[newest]) {
				t.Fatalf("after state %d of %d: %x, want %x (before %x)", i, newest, after, states[newest], before)
			}
		}
	})
}

func TestAdvanceChangesNoLaterRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := asoftest.Draw(t, asoftest.Options{Keys: 1})
		prog := compile(t, w)
		r := newRegion(w, prog)
		for _, e := range w.Of(w.Keys[0]) {
			r.fold(&e)
		}
		from := readTime(t, w, &r.row)
		at := max(from, readTime(t, w, &r.row))
		want := fmt.Sprint(results(r.mach, &r.row, at))
		size := r.row.Size()
		r.mach.Advance(&r.row, from)
		if got := fmt.Sprint(results(r.mach, &r.row, at)); got != want {
			t.Fatalf("at %v after advancing to %v: %s, want %s", at, from, got, want)
		}
		if r.row.Size() > size {
			t.Fatalf("advancing made the row grow")
		}
	})
}

func TestCountsAgainBeyondTheHorizonAlone(t *testing.T) {
	at := func(ms int64, logical int) stamp.Stamp { return stamp.Next(0, ms) + stamp.Stamp(logical) }
	for _, c := range []struct {
		first, now stamp.Stamp
		want       bool
	}{
		{at(1000, 0), at(1000, 1), false}, {at(1000, 0), at(1010, 0), false}, {at(1000, 0), at(1010, 65535), false},
		{at(1000, 7), at(1011, 0), true}, {at(1000, 0), at(999999, 0), true},
	} {
		if got := fold.Counts(c.first, c.now, 10*stamp.Millisecond); got != c.want {
			t.Errorf("%d then %d: %t", c.first, c.now, got)
		}
	}
}
