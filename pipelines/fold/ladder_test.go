package fold_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/pipelines/asof"
	"anabranch.dev/anabranch/pipelines/asof/asoftest"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// windows is a world whose view has counts through the windows "window/pane",
// and sums through those that follow a word "sum".
func windows(t testing.TB, text string) (*asoftest.World, *fold.Program) {
	w := asoftest.Base()
	v := definition.View{Name: "view", Stream: "events"}
	f := definition.Feature{Kind: "count", By: "1", Scale: -1}
	for _, word := range strings.Fields(text) {
		if word == "sum" {
			f = definition.Feature{Kind: "sum", Of: "n", Scale: -1}
			continue
		}
		window, pane, _ := strings.Cut(word, "/")
		f.Name = fmt.Sprintf("f%d", len(v.Features))
		f.Window, _ = stamp.ParseSpan(window)
		f.Pane, _ = stamp.ParseSpan(pane)
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

func span(s stamp.Micros) string {
	for _, u := range []struct {
		name string
		span stamp.Micros
	}{{"d", stamp.Day}, {"h", stamp.Hour}, {"m", stamp.Minute}} {
		if s%u.span == 0 {
			return fmt.Sprint(int64(s/u.span), u.name)
		}
	}
	return fmt.Sprint(int64(s))
}

func TestWindowsShareWhatNests(t *testing.T) {
	for text, want := range map[string]string{
		"1h/5m":                      "5m≥1h:1",
		"1h/5m 24h/1h 30d/1d":        "5m≥1h:1 1h≥1d:1 1d≥30d:1",
		"30d/1d 24h/1h 1h/5m":        "5m≥1h:1 1h≥1d:1 1d≥30d:1",
		"1h/5m 2h/5m":                "5m≥2h:1",
		"1h/5m 2h/7m":                "5m≥1h:1 7m≥2h:1",
		"2h/7m 2h/5m 3h/35m":         "7m≥2h:1 5m≥2h:1 35m≥3h:1", // 35 is a multiple of both: it goes with the finer
		"2h/7m 1h/5m 1h/35m":         "7m≥2h:1 5m≥1h:1",          // and here the panes of 7m cover it
		"1h/5m 1h/10m 1h/15m 4h/30m": "5m≥1h:1 10m≥1h:1 30m≥4h:1 15m≥1h:1",
		// What the finer panes cover needs none of its own, but for the edges.
		"24h/5m 12h/1h":       "5m≥1d:1",
		"65m/5m 1h/10m":       "5m≥65m:1",
		"64m/1m 1h/5m":        "1m≥64m:1",
		"63m/1m 1h/5m":        "1m≥63m:1 5m≥1h:1",
		"30d/5m 24h/1h 7d/1d": "5m≥30d:1",
		// Slots with the same widths share groups, whatever their windows.
		"1h/5m 24h/1h sum 2h/5m 12h/1h": "5m≥2h:2 1h≥1d:2",
		"1h/5m sum 1h/5m 24h/1h":        "5m≥1h:1 5m≥1h:1 1h≥1d:1",
	} {
		_, prog := windows(t, text)
		var got []string
		for g := 1; g < prog.Groups(); g++ {
			got = append(got, fmt.Sprintf("%s≥%s:%d", span(prog.GroupWidth(g)), span(prog.Keep(g)), prog.GroupSlots(g)))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", text, s, want)
		}
	}
}

// resident is where an event lives: in the pane of an epoch of a group.
type resident struct {
	group int
	epoch int64
}

// TestAnEventLivesInTheFinestPaneThatIsKept places each event by the rule alone
// and compares every pane: which there are, how many events are in it, and the
// greatest of their offsets.
func TestAnEventLivesInTheFinestPaneThatIsKept(t *testing.T) {
	w, prog := windows(t, "20m/1m 2h/5m 3h/1h 30h/6h")
	rapid.Check(t, func(t *rapid.T) {
		r := newRegion(w, prog)
		var times []stamp.Micros
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			at := asoftest.DrawTime(t, "at")
			if len(times) > 0 {
				at = times[len(times)-1] + rapid.SampledFrom([]stamp.Micros{0, 1, 20 * stamp.Second, stamp.Minute, -10 * stamp.Minute, -3 * stamp.Hour, stamp.Hour, 7 * stamp.Hour}).Draw(t, "gap")
			}
			times = append(times, at)
			r.fold(&asof.Event{Source: position.Source{Origin: "west"}, Offset: int64(i), Stamp: stamp.Stamp(i), Time: at, Fields: fieldsAt(at)})
			checkPanes(t, prog, &r.row, times)
		}
	})
}

func checkPanes(t *rapid.T, prog *fold.Program, row *fold.Row, times []stamp.Micros) {
	count, last := map[resident]int64{}, map[resident]int64{}
	for i, at := range times {
		for g := 1; g < prog.Groups(); g++ {
			width := prog.GroupWidth(g)
			if begin := stamp.Floor(slices.Max(times)-prog.Keep(g), width); at >= begin {
				in := resident{g, int64(stamp.Floor(at, width) / width)}
				count[in]++
				last[in] = int64(i)
				break
			}
		}
	}
	for g, panes := range row.Parts[0].Groups {
		for _, q := range panes {
			in := resident{g + 1, q.Epoch}
			if n := q.States[0].Value().N; n == 0 || n != count[in] || q.Seq != last[in] || q.Stamp != stamp.Stamp(q.Seq) {
				t.Fatalf("%v: %+v holds %d events up to %d, want %d up to %d", times, in, n, q.Seq, count[in], last[in])
			}
			delete(count, in)
		}
	}
	if len(count) > 0 {
		t.Fatalf("%v: missing panes %v", times, count)
	}
}

func fieldsAt(at stamp.Micros) []value.Value {
	e := numbered(0, "west")
	e.Fields[1] = value.Time(at)
	return e.Fields
}

// TestAnEventInTheFutureTakesNoPaneFromARead has an event max_future ahead come
// before, between and after others. No read is before it, and each at or after
// it gives what the definition says; another source's panes stay.
func TestAnEventInTheFutureTakesNoPaneFromARead(t *testing.T) {
	w, prog := windows(t, "10m/5m 1h/5m 24h/1h 30d/1d")
	spans := []stamp.Micros{10 * stamp.Minute, stamp.Hour, stamp.Day, 30 * stamp.Day}
	now := asoftest.Start + 90*stamp.Minute
	history := func(place int) (*region, []stamp.Micros) { // the event in the future comes before, between, after or never
		r, times := newRegion(w, prog), []stamp.Micros(nil)
		step := func(origin string, offset int, at stamp.Micros) {
			r.fold(&asof.Event{Source: position.Source{Origin: origin}, Offset: int64(offset), Stamp: stamp.Stamp(offset), Time: at, Fields: fieldsAt(at)})
			times = append(times, at)
		}
		for i := range 61 {
			if i == 30*place {
				step("west", 1000, now+w.Stream.MaxFuture)
			}
			step([]string{"west", "east"}[i%2], i, now-stamp.Micros(i*i)*stamp.Minute/2)
		}
		return r, times
	}
	never, _ := history(-1)
	east := position.Source{Origin: "east"}
	for place := range 3 {
		r, times := history(place)
		if got := r.row.Newest(); got != now+w.Stream.MaxFuture {
			t.Fatalf("newest %v", got)
		}
		if got, want := len(r.row.Part(east).Groups[0]), len(never.row.Part(east).Groups[0]); got != want || got == 0 {
			t.Errorf("an event of west left %d of %d panes of east", got, want)
		}
		for _, after := range []stamp.Micros{0, 1, stamp.Minute, 5*stamp.Minute - 1, 5 * stamp.Minute, stamp.Hour, 23 * stamp.Hour, 40 * stamp.Day} {
			at := r.row.Newest() + after
			for i, got := range results(r.mach, &r.row, at) {
				begin, want := stamp.Floor(at-spans[i], w.View.Features[i].Pane), int64(0)
				for _, e := range times {
					if e >= begin {
						want++
					}
				}
				if got.Value.N != want {
					t.Errorf("place %d, %v after: %s is %d, want %d", place, after, span(spans[i]), got.Value.N, want)
				}
			}
		}
	}
}

func TestRowsOfAnotherLayoutAreRefused(t *testing.T) {
	_, apart := windows(t, "1h/5m sum 24h/1h")
	_, nested := windows(t, "1h/5m 24h/1h")
	for name, c := range map[string]struct {
		prog *fold.Program
		b    []byte
	}{
		"version 1 where windows share panes": {nested, []byte{1, 0}},
		"version 2 where none do":             {apart, []byte{2, 0}},
		"version 3":                           {nested, []byte{3, 0}},
		"nothing":                             {nested, nil},
	} {
		if _, err := c.prog.Decode(c.b); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, prog := range []*fold.Program{apart, nested} {
		if _, err := prog.Decode(prog.Append(nil, &fold.Row{})); err != nil {
			t.Error(err)
		}
	}
}

// TestAPaneWhereItsLevelHasNoneIsRefused moves the newest event of encoded rows.
func TestAPaneWhereItsLevelHasNoneIsRefused(t *testing.T) {
	w, prog := windows(t, "1h/5m 24h/1h")
	r := newRegion(w, prog)
	ev := func(i int, at stamp.Micros) *asof.Event {
		return &asof.Event{Source: position.Source{Origin: "west"}, Offset: int64(i), Stamp: stamp.Stamp(i), Time: at, Fields: fieldsAt(at)}
	}
	r.fold(ev(0, asoftest.Start+30*stamp.Minute))
	r.fold(ev(1, asoftest.Start+10*stamp.Hour))
	part := &r.row.Parts[0]
	if len(part.Groups[0]) != 1 || len(part.Groups[1]) != 1 {
		t.Fatalf("panes %v", part.Groups)
	}
	for name, newest := range map[string]stamp.Micros{
		"as it is":                           asoftest.Start + 10*stamp.Hour,
		"beyond the finest pane's keep":      asoftest.Start + 11*stamp.Hour + 5*stamp.Minute,
		"just within":                        asoftest.Start + 11*stamp.Hour + 5*stamp.Minute - 1,
		"before a pane":                      asoftest.Start + 10*stamp.Hour - 1,
		"so early that the finer keeps all":  asoftest.Start + stamp.Hour,
		"so late that the coarsest drops it": asoftest.Start + 26*stamp.Hour,
	} {
		part.Newest = newest
		_, err := prog.Decode(prog.Append(nil, &r.row))
		if want := name == "as it is" || name == "just within"; (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAWindowOverFinerPanesKeepsItsOwnEdges has an event each minute for a day,
// and windows whose panes are wider than those that hold their events.
func TestAWindowOverFinerPanesKeepsItsOwnEdges(t *testing.T) {
	w, prog := windows(t, "24h/5m 12h/1h 3h/15m 48h/6h")
	r := newRegion(w, prog)
	const n = 3 * 1440
	for i := range n {
		at := asoftest.Start + stamp.Micros(i)*stamp.Minute
		r.fold(&asof.Event{Source: position.Source{Origin: "west"}, Offset: int64(i), Stamp: stamp.Stamp(i), Time: at, Fields: fieldsAt(at)})
	}
	for after := stamp.Micros(0); after < 13*stamp.Hour; after += 7 * stamp.Minute {
		at := r.row.Newest() + after
		for i, got := range results(r.mach, &r.row, at) {
			f := w.View.Features[i]
			begin := stamp.Floor(at-f.Window, f.Pane)
			if want := max(0, n-int64((begin-asoftest.Start)/stamp.Minute)); got.Value.N != want {
				t.Fatalf("%v after, %s over panes of %s: %d, want %d", after, span(f.Window), span(f.Pane), got.Value.N, want)
			}
		}
	}
}
